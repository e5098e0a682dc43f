"""`qkernels.sampling.requests`: every entry finds its point, and each point is there once."""

import cirq
import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from qkernels.sampling import requests
from qkernels.sampling.circuits import inversion_circuit, tomography_circuit, turns
from qkernels.sampling.programs import canonical_program
from qkernels.sampling.requests import (
    request_diagonal,
    request_fidelities,
    request_points,
    request_tomography,
)
from tests.reference import ring

MAP = ring(2)
INVERSION = inversion_circuit(MAP)
TOMOGRAPHY = tomography_circuit(MAP)
N_ANGLES = len(MAP.angle_symbols)
OPTIONS = pytest.mark.parametrize("measure_diagonal", [True, False])


def angles(n_states, seed=0):
    return np.random.default_rng(seed).normal(size=(n_states, N_ANGLES))


def halves(request, place):
    """Return the two rows of angles that a point is made of."""
    first, second = request.pairs[place]
    return tuple(request.first[first]), tuple(request.second[second])


def request(n_states=5):
    return request_fidelities(INVERSION, angles(n_states), None, 1, measure_diagonal=True).request


@st.composite
def states(draw):
    """Return angles of which some are equal, and some are -0.0."""
    numbers = st.sampled_from([0.0, -0.0, 0.5, -1.25, np.nextafter(0.5, 1)])
    row = st.lists(numbers, min_size=N_ANGLES, max_size=N_ANGLES)
    return np.array(draw(st.lists(row, min_size=1, max_size=5)))


# -- Gram matrices


def check_gram(found, a, b, measure_diagonal):
    """Compare every entry with the pair of rows that it is of."""
    assert found.entries.shape == (len(a), len(b))
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            place = found.entries[i, j]
            if tuple(x) == tuple(y) and not measure_diagonal:
                assert place == -1
            else:
                assert set(halves(found.request, place)) == {tuple(x), tuple(y)}
    points = [frozenset(halves(found.request, place)) for place in range(len(found.request))]
    assert len(set(points)) == len(points)


@OPTIONS
@given(states())
def test_symmetric_case(measure_diagonal, a):
    found = request_fidelities(INVERSION, a, None, 7, measure_diagonal=measure_diagonal)
    check_gram(found, a, a, measure_diagonal)
    np.testing.assert_array_equal(found.entries, found.entries.T)
    assert found.is_symmetric
    assert found.rows is None
    assert found.columns is None
    n = len(np.unique(a + 0.0, axis=0))
    assert len(found.request) == n * (n - 1) // 2 + measure_diagonal * n
    np.testing.assert_array_equal(found.request.repetitions, 7)


@OPTIONS
@given(states(), states())
def test_two_sets_of_states(measure_diagonal, a, b):
    found = request_fidelities(INVERSION, a, b, 1, measure_diagonal=measure_diagonal)
    check_gram(found, a, b, measure_diagonal)
    assert not found.is_symmetric
    distinct = {frozenset([tuple(x), tuple(y)]) for x in a for y in b}
    n = sum(measure_diagonal or len(pair) == 2 for pair in distinct)
    assert len(found.request) == n


@given(states(), states())
def test_a_pair_is_the_same_point_in_every_request(a, b):
    whole = request_fidelities(INVERSION, np.vstack([b, a]), None, 1, measure_diagonal=True)
    known = set(whole.request.keys("device"))
    for request in (
        request_fidelities(INVERSION, a, b, 1, measure_diagonal=True).request,
        request_fidelities(INVERSION, b, a, 1, measure_diagonal=True).request,
        request_fidelities(INVERSION, a[::-1], None, 1, measure_diagonal=False).request,
        request_diagonal(INVERSION, b, 1).request,
    ):
        assert set(request.keys("device")) <= known


@OPTIONS
@pytest.mark.parametrize("sides", [(True, False), (False, True), (True, True)])
def test_states_against_themselves_where_they_are_asked_for(measure_diagonal, sides):
    a = angles(4)
    a[3] = a[0]
    b = np.vstack([a[1:2], angles(2, seed=1)])
    with_rows, with_columns = sides
    found = request_fidelities(
        INVERSION,
        a,
        b,
        1,
        measure_diagonal=measure_diagonal,
        with_rows=with_rows,
        with_columns=with_columns,
    )
    check_gram(found, a, b, measure_diagonal)
    for places, rows, asked in ((found.rows, a, with_rows), (found.columns, b, with_columns)):
        assert (places is not None) == asked
        for place, row in zip(places if asked else (), rows, strict=asked):
            assert halves(found.request, place) == (tuple(row), tuple(row))


