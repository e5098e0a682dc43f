"""Any kernel as preparation and comparison, so that a matrix can be made block by block.

What lives here: `prepare`, `compare`, `restore` and `fingerprint` of a quantum kernel, of one of
scikit-learn's, and of any sum, product or power of such kernels. A part that is no quantum kernel
has its points prepared as they are. How blocks become a matrix is the business of `gram`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.gaussian_process.kernels import (
    CompoundKernel,
    Exponentiation,
    Kernel,
    Product,
    Sum,
)

from qkernels.evaluators import Prepared
from qkernels.kernels.embedding import Embedding, resolve_evaluator
from qkernels.kernels.serialization import classical_fingerprint
from qkernels.kernels.validation import as_feature_map, check_data

# Whose angles are computed at a time.
_POINTS_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class PreparedRows:
    """Points of a kernel that compares them as they are.

    Attributes
    ----------
    X : ndarray of shape (n_points, n_features)
    """

    X: np.ndarray

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        return self.X.nbytes

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, rows: slice | np.ndarray) -> PreparedRows:
        return PreparedRows(self.X[rows])

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the points by name."""
        return {"X": self.X}


@dataclass(frozen=True, eq=False)
class PreparedParts:
    """The same points, as each part of a composite kernel prepared them.

    Attributes
    ----------
    parts : tuple of Prepared
        In the order in which the parts stand in the kernel.
    """

    parts: tuple[Prepared, ...]

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        return sum(part.nbytes for part in self.parts)

    def __len__(self) -> int:
        return len(self.parts[0])

    def __getitem__(self, rows: slice | np.ndarray) -> PreparedParts:
        return PreparedParts(tuple(part[rows] for part in self.parts))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays of all parts, by the part's number and their own name."""
        return {
            f"{k}.{name}": array
            for k, part in enumerate(self.parts)
            for name, array in part.arrays().items()
        }


def prepare(kernel: Kernel, X: Any) -> Prepared:
    """Make points ready for `compare`: the O(N) part of a kernel matrix.

    Parameters
    ----------
    kernel : Kernel
        Also a sum, product or power of kernels.
    X : array-like of shape (n_points, n_features)

    Raises
    ------
    TypeError
        If the kernel is none, or one that returns several matrices.

    Examples
    --------
    >>> import qkernels as qk
    >>> from sklearn.gaussian_process.kernels import RBF
    >>> kernel = qk.FidelityKernel(qk.feature_maps.zz) + RBF(0.5)
    >>> points = prepare(kernel, [[0.1, 0.2], [0.3, 0.1], [0.7, 0.5]])
    >>> compare(kernel, points[:1], points[1:]).shape
    (1, 2)
    """
    found = parts(kernel)
    prepared = tuple(_prepared(part, X) for part in found)
    return prepared[0] if found[0] is kernel else PreparedParts(prepared)


def compare(kernel: Kernel, p: Prepared, q: Prepared | None = None) -> np.ndarray:
    """Return the kernel matrix of prepared points: the O(N²) part.

    Parameters
    ----------
    kernel : Kernel
    p, q : Prepared
        What `prepare` or `restore` returned; q None, or p itself, is the symmetric case.

    Returns
    -------
    ndarray of shape (len(p), len(q))
        Fresh and writable.
    """
    q = None if q is p else q
    if not _is_composite(kernel):
        return _compared(kernel, p, q)
    sides: Iterator[tuple[Any, Any]] = zip(
        _parts_of(p), [None] * len(_parts_of(p)) if q is None else _parts_of(q), strict=True
    )
    return _composed(kernel, sides)


def restore(kernel: Kernel, arrays: Mapping[str, np.ndarray]) -> Prepared:
    """Return the prepared points whose `arrays()` these are.

    Raises
    ------
    ValueError
        If they are no such arrays.
    """
    if not _is_composite(kernel):
        return _restored(kernel, arrays)
    found: list[dict[str, np.ndarray]] = [{} for _ in parts(kernel)]
    for name, array in arrays.items():
        number, _, own = name.partition(".")
        if not number.isdecimal() or int(number) >= len(found):
            raise ValueError(f"expected arrays of {len(found)} parts, got {sorted(arrays)}")
        found[int(number)][own] = array
    return PreparedParts(tuple(map(_restored, parts(kernel), found)))


