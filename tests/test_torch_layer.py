"""`qkernels.torch.QuantumLayer`: outputs and gradients beside those of PyTorch itself.

The twin is a simulation of two qubits in PyTorch. The rest are the manners of a module.
"""

import copy
import importlib
import io
import pickle
import re
import subprocess
import sys

import cirq
import numpy as np
import pytest
import sympy
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import qkernels as qk
from qkernels.qnn import ExpectationNetwork, Network, NetworkGradient, ProbabilityNetwork
from tests import random_circuits

torch = pytest.importorskip("torch")
from qkernels.torch import QuantumLayer  # noqa: E402

Q = cirq.LineQubit.range(2)
WORDS = [cirq.PauliString(cirq.Z(Q[0])), cirq.X(Q[0]) * cirq.Z(Q[1]), cirq.Y(Q[1]) * 0.5]
WEIGHTS = np.array([0.4, -1.1, 0.8])


def two_qubit_map():
    """Return a circuit with two features and three trainable angles."""
    x, w = sympy.symbols("x:2"), sympy.symbols("w:3")
    circuit = cirq.Circuit(
        *(cirq.rx(x[0])(Q[0]), cirq.rx(x[1])(Q[1])),
        *(cirq.ry(w[0])(Q[0]), cirq.ry(w[1])(Q[1])),
        *(cirq.CZ(*Q), cirq.rx(w[2])(Q[0])),
    )
    return qk.FeatureMap(circuit, x, w)


EXPECTATIONS = ExpectationNetwork(two_qubit_map(), observables=WORDS, bandwidth=[0.5, 2.0])
PROBABILITIES = ProbabilityNetwork(two_qubit_map(), interpret=lambda b: b.bit_count() % 2)


class Straight(Network):
    """A network without a circuit, which takes notes: outputs [Σ x w, Σ x² w]."""

    def __init__(self):
        super().__init__(two_qubit_map(), 1.0, None)
        self.n_outputs, self.calls = 2, []

    def forward(self, X, weights):
        self.calls.append(("forward", X, weights))
        return np.stack([X.sum(axis=1) * weights.sum(), (X**2).sum(axis=1) * weights.sum()], axis=1)

    def backward(self, X, weights, cotangent, *, wrt_inputs=True):
        self.calls.append(("backward", X, weights, cotangent, wrt_inputs))
        slopes = (cotangent[:, :1] + 2 * X * cotangent[:, 1:]) * weights.sum()
        value = np.sum(cotangent * np.stack([X.sum(axis=1), (X**2).sum(axis=1)], axis=1))
        return NetworkGradient(slopes if wrt_inputs else None, np.full(3, value))


def points(*shape, seed=0, dtype=torch.float64, requires_grad=True):
    values = np.random.default_rng(seed).uniform(-1, 1, shape)
    return torch.tensor(values, dtype=dtype).requires_grad_(requires_grad)


def with_weights(layer, weights):
    """Return the layer as a function of x alone, with other weights."""
    return lambda x: torch.func.functional_call(layer, {"weights": weights}, (x,))


# -- The twin: state vectors of two qubits by PyTorch

PAULIS = {
    name: torch.tensor(cirq.unitary(getattr(cirq, name)), dtype=torch.complex128) for name in "IXYZ"
}


def rotation(name, angle):
    return torch.cos(angle / 2) * PAULIS["I"] - 1j * torch.sin(angle / 2) * PAULIS[name]


def twin_state(x, w):
    """Return the state of one point, shape (4,)."""
    state = torch.tensor([1, 0, 0, 0], dtype=torch.complex128)
    state = torch.kron(rotation("X", x[0]), rotation("X", x[1])) @ state
    state = torch.kron(rotation("Y", w[0]), rotation("Y", w[1])) @ state
    state = torch.tensor([1, 1, 1, -1]) * state
    return torch.kron(rotation("X", w[2]), PAULIS["I"]) @ state


def expectation_twin(X, w):
    words = [("Z", "I", 1.0), ("X", "Z", 1.0), ("I", "Y", 0.5)]
    matrices = [c * torch.kron(PAULIS[a], PAULIS[b]) for a, b, c in words]
    states = [twin_state(x * torch.tensor([0.5, 2.0]), w) for x in X]
    return torch.stack([torch.stack([(s.conj() @ m @ s).real for m in matrices]) for s in states])


def probability_twin(X, w):
    chances = torch.stack([twin_state(x, w).abs().square() for x in X])
    return torch.stack([chances[:, [0, 3]].sum(dim=1), chances[:, [1, 2]].sum(dim=1)], dim=1)


