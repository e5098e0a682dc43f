"""What matrix product states refuse, each with its text, and that they work on afterwards."""

import re

import cirq
import numpy as np
import pytest

import qkernels as qk
from qkernels import MPSEvaluator, StatevectorEvaluator, memory
from qkernels.evaluators import mps, mps_report, mps_simulation
from tests.evaluators.maps import PARAMETERS, entangled, layered, points, product

evaluator = MPSEvaluator(cache_size="0MB")
Q = cirq.LineQubit.range(3)


def refused(error, text, function, *arguments, **options):
    with pytest.raises(error, match=f"^{re.escape(text)}$"):
        function(*arguments, **options)


# -- Arguments

SIZE = "cache_size: expected a size such as '512MB', or a number of bytes, got "
BAD_ARGUMENTS = [
    ("max_bond", 0, ValueError, "expected max_bond to be an integer of at least 1, got 0"),
    ("max_bond", 2.0, ValueError, "expected max_bond to be an integer of at least 1, got 2.0"),
    ("max_bond", True, ValueError, "expected max_bond to be an integer of at least 1, got True"),
    ("truncation", -0.1, ValueError, "truncation: expected a number from 0 to below 1, got -0.1"),
    ("truncation", 1, ValueError, "truncation: expected a number from 0 to below 1, got 1"),
    (
        *("truncation", np.nan, ValueError),
        "expected truncation to be a finite real number, got nan",
    ),
    ("truncation", "a", ValueError, "expected truncation to be a finite real number, got 'a'"),
    ("truncation", None, ValueError, "expected truncation to be a finite real number, got None"),
    (
        *("precision", "half", ValueError),
        "precision: expected one of ['double', 'single'], got 'half'",
    ),
    ("cache_size", "many", ValueError, SIZE + "'many'"),
    ("cache_size", -1, ValueError, SIZE + "-1"),
    ("cache_size", None, TypeError, SIZE + "None"),
    ("verbose", -1, ValueError, "expected verbose to be an integer of at least 0, got -1"),
    ("verbose", None, ValueError, "expected verbose to be an integer of at least 0, got None"),
]


@pytest.mark.parametrize(("name", "value", "error", "text"), BAD_ARGUMENTS)
def test_arguments(name, value, error, text):
    refused(error, text, MPSEvaluator, **{name: value})


def test_arguments_are_named():
    with pytest.raises(TypeError, match="positional argument"):
        MPSEvaluator(4)


# -- Points and observables


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_points_that_are_no_numbers(bad):
    X = points(3)
    X[1, 0] = bad
    text = rf"^expected a finite real number for x0/pi .* got {bad} in row 1 of X, where x0 = {bad}"
    with pytest.raises(ValueError, match=text):
        evaluator.embed(entangled(), X, PARAMETERS)
    with pytest.raises(ValueError, match=text):
        evaluator.expectations(entangled(), X, PARAMETERS, observables=[cirq.Z(Q[0])])


@pytest.mark.parametrize("shape", [(3,), (0, 3), (2, 2, 3)])
def test_points_of_other_shapes(shape):
    text = f"expected inputs of shape (n_points, n_features), at least one point, got shape {shape}"
    refused(ValueError, text, evaluator.embed, entangled(), np.zeros(shape), PARAMETERS)


def test_points_of_other_maps_and_missing_parameters():
    with pytest.raises(ValueError, match=r"expects X of shape \(n_points, 3\), got \(4, 2\)$"):
        evaluator.embed(entangled(), points(4, 2), PARAMETERS)
    with pytest.raises(ValueError, match="parameters"):
        evaluator.embed(entangled(), points(4))
    with pytest.raises(ValueError, match="parameters"):
        evaluator.embed(entangled(), points(4), [0.1])


SINGLE = [
    (1j * cirq.Z(Q[0]), ValueError, "expected a real coefficient, got 1j 1j*Z(q(0))"),
    (
        *(cirq.Z(cirq.NamedQubit("a")), ValueError),
        "expected observables on the feature map's qubits ['q(0)', 'q(1)', 'q(2)'], got Z(a) on "
        "['a']",
    ),
    ("ZII", TypeError, "expected a cirq.PauliString as observable, got 'ZII'"),
    (cirq.Z, TypeError, "expected a cirq.PauliString as observable, got cirq.Z"),
]


@pytest.mark.parametrize(("observable", "error", "text"), SINGLE)
def test_observables(observable, error, text):
    for measure in (evaluator.expectations, evaluator.expectation_bounds):
        options = {"observables": [cirq.X(Q[1]), observable]}
        refused(error, text, measure, entangled(), points(2), PARAMETERS, **options)


