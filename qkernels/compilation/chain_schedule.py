"""When the operators of a chain are applied, and how its tensors are factorised between them.

The order of operators is free where they commute, so they are applied in sweeps to the right and
to the left in turn: within one, no operator starts before the end of the one before it. The centre
of orthogonality then moves little, and the errors of all truncations of a sweep are orthogonal to
each other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from qkernels.compilation.chain_layers import Layer
from qkernels.compilation.chain_operators import Operator

APPLY, RIGHT, LEFT, LAYER = range(4)
EXACT, UNNUMBERED = -1, -2
# What a truncating factorisation costs, in exact ones.
TRUNCATION_COST = 3


@dataclass(frozen=True)
class Factorisation:
    """`RIGHT` or `LEFT` at a site; see `ChainProgram.instructions`."""

    opcode: int
    site: int
    group: int = EXACT

    @property
    def bond(self) -> int:
        """The bond that the centre crosses, named by the site to its right."""
        return self.site + 1 if self.opcode == RIGHT else self.site


Step: TypeAlias = Operator | Layer
Instruction: TypeAlias = Step | Factorisation


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

    operators: tuple[Step, ...]
    rightwards: bool

    @property
    def sites(self) -> tuple[int, int]:
        """The first and the last site."""
        return self.operators[0].sites

    def distance(self, site: int) -> int:
        """Return how far a site is from these."""
        first, last = self.sites
        return max(first - site, site - last, 0)

    def end(self, after: Round | None) -> int:
        """Return the end at which the centre is best left for the next round, or for site 0.

        A layer leaves it at the last site.
        """
        if isinstance(self.operators[0], Layer):
            return self.sites[1]
        ends = reversed(self.sites) if self.rightwards else self.sites
        return min(ends, key=lambda site: after.distance(site) if after else site)


def schedule(operators: Sequence[Step]) -> tuple[list[Instruction], int]:
    """Return instructions that do what operators do in their order, and the number of groups.

    The first sweep goes to the right or to the left, whichever makes the instructions cheaper.
    """
    plans = [_planned(operators, rightwards) for rightwards in (True, False)]
    return min(plans, key=lambda plan: (_cost(plan[0]), plan[1]))


def _planned(operators: Sequence[Step], rightwards: bool) -> tuple[list[Instruction], int]:
    queue = _Queue(operators)
    walk = _Walk(queue.take_of_one_site())
    rounds = list(_rounds(queue, rightwards))
    for this, after in itertools.zip_longest(rounds, rounds[1:]):
        walk.apply(this, this.end(after))
    walk.finish()
    groups = _Groups()
    return [groups.numbered(instruction) for instruction in walk.instructions], groups.number + 1


def _cost(instructions: Sequence[Instruction]) -> int:
    """Return the cost of all factorisations, in exact ones."""
    groups = [i.group for i in instructions if isinstance(i, Factorisation)]
    return sum(1 if group == EXACT else TRUNCATION_COST for group in groups)


def _rounds(queue: _Queue, rightwards: bool) -> Iterator[Round]:
    """Yield the rounds of sweeps in turn, until nothing is left."""
    while queue:
        position = -math.inf if rightwards else math.inf
        while (sites := queue.next_sites(position, rightwards)) is not None:
            first, last = sites
            taken = [queue.take(sites), *queue.take_of_one_site()]
            while last == first + 1 and queue.has(sites):
                taken += [queue.take(sites), *queue.take_of_one_site()]
            yield Round(tuple(taken), rightwards)
            position = last if rightwards else first
        rightwards = not rightwards


class _Queue:
    """Operators, each ready when all that it has to follow are taken.

    Of two operators that have different letters at a site, the later one has to follow.
    """

    def __init__(self, operators: Sequence[Step]) -> None:
        self._operators = operators
        self._followers: list[list[int]] = [[] for _ in operators]
        self._n_waiting = [len(earlier) for earlier in self._link()]
        # The ready ones, by their first and last site.
        self._of_one: list[int] = []
        self._of_several: dict[tuple[int, int], list[int]] = {}
        for number, n_waiting in enumerate(self._n_waiting):
            if n_waiting == 0:
                self._add(number)

    def __bool__(self) -> bool:
        return bool(self._of_several)

    def has(self, sites: tuple[int, int]) -> bool:
        """Return whether an operator from one site to another is ready."""
        return sites in self._of_several

    def next_sites(self, position: float, rightwards: bool) -> tuple[int, int] | None:
        """Return the next sites of a sweep that has come to a position, the fewest of these."""
        if rightwards:
            reachable = (sites for sites in self._of_several if sites[0] >= position)
            return min(reachable, default=None)
        reachable = (sites for sites in self._of_several if sites[1] <= position)
        return max(reachable, key=lambda sites: sites[::-1], default=None)

    def take(self, sites: tuple[int, int]) -> Step:
        """Take a ready operator on these sites."""
        numbers = self._of_several[sites]
        number = numbers.pop(0)
        if not numbers:
            del self._of_several[sites]
        return self._release(number)

    def take_of_one_site(self) -> list[Step]:
        """Take all operators on one site that are ready, or that these make ready."""
        taken = []
        while self._of_one:
            taken.append(self._release(self._of_one.pop(0)))
        return taken

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

    def _release(self, number: int) -> Step:
        """Return an operator, and let go what waits for it."""
        for follower in self._followers[number]:
            self._n_waiting[follower] -= 1
            if self._n_waiting[follower] == 0:
                self._add(follower)
        return self._operators[number]

    def _add(self, number: int) -> None:
        sites = self._operators[number].sites
        if sites[0] == sites[1]:
            self._of_one.append(number)
        else:
            self._of_several.setdefault(sites, []).append(number)


class _Walk:
    """Instructions, and where the centre of orthogonality is after them.

    Truncations are not numbered yet.

    Parameters
    ----------
    start : list of Operator
        On one site each.

    Attributes
    ----------
    instructions : list of Operator, Layer or Factorisation
    """

    def __init__(self, start: Sequence[Step]) -> None:
        self.instructions: list[Instruction] = list(start)
        # None while all bonds are 1, and so every site is a centre of orthogonality.
        self._centre: int | None = None
        self._widened: set[int] = set()

    def apply(self, this: Round, end: int) -> None:
        """Append a round that leaves the centre at one end of its sites."""
        first, last = this.sites
        far = last if end == first else first
        layer = isinstance(this.operators[0], Layer)
        if self._centre is not None:
            self._move(first if layer else min(max(self._centre, first), last))
        for operator in this.operators:
            self.instructions.append(operator)
            if isinstance(operator, Layer):
                self._widened.update(range(first + 1, last + 1))
                self._centre = last
            elif operator.sites[0] < operator.sites[1]:
                self._widened.update(range(first + 1, last + 1))
                self._centre = end
                self._move(far)
        self._move(end, UNNUMBERED)

    def finish(self) -> None:
        """Bring the centre to site 0, and let each bond's last factorisation truncate it.

        That is a move to the left everywhere, and leaves each point the bond that it needs.
        """
        if self._centre is None:
            return
        self._move(0)
        places = enumerate(self.instructions)
        last = {i.bond: (place, i) for place, i in places if isinstance(i, Factorisation)}
        for bond in self._widened:
            place, factorisation = last[bond]
            self.instructions[place] = replace(factorisation, group=UNNUMBERED)

    def _move(self, site: int, group: int = EXACT) -> None:
        """Bring the centre to a site."""
        assert self._centre is not None
        while self._centre < site:
            self.instructions.append(Factorisation(RIGHT, self._centre, group))
            self._centre += 1
        while self._centre > site:
            self.instructions.append(Factorisation(LEFT, self._centre, group))
            self._centre -= 1


class _Groups:
    """Numbers the truncations, so that errors of one number are orthogonal to each other.

    A truncation to the right keeps a subspace of the block to the left of its bond, one to the left
    a subspace of the block to the right. What was dropped stays orthogonal to that subspace, and
    what is left stays within it, as long as operators act inside the block or outside it, and
    further truncations do so too, or keep a subspace of a block that contains it. So within a group
    bonds are not to the left of those truncated to the right, nor to the right of those truncated
    to the left, and no operator has crossed any of them since.
    """

    def __init__(self) -> None:
        self.number = -1
        self._start()

    def _start(self) -> None:
        """Forget the group's bonds, and where the next ones have to be."""
        self._bonds: list[int] = []
        self._least, self._most = 0.0, math.inf

    def numbered(self, instruction: Instruction) -> Instruction:
        """Return an instruction, a truncating one with its group."""
        if isinstance(instruction, Layer):
            self.number += 1
            self._start()
            return replace(instruction, group=self.number)
        if isinstance(instruction, Operator):
            crossed = range(instruction.sites[0] + 1, instruction.sites[1] + 1)
            if any(bond in crossed for bond in self._bonds):
                self._start()
        elif instruction.group != EXACT:
            return replace(instruction, group=self._group(instruction))
        return instruction

    def _group(self, truncation: Factorisation) -> int:
        bond = truncation.bond
        if not self._bonds or not self._least <= bond <= self._most:
            self.number += 1
            self._start()
        self._bonds.append(bond)
        if truncation.opcode == RIGHT:
            self._least = bond
        else:
            self._most = bond
        return self.number
