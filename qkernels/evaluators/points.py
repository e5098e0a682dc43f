"""Points prepared for a sampler: nothing is measured until they are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

import numpy as np

from qkernels.feature_maps import FeatureMap
from qkernels.sampling.ledger import Ledger

# Maps of this process by the digest of what they are, for those that cannot be written as JSON.
_maps: WeakValueDictionary[bytes, FeatureMap] = WeakValueDictionary()


@dataclass(frozen=True, eq=False)
class PreparedPoints:
    """The angles of some points in a feature map's circuit.

    Attributes
    ----------
    feature_map : FeatureMap
    angles : ndarray of shape (n_points, n_angles)
    digest : ndarray of shape (32,), uint8
        Tells the feature map from others.
    """

    feature_map: FeatureMap
    angles: np.ndarray
    digest: np.ndarray

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        return self.angles.nbytes

    def __len__(self) -> int:
        return len(self.angles)

    def __getitem__(self, rows: slice | np.ndarray) -> PreparedPoints:
        return replace(self, angles=self.angles[rows])

    def is_of_same_map(self, other: PreparedPoints) -> bool:
        """Tell whether other points are of this feature map, or of what was read back of it."""
        return self.feature_map == other.feature_map or np.array_equal(self.digest, other.digest)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what a store writes; the feature map itself is kept by the ledger."""
        return {
            "angles": self.angles,
            "feature_map": np.tile(self.digest, (len(self), 1)),
        }


def prepared_points(
    feature_map: FeatureMap, inputs: np.ndarray, parameters: np.ndarray | None, ledger: Ledger
) -> PreparedPoints:
    """Return points as their angles, and let them be found again."""
    angles = feature_map.angles(inputs, parameters)
    try:
        text = feature_map.to_json()
    except ValueError:
        text = None
    symbols = feature_map.feature_symbols, feature_map.parameter_symbols
    shown = text or repr((feature_map.circuit, symbols))
    digest = hashlib.sha256(shown.encode()).digest()
    if text is not None and ledger.find_map(digest) is None:
        ledger.keep_map(digest, text)
    _maps[digest] = feature_map
    return PreparedPoints(feature_map, angles, np.frombuffer(digest, np.uint8))


def restored_points(arrays: Mapping[str, np.ndarray], ledger: Ledger) -> PreparedPoints:
    """Return the points whose `arrays()` these are.

    Raises
    ------
    ValueError
        If they are no such arrays, are of more than one feature map, or neither this process nor
        the ledger has seen their map.
    """
    if set(arrays) != {"angles", "feature_map"}:
        raise ValueError(f"expected the arrays angles and feature_map, got {sorted(arrays)}")
    angles = np.ascontiguousarray(arrays["angles"], dtype=np.float64)
    digests = np.unique(np.asarray(arrays["feature_map"], dtype=np.uint8), axis=0)
    if digests.shape != (1, 32) or angles.ndim != 2:
        raise ValueError(
            "expected angles of shape (n_points, n_angles) and the digest of one feature map, got "
            f"shape {angles.shape} and digests of shape {digests.shape}"
        )
    digest = digests[0].tobytes()
    feature_map = _maps.get(digest)
    if feature_map is None:
        text = ledger.find_map(digest)
        if text is None:
            raise ValueError(f"expected points of a feature map that {ledger!r} has seen")
        feature_map = _maps.setdefault(digest, FeatureMap.from_json(text))
    return PreparedPoints(feature_map, angles, digests[0])
