"""What `FidelityKernel` computes, compared with states simulated one at a time."""

import numpy as np
import pytest

from qkernels.kernels import FidelityKernel
from qkernels.testing import check_kernel
from tests.reference import EVALUATORS, ReferenceEvaluator, arccos, fidelity_matrix, ring, trained

T = np.array([0.7, -1.1])


@pytest.fixture(params=EVALUATORS, ids=lambda evaluator: type(evaluator).__name__)
def evaluator(request):
    return request.param


@pytest.fixture
def X():
    return np.random.default_rng(1).uniform(-0.9, 0.9, (7, 3))


@pytest.mark.parametrize("bandwidth", [1.0, 0.4, [0.5, 1.0, 2.0]])
@pytest.mark.parametrize(("build", "parameters"), [(ring, None), (trained, T), (arccos, None)])
def test_values(evaluator, X, build, parameters, bandwidth):
    options = {"bandwidth": bandwidth, "parameters": parameters}
    kernel = FidelityKernel(build, **options, evaluator=evaluator)
    Y = X[:3] + 0.05
    np.testing.assert_allclose(kernel(X), fidelity_matrix(build(3), X, X, **options), atol=1e-12)
    expected = fidelity_matrix(build(3), X, Y, **options)
    np.testing.assert_allclose(kernel(X, Y), expected, atol=1e-12)


def test_bandwidth_multiplies_the_angle_after_an_arccos(evaluator, X):
    kernel = FidelityKernel(arccos, bandwidth=0.6, evaluator=evaluator)
    inside = FidelityKernel(arccos, evaluator=evaluator)(np.cos(0.6 * np.arccos(X)))
    np.testing.assert_allclose(kernel(X), inside, atol=1e-12)


@pytest.mark.parametrize(("build", "parameters"), [(ring, None), (trained, T), (arccos, None)])
@pytest.mark.parametrize("is_callable", [True, False])
def test_contract(evaluator, X, build, parameters, is_callable):
    feature_map = build if is_callable else build(3)
    check_kernel(FidelityKernel(feature_map, parameters=parameters, evaluator=evaluator), X)


def test_contract_with_everything_free(evaluator, X):
    kernel = FidelityKernel(
        trained(3),
        bandwidth=np.array([0.5, 1.0, 1.5]),
        parameters=T,
        bandwidth_bounds=(0.1, 10.0),
        parameter_bounds=[(-1.0, 1.0), (-2.0, 2.0)],
        evaluator=evaluator,
    )
    check_kernel(kernel, X)


def test_diagonal_is_exactly_one(evaluator, X):
    kernel = FidelityKernel(ring, evaluator=evaluator)
    np.testing.assert_array_equal(np.diag(kernel(X)), 1.0)
    np.testing.assert_array_equal(kernel.diag(X), 1.0)


def test_standard_errors_are_the_evaluators(evaluator, X):
    kernel = FidelityKernel(ring, evaluator=evaluator)
    p, q = kernel.prepare(X), kernel.prepare(X[:2])
    K, std = kernel.compare(p, q, return_std=True)
    np.testing.assert_array_equal(K, kernel.compare(p, q))
    np.testing.assert_array_equal(std, np.zeros((7, 2)))


class Spy(ReferenceEvaluator):
    """Writes down what it is asked."""

    def __init__(self):
        object.__setattr__(self, "calls", [])

    def embed(self, feature_map, inputs, parameters=None):
        self.calls.append(("embed", len(inputs)))
        return super().embed(feature_map, inputs, parameters)

    def fidelities(self, a, b=None, *, return_std=False):
        self.calls.append(("fidelities", b is None))
        return super().fidelities(a, b, return_std=return_std)


SYMMETRIC = [("embed", 7), ("fidelities", True)]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (lambda X: None, SYMMETRIC),
        (lambda X: X, SYMMETRIC),
        (lambda X: X.copy(), SYMMETRIC),
        (lambda X: X.tolist(), SYMMETRIC),
        (lambda X: X[:5], [("embed", 7), ("embed", 5), ("fidelities", False)]),
        (lambda X: X[::-1], [("embed", 7), ("embed", 7), ("fidelities", False)]),
    ],
)
def test_symmetric_case_is_recognised_by_content(X, other, expected):
    spy = Spy()
    FidelityKernel(ring, evaluator=spy)(X, other(X))
    assert spy.calls == expected


def test_comparing_points_with_themselves_is_symmetric(X):
    spy = Spy()
    kernel = FidelityKernel(ring, evaluator=spy)
    p = kernel.prepare(X)
    kernel.compare(p, p)
    assert spy.calls == SYMMETRIC


def test_all_data_are_checked_before_any_work(X):
    spy = Spy()
    kernel = FidelityKernel(ring(3), evaluator=spy)
    with pytest.raises(ValueError, match="Y has 2 features"):
        kernel(X, X[:, :2])
    with pytest.raises(ValueError, match="NaN"):
        kernel(X, X * np.nan)
    assert spy.calls == []


def test_width_follows_the_data(evaluator, X):
    kernel = FidelityKernel(ring, evaluator=evaluator)
    for width in (1, 2, 3):
        Z = X[:, :width]
        np.testing.assert_allclose(kernel(Z), fidelity_matrix(ring(width), Z, Z), atol=1e-12)


def test_a_map_is_built_once_for_each_width(X):
    built = []

    def build(n_features):
        built.append(n_features)
        return ring(n_features)

    kernel = FidelityKernel(build, evaluator=ReferenceEvaluator())
    kernel(X, X[:2])
    kernel(X)
    kernel(X[:, :2])
    assert built == [3, 2]
