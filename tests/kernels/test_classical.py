"""Derivatives of scikit-learn's own kernels, by hyperparameters and by points."""

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import (
    RBF,
    CompoundKernel,
    ConstantKernel,
    DotProduct,
    ExpSineSquared,
    Matern,
    RationalQuadratic,
    WhiteKernel,
)

from qkernels.kernels.classical import (
    check_supported,
    distance_rates,
    pull_back,
    pull_back_distances,
    push_forward,
    squared_distances,
)
from tests.kernels.slopes import assert_close, central_gradient

SCALES = [0.7, 1.3, 2.0]
KERNELS = [
    ConstantKernel(2.5),
    WhiteKernel(0.3),
    DotProduct(0.8),
    RBF(0.9),
    RBF([0.9]),
    RBF(SCALES),
    RationalQuadratic(length_scale=0.8, alpha=0.6),
    *(Matern(1.1, nu=nu) for nu in (0.5, 0.8, 1.0, 1.5, 2.2, 2.5, 3.7, np.inf)),
    Matern(SCALES, nu=1.5),
    Matern(SCALES, nu=0.9),
]
COMPOSITES = [
    ConstantKernel(2.0) * RBF(SCALES) + WhiteKernel(0.1),
    (DotProduct(0.5) + Matern(nu=2.5)) ** 3,
    RationalQuadratic(0.8) * (ConstantKernel(0.5) + Matern(nu=0.5)) ** 2,
]


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture
def X(rng):
    return rng.normal(size=(5, 3))


@pytest.fixture
def Y(rng, X):
    return rng.normal(size=(4, 3))


@pytest.fixture(params=[False, True], ids=["symmetric", "cross"])
def other(request, Y):
    """The second set of points, or None."""
    return Y if request.param else None


def matrix(kernel, X, Y):
    return kernel(X) if Y is None else kernel(X, Y)


# -- Squared distances


def test_squared_distances(X, other):
    Y = X if other is None else other
    scaled = (X[:, np.newaxis] - Y) / SCALES
    found = squared_distances(X, other, SCALES)
    np.testing.assert_allclose(found, np.sum(scaled**2, axis=2), atol=1e-14)
    assert (np.diag(squared_distances(X, None, 0.3)) == 0).all()


def test_the_gradient_through_squared_distances(X, other, rng):
    weights = rng.normal(size=(5, 5 if other is None else 4))

    def loss(X, other=other):
        return np.sum(weights * squared_distances(X, other, 1.0))

    by_x, by_y = pull_back_distances(X, other, weights)
    assert_close(by_x, central_gradient(loss, X), 1e-10)
    if other is None:
        assert by_y is None
    else:
        assert_close(by_y, central_gradient(lambda Y: loss(X, Y), other), 1e-10)


def test_the_rates_of_squared_distances(X, rng):
    changes, cotangent = rng.normal(size=X.shape), rng.normal(size=(5, 5))
    rates = distance_rates(X, changes)
    h = 1e-4
    ahead, behind = (squared_distances(X + s * changes, None, 1.0) for s in (h, -h))
    assert_close(rates, (ahead - behind) / (2 * h), 1e-10)
    np.testing.assert_allclose(np.diag(rates), 0.0, atol=1e-14)
    pulled = np.sum(pull_back_distances(X, None, cotangent)[0] * changes)
    assert_close(np.sum(rates * cotangent), pulled, 1e-12)


# -- Kernels


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_the_gradient_by_hyperparameters(kernel, X, other, rng):
    K = matrix(kernel, X, other)
    cotangent = rng.normal(size=K.shape)

    def loss(theta):
        return np.sum(cotangent * matrix(kernel.clone_with_theta(theta), X, other))

    found = pull_back(kernel, X, other, K, cotangent).hyperparameters
    assert set(found) == {h.name for h in kernel.hyperparameters}
    by_theta = [np.multiply(found[h.name], getattr(kernel, h.name)) for h in kernel.hyperparameters]
    assert_close(np.concatenate(by_theta), central_gradient(loss, kernel.theta), 1e-8)


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_the_gradient_by_points(kernel, X, other, rng):
    K = matrix(kernel, X, other)
    cotangent = rng.normal(size=K.shape)
    found = pull_back(kernel, X, other, K, cotangent)

    def loss(X, other=other):
        return np.sum(cotangent * matrix(kernel, X, other))

    assert_close(found.X, central_gradient(loss, X), 1e-8)
    if other is None:
        assert found.Y is None
    else:
        assert_close(found.Y, central_gradient(lambda Y: loss(X, Y), other), 1e-8)


@pytest.mark.parametrize("kernel", KERNELS + COMPOSITES, ids=repr)
def test_how_fast_a_kernel_changes(kernel, X, rng):
    changes = rng.normal(size=X.shape)
    K, rates = push_forward(kernel, X, changes)
    np.testing.assert_allclose(K, kernel(X), atol=1e-14)
    h = 1e-3
    near, far = (kernel(X + s * changes) - kernel(X - s * changes) for s in (h, 2 * h))
    assert_close(rates, (8 * near - far) / (12 * h), 1e-8)


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_forwards_and_backwards_agree(kernel, X, rng):
    changes, cotangent = rng.normal(size=X.shape), rng.normal(size=(5, 5))
    K, rates = push_forward(kernel, X, changes)
    pulled = np.sum(pull_back(kernel, X, None, K, cotangent).X * changes)
    assert_close(np.sum(cotangent * rates), pulled, 1e-12)


@pytest.mark.parametrize("nu", [0.5, 0.8, 1.0, 1.5, 2.2, 2.5, np.inf])
def test_points_that_coincide(nu, X, rng):
    """Their distance is smallest there: nothing is infinite, and no slope comes from them."""
    doubled, changes = X[[0, 0, 1]], rng.normal(size=(3, 3))
    changes[1] = changes[0]
    kernel = Matern(nu=nu)
    K, rates = push_forward(kernel, doubled, changes)
    assert rates[0, 1] == pytest.approx(0.0, abs=1e-14)
    cotangent = np.zeros((3, 3))
    cotangent[0, 1] = 1.0
    found = pull_back(kernel, doubled, None, K, cotangent)
    np.testing.assert_allclose(found.X, 0.0, atol=1e-14)
    assert found.hyperparameters["length_scale"] == pytest.approx(0.0, abs=1e-14)


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_the_kernels_that_are_differentiated(kernel):
    check_supported(kernel)


@pytest.mark.parametrize(
    "kernel", [ExpSineSquared(), CompoundKernel([RBF()])], ids=lambda k: type(k).__name__
)
def test_other_kernels_are_named(kernel, X):
    message = (
        f"^no gradient of {type(kernel).__name__}: expected a sum, product or power of quantum "
        "kernels and of ConstantKernel, DotProduct, Matern, RBF, RationalQuadratic, WhiteKernel$"
    )
    with pytest.raises(NotImplementedError, match=message):
        check_supported(kernel)
    with pytest.raises(NotImplementedError, match=message):
        push_forward(RBF() + kernel, X, X)
