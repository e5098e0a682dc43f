"""`target.placement`, `shapes` and `routing`: against all placements, and SWAPs by hand."""

import itertools
import math

import cirq
import numpy as np
import pytest

from qkernels.sampling.target.placement import embeddings, fitted
from qkernels.sampling.target.qubits import Errors, best_regions, is_connected
from qkernels.sampling.target.routing import Load, blocks, insert_swaps, route, unrolled
from qkernels.sampling.target.shapes import best_route

GRID = cirq.testing.construct_grid_device(3, 4).metadata.nx_graph
QUBITS = sorted(GRID)
RANDOM = np.random.default_rng(5)
NO_ERRORS = Errors({}, {}, {})
ERRORS = Errors(
    {frozenset([q]): RANDOM.uniform(0, 0.1) for q in QUBITS},
    {frozenset([q]): RANDOM.uniform(0, 0.01) for q in QUBITS},
    {frozenset(e): RANDOM.uniform(0, 0.05) for e in sorted(sorted(e) for e in GRID.edges)},
)
LOGICAL = cirq.LineQubit.range(6)
RING = [cirq.CZ(LOGICAL[i], LOGICAL[(i + 1) % 6]) for i in range(6)]
STAR = [cirq.CZ(LOGICAL[0], other) for other in LOGICAL[1:5]]
ALL_PAIRS = [cirq.CZ(*pair) for pair in itertools.combinations(LOGICAL[:4], 2)]


def q(row, column):
    return cirq.GridQubit(row, column)


def line(n):
    return cirq.testing.construct_grid_device(1, n).metadata.nx_graph


def cost(operations, errors, qubits):
    """Return -log of the fidelity, gate by gate."""
    total = sum(-2 * math.log(1 - errors.two_qubit[frozenset(op.qubits)]) for op in operations)
    depth = 2 * len(cirq.Circuit(operations))
    for qubit in qubits:
        total -= math.log(1 - errors.readout[frozenset([qubit])])
        total -= depth * math.log(1 - errors.one_qubit[frozenset([qubit])])
    return total


def all_placements(operations, qubits):
    """Yield the operations in all places where they need no SWAP."""
    logical = sorted({q for op in operations for q in op.qubits})
    for chosen in itertools.permutations(qubits, len(logical)):
        moved = [op.transform_qubits(dict(zip(logical, chosen, strict=True))) for op in operations]
        if all(op.qubits in GRID.edges for op in moved):
            yield moved, chosen


# -- Without SWAPs


@pytest.mark.parametrize("operations", [RING[:3], STAR], ids=["line", "star"])
def test_the_best_placement_is_the_best_of_all(operations):
    logical = sorted({q for op in operations for q in op.qubits})
    found = fitted(operations, logical, GRID, ERRORS)
    costs = [cost(moved, ERRORS, chosen) for moved, chosen in all_placements(operations, QUBITS)]
    assert found.n_swaps == 0
    assert cost(found.operations, ERRORS, found.places.values()) == pytest.approx(min(costs))
    assert found.cost(ERRORS) == pytest.approx(min(costs), rel=1e-12)


def test_all_embeddings_are_found():
    for operations in (RING[:4], STAR, [*RING[:3], cirq.CZ(LOGICAL[3], LOGICAL[0])]):
        logical = sorted({q for op in operations for q in op.qubits})
        pattern = GRID.__class__([op.qubits for op in operations])
        found = embeddings(pattern, GRID, 10_000)
        expected = {chosen for _, chosen in all_placements(operations, QUBITS)}
        assert {tuple(places[q] for q in logical) for places in found} == expected
        assert len(found) == len(expected)


def test_where_no_placement_fits():
    assert fitted(ALL_PAIRS, LOGICAL[:4], GRID, ERRORS) is None
    assert fitted(RING, LOGICAL, line(6), NO_ERRORS) is None
    # A ring of an odd number has no place on a grid.
    ring = [cirq.CZ(LOGICAL[i], LOGICAL[(i + 1) % 5]) for i in range(5)]
    assert fitted(ring, LOGICAL[:5], GRID, ERRORS) is None


def test_qubits_that_nothing_acts_on_are_put_beside_others():
    found = fitted([cirq.CZ(*LOGICAL[:2])], LOGICAL[:3], GRID, ERRORS)
    free = found.places[LOGICAL[2]]
    assert any(free in GRID[found.places[q]] for q in LOGICAL[:2])
    # So are pairs that have nothing to do with each other.
    found = fitted([*RING[:1], *RING[2:3]], LOGICAL[:4], GRID, ERRORS)
    assert is_connected(GRID.subgraph(found.places.values()))


# -- With SWAPs


def test_a_ring_fits_a_ring():
    ring = [q(0, 0), q(0, 1), q(0, 2), q(1, 0), q(1, 1), q(1, 2)]
    routed = best_route(RING, LOGICAL, GRID, [ring], NO_ERRORS)
    assert routed.n_swaps == 0
    assert routed.cost(NO_ERRORS) == 2 * len(RING)
    # On a line, it does not.
    assert best_route(RING, LOGICAL, line(6), [sorted(line(6))], NO_ERRORS).n_swaps > 0


