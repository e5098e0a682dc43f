"""`qkernels.torch.gram`: values beside the kernels', gradients beside PyTorch and differences.

The twin is a product of one-qubit rotations, whose fidelity and Bloch vectors PyTorch can write and
differentiate by itself.
"""

import re

import cirq
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, ExpSineSquared, WhiteKernel

import qkernels as qk
from tests import random_circuits

torch = pytest.importorskip("torch")
from qkernels.torch import gram  # noqa: E402

ROTATIONS = qk.feature_maps.angle(2)
TRAINABLE = qk.feature_maps.hubregtsen(2, layers=1)


def tensor(*shape, seed=0, low=-1.0, high=1.0):
    """Return random numbers that ask for a gradient."""
    values = np.random.default_rng(seed).uniform(low, high, shape)
    return torch.tensor(values, requires_grad=True)


@pytest.fixture
def X():
    return tensor(4, 2, seed=1)


@pytest.fixture
def Y():
    return tensor(3, 2, seed=2)


def fidelity_twin(X, Y, bandwidth):
    """Return the fidelities of states with one rotation by each feature."""
    halves = (X[:, None] - Y[None]) * bandwidth / 2
    return torch.cos(halves).square().prod(dim=-1)


def projected_twin(X, Y, bandwidth, gamma):
    """Return exp(-γ/2 Σ |r - r′|²) of Bloch vectors in a plane, which meet at the angle x - y."""
    squares = 2 - 2 * torch.cos((X[:, None] - Y[None]) * bandwidth)
    return torch.exp(-gamma / 2 * squares.sum(dim=-1))


# -- Values and gradients beside PyTorch's


@pytest.mark.parametrize("shape", [(), (2,)], ids=["one bandwidth", "two"])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize(
    ("kernel", "twin", "others"),
    [
        (qk.FidelityKernel(ROTATIONS), fidelity_twin, ()),
        (qk.ProjectedKernel(ROTATIONS), projected_twin, ("gamma",)),
    ],
    ids=["fidelity", "projected"],
)
def test_gradients_are_those_of_the_formula(X, Y, kernel, twin, others, symmetric, shape):
    named = {name: tensor(seed=4, low=0.2) for name in others}
    named["bandwidth"] = tensor(*shape, seed=5, low=0.5)
    sources = [X, *([] if symmetric else [Y]), *named.values()]
    found = gram(kernel, X, None if symmetric else Y, **named)
    expected = twin(X, X if symmetric else Y, **named)
    torch.testing.assert_close(found, expected)
    # Transposed, so that it has another order in memory than the matrix.
    weights = tensor(*found.shape[::-1], seed=6).detach().T
    by_us = torch.autograd.grad((found * weights).sum(), sources)
    by_torch = torch.autograd.grad((expected * weights).sum(), sources)
    for ours, theirs in zip(by_us, by_torch, strict=True):
        torch.testing.assert_close(ours, theirs)


