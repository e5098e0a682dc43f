"""`chain_order`: short arrangements of qubits, beside all permutations where these are few."""

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qkernels.compilation.chain_order import chain_order


def spans(couplings, order):
    """Return the lengths of all couplings in an order."""
    sites = {qubit: site for site, qubit in enumerate(order)}
    ends = [[sites[q] for q in coupled] for coupled in couplings]
    return [max(places) - min(places) for places in ends]


def score(couplings, order):
    lengths = spans(couplings, order)
    return sum(lengths), sum(length**2 for length in lengths)


def neighbours(n, distance=1):
    return [(i, j) for i in range(n) for j in range(i + 1, min(n, i + distance + 1))]


def ring(n):
    return [(i, (i + 1) % n) for i in range(n)]


def ladder(n):
    rails = [(i, i + 1) for i in range(n - 1)]
    return [*rails, *((n + i, n + j) for i, j in rails), *((i, n + i) for i in range(n))]


def shuffled(couplings, n, seed=0):
    numbers = np.random.default_rng(seed).permutation(n).tolist()
    return [tuple(numbers[q] for q in coupled) for coupled in couplings]


@st.composite
def hypergraphs(draw, max_qubits=10):
    n = draw(st.integers(1, max_qubits))
    coupled = st.lists(st.integers(0, n - 1), min_size=1, max_size=4, unique=True)
    return draw(st.lists(coupled.map(tuple), max_size=15)), n


@pytest.mark.parametrize("distance", [1, 2, 3, 4])
def test_neighbours_stay_in_their_order(distance):
    assert chain_order(neighbours(60, distance), 60) == list(range(60))


@pytest.mark.parametrize("distance", [1, 2, 3])
def test_shuffled_neighbours_are_found_again(distance):
    couplings = shuffled(neighbours(40, distance), 40)
    assert max(spans(couplings, chain_order(couplings, 40))) == distance


@pytest.mark.parametrize("n", [5, 6, 13, 40])
def test_rings_are_folded(n):
    assert max(spans(ring(n), chain_order(ring(n), n))) == 2


@pytest.mark.parametrize("n", [3, 8, 25])
def test_ladders_take_their_rails_in_turn(n):
    assert max(spans(ladder(n), chain_order(ladder(n), 2 * n))) == 2


def test_the_middle_of_a_star_comes_into_the_middle():
    couplings = [(0, q) for q in range(1, 9)]
    assert chain_order(couplings, 9).index(0) == 4


def test_parts_follow_one_another():
    order = chain_order([(0, 4), (4, 2), (1, 5), (5, 7)], 8)
    assert [set(order[:3]), order[3:6], order[6:]] == [{0, 2, 4}, [1, 5, 7], [3, 6]]


def test_couplings_that_occur_more_often_are_shorter():
    order = chain_order([*[(0, 2)] * 5, (0, 1), (1, 2), (2, 3), (0, 3)], 4)
    assert abs(order.index(0) - order.index(2)) == 1


@settings(max_examples=60)
@given(hypergraphs(max_qubits=6))
@example(([(0, 2), (1, 3)], 4))
def test_small_circuits_are_almost_as_short_as_can_be(drawn):
    couplings, n = drawn
    order = chain_order(couplings, n)
    least = min(score(couplings, other) for other in itertools.permutations(range(n)))
    assert score(couplings, order)[0] <= 1.25 * least[0] + 1


@settings(max_examples=60)
@given(hypergraphs())
def test_orders_are_permutations_and_no_worse_than_parts_by_themselves(drawn):
    couplings, n = drawn
    order = chain_order(couplings, n)
    assert sorted(order) == list(range(n))
    assert order == chain_order(couplings[::-1], n)
    assert score(couplings, order) <= score(couplings, range(n))


@pytest.mark.parametrize(
    ("couplings", "n"), [([], 0), ([], 3), ([(1,), (0,)], 2), ([(0, 1)], 2), (neighbours(3, 2), 3)]
)
def test_nothing_to_choose(couplings, n):
    assert chain_order(couplings, n) == list(range(n))


@settings(max_examples=20)
@given(st.integers(0, 999))
def test_no_move_and_no_reversal_makes_an_order_shorter(random_seed):
    n = 12
    ends = np.random.default_rng(random_seed).integers(0, n, (20, 2)).tolist()
    # A path, so that there is one part.
    couplings = [*neighbours(n), *((a, b) for a, b in ends if a != b)]
    order = chain_order(couplings, n)
    reversals = [
        [*order[:i], *order[i:j][::-1], *order[j:]] for i in range(n) for j in range(i + 2, n + 1)
    ]
    rests = [(order[i], [*order[:i], *order[i + 1 :]]) for i in range(n)]
    moves = [[*rest[:j], qubit, *rest[j:]] for qubit, rest in rests for j in range(n)]
    least = min(score(couplings, other) for other in [*reversals, *moves])
    assert score(couplings, order) <= least


def test_orders_of_grids_and_trees_are_much_shorter():
    n = 8
    grid = [(n * i + j, n * i + j + 1) for i in range(n) for j in range(n - 1)]
    grid += [(n * i + j, n * i + n + j) for i in range(n - 1) for j in range(n)]
    tree = [(q, (q - 1) // 2) for q in range(1, n * n)]
    for couplings, sensible in [(grid, range(n * n)), (tree, range(n * n))]:
        mixed = shuffled(couplings, n * n, seed=1)
        assert sum(spans(mixed, chain_order(mixed, n * n))) <= sum(spans(couplings, sensible))
