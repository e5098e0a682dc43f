"""`target.qubits`: errors by hand, and regions by trying all of them."""

import itertools
import math
import re

import cirq
import numpy as np
import pytest

from qkernels.sampling.target.qubits import (
    Errors,
    best_regions,
    connected_region,
    distances,
    is_connected,
    measured_gate,
    read_errors,
)

GRID = cirq.testing.construct_grid_device(3, 4).metadata.nx_graph
QUBITS = sorted(GRID)
RANDOM = np.random.default_rng(5)
NOISY = {
    "readout": {q: [float(RANDOM.uniform(0, 0.1))] for q in QUBITS},
    "one_qubit": {(q,): float(RANDOM.uniform(0, 0.01)) for q in QUBITS},
    "two_qubit": {tuple(sorted(e)): [float(RANDOM.uniform(0, 0.05))] for e in GRID.edges},
}


def q(row, column):
    return cirq.GridQubit(row, column)


# -- Errors


def test_plain_mapping():
    errors = read_errors(NOISY, None)
    assert errors.readout == {frozenset([k]): v[0] for k, v in NOISY["readout"].items()}
    assert errors.one_qubit == {frozenset(k): v for k, v in NOISY["one_qubit"].items()}
    assert errors.two_qubit == {frozenset(k): v[0] for k, v in NOISY["two_qubit"].items()}


def google(gate, kind="pauli"):
    return {
        "single_qubit_p00_error": {(q(0, 0),): [0.02]},
        "single_qubit_p11_error": {(q(0, 0),): [0.06]},
        f"single_qubit_rb_{kind}_error_per_gate": {(q(0, 0),): [0.003]},
        f"two_qubit_parallel_{gate}_gate_xeb_{kind}_error_per_cycle": {(q(0, 0), q(0, 1)): [0.01]},
    }


def test_metrics_of_google():
    errors = read_errors(google("cz"), cirq.CZTargetGateset())
    assert errors.readout == {frozenset([q(0, 0)]): pytest.approx(0.04)}
    assert errors.one_qubit == {frozenset([q(0, 0)]): 0.003}
    assert errors.two_qubit == {frozenset([q(0, 0), q(0, 1)]): 0.01}


def test_average_errors_become_pauli_errors():
    errors = read_errors(google("cz", "average"), None)
    assert errors.one_qubit == {frozenset([q(0, 0)]): pytest.approx(0.003 * 3 / 2)}
    assert errors.two_qubit == {frozenset([q(0, 0), q(0, 1)]): pytest.approx(0.01 * 5 / 4)}


def test_the_gate_set_chooses_the_two_qubit_metric():
    pair = (q(0, 0), q(0, 1))
    both = {
        "two_qubit_sqrt_iswap_gate_xeb_pauli_error_per_cycle": {pair: [0.02]},
        "two_qubit_sycamore_gate_xeb_pauli_error_per_cycle": {pair: [0.03]},
    }
    errors = read_errors(both, cirq.SqrtIswapTargetGateset())
    assert errors.two_qubit == {frozenset(pair): 0.02}
    assert measured_gate(both, cirq.SqrtIswapTargetGateset())
    assert not measured_gate(both, cirq.CZTargetGateset())
    # Better the errors of another gate than none.
    assert read_errors(both, cirq.CZTargetGateset()).two_qubit == {frozenset(pair): 0.02}


def test_what_is_no_number_or_no_qubit_is_left_out():
    odd = {"readout": {q(0, 0): math.nan, q(0, 1): [0.1], ("chip",): [0.5]}}
    assert read_errors(odd, None).readout == {frozenset([q(0, 1)]): 0.1}


