"""Matrix product states as an evaluator: what it computes and keeps, and what kernels get of it."""

import copy
import pickle

import cirq
import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

import qkernels as qk
from qkernels import FidelityKernel, MPSEvaluator, ProjectedKernel, StatevectorEvaluator
from qkernels.evaluators import Evaluator
from qkernels.loops.jit import at_most_threads
from qkernels.testing import check_evaluator
from tests import reference
from tests.compilation.agreement import expectations, feature_map, pauli_string, simulated
from tests.evaluators.maps import PARAMETERS, entangled, layered, product
from tests.evaluators.maps import points as data
from tests.random_circuits import FEATURES as x
from tests.random_circuits import GATES, feature_maps, points

pytestmark = pytest.mark.filterwarnings("error")
evaluator = MPSEvaluator(truncation=0)
exact = StatevectorEvaluator()


def assert_close(actual, expected, atol=1e-10):
    np.testing.assert_allclose(actual, expected, atol=atol, rtol=0)


def words_of(n_qubits, rng):
    """Return a few words: the identity, letters on few qubits, letters on all."""
    dense = ["".join(rng.choice(list("IXYZ"), n_qubits)) for _ in range(2)]
    sparse = ["I" * q + rng.choice(list("XYZ")) for q in range(0, n_qubits, 2)]
    return ["", *sparse, *dense]


def assert_as_cirq(feature_map, n_points=3, random_seed=0):
    """Assert that fidelities and Pauli values are those of Cirq's states."""
    inputs, parameters = points(feature_map, n_points, random_seed)
    states = simulated(feature_map, inputs, parameters)
    prepared = evaluator.embed(feature_map, inputs, parameters)
    fidelities = evaluator.fidelities(prepared, prepared[:])
    assert_close(fidelities, np.abs(states.conj() @ states.T) ** 2)
    words = words_of(feature_map.n_qubits, np.random.default_rng(random_seed))
    observables = [1.5 * pauli_string(feature_map.qubits, word) for word in words]
    values = evaluator.expectations(feature_map, inputs, parameters, observables=observables)
    assert_close(values, expectations(feature_map, observables, states))


# -- Beside Cirq's simulator


@pytest.mark.jit
@pytest.mark.parametrize("gate_type", GATES, ids=lambda t: t.__name__)
def test_random_circuits_of_all_gates(gate_type):
    @seed(list(GATES).index(gate_type))
    @settings(max_examples=2)
    @given(feature_maps(gate_type, max_qubits=6, max_operations=7), st.integers(0, 999))
    def agrees(feature_map, random_seed):
        assert_as_cirq(feature_map, random_seed=random_seed)

    agrees()


@pytest.mark.jit
@settings(max_examples=12)
@given(feature_maps(cirq.ISwapPowGate, max_qubits=14, max_operations=9), st.integers(0, 999))
def test_random_circuits_of_many_qubits(feature_map, random_seed):
    assert_as_cirq(feature_map, 2, random_seed)


