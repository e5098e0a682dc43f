"""The reproduction suite: what a band is, the published points, the circuits, and a quick run."""

from __future__ import annotations

import math
import re

import cirq
import numpy as np
import pytest
from matplotlib import image
from scipy.linalg import expm

import qkernels as qk
from examples.reproduce import __main__ as suite
from examples.reproduce import benchmark_tasks, inductive_bias, nystroem_rank, random_features
from examples.reproduce.results import Claim, Result, binomial_error, mean_and_error

# -- Bands


def test_a_band_is_two_standard_errors_of_both_sides():
    result = Result("a", 0.9, 0.03, 0.81, 0.04)
    assert result.band == pytest.approx((0.8, 1.0))
    assert result.inside
    assert not Result("a", 0.9, 0.03, 0.79, 0.04).inside
    assert not Result("a", 0.9, 0.0, 0.9004, 0.0).inside
    assert Result("a", 0.9, 0.0, 0.9004, 0.0, rounding=5e-4).inside


def test_binomial_error_is_never_zero():
    assert binomial_error(0.5, 60) == pytest.approx(math.sqrt(0.25 / 60))
    assert binomial_error(1.0, 60) == pytest.approx(math.sqrt(60.5 * 0.5 / 61**2 / 60))
    assert binomial_error(0.0, 60) == pytest.approx(binomial_error(1.0, 60))


def test_points_that_are_the_same_are_few_apart():
    """Inside is k ≤ 2 √k: four points, and five no more."""
    for k, inside in ((0, True), (1, True), (4, True), (5, False), (6, False)):
        result = benchmark_tasks.compare("a", 0.5, 0.5 + k / 60)
        assert result.inside == inside
        assert result.comment == f"{k} of 60 test points apart"


def test_mean_and_error():
    assert mean_and_error([1.0, 2.0, 3.0, 6.0]) == pytest.approx((3.0, math.sqrt(14 / 3 / 4)))


def test_a_row_says_whether_and_why_not():
    inside = suite.row(Result("a", 0.9, 0.03, 0.81, 0.04, comment="remark", why="reason"))
    assert inside == "| a | 0.900 | 0.800 to 1.000 | 0.810 ± 0.04 | yes | remark |"
    outside = suite.row(Result("a", 1e-3, 0.0, 2e-3, 1e-4, comment="remark", why="reason"))
    expected = "| a | 0.001 | 0.0008 to 0.0012 | 0.002 ± 0.0001 | **no** | remark; reason |"
    assert outside == expected
    assert suite.row(Claim("a", "is", "is not", False)).endswith("| **no** | we do not know why |")


# -- The published points and circuits


@pytest.mark.parametrize("task", benchmark_tasks.PUBLISHED)
def test_the_points_are_those_that_were_published(task):
    # With other points, the Gaussian kernel would not hit the published score to the digit.
    split = benchmark_tasks.published_split(task)
    assert [len(part) for part in split] == [240, 60, 240, 60]
    assert benchmark_tasks.gaussian(split) == pytest.approx(
        benchmark_tasks.PUBLISHED[task][2], abs=1e-4
    )


def test_the_circuit_as_run_is_the_published_one():
    # The table lists 0.7833 at 6 features; the circuit of the text scores otherwise.
    split = benchmark_tasks.published_split("hidden manifold", 6)
    assert benchmark_tasks.score_iqp(benchmark_tasks.iqp_as_run, split) == pytest.approx(47 / 60)


def test_the_circuit_as_run_has_its_pairs_once():
    X = np.random.RandomState(0).uniform(-1, 1, (4, 3))
    once = qk.feature_maps.iqp(3, 1)
    as_run = benchmark_tasks.iqp_as_run(3, 1)
    np.testing.assert_allclose(qk.FidelityKernel(as_run)(X), qk.FidelityKernel(once)(X), atol=1e-12)
    names = [
        type(op.gate).__name__ for op in benchmark_tasks.iqp_as_run(3, 4).circuit.all_operations()
    ]
    assert (names.count("ZZPowGate"), names.count("Rz")) == (3, 12)


