"""Prepared points, block by block, the last used kept within a number of bytes.

What lives here: `Blocks`, which keeps what others prepare, and `PreparedBlocks`, the blocks of some
points. Blocks that are kept on disk are the business of `work` and `layout`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator

import numpy as np
from sklearn.gaussian_process.kernels import Kernel

from qkernels.evaluators import Prepared
from qkernels.gram.sizes import POINTS_SIMULATED
from qkernels.kernels.composition import prepare


class _Slot:
    """A block, once it is prepared; what one thread is preparing, another need not."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.points: Prepared | None = None


class Blocks:
    """Least recently used blocks of prepared points.

    Parameters
    ----------
    budget : int
        Bytes that may be kept; the last two blocks are kept whatever they take.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._slots: OrderedDict[Hashable, _Slot] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, load: Callable[[], Prepared]) -> Prepared:
        """Return a block; `load` prepares it if it is not kept."""
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            self._evict()
        with slot.lock:
            if slot.points is None:
                slot.points = load()
            return slot.points

    def _evict(self) -> None:
        """Drop what was used longest ago."""
        blocks = [slot.points for slot in self._slots.values()]
        to_come = max((_with_simulation(block) for block in blocks if block), default=0)
        sizes = [block.nbytes if block else to_come for block in blocks]
        for k in range(len(blocks) - 2):
            if sum(sizes[k:]) <= self._budget:
                break
            self._slots.popitem(last=False)


def _with_simulation(block: Prepared) -> float:
    """Return the bytes that a block of this size takes while it is prepared."""
    return block.nbytes * (1 + POINTS_SIMULATED / len(block))


class PreparedBlocks:
    """The blocks of some points, prepared as they are asked for.

    Parameters
    ----------
    kernel : Kernel
    X : ndarray of shape (n_points, n_features)
    edge : int
        Points of a block.
    budget : int
        Bytes that may be kept.
    """

    def __init__(self, kernel: Kernel, X: np.ndarray, edge: int, budget: int) -> None:
        self.edge = edge
        self._kernel, self._X = kernel, X
        self._blocks, self._step = Blocks(budget), 1

    def __len__(self) -> int:
        return len(self._X)

    def block(self, number: int) -> Prepared:
        """Return a block."""
        return self._blocks.get(number, lambda: prepare(self._kernel, self._X[self.rows(number)]))

    def rows(self, number: int) -> slice:
        """Return the places of a block's points."""
        return slice(number * self.edge, min((number + 1) * self.edge, len(self)))

    def __iter__(self) -> Iterator[tuple[slice, Prepared]]:
        """Yield all blocks and their places: each time the other way, as the last are kept."""
        numbers = range(-(-len(self) // self.edge))[:: self._step]
        self._step = -self._step
        for number in numbers:
            yield self.rows(number), self.block(number)
