"""When the operators of a chain are applied, and how its tensors are factorised between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from qkernels.compilation.chain_operators import Operator

APPLY, RIGHT, LEFT = range(3)
EXACT = -1


@dataclass(frozen=True)
class Factorisation:
    """`RIGHT` or `LEFT` at a site; see `ChainProgram.instructions`."""

    opcode: int
    site: int
    group: int


Instruction: TypeAlias = Operator | Factorisation


class Schedule:
    """Instructions, and where the centre of orthogonality is after them.

    Parameters
    ----------
    n_sites : int

    Attributes
    ----------
    instructions : list of Operator or Factorisation
    n_groups : int
    """

    def __init__(self, n_sites: int) -> None:
        self.instructions: list[Instruction] = []
        self.n_groups = 0
        self._n_sites = n_sites
        self._centre = 0

    def apply(self, operator: Operator) -> None:
        """Append an operator, and truncate the bonds that it widens."""
        first, last = operator.first, operator.last
        if first < last:
            self._move(min(max(self._centre, first), last))
        self.instructions.append(operator)
        if first < last:
            self._centre = last
            self._move(first)
            self._move(last, self._new_group())

    def end(self) -> None:
        """Truncate all bonds from right to left."""
        self._move(self._n_sites - 1)
        self._move(0, self._new_group())

    def _new_group(self) -> int:
        self.n_groups += 1
        return self.n_groups - 1

    def _move(self, site: int, group: int = EXACT) -> None:
        """Bring the centre to a site."""
        while self._centre < site:
            self.instructions.append(Factorisation(RIGHT, self._centre, group))
            self._centre += 1
        while self._centre > site:
            self.instructions.append(Factorisation(LEFT, self._centre, group))
            self._centre -= 1


def schedule(operators: Iterable[Operator], n_sites: int) -> Schedule:
    """Return instructions that apply operators in their order."""
    result = Schedule(n_sites)
    for operator in operators:
        result.apply(operator)
    result.end()
    return result