def test_hamiltonian_is_the_evolution():
    n, steps, time, seed = 2, 3, 0.7, 5
    x = np.array([0.4, -1.1])
    circuit = benchmark_tasks.hamiltonian(n, steps, time, seed).resolve(x)
    random = np.random.default_rng(seed)
    random.integers(100_000)
    state = np.ones(1)
    for first, second, third in random.uniform(size=(3, 3)) * 2 * np.pi:
        turned = [cirq.unitary(gate) for gate in (cirq.rz(third), cirq.ry(second), cirq.rz(first))]
        state = np.kron(state, (turned[0] @ turned[1] @ turned[2])[:, 0])
    heisenberg = sum(np.kron(cirq.unitary(p), cirq.unitary(p)) for p in (cirq.X, cirq.Y, cirq.Z))
    bonds = np.kron(heisenberg, np.eye(2)), np.kron(np.eye(2), heisenberg)
    for _ in range(steps):
        for j in range(n):
            state = expm(-0.5j * x[j] * time * n / steps * bonds[j]) @ state
    found = cirq.Simulator(dtype=np.complex128).simulate(circuit).final_state_vector
    assert abs(np.vdot(state, found)) == pytest.approx(1)


def test_variance_scaler():
    X = np.random.RandomState(0).normal(2, 3, (50, 4))
    scaled = benchmark_tasks.VarianceScaler(7).fit(X).transform(X)
    assert scaled.var() == pytest.approx(1 / 7)


def test_random_circuit_has_its_rotations():
    circuit = inductive_bias.random_circuit(3, np.random.RandomState(0))
    n_rotations = sum(len(op.qubits) == 1 for op in circuit.all_operations())
    assert n_rotations == 27
    assert 5 < sum(len(op.qubits) == 2 for op in circuit.all_operations()) < 60
    alone = inductive_bias.random_circuit(1, np.random.RandomState(0))
    assert all(len(op.qubits) == 1 for op in alone.all_operations())


def test_errors_of_random_features_fall_like_one_over_their_number():
    v = np.random.RandomState(0).normal(size=(30, 3))
    squared = np.sum((v[:, np.newaxis] - v) ** 2, axis=2)
    K = np.exp(-random_features.GAMMA * squared)
    few, many = (np.mean(random_features.squared_errors(v, K, D, 20)) for D in (20, 2000))
    assert few / many == pytest.approx(100, rel=0.5)


def test_nystroem_leaves_no_less_than_the_best():
    X = np.random.RandomState(0).uniform(0, 2 * np.pi, (60, 2))
    kernel = qk.FidelityKernel(qk.feature_maps.iqp, bandwidth=0.2)
    values = np.linalg.eigvalsh(kernel(X))[::-1]
    left = nystroem_rank.residuals(kernel, X, 4, 3)
    assert min(left) >= values[4:].sum() / values.sum() - 1e-12


# -- All of it


def test_quick(tmp_path, capsys):
    suite.main(["--quick", "--output", str(tmp_path)])
    printed = capsys.readouterr().out
    written = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.md", "results.png"]
    rows = re.findall(r"^\| .* \| (?:yes|\*\*no\*\*) \|.*$", printed, re.MULTILINE)
    assert len(rows) > 20
    assert all(row in written for row in rows)
    again = sum("IQP as run" in row for row in rows)
    assert again
    assert f" of {len(rows) - again} results are inside" in printed
    assert suite.QUICK in printed
    assert written.count("\n## ") == len(suite.EXPERIMENTS)
    for module in suite.EXPERIMENTS:
        assert "Protocol. " in module.__doc__
        assert re.search(r"^Sources?: ", module.__doc__, re.MULTILINE)
        assert module.__doc__.partition("\n")[2].strip() in written
    pixels = image.imread(tmp_path / "results.png")[..., :3]
    assert min(pixels.shape[:2]) > 1000
    assert pixels.std() > 0.05