def fingerprint(kernel: Kernel) -> str:
    """Return a hash that changes whenever the computed numbers could change.

    Raises
    ------
    ValueError
        For arguments that `to_json` cannot write.
    """
    if isinstance(kernel, Exponentiation):
        tree: list[Any] = [fingerprint(kernel.kernel), float(kernel.exponent)]
    elif _is_composite(kernel):
        tree = [fingerprint(kernel.k1), fingerprint(kernel.k2)]
    elif _is_quantum(kernel):
        return kernel.fingerprint()
    else:
        return classical_fingerprint(kernel)
    return hashlib.sha256(json.dumps([type(kernel).__name__, *tree]).encode()).hexdigest()


def parts(kernel: Kernel) -> list[Kernel]:
    """Return what a sum, product or power is made of, in order; a kernel by itself is its part.

    Raises
    ------
    TypeError
        If it is not a kernel, or one that returns several matrices.
    """
    if isinstance(kernel, Sum | Product):
        return [*parts(kernel.k1), *parts(kernel.k2)]
    if isinstance(kernel, Exponentiation):
        return parts(kernel.kernel)
    if not isinstance(kernel, Kernel) or isinstance(kernel, CompoundKernel):
        raise TypeError(f"kernel: expected a kernel that returns one matrix, got {kernel!r}")
    return [kernel]


def fitted_to(kernel: Kernel, n_features: int) -> Kernel:
    """Return a copy whose feature maps are built for so many features, and can be written down."""
    maps = arguments_named(kernel, "feature_map")
    built = {name: as_feature_map(map_, n_features) for name, map_ in maps.items()}
    return clone(kernel).set_params(**built)


def arguments_named(kernel: Kernel, name: str) -> dict[str, Any]:
    """Return the arguments of one name of a kernel and all that it is made of, by long names."""
    return {key: v for key, v in kernel.get_params().items() if key.split("__")[-1] == name}


def check_angles(kernel: Kernel, X: np.ndarray) -> None:
    """Raise ValueError for points of which a feature map makes no angles, before any work."""
    for part in parts(kernel):
        for start in range(0, len(X) if _is_quantum(part) else 0, _POINTS_AT_ONCE):
            embedding = Embedding.of(part, points := X[start : start + _POINTS_AT_ONCE])
            embedding.feature_map.angles(embedding.inputs(points), embedding.parameters)


def without_caches(kernel: Kernel) -> Kernel:
    """Return a copy whose evaluators keep nothing, for those who keep what is prepared."""
    evaluators = {
        name: resolve_evaluator(value)
        for name, value in arguments_named(kernel, "evaluator").items()
    }
    bare = {
        name: e.without_cache() for name, e in evaluators.items() if hasattr(e, "without_cache")
    }
    return clone(kernel).set_params(**bare)


def _is_composite(kernel: Kernel) -> bool:
    return isinstance(kernel, Sum | Product | Exponentiation)


def _is_quantum(kernel: Kernel) -> bool:
    return hasattr(kernel, "prepare") and hasattr(kernel, "compare")


def _parts_of(points: Prepared) -> Sequence[Prepared]:
    if not isinstance(points, PreparedParts):
        raise TypeError(
            f"expected points prepared for a composite kernel, got {type(points).__name__}"
        )
    return points.parts


def _prepared(part: Kernel, X: Any) -> Prepared:
    if _is_quantum(part):
        return part.prepare(X)
    return PreparedRows(check_data(X, owner=type(part).__name__))


def _restored(part: Kernel, arrays: Mapping[str, np.ndarray]) -> Prepared:
    if _is_quantum(part):
        return part.restore(arrays)
    if set(arrays) != {"X"}:
        raise ValueError(f"expected the array X of {type(part).__name__}, got {sorted(arrays)}")
    return PreparedRows(np.ascontiguousarray(arrays["X"]))


def _compared(part: Kernel, p: Any, q: Any) -> np.ndarray:
    if _is_quantum(part):
        return part.compare(p, q)
    return np.array(part(p.X) if q is None else part(p.X, q.X), dtype=np.float64, order="C")


def _composed(kernel: Kernel, sides: Iterator[tuple[Any, Any]]) -> np.ndarray:
    """Return the matrix of a composite kernel, its parts taking the next points in turn."""
    if isinstance(kernel, Exponentiation):
        K = _composed(kernel.kernel, sides)
        return np.power(K, kernel.exponent, out=K)
    if not isinstance(kernel, Sum | Product):
        return _compared(kernel, *next(sides))
    K, other = _composed(kernel.k1, sides), _composed(kernel.k2, sides)
    return (np.add if isinstance(kernel, Sum) else np.multiply)(K, other, out=K)
