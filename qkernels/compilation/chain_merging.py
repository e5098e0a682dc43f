"""Primitives → Pauli rotations and numeric matrices in layers, as few as it takes.

Rotations about the same word turn together wherever they can meet, and what does nothing to |0…0⟩
is left out. All is exact up to a global phase. Which operators of a chain they become lives in
`chain_operators`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeAlias

from qkernels.compilation.angles import Angle
from qkernels.compilation.primitives import (
    ControlledNot,
    Flip,
    PauliRotation,
    Primitive,
    Unitary,
)

Step: TypeAlias = PauliRotation | Unitary


def merged(steps: Iterable[Primitive]) -> list[list[Step]]:
    """Return steps that do the same to |0…0⟩ up to a global phase, layer by layer.

    Layers of steps on one qubit alternate with layers of steps on several, which all commute with
    each other; each step is in the earliest layer that it can reach.

    Parameters
    ----------
    steps : iterable of Primitive

    Returns
    -------
    list of list of PauliRotation or Unitary
        Words have their qubits in ascending order.

    Examples
    --------
    >>> words = [((0, "X"),), ((0, "X"), (1, "X")), ((0, "X"),)]
    >>> layers = merged(PauliRotation(word, Angle(0.3)) for word in words)
    >>> [[(step.word, step.angle.constant) for step in layer] for layer in layers]
    [[(((0, 'X'),), 0.6)], [(((0, 'X'), (1, 'X')), 0.3)]]
    """
    layers = _Layers()
    for step in steps:
        for part in _parts(step):
            layers.add(part)
    return [list(layer) for layer in layers]


def _parts(step: Primitive) -> Iterator[Step]:
    """Yield the rotations, or the matrix, that a primitive is."""
    if isinstance(step, PauliRotation):
        yield replace(step, word=tuple(sorted(step.word)))
    elif isinstance(step, Unitary):
        yield step
    elif isinstance(step, Flip):
        yield PauliRotation(((step.qubit, "X"),), Angle(math.pi))
    elif isinstance(step, ControlledNot):
        control, target, quarter = (step.control, "Z"), (step.target, "X"), Angle(math.pi / 2)
        yield PauliRotation(tuple(sorted((control, target))), -quarter)
        yield PauliRotation((control,), quarter)
        yield PauliRotation((target,), quarter)


class _Layer:
    """Steps in order, found by their qubits."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._by_qubit: dict[int, list[Step]] = {}

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps)

    def touching(self, qubits: Iterable[int]) -> Iterator[Step]:
        """Yield the steps on some qubits, on each the last first."""
        for qubit in qubits:
            yield from reversed(self._by_qubit.get(qubit, ()))

    def add(self, step: Step) -> None:
        self._steps.append(step)
        for qubit in step.qubits:
            self._by_qubit.setdefault(qubit, []).append(step)

    def remove(self, step: Step) -> None:
        self._steps = _without(step, self._steps)
        for qubit in step.qubits:
            self._by_qubit[qubit] = _without(step, self._by_qubit[qubit])


def _without(step: Step, steps: Iterable[Step]) -> list[Step]:
    return [other for other in steps if other is not step]


class _Layers:
    """Layers, grown step by step; those at even places hold steps on one qubit."""

    def __init__(self) -> None:
        self._layers: list[_Layer] = []

    def __iter__(self) -> Iterator[_Layer]:
        return iter(self._layers)

    def add(self, step: Step) -> None:
        """Add a step, or turn an equal rotation further."""
        if isinstance(step, PauliRotation):
            kept = [(q, letter) for q, letter in step.word if letter != "Z" or self._is_turned(q)]
            self._add_rotation(replace(step, word=tuple(kept)))
        else:
            self._place(step)

    def _is_turned(self, qubit: int) -> bool:
        """Return whether Z on a qubit may no longer leave the state as it is."""
        steps = (step for layer in self._layers for step in layer.touching([qubit]))
        return any(isinstance(step, Unitary) or (qubit, "Z") not in step.word for step in steps)

    def _add_rotation(self, step: PauliRotation) -> None:
        if not step.word or _is_whole_turn(step.angle):
            return
        if len(step.word) > 1 and step.angle.is_odd_half_turn:
            for factor in step.word:
                self._add_rotation(PauliRotation((factor,), Angle(math.pi)))
        elif equal := self._reachable_equal(step):
            layer, earlier = equal
            layer.remove(earlier)
            self._add_rotation(replace(step, angle=earlier.angle + step.angle))
        else:
            self._place(step)

    def _reachable_equal(self, step: PauliRotation) -> tuple[_Layer, PauliRotation] | None:
        """Return an earlier rotation about the same word that commutes with all that follows."""
        for layer in reversed(self._layers):
            for other in layer.touching(step.qubits):
                if isinstance(other, PauliRotation) and other.word == step.word:
                    return layer, other
                if not _commute(other, step):
                    return None
        return None

    def _place(self, step: Step) -> None:
        """Put a step into the earliest layer that it can reach."""
        place = self._last_obstacle(step)
        # The next layer of one qubit's steps, which have an order within it; or one further.
        place += place % 2 + (len(step.qubits) > 1)
        while len(self._layers) <= place:
            self._layers.append(_Layer())
        self._layers[place].add(step)

    def _last_obstacle(self, step: Step) -> int:
        """Return the last layer that a step cannot pass, -1 if there is none."""
        for place in range(len(self._layers) - 1, -1, -1):
            others = self._layers[place].touching(step.qubits)
            if not all(_commute(other, step) for other in others):
                return place
        return -1


def _is_whole_turn(angle: Angle) -> bool:
    """Return whether a rotation is a global phase, to rounding."""
    return angle.is_constant and abs(math.remainder(angle.constant, 2 * math.pi)) < 1e-15


def _commute(step: Step, other: Step) -> bool:
    """Return whether two steps that share a qubit are seen to commute."""
    if not (isinstance(step, PauliRotation) and isinstance(other, PauliRotation)):
        return False
    letters = dict(step.word)
    return sum(letters.get(q, letter) != letter for q, letter in other.word) % 2 == 0
