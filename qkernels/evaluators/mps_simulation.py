"""A chain at many points: matrix product states, block by block, and how much was discarded.

What lives here: the loops' room, which grows with the bonds, and their pacing. How states are
compared is in `mps_comparison`; which chain belongs to a circuit, in `qkernels.compilation`.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from qkernels.compilation.chain import Chain
from qkernels.loops import mps_evolution
from qkernels.loops.jit import thread_count
from qkernels.loops.lanes import lane_count
from qkernels.loops.mps_evolution import (
    CAPPED,
    CARRIED_ROWS,
    ENVIRONMENTS,
    N_STATUS,
    POINTER,
    ROOM_ROWS,
    SMALL_ROWS,
    TENSOR_ROWS,
)
from qkernels.memory import require_memory

# Bonds that fit before there is any reason for more room.
_FIRST_BOND = 4
# When something does not fit, this much more room is made than it needs.
_MARGIN = 1.5
# Bonds that may become so wide are truncated by products of matrices, if as much may be discarded:
# they do not see less. Whether they do become as wide must not matter, as points would then depend
# on those that are computed along with them.
_WIDE, LEAST_SEEN = 24, 1e-13
# What no bond passes.
_ANY_BOND = 2**40
# A loop cannot be interrupted: one call is given about this much work, in complex products.
_WORK_A_CALL = 2e7
# What takes longer, in seconds, is said beforehand, once so much of it has been seen.
_LONG, _SEEN = 1800.0, 20.0
_ADVICE = (
    "give max_bond, at the price of an error that report() bounds, or take a map with fewer "
    "layers, or with couplings of neighbours only"
)


class Truncation(NamedTuple):
    """How matrix product states are truncated.

    Attributes
    ----------
    weight : float
        The part of the squared norm that one truncation may discard.
    max_bond : int or None
        The largest bond, whatever that discards.
    """

    weight: float
    max_bond: int | None


class Block(NamedTuple):
    """The states of a few points.

    Attributes
    ----------
    re, im : ndarray of shape (n_points, width)
        Tensors, site after site, each in the order [left bond, spin, right bond].
    bonds : ndarray of shape (n_points, n_sites + 1), int
    weights : ndarray of shape (n_points, n_groups)
        What truncations discarded, of a squared norm of 1 at the start.
    capped : bool
        Whether `max_bond` has discarded more than a truncation may.
    """

    re: np.ndarray
    im: np.ndarray
    bonds: np.ndarray
    weights: np.ndarray
    capped: bool


class ChainSimulation:
    """One chain's states at given points.

    Parameters
    ----------
    chain : Chain
    angles : ndarray of shape (n_points, n_angles)
        The feature map's angles.
    dtype : numpy dtype
        float64 or float32.
    truncation : Truncation
    """

    def __init__(
        self, chain: Chain, angles: np.ndarray, dtype: np.dtype, truncation: Truncation
    ) -> None:
        self.chain = chain
        self.slots = chain.slots(angles)
        self.dtype = dtype
        largest_bond = truncation.max_bond or _ANY_BOND
        seen = dtype == np.float64 and truncation.weight >= LEAST_SEEN
        self.wide = (chain.bond_limits >= _WIDE) & seen
        self.rules = np.array([truncation.weight, largest_bond, _WORK_A_CALL], dtype=float)
        self._warned = False

    def blocks(self, verbose: int = 0) -> Iterator[Block]:
        """Yield the states, in the order of the points; `verbose` shows a progress bar."""
        lanes, n_points = lane_count(self.dtype), len(self.slots)
        firsts = range(0, n_points, lanes)
        step = min(thread_count(), len(firsts))
        room = _Room(self.chain, self.dtype, step)
        with tqdm(total=n_points, unit="state", disable=not verbose) as bar:
            for k in range(0, len(firsts), step):
                wave = _Wave(self, room, firsts[k : k + step])
                for seconds in wave.seconds_to_go():
                    self._warn_if_long(seconds, wave.largest_bond, len(firsts[k:]) / step)
                for block in wave.blocks():
                    yield block
                    bar.update(len(block.bonds))

    def _warn_if_long(self, seconds: float, largest_bond: int, n_waves: float) -> None:
        """Say so if what is left of the points takes long, as far as bonds have grown by now."""
        if self._warned or seconds * n_waves < _LONG:
            return
        self._warned = True
        warnings.warn(
            f"bonds have grown to {largest_bond}: the {len(self.slots)} states take another "
            f"{seconds * n_waves / 3600:.1f} hours or more; {_ADVICE}",
            stacklevel=2,
        )


class _Room:
    """The arrays of blocks that are computed at the same time; they grow with the bonds.

    Attributes
    ----------
    re, im : ndarray of shape (n_blocks, rows, lanes)
        The tensors, and behind those of the last site what a layer carries on.
    starts : ndarray of shape (n_sites + 2,), int
        Where each of these starts, and where the last ends.
    rooms : ndarray of shape (n_blocks, 8, rows, lanes)
        Beside the tensors.
    """

    def __init__(self, chain: Chain, dtype: np.dtype, n_blocks: int) -> None:
        self._chain, self._dtype = chain, dtype
        factors = chain.program.factors
        branches = int((factors[:, 5] * factors[:, 6]).max(initial=1))
        few = np.minimum(2 * (2 * _FIRST_BOND) ** 2, self._largest_sizes())
        sizes = np.append(few, 0).astype(np.int64)
        self._room_rows = max(SMALL_ROWS, 4 * branches, int(sizes.max()))
        self._allocate(n_blocks, sizes, largest_bond=1)

    def _largest_sizes(self) -> np.ndarray:
        """Return rows for each site's tensor whatever its bonds become."""
        limits, widths = self._chain.bond_limits.astype(float), self._chain.program.factors[:, 5:]
        return 2 * limits[:-1] * limits[1:] * float(max(widths.max(initial=1), 1)) ** 2

    def _allocate(self, n_blocks: int, sizes: np.ndarray, largest_bond: int) -> None:
        lanes, rows = lane_count(self._dtype), max(int(sizes[:-1].max()), self._room_rows)
        require_memory(
            n_blocks * (2 * int(sizes.sum()) + 8 * rows) * lanes * self._dtype.itemsize,
            f"for matrix product states whose bonds have reached {largest_bond}",
            _ADVICE,
        )
        self.starts = np.concatenate([[0], np.cumsum(sizes)])
        self.re = np.empty((n_blocks, self.starts[-1], lanes), self._dtype)
        self.im = np.empty_like(self.re)
        self.rooms = np.empty((n_blocks, 8, rows, lanes), self._dtype)

    def grow(self, status: np.ndarray, bonds: np.ndarray) -> None:
        """Make more room, for all sites as much as the most crowded one needs.

        Parameters
        ----------
        status : ndarray of shape (n_blocks, N_STATUS), int
            What the blocks that are under way need.
        bonds : ndarray of shape (n_blocks, n_sites + 1), int
            Theirs.
        """
        tensor_rows, carried_rows, room_rows = (
            int(status[:, k].max()) for k in (TENSOR_ROWS, CARRIED_ROWS, ROOM_ROWS)
        )
        starts, planes = self.starts, (self.re, self.im)
        sizes = np.diff(starts)
        wanted = np.minimum(tensor_rows * _MARGIN, self._largest_sizes())
        sizes[:-1] = np.maximum(sizes[:-1], np.maximum(wanted, tensor_rows))
        sizes[-1] = max(sizes[-1], carried_rows * _MARGIN)
        self._room_rows = max(self._room_rows, int(room_rows * _MARGIN))
        self._allocate(len(self.re), sizes, int(bonds.max()))
        carried = np.full((len(bonds), 1), starts[-1] - starts[-2])
        used = np.hstack([2 * bonds[:, :-1] * bonds[:, 1:], carried])
        for new, old in zip((self.re, self.im), planes, strict=True):
            for block, site in np.ndindex(used.shape):
                first, start, count = starts[site], self.starts[site], used[block, site]
                new[block, start : start + count] = old[block, first : first + count]