def test_unknown_metrics():
    message = (
        "calibration: expected a metric readout, one_qubit, two_qubit or one of "
        "cirq_google.Calibration's, got ['t1']"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        read_errors({"t1": {q(0, 0): 3.0}}, None)


def test_qubits_without_errors_are_not_used():
    errors = read_errors({"readout": {q(0, 0): 0.1, q(0, 1): 0.1}}, None)
    assert sorted(errors.usable(GRID)) == [q(0, 0), q(0, 1)]
    errors = read_errors({"two_qubit": {(q(0, 1), q(0, 0)): 0.1}}, None)
    assert [sorted(e) for e in errors.usable(GRID).edges] == [[q(0, 0), q(0, 1)]]


# -- Regions


def log_fidelity(region, n_gates):
    """Return the expected log-fidelity by trying all trees."""
    size = len(region)
    pairs = list(GRID.subgraph(region).edges)
    trees = (
        sum(math.log(1 - NOISY["two_qubit"][tuple(sorted(e))][0]) for e in tree)
        for tree in itertools.combinations(pairs, size - 1)
        if is_connected(GRID.edge_subgraph(tree)) and len({n for e in tree for n in e}) == size
    )
    total = max(trees) * n_gates / (size - 1)
    for qubit in region:
        total += math.log(1 - NOISY["readout"][qubit][0])
        total += 2 * n_gates / size * math.log(1 - NOISY["one_qubit"][(qubit,)])
    return total


@pytest.mark.parametrize(("size", "n_gates"), [(2, 1), (3, 40), (4, 1), (4, 40), (5, 12)])
def test_the_best_regions_are_the_best_of_all(size, n_gates):
    regions = [r for r in itertools.combinations(QUBITS, size) if is_connected(GRID.subgraph(r))]
    expected = sorted(regions, key=lambda r: -log_fidelity(r, n_gates))[:3]
    errors = read_errors(NOISY, None)
    assert best_regions(errors, GRID, size, n_gates, 3) == expected
    found = [errors.region_cost(GRID, r, n_gates) for r in expected]
    np.testing.assert_allclose(found, [-log_fidelity(r, n_gates) for r in expected], rtol=1e-12)


def test_one_qubit():
    (best,) = best_regions(read_errors(NOISY, None), GRID, 1, 1, 1)[0]
    assert log_fidelity_of_one(best) == max(map(log_fidelity_of_one, QUBITS))


def log_fidelity_of_one(qubit):
    error = NOISY["one_qubit"][(qubit,)]
    return math.log(1 - NOISY["readout"][qubit][0]) + 2 * math.log(1 - error)


def test_without_errors_compact_regions_come_first():
    (square,) = best_regions(Errors({}, {}, {}), GRID, 4, 10, 1)
    assert GRID.subgraph(square).number_of_edges() == 4


def test_no_region_of_this_size():
    apart = GRID.subgraph([q(0, 0), q(0, 1), q(2, 0), q(2, 1)])
    assert best_regions(Errors({}, {}, {}), apart, 3, 10, 1) == []
    assert not is_connected(apart)
    assert is_connected(GRID)


def test_distances_are_those_of_a_grid():
    for a, steps in distances(GRID).items():
        assert steps == {b: abs(a.row - b.row) + abs(a.col - b.col) for b in QUBITS}
    apart = GRID.subgraph([q(0, 0), q(0, 1), q(2, 0)])
    assert distances(apart)[q(0, 1)] == {q(0, 1): 0, q(0, 0): 1}


def test_qubits_between_connect_qubits_far_apart():
    assert sorted(connected_region(GRID, [q(0, 0), q(0, 2)])) == [q(0, 0), q(0, 1), q(0, 2)]
    assert connected_region(GRID, [q(0, 0), q(0, 1)]) == [q(0, 0), q(0, 1)]
    corners = [q(0, 0), q(2, 3), q(2, 0)]
    region = connected_region(GRID, corners)
    assert is_connected(GRID.subgraph(region))
    assert len(region) == 6
    apart = GRID.subgraph([q(0, 0), q(0, 1), q(2, 0)])
    with pytest.raises(ValueError, match=re.escape("device connects, got q(0, 0) and q(2, 0)")):
        connected_region(apart, [q(0, 0), q(2, 0)])
