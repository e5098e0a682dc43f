"""The geometric difference, engineered labels and the model complexity, against dense algebra."""

import re
import warnings

import numpy as np
import pytest
from scipy.linalg import sqrtm
from sklearn.datasets import make_moons
from sklearn.metrics.pairwise import rbf_kernel

import qkernels as qk
from qkernels import diagnostics
from qkernels.diagnostics import (
    IllConditionedWarning,
    engineered_labels,
    geometric_difference,
    model_complexity,
)

ONE = np.eye(20)


def scaled(K):
    return K * len(K) / np.trace(K)


def dense(K_classical, K_quantum, regularization):
    """Return √K_Q √K_C (K_C+λ)⁻² √K_C √K_Q, and √K_Q (K_C+λ)⁻² √K_Q."""
    C, Q = scaled(K_classical), scaled(K_quantum)
    inverse = np.linalg.inv(C + regularization * np.eye(len(C)))
    c, q = np.real(sqrtm(C)), np.real(sqrtm(Q))
    return q @ c @ inverse @ inverse @ c @ q, q @ inverse @ inverse @ q


# -- The geometric difference


@pytest.mark.parametrize("regularization", [0, 1e-3, 0.1, 2.0])
def test_geometric_difference_is_that_of_dense_square_roots(K, other, regularization):
    generalization, training = dense(K, other, regularization)
    found = geometric_difference(K, other, regularization=regularization)
    assert found.g == pytest.approx(np.sqrt(np.linalg.norm(generalization, 2)), rel=1e-9)
    expected = regularization * np.sqrt(np.linalg.norm(training, 2))
    assert found.g_training == pytest.approx(expected, rel=1e-9)
    assert found.regularization == regularization


def test_without_regularization_it_is_that_of_an_inverse(K, other):
    root = np.real(sqrtm(scaled(other)))
    expected = np.sqrt(np.linalg.norm(root @ np.linalg.inv(scaled(K)) @ root, 2))
    assert geometric_difference(K, other, regularization=0).g == pytest.approx(expected, rel=1e-9)


def test_the_norm_is_not_the_largest_row_sum(K, other):
    generalization, _ = dense(K, other, 0)
    row_sum = np.sqrt(np.linalg.norm(generalization, np.inf))
    assert geometric_difference(K, other, regularization=0).g < 0.9 * row_sum


def test_a_kernel_is_no_distance_from_itself(K):
    assert geometric_difference(K, 3 * K, regularization=0).g == pytest.approx(1, rel=1e-9)


def test_the_least_g_that_the_training_error_allows(K, other):
    found = geometric_difference(K, other, max_training_error=0.1)
    assert found.g_training == pytest.approx(0.1, rel=1e-5)
    assert found.g_training <= 0.1
    grid = found.regularization * np.geomspace(1e-2, 1e2, 41)
    tried = [geometric_difference(K, other, regularization=value) for value in grid]
    assert np.all(np.diff([t.g for t in tried]) < 0)
    assert np.all(np.diff([t.g_training for t in tried]) > 0)
    allowed = [t.g for t in tried if t.g_training <= 0.1]
    assert found.g <= min(allowed) * (1 + 1e-9)


@pytest.mark.parametrize("bound", [0.045, 0.99])
def test_any_bound_is_met(K, bound):
    # g_training is λ/(1+λ) of two identities.
    found = geometric_difference(ONE, ONE, max_training_error=bound)
    assert found.regularization == pytest.approx(bound / (1 - bound), rel=1e-5)


def test_large_matrices_go_another_way(monkeypatch, K, other):
    expected = geometric_difference(K, other)
    monkeypatch.setattr(diagnostics.geometry, "_LANCZOS_FROM", 0)
    found = geometric_difference(K, other)
    assert found.g == pytest.approx(expected.g, rel=1e-6)
    assert found.regularization == pytest.approx(expected.regularization, rel=1e-6)
    np.testing.assert_array_equal(
        engineered_labels(K, other, regularization=0.1), labels_of_dense(K, other, 0.1)
    )


def test_several_regularizations_are_those_one_by_one(K, other):
    strengths = (0, 1e-3, None, 2.0)
    found = diagnostics.geometric_differences(K, other, strengths)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", diagnostics.IllConditionedWarning)
        expected = [geometric_difference(K, other, regularization=x) for x in strengths]
    assert found == expected
    with pytest.raises(ValueError, match=r"expected regularization .*-1"):
        diagnostics.geometric_differences(K, other, [0, -1])


def test_several_regularizations_warn_of_nothing(moons):
    rbf, quantum = moons
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bare, _ = diagnostics.geometric_differences(rbf, quantum["projected"], [0, None])
    assert bare.g > 900


