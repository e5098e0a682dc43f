"""Gradients of kernel matrices by hyperparameters and points, beside central differences.

Backwards (`value_and_vjp`) and forwards (`eval_gradient`) are two programs: each is compared with
differences of the kernel matrix itself, through every composition of kernels.
"""

import re

import cirq
import numpy as np
import pytest
import sympy
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    ExpSineSquared,
    Matern,
    RationalQuadratic,
    WhiteKernel,
)

from qkernels import FeatureMap, memory, value_and_vjp
from qkernels.kernels import FidelityKernel, ProjectedKernel, QuantumKernel
from tests.kernels.slopes import assert_close, central_gradient
from tests.reference import ReferenceEvaluator, arccos, ring, trained

T = np.array([0.7, -1.1])
Q = cirq.LineQubit.range(2)
FREE = (0.01, 100.0)
# Everything that a map has, free.
TRAINED = {"parameters": T, "parameter_bounds": (-4.0, 4.0), "bandwidth_bounds": FREE}
MIXED = [
    cirq.Z(Q[0]) - 0.5 * cirq.X(Q[0]) * cirq.X(Q[1]) + 2.0,
    cirq.PauliString({Q[1]: cirq.Y}, coefficient=1.5),
]


def fidelity(**options):
    return FidelityKernel(trained, **TRAINED | options)


def projected(**options):
    return ProjectedKernel(trained, **TRAINED | options)


LEAVES = {
    "fidelity": fidelity(),
    "a bandwidth each": fidelity(bandwidth=[0.5, 1.5]),
    "fixed bandwidth": fidelity(bandwidth=[0.5, 1.5], bandwidth_bounds="fixed"),
    "fixed parameters": fidelity(parameter_bounds="fixed"),
    "no parameters": FidelityKernel(ring, bandwidth=0.6, bandwidth_bounds=FREE),
    "arccos": FidelityKernel(arccos, bandwidth=[0.5, 1.5], bandwidth_bounds=FREE),
    "projected": projected(gamma=0.6, gamma_bounds=FREE),
    "locality 2": projected(gamma=0.6, gamma_bounds=FREE, locality=2, bandwidth=[0.5, 1.5]),
    "letters": projected(observables="ZX", gamma_bounds=FREE),
    "sums": projected(observables=MIXED, gamma=0.4, gamma_bounds=FREE),
    "projected arccos": ProjectedKernel(arccos, gamma_bounds=FREE, bandwidth_bounds=FREE),
    "RBF outside": projected(outer=RBF(0.8)),
    "RBF of six scales outside": projected(outer=RBF([0.5, 0.7, 1.0, 1.2, 1.5, 2.0])),
    "Matern 0.5 outside": projected(outer=Matern(0.8, nu=0.5)),
    "Matern 1.5 outside": projected(outer=Matern(0.8, nu=1.5)),
    "Matern 2.5 outside": projected(outer=Matern(0.8, nu=2.5)),
    "Matern 0.8 outside": projected(outer=Matern(0.8, nu=0.8)),
    "rational quadratic outside": projected(outer=RationalQuadratic(0.8, 0.6)),
    "dot product of sums outside": projected(outer=DotProduct(0.5), observables=MIXED),
    "much outside": projected(
        outer=ConstantKernel(2.0, "fixed") * RBF(0.8) ** 2 + DotProduct(0.5) * WhiteKernel(0.1)
    ),
}
COMPOSITES = {
    "sum": fidelity() + WhiteKernel(0.1),
    "product": ConstantKernel(2.0) * fidelity(bandwidth=[0.5, 1.5]),
    "power": fidelity() ** 2.5,
    "two quantum kernels": fidelity() * projected(gamma_bounds=FREE) + fidelity(bandwidth=0.3),
    "many": (ConstantKernel(0.5) * fidelity() + RBF([0.7, 1.3])) ** 2 * RationalQuadratic(0.8, 0.6)
    + Matern(0.9, nu=0.5) * WhiteKernel(0.1)
    + DotProduct(0.4) * projected(outer=Matern(nu=2.5)),
    "Matern": Matern(nu=1.5) + Matern(nu=2.5) * Matern(nu=0.8) * fidelity() + Matern(nu=np.inf),
    "partly fixed": ConstantKernel(2.0, "fixed") * fidelity(parameter_bounds="fixed") + RBF(0.7),
    "classical": ConstantKernel(2.0) * RBF([0.7, 1.3]) + WhiteKernel(0.1),
}
KERNELS = LEAVES | COMPOSITES
# Of a Matern kernel with such a nu, scikit-learn takes a coarse difference.
COARSE = {"Matern 0.8 outside", "Matern"}