@pytest.mark.parametrize(
    "region",
    [
        [q(0, 0), q(0, 1), q(0, 2), q(0, 3)],
        [q(0, 1), q(1, 0), q(1, 1), q(1, 2)],
        [q(1, 2), q(1, 3), q(2, 2), q(2, 3)],
    ],
    ids=["line", "star", "square"],
)
def test_no_placement_in_a_region_is_better(region):
    operations = [*ALL_PAIRS, cirq.H(LOGICAL[0]), *ALL_PAIRS]
    part, circuit = GRID.subgraph(region), blocks(operations)
    costs = [
        insert_swaps(circuit, part, dict(zip(LOGICAL, chosen, strict=False))).cost(ERRORS)
        for chosen in itertools.permutations(region)
    ]
    found = best_route(operations, LOGICAL[:4], GRID, [region], ERRORS)
    assert set(found.places.values()) == set(region)
    assert found.cost(ERRORS) <= min(costs) + 1e-9


def test_of_all_regions_the_best_is_found():
    regions = best_regions(ERRORS, GRID, 4, 6, 16)
    costs = [best_route(ALL_PAIRS, LOGICAL[:4], GRID, [r], ERRORS).cost(ERRORS) for r in regions]
    found = best_route(ALL_PAIRS, LOGICAL[:4], GRID, regions, ERRORS)
    assert found.cost(ERRORS) == pytest.approx(min(costs))
    assert min(costs) < max(costs)


def test_the_cheaper_region_is_taken():
    row, other = [[q(i, j) for j in range(4)] for i in (0, 2)]
    good = {frozenset(pair): 0.01 for pair in itertools.pairwise(other)}
    errors = Errors({}, {}, {**dict.fromkeys(map(frozenset, GRID.edges), 0.02), **good})
    routed = best_route(RING[:3], LOGICAL[:4], GRID, [row, other], errors)
    assert set(routed.places.values()) == set(other)


def test_searches_of_many_qubits_find_rings():
    logical = cirq.LineQubit.range(8)
    random = np.random.default_rng(1).permutation(8)
    ring = [cirq.CZ(logical[random[i]], logical[random[i - 1]]) for i in range(8)]
    routed = best_route(ring, logical, GRID, [[q(i, j) for i in (0, 1) for j in range(4)]], ERRORS)
    assert routed.n_swaps == 0


# -- SWAPs


def test_swaps_are_undone_in_the_places():
    places = dict(zip(LOGICAL[:3], [q(0, 0), q(0, 1), q(0, 2)], strict=True))
    operations = [cirq.X(LOGICAL[0]), cirq.CNOT(LOGICAL[0], LOGICAL[2])]
    moved = {place: q(place.row + 1, place.col + 1) for place in places.values()}
    routed = route(operations, GRID, places).moved(moved)
    circuit = cirq.Circuit(unrolled(routed.operations))
    assert all(set(op.qubits) <= set(moved.values()) for op in circuit.all_operations())
    assert routed.n_swaps == 1
    measured = circuit + cirq.measure(*(routed.places[qubit] for qubit in LOGICAL[:3]), key="m")
    (bits,) = cirq.Simulator().run(measured).measurements["m"]
    assert bits.tolist() == [1, 0, 1]


def test_a_swap_beside_a_gate_on_its_pair_costs_less():
    a, b, c = QUBITS[:3]
    alone = Load.of([cirq.SWAP(a, b)])
    assert (alone.gates, alone.depth) == ({frozenset([a, b]): 3}, 3)
    joined = Load.of([cirq.CZ(b, c), cirq.CZ(a, b), cirq.H(a), cirq.SWAP(a, b)])
    assert (joined.gates, joined.depth) == ({frozenset([b, c]): 2, frozenset([a, b]): 3}, 5)
    between = Load.of([cirq.CZ(a, b), cirq.CZ(b, c), cirq.SWAP(a, b)])
    assert (between.gates, between.depth) == ({frozenset([a, b]): 5, frozenset([b, c]): 2}, 7)


def test_a_star_has_no_room_for_two_swaps_at_once():
    star = GRID.subgraph([q(0, 1), q(1, 0), q(1, 1), q(1, 2), q(2, 1)])
    places = dict(zip(LOGICAL, [q(0, 1), q(1, 0), q(1, 2), q(2, 1), q(1, 1)], strict=False))
    a, b, c, d, _ = places
    operations = [cirq.CZ(a, b), cirq.CZ(c, d), cirq.CZ(a, c), cirq.CZ(b, d)] * 6
    routed = route(operations, star, places)
    gates = [op for op in unrolled(routed.operations) if op.gate == cirq.CZ]
    assert len(gates) == len(operations)
    assert all(op.qubits in star.edges for op in unrolled(routed.operations))