@pytest.mark.parametrize("observables", [None, cirq.X(Q[1]) * cirq.Z(Q[0]), 3])
def test_observables_that_are_no_sequence(observables):
    for measure in (evaluator.expectations, evaluator.expectation_bounds):
        options = {"observables": observables}
        text = f"expected a sequence of cirq.PauliString, got {observables!r}"
        refused(TypeError, text, measure, entangled(), points(2), PARAMETERS, **options)


def test_a_circuit_in_place_of_a_feature_map():
    circuit = cirq.FrozenCircuit(cirq.X(Q[0]))
    refused(
        TypeError, "expected a FeatureMap, got FrozenCircuit", evaluator.embed, circuit, points(2)
    )


# -- Prepared points


def prepared(n_qubits=3):
    return evaluator.embed(entangled(n_qubits), points(4), PARAMETERS)


@pytest.mark.parametrize("compare", [evaluator.fidelities, evaluator.fidelity_bounds])
def test_points_prepared_by_others(compare):
    other = StatevectorEvaluator().embed(entangled(), points(4), PARAMETERS)
    text = "expected points prepared by an MPSEvaluator (its embed or restore), got PreparedStates"
    for pair in ((other,), (prepared(), other), (other, prepared())):
        refused(TypeError, text, compare, *pair)


@pytest.mark.parametrize("compare", [evaluator.fidelities, evaluator.fidelity_bounds])
def test_points_of_different_circuits(compare):
    text = "expected points prepared by one feature map, got states of 3 and of 5 qubits"
    refused(ValueError, text, compare, prepared(), prepared(5))


def changed(**arrays):
    return prepared().arrays() | arrays


def test_arrays_of_other_names():
    names = "expected arrays re, im, bonds, weights, rounding, got "
    refused(ValueError, names + "[]", evaluator.restore, {})
    refused(ValueError, names + "['states']", evaluator.restore, {"states": np.ones(3)})
    more = changed(extra=np.ones(4))
    refused(ValueError, names + f"{sorted(more)}", evaluator.restore, more)


@pytest.mark.parametrize("name", ["re", "im", "bonds", "weights", "rounding"])
def test_arrays_of_other_shapes(name):
    array = prepared().arrays()[name]
    for bad in (array[:2], array[np.newaxis]):
        arrays = changed(**{name: bad})
        order = ("re", "im", "bonds", "weights", "rounding")
        text = (
            "expected re and im (n_points, width), bonds (n_points, n_sites + 1), weights "
            "(n_points, n_groups) and rounding (n_points,), got shapes "
            f"{[np.shape(arrays[n]) for n in order]}"
        )
        refused(ValueError, text, evaluator.restore, arrays)


def test_arrays_of_other_numbers():
    re_plane = prepared().arrays()["re"]
    text = "expected re and im of float64, or both of float32, got "
    arrays = changed(re=re_plane.astype(np.float32))
    refused(ValueError, text + "float32 and float64", evaluator.restore, arrays)
    arrays = changed(re=re_plane.astype(int), im=re_plane.astype(int))
    refused(ValueError, text + "int64 and int64", evaluator.restore, arrays)


def test_arrays_of_other_bonds():
    bonds = prepared().arrays()["bonds"]
    text = "expected bonds of at least 1, of one site or more, as integers"
    for bad in (bonds.astype(float), 0 * bonds, bonds[:, :1]):
        refused(ValueError, text, evaluator.restore, changed(bonds=bad))
    width = prepared().arrays()["re"].shape[1]
    many = bonds.copy()
    many[2, 1:-1] = 100
    text = f"expected room for the 20400 numbers that the bonds ask for, got {width} in re and im"
    refused(ValueError, text, evaluator.restore, changed(bonds=many))


@pytest.mark.parametrize("place", [0, -1])
def test_outer_bonds_that_are_not_one(place):
    a = evaluator.embed(product(3), points(2), None).arrays()
    wide = {name: np.tile(a[name], (1, 2)) for name in ("re", "im")}
    bonds = a["bonds"].copy()
    bonds[:, place] = 2
    with pytest.raises(ValueError, match="expected the first and the last bond of each point"):
        evaluator.restore(a | wide | {"bonds": bonds})


# -- Memory


@pytest.fixture
def free(monkeypatch):
    """Sets how many bytes are free."""

    def set_free(n_bytes):
        monkeypatch.setattr(memory, "available_memory", lambda: n_bytes)
        monkeypatch.setattr(memory, "_MODEST", 0)

    return set_free


