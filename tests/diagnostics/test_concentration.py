"""Concentration, against the closed form of product maps and plain loops over pairs."""

import re

import cirq
import numpy as np
import pytest
import sympy
from scipy.integrate import dblquad

import qkernels as qk
from qkernels.diagnostics import concentration


def rx_product(n):
    symbols = sympy.symbols(f"x:{n}")
    qubits = cirq.LineQubit.range(n)
    circuit = cirq.Circuit(cirq.rx(x)(q) for x, q in zip(symbols, qubits, strict=True))
    return qk.FidelityKernel(qk.FeatureMap(circuit, features=symbols))


# -- Closed forms


def test_one_qubit_by_quadrature():
    def moment(power):
        angles = [(0, 2 * np.pi)] * 2
        (a, b), (c, d) = angles
        value, _ = dblquad(lambda x, y: np.cos((x - y) / 2) ** (2 * power), a, b, c, d)
        return value / (2 * np.pi) ** 2

    assert moment(1) == pytest.approx(1 / 2)
    assert moment(2) - moment(1) ** 2 == pytest.approx(3 / 8 - 1 / 4)
    # The kernel whose moments these are; a grid over the period integrates it exactly.
    X = 2 * np.pi * np.arange(8)[:, np.newaxis] / 8
    K = rx_product(1)(X)
    np.testing.assert_allclose(K, np.cos((X - X.T) / 2) ** 2, atol=1e-12)
    assert K.mean() == pytest.approx(1 / 2)
    assert K.var() == pytest.approx(3 / 8 - 1 / 4)


@pytest.mark.parametrize("n", [1, 3, 6])
def test_product_map_of_a_full_period(n):
    samples = [
        concentration(rx_product(n)(np.random.default_rng(seed).uniform(0, 2 * np.pi, (60, n))))
        for seed in range(40)
    ]
    for name, expected in [("mean", 2.0**-n), ("variance", (3 / 8) ** n - (1 / 4) ** n)]:
        found = np.array([getattr(sample, name) for sample in samples])
        # The variance about the sample's own mean misses the variance of that mean.
        bias = np.var([s.mean for s in samples]) if name == "variance" else 0.0
        error = found.std(ddof=1) / np.sqrt(len(found))
        assert abs(found.mean() + bias - expected) < 4 * error
        assert error < 0.1 * expected


# -- Against plain loops


@pytest.mark.parametrize("repetitions", [1, 7, 1000])
def test_pairs_are_counted_once(repetitions):
    X = np.random.default_rng(0).normal(size=(9, 2))
    K = qk.FidelityKernel(qk.feature_maps.zz)(X)
    entries = [K[i, j] for i in range(9) for j in range(i)]
    found = concentration(K, repetitions)
    assert found.mean == pytest.approx(np.mean(entries))
    assert found.variance == pytest.approx(np.var(entries))
    expected = np.mean([(1 - k) ** repetitions for k in entries])
    assert found.zero_count_probability == pytest.approx(expected)
    assert found.distance_to_identity == pytest.approx(np.linalg.norm(K - np.eye(9), 2))


def test_zero_counts_happen_as_often_as_said():
    K = qk.FidelityKernel(qk.feature_maps.angle)(np.random.default_rng(1).normal(size=(30, 5)))
    counts = np.random.default_rng(2).binomial(20, np.clip(K, 0, 1)[np.triu_indices(30, 1)])
    expected = concentration(K, 20).zero_count_probability
    assert np.mean(counts == 0) == pytest.approx(expected, abs=4 * np.sqrt(expected / 435))


def test_identity_and_constant():
    assert concentration(np.eye(5), 10) == qk.diagnostics.Concentration(0.0, 0.0, 1.0, 0.0)
    constant = concentration(np.ones((5, 5)), 10)
    assert (constant.mean, constant.variance, constant.zero_count_probability) == (1, 0, 0)
    assert constant.distance_to_identity == pytest.approx(4)


def test_the_order_of_points_does_not_matter():
    K = qk.FidelityKernel(qk.feature_maps.zz)(np.random.default_rng(3).normal(size=(8, 2)))
    order = np.random.default_rng(4).permutation(8)
    found, expected = concentration(K[np.ix_(order, order)], 5), concentration(K, 5)
    for name in ("mean", "variance", "zero_count_probability", "distance_to_identity"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-12)


def test_small_eigenvalues_are_far_from_the_identity_too():
    assert concentration(0.1 * np.eye(3)).distance_to_identity == pytest.approx(0.9)


def test_without_repetitions_entries_may_be_any():
    found = concentration([[2.0, -3.0], [-3.0, 2.0]])
    assert (found.mean, found.zero_count_probability) == (-3.0, None)


# -- Refusals


@pytest.mark.parametrize(
    ("K", "repetitions", "message"),
    [
        (np.ones((2, 3)), None, "expected a square kernel matrix, got shape (2, 3)"),
        ([[1.0, 0.5], [0.4, 1.0]], None, "expected a symmetric kernel matrix"),
        ([[1.0, np.inf], [np.inf, 1.0]], None, "Input K contains infinity"),
        ([[1.0]], None, "expected a kernel matrix of two points or more, got 1"),
        ([[1.0, 1.5], [1.5, 1.0]], 10, "expected kernel values from 0 to 1, got 1.5 to 1.5"),
        (np.eye(2), 0, "expected repetitions to be an integer of at least 1, got 0"),
        (np.eye(2), 2.5, "expected repetitions to be an integer of at least 1, got 2.5"),
    ],
)
def test_what_is_refused(K, repetitions, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        concentration(K, repetitions)
