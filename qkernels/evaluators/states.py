"""Exact states as prepared points: one array pair for each unconnected part of a circuit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qkernels.feature_maps import FeatureMap


class Source(NamedTuple):
    """What states were prepared from: needed to differentiate them."""

    feature_map: FeatureMap
    inputs: np.ndarray
    parameters: np.ndarray | None


@dataclass(frozen=True, eq=False)
class PreparedStates:
    """States of some points, up to a unitary that all points of one feature map share.

    Attributes
    ----------
    parts : tuple of (ndarray, ndarray)
        Real and imaginary amplitudes, (n_points, 2^n) each, of each unconnected part.
    source : Source or None
        None for restored states, which cannot be differentiated.
    """

    parts: tuple[tuple[np.ndarray, np.ndarray], ...]
    source: Source | None = None

    def require_source(self) -> Source:
        """Return what the states were prepared from.

        Raises
        ------
        ValueError
            If they were restored.
        """
        if self.source is None:
            raise ValueError(
                "expected states prepared by embed, which know their points; got restored ones"
            )
        return self.source

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        return sum(re.nbytes + im.nbytes for re, im in self.parts)

    def __len__(self) -> int:
        return len(self.parts[0][0])

    def __getitem__(self, rows: slice | np.ndarray) -> PreparedStates:
        parts = tuple((re[rows], im[rows]) for re, im in self.parts)
        source = self.source and self.source._replace(inputs=self.source.inputs[rows])
        return PreparedStates(parts, source)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by name, points along the first axis."""
        return {
            f"{name}{k}": plane
            for k, part in enumerate(self.parts)
            for name, plane in zip(("re", "im"), part, strict=True)
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> PreparedStates:
        """Return the states whose `arrays` these are.

        Raises
        ------
        ValueError
            If an array is missing, has a wrong shape, or is neither float64 nor float32.
        """
        count, odd = divmod(len(arrays), 2)
        names = {f"{name}{k}" for k in range(count) for name in ("re", "im")}
        if odd or not count or set(arrays) != names:
            raise ValueError(f"expected arrays re0, im0, re1, ..., got {sorted(arrays)}")
        planes = {name: np.ascontiguousarray(plane) for name, plane in arrays.items()}
        shapes = [(planes[f"re{k}"], planes[f"im{k}"]) for k in range(count)]
        n_points = len(planes["re0"])
        for re, im in shapes:
            if re.ndim != 2 or re.shape != im.shape or len(re) != n_points:
                raise ValueError(
                    "expected pairs of equal shape (n_points, 2^n), "
                    f"got {[plane.shape for plane in planes.values()]}"
                )
        dtypes = sorted({plane.dtype.name for plane in planes.values()})
        if dtypes not in (["float64"], ["float32"]):
            raise ValueError(f"expected arrays of float64, or all of float32, got {dtypes}")
        return cls(tuple(shapes))

    @classmethod
    def from_planes(cls, planes: Sequence[np.ndarray], source: Source) -> PreparedStates:
        """Return the states with these planes: re, im, re, im, ... part by part."""
        return cls(tuple(zip(planes[::2], planes[1::2], strict=True)), source)
