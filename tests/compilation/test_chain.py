"""`compile_chain`: programs of matrix product states beside Cirq's simulator, by a plain twin."""

import cirq
import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from qkernels.compilation.chain import compile_chain
from qkernels.compilation.decomposition import Decomposer
from qkernels.compilation.primitives import GlobalPhase
from tests import chain_reference
from tests.compilation.agreement import assert_equal_up_to_phase, simulated
from tests.random_circuits import GATES, feature_maps, points


def chain_of(feature_map):
    """Return the chain of a whole feature map."""
    decomposer = Decomposer(feature_map.qubits, feature_map.angle_symbols)
    steps = list(decomposer.circuit(feature_map.flattened[0]))
    n_angles = len(feature_map.angle_symbols)
    kept = [step for step in steps if not isinstance(step, GlobalPhase)]
    return compile_chain(kept, range(feature_map.n_qubits), n_angles)


@pytest.mark.parametrize("gate_type", GATES, ids=lambda t: t.__name__)
def test_random_circuits(gate_type):
    @seed(list(GATES).index(gate_type))
    @settings(max_examples=6)
    @given(feature_maps(gate_type), st.integers(0, 999))
    def agrees(feature_map, random_seed):
        inputs, parameters = points(feature_map, 1, random_seed)
        chain = chain_of(feature_map)
        slots = chain.slots(feature_map.angles(inputs, parameters))[0]
        tensors, weights = chain_reference.run(chain, slots)
        expected = simulated(feature_map, inputs, parameters)
        assert_equal_up_to_phase(chain_reference.dense(chain, tensors)[None], expected)
        assert chain_reference.worst_row(tensors) < 1e-12
        assert weights.max(initial=0.0) < 1e-24

    agrees()


def test_no_qubits_and_no_steps():
    chain = compile_chain([], (3,), 2)
    tensors, _ = chain_reference.run(chain, np.zeros(0))
    np.testing.assert_array_equal(
        chain_reference.dense(chain, tensors), cirq.KET_ZERO.state_vector()
    )
    np.testing.assert_array_equal(chain.bond_limits, [1, 1])
