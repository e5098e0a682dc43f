"""What circuits compile to: how few passes over the amplitudes are left."""

from collections import Counter

import cirq
import numpy as np
import pytest
import sympy

from qkernels import FeatureMap, feature_maps
from qkernels.compilation import compile_feature_map
from qkernels.compilation.program import MATRIX, PHASES, ROTATE, SHARED_PHASES
from tests.compilation.agreement import assert_agrees, feature_map

q = cirq.LineQubit.range(6)
x = sympy.symbols("x0:6")
t = sympy.symbols("t0:6")
NAMES = {ROTATE: "rotate", PHASES: "phases", SHARED_PHASES: "shared", MATRIX: "matrix"}


def only_component(circuit):
    (component,) = compile_feature_map(circuit).components
    return component


def only_overlap_component(circuit):
    (component,) = compile_feature_map(circuit).overlap_components
    return component


def passes(program):
    """Return how often each instruction occurs; rotations are counted as layers, not as passes."""
    names = [NAMES[opcode] for opcode in program.instructions[:, 0]]
    starts = [name for before, name in zip(["", *names], names, strict=False) if name != before]
    return dict(Counter(starts))


def wall(gate, values):
    return [gate(value)(qubit) for value, qubit in zip(values, q, strict=True)]


def ring():
    return [cirq.CZ(q[i], q[i - 1]) for i in range(6)]


def test_zz_map_is_two_walls_and_two_phase_layers():
    component = only_component(feature_maps.zz(6))
    assert passes(component.prefix) == {"shared": 1, "rotate": 1}
    assert passes(component.main) == {"rotate": 1, "phases": 2}


def test_walls_of_rotations_are_passes_of_three():
    component = only_component(feature_map(wall(cirq.ry, x), ring()))
    assert component.main.instructions[:2, 0].tolist() == [ROTATE, ROTATE]
    assert len(component.main.rotations) == 6


@pytest.mark.parametrize("n_walls", [1, 2, 3])
def test_walls_of_rx_share_their_quarter_turns(n_walls):
    circuit = feature_map([[wall(cirq.rx, x), ring()] for _ in range(n_walls)])
    component = only_component(circuit)
    assert passes(component.prefix) == {"shared": 1}
    assert passes(component.main) == {"rotate": n_walls, "shared": n_walls}
    between = {"shared": n_walls - 1} if n_walls > 1 else {}
    for component in compile_feature_map(circuit).overlap_components:
        assert passes(component.main) == {"rotate": n_walls, **between}
    assert_agrees(circuit)


@pytest.mark.parametrize("gate", [cirq.XX, cirq.YY])
def test_a_chain_of_pairs_needs_quarter_turns_at_its_ends_only(gate):
    circuit = feature_map([gate(q[i], q[i + 1]) ** x[i] for i in range(5)])
    component = only_component(circuit)
    assert passes(component.main) == {"rotate": 1, "shared": 1}
    assert_agrees(circuit)


def test_a_pair_turns_the_qubit_that_is_turned_already():
    ladder = [cirq.CZ(q[i], q[i + 1]) ** x[5] for i in range(5)]
    circuit = feature_map(cirq.XX(q[2], q[0]) ** x[0], cirq.XX(q[0], q[2]) ** x[1], ladder)
    component = only_component(circuit)
    assert passes(component.main)["rotate"] == 1
    assert len(component.main.rotations) == 1
    assert_agrees(circuit)


def test_rotations_in_a_row_are_one():
    circuit = feature_map([cirq.rx(value)(q[0]) for value in x], cirq.CZ(q[0], q[1]))
    assert len(only_component(circuit).main.rotations) == 1
    assert_agrees(circuit)


def test_rotations_that_cancel_cost_nothing():
    turns = [cirq.ry(0.3)(q[0]), cirq.ry(-0.3)(q[0])]
    component = only_component(feature_map(turns, cirq.rz(x[0])(q[0]), turns))
    assert passes(component.prefix) == {}
    assert passes(component.main) == {"phases": 1}


def test_cnots_swaps_and_flips_never_move_an_amplitude():
    ladder = [cirq.CNOT(q[i], q[i + 1]) for i in range(5)]
    circuit = feature_map(cirq.ry(x[0])(q[0]), ladder, cirq.SWAP(q[0], q[3]), cirq.X(q[2]), ladder)
    component = only_component(circuit)
    assert passes(component.prefix) == {}
    assert passes(component.main) == {"rotate": 1}
    assert len(component.main.rotations) == 1
    assert_agrees(circuit, words=["ZZXXYY", "XIIIIZ", "YXYXYX"])


def test_a_phase_between_cnots_is_a_phase():
    ladder = [cirq.CNOT(q[i], q[i + 1]) for i in range(5)]
    circuit = feature_map(cirq.H.on_each(*q), ladder, cirq.rz(x[0])(q[5]), ladder[::-1])
    component = only_component(circuit)
    assert passes(component.main) == {"phases": 1}
    assert_agrees(circuit)


def test_any_number_of_diagonal_gates_is_one_phase_layer():
    gates = [
        *(cirq.CZ(q[0], q[1]) ** x[0], cirq.CCZ(*q[:3]) ** x[1], cirq.ZZ(q[3], q[4]) ** x[2]),
        *(cirq.T(q[0]), cirq.cphase(x[3])(q[2], q[3]), cirq.ZZ(q[4], q[5]) ** x[4]),
    ]
    circuit = feature_map(cirq.H.on_each(*q), gates)
    component = only_component(circuit)
    assert passes(component.main)["phases"] == 1
    assert passes(component.main).keys() <= {"phases", "shared"}
    assert_agrees(circuit)