NETWORKS = pytest.mark.parametrize(
    ("network", "twin"),
    [(EXPECTATIONS, expectation_twin), (PROBABILITIES, probability_twin)],
    ids=["expectations", "probabilities"],
)


@NETWORKS
def test_outputs_and_gradients_are_those_of_the_twin(network, twin):
    layer, x = QuantumLayer(network, WEIGHTS), points(5, 2)
    found, expected = layer(x), twin(x, layer.weights)
    torch.testing.assert_close(found, expected)
    # Transposed, so that it has another order in memory than the outputs.
    cotangent = points(*found.shape[::-1], seed=1, requires_grad=False).T
    ours, theirs = (
        torch.autograd.grad((outputs * cotangent).sum(), [x, layer.weights])
        for outputs in (found, expected)
    )
    torch.testing.assert_close(ours, theirs)


@NETWORKS
@pytest.mark.parametrize("shape", [(2,), (3, 2), (2, 3, 2), (1, 1, 2, 2)])
def test_gradcheck(network, twin, shape):
    layer = QuantumLayer(network)
    inputs = points(*shape), torch.tensor(WEIGHTS, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, w: with_weights(layer, w)(x), inputs)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    feature_map=random_circuits.feature_maps(cirq.PhasedXZGate, max_qubits=3, max_operations=4),
    kind=st.sampled_from([ExpectationNetwork, ProbabilityNetwork]),
    seed=st.integers(0, 100),
)
def test_gradcheck_of_random_circuits(feature_map, kind, seed):
    assume(feature_map.n_features)
    layer = QuantumLayer(kind(feature_map))
    inputs = [
        torch.tensor(array, requires_grad=True)
        for array in random_circuits.points(feature_map, 2, seed)
    ]
    assert torch.autograd.gradcheck(lambda x, w: with_weights(layer, w)(x), inputs)


# -- Shapes


@pytest.mark.parametrize("batch", [(), (4,), (2, 3), (0,), (3, 0), (1, 2, 1)])
def test_any_number_of_batch_dimensions(batch):
    layer, x = QuantumLayer(EXPECTATIONS, WEIGHTS), points(*batch, 2)
    found = layer(x)
    assert found.shape == (*batch, 3)
    flat = layer(x.reshape(-1, 2))
    torch.testing.assert_close(found.reshape(-1, 3), flat, rtol=0, atol=0)
    found.sum().backward()
    assert x.grad.shape == x.shape
    assert layer.weights.grad.shape == (3,)
    assert bool(layer.weights.grad.any()) == (0 not in batch)


def test_points_with_gaps_in_memory():
    layer, wide = QuantumLayer(EXPECTATIONS, WEIGHTS), points(4, 2, 3)
    for x in (
        wide[..., 1],
        wide[:, :, 0].T.contiguous().T,
        wide[::2, :, 2],
        wide[:1, :, 0].expand(3, 2),
    ):
        source = x.detach().contiguous().requires_grad_()
        torch.testing.assert_close(layer(x), layer(source), rtol=0, atol=0)
        (gradient,) = torch.autograd.grad(layer(x)[:, 0].sum(), x)
        torch.testing.assert_close(
            gradient, torch.autograd.grad(layer(source)[:, 0].sum(), source)[0]
        )


def test_a_network_without_data_or_without_weights():
    silent = ExpectationNetwork(
        qk.FeatureMap(cirq.Circuit(cirq.ry(sympy.Symbol("w"))(Q[0])), [], ["w"])
    )
    layer = QuantumLayer(silent, [0.3])
    torch.testing.assert_close(layer(torch.empty(4, 0)), torch.full((4, 1), np.cos(0.3)).float())
    layer = QuantumLayer(ExpectationNetwork(qk.feature_maps.angle(1)))
    x = torch.tensor([0.7], requires_grad=True)
    layer(x).sum().backward()
    assert layer.weights.shape == (0,)
    assert x.grad.item() == pytest.approx(-np.sin(0.7), rel=1e-6)


# -- Numbers


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("weight_dtype", [torch.float64, torch.float32])
def test_everything_is_computed_in_double(dtype, weight_dtype):
    layer = QuantumLayer(EXPECTATIONS, WEIGHTS).to(weight_dtype)
    x = points(4, 2, dtype=dtype)
    exact, exact_weights = (t.detach().double().requires_grad_() for t in (x, layer.weights))
    found, expected = layer(x), with_weights(layer, exact_weights)(exact)
    assert found.dtype == dtype
    assert torch.equal(found, expected.to(dtype))
    found.sum().backward()
    expected.sum().backward()
    assert torch.equal(x.grad, exact.grad.to(dtype))
    assert torch.equal(layer.weights.grad, exact_weights.grad.to(weight_dtype))


