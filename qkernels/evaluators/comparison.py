"""Pairs of states, tile by tile: fidelities, and the cotangents that their gradient gives.

What lives here: which tiles are computed by how many workers, in which order, with how much room.
What a tile is lives in the loops, what the states are of in `states`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from qkernels.evaluators.simulation import Planes
from qkernels.loops import cotangents, overlaps
from qkernels.loops.jit import thread_count
from qkernels.loops.lanes import lane_count
from qkernels.tiles import rounds, tiles

_TILE_EDGE = 160
# Smaller tiles, because those of a round are all that can be computed at the same time.
_COTANGENT_TILE_EDGE = 128
# A loop cannot be interrupted: one call is given about this much work.
_FLOPS_A_CALL = 4 * 10**9
# Less work than this is done before another thread has woken up.
_FLOPS_WORTH_A_THREAD = 10**8


def gram_matrix(parts: Sequence[tuple[Planes, Planes]], *, symmetric: bool) -> np.ndarray:
    """Return the fidelities of two sets of states, products over the unconnected parts.

    Parameters
    ----------
    parts : sequence of (Planes, Planes)
        The states of both sets, part by part.
    symmetric : bool
        Whether the two sets are one.
    """
    gram = np.empty((len(parts[0][0][0]), len(parts[0][1][0])))
    for k, (a, b) in enumerate(parts):
        _write_fidelities(gram, _read_only(a), _read_only(b), symmetric=symmetric, fresh=k == 0)
    return gram


def state_cotangents(
    a: Planes, b: Planes, gradient: np.ndarray, *, symmetric: bool
) -> tuple[Planes, ...]:
    """Return the cotangents of one part's states, given the gradient by its fidelities.

    Returns
    -------
    tuple of Planes
        Those of a, and those of b unless `symmetric`.
    """
    sides = (a,) if symmetric else (a, b)
    found = tuple((np.zeros_like(re), np.zeros_like(im)) for re, im in sides)
    todo = tiles(len(gradient), gradient.shape[1], _COTANGENT_TILE_EDGE, symmetric=symmetric)
    lanes = lane_count(a[0].dtype)
    rooms, step = _workers(todo, a, cotangents.room_size, products=3)
    for group in rounds(todo, symmetric=symmetric):
        for first in range(0, len(group), step):
            cotangents.add_cotangents(
                found[0],
                found[-1],
                _read_only(a),
                _read_only(b),
                np.ascontiguousarray(gradient),
                group[first : first + step],
                symmetric=symmetric,
                rooms=rooms,
                lanes=lanes,
            )
    return found


def _workers(
    todo: np.ndarray, a: Planes, room_size: Callable[[int, int], int], products: int
) -> tuple[np.ndarray, int]:
    """Return each worker's room, and how many tiles one call is given."""
    edge = int(max(np.max(todo[:, 1] - todo[:, 0]), np.max(todo[:, 3] - todo[:, 2])))
    flops = products * 8 * edge * edge * a[0].shape[1]
    workers = min(thread_count(), len(todo), -(-flops * len(todo) // _FLOPS_WORTH_A_THREAD))
    rooms = np.empty((workers, room_size(edge, lane_count(a[0].dtype))), a[0].dtype)
    return rooms, max(1, _FLOPS_A_CALL // flops) * workers


def _write_fidelities(
    gram: np.ndarray, a: Planes, b: Planes, *, symmetric: bool, fresh: bool
) -> None:
    """Write the fidelities of one part, some tiles at a time."""
    if not gram.size:
        return
    # The tiles depend on the shape alone, so that no number of threads changes a bit.
    todo = tiles(len(gram), gram.shape[1], _TILE_EDGE, symmetric=symmetric)
    rooms, step = _workers(todo, a, overlaps.room_size, products=1)
    how = {"symmetric": symmetric, "fresh": fresh, "lanes": lane_count(a[0].dtype)}
    for first in range(0, len(todo), step):
        overlaps.write_fidelities(gram, a, b, todo[first : first + step], rooms=rooms, **how)


def _read_only(planes: Planes) -> Planes:
    """Return contiguous views that cannot be written: memory maps then are not another type."""
    views = [np.ascontiguousarray(plane)[:] for plane in planes]
    for view in views:
        view.flags.writeable = False
    return views[0], views[1]