def test_a_random_walk_of_cnots_and_gates_agrees():
    rng = np.random.default_rng(0)
    operations = [cirq.H.on_each(*q)]
    for k in range(60):
        a, b = (q[i] for i in rng.permutation(6)[:2])
        operations += [cirq.CNOT(a, b), (cirq.X, cirq.Y, cirq.Z)[k % 3](a) ** x[k % 6]]
        operations += [cirq.SWAP(a, b)] if k % 7 == 0 else [cirq.ISWAP(a, b) ** 0.3]
    assert_agrees(feature_map(operations), words=["XYZXYZ", "ZIIIIZ"])


# -- Unconnected parts, and what all points share


def test_unconnected_parts_are_compiled_apart():
    circuit = feature_map(
        *(cirq.CNOT(q[0], q[3]), cirq.rx(x[0])(q[3]), cirq.ry(x[1])(q[1])),
        *(cirq.H(q[2]), cirq.CZ(q[2], q[5]) ** x[2], cirq.rz(x[1])(q[4])),
    )
    components = compile_feature_map(circuit).components
    assert [component.qubits for component in components] == [(0, 3), (1,), (2, 5), (4,)]
    assert_agrees(circuit, words=["ZXYZXI", "IIXIIX"])


def test_identities_and_global_phases_connect_nothing():
    circuit = feature_map(
        cirq.IdentityGate(6)(*q), cirq.global_phase_operation(1j), cirq.wait(q[0], nanos=1)
    )
    assert len(compile_feature_map(circuit).components) == 6


def test_a_controlled_global_phase_connects_its_controls():
    circuit = feature_map(
        cirq.H.on_each(*q[:3]), cirq.global_phase_operation(1j).controlled_by(*q[:2])
    )
    assert [c.qubits for c in compile_feature_map(circuit).components] == [(0, 1), (2,)]
    assert_agrees(circuit)


def test_qubits_without_operations_stay_0():
    circuit = feature_map(cirq.rx(x[0])(q[1]), qubits=q[:3])
    assert [passes(c.main) for c in compile_feature_map(circuit).components][::2] == [{}, {}]
    assert_agrees(circuit, words=["ZZZ", "ZIZ", "XII"])


def test_what_all_points_share_at_the_start_is_run_once():
    shared = [wall(cirq.ry, t), ring(), wall(cirq.rx, t), ring()]
    component = only_component(feature_map(shared, cirq.ry(x[0])(q[0])))
    assert len(component.prefix.rotations) == 12
    assert len(component.main.rotations) == 1


def test_what_all_points_share_at_the_end_is_in_no_fidelity():
    shared = [ring(), wall(cirq.ry, t), ring(), wall(cirq.rx, t)]
    circuit = feature_map(wall(cirq.ry, x), shared)
    assert len(only_component(circuit).main.rotations) == 18
    overlap = compile_feature_map(circuit).overlap_components
    assert [len(component.main.rotations) for component in overlap] == [4, 2]
    assert_agrees(circuit, words=["ZXYIII"])


def test_a_map_without_data_is_all_prefix():
    circuit = FeatureMap(cirq.Circuit(wall(cirq.ry, [0.1 * i for i in range(6)]), ring()), [])
    component = only_component(circuit)
    assert passes(component.prefix)["rotate"] == 1
    assert passes(component.main) == passes(only_overlap_component(circuit).main) == {}
    assert_agrees(circuit, words=["ZXYIII"])


def test_parameters_alone_are_all_prefix():
    circuit = feature_map(wall(cirq.ry, t), ring(), wall(cirq.rz, t), wall(cirq.rx, t))
    component = only_component(circuit)
    assert passes(component.main) == passes(only_overlap_component(circuit).main) == {}
    assert_agrees(circuit, words=["ZXYIII"])


def test_products_of_data_and_parameters_differ_from_point_to_point():
    circuit = feature_map(cirq.ry(x[0] * t[0])(q[0]), cirq.ry(t[1])(q[0]))
    component = only_component(circuit)
    assert passes(component.prefix) == {}
    assert_agrees(circuit)


def test_a_map_is_compiled_once():
    assert compile_feature_map(feature_maps.zz(3)) is compile_feature_map(feature_maps.zz(3))


def test_equal_maps_compile_to_equal_programs():
    moments = [
        [cirq.ISWAP(q[0], q[1]) ** x[0], cirq.XX(q[4], q[2]) ** x[1], cirq.ry(x[2])(q[3])],
        [cirq.CNOT(q[1], q[4]), cirq.H(q[2]), cirq.rx(x[3])(q[0])],
        [cirq.YY(q[2], q[1]) ** x[0], cirq.SWAP(q[4], q[0]) ** x[1]],
    ]
    circuits = [
        cirq.Circuit(cirq.Moment(moment[::direction]) for moment in moments)
        for direction in (1, -1)
    ]
    one, other = (FeatureMap(circuit, x[:4]) for circuit in circuits)
    assert one == other
    compiled = [compile_feature_map.__wrapped__(feature_map) for feature_map in (one, other)]
    for a, b in zip(*((*c.components, *c.overlap_components) for c in compiled), strict=True):
        assert a.frame == b.frame
        for first, second in zip(a.main, b.main, strict=True):
            np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("gate", "n_rotations"), [(cirq.ControlledGate(cirq.H ** x[0]), 2), (cirq.CSWAP, 2)]
)
def test_controls_are_not_put_on_a_change_of_basis(gate, n_rotations):
    circuit = feature_map(cirq.H(q[0]), cirq.T(q[0]), gate(*q[: cirq.num_qubits(gate)]))
    component = only_component(circuit)
    programs = (component.prefix, component.main)
    # The Hadamard on the control is one of them.
    assert sum(len(program.rotations) for program in programs) == n_rotations + 1
    assert all(MATRIX not in program.instructions[:, 0] for program in programs)
    assert_agrees(circuit)