def test_weights_start_as_told():
    assert QuantumLayer(EXPECTATIONS, WEIGHTS).weights.dtype == torch.float64
    given = torch.tensor(WEIGHTS, dtype=torch.float32)
    layer = QuantumLayer(EXPECTATIONS, given)
    assert layer.weights.dtype == torch.float32
    given.zero_()
    np.testing.assert_array_equal(layer.weights.detach(), WEIGHTS.astype(np.float32))
    assert QuantumLayer(EXPECTATIONS, [0, 1, 2]).weights.tolist() == [0.0, 1.0, 2.0]
    assert QuantumLayer(EXPECTATIONS, [0, 1, 2]).weights.dtype == torch.float32


def test_weights_drawn_are_the_networks():
    layer = QuantumLayer(EXPECTATIONS, random_state=5)
    drawn = EXPECTATIONS.initial_weights(5)
    np.testing.assert_array_equal(layer.weights.detach(), drawn.astype(np.float32))
    assert layer.weights.dtype == torch.get_default_dtype()
    state = np.random.RandomState(5)
    first, second = (QuantumLayer(EXPECTATIONS, random_state=state) for _ in range(2))
    assert torch.equal(first.weights, layer.weights)
    assert not torch.equal(first.weights, second.weights)


# -- What is computed, and when


def test_one_sweep_back_for_all_gradients():
    network = Straight()
    layer, x = QuantumLayer(network, WEIGHTS), points(2, 3, 2, dtype=torch.float32)
    layer(x).sum().backward()
    forward, backward = network.calls
    assert forward[0] == "forward"
    assert backward[0] == "backward"
    assert [a.dtype for a in (*forward[1:], *backward[1:4])] == [np.float64] * 5
    assert backward[4] is True
    np.testing.assert_array_equal(backward[3], np.ones((6, 2)))


def test_gradients_by_data_are_computed_only_where_needed():
    network = Straight()
    layer = QuantumLayer(network, WEIGHTS)
    layer(points(3, 2, requires_grad=False)).sum().backward()
    assert network.calls[-1][4] is False
    x = points(3, 2)
    layer.requires_grad_(False)
    layer.weights.grad = None
    layer(x).sum().backward()
    assert layer.weights.grad is None
    assert x.grad.shape == (3, 2)
    network.calls.clear()
    assert not layer(x.detach()).requires_grad
    with torch.no_grad():
        assert not layer(x).requires_grad
    assert [call[0] for call in network.calls] == ["forward", "forward"]


def test_a_network_keeps_no_hold_of_the_tensors():
    network = Straight()
    layer, x = QuantumLayer(network, WEIGHTS), points(2, 2)
    layer(x)
    with torch.no_grad():
        x.zero_()
        layer.weights.zero_()
    assert network.calls[0][1].all()
    assert network.calls[0][2].all()


def test_changing_weights_before_going_back_is_an_error():
    layer, x = QuantumLayer(EXPECTATIONS, WEIGHTS), points(2, 2)
    found = layer(x).sum()
    with torch.no_grad():
        layer.weights.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        found.backward()


def test_second_derivatives_are_refused():
    layer, x = QuantumLayer(EXPECTATIONS, WEIGHTS), points(2, 2)
    (slope,) = torch.autograd.grad(layer(x).sum(), x, create_graph=True)
    message = (
        "second derivatives of quantum layers and kernel matrices: expected first derivatives "
        "only, got a gradient of a gradient"
    )
    with pytest.raises(NotImplementedError, match=message):
        slope.square().sum().backward()


def test_a_sampled_network_learns_by_shifts():
    sampled = ExpectationNetwork(
        two_qubit_map(),
        observables=WORDS,
        bandwidth=[0.5, 2.0],
        evaluator=qk.SamplerEvaluator(cirq.Simulator(seed=3), repetitions=4000),
    )
    x = points(2, 2)
    sources = [(QuantumLayer(network, WEIGHTS), x) for network in (sampled, EXPECTATIONS)]
    found, expected = (
        torch.autograd.grad(layer(x).sum(), [x, layer.weights]) for layer, x in sources
    )
    for ours, exact in zip(found, expected, strict=True):
        assert not torch.equal(ours, exact)
        torch.testing.assert_close(ours, exact, rtol=0, atol=0.3)


# -- Manners of a module


