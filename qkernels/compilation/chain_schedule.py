"""When the operators of a chain are applied, and how its tensors are factorised between them.

The order of operators is free where they commute, so they are applied in sweeps to the right and
to the left in turn: within one, no operator starts before the end of the one before it. The centre
of orthogonality then moves little, and the errors of all truncations of a sweep are orthogonal to
each other.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from qkernels.compilation.chain_operators import Operator

APPLY, RIGHT, LEFT = range(3)
EXACT = -1
# What a truncating factorisation costs, in exact ones.
TRUNCATION_COST = 3


@dataclass(frozen=True)
class Factorisation:
    """`RIGHT` or `LEFT` at a site; see `ChainProgram.instructions`."""

    opcode: int
    site: int
    group: int


Instruction: TypeAlias = Operator | Factorisation


@dataclass(frozen=True)
class Round:
    """Operators that are applied before the bonds under them are truncated.

    Attributes
    ----------
    operators : tuple of Operator
        The first decides on the sites. Others follow on one site, or on the same two neighbours,
        whose bond cannot grow much.
    rightwards : bool
        Whether the sweep goes to the right.
    """

    operators: tuple[Operator, ...]
    rightwards: bool

    @property
    def sites(self) -> tuple[int, int]:
        """The first and the last site."""
        return self.operators[0].first, self.operators[0].last

    def distance(self, site: int) -> int:
        """Return how far a site is from these."""
        first, last = self.sites
        return max(first - site, site - last, 0)

    def end(self, after: Round | None) -> int:
        """Return the end at which the centre is best left for the next round, or for site 0."""
        ends = reversed(self.sites) if self.rightwards else self.sites
        return min(ends, key=lambda site: after.distance(site) if after else site)


def schedule(operators: Sequence[Operator]) -> Schedule:
    """Return instructions that do what operators do in their order.

    The first sweep goes to the right or to the left, whichever makes the instructions cheaper.
    """
    plans = [_planned(operators, rightwards) for rightwards in (True, False)]
    return min(plans, key=lambda plan: (plan.cost, plan.n_groups))


def _planned(operators: Sequence[Operator], rightwards: bool) -> Schedule:
    queue = _Queue(operators)
    plan = Schedule()
    plan.instructions += queue.take_of_one_site()
    rounds = list(_rounds(queue, rightwards))
    for this, after in itertools.pairwise([*rounds, None]):
        assert this is not None
        plan.apply(this, this.end(after))
    plan.finish()
    return plan


def _rounds(queue: _Queue, rightwards: bool) -> Iterator[Round]:
    """Yield the rounds of sweeps in turn, until nothing is left."""
    while queue:
        position = None
        while (operator := queue.take_next(position, rightwards)) is not None:
            taken = [operator, *queue.take_of_one_site()]
            while operator.last == operator.first + 1 and (other := queue.take_like(operator)):
                taken += [other, *queue.take_of_one_site()]
            yield Round(tuple(taken), rightwards)
            position = operator.last if rightwards else operator.first
        rightwards = not rightwards


class _Queue:
    """Operators, each ready when all that it has to follow are taken.

    Of two operators that have different letters at a site, the later one has to follow.
    """

    def __init__(self, operators: Sequence[Operator]) -> None:
        self._operators = operators
        self._followers: list[list[int]] = [[] for _ in operators]
        self._n_waiting = [len(earlier) for earlier in self._link()]
        # The ready ones.
        self._of_one: list[int] = []
        self._of_several: list[int] = []
        for number, n_waiting in enumerate(self._n_waiting):
            if n_waiting == 0:
                self._add(number)

    def __bool__(self) -> bool:
        return bool(self._of_several)

    def take_of_one_site(self) -> list[Operator]:
        """Take all operators on one site that are ready, or that these make ready."""
        taken = []
        while self._of_one:
            taken.append(self._take(self._of_one.pop(0)))
        return taken

    def take_next(self, position: int | None, rightwards: bool) -> Operator | None:
        """Take the next operator of a sweep that has come to a position, the shortest of these."""

        def key(number: int) -> tuple[int, int]:
            operator = self._operators[number]
            ends = operator.first, operator.last
            return ends if rightwards else (-ends[1], -ends[0])

        limit = None if position is None else position if rightwards else -position
        numbers = [n for n in self._of_several if limit is None or key(n)[0] >= limit]
        if not numbers:
            return None
        number = min(numbers, key=key)
        self._of_several.remove(number)
        return self._take(number)

    def take_like(self, operator: Operator) -> Operator | None:
        """Take a ready operator on the same sites as another."""
        for number in self._of_several:
            other = self._operators[number]
            if (other.first, other.last) == (operator.first, operator.last):
                self._of_several.remove(number)
                return self._take(number)
        return None

    def _link(self) -> Iterator[set[int]]:
        """Yield which operators each operator follows at once, and note it as their follower."""
        runs: dict[int, tuple[str, list[int], list[int]]] = {}
        for number, operator in enumerate(self._operators):
            earlier: set[int] = set()
            for site, letter in operator.letters.items():
                last_letter, run, before = runs.get(site, ("", [], []))
                if letter != last_letter or letter == "U":
                    run, before = [], run
                run.append(number)
                runs[site] = letter, run, before
                earlier.update(before)
            for other in earlier:
                self._followers[other].append(number)
            yield earlier

    def _take(self, number: int) -> Operator:
        for follower in self._followers[number]:
            self._n_waiting[follower] -= 1
            if self._n_waiting[follower] == 0:
                self._add(follower)
        return self._operators[number]

    def _add(self, number: int) -> None:
        operator = self._operators[number]
        (self._of_one if operator.first == operator.last else self._of_several).append(number)


class Schedule:
    """Instructions for rounds, one after another.

    Bonds are named by the site to their right.

    Attributes
    ----------
    instructions : list of Operator or Factorisation
    cost : int
        Of all factorisations, in exact ones.
    """

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.cost = 0
        self._groups = _Groups()
        # None while all bonds are 1, and so every site is a centre of orthogonality.
        self._centre: int | None = None
        self._widened: set[int] = set()
        # Those of which the last factorisation was not a truncating one to the left.
        self._unfinished: set[int] = set()

    @property
    def n_groups(self) -> int:
        """How many groups of truncations there are."""
        return self._groups.number + 1

    def apply(self, this: Round, end: int) -> None:
        """Append a round that leaves the centre at one end of its sites."""
        first, last = this.sites
        far = last if end == first else first
        if self._centre is not None:
            self._move(min(max(self._centre, first), last))
        for operator in this.operators:
            self.instructions.append(operator)
            if operator.first < operator.last:
                self._widen(range(first + 1, last + 1))
                self._centre = end
                self._move(far)
        self._move(end, truncating=True)

    def finish(self) -> None:
        """Bring the centre to site 0, so that each bond was truncated last by a move to the left.

        Such a move gives every point the bond that it needs by itself.
        """
        if self._centre is not None:
            self._move(max({self._centre} | self._unfinished))
            self._move(0, truncating=True)

    def _widen(self, bonds: range) -> None:
        self._widened.update(bonds)
        self._unfinished.update(bonds)
        self._groups.disturb(bonds)

    def _move(self, site: int, truncating: bool = False) -> None:
        """Bring the centre to a site; bonds that were never widened need no truncation."""
        assert self._centre is not None
        while self._centre != site:
            opcode, step = (RIGHT, 1) if self._centre < site else (LEFT, -1)
            bond = max(self._centre, self._centre + step)
            self._factorise(opcode, bond, truncating and bond in self._widened)
            self._centre += step

    def _factorise(self, opcode: int, bond: int, truncating: bool) -> None:
        group = self._groups.of(bond) if truncating else EXACT
        site = bond - 1 if opcode == RIGHT else bond
        self.instructions.append(Factorisation(opcode, site, group))
        self.cost += TRUNCATION_COST if truncating else 1
        if truncating and opcode == LEFT:
            self._unfinished.discard(bond)
        elif bond in self._widened:
            self._unfinished.add(bond)


class _Groups:
    """Numbers the truncations, so that errors of one number are orthogonal to each other.

    A truncation at a bond keeps a subspace of the block to its left (and one of the block to its
    right: by the singular value decomposition either gives the same state). What was dropped stays
    orthogonal to that subspace, and what is left stays within it, as long as operators act inside
    the block or outside it, and further truncations are at bonds that are not to the left. So the
    bonds of a group are ascending, or descending with blocks to the right, and no operator has
    crossed any of them since.
    """

    def __init__(self) -> None:
        self.number = -1
        self._bonds: list[int] = []

    def of(self, bond: int) -> int:
        """Return the group of a new truncation."""
        bonds = [*self._bonds, bond]
        if not self._bonds or bonds not in (sorted(bonds), sorted(bonds, reverse=True)):
            self.number += 1
            bonds = [bond]
        self._bonds = bonds
        return self.number

    def disturb(self, bonds: range) -> None:
        """Note that an operator crosses some bonds."""
        if any(bond in bonds for bond in self._bonds):
            self._bonds = []
