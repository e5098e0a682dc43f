"""Which steps a number can see: all others may be left out, exactly.

An expectation value sees the light cone of its word; a fidelity sees what does not cancel between
two points. Everything is decided on the primitives, before they are merged; sets of steps and of
qubits are the bits of Python integers. How what is left runs is not known here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from qkernels.compilation.primitives import (
    ControlledNot,
    Flip,
    PauliRotation,
    Primitive,
    Unitary,
)

Word: TypeAlias = tuple[tuple[int, str], ...]

# What a register, a step and a word cost beside the register's amplitudes, in amplitudes that a
# step visits at a point: a call, spread over some hundred points, an angle's sine, and a sum. For a
# word an amplitude costs twice what it does for a step.
_REGISTER, _STEP, _WORD = 6000, 150, 60


class Cone(NamedTuple):
    """Some steps and the qubits that they act on, as sets of bits.

    Attributes
    ----------
    steps, qubits : int
        Bit k of `steps` is the circuit's step k.
    """

    steps: int
    qubits: int

    def __or__(self, other: Cone) -> Cone:
        return Cone(self.steps | other.steps, self.qubits | other.qubits)

    def contains(self, other: Cone) -> bool:
        """Return whether all of another cone is in this one."""
        return self | other == self

    @property
    def n_qubits(self) -> int:
        """Number of qubits."""
        return self.qubits.bit_count()


def bits(mask: int) -> Iterator[int]:
    """Yield the places of the bits that are set, in ascending order.

    Examples
    --------
    >>> list(bits(0b1101))
    [0, 2, 3]
    """
    while mask:
        yield (mask & -mask).bit_length() - 1
        mask &= mask - 1


class LightCones:
    """The light cones of Pauli words behind a circuit.

    Parameters
    ----------
    steps : sequence of Primitive
        None of them a `GlobalPhase`.
    n_qubits : int

    Examples
    --------
    >>> from qkernels.compilation.angles import Angle
    >>> steps = [PauliRotation(((q, "X"),), Angle(0.3)) for q in range(3)]
    >>> cone = LightCones([*steps, ControlledNot(0, 1)], 3).letter(1, "Z")
    >>> list(bits(cone.steps)), list(bits(cone.qubits))
    ([0, 1, 3], [0, 1])
    """

    def __init__(self, steps: Sequence[Primitive], n_qubits: int) -> None:
        self._n_qubits = n_qubits
        self._steps = [_Step(step, n_qubits) for step in steps]
        self._letters: dict[tuple[int, str], Cone] = {}

    def letter(self, qubit: int, letter: str) -> Cone:
        """Return the cone of one Pauli letter on one qubit, which is always among its qubits."""
        found = self._letters.get((qubit, letter))
        if found is None:
            found = self._letters[qubit, letter] = self._cone(qubit, letter)
        return found

    def parts(self, word: Word) -> list[tuple[Cone, Word]]:
        """Return the unconnected parts of a word's cone, each with its part of the word.

        The cone of a word is the union of its letters' cones: what can be left out for one letter
        can be left out whatever else is. The word's value is the product of its parts' values.
        """
        parts: list[tuple[Cone, Word]] = []
        for qubit, letter in word:
            cone = self.letter(qubit, letter)
            part: Word = ((qubit, letter),)
            for other in [p for p in parts if p[0].qubits & cone.qubits]:
                parts.remove(other)
                cone, part = cone | other[0], tuple(sorted(part + other[1]))
            parts.append((cone, part))
        return parts

    def _cone(self, qubit: int, letter: str) -> Cone:
        """Go backwards with generators of an algebra that the evolved letter stays in.

        What commutes with all of them commutes with the letter. A rotation that does not adds its
        word to them; a Clifford step maps them.
        """
        n = self._n_qubits
        algebra = _Algebra()
        algebra.add(_vector(((qubit, letter),), n))
        # Qubits of which all words are in the algebra: steps on these alone change nothing in it.
        kept, qubits, whole = 0, 1 << qubit, 0
        for k in range(len(self._steps) - 1, -1, -1):
            if len(algebra) == 2 * n:
                # Nothing commutes with all words.
                return Cone(kept | (2 << k) - 1, (1 << n) - 1)
            step = self._steps[k]
            if step.qubits and not step.qubits & ~whole:
                kept |= 1 << k
            elif not algebra.commutes_with(step.duals):
                kept |= 1 << k
                qubits |= step.qubits
                step.extend(algebra)
                whole = whole & ~step.qubits | algebra.whole(step.qubits, n)
        return Cone(kept, qubits)


class Register(NamedTuple):
    """A cone that runs, and the cones whose words are measured on it.

    Attributes
    ----------
    cone : Cone
    members : tuple of Cone
        All of them are in `cone`.
    n_words : int
    """

    cone: Cone
    members: tuple[Cone, ...]
    n_words: int

    def joined_with(self, other: Register) -> Register:
        """Return one register for the words of both."""
        members, n_words = self.members + other.members, self.n_words + other.n_words
        return Register(self.cone | other.cone, members, n_words)

    @property
    def cost(self) -> int:
        """About how many amplitudes are visited at a point."""
        size, n_steps = 1 << self.cone.n_qubits, self.cone.steps.bit_count()
        return _REGISTER + n_steps * (_STEP + size) + self.n_words * (_WORD + 2 * size)


def registers(cones: Iterable[Cone]) -> list[Register]:
    """Return few registers that together cost little, for a cone a word.

    Two are joined where one register costs no more than two.
    """
    found = [Register(cone, (cone,), n_words) for cone, n_words in Counter(cones).items()]
    joined = _joined(found)
    while len(joined) < len(found):
        found, joined = joined, _joined(joined)
    return joined


def _joined(registers: Iterable[Register]) -> list[Register]:
    """Join each register with the one before it with which it costs least, if it pays."""
    found: list[Register] = []
    for register in sorted(registers, key=lambda r: (r.cone.qubits & -r.cone.qubits, r.cone)):
        more = [other.joined_with(register).cost - other.cost for other in found]
        if more and min(more) <= register.cost:
            best = more.index(min(more))
            found[best] = found[best].joined_with(register)
        else:
            found.append(register)
    return found


def seen_by_fidelities(
    steps: Sequence[Primitive], varies: Callable[[Primitive], bool], n_qubits: int
) -> list[Primitive]:
    """Return the steps on which fidelities between points depend.

    What all points share cancels at the end: there, all that commutes with every step behind it
    that is kept. A part of which no step differs from point to point is the same state on both
    sides.

    Parameters
    ----------
    steps : sequence of Primitive
        None of them a `GlobalPhase`.
    varies : callable
        Whether a step differs from point to point.
    n_qubits : int
    """
    algebra = _Algebra()
    kept: list[Primitive] = []
    for step in reversed(steps):
        found = _Step(step, n_qubits)
        if varies(step) or not algebra.commutes_with(found.duals):
            kept.append(step)
            for word in found.words:
                algebra.add(word)
    kept.reverse()
    varying = {qubit for step in kept if varies(step) for qubit in step.qubits}
    parts = [part for part in connected(kept, n_qubits) if varying.intersection(part)]
    reached = {qubit for part in parts for qubit in part}
    return [step for step in kept if step.qubits[0] in reached]


def connected(steps: Iterable[Primitive], n_qubits: int) -> list[tuple[int, ...]]:
    """Return the qubits of each connected part, in order of the first."""
    part = {q: {q} for q in range(n_qubits)}
    for step in steps:
        first, *rest = step.qubits
        for qubit in rest:
            if part[qubit] is not part[first]:
                part[first] |= part[qubit]
                for member in part[qubit]:
                    part[member] = part[first]
    return sorted({tuple(sorted(members)) for members in part.values()})


# -- Pauli words as vectors over GF(2): bit q is an X on qubit q, bit n + q a Z.


def _vector(word: Word, n_qubits: int) -> int:
    x = sum(1 << q for q, letter in word if letter != "Z")
    z = sum(1 << q for q, letter in word if letter != "X")
    return x | z << n_qubits


class _Algebra:
    """Generators of an algebra of Pauli words, independent of each other."""

    def __init__(self) -> None:
        # By length in bits, as in Gaussian elimination.
        self._generators: dict[int, int] = {}
        self._support = 0

    def __len__(self) -> int:
        return len(self._generators)

    def commutes_with(self, duals: Iterable[int]) -> bool:
        """Return whether words, X and Z exchanged, commute with all generators."""
        for dual in duals:
            if dual & self._support:
                for generator in self._generators.values():
                    if (generator & dual).bit_count() & 1:
                        return False
        return True

    def add(self, word: int) -> None:
        """Add a generator, unless it is a product of the others."""
        self._support |= word
        if rest := self._rest(word):
            self._generators[rest.bit_length()] = rest

    def _rest(self, word: int) -> int:
        """Return what no product of generators takes off a word."""
        while word and (other := self._generators.get(word.bit_length())):
            word ^= other
        return word

    def whole(self, qubits: int, n_qubits: int) -> int:
        """Return those of some qubits of which all words are in the algebra."""
        found = 0
        for qubit in bits(qubits):
            if not self._rest(1 << qubit) and not self._rest(1 << n_qubits + qubit):
                found |= 1 << qubit
        return found

    def replace(self, image: Callable[[int], int]) -> None:
        """Replace each generator by its image."""
        words = list(map(image, self._generators.values()))
        self._generators, self._support = {}, 0
        for word in words:
            self.add(word)


class _Step:
    """What a step commutes with, and what it makes of an algebra.

    Attributes
    ----------
    qubits : int
        A set of bits.
    words, duals : list of int
        Words that generate an algebra with the step in it, and these with X and Z exchanged.
    """

    def __init__(self, step: Primitive, n_qubits: int) -> None:
        self._step = step
        self.qubits = sum(1 << qubit for qubit in step.qubits)
        self.words = [_vector(word, n_qubits) for word in _generators(step)]
        low = (1 << n_qubits) - 1
        self.duals = [word >> n_qubits | (word & low) << n_qubits for word in self.words]

    def extend(self, algebra: _Algebra) -> None:
        """Make an algebra one that holds U†AU for each of its elements A, up to a sign."""
        if isinstance(self._step, ControlledNot):
            algebra.replace(self._controlled_not)
        elif isinstance(self._step, Unitary):
            for word in self.words:
                algebra.add(word)
        elif isinstance(self._step, PauliRotation) and not _is_pauli(self._step):
            if _is_clifford(self._step):
                algebra.replace(self._quarter_turn)
            else:
                algebra.add(self.words[0])

    def _quarter_turn(self, word: int) -> int:
        return word ^ self.words[0] if (word & self.duals[0]).bit_count() & 1 else word

    def _controlled_not(self, word: int) -> int:
        (z_control, x_target), (x_control, z_target) = self.words, self.duals
        return word ^ (x_target if word & x_control else 0) ^ (z_control if word & z_target else 0)


def _generators(step: Primitive) -> list[Word]:
    if isinstance(step, PauliRotation):
        return [step.word]
    if isinstance(step, Flip):
        return [((step.qubit, "X"),)]
    if isinstance(step, ControlledNot):
        return [((step.control, "Z"),), ((step.target, "X"),)]
    return [((qubit, letter),) for qubit in step.qubits for letter in "XZ"]


def _is_pauli(rotation: PauliRotation) -> bool:
    return rotation.angle.is_odd_half_turn


def _is_clifford(rotation: PauliRotation) -> bool:
    return (2.0 * rotation.angle).is_odd_half_turn
