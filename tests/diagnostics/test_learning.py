"""Learning curves: the theory where it is exact, and the fits against an estimator's."""

import re

import numpy as np
import pytest
from scipy.optimize import brentq
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel

import qkernels as qk
from qkernels.diagnostics import learning_curve

N = 300
SIZES = [5, 20, 60, 150, 240, 290]


def power_law(n):
    return np.arange(1, n + 1) ** -1.2


def rotated(seed=0):
    """Return a matrix with eigenvectors free of the points, and a target in 30 of them."""
    random = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(random.normal(size=(N, N)))
    return (basis * power_law(N)) @ basis.T, basis[:, :30] @ random.normal(size=30)


def gaussian_features(n, seed=0, noise=0.3):
    """Return random features of a power law, and a noisy target of 10 of them."""
    random = np.random.default_rng(seed)
    F = random.normal(size=(n, 600)) * np.sqrt(power_law(600))
    return F, F[:, :10] @ np.ones(10) + noise * random.normal(size=n)


def published(eigenvalues, powers, n_train, ridge):
    """Return Bordelon, Canatar and Pehlevan's error, of points drawn from a distribution."""

    def excess(kappa):
        return kappa - ridge - kappa * np.sum(eigenvalues / (kappa + n_train * eigenvalues))

    kappa = brentq(excess, ridge, ridge + eigenvalues.sum(), xtol=1e-15)
    shrunk = kappa + n_train * eigenvalues
    gamma = n_train * np.sum((eigenvalues / shrunk) ** 2)
    return np.sum(powers * (kappa / shrunk) ** 2) / (1 - gamma)


# -- The theory against simulation


def assert_within_errors(curve, rtol):
    # The standard error is of the fits; rtol is what a finite matrix is off the mean field.
    np.testing.assert_array_less(
        np.abs(curve.mean - curve.theory), 4 * curve.standard_error + rtol * curve.theory
    )


@pytest.mark.parametrize("regularization", [1e-4, 1e-2, 1.0])
def test_theory_is_exact_where_subsets_are_free_of_eigenvectors(regularization):
    K, y = rotated()
    curve = learning_curve(
        K, y, sizes=SIZES, regularization=regularization, repeats=60, random_state=1
    )
    assert_within_errors(curve, rtol=0.03)
    assert np.all(np.diff(curve.theory) < 0)


def test_theory_of_noisy_targets_of_gaussian_features():
    F, y = gaussian_features(N)
    curve = learning_curve(F @ F.T, y, sizes=SIZES, repeats=60, random_state=1)
    assert_within_errors(curve, rtol=0.05)


@pytest.mark.parametrize("n_qubits", [2, 6])
def test_theory_of_a_quantum_kernel(n_qubits):
    X = np.random.default_rng(0).uniform(0, 2 * np.pi, size=(N, n_qubits))
    y = np.sin(X[:, 0]) + np.cos(X[:, 1]) > 0
    K = qk.FidelityKernel(qk.feature_maps.angle)(X)
    curve = learning_curve(K, y, sizes=[10, 30, 60, 150, 240], repeats=60, random_state=1)
    assert_within_errors(curve, rtol=0.1)


def test_the_published_formula_misses_that_points_are_finite():
    # 6 qubits have 4⁶ dimensions, more than there are points.
    X = np.random.default_rng(0).uniform(0, 2 * np.pi, size=(N, 6))
    y = np.where(np.sin(X[:, 0]) + np.cos(X[:, 1]) > 0, 1.0, -1.0)
    K = qk.FidelityKernel(qk.feature_maps.angle)(X)
    values, vectors = np.linalg.eigh(K)
    formula = published(values / N, (vectors.T @ y) ** 2 / N, 240, 0.01)
    curve = learning_curve(K, y > 0, sizes=[240], repeats=60, random_state=1)
    assert formula < 0.3 * curve.mean[0]
    assert curve.theory[0] == pytest.approx(curve.mean[0], rel=0.1)


def test_few_of_many_points_are_the_published_formula():
    random = np.random.default_rng(2)
    n = 1200
    basis, _ = np.linalg.qr(random.normal(size=(n, 40)))
    values, target = power_law(40), random.normal(size=40)
    K, y = (basis * values) @ basis.T, basis @ target
    y -= y.mean()
    eigenvalues = values / values.sum()
    powers = (basis.T @ y) ** 2 / n
    # What lies outside the kernel's range is noise.
    rest = np.append(powers, np.mean(y**2) - powers.sum())
    curve = learning_curve(K, y, sizes=[3, 6, 12], regularization=0.1, repeats=2, random_state=0)
    expected = [published(np.append(eigenvalues, 0), rest, p, 0.1) for p in (3, 6, 12)]
    np.testing.assert_allclose(curve.theory, expected, rtol=0.02)


