"""Primitives → the program of a matrix product state: the tables that the loops of chains read.

What the instructions do to tensors lives in `qkernels.loops`; a plain twin of it, in the tests.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from qkernels.compilation.angles import Angle, AngleMap
from qkernels.compilation.chain_layers import Layer
from qkernels.compilation.chain_merging import merged
from qkernels.compilation.chain_operators import (
    COSINE,
    MATRIX,
    PASS,
    PROJECT,
    TURN,
    WORD,
    Factor,
    Operator,
)
from qkernels.compilation.chain_order import chain_order
from qkernels.compilation.chain_schedule import (
    APPLY,
    LAYER,
    LEFT,
    RIGHT,
    Instruction,
    Step,
    schedule,
)
from qkernels.compilation.chain_stars import joined
from qkernels.compilation.primitives import Primitive, renumbered

__all__ = [
    "APPLY",
    "COSINE",
    "LAYER",
    "LEFT",
    "MATRIX",
    "PASS",
    "PROJECT",
    "RIGHT",
    "TURN",
    "WORD",
    "Chain",
    "ChainProgram",
    "compile_chain",
]

# Bonds beyond are all the same: no memory holds them.
LARGEST = 2**62


class ChainProgram(NamedTuple):
    """Tables of a matrix product state's evolution from |0…0⟩, with all bonds 1.

    The tensor of a site has the axes left bond, spin and right bond. A factor W, of axes left
    branch, new spin, old spin and right branch, makes of the tensor A

        T[(a, b), s', (c, d)] = Σ_s W[b, s', s, d] A[a, s, c],

    bond indices being a · left width + b and c · right width + d. All kinds but `MATRIX` have
    b = d where both run, and are then one 2 × 2 matrix a branch; where neither runs, that of branch
    0. With φ the slot's value, half of a gate's angle, and P the letter, the branches' matrices are

        TURN     exp(-iφP)  exp(+iφP)
        PROJECT  (I + P)/2  (I - P)/2
        PASS     I          I
        COSINE   cos φ I    -i sin φ P
        WORD     I          P

    Attributes
    ----------
    instructions : (n, 3) array of int64
        `APPLY`, first, end: multiply the operator of the factors first … end - 1, which are on
        consecutive sites, onto the state. `RIGHT`, site, group: factorise the tensor, of rows
        (left bond, spin) and columns (right bond), into orthonormal columns, which stay, times a
        rest, which goes into the next tensor. `LEFT`, site, group: factorise it, of rows (left
        bond) and columns (spin, right bond), into a rest, which goes into the tensor before, times
        orthonormal rows, which stay. The group is -1 where the factorisation is exact; else
        vectors may be dropped, and the squared norm of what they held is added to that group's
        weight. The errors of a group are orthogonal to each other, so that their squares add.
    factors : (n, 7) array of int64
        Site, kind, letter (0 I, 1 X, 2 Y, 3 Z), slot or -1, place in `matrices_re` and
        `matrices_im` or -1, left width, right width.
    matrices_re, matrices_im : (n,) arrays of float64
        The entries of the factors of kind `MATRIX`, in C order.
    layers : (n, 9) array of int64
        The sites of each layer of couplings exp(-iφ Z Z), one after another, from the first to the
        last: site, last site, reach of the couplings, number of histories before and behind the
        site, first and end row in `couplings`, place in `targets`, whether the site's own value is
        part of the history behind it, as the highest bit. `LAYER`, row, group: apply the layer to
        one site after the other, the centre going along; all but the last have an instruction.
    couplings : (n, 2) array of int64
        The bit of the history, and the slot, of each coupling to a site from before it.
    targets : (n,) array of int64
        The history behind a site for each history before it and each spin, at 2 · history + spin.
    """

    instructions: np.ndarray
    factors: np.ndarray
    matrices_re: np.ndarray
    matrices_im: np.ndarray
    layers: np.ndarray
    couplings: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True, eq=False)
class Chain:
    """A circuit as the program of a matrix product state.

    After the program the first site is the centre of orthogonality: all other tensors have
    orthonormal rows.

    Attributes
    ----------
    qubits : tuple of int
        The qubit, by its place among the feature map's, at each site.
    slots : AngleMap
        From the feature map's angles to the slots.
    program : ChainProgram
    n_groups : int
        How many groups of truncations there are.
    bond_limits : (n_sites + 1,) array of int64
        Upper bounds of the bonds at the end; bond k is to the left of site k.
    """

    qubits: tuple[int, ...]
    slots: AngleMap
    program: ChainProgram
    n_groups: int
    bond_limits: np.ndarray


def compile_chain(
    steps: Iterable[Primitive], qubits: Sequence[int], n_angles: int, *, layers: bool = False
) -> Chain:
    """Return the chain of a circuit on |0…0⟩, up to a global phase.

    Operators on several sites are applied as matrix product operators, whose bonds are then
    truncated (Schollwöck 2011, Annals of Physics 326, 96, sections 4.5 and 5).

    Parameters
    ----------
    steps : iterable of Primitive
        On some of the qubits, best as `simplification.simplified` returns them.
    qubits : sequence of int
        Each is at one site, in an order that is chosen here.
    n_angles : int
        How many angles the feature map has.
    layers : bool, default=False
        Whether couplings that reach far are applied in layers. They are then truncated in any case,
        at weights that rounding may hide: some 1e-15 a bond.

    Returns
    -------
    Chain

    Examples
    --------
    A rotation about XX by twice the first angle: applied, made orthonormal to the right, and
    truncated on the way back.

    >>> from qkernels.compilation.primitives import PauliRotation
    >>> step = PauliRotation(((0, "X"), (1, "X")), Angle(0.0, {0: 2.0}))
    >>> chain = compile_chain([step], (0, 1), n_angles=1)
    >>> chain.program.instructions.tolist()
    [[0, 0, 2], [1, 0, -1], [2, 1, 0]]
    >>> chain.bond_limits.tolist()
    [1, 2, 1]
    """
    places = {qubit: place for place, qubit in enumerate(qubits)}
    parts = merged(renumbered(step, places) for step in steps)
    order = chain_order((step.qubits for part in parts for step in part), len(qubits))
    sites = {place: site for site, place in enumerate(order)}
    operators: list[Step] = []
    widths = [1] * (len(qubits) + 1)
    for part in parts:
        bonds = _bond_limits(widths) if layers else None
        found = list(joined((renumbered(step, sites) for step in part), bonds=bonds))
        _widen(widths, found)
        operators += found
    instructions, n_groups = schedule(operators)
    writer = _Writer()
    program = writer.write(instructions)
    slots = AngleMap.of([0.5 * angle for angle in writer.angles], n_angles)
    limits = _bond_limits(widths)
    return Chain(tuple(qubits[p] for p in order), slots, program, n_groups, limits)


def _widen(widths: list[int], operators: Iterable[Step]) -> None:
    """Multiply each bond's product of widths by those of some operators."""
    for operator in operators:
        for site, width in operator.widths.items():
            widths[site] = min(widths[site] * width, LARGEST)