def test_gram_matrices_that_do_not_fit(free, monkeypatch):
    a = evaluator.embed(entangled(), points(200), PARAMETERS)
    free(10**5)
    monkeypatch.setattr(mps, "mps_gram_matrix", None)
    with pytest.raises(
        MemoryError,
        match=r"^expected 3\d\d KB of free memory for a Gram matrix of 200 x 200, got 100 KB: "
        "compare blocks of the points instead of all at once$",
    ):
        evaluator.fidelities(a)


def test_values_that_do_not_fit(free, monkeypatch):
    free(1000)
    monkeypatch.setattr(mps, "ChainSimulation", None)
    text = (
        "expected 2.4 KB of free memory for 3 expectation values at 100 points, got 1 KB: "
        "take fewer points at a time, or fewer observables"
    )
    words = {"observables": [cirq.Z(q) for q in Q]}
    refused(
        MemoryError, text, evaluator.expectations, entangled(), points(100), PARAMETERS, **words
    )


def test_states_that_do_not_fit_are_refused_after_the_first_block(free, monkeypatch):
    simulated = []
    blocks = mps_simulation._Wave.blocks
    monkeypatch.setattr(
        mps_simulation._Wave, "blocks", lambda wave: (simulated.append(1), blocks(wave))[1]
    )
    free(2 * 10**6)
    with pytest.raises(
        MemoryError,
        match=r"^expected 5\.12 MB of free memory to keep 10000 matrix product states of 16 "
        r"amplitudes, got 2 MB: take fewer points at a time, precision='single', or give max_bond$",
    ):
        evaluator.embed(entangled(), points(10000), PARAMETERS)
    assert simulated == [1]


ROOM = (
    r"^expected [\d.]+ [KM]B of free memory for matrix product states whose bonds have reached "
    r"{}, got {}: give max_bond, at the price of an error that report\(\) bounds, or take a map "
    r"with fewer layers, or with couplings of neighbours only$"
)


def test_room_that_does_not_fit_is_refused_at_the_start(free):
    free(1000)
    with pytest.raises(MemoryError, match=ROOM.format(1, "1 KB")):
        evaluator.embed(entangled(), points(3), PARAMETERS)


@pytest.mark.jit
def test_bonds_that_grow_too_large_are_refused_on_the_way(free):
    free(3 * 10**6)
    wide = qk.feature_maps.zz(16, reps=3)
    X = np.random.default_rng(0).uniform(0, 2, (2, 16))
    with pytest.raises(MemoryError, match=ROOM.format(r"[1-9]\d*", "3 MB")):
        evaluator.embed(wide, X)
    capped = MPSEvaluator(max_bond=4, cache_size="0MB")
    with pytest.warns(UserWarning, match="max_bond=4 was reached"):
        assert capped.embed(wide, X).bonds.max() == 4


def test_states_that_are_measured_are_not_held_all_at_once(monkeypatch):
    held, states = [], MPSEvaluator._states
    given_map = qk.feature_maps.ising(8, layers=4)

    def spy(*arguments):
        found = states(*arguments)
        held.append(found[0].nbytes + found[1].nbytes)
        return found

    monkeypatch.setattr(MPSEvaluator, "_states", spy)
    monkeypatch.setattr(mps, "_BYTES_AT_ONCE", 2**16)
    X = np.random.default_rng(0).uniform(0, 2, (160, 8))
    words = [cirq.PauliString(map(cirq.Z, given_map.qubits))]
    evaluator.expectations(given_map, X, observables=words)
    assert sum(held) > 2**20
    assert max(held) < 2**19


# -- Interrupts


def test_an_interrupt_leaves_an_evaluator_that_works(monkeypatch):
    monkeypatch.setattr(mps_report, "_records", {})
    own = MPSEvaluator(cache_size="55MB")
    own.clear_cache()
    X, expected = points(20), StatevectorEvaluator().embed(layered(), points(20), PARAMETERS)
    calls, advance = [], mps_simulation.mps_evolution.advance

    def interrupt(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        advance(*arguments)

    monkeypatch.setattr(mps_simulation, "_WORK_A_CALL", 1.0)
    monkeypatch.setattr(mps_simulation.mps_evolution, "advance", interrupt)
    with pytest.raises(KeyboardInterrupt):
        own.embed(layered(), X, PARAMETERS)
    found = own.embed(layered(), X, PARAMETERS)
    assert len(calls) > 3
    fidelities = StatevectorEvaluator().fidelities(expected)
    np.testing.assert_allclose(own.fidelities(found), fidelities, atol=1e-9)
    assert own.report().n_states == 20
