"""Which points a result needs: pairs of states, or states and measurement settings.

What lives here: `Request`, the distinct points of one measured map with the repetitions that each
is to have, and the functions that make one for a Gram matrix and for expectation values. Points
are named by pairs of rows, so that half a million of them are two columns of integers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
import sympy

from qkernels.expressions import ExpressionTable
from qkernels.sampling.circuits import MeasuredMap, turns
from qkernels.sampling.counts import Counts
from qkernels.sampling.programs import Program
from qkernels.sampling.settings import LETTERS

# Values of so many points are computed at once.
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Request:
    """Distinct points of one measured map.

    Attributes
    ----------
    measured : MeasuredMap
    first, second : ndarray of shape (n_first, n_columns), (n_second, n_columns)
        What the halves of points are taken from.
    pairs : ndarray of shape (n_points, 2), int
        The rows of first and second half of each point.
    repetitions : ndarray of shape (n_points,), int
        How often each is to be measured in all.
    names : callable
        Given a row of the first and of the second half, returns what people call that point.
    """

    measured: MeasuredMap
    first: np.ndarray
    second: np.ndarray
    pairs: np.ndarray
    repetitions: np.ndarray
    names: Callable[[int, int], str]

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, rows: np.ndarray) -> Request:
        return replace(self, pairs=self.pairs[rows], repetitions=self.repetitions[rows])

    @cached_property
    def _keys(self) -> dict[str, list[bytes]]:
        return {}

    def values(self, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return the values of the program's symbols at some points, (n_points, n_symbols)."""
        first, second = self.pairs[rows].T
        return self.measured.values(self.first[first], self.second[second])

    def keys(self, identity: str) -> list[bytes]:
        """Return the key of each point on a backend."""
        if identity not in self._keys:
            blocks = (slice(i, i + _BLOCK) for i in range(0, len(self), _BLOCK))
            program = self.measured.program
            self._keys[identity] = [
                key for rows in blocks for key in program.point_keys(self.values(rows), identity)
            ]
        return self._keys[identity]

    def name(self, point: int) -> str:
        """Return what people call a point, such as "X[0] with X[3]"."""
        return self.names(*self.pairs[point].tolist())

    def asking_for(self, repetitions: np.ndarray) -> Request:
        """Return the same points with other repetitions."""
        found = replace(self, repetitions=repetitions)
        found._keys.update(self._keys)
        return found


# What has counts of all points of a request.
Source: TypeAlias = Callable[[Request], list[Counts]]


def request_points(program: Program, values: np.ndarray, repetitions: np.ndarray) -> Request:
    """Return distinct points of any program.

    Parameters
    ----------
    program : Program
    values : ndarray of shape (n_points, n_symbols)
    repetitions : ndarray of shape (n_points,), int
    """
    names = tuple(f"value{k}" for k in range(values.shape[1]))
    table = ExpressionTable(names, tuple(map(sympy.Symbol, names)))
    measured = MeasuredMap(program, table, (tuple(range(values.shape[1])), ()))
    pairs = np.stack([np.arange(len(values)), np.zeros(len(values), dtype=int)], axis=1)
    return Request(measured, values, np.empty((1, 0)), pairs, repetitions, _point_name)


# -- What people call points. These are classes, and not closures, so that requests are pickled.


def _point_name(i: int, j: int) -> str:
    return f"point {i}"


@dataclass(frozen=True, eq=False)
class PairNames:
    """Names of pairs of states: `origin` has the first row of each, in X and then in Y."""

    origin: np.ndarray
    n_rows: int

    def __call__(self, i: int, j: int) -> str:
        """Return a name such as "X[0] with Y[3]"."""
        return " with ".join(map(self._row, sorted(self.origin[[i, j]].tolist())))

    def _row(self, row: int) -> str:
        return f"X[{row}]" if row < self.n_rows else f"Y[{row - self.n_rows}]"


@dataclass(frozen=True, eq=False)
class OwnNames:
    """Names of states that are measured against themselves."""

    origin: np.ndarray

    def __call__(self, i: int, j: int) -> str:
        """Return a name such as "X[0] with itself"."""
        return f"X[{self.origin[i]}] with itself"


@dataclass(frozen=True, eq=False)
class SettingNames:
    """Names of states in measurement settings, (n_settings, n_qubits)."""

    origin: np.ndarray
    settings: np.ndarray
    points: str = "X"

    def __call__(self, i: int, j: int) -> str:
        """Return a name such as "X[0] in setting XZ"."""
        letters = "".join(LETTERS[place] for place in self.settings[j])
        return f"{self.points}[{self.origin[i]}] in setting {letters}"


# -- Pairs of states, and states in settings