def _bond_limits(widths: Sequence[int]) -> np.ndarray:
    """Return upper bounds of the bonds: products of widths, and at most twice a neighbour's."""
    limits, last = list(widths), len(widths) - 1
    for k in range(last):
        limits[k + 1] = min(limits[k + 1], 2 * limits[k])
    for k in range(last, 0, -1):
        limits[k - 1] = min(limits[k - 1], 2 * limits[k])
    return np.array(limits, dtype=np.int64)


class _Writer:
    """Writes instructions into tables, and numbers the distinct angles and matrices."""

    def __init__(self) -> None:
        self._slots: dict[tuple, int] = {}
        self._places: dict[bytes, int] = {}
        self._entries = [np.zeros(0, complex)]
        self._factors: list[tuple[int, ...]] = []
        self._layers: list[tuple[int, ...]] = []
        self._couplings: list[tuple[int, int]] = []
        self._targets: list[int] = []
        self.angles: list[Angle] = []

    def write(self, instructions: Iterable[Instruction]) -> ChainProgram:
        """Return the program."""
        rows = [row for instruction in instructions for row in self._rows(instruction)]
        entries = np.concatenate(self._entries)
        return ChainProgram(
            np.array(rows, dtype=np.int64).reshape(-1, 3),
            np.array(self._factors, dtype=np.int64).reshape(-1, 7),
            np.ascontiguousarray(entries.real),
            np.ascontiguousarray(entries.imag),
            np.array(self._layers, dtype=np.int64).reshape(-1, 9),
            np.array(self._couplings, dtype=np.int64).reshape(-1, 2),
            np.array(self._targets, dtype=np.int64),
        )

    def _rows(self, instruction: Instruction) -> Iterator[tuple[int, int, int]]:
        if isinstance(instruction, Layer):
            yield from self._layer_rows(instruction)
        elif isinstance(instruction, Operator):
            yield self._application(instruction.factors)
        else:
            yield instruction.opcode, instruction.site, instruction.group

    def _application(self, factors: Iterable[Factor]) -> tuple[int, int, int]:
        first = len(self._factors)
        self._factors += [self._factor(factor) for factor in factors]
        return APPLY, first, len(self._factors)

    def _layer_rows(self, layer: Layer) -> Iterator[tuple[int, int, int]]:
        """Yield turns of all letters into Z, the layer from site to site, and the turns back."""
        turned = {"X": ("Y", Angle(-math.pi / 2)), "Y": ("X", Angle(math.pi / 2))}
        turns = [
            Factor(site, TURN, turned[letter][0], angle=turned[letter][1])
            for site, letter in layer.letters.items()
            if letter != "Z"
        ]
        yield from (self._application([turn]) for turn in turns)
        first, last = layer.sites
        for site in range(first, last + 1):
            self._layers.append(self._layer_row(layer, site))
            if site < last:
                yield LAYER, len(self._layers) - 1, layer.group
        yield from (self._application([replace(t, angle=-1.0 * t.angle)]) for t in turns if t.angle)

    def _layer_row(self, layer: Layer, site: int) -> tuple[int, ...]:
        """Write the couplings and the histories of one site of a layer; return its row."""
        before, behind = layer.histories(site)
        first, place = len(self._couplings), len(self._targets)
        ending = [(bit, self._slot(angle)) for bit, angle in layer.ending_at(site)]
        self._couplings += ending
        self._targets += layer.targets(site)
        sizes = 2 ** len(before), 2 ** len(behind)
        couplings = first, len(self._couplings)
        return site, layer.sites[1], layer.reach, *sizes, *couplings, place, int(site in behind)

    def _factor(self, factor: Factor) -> tuple[int, ...]:
        slot = -1 if factor.angle is None else self._slot(factor.angle)
        place = -1 if factor.entries is None else self._place(factor.entries)
        letter = "IXYZ".index(factor.letter)
        return factor.site, factor.kind, letter, slot, place, factor.left, factor.right

    def _slot(self, angle: Angle) -> int:
        slot = self._slots.setdefault(angle.key, len(self.angles))
        if slot == len(self.angles):
            self.angles.append(angle)
        return slot

    def _place(self, entries: np.ndarray) -> int:
        end = sum(map(len, self._entries))
        place = self._places.setdefault(entries.tobytes(), end)
        if place == end:
            self._entries.append(entries.ravel())
        return place