class _Wave:
    """Blocks that are computed at the same time, one a worker.

    Attributes
    ----------
    largest_bond : int
        By now.
    """

    def __init__(self, simulation: ChainSimulation, room: _Room, firsts: Sequence[int]) -> None:
        self._simulation, self._room, self._firsts = simulation, room, firsts
        n, lanes = len(firsts), lane_count(simulation.dtype)
        n_sites = len(simulation.chain.qubits)
        self._bonds = np.ones((n, n_sites + 1), np.int64)
        self._ranks = np.ones((n, n_sites + 1, lanes), np.int64)
        self._weights = np.zeros((n, simulation.chain.n_groups, lanes))
        self._status = np.zeros((n, N_STATUS), np.int64)
        self._trig = np.empty((n, 2 * simulation.slots.shape[1], lanes), simulation.dtype)
        for worker, first in enumerate(firsts):
            mps_evolution.start_block(
                room.re[worker],
                room.im[worker],
                room.starts,
                self._trig[worker],
                simulation.slots,
                np.array([first, self._count(first)]),
            )

    @property
    def largest_bond(self) -> int:
        return int(self._bonds.max())

    def seconds_to_go(self) -> Iterator[float]:
        """Carry the blocks on; yield, now and then, how long the rest takes at the present pace."""
        simulation = self._simulation
        n_instructions = len(simulation.chain.program.instructions)
        seen = 0.0
        while (done := int(self._status[:, POINTER].min())) < n_instructions:
            start = time.perf_counter()
            self._advance()
            more = int(self._status[:, POINTER].min()) - done
            # A first call may have compiled the loops.
            seen += time.perf_counter() - start if done else 0.0
            if seen > _SEEN and more:
                yield (time.perf_counter() - start) / more * (n_instructions - done - more)

    def _advance(self) -> None:
        """Carry the blocks on for one call, and make the room that they then need."""
        room, n = self._room, len(self._firsts)
        mps_evolution.advance(
            room.re[:n],
            room.im[:n],
            room.starts,
            self._bonds,
            self._simulation.wide,
            self._weights,
            self._ranks,
            self._trig,
            room.rooms[:n],
            self._status,
            self._simulation.chain.program,
            self._simulation.rules,
        )
        needed = [TENSOR_ROWS, CARRIED_ROWS, ROOM_ROWS]
        if self._status[:, needed].any():
            room.grow(self._status, self._bonds)
            self._status[:, needed] = 0
            self._status[:, ENVIRONMENTS:] = 0

    def blocks(self) -> Iterator[Block]:
        """Yield the finished states."""
        for worker, first in enumerate(self._firsts):
            count = self._count(first)
            ranks = np.ascontiguousarray(self._ranks[worker, :, :count].T)
            width = int((2 * ranks[:, :-1] * ranks[:, 1:]).sum(axis=1).max())
            re = np.empty((count, width), self._simulation.dtype)
            im = np.empty_like(re)
            room = self._room
            planes = room.re[worker], room.im[worker]
            mps_evolution.write_points(re, im, *planes, room.starts, self._bonds[worker], ranks)
            weights = np.ascontiguousarray(self._weights[worker, :, :count].T)
            yield Block(re, im, ranks, weights, bool(self._status[worker, CAPPED]))

    def _count(self, first: int) -> int:
        """Return how many points a block has."""
        return min(lane_count(self._simulation.dtype), len(self._simulation.slots) - first)