def test_equal_eigenvalues_of_a_large_matrix():
    """Iterations that look for the largest of them do not end."""
    n = 450
    found = geometric_difference(np.eye(n), np.eye(n), regularization=0.01)
    assert found.g == pytest.approx(1 / 1.01)
    random = np.random.default_rng(0)
    K = rbf_kernel(random.normal(size=(n, 2)))
    values = np.linalg.eigvalsh(K)
    expected = np.sqrt(np.max(values / (values + 0.01) ** 2))
    assert geometric_difference(K, np.eye(n), regularization=0.01).g == pytest.approx(expected)


def test_the_order_of_points_and_the_scale_do_not_matter(K, other):
    order = np.random.default_rng(3).permutation(len(K))
    shuffle = np.ix_(order, order)
    expected = geometric_difference(K, other)
    for found in (
        geometric_difference(K[shuffle], other[shuffle]),
        geometric_difference(7 * K, 0.1 * other),
    ):
        assert found.g == pytest.approx(expected.g, rel=1e-6)
        assert found.regularization == pytest.approx(expected.regularization, rel=1e-6)


# -- Warnings


@pytest.fixture(scope="module")
def moons():
    X, _ = make_moons(300, noise=0.1, random_state=0)
    maps = qk.feature_maps
    kernels = {
        "angle": qk.FidelityKernel(maps.angle),
        "z": qk.FidelityKernel(maps.z),
        "zz": qk.FidelityKernel(maps.zz, bandwidth=0.3),
        "projected": qk.ProjectedKernel(maps.zz, bandwidth=0.3),
    }
    return rbf_kernel(X, gamma=1.0), {name: kernel(X) for name, kernel in kernels.items()}


