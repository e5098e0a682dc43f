"""Kernels to JSON and back: exactly, and by whitelisted constructors alone."""

import json
from functools import partial

import cirq
import numpy as np
import pytest
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    ExpSineSquared,
    Kernel,
    Matern,
    PairwiseKernel,
    RationalQuadratic,
    WhiteKernel,
)

from qkernels import StatevectorEvaluator, feature_maps
from qkernels.kernels import FidelityKernel, ProjectedKernel, from_json, register, to_json
from qkernels.kernels.serialization import decode, encode
from tests.reference import ReferenceEvaluator, arccos, ring, trained

T = np.array([0.1, -1.1])
Q = [cirq.LineQubit(0), cirq.LineQubit(1), cirq.NamedQubit("a"), cirq.GridQubit(1, 2)]

KERNELS = [
    FidelityKernel(ring(2)),
    FidelityKernel(trained(2), parameters=T, parameter_bounds=(-np.pi, np.pi)),
    FidelityKernel(arccos(1), bandwidth=0.1, bandwidth_bounds=(1e-3, 1e300)),
    FidelityKernel(feature_maps.zz, bandwidth=np.array([0.1, 1 / 3])),
    FidelityKernel(partial(feature_maps.pauli, paulis=("X", "ZZ"), alpha=0.3)),
    FidelityKernel(partial(feature_maps.zz, entanglement=[(0, 1), (1, 2)])),
    FidelityKernel(ring(2), evaluator=StatevectorEvaluator(precision="single", cache_size="1MB")),
    ProjectedKernel(feature_maps.iqp, gamma=1 / 3, gamma_bounds=(0.1, 10), locality=2),
    ProjectedKernel(feature_maps.z, observables="XY"),
    ProjectedKernel(ring(2), observables=[cirq.X(Q[0]), 2 * cirq.Z(Q[0]) * cirq.Y(Q[1])]),
    ProjectedKernel(ring(2), observables=(cirq.X(Q[2]) - 0.1 * cirq.Z(Q[3]) + 0.5,)),
    ProjectedKernel(ring(2), outer=RBF(np.array([1.0, 0.1]), (1e-2, 1e2))),
    ProjectedKernel(ring(2), outer=Matern(nu=np.inf) + WhiteKernel(0.1, "fixed")),
    ProjectedKernel(ring(2), outer=ConstantKernel(0.1) * RationalQuadratic() ** 2),
    ProjectedKernel(ring(2), outer=ExpSineSquared() * DotProduct()),
    ProjectedKernel(ring(2), outer=PairwiseKernel(metric="laplacian")),
]


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: repr(kernel)[:60])
def test_round_trip(kernel):
    text = kernel.to_json()
    read = from_json(text)
    assert read == kernel
    assert type(read.bandwidth) is type(kernel.bandwidth)
    assert read.to_json() == text
    assert read.fingerprint() == kernel.fingerprint()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_round_trip_computes_the_same_bits():
    X = np.random.default_rng(0).uniform(size=(5, 2))
    for kernel in KERNELS[:2]:
        np.testing.assert_array_equal(from_json(kernel.to_json())(X), kernel(X))


def test_composite_kernels_round_trip():
    kernel = ConstantKernel(2.0) * FidelityKernel(ring(2)) + WhiteKernel(0.1)
    assert from_json(to_json(kernel)) == kernel