q = cirq.LineQubit.range(6)
UNUSUAL = {
    "one qubit": feature_map(cirq.rx(x[0])(q[0]), cirq.rz(x[1])(q[0]), cirq.H(q[0])),
    "no couplings": product(4),
    "distant pairs": feature_map(
        [cirq.ry(x[0] + k)(a) for k, a in enumerate(q)],
        [cirq.ZZ(q[k], q[5 - k]) ** x[1] for k in range(3)],
        [cirq.XX(q[0], q[k]) ** x[2] for k in (3, 5)],
    ),
    "unconnected parts": feature_map(
        [cirq.ry(x[0])(a) for a in q],
        [cirq.CNOT(q[0], q[4]), cirq.CZ(q[1], q[3]) ** x[1]],
        cirq.rx(x[2]).on_each(*q),
    ),
    "qubits that no data reach": feature_map(
        cirq.H.on_each(*q), cirq.CNOT(q[1], q[2]), cirq.rz(x[0])(q[4]), cirq.ry(x[1])(q[4])
    ),
    "data that change nothing": feature_map(cirq.rz(x[0])(q[0]), cirq.ZZ(q[0], q[1]) ** x[1]),
    "qubits without gates": feature_map(cirq.ry(x[0])(q[2]), qubits=q),
    "trained": entangled(5),
    "trained in layers": layered(4),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_maps(name):
    assert_as_cirq(UNUSUAL[name], n_points=9)


STANDARD = [
    qk.feature_maps.zz(4),
    qk.feature_maps.ising(5, gamma=0.8, distance=2),
    qk.feature_maps.hardware_efficient(4),
    reference.ring(4),
    reference.arccos(3),
]


@pytest.mark.parametrize("given_map", STANDARD, ids=lambda m: m.name)
def test_standard_maps_keep_the_contract(given_map):
    X = np.random.default_rng(0).uniform(0.1, 0.9, (5, given_map.n_features))
    check_evaluator(evaluator, given_map, X)
    check_evaluator(MPSEvaluator(truncation=0, cache_size="0MB"), given_map, X)


@pytest.mark.parametrize("given_map", [entangled(), layered(), product(3)])
def test_trainable_and_plain_maps_keep_the_contract(given_map):
    check_evaluator(evaluator, given_map, data(4))


def test_single_precision():
    single = MPSEvaluator(precision="single")
    X = data(5)
    a = single.embed(entangled(), X, PARAMETERS)
    assert a.arrays()["re"].dtype == np.float32
    expected = reference.fidelity_matrix(entangled(), X, X, parameters=PARAMETERS)
    assert_close(single.fidelities(a), expected, 1e-5)
    assert (np.abs(single.fidelities(a) - expected) <= single.fidelity_bounds(a)).all()


def test_no_observables():
    none = evaluator.expectations(entangled(), data(2), PARAMETERS, observables=[])
    assert none.shape == (2, 0)


def test_standard_errors_are_zero():
    a = evaluator.embed(entangled(), data(3), PARAMETERS)
    assert not evaluator.fidelities(a, return_std=True)[1].any()
    given_words = {"observables": [cirq.Z(q[0])], "return_std": True}
    assert not evaluator.expectations(entangled(), data(3), PARAMETERS, **given_words)[1].any()


def test_threads_change_nothing():
    without = MPSEvaluator(truncation=1e-3, cache_size="0MB")
    X, words = data(40), [cirq.Z(q[0]) * cirq.X(q[2])]

    def computed():
        a = without.embed(layered(5), X, PARAMETERS)
        measured = without.expectations(layered(5), X, PARAMETERS, observables=words)
        return [*a.arrays().values(), without.fidelities(a), measured]

    with at_most_threads(1):
        expected = computed()
    with at_most_threads(2):
        for found, value in zip(computed(), expected, strict=True):
            np.testing.assert_array_equal(found, value)


# -- Values


ALIKE = [MPSEvaluator(max_bond=4, truncation=1e-3), MPSEvaluator(truncation=0.001, max_bond=4)]
OTHERS = [
    MPSEvaluator(),
    MPSEvaluator(truncation=1e-3),
    MPSEvaluator(max_bond=4),
    MPSEvaluator(max_bond=4, truncation=1e-3, precision="single"),
]


def test_equal_evaluators():
    assert ALIKE[0] == ALIKE[1]
    assert hash(ALIKE[0]) == hash(ALIKE[1])
    assert ALIKE[0].fingerprint() == ALIKE[1].fingerprint()
    assert len({*ALIKE, *OTHERS}) == 5
    assert len({e.fingerprint() for e in [*ALIKE, *OTHERS]}) == 5
    assert MPSEvaluator() != StatevectorEvaluator()
    assert MPSEvaluator(cache_size="1MB") != MPSEvaluator()
    assert MPSEvaluator(cache_size="1MB").fingerprint() == MPSEvaluator().fingerprint()


@pytest.mark.parametrize("given_evaluator", [*ALIKE[:1], *OTHERS], ids=repr)
def test_copies(given_evaluator):
    assert isinstance(given_evaluator, Evaluator)
    assert copy.copy(given_evaluator) is given_evaluator
    assert copy.deepcopy([given_evaluator])[0] is given_evaluator
    assert pickle.loads(pickle.dumps(given_evaluator)) == given_evaluator
    assert eval(repr(given_evaluator), {"MPSEvaluator": MPSEvaluator}) == given_evaluator


def test_pickles_hold_no_points():
    before = len(pickle.dumps(evaluator))
    evaluator.embed(entangled(), data(200), PARAMETERS)
    assert len(pickle.dumps(evaluator)) == before < 500


def test_an_evaluator_that_keeps_nothing():
    without = OTHERS[3].without_cache()
    assert without.cache_size == "0MB"
    assert without.fingerprint() == OTHERS[3].fingerprint()


# -- What is kept


@pytest.fixture
def counted(monkeypatch):
    """Return an evaluator of its own, and how many states each simulation has prepared."""
    simulated_points, simulation = [], qk.evaluators.mps.ChainSimulation

    def count(chain, angles, *rest):
        simulated_points.append(len(angles))
        return simulation(chain, angles, *rest)

    monkeypatch.setattr(qk.evaluators.mps, "ChainSimulation", count)
    own = MPSEvaluator(cache_size="77MB")
    own.clear_cache()
    return own, simulated_points


def test_each_point_is_prepared_once(counted):
    own, counts = counted
    X = data(9)
    whole = own.embed(entangled(), X, PARAMETERS)
    part = own.embed(entangled(), X[[5, 2, 2]], PARAMETERS)
    more = own.embed(entangled(), np.concatenate([X[3:5], data(2, seed=1)]), PARAMETERS)
    assert counts == [9, 2]
    assert_close(own.fidelities(part, more)[:, :2], own.fidelities(whole)[[5, 2, 2], 3:5], 1e-15)


def test_minus_zero_is_zero(counted):
    own, counts = counted
    own.embed(entangled(), np.zeros((1, 3)), PARAMETERS)
    own.embed(entangled(), np.full((1, 3), -0.0), PARAMETERS)
    assert counts == [1]


def test_other_parameters_observables_and_no_cache_are_computed_anew(counted):
    own, counts = counted
    for values in (PARAMETERS, PARAMETERS + 1):
        own.embed(entangled(), data(3), values)
    for letter in (cirq.X, cirq.Y, cirq.Y):
        own.expectations(entangled(), data(3), PARAMETERS, observables=[letter(q[0])])
    assert counts == [3] * 4
    own.clear_cache()
    own.embed(entangled(), data(3), PARAMETERS)
    own.without_cache().embed(entangled(), data(3), PARAMETERS)
    assert counts == [3] * 6


def test_states_of_different_bonds_are_kept_together(counted):
    own, counts = counted
    # Couplings by π - x vanish at π.
    narrow = np.where(np.arange(4) < [[0], [1]], 0.3, np.pi)
    wide = np.random.default_rng(0).uniform(0.5, 1.5, (3, 4))
    given_map = qk.feature_maps.zz(4)
    first, second = own.embed(given_map, narrow), own.embed(given_map, wide)
    assert first.arrays()["re"].shape[1] < second.arrays()["re"].shape[1]
    X = np.concatenate([wide[:2], narrow])
    both = own.embed(given_map, X)
    assert counts == [2, 3]
    assert both.bonds.tolist() == [*second.bonds[:2].tolist(), *first.bonds.tolist()]
    assert_close(own.fidelities(both), reference.fidelity_matrix(given_map, X, X))


def test_results_are_fresh_and_can_be_written(counted):
    own, _ = counted
    a, words = own.embed(entangled(), data(3), PARAMETERS), {"observables": [cirq.Z(q[0])]}
    for compute in (
        lambda: own.fidelities(a),
        lambda: own.fidelity_bounds(a),
        lambda: own.expectations(entangled(), data(3), PARAMETERS, **words),
        lambda: own.expectation_bounds(entangled(), data(3), PARAMETERS, **words),
    ):
        first = compute()
        kept = first.copy()
        assert first.dtype == np.float64
        assert first.flags.c_contiguous
        first[:] = 7.0
        np.testing.assert_array_equal(compute(), kept)


def test_inputs_of_other_kinds():
    X = data(3)
    expected = evaluator.fidelities(evaluator.embed(entangled(), X, PARAMETERS))
    frozen = X.copy()
    frozen.flags.writeable = False
    for given_inputs in (X.tolist(), frozen, np.asfortranarray(X)):
        a = evaluator.embed(entangled(), given_inputs, PARAMETERS.tolist())
        np.testing.assert_array_equal(evaluator.fidelities(a), expected)


# -- Prepared points


def test_prepared_points_are_restored_from_their_arrays():
    a = evaluator.embed(layered(4), data(9), PARAMETERS)
    b = evaluator.restore({name: array.copy() for name, array in a.arrays().items()})
    assert len(b) == len(a)
    assert b.nbytes == a.nbytes == sum(array.nbytes for array in a.arrays().values())
    np.testing.assert_array_equal(evaluator.fidelities(b), evaluator.fidelities(a))
    np.testing.assert_array_equal(evaluator.fidelity_bounds(b), evaluator.fidelity_bounds(a))
    assert all(len(array) == 9 for array in a.arrays().values())


def test_slices_are_views_of_the_same_states():
    a = evaluator.embed(layered(4), data(20), PARAMETERS)
    K = evaluator.fidelities(a)
    assert np.shares_memory(a[3:9].arrays()["re"], a.arrays()["re"])
    assert_close(evaluator.fidelities(a[3:9], a[12:]), K[3:9, 12:], 1e-15)
    # The diagonal of K is 1 by definition, and here what rounding leaves of the norm.
    assert_close(evaluator.fidelities(a[[4, 1]], a[::-3]), K[[4, 1]][:, ::-3], 1e-14)


def test_the_same_points_twice_are_the_symmetric_case():
    a = evaluator.embed(layered(4), data(9), PARAMETERS)
    K = evaluator.fidelities(a)
    np.testing.assert_array_equal(evaluator.fidelities(a, a), K)
    np.testing.assert_array_equal(K, K.T)
    assert (np.diag(K) == 1.0).all()


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (0, 0)])
def test_no_points_give_an_empty_matrix(shape):
    a = evaluator.embed(entangled(), data(4), PARAMETERS)
    assert evaluator.fidelities(a[: shape[0]], a[: shape[1]]).shape == shape