@pytest.fixture
def rng():
    return np.random.default_rng(8)


@pytest.fixture
def X(rng):
    return rng.uniform(-0.9, 0.9, (5, 2))


@pytest.fixture(params=[False, True], ids=["symmetric", "cross"])
def Y(request, rng, X):
    """The second set of points, or None."""
    return rng.uniform(-0.9, 0.9, (3, 2)) if request.param else None


@pytest.fixture(params=KERNELS)
def kernel(request):
    return KERNELS[request.param]


def matrix(kernel, X, Y=None):
    return kernel(X) if Y is None else kernel(X, Y)


# -- Backwards


def test_the_value_is_the_kernel_matrix(kernel, X, Y):
    K, _ = value_and_vjp(kernel, X, Y)
    np.testing.assert_allclose(K, matrix(kernel, X, Y), atol=1e-14)


def test_the_gradient_by_theta(kernel, X, Y, rng):
    K, vjp = value_and_vjp(kernel, X, Y)
    cotangent = rng.normal(size=K.shape)

    def loss(theta):
        return np.sum(cotangent * matrix(kernel.clone_with_theta(theta), X, Y))

    found = vjp(cotangent).theta
    assert found.shape == kernel.theta.shape
    assert_close(found, central_gradient(loss, kernel.theta), 1e-8)


def test_the_gradient_by_points(kernel, X, Y, rng):
    K, vjp = value_and_vjp(kernel, X, Y)
    cotangent = rng.normal(size=K.shape)
    gradient = vjp(cotangent)

    def loss(X, Y=Y):
        return np.sum(cotangent * matrix(kernel, X, Y))

    assert_close(gradient.X, central_gradient(loss, X), 1e-8)
    if Y is None:
        assert gradient.Y is None
    else:
        assert_close(gradient.Y, central_gradient(lambda Y: loss(X, Y), Y), 1e-8)


def test_hyperparameters_by_name(kernel, X, Y, rng):
    K, vjp = value_and_vjp(kernel, X, Y)
    cotangent = rng.normal(size=K.shape)
    found, values = vjp(cotangent).hyperparameters, kernel.get_params()
    assert set(found) == {h.name for h in kernel.hyperparameters} <= set(values)
    for h in kernel.hyperparameters:
        if values[h.name] is None:
            assert found[h.name].shape == (0,)
            continue

        def loss(value, h=h):
            moved = kernel.clone_with_theta(kernel.theta)
            moved.set_params(**{h.name: value if np.ndim(values[h.name]) else value.item()})
            return np.sum(cotangent * matrix(moved, X, Y))

        expected = central_gradient(loss, np.atleast_1d(np.array(values[h.name], float)))
        assert_close(found[h.name], expected, 1e-8)


def test_cotangents_are_pulled_back_linearly(X, Y, rng):
    K, vjp = value_and_vjp(KERNELS["many"], X, Y)
    one, other = rng.normal(size=(2, *K.shape))
    kept = one.copy()
    both = vjp(one + 2 * other)
    np.testing.assert_allclose(both.theta, vjp(one).theta + 2 * vjp(other).theta, atol=1e-12)
    np.testing.assert_allclose(both.X, vjp(one).X + 2 * vjp(other).X, atol=1e-12)
    np.testing.assert_array_equal(one, kept)


def test_what_a_caller_writes_to_the_matrix_changes_no_gradient(kernel, X, rng):
    K, vjp = value_and_vjp(kernel, X)
    cotangent = rng.normal(size=K.shape)
    expected = vjp(cotangent)
    K += np.eye(5)
    found = vjp(cotangent)
    np.testing.assert_array_equal(found.theta, expected.theta)
    np.testing.assert_array_equal(found.X, expected.X)


