"""What a store says of itself: of which kernel and which points it is the matrix.

What lives here: the manifest, its JSON, and the comparison with what somebody wants to compute.
The numbers themselves are in `chunks`.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import Kernel

from qkernels.kernels import from_json, to_json
from qkernels.kernels.composition import fingerprint
from qkernels.tiles import Grid

FORMAT, VERSION = "qkernels.gram", 1
# Goes up when the computed numbers change.
NUMERICS = 1


@dataclass(frozen=True)
class Manifest:
    """A matrix, as far as it can be said without its numbers.

    Attributes
    ----------
    kernel : str
        Fingerprint.
    kernel_json : dict or None
        What `from_json` reads; None for a kernel that cannot be written.
    rows, columns : str
        Digests of the points; columns is empty for a symmetric matrix.
    shape : (int, int)
    tile_size : int
    dtype : str
        Of the numbers on disk, "float64" or "float32".
    numerics : int
        Version of the numbers.
    made_with : dict
        Versions and processor. Bytes agree on one processor, elsewhere numbers to 1e-12.
    """

    kernel: str
    kernel_json: dict[str, Any] | None
    rows: str
    columns: str
    shape: tuple[int, int]
    tile_size: int
    dtype: str = "float64"
    numerics: int = NUMERICS
    made_with: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, kernel: Kernel, X: np.ndarray, Y: np.ndarray | None, tile_size: int, dtype: str
    ) -> Manifest:
        """Return the manifest of a matrix that is to be computed."""
        return cls(
            fingerprint(kernel),
            _json(kernel),
            digest(X),
            "" if Y is None else digest(Y),
            (len(X), len(X if Y is None else Y)),
            tile_size,
            dtype,
            made_with=_made_with(),
        )

    @property
    def symmetric(self) -> bool:
        """Whether the columns' points are the rows'."""
        return not self.columns

    @property
    def grid(self) -> Grid:
        """The tiles."""
        return Grid(*self.shape, self.tile_size, symmetric=self.symmetric)

    @property
    def checksum(self) -> str:
        """A text that differs between any two stores, and when one has grown."""
        return _checksum(self._values())

    def _values(self) -> dict[str, Any]:
        return asdict(self) | {"shape": list(self.shape)}

    def read_kernel(self) -> Kernel:
        """Return the kernel.

        Raises
        ------
        ValueError
            If it could not be written.
        """
        if self.kernel_json is None:
            raise ValueError(
                "expected a kernel that can be written as JSON; this one must be given: "
                "gram_matrix(kernel, X, out=...)"
            )
        return from_json(json.dumps(self.kernel_json))

    def grown(self, X: np.ndarray) -> Manifest:
        """Return the manifest of the matrix with these points, of which the first are its own."""
        n_columns = len(X) if self.symmetric else self.shape[1]
        return replace(self, rows=digest(X), shape=(len(X), n_columns))

    def require_same(self, wanted: Manifest, where: str) -> None:
        """Raise ValueError if the store is of another matrix than the one that is wanted."""
        pairs = {
            "shape": (self.shape, wanted.shape),
            "points X": (self.rows, wanted.rows),
            "points Y": (self.columns, wanted.columns),
            "kernel": (self.kernel, wanted.kernel),
            "tile_size": (self.tile_size, wanted.tile_size),
            "dtype": (self.dtype, wanted.dtype),
            "version of the numbers": (self.numerics, wanted.numerics),
        }
        for name, (own, other) in pairs.items():
            if own != other:
                raise ValueError(
                    f"expected the {name} that {where} was begun with, {_short(own)}, "
                    f"got {_short(other)}: choose another path for another matrix"
                )

    def to_attributes(self) -> dict[str, Any]:
        """Return plain values, for the attributes of a store."""
        values = self._values()
        return {"format": FORMAT, "version": VERSION, **values, "checksum": _checksum(values)}

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, Any], where: str) -> Manifest:
        """Return the manifest that was written.

        Raises
        ------
        ValueError
            If these are not the attributes of a store of this version.
        """
        found = attributes.get("format"), attributes.get("version")
        names = {f.name for f in fields(cls)}
        if found != (FORMAT, VERSION) or not names <= set(attributes):
            raise ValueError(
                f"expected a store of format and version {(FORMAT, VERSION)} at {where}, "
                f"got {found}"
            )
        known = {name: attributes[name] for name in names}
        if attributes.get("checksum") != _checksum(known):
            raise ValueError(f"expected a manifest at {where} as it was written, got another")
        return cls(**known | {"shape": tuple(known["shape"])})


def digest(X: np.ndarray) -> str:
    """Return a hash of points: of their shape and their numbers."""
    found = hashlib.sha256(repr(X.shape).encode())
    found.update(np.ascontiguousarray(X, dtype="<f8").data)
    return found.hexdigest()


def _checksum(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(dict(values), sort_keys=True).encode()).hexdigest()


def _short(value: Any) -> str:
    return f"{value:.12}" if isinstance(value, str) else repr(value)


def _json(kernel: Kernel) -> dict[str, Any] | None:
    try:
        return json.loads(to_json(kernel))
    except ValueError:
        return None


def _made_with() -> dict[str, str]:
    return {
        "numpy": np.__version__,
        "python": platform.python_version(),
        "processor": _processor(),
        "created": datetime.now(UTC).isoformat(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration, IndexError):
        return platform.processor() or platform.machine()