def test_it_trains_between_linear_layers():
    generator = torch.Generator().manual_seed(0)
    X = torch.rand(60, 3, generator=generator) * 2 - 1
    y = (X[:, 0] * X[:, 1] > 0).float()
    network = ExpectationNetwork(qk.feature_maps.angle(2), qk.ansatze.strongly_entangling)
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 2), QuantumLayer(network, random_state=0), torch.nn.Linear(2, 1)
    )
    for weights in (*model[0].parameters(), *model[2].parameters()):
        torch.nn.init.normal_(weights, generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    before, losses = [p.detach().clone() for p in model.parameters()], []
    for _ in range(60):
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model(X)[:, 0], y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert not any(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_state_dict_round_trip():
    layer, other = (QuantumLayer(EXPECTATIONS, random_state=seed).double() for seed in (0, 1))
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    assert list(state) == ["weights"]
    other.load_state_dict(state)
    x = points(3, 2)
    assert torch.equal(layer(x), other(x))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies(copied):
    layer, x = QuantumLayer(EXPECTATIONS, WEIGHTS), points(3, 2)
    model = copied(torch.nn.Sequential(layer))
    assert torch.equal(model(x), layer(x))
    with torch.no_grad():
        model[0].weights.add_(0.1)
    np.testing.assert_array_equal(layer.weights.detach(), WEIGHTS)
    assert not torch.equal(model(x), layer(x))


def test_it_prints_its_network():
    assert repr(QuantumLayer(EXPECTATIONS)) == f"QuantumLayer({EXPECTATIONS!r})"


def test_compiled_models_leave_it_alone():
    network, traced = Straight(), []
    forward = network.forward

    def observed(X, weights):
        traced.append(torch.compiler.is_compiling())
        return forward(X, weights)

    network.forward = observed
    model = torch.nn.Sequential(torch.nn.Tanh(), QuantumLayer(network, WEIGHTS))
    x = points(3, 2)
    torch.testing.assert_close(torch.compile(model, backend="eager")(x), model(x))
    assert traced == [False, False]


# -- Refusals


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (
            torch.zeros(3, 4),
            ValueError,
            "x: expected shape (..., 2), one column for each feature, got (3, 4)",
        ),
        (
            torch.tensor(0.5),
            ValueError,
            "x: expected shape (..., 2), one column for each feature, got ()",
        ),
        (
            torch.zeros(3, 2, dtype=torch.int64),
            TypeError,
            "x: expected a tensor of floating-point numbers, got torch.int64",
        ),
        (
            torch.zeros(3, 2, dtype=torch.complex64),
            TypeError,
            "x: expected a tensor of floating-point numbers, got torch.complex64",
        ),
        (
            np.zeros((3, 2)),
            TypeError,
            "x: expected a tensor of floating-point numbers, got ndarray",
        ),
        (
            torch.tensor([[0.0, np.nan], [np.inf, -np.inf], [1.0, 2.0]]),
            ValueError,
            "x: expected finite numbers, got 3 of 6 that are nan or infinite",
        ),
    ],
)
def test_wrong_data(x, error, message):
    network = Straight()
    with pytest.raises(error, match=re.escape(message)):
        QuantumLayer(network, WEIGHTS)(x)
    assert network.calls == []


def test_weights_that_went_astray():
    layer = QuantumLayer(EXPECTATIONS, WEIGHTS)
    with torch.no_grad():
        layer.weights[1] = torch.nan
    message = "weights: expected finite numbers, got 1 of 3 that are nan or infinite"
    with pytest.raises(ValueError, match=message):
        layer(torch.zeros(2))


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (
            np.zeros(4),
            ValueError,
            "weights: expected 3 numbers, one for each weight of the network, got shape (4,)",
        ),
        (
            torch.zeros(3, 1),
            ValueError,
            "weights: expected 3 numbers, one for each weight of the network, got shape (3, 1)",
        ),
        ([0.0, np.inf, 1.0], ValueError, "weights: expected finite numbers, got 1 of 3"),
        (
            torch.zeros(3, dtype=torch.complex128),
            TypeError,
            "weights: expected a tensor of floating-point numbers, got torch.complex128",
        ),
    ],
)
def test_wrong_weights(weights, error, message):
    with pytest.raises(error, match=re.escape(message)):
        QuantumLayer(EXPECTATIONS, weights)


@pytest.mark.parametrize("network", [ExpectationNetwork, two_qubit_map(), None, torch.nn.Tanh()])
def test_no_network(network):
    message = (
        "network: expected a network of qkernels.qnn, such as ExpectationNetwork(feature_map), got "
        f"{network!r}"
    )
    with pytest.raises(TypeError, match=re.escape(message)):
        QuantumLayer(network)


def test_without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "qkernels.torch")
    message = 'qkernels.torch needs torch: pip install "qkernels[torch]"'
    with pytest.raises(ImportError, match=re.escape(message)):
        importlib.import_module("qkernels.torch")


def test_the_package_does_not_import_torch():
    code = "import qkernels, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
