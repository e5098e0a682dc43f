"""`forecast`: operations, counted once more by hand or by a plain loop."""

import cirq
import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF

import qkernels as qk
from qkernels.gram import forecast as module
from qkernels.gram.forecast import flops_a_pair, forecast
from qkernels.kernels.composition import prepare

WIDE = qk.feature_maps.ising(30, distance=2, layers=1)
MPS = qk.MPSEvaluator(cache_size="0MB")


def points(n, width, seed=0):
    return np.random.default_rng(seed).uniform(0, 2, (n, width))


def counted(bonds):
    """Return the operations of all pairs' contractions on average, one complex sum at a time."""
    total = 0
    for a in bonds:
        for b in bonds:
            for k in range(len(a) - 1):
                inward = 2 * a[k + 1] * b[k + 1] * b[k]
                total += 8 * (inward + 2 * a[k + 1] * a[k] * b[k])
    return total / len(bonds) ** 2


# -- Of a pair


@pytest.mark.parametrize(
    ("kernel", "n_features", "expected"),
    [
        (qk.FidelityKernel(qk.feature_maps.zz), 5, 8 * 2**5),
        (qk.FidelityKernel(qk.feature_maps.angle), 8, 8 * 2 * 2**4),
        (qk.ProjectedKernel(qk.feature_maps.zz), 5, 3 * 15),
        (qk.ProjectedKernel(qk.feature_maps.zz, outer=RBF()), 5, 3 * 15),
        (qk.ProjectedKernel(qk.feature_maps.ising, evaluator=MPS), 5, 3 * 15),
        (RBF(), 7, 3 * 7),
        (qk.FidelityKernel(qk.feature_maps.zz) * RBF() + RBF(), 3, 8 * 8 + 3 * 3 + 3 * 3),
    ],
    ids=["states", "parts", "projected", "outer", "projected by MPS", "classical", "composite"],
)
def test_operations(kernel, n_features, expected):
    assert flops_a_pair(prepare(kernel, points(3, n_features))) == expected


def test_single_precision_is_as_many_operations():
    single = qk.StatevectorEvaluator(precision="single")
    kernel = qk.FidelityKernel(qk.feature_maps.zz, evaluator=single)
    assert flops_a_pair(kernel.prepare(points(3, 5))) == 8 * 2**5


@pytest.mark.jit
def test_operations_of_matrix_product_states():
    """Whose bonds differ from point to point: one in ten has data that entangle nothing."""
    X = points(10, 30)
    X[0] = 1.0
    states = MPS.embed(WIDE, X)
    assert len(np.unique(states.bonds, axis=0)) > 1
    expected = counted(states.bonds.tolist())
    assert flops_a_pair(states) == pytest.approx(expected, rel=1e-12)
    # Their bytes say nothing of it.
    assert expected > 2 * states.nbytes / len(states) / 2


def test_what_is_measured_is_no_operation():
    sampler = qk.SamplerEvaluator(cirq.Simulator(seed=0), repetitions=10)
    kernel = qk.FidelityKernel(qk.feature_maps.zz, evaluator=sampler)
    assert np.isnan(flops_a_pair(kernel.prepare(points(2, 3))))


# -- Of a matrix


def test_a_symmetric_matrix_is_half_the_pairs():
    kernel = qk.FidelityKernel(qk.feature_maps.zz)
    found = forecast(kernel, points(40, 3))
    assert found.flops == 40 * 40 / 2 * 64
    assert 0 < found.seconds < np.inf


def test_a_matrix_of_two_sides_is_all_pairs():
    kernel = qk.FidelityKernel(qk.feature_maps.zz)
    assert forecast(kernel, points(40, 3), points(30, 3, 1)).flops == 40 * 30 * 64


@pytest.mark.jit
def test_a_matrix_of_matrix_product_states():
    kernel = qk.FidelityKernel(WIDE, evaluator=MPS)
    X = points(20, 30)
    expected = 200 * counted(MPS.embed(WIDE, X).bonds.tolist())
    assert forecast(kernel, X).flops == pytest.approx(expected, rel=1e-12)


def test_loops_are_compiled_before_time_is_taken(monkeypatch):
    compared = []

    def compare(kernel, p, q):
        compared.append(len(p))
        return original(kernel, p, q)

    original = module.compare
    monkeypatch.setattr(module, "compare", compare)
    forecast(qk.FidelityKernel(qk.feature_maps.zz), points(40, 3))
    assert compared == [1, 40]
