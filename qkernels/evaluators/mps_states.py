"""Matrix product states as prepared points, with what is known of their errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from qkernels.evaluators.bounds import angle_of_groups
from qkernels.evaluators.mps_comparison import MPSArrays

_NAMES = ("re", "im", "bonds", "weights", "rounding")


@dataclass(frozen=True, eq=False)
class PreparedMPS:
    """Matrix product states of some points, up to a unitary that all of them share.

    Attributes
    ----------
    states : MPSArrays
        The tensors and the bonds.
    weights : ndarray of shape (n_points, n_groups)
        What each group of truncations discarded of the squared norm.
    rounding : ndarray of shape (n_points,)
        An allowance for rounding, in the norm of the state.
    """

    states: MPSArrays
    weights: np.ndarray
    rounding: np.ndarray

    @property
    def bonds(self) -> np.ndarray:
        """The bonds, (n_points, n_sites + 1); the first and the last are 1."""
        return self.states.bonds

    @property
    def angles(self) -> np.ndarray:
        """The angle by which each state may be off for its truncations, (n_points,), in radians."""
        return angle_of_groups(self.weights)

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        return sum(array.nbytes for array in self.arrays().values())

    def __len__(self) -> int:
        return len(self.rounding)

    def __getitem__(self, rows: slice | np.ndarray) -> PreparedMPS:
        arrays = {name: array[rows] for name, array in self.arrays().items()}
        return PreparedMPS._of(arrays)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by name, points along the first axis."""
        return dict(zip(_NAMES, (*self.states, self.weights, self.rounding), strict=True))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> PreparedMPS:
        """Return the states whose `arrays` these are.

        Raises
        ------
        ValueError
            If an array is missing, has a wrong shape, or is neither float64 nor float32.
        """
        if set(arrays) != set(_NAMES):
            raise ValueError(f"expected arrays {', '.join(_NAMES)}, got {sorted(arrays)}")
        found = {name: np.ascontiguousarray(arrays[name]) for name in _NAMES}
        _check_shapes(found)
        return cls._of(found)

    @classmethod
    def _of(cls, arrays: Mapping[str, np.ndarray]) -> PreparedMPS:
        re, im, bonds, weights, rounding = (arrays[name] for name in _NAMES)
        return cls(MPSArrays(re, im, bonds), weights, rounding)


def _check_shapes(arrays: Mapping[str, np.ndarray]) -> None:
    re, im, bonds = (arrays[name] for name in _NAMES[:3])
    shapes = [arrays[name].shape for name in _NAMES]
    ndims = [len(shape) for shape in shapes]
    if ndims != [2, 2, 2, 2, 1] or re.shape != im.shape or len({s[0] for s in shapes}) > 1:
        raise ValueError(
            "expected re and im (n_points, width), bonds (n_points, n_sites + 1), weights "
            f"(n_points, n_groups) and rounding (n_points,), got shapes {shapes}"
        )
    if re.dtype != im.dtype or re.dtype not in (np.float64, np.float32):
        raise ValueError(
            f"expected re and im of float64, or both of float32, got {re.dtype} and {im.dtype}"
        )
    if not np.issubdtype(bonds.dtype, np.integer) or (bonds < 1).any() or bonds.shape[1] < 2:
        raise ValueError("expected bonds of at least 1, of one site or more, as integers")
    if (bonds[:, [0, -1]] != 1).any():
        raise ValueError("expected the first and the last bond of each point to be 1")
    sizes = 2 * (bonds[:, :-1] * bonds[:, 1:]).sum(axis=1)
    if sizes.max(initial=0) > re.shape[1]:
        raise ValueError(
            f"expected room for the {sizes.max()} numbers that the bonds ask for, "
            f"got {re.shape[1]} in re and im"
        )
