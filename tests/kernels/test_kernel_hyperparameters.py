"""theta, bounds and gradients: bandwidth, gamma or outer's, parameters, in this order."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from qkernels.kernels import FidelityKernel, ProjectedKernel
from tests.reference import ReferenceEvaluator, ring, trained

T = np.array([0.7, -1.1])
EVALUATOR = ReferenceEvaluator()


@pytest.fixture
def X():
    return np.random.default_rng(3).uniform(-0.9, 0.9, (6, 2))


def everything_free(**options):
    return ProjectedKernel(
        trained,
        **{"gamma": 2.0, "gamma_bounds": (0.5, 8.0)} | options,
        bandwidth=0.25,
        bandwidth_bounds=(0.125, 1.0),
        parameters=T,
        parameter_bounds=(-np.pi, np.pi),
        evaluator=EVALUATOR,
    )


def test_order_and_scale():
    kernel = everything_free()
    assert [h.name for h in kernel.hyperparameters] == ["bandwidth", "gamma", "parameters"]
    assert [h.n_elements for h in kernel.hyperparameters] == [1, 1, 2]
    assert kernel.n_dims == 4
    np.testing.assert_allclose(kernel.theta, [np.log(0.25), np.log(2.0), 0.7, -1.1])
    logs = np.log([[0.125, 1.0], [0.5, 8.0]])
    np.testing.assert_allclose(kernel.bounds, [*logs, [-np.pi, np.pi], [-np.pi, np.pi]])


def test_outer_takes_the_place_of_gamma():
    outer = ConstantKernel(3.0, "fixed") * RBF(0.5, (0.25, 4.0)) + WhiteKernel(0.1, (0.01, 1.0))
    kernel = everything_free(gamma=1.0, gamma_bounds="fixed", outer=outer)
    assert [h.name for h in kernel.hyperparameters] == [
        "bandwidth",
        "outer__k1__k1__constant_value",
        "outer__k1__k2__length_scale",
        "outer__k2__noise_level",
        "parameters",
    ]
    theta = [np.log(0.25), np.log(0.5), np.log(0.1), 0.7, -1.1]
    np.testing.assert_allclose(kernel.theta, theta)
    np.testing.assert_allclose(kernel.bounds[1:3], np.log([[0.25, 4.0], [0.01, 1.0]]))
    moved = kernel.clone_with_theta(np.array(theta) + 1.0)
    np.testing.assert_allclose(moved.outer.k1.k2.length_scale, 0.5 * np.e)
    np.testing.assert_allclose(moved.parameters, T + 1.0)
    assert kernel.outer.k1.k2.length_scale == 0.5


def test_a_quantum_kernel_inside_keeps_its_linear_angles():
    inner = FidelityKernel(trained, parameters=T, parameter_bounds=(-2.0, 2.0))
    kernel = ProjectedKernel(ring, outer=inner + WhiteKernel(0.5, (0.1, 1.0)))
    np.testing.assert_allclose(kernel.theta, [0.7, -1.1, np.log(0.5)])
    np.testing.assert_allclose(kernel.bounds[:2], [[-2, 2], [-2, 2]])


def test_fixed_is_left_out():
    kernel = FidelityKernel(trained, parameters=T)
    assert kernel.theta.shape == (0,)
    assert kernel.bounds.shape == (0, 2)
    assert kernel.n_dims == 0
    assert all(h.fixed for h in kernel.hyperparameters)


def test_setting_theta_keeps_the_kinds_of_values():
    kernel = everything_free()
    kernel.theta = np.array([0.0, np.log(3.0), 0.1, 0.2])
    assert kernel.bandwidth == 1.0
    assert isinstance(kernel.bandwidth, float)
    assert kernel.gamma == pytest.approx(3.0)
    np.testing.assert_array_equal(kernel.parameters, [0.1, 0.2])
    one = FidelityKernel(ring, bandwidth=[0.5], bandwidth_bounds=(0.1, 1.0))
    one.theta = [0.0]
    np.testing.assert_array_equal(one.bandwidth, [1.0])


def test_setting_theta_does_not_alias_it():
    kernel = everything_free()
    theta = kernel.theta
    kernel.theta = theta
    theta[:] = 9.0
    np.testing.assert_array_equal(kernel.parameters, T)


@pytest.mark.parametrize("theta", [[], [0.0], np.zeros(5), np.zeros((4, 1))])
def test_theta_of_the_wrong_size(theta):
    with pytest.raises(ValueError, match=r"theta must have shape \(4,\), got"):
        everything_free().theta = theta


def test_one_bandwidth_for_each_feature():
    kernel = FidelityKernel(ring, bandwidth=[0.5, 2.0], bandwidth_bounds=(0.1, 10.0))
    np.testing.assert_allclose(kernel.theta, np.log([0.5, 2.0]))
    np.testing.assert_allclose(kernel.bounds, np.log([[0.1, 10.0]] * 2))
    kernel.theta = np.log([3.0, 4.0])
    np.testing.assert_allclose(kernel.bandwidth, [3.0, 4.0])


def test_theta_of_sums_and_products_is_concatenated(X):
    a = everything_free()
    b = FidelityKernel(ring, bandwidth_bounds=(0.1, 10.0), evaluator=EVALUATOR)
    composite = ConstantKernel(2.0) * a + b**2
    theta = np.r_[np.log(2.0), a.theta, b.theta]
    np.testing.assert_allclose(composite.theta, theta)
    assert composite.bounds.shape == (6, 2)
    moved = composite.clone_with_theta(theta + 0.1)
    parts = np.exp(0.1) * 2.0 * a.clone_with_theta(a.theta + 0.1)(X)
    parts += b.clone_with_theta(b.theta + 0.1)(X) ** 2
    np.testing.assert_allclose(moved(X), parts)


# -- Bounds


@pytest.mark.parametrize(
    "bounds", ["free", None, 1.0, (1.0,), (0.0, 1.0), (-1.0, 1.0), (2.0, 1.0), (1.0, np.inf)]
)
def test_bad_bounds_of_the_bandwidth(X, bounds):
    kernel = FidelityKernel(ring, bandwidth_bounds=bounds, evaluator=EVALUATOR)
    message = r"bandwidth_bounds must be 'fixed', a pair \(low, high\) with 0 < low <= high.* got"
    for use in (kernel, kernel.diag, lambda X: kernel.theta, lambda X: kernel.hyperparameters):
        with pytest.raises((TypeError, ValueError), match=message):
            use(X)


@pytest.mark.parametrize("bounds", [(1.0, -1.0), (0.0, np.nan), [(0, 1)] * 3])
def test_bad_bounds_of_the_parameters(X, bounds):
    kernel = FidelityKernel(trained, parameters=T, parameter_bounds=bounds, evaluator=EVALUATOR)
    message = r"parameter_bounds must be 'fixed', a pair \(low, high\) with low <= high, or one"
    with pytest.raises(ValueError, match=message):
        kernel(X)


def test_bad_bounds_of_gamma(X):
    kernel = ProjectedKernel(ring, gamma_bounds=(0, 1), evaluator=EVALUATOR)
    with pytest.raises(ValueError, match=r"gamma_bounds must be .* got \(0, 1\)"):
        kernel(X)


@pytest.mark.parametrize("parameters", [None, []])
def test_free_parameters_that_do_not_exist(X, parameters):
    kernel = FidelityKernel(
        ring, parameters=parameters, parameter_bounds=(-1, 1), evaluator=EVALUATOR
    )
    message = r"^parameter_bounds must be 'fixed' where there are no parameters, got \(-1, 1\) and "
    with pytest.raises(ValueError, match=message + "parameters=.*: give the parameters to start"):
        kernel(X)


# -- Gradients


def test_gradient_with_nothing_free_is_empty(X):
    for kernel in (
        FidelityKernel(ring, evaluator=EVALUATOR),
        ProjectedKernel(ring, evaluator=EVALUATOR),
    ):
        K, gradient = kernel(X, eval_gradient=True)
        np.testing.assert_array_equal(K, kernel(X))
        assert gradient.shape == (6, 6, 0)
        gradient *= 2.0  # as Exponentiation does
        assert (kernel**2)(X, eval_gradient=True)[1].shape == (6, 6, 0)


def test_a_gradient_needs_an_evaluator_that_has_one(X):
    with pytest.raises(NotImplementedError, match=r"^gradients need an evaluator with the methods"):
        everything_free()(X, eval_gradient=True)


def test_gradient_needs_a_single_set_of_points(X):
    with pytest.raises(ValueError, match="only be evaluated where Y is None"):
        FidelityKernel(ring, evaluator=EVALUATOR)(X, X[:2], eval_gradient=True)


def test_what_is_free_around_a_fixed_kernel_is_optimised(X):
    y = np.sin(3 * X[:, 0])
    kernel = ConstantKernel() * FidelityKernel(ring, evaluator=EVALUATOR) + WhiteKernel()
    fitted = GaussianProcessRegressor(kernel).fit(X, y)
    start = clone(fitted).set_params(optimizer=None).fit(X, y)
    assert fitted.log_marginal_likelihood_value_ > start.log_marginal_likelihood_value_
