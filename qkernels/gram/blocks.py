"""Prepared points, block by block, the last used kept within a number of bytes.

What lives here: `Blocks`, which prepares the points of one side of a matrix as they are asked for,
or finds what was prepared before in a store.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from qkernels.evaluators import Prepared


class Blocks:
    """Least recently used blocks of prepared points.

    Parameters
    ----------
    load : callable
        Returns the prepared points of a block, by its key.
    budget : int
        Bytes that may be kept; the last two blocks are kept whatever they take.
    """

    def __init__(self, load: Callable[[tuple[str, int]], Prepared], budget: int) -> None:
        self._load = load
        self._budget = budget
        self._kept: OrderedDict[tuple[str, int], Prepared] = OrderedDict()
        # What one thread is loading, another need not.
        self._lock = threading.Lock()

    def get(self, side: str, number: int) -> Prepared:
        """Return a block of prepared points."""
        key = side, number
        with self._lock:
            if key not in self._kept:
                self._kept[key] = self._load(key)
            self._kept.move_to_end(key)
            while len(self._kept) > 2 and self._size() > self._budget:
                self._kept.popitem(last=False)
            return self._kept[key]

    def _size(self) -> int:
        return sum(block.nbytes for block in self._kept.values())