# -- Kernels


TEN = {
    "zz": qk.feature_maps.zz(10, entanglement="linear"),
    "ising": qk.feature_maps.ising(10, distance=3),
    "hardware_efficient": qk.feature_maps.hardware_efficient(10),
}


@pytest.mark.jit
@pytest.mark.parametrize("name", TEN)
def test_kernels_of_ten_qubits_are_those_of_state_vectors(name):
    X = np.random.default_rng(0).uniform(0, 2, (6, 10))
    parameters = 0.3 + np.arange(TEN[name].n_parameters) if TEN[name].n_parameters else None
    options = {"bandwidth": 0.7, "parameters": parameters}
    for make, more in ((FidelityKernel, {}), *((ProjectedKernel, {"locality": k}) for k in (1, 2))):
        found, expected = (
            make(TEN[name], **options, **more, evaluator=e)(X[:4], X) for e in (evaluator, exact)
        )
        assert_close(found, expected)
        assert found.min() < 0.99


@pytest.mark.jit
def test_a_grid_search_finds_what_it_finds_with_state_vectors():
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 2, (30, 4))
    y = (X[:, 0] * X[:, 1] > 1).astype(int)

    def scores(evaluator):
        kernel = FidelityKernel(qk.feature_maps.ising(4), evaluator=evaluator)
        grid = {"kernel__bandwidth": [0.1, 0.4, 1.0], "C": [1, 100]}
        return GridSearchCV(SVC(kernel=kernel), grid, cv=3).fit(X, y).cv_results_

    found, expected = (scores(e)["mean_test_score"] for e in (evaluator, exact))
    np.testing.assert_array_equal(found, expected)
    assert np.ptp(found) > 0


