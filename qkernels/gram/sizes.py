"""How large a tile may be, given the memory that work may take.

What lives here: the reading of `working_memory` and `tile_size`, and the estimate behind "auto",
with the points that it is made from.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.gaussian_process.kernels import Kernel

from qkernels.evaluators import Prepared
from qkernels.evaluators.mps_states import PreparedMPS
from qkernels.kernels.composition import PreparedParts, prepare
from qkernels.memory import format_size, parse_size

# Edges are odd multiples of this: a tile fills registers of points, and its rows do not all begin
# in the same place of the processor's cache, which would make its mirror image slow to write.
_GRAIN = 64
# Tiles of up to 32 MB take memory that was used before; for more, it is asked of the system anew.
LARGEST_EDGE = 31 * _GRAIN
# A matrix is cut into so many rows of tiles at least, for progress and for several workers.
_FEWEST_ROWS = 8
_SMALLEST_EDGE = 512
# A tile, its mirror image, what comparing it takes, and what writing it takes.
_TILES_AT_ONCE = 6
# So many points are looked at where they take more or less room.
_SAMPLE = 8
# Simulating takes as much as so many points, beside those that it prepares.
POINTS_SIMULATED = 64


def working_bytes(working_memory: Any) -> int:
    """Return the bytes that work may take.

    Parameters
    ----------
    working_memory : int, float, str or None
        A number is in MiB, as scikit-learn has it; a text is such as "512MB"; None is
        scikit-learn's setting (`sklearn.set_config(working_memory=...)`).
    """
    if working_memory is None:
        working_memory = get_config()["working_memory"]
    if isinstance(working_memory, str):
        found = parse_size(working_memory, "working_memory")
    elif isinstance(working_memory, int | float | np.number) and not isinstance(
        working_memory, bool
    ):
        found = int(working_memory * 2**20) if np.isfinite(working_memory) else 0
    else:
        raise TypeError(
            "working_memory: expected None, a number of MiB or a text such as '512MB', got "
            f"{working_memory!r}"
        )
    if found <= 0:
        raise ValueError(f"working_memory: expected more than nothing, got {working_memory!r}")
    return found


def sample_points(kernel: Kernel, X: np.ndarray) -> Prepared:
    """Return a point, prepared, that tells the size of all; several where they differ in size."""
    first = prepare(kernel, X[:1])
    if not _differs_in_size(first):
        return first
    return prepare(kernel, X[np.unique(np.linspace(0, len(X) - 1, _SAMPLE).astype(int))])


def bytes_a_point(sample: Prepared) -> int:
    """Return what a prepared point takes; points prepared together take what the largest does."""
    return -(-sample.nbytes // len(sample))


def _differs_in_size(points: Prepared) -> bool:
    parts = points.parts if isinstance(points, PreparedParts) else (points,)
    return any(isinstance(part, PreparedMPS) for part in parts)


def tile_edge(
    tile_size: Any,
    shape: tuple[int, int],
    bytes_a_point: float,
    memory: int,
    *,
    n_blocks: int = 5,
) -> int:
    """Return the edge of tiles.

    Parameters
    ----------
    tile_size : int or "auto"
    shape : (int, int)
        Of the matrix.
    bytes_a_point : float
        What a prepared point takes.
    memory : int
        Bytes that work may take.
    n_blocks : int, default=5
        Blocks of prepared points that are there at a time: of two tiles four, and the next.

    Raises
    ------
    TypeError, ValueError
        If `tile_size` is neither.
    MemoryError
        If not even a tile of one grain fits.
    """
    if not (isinstance(tile_size, str) and tile_size == "auto"):
        return check_tile_size(tile_size)
    # 8 · tiles · edge² + blocks · bytes · edge = memory - simulated
    a, b = 8 * _TILES_AT_ONCE, n_blocks * bytes_a_point / 2
    simulated = POINTS_SIMULATED * bytes_a_point
    fitting = int((np.sqrt(b * b + a * max(0, memory - simulated)) - b) / a)
    if fitting < _GRAIN:
        needed = a * _GRAIN**2 + 2 * b * _GRAIN + simulated
        raise MemoryError(
            f"working_memory: expected at least {format_size(needed)} for tiles of {_GRAIN} points "
            f"of {format_size(bytes_a_point)} each, got {format_size(memory)}"
        )
    spread = max(_SMALLEST_EDGE, -(-max(shape) // _FEWEST_ROWS))
    grains = min(fitting, LARGEST_EDGE, spread) // _GRAIN
    return (grains - 1 + grains % 2) * _GRAIN


def room_for_points(edge: int, memory: int) -> int:
    """Return the bytes that are left for prepared points beside tiles of an edge."""
    return max(0, memory - 8 * _TILES_AT_ONCE * edge**2)


def check_dtype(dtype: Any) -> str:
    """Return the name of the type in which a matrix is kept.

    Raises
    ------
    ValueError
        If it is neither double nor single precision.
    """
    try:
        name = np.dtype(dtype).name
    except TypeError:
        name = ""
    if name not in ("float64", "float32"):
        raise ValueError(f"dtype: expected 'float64' or 'float32', got {dtype!r}")
    return name


def check_tile_size(tile_size: Any) -> int:
    """Return a number that was given as the edge of tiles."""
    if isinstance(tile_size, bool) or not isinstance(tile_size, int | np.integer):
        raise TypeError(f"tile_size: expected an integer or 'auto', got {tile_size!r}")
    if tile_size < 1:
        raise ValueError(f"tile_size: expected at least 1, got {tile_size!r}")
    return int(tile_size)