VALUES = [
    *(None, True, 3, -0.0, 0.1, np.pi, 5e-324, np.inf, -np.inf, "fixed", [], (), [1, (2.0, [3])]),
    np.array([[0.1, np.nan], [np.inf, -np.inf]]),
    *(np.array([1, 2]), np.array(0.5), np.zeros((0, 2)), np.array([True]), np.float32([0.1])),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_are_exact(value):
    read = decode(json.loads(json.dumps(encode(value), allow_nan=False)))
    assert type(read) is type(value)
    assert repr(read) == repr(value)
    if isinstance(value, np.ndarray):
        assert read.dtype == value.dtype
        np.testing.assert_array_equal(read, value)


def test_nan_and_numpy_scalars():
    assert np.isnan(decode(encode(float("nan"))))
    assert decode(encode(np.float64(0.1))) == 0.1
    assert decode(encode(np.int64(3))) == 3


class Unknown(Kernel):
    def __init__(self):
        pass

    def __call__(self, X, Y=None, eval_gradient=False):
        return np.ones((len(X), len(X)))

    def diag(self, X):
        return np.ones(len(X))

    def is_stationary(self):
        return True


@pytest.mark.parametrize(
    "kernel",
    [
        FidelityKernel(ring),
        FidelityKernel(lambda n: ring(n)),
        FidelityKernel(partial(ring)),
        FidelityKernel(partial(feature_maps.zz, 3)),
        FidelityKernel(ring(2), bandwidth=1j),
        FidelityKernel(ring(2), bandwidth=np.array(["a"])),
        FidelityKernel(ring(2), evaluator=object()),
        ProjectedKernel(ring(2), outer=Unknown()),
        ProjectedKernel(ring(2), outer=PairwiseKernel(metric=np.dot)),
    ],
    ids=repr,
)
def test_what_cannot_be_written(kernel):
    with pytest.raises(ValueError, match=r"expected a FeatureMap, a standard .* cannot write"):
        kernel.to_json()


def wrapped(tree):
    return json.dumps({"format": "qkernels.kernel", "version": 1, "kernel": tree})


def fidelity(**arguments):
    given = {"feature_map": {"standard_map": {"name": "zz", "arguments": {}}}} | arguments
    return wrapped({"object": {"class": "FidelityKernel", "arguments": given}})


def test_a_kernel_written_by_hand():
    assert from_json(fidelity(bandwidth=0.5)) == FidelityKernel(feature_maps.zz, bandwidth=0.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the JSON text of a kernel, got ''"),
        (None, "expected the JSON text of a kernel, got None"),
        ("{", "expected the JSON text of a kernel"),
        ("[]", r"expected format and version \('qkernels.kernel', 1\), got None"),
        ("{}", r"expected format and version .* got \(None, None\)"),
        (wrapped(1).replace("1", "2"), r"got \('qkernels.kernel', 2\)"),
        (wrapped(3), "expected a kernel, got int"),
        (wrapped({"array": {"dtype": "object", "shape": [], "data": []}}), "a dtype out of"),
        (wrapped({"array": 3}), "expected what to_json writes"),
        (wrapped({"import": "os"}), r"expected one key out of .* got \['import'\]"),
        (wrapped({"float": "1", "tuple": []}), r"got \['float', 'tuple'\]"),
        (wrapped({"object": {"class": "Popen", "arguments": {}}}), "expected a class out of .*Pop"),
        (wrapped({"object": {"class": "RBF"}}), "expected what to_json writes"),
        (wrapped({"object": {"class": "FidelityKernel", "arguments": {}}}), "feature_map"),
        (fidelity(gamma=1.0), r"FidelityKernel has no arguments \['gamma'\]"),
        (
            fidelity(feature_map={"standard_map": {"name": "FeatureMap", "arguments": {}}}),
            "of .*zz",
        ),
        (fidelity(feature_map={"standard_map": {"name": "eval", "arguments": {}}}), "got 'eval'"),
        (fidelity(feature_map={"pauli": {"cirq_type": "Circuit"}}), r"got Cirq's \['Circuit'\]"),
        (fidelity(feature_map={"feature_map": {}}), "."),
    ],
)
def test_what_cannot_be_read(text, message):
    with pytest.raises(ValueError, match=message):
        from_json(text)


def test_registered_classes_are_written():
    kernel = FidelityKernel(ring(2), evaluator=ReferenceEvaluator())
    with pytest.raises(ValueError, match="cannot write ReferenceEvaluator"):
        kernel.to_json()
    register(ReferenceEvaluator)
    assert from_json(kernel.to_json()) == kernel