# -- Wide circuits, beside a contraction of their own


def ising_tensors(point, gamma, layers=2):
    """Return the exact tensors of the Ising map's state, a bond twice as wide with each layer.

    Each layer's couplings are Π_k (cos φ_k I - i sin φ_k X_k X_{k+1}): X to the sum of the branches
    on both sides, branch 1 on the right with -i sin φ_k.
    """
    n, plus = len(point), np.full((1, 2, 1), np.sqrt(0.5))
    phi = np.pi / 2 * gamma**2 * (1 - point[:-1]) * (1 - point[1:])
    pauli = [np.eye(2), np.array([[0, 1], [1, 0]])]
    tensors = [plus] * n
    for _ in range(layers):
        for k in range(n):
            turn = np.diag(np.exp([-1j * gamma * point[k], 1j * gamma * point[k]]))
            weights = (np.cos(phi[k]), -1j * np.sin(phi[k])) if k < n - 1 else (1.0,)
            w = np.array([[v * pauli[a ^ b] for b, v in enumerate(weights)] for a in range(2)])
            w = w[: 1 + (k > 0)]
            joined = np.einsum("abts,su,cud->actbd", w, turn, tensors[k])
            rows, columns = joined.shape[0] * joined.shape[1], joined.shape[3] * joined.shape[4]
            tensors[k] = joined.reshape(rows, 2, columns)
    return tensors