@given(states())
def test_diagonal(a):
    found = request_diagonal(INVERSION, a, 3)
    assert len(found.request) == len(np.unique(a + 0.0, axis=0))
    np.testing.assert_array_equal(found.request.repetitions, 3)
    for place, row in zip(found.rows, a, strict=True):
        assert halves(found.request, place) == (tuple(row), tuple(row))


def test_values_are_those_of_both_halves():
    whole = request()
    first, second = whole.pairs.T
    expected = INVERSION.values(whole.first[first], whole.second[second])
    np.testing.assert_array_equal(whole.values(), expected)
    np.testing.assert_array_equal(whole.values(np.array([2, 0])), expected[[2, 0]])


# -- Tomography


@given(states(), st.integers(1, 3))
def test_every_state_in_every_setting(a, n_settings):
    settings = np.random.default_rng(n_settings).permutation(9)[:n_settings]
    settings = np.stack(np.divmod(settings, 3), axis=1)
    found = request_tomography(TOMOGRAPHY, a, settings, 5)
    assert found.rows.shape == (len(a), n_settings)
    assert len(found.request) == n_settings * len(np.unique(a + 0.0, axis=0))
    for i, j in np.ndindex(found.rows.shape):
        state, turned = halves(found.request, found.rows[i, j])
        assert state == tuple(a[i])
        assert turned == tuple(turns(settings)[j])


def test_a_setting_is_the_same_point_in_every_set():
    a = angles(3)
    some = request_tomography(TOMOGRAPHY, a[:2], np.array([[0, 0], [1, 1], [2, 2]]), 1).request
    more = request_tomography(TOMOGRAPHY, a, np.array([[2, 2], [0, 1], [0, 0]]), 1).request
    assert len(set(some.keys("")) & set(more.keys(""))) == 2 * 2


# -- Requests


def test_keys_do_not_depend_on_blocks(monkeypatch):
    expected = request(8).keys("device")
    for size in (1, 7):
        monkeypatch.setattr(requests, "_BLOCK", size)
        assert request(8).keys("device") == expected
    assert len(set(expected)) == 36


def test_keys_tell_backends_maps_and_single_bits_apart():
    a = angles(1)
    plain = request_diagonal(INVERSION, a, 1).request
    other = request_diagonal(INVERSION, np.nextafter(a, 9), 1).request
    wide = inversion_circuit(ring(3))
    elsewhere = request_diagonal(wide, np.zeros((1, len(ring(3).angle_symbols))), 1).request
    keys = [*plain.keys("a"), *plain.keys("b"), *other.keys("a"), *elsewhere.keys("a")]
    assert len(set(keys)) == 4
    again = request_diagonal(INVERSION, a, 99).request
    assert again.keys("a") == plain.keys("a")  # repetitions add up


def test_some_points_of_a_request():
    whole = request()
    rows = np.array([4, 1])
    part = whole[rows]
    assert len(part) == 2
    np.testing.assert_array_equal(part.values(), whole.values()[rows])
    assert part.keys("") == [whole.keys("")[row] for row in rows]


def test_other_repetitions_of_the_same_points():
    whole = request()
    keys = whole.keys("device")
    more = whole.asking_for(np.arange(1, 16))
    assert more.keys("device") is keys
    np.testing.assert_array_equal(more.repetitions, np.arange(1, 16))
    np.testing.assert_array_equal(whole.repetitions, 1)


def test_points_of_any_program():
    q = cirq.LineQubit(0)
    circuit = cirq.Circuit(
        cirq.rx(sympy.Symbol("a"))(q), cirq.rz(sympy.Symbol("b"))(q), cirq.measure(q)
    )
    program, _ = canonical_program(circuit)
    values = np.array([[0.1, 0.2], [0.3, 0.4]])
    found = request_points(program, values, np.array([1, 2]))
    np.testing.assert_array_equal(found.values(), values)
    assert found.keys("x") == program.point_keys(values, "x")


def test_points_have_names():
    a = angles(2)
    b = np.vstack([a[1], angles(1, seed=1)])
    found = request_fidelities(INVERSION, a, b, 1, measure_diagonal=True)
    names = [[found.request.name(place) for place in row] for row in found.entries]
    assert names == [
        ["X[0] with X[1]", "X[0] with Y[1]"],
        ["X[1] with X[1]", "X[1] with Y[1]"],
    ]
    diagonal = request_diagonal(INVERSION, a[[1, 1, 0]], 1)
    assert {diagonal.request.name(row) for row in diagonal.rows[:2]} == {"X[0] with itself"}
    rows = request_tomography(TOMOGRAPHY, a, np.array([[0, 1], [2, 2]]), 1)
    assert rows.request.name(rows.rows[1, 1]) == "X[1] in setting ZZ"
    assert rows.request.name(rows.rows[0, 0]) == "X[0] in setting XY"