def test_equal_points_have_gradients_of_their_own(X, rng):
    kernel, cotangent = fidelity(), rng.normal(size=(5, 5))
    symmetric, cross = (value_and_vjp(kernel, X, Y)[1](cotangent) for Y in (None, X))
    np.testing.assert_allclose(cross.X + cross.Y, symmetric.X, atol=1e-12)
    np.testing.assert_allclose(cross.theta, symmetric.theta, atol=1e-12)


def test_lists_are_points_too(X):
    expected = value_and_vjp(KERNELS["many"], X)[1](np.ones((5, 5)))
    found = value_and_vjp(KERNELS["many"], X.tolist())[1](np.ones((5, 5)).tolist())
    np.testing.assert_array_equal(found.theta, expected.theta)
    np.testing.assert_array_equal(found.X, expected.X)


@pytest.mark.parametrize("kind", [FidelityKernel, ProjectedKernel])
def test_points_at_the_end_of_an_arccos(kind):
    X = np.array([[0.5, 0.1], [0.2, -1.0], [0.3, 0.3]])
    kernel = kind(arccos, bandwidth=0.5, bandwidth_bounds=FREE)
    gradient = kernel.value_and_vjp(X)[1](np.ones((3, 3)))
    assert np.isfinite(gradient.theta).all()
    with pytest.raises(
        ValueError,
        match=r"^the arccos of column 1 of X \(x1\) has no derivative at ±1; got -1\.0 in row 1$",
    ):
        _ = gradient.X


# -- Forwards


@pytest.mark.parametrize("name", KERNELS)
def test_eval_gradient_agrees_with_the_vjp(name, X, rng):
    kernel = KERNELS[name]
    K, jacobian = kernel(X, eval_gradient=True)
    assert jacobian.shape == (5, 5, len(kernel.theta))
    np.testing.assert_array_equal(K, kernel(X))
    cotangent = rng.normal(size=(5, 5))
    expected = value_and_vjp(kernel, X)[1](cotangent).theta
    tolerance = 1e-3 if name in COARSE else 1e-11
    assert_close(np.einsum("ij,ijk->k", cotangent, jacobian), expected, tolerance)


def test_a_quantum_kernel_outside_is_differentiated_backwards_only(X, rng):
    inner = FidelityKernel(lambda n: ring(n), bandwidth=0.3, bandwidth_bounds=FREE)
    kernel = projected(outer=inner + WhiteKernel(0.1))
    K, vjp = kernel.value_and_vjp(X)
    cotangent = rng.normal(size=K.shape)

    def loss(theta):
        return np.sum(cotangent * kernel.clone_with_theta(theta)(X))

    assert_close(vjp(cotangent).theta, central_gradient(loss, kernel.theta), 1e-8)
    with pytest.raises(
        NotImplementedError, match=r"^no gradient of FidelityKernel: expected a sum"
    ):
        kernel(X, eval_gradient=True)


@pytest.mark.parametrize("kind", [FidelityKernel, ProjectedKernel])
def test_nothing_free_is_nothing_to_differentiate(kind, X):
    kernel = kind(trained, parameters=T)
    gradient = kernel.value_and_vjp(X)[1](np.ones((5, 5)))
    assert gradient.theta.shape == (0,)
    assert gradient.hyperparameters["parameters"].shape == (2,)
    both = value_and_vjp(kernel * ConstantKernel(2.0, "fixed"), X)[1](np.ones((5, 5)))
    assert both.theta.shape == (0,)


# -- What is refused


def test_kernels_without_a_derivative(X):
    message = "^no gradient of ExpSineSquared: expected a sum, product or power of quantum kernels"
    for kernel in (fidelity() * ExpSineSquared(), projected(outer=ExpSineSquared())):
        with pytest.raises(NotImplementedError, match=message):
            value_and_vjp(kernel, X)
    with pytest.raises(NotImplementedError, match=message):
        projected(outer=ExpSineSquared())(X, eval_gradient=True)


@pytest.mark.parametrize("make", [fidelity, projected])
def test_evaluators_without_gradients(make, X):
    evaluator = ReferenceEvaluator()
    kernel = make(evaluator=evaluator)
    message = (
        "gradients need an evaluator with the methods of "
        f"qkernels.evaluators.DifferentiableEvaluator, got {evaluator!r}; "
        "KernelTrainer(optimizer='spsa') needs none"
    )
    for call in (
        lambda: kernel.value_and_vjp(X),
        lambda: value_and_vjp(kernel + WhiteKernel(), X),
        lambda: kernel(X, eval_gradient=True),
    ):
        with pytest.raises(NotImplementedError, match=f"^{re.escape(message)}$"):
            call()


