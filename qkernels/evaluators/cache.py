"""What was computed of points, kept for the next call, row by row, within a budget of bytes.

A grid search asks for overlapping subsets of the same points; keyed by row, each is computed once.
What is computed, states or expectation values, is the evaluator's business: here it is arrays
whose first axis runs over the points.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from qkernels.evaluators.rows import put, room_for

Arrays: TypeAlias = tuple[np.ndarray, ...]
Places: TypeAlias = dict[bytes, tuple[int, int]]


# What a row takes in a dictionary beside its bytes: key, hash, value and two numbers, about.
BYTES_A_KEY = 300


@dataclass(eq=False)
class _Block:
    """Points that were computed together, and the keys by which they are found."""

    arrays: Arrays
    places: Places
    rows: list[bytes]

    @cached_property
    def nbytes(self) -> int:
        arrays = sum(array.nbytes for array in self.arrays)
        return arrays + sum(BYTES_A_KEY + len(row) for row in self.rows)


class RowCache:
    """Least recently used blocks of computed points.

    Parameters
    ----------
    budget : int
        Bytes that may be kept; 0 keeps nothing.

    Attributes
    ----------
    nbytes : int
        Bytes that are kept now, with the keys.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._lock = threading.RLock()
        self._blocks: OrderedDict[int, _Block] = OrderedDict()
        self._spaces: dict[Hashable, Places] = {}
        self._next_block = 0
        self.nbytes = 0

    def clear(self) -> None:
        """Forget all points."""
        with self._lock:
            self._blocks.clear()
            self._spaces.clear()
            self.nbytes = 0

    def after_fork(self) -> None:
        """Start anew in a forked process if a thread that did not come along was at work."""
        if self._lock.acquire(blocking=False):
            self._lock.release()
            return
        self._lock = threading.RLock()
        self.clear()

    def get(
        self, space: Hashable, points: np.ndarray, compute: Callable[[np.ndarray], Arrays]
    ) -> Arrays:
        """Return what is computed of the points, computing only what is not kept.

        Parameters
        ----------
        space : hashable
            What else the result depends on: points of another space are others.
        points : ndarray of shape (n_points, n_features)
        compute : callable
            Returns the arrays for some of the points.

        Returns
        -------
        tuple of ndarray
            They may be views of what is kept, and must not be written to.
        """
        if self._budget == 0:
            return compute(points)
        with self._lock:
            places = self._spaces.setdefault(space, {})
            # Adding 0.0 makes -0.0 and 0.0 one key.
            rows = [row.tobytes() for row in points + 0.0]
            new = {row: i for i, row in enumerate(rows) if row not in places}
            if not new:
                return self._gather([places[row] for row in rows])
            all_new = len(new) == len(points)
            fresh = compute(points if all_new else points[list(new.values())])
            self._keep(fresh, places, list(new))
            found = fresh if all_new else self._gather([places[row] for row in rows])
            self._evict()
            return found

    def _keep(self, arrays: Arrays, places: Places, rows: list[bytes]) -> None:
        block = self._blocks[self._next_block] = _Block(arrays, places, rows)
        self.nbytes += block.nbytes
        places |= {row: (self._next_block, i) for i, row in enumerate(rows)}
        self._next_block += 1

    def _evict(self) -> None:
        """Drop the blocks used longest ago until the rest is within the budget."""
        if self.nbytes <= self._budget:
            return
        while self.nbytes > self._budget:
            _, block = self._blocks.popitem(last=False)
            self.nbytes -= block.nbytes
            for row in block.rows:
                del block.places[row]
        self._spaces = {space: places for space, places in self._spaces.items() if places}

    def _gather(self, places: list[tuple[int, int]]) -> Arrays:
        blocks, rows = np.array(places).T
        used = list(dict.fromkeys(blocks.tolist()))
        for number in used:
            self._blocks.move_to_end(number)
        if len(used) == 1:
            return _take(self._blocks[used[0]].arrays, rows)
        here = [(blocks == number, self._blocks[number].arrays) for number in used]
        kinds = zip(*(arrays for _, arrays in here), strict=True)
        joined = tuple(room_for(arrays, len(rows)) for arrays in kinds)
        for mask, arrays in here:
            for out, array in zip(joined, arrays, strict=True):
                put(out, mask, array[rows[mask]])
        return joined


def _take(arrays: Arrays, rows: np.ndarray) -> Arrays:
    """Return some rows: a view where they follow each other."""
    first = int(rows[0])
    if np.array_equal(rows, np.arange(first, first + len(rows))):
        return tuple(array[first : first + len(rows)] for array in arrays)
    return tuple(array[rows] for array in arrays)


_shared: dict[tuple[str, int], RowCache] = {}


def shared_cache(kind: str, budget: int) -> RowCache:
    """Return the one cache of a kind and a budget that this process has."""
    return _shared.setdefault((kind, budget), RowCache(budget))


def _after_fork() -> None:
    for cache in _shared.values():
        cache.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
