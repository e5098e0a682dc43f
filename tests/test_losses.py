"""`qkernels.losses`: values against other ways to them, derivatives against differences."""

import re
from copy import deepcopy

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from qkernels import losses
from qkernels.alignment import centered_alignment, target_alignment

N = 12
TWO = np.array(["no", "yes", "yes", "no"] * 3)
THREE = np.array([2, 0, 1, 2, 2, 1] * 2)
REAL = np.random.default_rng(1).normal(size=N)

CASES = [
    pytest.param(loss, y, id=f"{loss!r}-{name}")
    for loss, names in [
        (losses.TargetAlignment(), ["two", "three", "real"]),
        (losses.TargetAlignment(rescale_class_weights=False), ["two", "three", "real"]),
        (losses.CenteredAlignment(), ["two", "three", "real"]),
        (losses.SVMDual(C=0.3), ["two", "three"]),
        (losses.SVMDual(C=5.0), ["two", "three"]),
        (losses.LogMarginalLikelihood(noise=0.2), ["real"]),
        (losses.RidgeLeaveOneOut(alpha=0.3), ["two", "three", "real"]),
    ]
    for name, y in [("two", TWO), ("three", THREE), ("real", REAL)]
    if name in names
]


@pytest.fixture
def points():
    return np.random.default_rng(3).normal(size=(N, 2))


@pytest.fixture
def K(points):
    return RBF(0.8)(points)


# -- Derivatives


@pytest.mark.parametrize(("loss", "y"), CASES)
def test_derivatives_are_those_of_central_differences(loss, y, K):
    random, step = np.random.default_rng(2), 1e-5
    value, gradient = loss(K, y)
    assert isinstance(value, float)
    assert gradient.shape == K.shape
    for _ in range(4):
        direction = random.normal(size=K.shape)
        direction += direction.T
        slope = (loss(K + step * direction, y)[0] - loss(K - step * direction, y)[0]) / (2 * step)
        np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=2e-6, atol=1e-8)


@pytest.mark.parametrize(("loss", "y"), CASES)
def test_what_is_given_is_not_changed(loss, y, K):
    before = K.copy(), y.copy()
    loss(K, y)
    np.testing.assert_array_equal(K, before[0])
    np.testing.assert_array_equal(y, before[1])


@pytest.mark.parametrize(("loss", "y"), CASES)
def test_the_order_of_points_does_not_matter(loss, y, K):
    order = np.random.default_rng(4).permutation(N)
    value, gradient = loss(K, y)
    shuffled, its_gradient = loss(K[np.ix_(order, order)], y[order])
    assert shuffled == pytest.approx(value, rel=1e-8)
    np.testing.assert_allclose(its_gradient, gradient[np.ix_(order, order)], atol=1e-6)


# -- Values


@pytest.mark.parametrize("y", [TWO, THREE, REAL], ids=["two", "three", "real"])
def test_alignments_are_to_be_maximised(K, y):
    for rescale in (True, False):
        expected = -target_alignment(K, y, rescale_class_weights=rescale)
        assert losses.TargetAlignment(rescale)(K, y)[0] == pytest.approx(expected, rel=1e-12)
    expected = -centered_alignment(K, y)
    assert losses.CenteredAlignment()(K, y)[0] == pytest.approx(expected, rel=1e-12)


def dual_optimum(K, signs, C):
    """Return max_α Σ α - ½ (αy)ᵀ K (αy), 0 ≤ α ≤ C, αᵀy = 0, of a solver of general programs."""
    Q = K * np.outer(signs, signs)
    found = minimize(
        lambda a: 0.5 * a @ Q @ a - a.sum(),
        np.full(len(K), C / 2),
        jac=lambda a: Q @ a - 1,
        bounds=[(0, C)] * len(K),
        constraints={"type": "eq", "fun": lambda a: a @ signs, "jac": lambda a: signs},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    assert found.success
    return -found.fun


@pytest.mark.parametrize("C", [0.2, 1.0, 20.0])
def test_svm_dual_is_the_optimum_of_the_quadratic_program(K, C):
    signs = np.where(TWO == "yes", 1.0, -1.0)
    assert losses.SVMDual(C)(K, TWO)[0] == pytest.approx(dual_optimum(K, signs, C), rel=1e-6)


def test_svm_dual_is_summed_over_pairs_of_classes(K):
    expected = 0.0
    for pair in [(0, 1), (0, 2), (1, 2)]:
        rows = np.isin(THREE, pair)
        signs = np.where(THREE[rows] == pair[0], 1.0, -1.0)
        expected += dual_optimum(K[np.ix_(rows, rows)], signs, 2.0)
    assert losses.SVMDual(2.0)(K, THREE)[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("noise", [0.05, 1.0])
def test_log_marginal_likelihood_is_that_of_a_gaussian_process(points, noise):
    process = GaussianProcessRegressor(RBF(0.8), alpha=noise, optimizer=None).fit(points, REAL)
    expected = -process.log_marginal_likelihood(process.kernel_.theta)
    found = losses.LogMarginalLikelihood(noise)(RBF(0.8)(points), REAL)[0]
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("alpha", [0.1, 2.0])
@pytest.mark.parametrize("targets", [REAL, np.where(TWO == "yes", 1.0, -1.0)])
def test_ridge_leave_one_out_refits_without_each_point(points, alpha, targets):
    model = KernelRidge(kernel=RBF(0.8), alpha=alpha)
    guesses = cross_val_predict(model, points, targets, cv=LeaveOneOut())
    found = losses.RidgeLeaveOneOut(alpha)(RBF(0.8)(points), targets)[0]
    assert found == pytest.approx(np.mean((guesses - targets) ** 2), rel=1e-10)


def test_ridge_leave_one_out_of_three_classes_has_corners_of_a_triangle(points):
    angles = 2 * np.pi / 3 * THREE
    corners = np.column_stack([np.cos(angles), np.sin(angles)])
    guesses = cross_val_predict(KernelRidge(kernel=RBF(0.8)), points, corners, cv=LeaveOneOut())
    expected = np.mean(np.sum((guesses - corners) ** 2, axis=1))
    found = losses.RidgeLeaveOneOut()(RBF(0.8)(points), THREE)[0]
    assert found == pytest.approx(expected, rel=1e-10)


# -- Names, copies, refusals


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("target_alignment", losses.TargetAlignment()),
        ("centered_alignment", losses.CenteredAlignment()),
        ("svm_dual", losses.SVMDual()),
        ("log_marginal_likelihood", losses.LogMarginalLikelihood()),
        ("ridge_leave_one_out", losses.RidgeLeaveOneOut()),
    ],
)
def test_names(name, loss):
    assert losses.get_loss(name) == loss
    assert losses.get_loss(loss) is loss


