"""The few kinds of step that every circuit is made of, and their controlled forms.

Qubits are numbers here. What a Cirq gate is made of lives in `decomposition`; how steps become
loops, in `layering`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import scipy.linalg

from qkernels.compilation.angles import Angle


@dataclass(frozen=True)
class PauliRotation:
    """exp(-i angle/2 · P) for the Pauli word P.

    Parameters
    ----------
    word : tuple of (int, str)
        Qubit and letter ("X", "Y" or "Z") of each factor, qubits distinct.
    angle : Angle
    conjugation : bool
        One of a pair that undo each other when what is between them does nothing, so that a
        control need not be put on it.
    """

    word: tuple[tuple[int, str], ...]
    angle: Angle
    conjugation: bool = False

    @property
    def qubits(self) -> tuple[int, ...]:
        """The qubits it acts on."""
        return tuple(qubit for qubit, _ in self.word)


@dataclass(frozen=True)
class GlobalPhase:
    """Multiplication by exp(i angle): seen only under a control."""

    angle: Angle
    qubits: tuple[int, ...] = ()


@dataclass(frozen=True)
class Flip:
    """X on one qubit."""

    qubit: int

    @property
    def qubits(self) -> tuple[int, ...]:
        """The qubit it acts on."""
        return (self.qubit,)


@dataclass(frozen=True)
class ControlledNot:
    """X on the target where the control is 1."""

    control: int
    target: int
    conjugation: bool = False

    @property
    def qubits(self) -> tuple[int, ...]:
        """The qubits it acts on."""
        return (self.control, self.target)


@dataclass(frozen=True, eq=False)
class Unitary:
    """A numeric matrix on a few qubits, the first of them most significant."""

    qubits: tuple[int, ...]
    matrix: np.ndarray
    conjugation: bool = False


Primitive: TypeAlias = PauliRotation | GlobalPhase | Flip | ControlledNot | Unitary


def renumbered(step: Primitive, places: Mapping[int, int]) -> Primitive:
    """Return a step with its qubits renamed."""
    if isinstance(step, PauliRotation):
        return replace(step, word=tuple((places[q], letter) for q, letter in step.word))
    if isinstance(step, ControlledNot):
        return replace(step, control=places[step.control], target=places[step.target])
    if isinstance(step, Flip):
        return Flip(places[step.qubit])
    return replace(step, qubits=tuple(places[q] for q in step.qubits))


def walsh_coefficients(values: np.ndarray) -> np.ndarray:
    """Return c with values[b] = Σ_m c[m] (-1)^parity(b & m), along the last axis.

    Examples
    --------
    >>> walsh_coefficients(np.array([1.0, 0.0]))
    array([0.5, 0.5])
    """
    coefficients = np.array(values, dtype=float)
    size = coefficients.shape[-1]
    step = 1
    while step < size:
        pairs = coefficients.reshape(*coefficients.shape[:-1], -1, 2, step)
        low, high = pairs[..., 0, :].copy(), pairs[..., 1, :].copy()
        pairs[..., 0, :], pairs[..., 1, :] = low + high, low - high
        step *= 2
    return coefficients / size


def _subset(qubits: tuple[int, ...], mask: int) -> frozenset[int]:
    """Return the qubits set in `mask`; the first qubit is the most significant bit."""
    last = len(qubits) - 1
    return frozenset(q for i, q in enumerate(qubits) if (mask >> (last - i)) & 1)


@dataclass(frozen=True)
class Controls:
    """Control qubits and the joint values for which the controlled steps happen.

    Parameters
    ----------
    qubits : tuple of int
    values : frozenset of tuple of int
        Accepted values of all control qubits, each 0 or 1.
    """

    qubits: tuple[int, ...]
    values: frozenset[tuple[int, ...]]

    def with_qubit(self, qubit: int) -> Controls:
        """Return these controls with one more, on the value 1."""
        return Controls((*self.qubits, qubit), frozenset((*v, 1) for v in self.values))

    def parities(self) -> Iterator[tuple[frozenset[int], float]]:
        """Yield the parities, with coefficients, whose sum is 1 when accepted, 0 otherwise."""
        accepted = np.zeros(2 ** len(self.qubits))
        for value in self.values:
            accepted[int("".join(map(str, value)), 2)] = 1.0
        for mask, coefficient in enumerate(walsh_coefficients(accepted)):
            if coefficient:
                yield _subset(self.qubits, mask), coefficient


def parity_phase(qubits: Iterable[int], angle: Angle) -> Primitive:
    """Return multiplication by exp(i angle (-1)^(sum of the qubits' values))."""
    word = tuple((qubit, "Z") for qubit in sorted(qubits))
    return PauliRotation(word, -2.0 * angle) if word else GlobalPhase(angle)


def diagonal(qubits: tuple[int, ...], angles: list[Angle]) -> Iterator[Primitive]:
    """Yield multiplication of basis state b by exp(i angles[b]), first qubit most significant."""
    symbols = sorted({s for angle in angles for s in angle.terms})
    table = np.array([[a.constant, *(a.terms.get(s, 0.0) for s in symbols)] for a in angles])
    for mask, (constant, *rest) in enumerate(walsh_coefficients(table.T).T):
        terms = zip(symbols, rest, strict=True)
        angle = Angle(float(constant), {s: float(c) for s, c in terms if abs(c) > 1e-15})
        if not angle.is_zero:
            yield parity_phase(_subset(qubits, mask), angle)


def spectral(unitary: Unitary) -> tuple[np.ndarray, np.ndarray]:
    """Return V and φ with U = V diag(exp(iφ)) V†."""
    triangle, vectors = scipy.linalg.schur(unitary.matrix, output="complex")
    return vectors, np.angle(np.diag(triangle))


def controlled(steps: Iterable[Primitive], controls: Controls) -> Iterator[Primitive]:
    """Yield the controlled form of each step."""
    for step in steps:
        if getattr(step, "conjugation", False):
            yield step
        elif isinstance(step, GlobalPhase):
            for qubits, coefficient in controls.parities():
                yield parity_phase(qubits, coefficient * step.angle)
        elif isinstance(step, PauliRotation):
            yield from _controlled_rotation(step, controls)
        elif isinstance(step, Flip):
            yield from _controlled_flip(step.qubit, controls)
        elif isinstance(step, ControlledNot):
            yield from _controlled_flip(step.target, controls.with_qubit(step.control))
        else:
            yield from _controlled_unitary(step, controls)


def _controlled_rotation(step: PauliRotation, controls: Controls) -> Iterator[Primitive]:
    """Turn the word into Z's, where a control only adds parities, and back."""
    quarter = Angle(math.pi / 2)
    to_z = {"X": ("Y", -quarter), "Y": ("X", quarter)}
    basis = [
        PauliRotation(((q, to_z[letter][0]),), to_z[letter][1], conjugation=True)
        for q, letter in step.word
        if letter != "Z"
    ]
    yield from basis
    for qubits, coefficient in controls.parities():
        yield parity_phase(qubits.union(step.qubits), -0.5 * coefficient * step.angle)
    for change in basis:
        yield replace(change, angle=-change.angle)


def _controlled_flip(target: int, controls: Controls) -> Iterator[Primitive]:
    if len(controls.qubits) == 1 and len(controls.values) == 1:
        yield ControlledNot(controls.qubits[0], target)
        if (0,) in controls.values:
            yield Flip(target)
        return
    half = Angle(math.pi)
    yield from controlled(
        [PauliRotation(((target, "X"),), half), GlobalPhase(0.5 * half)], controls
    )


def _controlled_unitary(step: Unitary, controls: Controls) -> Iterator[Primitive]:
    vectors, phases = spectral(step)
    yield Unitary(step.qubits, vectors.conj().T, conjugation=True)
    angles = [Angle(float(phase)) for phase in phases]
    yield from controlled(diagonal(step.qubits, angles), controls)
    yield Unitary(step.qubits, vectors, conjugation=True)
