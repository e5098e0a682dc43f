"""Which chains belong to a circuit, each compiled once, and what it takes to run them.

What lives here: the chain of what fidelities depend on, that of what some Pauli words depend on,
and an estimate, from a chain's program alone, of its bonds and of the work. How a circuit becomes
a chain is in `qkernels.compilation`.
"""

from __future__ import annotations

import functools
import operator
from typing import NamedTuple

import numpy as np

from qkernels.compilation import compile_feature_map
from qkernels.compilation.chain import APPLY, LAYER, LEFT, Chain, ChainProgram, compile_chain
from qkernels.compilation.light_cones import bits
from qkernels.evaluators.observables import Words
from qkernels.feature_maps import FeatureMap

# Real products, in the time that a product of two states' overlap takes: of an instruction, however
# small; of an operator, for each element of the tensor that it makes; and of a factorisation, for
# each element of a matrix and each vector that is kept.
_INSTRUCTION, _ELEMENT = 20_000, 12
_EXACT, _TRUNCATING = 20, 40


@functools.lru_cache(maxsize=64)
def overlap_chain(feature_map: FeatureMap, layers: bool) -> Chain:
    """Return the chain of what fidelities of a map's states depend on.

    Parameters
    ----------
    feature_map : FeatureMap
    layers : bool
        As in `compile_chain`.
    """
    compiled = compile_feature_map(feature_map)
    qubits = sorted(qubit for part in compiled.overlap_parts for qubit in part) or [0]
    n_angles = len(compiled.per_point)
    return compile_chain(compiled.overlap_steps, qubits, n_angles, layers=layers)


@functools.lru_cache(maxsize=64)
def measured_chain(feature_map: FeatureMap, words: Words, layers: bool) -> Chain:
    """Return the chain of what the values of some words depend on.

    Parameters
    ----------
    feature_map : FeatureMap
    words : Words
    layers : bool
        As in `compile_chain`.
    """
    compiled = compile_feature_map(feature_map)
    letters = {letter for word in words.letters for letter in word}
    cones = [compiled.cones.letter(*letter) for letter in letters]
    kept = functools.reduce(operator.or_, (cone.steps for cone in cones), 0)
    qubits = functools.reduce(operator.or_, (cone.qubits for cone in cones), 0) or 1
    steps = [compiled.steps[k] for k in bits(kept)]
    n_angles = len(compiled.per_point)
    return compile_chain(steps, list(bits(qubits)), n_angles, layers=layers)


class ChainCost(NamedTuple):
    """What a matrix product state takes at most.

    Attributes
    ----------
    bonds : (n_sites + 1,) array of float64
        Upper bounds of its bonds, at the end.
    products : float
        About how many real products its evolution takes, with these bonds.
    """

    bonds: np.ndarray
    products: float


def chain_cost(chain: Chain) -> ChainCost:
    """Return what a state of a chain takes, with nothing so small that it is dropped.

    A bond is multiplied by the width of each operator across it, and cut down, by the next
    factorisation, to the smaller side of the matrix that is factorised.

    Examples
    --------
    Three commuting rotations of two qubits make a bond of 8, before it is found to be 2:

    >>> from qkernels.compilation.chain import compile_chain
    >>> from qkernels.compilation.angles import Angle
    >>> from qkernels.compilation.primitives import PauliRotation
    >>> steps = [PauliRotation(((0, p), (1, p)), Angle(0.3)) for p in "XYZ"]
    >>> chain_cost(compile_chain(steps, (0, 1), n_angles=0)).bonds
    array([1., 2., 1.])
    """
    walk = _Walk(chain.program, len(chain.qubits))
    for opcode, number, last in chain.program.instructions.tolist():
        if opcode == APPLY:
            walk.apply(number, last)
        elif opcode == LAYER:
            walk.apply_layer(number)
        else:
            walk.factorise(opcode, number, truncating=last >= 0)
    products = walk.products + _INSTRUCTION * len(chain.program.instructions)
    return ChainCost(np.array(walk.bonds), products)


class _Walk:
    """A program's bonds, and products, from instruction to instruction.

    Floating-point numbers: products of widths may be larger than any integer of 64 bits.
    """

    def __init__(self, program: ChainProgram, n_sites: int) -> None:
        self.bonds = [1.0] * (n_sites + 1)
        self.products = 0.0
        self._widths = program.factors[:, [0, 6]].tolist()
        self._histories = program.layers[:, [0, 4]].tolist()

    def apply(self, first: int, end: int) -> None:
        """Multiply an operator onto the state, factor by factor."""
        for site, right in self._widths[first:end]:
            self.bonds[site + 1] *= right
            self.products += _ELEMENT * self.bonds[site] * self.bonds[site + 1]

    def apply_layer(self, row: int) -> None:
        """Take a site of a layer to its final form."""
        site, behind = self._histories[row]
        self._cut(site + 1, 2 * self.bonds[site], behind * self.bonds[site + 1], _TRUNCATING)

    def factorise(self, opcode: int, site: int, *, truncating: bool) -> None:
        """Cut the bond that the centre crosses."""
        bond, beyond = (site, site + 1) if opcode == LEFT else (site + 1, site)
        each = _TRUNCATING if truncating else _EXACT
        self._cut(bond, 2 * self.bonds[beyond], self.bonds[bond], each)

    def _cut(self, bond: int, rows: float, columns: float, each: int) -> None:
        self.bonds[bond] = min(rows, columns)
        self.products += each * rows * columns * self.bonds[bond]
