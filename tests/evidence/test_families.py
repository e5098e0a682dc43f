"""The kernels that are compared: equally many configurations, and what they compute."""

import cirq
import numpy as np
import pytest
import sympy
from sklearn.gaussian_process.kernels import RBF, WhiteKernel

import qkernels as qk
from qkernels.evidence.families import (
    BASELINES,
    baseline_family,
    check_baselines,
    quantum_family,
    unentangled,
    with_factors,
)

X = np.random.default_rng(0).uniform(size=(12, 3))
KERNEL = qk.FidelityKernel(qk.feature_maps.iqp, bandwidth=0.5)


@pytest.mark.parametrize("name", BASELINES)
def test_all_get_as_many_configurations(name):
    assert quantum_family(KERNEL, X).n_configurations == 35
    assert baseline_family(name, KERNEL, X).n_configurations == 35


def test_the_quantum_kernel_at_a_bandwidth():
    family = quantum_family(KERNEL, X)
    K = family.gram({"bandwidth_factor": 0.4})
    expected = qk.FidelityKernel(qk.feature_maps.iqp, bandwidth=0.2)(X)
    np.testing.assert_allclose(K, expected, rtol=0, atol=1e-12)


def test_every_bandwidth_of_a_composite_kernel_is_scaled():
    own = qk.ProjectedKernel(qk.feature_maps.zz, bandwidth=[0.1, 0.2, 0.3])
    kernel = with_factors(KERNEL + own * RBF(2.0), 2.0)
    assert kernel.k1.bandwidth == 1.0
    np.testing.assert_allclose(kernel.k2.k1.bandwidth, [0.2, 0.4, 0.6])
    assert kernel.k2.k2.length_scale == 2.0
    assert KERNEL.bandwidth == 0.5


@pytest.mark.parametrize("name", ["rbf", "linear", "poly"])
def test_classical_matrices_are_kernels(name):
    family = baseline_family(name, KERNEL, X)
    for setting in family.settings:
        K = family.gram(setting)
        np.testing.assert_allclose(K, K.T)
        assert np.linalg.eigvalsh(K).min() > -1e-12
        assert np.mean(K.diagonal()) == pytest.approx(1)


@pytest.mark.parametrize("name", ["rbf", "linear", "poly"])
def test_units_and_origin_of_points_do_not_matter(name):
    ours, other = (baseline_family(name, KERNEL, P) for P in (X, 1e4 * X + 3))
    for setting in ours.settings:
        np.testing.assert_allclose(ours.gram(setting), other.gram(setting), atol=1e-9)


def test_a_projected_kernel_has_a_second_hyperparameter():
    kernel = qk.ProjectedKernel(qk.feature_maps.iqp, gamma=2.0, bandwidth=0.5)
    family = quantum_family(kernel, X)
    assert family.n_configurations == 35
    K = family.gram({"bandwidth_factor": 0.1, "gamma_factor": 10.0})
    expected = qk.ProjectedKernel(qk.feature_maps.iqp, gamma=20.0, bandwidth=0.05)(X)
    np.testing.assert_allclose(K, expected, rtol=0, atol=1e-12)
    own = qk.ProjectedKernel(qk.feature_maps.iqp, outer=RBF(1.0))
    assert list(quantum_family(own, X).settings[0]) == ["bandwidth_factor"]


def test_without_entanglement_fidelities_are_products():
    kernel = unentangled(KERNEL, 3)
    angles = 0.5 * (X[:, None] - X)
    np.testing.assert_allclose(kernel(X), np.prod(np.cos(angles / 2) ** 2, axis=2), atol=1e-12)


def test_trained_parameters_stay_what_they_are():
    parameters = np.random.default_rng(0).uniform(size=12)
    kernel = qk.FidelityKernel(
        qk.feature_maps.hardware_efficient, parameters=parameters, parameter_bounds=(-4, 4)
    )
    left = unentangled(kernel, 3)
    assert left.parameters is None
    bound = qk.feature_maps.without_entanglement(
        qk.feature_maps.hardware_efficient(3).bind(parameters)
    )
    np.testing.assert_allclose(left(X), qk.FidelityKernel(bound)(X), atol=1e-12)


def test_a_composite_kernel_loses_all_entanglement():
    left = unentangled(KERNEL + WhiteKernel(0.1), 3)
    np.testing.assert_allclose(left(X), unentangled(KERNEL, 3)(X) + 0.1 * np.eye(12), atol=1e-12)


def test_circuits_of_which_nothing_is_left():
    kernel = qk.ProjectedKernel(qk.feature_maps.heisenberg)
    assert baseline_family("unentangled", kernel, X).startswith("as it sees no data")


def test_gates_on_one_qubit_that_cannot_see_the_data():
    a, b = cirq.LineQubit.range(2)
    x = sympy.symbols("x0:3")
    between = cirq.ISWAP(a, b) ** 0.5
    gates = [cirq.X(a), between, cirq.rz(x[0] + x[1])(a), cirq.rz(x[2])(b), between**-1]
    kernel = qk.FidelityKernel(qk.FeatureMap(cirq.Circuit(gates), x))
    assert np.ptp(kernel(X)) > 0.01
    assert baseline_family("unentangled", kernel, X).startswith("as it sees no data")


def test_circuits_without_entanglement_are_not_compared_with_themselves():
    kernel = qk.FidelityKernel(qk.feature_maps.angle)
    assert baseline_family("unentangled", kernel, X).startswith("as it is the kernel itself")


def test_the_grid_in_words():
    C = "each with 5 values of C from 0.1 to 1e+03"
    expected = f"bandwidth_factor of 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, {C}"
    assert quantum_family(KERNEL, X).grid == expected
    assert baseline_family("poly", KERNEL, X).grid.startswith("degree/gamma of 2/0.1, 2/1, ")
    assert baseline_family("linear", KERNEL, X).grid == "35 values of C from 0.001 to 1e+03"


@pytest.mark.parametrize(
    "baselines", [[], "svm", ["rbf", "rbf"], ["rbf", "quantum"], None, 5, [["rbf"]]]
)
def test_baselines_that_are_none(baselines):
    with pytest.raises(ValueError, match=r"baselines: expected some of \('rbf', 'linear', 'poly'"):
        check_baselines(baselines)


def test_kernels_without_a_bandwidth():
    with pytest.raises(ValueError, match=r"kernel: expected one with a bandwidth, got RBF"):
        quantum_family(RBF(1.0), X)