def test_gaussian_features_of_a_distribution_are_the_published_formula():
    # Fits to fresh draws, no matrix of a finite population anywhere.
    errors = []
    for seed in range(60):
        F, y = gaussian_features(1040, seed)
        K = F[:40] @ F[:40].T + 0.5 * np.eye(40)
        errors.append(np.mean((y[40:] - F[40:] @ F[:40].T @ np.linalg.solve(K, y[:40])) ** 2))
    powers = power_law(600) * (np.arange(600) < 10)
    formula = published(np.append(power_law(600), 0), np.append(powers, 0.3**2), 40, 0.5)
    assert np.mean(errors) == pytest.approx(formula, rel=0.05)
    # And the theory of one population of 1040 is close to it, as 40 are few.
    F, y = gaussian_features(1040)
    scale = 1040 / np.trace(F @ F.T)
    curve = learning_curve(F @ F.T, y, sizes=[40], regularization=0.5 * scale, repeats=2)
    assert curve.theory[0] == pytest.approx(formula, rel=0.1)


def test_identity_learns_nothing_and_equal_points_all_of_their_mean():
    y = np.arange(40) % 2
    np.testing.assert_allclose(learning_curve(np.eye(40), y, repeats=2).theory, 1, rtol=1e-9)
    curve = learning_curve(np.ones((40, 40)), y, sizes=[39], repeats=40, random_state=0)
    assert curve.theory[0] == pytest.approx(1, rel=0.06)
    assert curve.mean[0] == pytest.approx(1, rel=0.06)


# -- The fits


def test_fits_are_those_of_kernel_ridge():
    X = np.random.default_rng(3).normal(size=(30, 2))
    y = np.sin(X[:, 0])
    K, found = rbf_kernel(X), []
    curve = learning_curve(4 * K, y, sizes=[25, 10], repeats=5, random_state=7)
    random = np.random.RandomState(7)
    for _ in range(5):
        order = random.permutation(30)
        for size in (25, 10):
            train, test = order[:size], order[size:]
            model = KernelRidge(kernel="precomputed", alpha=0.01)
            model.fit(K[np.ix_(train, train)], (y - y.mean())[train])
            errors = model.predict(K[np.ix_(test, train)]) - (y - y.mean())[test]
            found.append(np.mean(errors**2))
    found = np.reshape(found, (5, 2))
    np.testing.assert_allclose(curve.mean, found.mean(axis=0), rtol=1e-8)
    np.testing.assert_allclose(curve.standard_error, found.std(axis=0, ddof=1) / np.sqrt(5))


def test_seeds_and_default_sizes():
    K, y = rotated()
    first, second = (learning_curve(K, y, repeats=3, random_state=5) for _ in range(2))
    np.testing.assert_array_equal(first.mean, second.mean)
    assert first.sizes[0] == 8
    assert first.sizes[-1] == 240
    assert np.all(np.diff(first.sizes) > 0)
    assert learning_curve(np.eye(3), [0, 1, 0], repeats=2).sizes.tolist() == [1, 2]
    few = learning_curve(np.eye(10), np.arange(10) % 2, repeats=2).sizes
    assert few.tolist() == [2, 3, 4, 5, 7, 8]


def test_scale_order_and_names_do_not_matter():
    K, _ = rotated()
    y = np.random.default_rng(4).integers(0, 3, N)
    order = np.random.default_rng(5).permutation(N)
    expected = learning_curve(K, y, repeats=2, random_state=0)
    named = learning_curve(5 * K, np.array(["z", "m", "a"])[y], repeats=2, random_state=0)
    shuffled = learning_curve(K[np.ix_(order, order)], y[order], repeats=2)
    np.testing.assert_allclose(named.mean, expected.mean, rtol=1e-9)
    np.testing.assert_allclose(named.theory, expected.theory, rtol=1e-9)
    np.testing.assert_allclose(shuffled.theory, expected.theory, rtol=1e-9)


# -- Refusals


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((np.ones((2, 3)), [0, 1]), {}, ValueError, "expected a square kernel matrix"),
        ((np.eye(2), [0, 1, 1]), {}, ValueError, "expected as many targets as the kernel has"),
        ((np.eye(1), [0.5]), {}, ValueError, "expected targets that differ, got one value"),
        ((-np.eye(2), [0, 1]), {}, ValueError, "expected a kernel matrix of positive trace"),
        (
            (np.eye(2), [0, 1]),
            {"regularization": 0.0},
            ValueError,
            "regularization must be a positive finite number, got 0.0",
        ),
        (
            (np.eye(2), [0, 1]),
            {"repeats": 1},
            ValueError,
            "expected repeats to be an integer of at least 2, got 1",
        ),
        *(
            (
                (np.eye(4), [0, 1, 0, 1]),
                {"sizes": sizes},
                ValueError,
                f"expected sizes to be integers from 1 to 3, got {sizes!r}",
            )
            for sizes in ([0, 2], [4], [1.5], [], 2, [[1, 2]])
        ),
    ],
)
def test_what_is_refused(arguments, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        learning_curve(*arguments, **options)
