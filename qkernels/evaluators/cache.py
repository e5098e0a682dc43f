"""Prepared points kept for the next call, row by row, within a budget of bytes.

A grid search asks for overlapping subsets of the same points; keyed by row, each is prepared once.
How points are prepared is the evaluator's business.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import numpy as np

from qkernels.evaluators.states import PreparedStates


@dataclass(eq=False)
class _Block:
    """Points that were prepared together, and the keys by which they are found."""

    states: PreparedStates
    keys: list[tuple[Hashable, bytes]]


class RowCache:
    """Least recently used blocks of prepared points.

    Parameters
    ----------
    budget : int
        Bytes that the kept points may take; 0 keeps none.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._lock = threading.RLock()
        self._blocks: OrderedDict[int, _Block] = OrderedDict()
        self._places: dict[tuple[Hashable, bytes], tuple[int, int]] = {}
        self._next_block = 0

    @property
    def nbytes(self) -> int:
        """Bytes that are kept now."""
        return sum(block.states.nbytes for block in self._blocks.values())

    def clear(self) -> None:
        """Forget all points."""
        with self._lock:
            self._blocks.clear()
            self._places.clear()

    def get(
        self, space: Hashable, points: np.ndarray, prepare: Callable[[np.ndarray], PreparedStates]
    ) -> PreparedStates:
        """Return the prepared points, preparing only those that are not kept.

        Parameters
        ----------
        space : hashable
            What else the preparation depends on: points of another space are others.
        points : ndarray of shape (n_points, n_features)
        prepare : callable
            Prepares some of the points.
        """
        if self._budget == 0:
            return prepare(points)
        with self._lock:
            # Adding 0.0 makes -0.0 and 0.0 one key.
            keys = [(space, row.tobytes()) for row in points + 0.0]
            new = {key: i for i, key in enumerate(keys) if key not in self._places}
            if not new:
                return self._gather([self._places[key] for key in keys])
            fresh = prepare(points if len(new) == len(points) else points[list(new.values())])
            self._keep(fresh, list(new))
            complete = len(new) == len(points)
            found = fresh if complete else self._gather([self._places[key] for key in keys])
            self._evict()
            return found

    def _keep(self, states: PreparedStates, keys: list[tuple[Hashable, bytes]]) -> None:
        self._blocks[self._next_block] = _Block(states, keys)
        self._places |= {key: (self._next_block, row) for row, key in enumerate(keys)}
        self._next_block += 1

    def _evict(self) -> None:
        """Drop the blocks used longest ago until the rest is within the budget."""
        while self._blocks and self.nbytes > self._budget:
            _, block = self._blocks.popitem(last=False)
            for key in block.keys:
                del self._places[key]

    def _gather(self, places: list[tuple[int, int]]) -> PreparedStates:
        blocks, rows = np.array(places).T
        used = list(dict.fromkeys(blocks.tolist()))
        for number in used:
            self._blocks.move_to_end(number)
        if len(used) == 1:
            states = self._blocks[used[0]].states
            first = int(rows[0])
            if np.array_equal(rows, np.arange(first, first + len(rows))):
                return states[first : first + len(rows)]
            return states[rows]
        parts = [(blocks == number, self._blocks[number].states) for number in used]
        return PreparedStates.interleave(
            [(np.flatnonzero(here), states, rows[here]) for here, states in parts]
        )