SUM = ConstantKernel(2.0) * qk.FidelityKernel(ROTATIONS) ** 2 + WhiteKernel(0.1)
CASES = {
    "fidelity": (qk.FidelityKernel(TRAINABLE), {"parameters": (3,), "bandwidth": ()}),
    "fidelity, two bandwidths": (qk.FidelityKernel(TRAINABLE), {"parameters": 3, "bandwidth": 2}),
    "projected": (
        qk.ProjectedKernel(TRAINABLE),
        {"bandwidth": (2,), "gamma": (), "parameters": (3,)},
    ),
    "one of them": (qk.ProjectedKernel(TRAINABLE, parameters=[0.1, 0.2, 0.3]), {"gamma": ()}),
    "outer": (
        qk.ProjectedKernel(ROTATIONS, outer=RBF([1.0] * 6)),
        {"outer__length_scale": (6,), "bandwidth": ()},
    ),
    "sum": (
        SUM,
        {"k1__k1__constant_value": (), "k1__k2__kernel__bandwidth": (), "k2__noise_level": ()},
    ),
    "classical": (RBF(), {"length_scale": ()}),
    "none": (SUM, {}),
}


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_gradcheck(X, Y, case, symmetric):
    kernel, shapes = CASES[case]
    values = [tensor(*np.atleast_1d(s).astype(int), seed=7, low=0.4) for s in shapes.values()]
    points = [X] if symmetric else [X, Y]

    def function(*tensors):
        named = dict(zip(shapes, tensors[len(points) :], strict=True))
        return gram(kernel, *tensors[: len(points)], **named)

    assert torch.autograd.gradcheck(function, [*points, *values])


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    feature_map=random_circuits.feature_maps(cirq.FSimGate, max_qubits=3, max_operations=4),
    projected=st.booleans(),
    seed=st.integers(0, 100),
)
def test_gradcheck_of_random_circuits(feature_map, projected, seed):
    assume(feature_map.n_features)
    kernel = (qk.ProjectedKernel if projected else qk.FidelityKernel)(feature_map)
    X, parameters = (
        torch.tensor(array, requires_grad=True)
        for array in random_circuits.points(feature_map, 3, seed)
    )
    assert torch.autograd.gradcheck(lambda X, p: gram(kernel, X, parameters=p), (X, parameters))


def test_values_are_the_kernels(X, Y):
    kernel = SUM.clone_with_theta(SUM.theta)
    np.testing.assert_array_equal(gram(kernel, X).detach(), kernel(X.detach().numpy()))
    expected = kernel(X.detach().numpy(), Y.detach().numpy())
    np.testing.assert_allclose(gram(kernel, X, Y).detach(), expected, rtol=1e-14)


# -- What counts as symmetric, what is kept, what is copied


def test_x_twice_is_the_symmetric_case(X):
    kernel = qk.FidelityKernel(ROTATIONS) + WhiteKernel(0.5)
    once, twice = gram(kernel, X), gram(kernel, X, X)
    torch.testing.assert_close(twice.diagonal(), torch.full((4,), 1.5, dtype=X.dtype))
    weights = tensor(4, 4).detach()
    by_once, by_twice = (torch.autograd.grad((K * weights).sum(), X)[0] for K in (once, twice))
    torch.testing.assert_close(by_once, by_twice)


def test_the_kernel_keeps_its_own_values(X):
    kernel = qk.ProjectedKernel(TRAINABLE, gamma=0.7, parameters=[0.1, 0.2, 0.3])
    before = repr(kernel)
    gram(kernel, X, gamma=tensor(low=0.2), parameters=tensor(3), bandwidth=tensor(2, low=0.5))
    assert repr(kernel) == before
    expected = kernel(X.detach().numpy())
    np.testing.assert_array_equal(gram(kernel, X, gamma=None, parameters=None).detach(), expected)


@pytest.mark.parametrize("as_result", ["needs no gradient", "under no_grad"])
def test_without_gradients_the_kernel_is_just_called(X, as_result):
    evaluator = qk.SamplerEvaluator(cirq.Simulator(seed=1), repetitions=50)
    kernel = qk.FidelityKernel(ROTATIONS, evaluator=evaluator)
    with torch.no_grad():
        K = gram(kernel, X)
    if as_result == "needs no gradient":
        K = gram(kernel, X.detach(), bandwidth=torch.tensor(0.5))
    assert not K.requires_grad
    assert K.shape == (4, 4)
    assert set((50 * K).unique().round(decimals=9).tolist()) <= set(range(51))


def test_gradients_by_points_cost_nothing_where_nobody_asks(X, monkeypatch):
    def refuse(*args):
        raise AssertionError("points have no gradient here")

    monkeypatch.setattr("qkernels.kernels.embedding.Embedding.point_gradients", refuse)
    gamma = tensor(low=0.5)
    gram(qk.ProjectedKernel(ROTATIONS), X.detach(), gamma=gamma).sum().backward()
    assert gamma.grad < 0


