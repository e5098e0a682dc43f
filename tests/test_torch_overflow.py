"""Gradients that overflow pass through layers and kernels, for those who scale losses."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import qkernels as qk  # noqa: E402
from qkernels.torch import QuantumLayer, gram  # noqa: E402


def layer():
    network = qk.qnn.ExpectationNetwork(qk.feature_maps.angle(2), qk.ansatze.two_local)
    return QuantumLayer(network, random_state=0)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_a_layer_passes_on_that_a_gradient_is_not_finite(value):
    quantum, x = layer().double(), torch.zeros(3, 2, dtype=torch.float64, requires_grad=True)
    quantum(x).backward(torch.full((3, 2), value, dtype=torch.float64))
    assert x.grad.isnan().all()
    assert quantum.weights.grad.isnan().all()


def test_a_kernel_matrix_passes_it_on_too():
    X = torch.rand(3, 2, dtype=torch.float64, requires_grad=True)
    width = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    K = gram(qk.FidelityKernel(qk.feature_maps.zz), X, bandwidth=width)
    K.backward(torch.full((3, 3), np.inf, dtype=torch.float64))
    assert X.grad.isnan().all()
    assert width.grad.isnan()


def test_a_scaler_of_losses_takes_no_step_then():
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), layer(), torch.nn.Linear(2, 1))
    before = [parameter.clone() for parameter in model.parameters()]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**17)
    with torch.autocast("cpu", dtype=torch.float16):
        loss = model(100 * torch.ones(5, 3)).sum() * 100
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() < 2.0**17
    for parameter, kept in zip(model.parameters(), before, strict=True):
        torch.testing.assert_close(parameter, kept)
