"""Each instruction of a chain does to the loops' states what it does to those of the plain twin."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings

from qkernels.compilation.chain import LAYER, LEFT, RIGHT, compile_chain
from qkernels.evaluators.mps_simulation import ChainSimulation, Truncation
from tests import chain_reference
from tests.compilation.primitive_circuits import N_SYMBOLS, circuits, coupled_circuits

pytestmark = pytest.mark.jit


def prefixes(chain):
    """Yield the chain up to each instruction, but for those within a layer.

    A sweep there and back follows, as at the end of any program: states are read after it.
    """
    rows, layers, last = chain.program.instructions, chain.program.layers, len(chain.qubits) - 1
    back = [(RIGHT, site, -1) for site in range(last)]
    back += [(LEFT, site, chain.n_groups) for site in range(last, 0, -1)]
    for end, (opcode, place, _) in enumerate(rows, 1):
        # Within a layer the twin has applied what the loops still have before them.
        if opcode != LAYER or layers[place, 0] == layers[place, 1] - 1:
            program = chain.program._replace(instructions=np.concatenate([rows[:end], back]))
            yield replace(chain, program=program, n_groups=chain.n_groups + 1)


def simulated(chain, values):
    """Return the loops' state of one point."""
    simulation = ChainSimulation(chain, values[None], np.dtype(float), Truncation(1e-15, None))
    (block,) = simulation.blocks()
    flat, tensors = block.re[0] + 1j * block.im[0], []
    for left, right in pairwise(block.bonds[0]):
        tensors.append(flat[: 2 * left * right].reshape(left, 2, right))
        flat = flat[2 * left * right :]
    return chain_reference.dense(chain, tensors)


def assert_each_instruction_agrees(chain, values):
    for prefix in prefixes(chain):
        tensors, _ = chain_reference.run(prefix, chain.slots(values[None])[0])
        expected = chain_reference.dense(prefix, tensors)
        np.testing.assert_allclose(simulated(prefix, values), expected, atol=1e-6)


@settings(max_examples=30)
@given(circuits(min_qubits=3, max_size=12))
def test_random_circuits(circuit):
    n, steps, values = circuit
    assert_each_instruction_agrees(compile_chain(steps, range(n), N_SYMBOLS), values)


@settings(max_examples=30)
@given(coupled_circuits())
def test_random_circuits_with_layers(circuit):
    n, steps, values = circuit
    chain = compile_chain(steps, range(n), N_SYMBOLS, layers=True)
    assume(LAYER in chain.program.instructions[:, 0])
    assert_each_instruction_agrees(chain, values)