@pytest.mark.parametrize("kernel", [qk.FidelityKernel(ROTATIONS), qk.ProjectedKernel(ROTATIONS)])
def test_results_may_be_written_to(X, kernel):
    expected = torch.autograd.grad(gram(kernel, X).square().sum(), X)[0]
    K = gram(kernel, X)
    K.diagonal().add_(1.0)
    # Entries on the diagonal stay 1 wherever the points go.
    torch.testing.assert_close(torch.autograd.grad(K.square().sum(), X)[0], expected)


def test_points_may_move_in_place_between_calls(X):
    kernel = qk.FidelityKernel(TRAINABLE)
    parameters = tensor(3)
    optimizer = torch.optim.SGD([X, parameters], lr=0.1)
    gram(kernel, X, parameters=parameters).sum().backward()
    optimizer.step()
    fresh = qk.FidelityKernel(
        TRAINABLE,
        parameters=parameters.detach().numpy(),
        evaluator=qk.StatevectorEvaluator().without_cache(),
    )
    found = gram(kernel, X, parameters=parameters).detach()
    np.testing.assert_allclose(found, fresh(X.detach().numpy()), atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_single_precision_is_computed_in_double(X, Y, dtype):
    kernel = qk.ProjectedKernel(ROTATIONS)
    low, gamma = X.detach().to(dtype).requires_grad_(), tensor(low=0.5)
    exact = low.detach().double().requires_grad_()
    found, expected = gram(kernel, low, Y, gamma=gamma), gram(kernel, exact, Y, gamma=gamma)
    assert found.dtype == dtype
    torch.testing.assert_close(found, expected.to(dtype), rtol=0, atol=0)
    by_low, by_gamma = torch.autograd.grad(found.sum(), [low, gamma])
    assert by_low.dtype == dtype
    assert by_gamma.dtype == torch.float64
    torch.testing.assert_close(by_low, torch.autograd.grad(expected.sum(), exact)[0].to(dtype))


def test_points_with_gaps_in_memory(X):
    kernel = qk.FidelityKernel(ROTATIONS)
    wide = torch.stack([X, X + 1], dim=-1).detach()
    for points in (wide[..., 0], X.detach().T.contiguous().T, X.detach().flip(0)):
        np.testing.assert_array_equal(gram(kernel, points), kernel(points.numpy().copy()))


# -- Deep kernel learning


def negative_log_likelihood(K, y, noise):
    """Return minus the log marginal likelihood, by a Cholesky factorisation that PyTorch keeps."""
    factor = torch.linalg.cholesky(K + noise * torch.eye(len(y), dtype=K.dtype))
    weights = torch.cholesky_solve(y[:, None], factor)[:, 0]
    constant = len(y) * np.log(2 * np.pi) / 2
    return y @ weights / 2 + factor.diagonal().log().sum() + constant


def test_the_marginal_likelihood_has_the_gradient_of_the_loss():
    X, parameters, bandwidth = tensor(8, 2), tensor(3, seed=3), tensor(seed=4, low=0.5)
    y = torch.sin(3 * X.detach()[:, 0])
    kernel = qk.FidelityKernel(TRAINABLE, bandwidth=0.5)
    K = gram(kernel, X, parameters=parameters, bandwidth=bandwidth)
    loss = negative_log_likelihood(K, y, 0.1)
    loss.backward()
    ours = qk.FidelityKernel(
        TRAINABLE, parameters=parameters.detach().numpy(), bandwidth=bandwidth.item()
    )
    matrix, vjp = qk.value_and_vjp(ours, X.detach().numpy())
    value, by_K = qk.losses.LogMarginalLikelihood(0.1)(matrix, y.numpy())
    gradient = vjp(by_K)
    assert loss.item() == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(X.grad, gradient.X, atol=1e-10)
    np.testing.assert_allclose(parameters.grad, gradient.hyperparameters["parameters"], atol=1e-10)
    np.testing.assert_allclose(bandwidth.grad, gradient.hyperparameters["bandwidth"][0], atol=1e-10)


def test_a_network_below_the_kernel_is_trained():
    X = torch.linspace(-1, 1, 20, dtype=torch.float64)[:, None]
    y = torch.sign(X[:, 0]) + 0.1 * torch.cos(20 * X[:, 0])
    generator = torch.Generator().manual_seed(1)
    net = torch.nn.Sequential(torch.nn.Linear(1, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2))
    for weights in net.double().parameters():
        torch.nn.init.normal_(weights, generator=generator)
    bandwidth = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([*net.parameters(), bandwidth], lr=0.05)
    kernel, losses = qk.ProjectedKernel(qk.feature_maps.zz(2)), []
    for _ in range(40):
        optimizer.zero_grad()
        loss = negative_log_likelihood(gram(kernel, net(X), bandwidth=bandwidth), y, 0.05)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 5
    assert all(weights.grad.abs().max() > 0 for weights in net.parameters())


# -- Refusals


def test_second_derivatives_are_refused(X):
    kernel = qk.FidelityKernel(ROTATIONS)
    (slope,) = torch.autograd.grad(gram(kernel, X).sum(), X, create_graph=True)
    message = "expected first derivatives only, got a gradient of a gradient"
    with pytest.raises(NotImplementedError, match=message):
        slope.sum().backward()


@pytest.mark.parametrize(
    ("kernel", "X", "options", "error", "message"),
    [
        (
            qk.FidelityKernel,
            torch.zeros(2, 2),
            {},
            TypeError,
            "kernel: expected a kernel such as qkernels.FidelityKernel(feature_map), got <class",
        ),
        (
            qk.FidelityKernel(ROTATIONS),
            np.zeros((2, 2)),
            {},
            TypeError,
            "X: expected a tensor of floating-point numbers, got ndarray",
        ),
        (
            qk.FidelityKernel(ROTATIONS),
            torch.zeros(2, 2),
            {"Y": torch.zeros(2, 2, dtype=torch.int64)},
            TypeError,
            "Y: expected a tensor of floating-point numbers, got torch.int64",
        ),
        (
            RBF(),
            torch.tensor([[0.0, np.nan], [np.inf, 0.0]]),
            {},
            ValueError,
            "X: expected finite numbers, got 2 of 4 that are nan or infinite",
        ),
        (
            qk.FidelityKernel(ROTATIONS),
            torch.zeros(2, 3),
            {},
            ValueError,
            "X has 3 features, but the feature map 'angle' of FidelityKernel expects 2",
        ),
        (
            qk.FidelityKernel(ROTATIONS),
            torch.zeros(2, 2),
            {"gamma": torch.tensor(1.0)},
            ValueError,
            "hyperparameters: expected some of bandwidth, parameters of FidelityKernel, got gamma",
        ),
        (
            qk.ProjectedKernel(ROTATIONS),
            torch.zeros(2, 2),
            {"gamma": 1.0},
            TypeError,
            "gamma: expected a tensor of floating-point numbers, got float",
        ),
        (
            qk.ProjectedKernel(ROTATIONS),
            torch.zeros(2, 2),
            {"gamma": torch.tensor(-1.0)},
            ValueError,
            "gamma must be a positive finite number, got -1.0",
        ),
        (
            qk.FidelityKernel(ROTATIONS),
            torch.zeros(2, 2),
            {"bandwidth": torch.ones(3)},
            ValueError,
            "bandwidth must be a positive finite number or one for each of the 2 features, got "
            "shape (3,)",
        ),
        (
            ExpSineSquared(),
            torch.zeros(2, 2, requires_grad=True),
            {},
            NotImplementedError,
            "no gradient of ExpSineSquared",
        ),
        (
            qk.FidelityKernel(ROTATIONS, evaluator=qk.SamplerEvaluator(cirq.Simulator())),
            torch.zeros(2, 2, requires_grad=True),
            {},
            NotImplementedError,
            "gradients need an evaluator with the methods of",
        ),
    ],
)
def test_errors(kernel, X, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        gram(kernel, X, **options)
