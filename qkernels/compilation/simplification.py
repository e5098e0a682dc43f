"""Primitives → fewer and more telling ones: CNOTs and flips that undo each other vanish.

CNOT, rotations, CNOT is how most circuits write rotations about longer words: written as those,
they show what commutes with what. All rules are exact up to a global phase. How primitives are
merged and laid out is not known here.
"""

from __future__ import annotations

import heapq
from bisect import insort
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeAlias

from qkernels.compilation.primitives import (
    ControlledNot,
    Flip,
    GlobalPhase,
    PauliRotation,
    Primitive,
    Unitary,
)

_Clifford: TypeAlias = Flip | ControlledNot
_LETTERS = {(0, 0): "I", (1, 0): "X", (1, 1): "Y", (0, 1): "Z"}
_BITS = {letter: bits for bits, letter in _LETTERS.items()}
# Two CNOTs cost as much as words that are longer by so many letters.
_LETTERS_WORTH_A_PAIR = 2


def simplified(steps: Iterable[Primitive]) -> list[Primitive]:
    """Return steps that do the same up to a global phase, with fewer CNOTs and flips.

    Where two equal CNOTs or flips have nothing between them but Pauli rotations and what commutes
    with them, they vanish and the rotations' words are conjugated, unless the words become longer
    by more letters than two CNOTs are worth. Ladders are opened from within. Global phases and
    rotations by 0 are dropped.

    Parameters
    ----------
    steps : iterable of Primitive

    Returns
    -------
    list of Primitive
        No `GlobalPhase` is among them.

    Examples
    --------
    >>> from qkernels.compilation.angles import Angle
    >>> cnot, turn = ControlledNot(0, 1), PauliRotation(((1, "Z"),), Angle(0.3))
    >>> [step.word for step in simplified([cnot, turn, cnot])]
    [((0, 'Z'), (1, 'Z'))]
    """
    kept = _Steps()
    for step in steps:
        if isinstance(step, GlobalPhase) or (
            isinstance(step, PauliRotation) and step.angle.is_zero
        ):
            continue
        if not (isinstance(step, _Clifford) and kept.undo(step)):
            kept.append(step)
    return list(kept)


class _Steps:
    """Steps in order, found by their qubits."""

    def __init__(self) -> None:
        self._steps: list[Primitive | None] = []
        # In ascending order, for each qubit.
        self._places: dict[int, list[int]] = {}

    def __iter__(self) -> Iterator[Primitive]:
        return (step for step in self._steps if step is not None)

    def append(self, step: Primitive) -> None:
        self._steps.append(None)
        self._put(len(self._steps) - 1, step)

    def undo(self, step: _Clifford) -> bool:
        """Cancel a step with an equal one before it, if that is possible."""
        changed: dict[int, PauliRotation] = {}
        growth = 0
        for place in self._backwards(step.qubits):
            earlier = self._steps[place]
            if type(earlier) is type(step) and earlier.qubits == step.qubits:
                break
            if isinstance(earlier, PauliRotation):
                changed[place] = conjugated(earlier, step)
                growth += len(changed[place].word) - len(earlier.word)
            elif not _commute(earlier, step):
                return False
        else:
            return False
        if growth > _LETTERS_WORTH_A_PAIR:
            return False
        self._put(place, None)
        for other, rotation in changed.items():
            self._put(other, rotation)
        return True

    def _backwards(self, qubits: tuple[int, ...]) -> Iterator[int]:
        """Yield the places of what acts on some of the qubits, the last first."""
        previous = None
        each = (reversed(self._places.get(qubit, [])) for qubit in qubits)
        for place in heapq.merge(*each, reverse=True):
            if place != previous:
                yield place
            previous = place

    def _put(self, place: int, step: Primitive | None) -> None:
        """Put a step in the place of another one, or nothing."""
        before, after = (() if s is None else s.qubits for s in (self._steps[place], step))
        self._steps[place] = step
        for qubit in set(before) - set(after):
            self._places[qubit].remove(place)
        for qubit in set(after) - set(before):
            insort(self._places.setdefault(qubit, []), place)


def conjugated(rotation: PauliRotation, step: _Clifford) -> PauliRotation:
    """Return the rotation that is `step`, `rotation`, `step` in a row.

    The images of words under a CNOT are those of Aaronson and Gottesman, Phys. Rev. A 70, 052328
    (2004), section III.

    Examples
    --------
    >>> from qkernels.compilation.angles import Angle
    >>> turn = conjugated(PauliRotation(((0, "X"), (1, "Z")), Angle(0.3)), ControlledNot(0, 1))
    >>> turn.word, turn.angle.constant
    (((0, 'Y'), (1, 'Y')), -0.3)
    """
    letters = dict(rotation.word)
    if isinstance(step, Flip):
        turned = letters.get(step.qubit) in ("Y", "Z")
        return replace(rotation, angle=-rotation.angle) if turned else rotation
    x_c, z_c = _BITS[letters.get(step.control, "I")]
    x_t, z_t = _BITS[letters.get(step.target, "I")]
    letters[step.control] = _LETTERS[x_c, z_c ^ z_t]
    letters[step.target] = _LETTERS[x_t ^ x_c, z_t]
    word = tuple(sorted((q, letter) for q, letter in letters.items() if letter != "I"))
    negative = bool(x_c and z_t and x_t == z_c)
    return replace(rotation, word=word, angle=-rotation.angle if negative else rotation.angle)


def _commute(earlier: Primitive | None, step: _Clifford) -> bool:
    """Return whether two steps that share a qubit, no rotations, are seen to commute."""
    if earlier is None or isinstance(earlier, Unitary | GlobalPhase | PauliRotation):
        return False
    controls = {s.control for s in (earlier, step) if isinstance(s, ControlledNot)}
    targets = {s.target if isinstance(s, ControlledNot) else s.qubit for s in (earlier, step)}
    return not controls & targets