def environments(a, b):
    """Return the products of ⟨a| and |b⟩ up to each site."""
    found = [np.ones((1, 1))]
    for x_tensor, y_tensor in zip(a, b, strict=True):
        found.append(
            np.einsum("ab,asc,bsd->cd", found[-1], x_tensor.conj(), y_tensor, optimize=True)
        )
    return found


def test_fidelities_of_165_qubits():
    X = np.random.default_rng(0).uniform(0, 2, (5, 165))
    wide, states = MPSEvaluator(), [ising_tensors(point, 0.1) for point in X]
    a = wide.embed(qk.feature_maps.ising(165, gamma=0.1), X)
    K = wide.fidelities(a)
    expected = [[abs(environments(s, t)[-1].item()) ** 2 for t in states] for s in states]
    np.fill_diagonal(expected := np.array(expected), 1.0)
    assert max(tensor.shape[2] for tensor in states[0]) == 4
    assert_close(K, expected, 1e-8)
    assert (np.abs(K - expected) <= wide.fidelity_bounds(a)).all()
    strict = evaluator.embed(qk.feature_maps.ising(165, gamma=0.1), X)
    assert_close(evaluator.fidelities(strict), expected, 1e-11)


def test_single_qubits_of_200():
    X = np.random.default_rng(1).uniform(0, 2, (3, 200))
    given_map = qk.feature_maps.ising(200, gamma=0.4)
    words = [letter(qubit) for qubit in given_map.qubits for letter in (cirq.X, cirq.Y, cirq.Z)]
    found = evaluator.expectations(given_map, X, observables=words)
    assert_close(found, [bloch_vectors(ising_tensors(point, 0.4)) for point in X], 1e-11)
    assert np.ptp(found) > 1


def bloch_vectors(tensors):
    """Return ⟨X⟩, ⟨Y⟩ and ⟨Z⟩ of each site."""
    left = environments(tensors, tensors)
    mirrored = [tensor.transpose(2, 1, 0) for tensor in tensors[::-1]]
    right = environments(mirrored, mirrored)[::-1]
    values = []
    for k, tensor in enumerate(tensors):
        rho = np.einsum(
            *("ab,asc,btd,cd->ts", left[k], tensor.conj(), tensor, right[k + 1]), optimize=True
        )
        values += [np.trace(rho @ reference_pauli).real for reference_pauli in PAULI_MATRICES]
    return values


PAULI_MATRICES = [cirq.unitary(letter) for letter in (cirq.X, cirq.Y, cirq.Z)]