class GramRequest(NamedTuple):
    """The points of a Gram matrix, and where each entry finds its own.

    Attributes
    ----------
    request : Request
    entries : ndarray of shape (n_rows, n_columns), int
        The point of each entry; -1 where a state meets itself and that is not measured.
    rows, columns : ndarray of shape (n_rows,), (n_columns,), or None
        The points that measure each state against itself, where they were asked for.
    is_symmetric : bool
        Whether rows are columns.
    """

    request: Request
    entries: np.ndarray
    rows: np.ndarray | None
    columns: np.ndarray | None
    is_symmetric: bool


def request_fidelities(
    measured: MeasuredMap,
    a: np.ndarray,
    b: np.ndarray | None,
    repetitions: int,
    *,
    measure_diagonal: bool,
    with_rows: bool = False,
    with_columns: bool = False,
) -> GramRequest:
    """Return the points of a Gram matrix; a pair and its reverse are one point.

    Parameters
    ----------
    measured : MeasuredMap
        Of the inversion or the Bell circuit.
    a, b : ndarray of shape (n_points, n_angles)
        Angles of the states; b None is the symmetric case.
    repetitions : int
    measure_diagonal : bool
        Whether entries of equal states are measured.
    with_rows, with_columns : bool, default=False
        Whether each state of the rows, of the columns, is also measured against itself.
    """
    stacked = a if b is None else np.concatenate([a, b])
    # Sorted rows: the order within a pair does not depend on the other points. -0.0 is 0.0.
    states, origin, where = np.unique(stacked + 0.0, axis=0, return_index=True, return_inverse=True)
    where = where.ravel()
    rows, columns = where[: len(a)], where if b is None else where[len(a) :]
    codes = np.minimum.outer(rows, columns) * len(states) + np.maximum.outer(rows, columns)
    own_rows, own_columns = rows * (len(states) + 1), columns * (len(states) + 1)
    asked = [codes[(rows[:, np.newaxis] != columns) | measure_diagonal]]
    asked += [own_rows] * with_rows + [own_columns] * with_columns
    distinct = np.unique(np.concatenate(asked))
    pairs = np.stack(np.divmod(distinct, len(states)), axis=1)
    entries = np.searchsorted(distinct, codes)
    if not measure_diagonal:
        entries[rows[:, np.newaxis] == columns] = -1
    names = PairNames(origin, len(a))
    return GramRequest(
        Request(measured, states, states, pairs, np.full(len(pairs), repetitions), names),
        entries,
        np.searchsorted(distinct, own_rows) if with_rows else None,
        np.searchsorted(distinct, own_columns) if with_columns else None,
        b is None,
    )


class DiagonalRequest(NamedTuple):
    """The points that measure states against themselves.

    Attributes
    ----------
    request : Request
    rows : ndarray of shape (n_states,), int
        The point of each state.
    """

    request: Request
    rows: np.ndarray


def request_diagonal(
    measured: MeasuredMap, angles: np.ndarray, repetitions: int
) -> DiagonalRequest:
    """Return the points that measure each state, given by its angles, against itself."""
    states, origin, where = np.unique(angles + 0.0, axis=0, return_index=True, return_inverse=True)
    pairs = np.repeat(np.arange(len(states)), 2).reshape(-1, 2)
    request = Request(
        measured,
        states,
        states,
        pairs,
        np.full(len(pairs), repetitions),
        OwnNames(origin),
    )
    return DiagonalRequest(request, where.ravel())


class TomographyRequest(NamedTuple):
    """The points that expectation values need.

    Attributes
    ----------
    request : Request
    rows : ndarray of shape (n_points, n_settings), int
        The point of each state in each setting.
    """

    request: Request
    rows: np.ndarray


def request_tomography(
    measured: MeasuredMap, angles: np.ndarray, settings: np.ndarray, repetitions: int
) -> TomographyRequest:
    """Return the points that measure each state in each setting.

    Parameters
    ----------
    measured : MeasuredMap
        Of the tomography circuit.
    angles : ndarray of shape (n_points, n_angles)
    settings : ndarray of shape (n_settings, n_qubits), int
        0, 1, 2 for X, Y, Z.
    repetitions : int
    """
    states, origin, where = np.unique(angles + 0.0, axis=0, return_index=True, return_inverse=True)
    n = len(settings)
    codes = np.arange(len(states) * n)
    pairs = np.stack(np.divmod(codes, n), axis=1)
    request = Request(
        measured,
        states,
        turns(settings),
        pairs,
        np.full(len(pairs), repetitions),
        SettingNames(origin, settings),
    )
    return TomographyRequest(request, where.reshape(-1, 1) * n + np.arange(n))