def test_any_function_is_a_loss():
    def loss(K, y):
        return 0.0, K

    assert losses.get_loss(loss) is loss


def test_losses_are_values():
    assert losses.SVMDual(C=2.0) == deepcopy(losses.SVMDual(C=2.0)) != losses.SVMDual(C=3.0)
    assert repr(losses.SVMDual(C=2.0)) == "SVMDual(C=2.0)"
    assert len({losses.RidgeLeaveOneOut(1.0), losses.RidgeLeaveOneOut(alpha=1.0)}) == 1


@pytest.mark.parametrize("loss", ["alignment", None, ["svm_dual"], losses.SVMDual, 3])
def test_unknown_losses(loss):
    message = (
        "loss: expected one of ['centered_alignment', 'log_marginal_likelihood', "
        "'ridge_leave_one_out', 'svm_dual', 'target_alignment'] or a function of (K, y), such as "
        f"SVMDual(C=10.0), got {loss!r}"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        losses.get_loss(loss)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: losses.SVMDual(0.0), ValueError, "C must be a positive finite number, got 0.0"),
        (lambda: losses.SVMDual("1"), TypeError, "C must be a positive finite number, got '1'"),
        (
            lambda: losses.LogMarginalLikelihood(-0.1),
            ValueError,
            "expected noise to be at least 0, got -0.1",
        ),
        (
            lambda: losses.LogMarginalLikelihood(np.inf),
            ValueError,
            "expected noise to be a finite real number, got inf",
        ),
        (
            lambda: losses.RidgeLeaveOneOut(-1),
            ValueError,
            "expected alpha to be at least 0, got -1",
        ),
    ],
)
def test_settings_out_of_range(make, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make()


@pytest.mark.parametrize(
    "loss", [loss() for loss in (losses.TargetAlignment, losses.CenteredAlignment, losses.SVMDual)]
)
def test_one_class(loss):
    with pytest.raises(ValueError, match=re.escape("expected at least two classes, got [3]")):
        loss(np.eye(2), np.array([3, 3]))


@pytest.mark.parametrize(
    "loss",
    [
        getattr(losses, name)()
        for name in sorted(losses.__all__)
        if name not in ("Loss", "get_loss")
    ],
    ids=repr,
)
def test_wrong_shapes(loss):
    with pytest.raises(ValueError, match=r"expected a square kernel matrix, got shape \(2, 3\)"):
        loss(np.ones((2, 3)), np.array([0, 1]))
    message = r"expected as many targets as the kernel has rows \(2\), got 3"
    with pytest.raises(ValueError, match=message):
        loss(np.eye(2), np.array([0, 1, 1]))


def test_svm_dual_wants_classes():
    with pytest.raises(ValueError, match="SVMDual: expected classes, got real targets"):
        losses.SVMDual()(np.eye(N), REAL)


def test_log_marginal_likelihood_wants_numbers():
    with pytest.raises(ValueError, match="LogMarginalLikelihood: expected real targets, got <U3"):
        losses.LogMarginalLikelihood()(np.eye(N), TWO)


@pytest.mark.parametrize(
    "loss", [losses.LogMarginalLikelihood(noise=0.5), losses.RidgeLeaveOneOut(alpha=0.5)], ids=repr
)
def test_not_positive_definite(loss):
    message = "expected a kernel matrix that is positive definite with 0.5 on its diagonal"
    with pytest.raises(ValueError, match=message):
        loss(-np.eye(N), REAL)