def test_a_kernel_of_ones_own_may_have_no_gradients(X):
    class Plain(QuantumKernel):
        __init__ = FidelityKernel.__init__
        compare, restore = FidelityKernel.compare, FidelityKernel.restore
        _prepare = FidelityKernel._prepare

    kernel = Plain(trained, **TRAINED)
    np.testing.assert_array_equal(kernel(X), fidelity()(X))
    for call in (kernel.value_and_vjp, lambda X: kernel(X, eval_gradient=True)):
        with pytest.raises(NotImplementedError, match=r"^Plain has no gradients$"):
            call(X)


@pytest.mark.parametrize("name", ["fidelity", "projected", "sum", "product", "power", "classical"])
def test_other_cotangents(name, X):
    _, vjp = value_and_vjp(KERNELS[name], X)
    expected = r"^cotangent must be real numbers of the shape \(5, 5\) of the kernel matrix, got "
    with pytest.raises(ValueError, match=rf"{expected}shape \(5, 4\)$"):
        vjp(np.ones((5, 4)))
    with pytest.raises(TypeError, match=expected):
        vjp(1j * np.ones((5, 5)))


def test_a_gradient_that_does_not_fit(monkeypatch):
    X, kernel = np.random.default_rng(0).uniform(-1, 1, (100, 2)), fidelity()
    monkeypatch.setattr(memory, "_MODEST", 0)
    monkeypatch.setattr(memory, "available_memory", lambda: 400_000)
    with pytest.raises(
        MemoryError,
        match=r"^expected 480 KB of free memory for the gradient of 100 x 100 entries by 3 "
        "hyperparameters, got 400 KB: free fewer of them, or train with KernelTrainer, whose "
        "memory does not grow with them$",
    ):
        kernel(X, eval_gradient=True)
    assert kernel(X).shape == (100, 100)
    assert kernel.value_and_vjp(X)[1](np.ones((100, 100))).theta.shape == (3,)


# -- Gaussian processes


def test_a_gaussian_process_finds_better_parameters(rng):
    X = rng.uniform(-1, 1, (20, 2))
    y = np.sin(2 * X[:, 0]) * X[:, 1] + rng.normal(0, 0.1, 20)
    start = rng.uniform(-np.pi, np.pi, 2)
    kernel = FidelityKernel(trained, parameters=start, parameter_bounds=(-np.pi, np.pi))
    process = GaussianProcessRegressor(kernel + WhiteKernel()).fit(X, y)
    before = process.log_marginal_likelihood((kernel + WhiteKernel()).theta)
    assert process.log_marginal_likelihood_value_ > before + 1
    theta = process.kernel_.theta
    _, slope = process.log_marginal_likelihood(theta, eval_gradient=True)
    assert_close(slope, central_gradient(process.log_marginal_likelihood, theta, 1e-4), 1e-6)


def test_a_gaussian_process_finds_the_best_of_a_fine_grid(rng):
    x, t = sympy.symbols("x t")
    circuit = cirq.Circuit(cirq.rx(x)(Q[0]), cirq.CNOT(*Q), cirq.ry(t * x)(Q[1]), cirq.CNOT(*Q))
    feature_map = FeatureMap(circuit, [x], [t])
    X = rng.uniform(-2, 2, (15, 1))
    sample = FidelityKernel(feature_map, parameters=[1.7])(X) + 1e-9 * np.eye(15)
    y = rng.multivariate_normal(np.zeros(15), sample)

    kernel = FidelityKernel(feature_map, parameters=[0.3], parameter_bounds=(0.0, np.pi))
    process = GaussianProcessRegressor(kernel, alpha=1e-3, n_restarts_optimizer=8, random_state=0)
    process.fit(X, y)
    grid = np.linspace(0, np.pi, 1001)
    likelihoods = [process.log_marginal_likelihood(np.array([angle])) for angle in grid]
    best = int(np.argmax(likelihoods))
    assert 0 < best < 1000
    np.testing.assert_allclose(process.kernel_.theta, grid[best], atol=4e-3)
    assert process.log_marginal_likelihood_value_ == pytest.approx(likelihoods[best], abs=1e-3)