def test_two_moons_collapse_under_regularization(moons):
    rbf, quantum = moons
    with pytest.warns(IllConditionedWarning, match="comes from tiny eigenvalues of K_classical"):
        bare = geometric_difference(rbf, quantum["projected"], regularization=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = geometric_difference(rbf, quantum["projected"], regularization=0.01)
    assert bare.g > 900
    assert found.g < 10


def test_two_moons_have_an_order(moons):
    rbf, quantum = moons
    g = {n: geometric_difference(rbf, K, regularization=0.01).g for n, K in quantum.items()}
    assert g["angle"] < g["z"] < g["zz"] < g["projected"]


def test_a_sound_matrix_has_no_warning(moons, K, other):
    rbf, quantum = moons
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        geometric_difference(K, other)
        geometric_difference(rbf, quantum["angle"])
        geometric_difference(rbf, quantum["angle"], regularization=0)


def test_no_regularization_keeps_the_training_error():
    with pytest.warns(IllConditionedWarning) as caught:
        found = geometric_difference(np.ones((20, 20)), ONE)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    message = str(caught[0].message)
    assert re.match(r"no regularization keeps g_training at 0\.045: even with \S+, at", message)
    assert found.g_training > 0.045
    # A lower bound: the exact one is infinite.
    assert found.g > 1e5


# -- Engineered labels


def labels_of_dense(K_classical, K_quantum, regularization):
    generalization, _ = dense(K_classical, K_quantum, regularization)
    top = np.linalg.eigh((generalization + generalization.T) / 2)[1][:, -1]
    scores = np.real(sqrtm(scaled(K_quantum))) @ top
    scores *= np.sign(scores[np.abs(scores).argmax()])
    return np.where(scores > np.median(scores), 1, -1)


@pytest.mark.parametrize("regularization", [0, 0.01, 1.0])
def test_engineered_labels_are_those_of_dense_square_roots(K, other, regularization):
    found = engineered_labels(K, other, regularization=regularization)
    np.testing.assert_array_equal(found, labels_of_dense(K, other, regularization))
    assert found.sum() == 0


def test_engineered_labels_take_the_regularization_of_the_geometric_difference(K, other):
    expected = engineered_labels(
        K, other, regularization=geometric_difference(K, other).regularization
    )
    np.testing.assert_array_equal(engineered_labels(K, other), expected)


def test_engineered_labels_leave_tiny_eigenvalues_alone(moons):
    rbf, quantum = moons
    expected = engineered_labels(rbf, quantum["projected"], regularization=1e-3)
    np.testing.assert_array_equal(engineered_labels(rbf, quantum["projected"]), expected)


def test_engineered_labels_suit_the_quantum_kernel(K, other):
    y = engineered_labels(K, other)
    classical, quantum = (model_complexity(k, y, regularization=0.1) for k in (K, other))
    assert quantum.complexity < classical.complexity


def test_engineered_labels_go_with_their_points(K, other):
    order = np.random.default_rng(3).permutation(len(K))
    shuffle = np.ix_(order, order)
    found = engineered_labels(K[shuffle], other[shuffle])
    np.testing.assert_array_equal(found, engineered_labels(K, other)[order])


# -- Model complexity


def dense_complexity(K, columns, regularization):
    K = scaled(K)
    inverse, root = np.linalg.inv(K + regularization * np.eye(len(K))), np.real(sqrtm(K))
    model = np.sum(columns * (root @ inverse @ inverse @ root @ columns))
    training = np.sum(columns * (inverse @ inverse @ columns))
    return model, np.sqrt(regularization**2 * training / len(K))


CLASSES = np.arange(20) % 3
REAL = np.random.default_rng(5).normal(size=20) + 4
CORNERS = np.column_stack([np.cos(2 * np.pi / 3 * CLASSES), np.sin(2 * np.pi / 3 * CLASSES)])


@pytest.mark.parametrize("regularization", [0, 0.1, 3.0])
@pytest.mark.parametrize(
    ("y", "columns"),
    [
        (np.where(CLASSES == 1, "yes", "no"), np.where(CLASSES == 1, 1.0, -1.0)[:, np.newaxis]),
        (CLASSES, CORNERS),
        (REAL, (REAL - REAL.mean())[:, np.newaxis]),
    ],
    ids=["two", "three", "real"],
)
def test_model_complexity_is_that_of_dense_square_roots(K, y, columns, regularization):
    found = model_complexity(K, y, regularization=regularization)
    complexity, training_error = dense_complexity(K, columns, regularization)
    assert found.complexity == pytest.approx(complexity, rel=1e-8)
    assert found.training_error == pytest.approx(training_error, rel=1e-8, abs=1e-12)
    expected = training_error + np.sqrt(complexity / 20)
    assert found.bound == pytest.approx(expected, rel=1e-8)


def test_training_error_is_that_of_a_fit(K):
    y = np.where(CLASSES == 1, 1.0, -1.0)
    C = scaled(K)
    fitted = C @ np.linalg.solve(C + 0.3 * ONE, y)
    expected = np.sqrt(np.mean((y - fitted) ** 2))
    assert model_complexity(K, y, regularization=0.3).training_error == pytest.approx(expected)


def test_the_geometric_difference_bounds_complexities(K, other):
    y = CLASSES == 0
    found = geometric_difference(K, other, regularization=0.2)
    quantum = model_complexity(other, y, regularization=0).complexity
    classical = model_complexity(K, y, regularization=0.2)
    assert classical.complexity <= found.g**2 * quantum
    assert classical.training_error <= found.g_training * np.sqrt(quantum / 20)


def test_classes_by_any_name_are_as_complex(K):
    expected = model_complexity(K, CLASSES, regularization=0.1)
    for y in (np.array(["c", "a", "b"])[CLASSES], 2 - CLASSES):
        assert model_complexity(K, y, regularization=0.1).bound == pytest.approx(expected.bound)


# -- Refusals


INDEFINITE = np.array([[1.0, 2.0], [2.0, 1.0]])


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((ONE, np.eye(3)), {}, "expected kernel matrices of the same points, got 20 and 3 rows"),
        ((np.ones((2, 3)), ONE), {}, "expected a square kernel matrix, got shape (2, 3)"),
        ((ONE, np.ones((2, 3))), {}, "expected a square kernel matrix, got shape (2, 3)"),
        ((np.eye(2), INDEFINITE), {}, "got one with the eigenvalue -1 when scaled to trace 2"),
        ((INDEFINITE, np.eye(2)), {}, "got one with the eigenvalue -1 when scaled to trace 2"),
        ((0 * ONE, ONE), {}, "expected a kernel matrix of positive trace, got 0.0"),
        ((ONE, 0 * ONE), {}, "expected a kernel matrix of positive trace, got 0.0"),
        ((ONE, np.nan * ONE), {}, "Input K contains NaN"),
        (
            (ONE, ONE),
            {"regularization": -0.1},
            "expected regularization to be at least 0, got -0.1",
        ),
    ],
)
@pytest.mark.parametrize("function", [geometric_difference, engineered_labels])
def test_pairs_that_are_refused(function, arguments, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        function(*arguments, **options)


@pytest.mark.parametrize("bound", [0, 1, -0.1])
def test_bounds_on_the_training_error(bound):
    message = f"expected max_training_error to be between 0 and 1, got {bound}"
    with pytest.raises(ValueError, match=re.escape(message)):
        geometric_difference(ONE, ONE, max_training_error=bound)


@pytest.mark.parametrize(
    ("K", "y", "regularization", "message"),
    [
        (np.ones((2, 2)), [0, 1], 0, "expected a positive regularization for a singular K, got 0"),
        (np.eye(2), [0, 1], -1, "expected regularization to be at least 0, got -1"),
        (np.eye(2), [0, 1], np.nan, "expected regularization to be a finite real number, got nan"),
        (np.eye(2), [0, 1, 1], 1, "expected as many targets as the kernel has rows (2), got 3"),
        (np.eye(2), [0, 0], 1, "expected at least two classes, got [0]"),
        (np.eye(2), [0.5, 0.5], 1, "expected targets that differ, got one value"),
        (np.ones((2, 3)), [0, 1], 1, "expected a square kernel matrix, got shape (2, 3)"),
        ([[1.0, 0.5], [0.4, 1.0]], [0, 1], 1, "expected a symmetric kernel matrix"),
    ],
)
def test_complexities_that_are_refused(K, y, regularization, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        model_complexity(K, y, regularization=regularization)
