"""The examples and the README do what they say: files, figures, scores and printed output."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image

import qkernels as qk

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("[!_]*.py"))
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def run(tmp_path, capfd) -> Callable[..., str]:
    """Return a function that runs an example into `tmp_path` and returns what it prints.

    What the processes print that it starts is part of it.
    """

    def run(name: str, *arguments: str) -> str:
        spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # where dataclasses look for their module
        try:
            spec.loader.exec_module(module)
            module.main([*arguments, "--quick", "--output", str(tmp_path)])
        finally:
            del sys.modules[name]
        return capfd.readouterr().out

    return run


@pytest.fixture
def in_processes(monkeypatch) -> None:
    """Let processes that an example starts find this checkout."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def numbers(line: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e[-+]\d+)?", line)]


def check_figure(path: Path) -> None:
    """Check that a figure was written and is not blank."""
    pixels = image.imread(path)[..., :3]
    assert min(pixels.shape[:2]) > 400
    assert pixels.std() > 0.05


def test_classify_breast_cancer(run, tmp_path):
    printed = run("classify_breast_cancer")
    names = ["ZZ fidelity", "ZZ projected", "IQP fidelity", "IQP projected", "Z fidelity", "RBF"]
    for name in names:
        (row,) = re.findall(rf"^{name} +(\d.*)$", printed, re.MULTILINE)
        mean, spread, test, likeness, gram, search = numbers(row)[:6]
        assert 0.8 < mean <= 1, row
        assert 0 <= spread < 0.15, row
        assert 0.8 < test <= 1, row
        assert -1 <= likeness <= 1.0001, row
        assert 0 <= gram < 10_000, row
        assert 0 <= search < 60, row
        assert ("length_scale=" if name == "RBF" else "bandwidth=") in row
        assert ("gamma=" in row) == ("projected" in name)
    assert "120 training points, 100 test points" in printed
    assert "8 configurations for each kernel" in printed
    assert "standard error of 100 points" in printed
    check_figure(tmp_path / "breast_cancer.png")


def test_your_own_circuit(run, tmp_path):
    printed = run("your_own_circuit")
    assert "Rz(theta5)" in printed
    assert "2 features, 6 angles" in printed
    worst, best = numbers(re.search("worst to the best draw: .*", printed)[0])
    assert 0.6 < worst <= best <= 1
    (score, *_) = numbers(re.search("test score: .*", printed)[0])
    assert 0.75 < score <= 1
    check_figure(tmp_path / "your_own_circuit.png")


def test_gaussian_process(run, tmp_path):
    printed = run("gaussian_process")
    tried = re.findall(r"^ +(\d\.\d\d) +(-?\d+\.\d\d)$", printed, re.MULTILINE)
    (row,) = re.findall(r"^Chebyshev fidelity kernel +(.*)$", printed, re.MULTILINE)
    likelihood, error, inside = numbers(row)
    assert likelihood == max(float(value) for _, value in tried)
    assert error < 0.3
    assert 60 < inside <= 100
    assert "FidelityKernel(partial(chebyshev, degree=4), bandwidth=0.28)" in printed
    check_figure(tmp_path / "gaussian_process.png")


def test_precompute_gram(run, tmp_path):
    printed = run("precompute_gram")
    X = np.random.default_rng(0).uniform(0, 1, (8000, 8))[:200]
    K = np.load(tmp_path / "gram.npy")
    np.testing.assert_allclose(
        K, qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.3)(X), atol=1e-12
    )
    np.testing.assert_array_equal(K, K.T)
    assert "GramStore(180 x 180, 1 of 1 tiles)" in printed
    assert "GramStore(200 x 200, 1 of 1 tiles)" in printed
    assert "damaged tiles: []" in printed
    assert sorted(p.name for p in tmp_path.iterdir()) == ["gram.npy", "gram.zarr"]
    # Again: nothing is left to do.
    assert "GramStore(180" not in run("precompute_gram")


@pytest.mark.parametrize("suffix", ["npy", "csv"])
def test_precompute_gram_of_a_file(run, tmp_path, suffix):
    X = np.random.default_rng(0).uniform(0, 1, (12, 3))
    path = tmp_path / f"points.{suffix}"
    np.save(path, X) if suffix == "npy" else np.savetxt(path, X, delimiter=",")
    run("precompute_gram", str(path), "--kernel", "projected:iqp?bandwidth=0.5")
    expected = qk.ProjectedKernel(qk.feature_maps.iqp, bandwidth=0.5)(X)
    np.testing.assert_allclose(np.load(tmp_path / "gram.npy"), expected, atol=1e-12)


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_slurm_gram(tmp_path, in_processes):
    """With a scheduler that runs the tasks side by side, and first fails one of them."""
    commands = tmp_path / "bin"
    commands.mkdir()
    programs = {
        "qkernels": f'exec {sys.executable} -c "from qkernels.cli import main; main()" "$@"',
        "sbatch": """
            for option in "$@"; do
                case $option in --array=*) last=${option##*-};; esac
                command=$option
            done
            for task in $(seq 0 "$last"); do
                [ "$task" = "$FAILING" ] || SLURM_ARRAY_TASK_ID=$task bash -c "$command" &
            done
            wait
        """,
    }
    for name, text in programs.items():
        (commands / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
        (commands / name).chmod(0o755)
    X = np.random.default_rng(0).uniform(0, 1, (1100, 3))
    np.save(tmp_path / "points.npy", X)
    line = ["bash", ROOT / "examples" / "slurm_gram.sh", "points.npy", "fidelity:zz", "K.zarr", "3"]
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"
    for failing, code in (("1", 3), ("none", 0)):
        here = os.environ | {"PATH": path, "FAILING": failing}
        done = subprocess.run(line, cwd=tmp_path, env=here, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
    store = qk.GramStore.open(tmp_path / "K.zarr")
    np.testing.assert_allclose(store, qk.FidelityKernel(qk.feature_maps.zz)(X), atol=1e-12)


def test_pegasos_on_shots(run, tmp_path):
    printed = run("pegasos_on_shots")
    entries, share, score = numbers(re.search(r"^SVC +(.*)$", printed, re.M)[1])
    assert (entries, share) == (3160, 100)
    rows = [numbers(row) for row in re.findall(r"^Pegasos, \d+ steps +(.*)$", printed, re.M)]
    assert len(rows) == 6
    assert all(a[0] <= b[0] < entries / 2 for a, b in itertools.pairwise(rows))
    assert rows[-1][2] > score - 0.1
    check_figure(tmp_path / "pegasos_on_shots.png")


def test_nystroem_against_exact(run, tmp_path):
    printed = run("nystroem_against_exact")
    rows = re.findall(r"^(rpcholesky|uniform|exact) +(\d.*)$", printed, re.MULTILINE)
    found = {(name, numbers(row)[0]): numbers(row)[-2:] for name, row in rows}
    assert len(found) == 7
    for name in ("rpcholesky", "uniform"):
        residuals = [found[name, size][0] for size in (4, 16, 64)]
        assert residuals == sorted(residuals, reverse=True)
        assert found[name, 64] == [0, 1]
    for name in ("spread evenly", "crowded in one place"):
        for row in re.findall(rf"^{name} +\d+ +(.*)$", printed, re.MULTILINE):
            pivots, uniform, best = numbers(row)
            assert min(pivots, uniform) >= best - 1e-12
    assert pivots < 1e-9 < uniform
    check_figure(tmp_path / "nystroem_against_exact.png")


def test_matrix_free_ridge(run, tmp_path):
    printed = run("matrix_free_ridge")
    assert "the kernel matrix: 72 MB" in printed
    assert int(re.search(r"steps of conjugate gradients: (\d+)", printed)[1]) < 20
    exact, approximate, best = (float(r) for r in re.findall(r"^R².*: (0\.\d+)$", printed, re.M))
    assert best > exact > approximate > 0.85
    results = np.load(tmp_path / "matrix_free_ridge.npz")
    assert results["weights"].shape == (3000,)
    assert results["predicted"].shape == results["y_test"].shape == (2000,)


def test_kernel_pca_and_clustering(run, tmp_path):
    printed = run("kernel_pca_and_clustering")
    rows = re.findall(r"^FidelityKernel\(.*\) +(0\.\d+) +([\d.]+)% +(-?\d\.\d+)$", printed, re.M)
    means, shares, indices = np.array(rows, dtype=float).T
    assert np.all(np.diff(means) < 0)
    assert np.all(np.diff(shares) < 0)
    assert indices[0] > 0.85
    assert indices[-1] < indices[0]
    check_figure(tmp_path / "kernel_pca.png")


def test_train_covariant_kernel(run, tmp_path):
    printed = run("train_covariant_kernel")
    rows = dict(re.findall(r"^(.*?) +(\d\.\d{3} \(.*)$", printed, re.MULTILINE))
    assert len(rows) == 8
    for name, row in rows.items():
        mean, low, high = [abs(number) for number in numbers(row)[:3]]
        assert 0 <= low <= mean <= high <= 1, name
    for name in ["one λ, gradients", "one λ, SPSA", "seven λ, from 0.1", "seven λ, random start"]:
        *_, accuracy, _, _, loss, cosine = numbers(rows[name])
        assert accuracy > 0.95, name
        assert loss < 3, name
        assert cosine < 0.3, name
    assert numbers(rows["one λ, not trained"])[3] < 0.7
    assert numbers(rows["seven λ, restarts"])[6] <= numbers(rows["seven λ, from 0.1"])[6]
    check_figure(tmp_path / "train_covariant_kernel.png")


def test_train_hardware_efficient(run, tmp_path):
    printed = run("train_hardware_efficient")
    rows = re.findall(r"^(\S.*?) +(\d\.\d{3} ± .*)$", printed, re.MULTILINE)
    assert len(rows) == 2 * 7
    for name, row in rows:
        mean, spread, *alignments = numbers(row)
        assert 0.6 < mean <= 1, name
        assert 0 <= spread < 0.3, name
        assert bool(alignments) == name.endswith("alignment")
        assert alignments == sorted(alignments), name
    assert len(re.findall(r"^The circuit without CZ: (?:worse|as good)", printed, re.M)) == 2
    assert len(re.findall(r"^The tuned RBF kernel: (?:worse|as good)", printed, re.M)) == 2
    check_figure(tmp_path / "train_hardware_efficient.png")


def test_learn_gaussian_process(run, tmp_path):
    printed = run("learn_gaussian_process")
    likelihoods = {}
    for name in ["circuit as drawn", "learnt by scikit-learn", "learnt by KernelTrainer", "RBF"]:
        (row,) = re.findall(rf"^{name}.*?(-?\d+\.\d\d .*)$", printed, re.MULTILINE)
        likelihoods[name], learnt, error, inside, _ = numbers(row)
        assert learnt == {"circuit as drawn": 2, "RBF": 3}.get(name, 15)
        assert error < 0.3, name
        assert 60 < inside <= 100, name
    assert likelihoods["circuit as drawn"] < likelihoods["learnt by scikit-learn"]
    assert likelihoods["circuit as drawn"] < likelihoods["learnt by KernelTrainer"]
    check_figure(tmp_path / "learn_gaussian_process.png")


def test_noisy_processor(run, tmp_path):
    pytest.importorskip("cirq_google")
    printed = run("noisy_processor")
    assert len(re.findall(r"^\* inversion +1 +10 +5000 +4 ", printed, re.MULTILINE)) == 2
    assert "to buy: 5000 repetitions of 10 points for 4.5" in printed
    for name, largest in (("weber", 0.3), ("willow_pink", 0.1)):
        (row,) = re.findall(rf"^{name} +0 +(.*)$", printed, re.MULTILINE)
        everywhere, corrected, off, corrected_off, chance = numbers(row)
        assert 0.02 < everywhere < largest
        assert 0.02 < off < largest
        assert corrected < everywhere
        assert corrected_off < off + chance
        assert 0.005 < chance < 0.05
    assert "weber: error at least halved in 1 of 1 seeds" in printed
    check_figure(tmp_path / "noisy_processor.png")


def test_remaining_noise(run, tmp_path):
    pytest.importorskip("cirq_google")
    printed = run("remaining_noise", "--lines", "0")
    rows = re.findall(r"^(.*?)((?: +0\.\d{4}){3})$", printed, re.MULTILINE)
    found = {name.strip(): numbers(row) for name, row in rows}
    assert len(found) == 7
    for name, (raw, corrected, chance) in found.items():
        assert 0 < corrected < raw + chance, name
        assert 0.005 < chance < 0.02, name
    # Without coherent errors, what is left is not much more than chance.
    assert found["without coherent errors"][1] < 3 * found["without coherent errors"][2]
    assert found["with depolarizing noise only"][0] < found["all noise, best qubits"][0]
    check_figure(tmp_path / "remaining_noise.png")


def test_resume_after_crash(run, tmp_path, in_processes):
    printed = run("resume_after_crash")
    assert "28 pairs to measure, 10 a chunk" in printed
    done = int(re.search(r"submissions: 1 submitting, (\d) done", printed)[1])
    assert f"the device ran {10 * done} pairs" in printed
    assert "nobody knows whether this was run" in printed
    assert "submissions: 3 done, 1 failed" in printed
    left = 28 - 10 * done
    assert f"ran {left} more pairs, 28 different ones in all, 0 of them twice" in printed
    (inside,) = re.findall(r"(\d+)% of its 95 % intervals", printed)
    assert int(inside) > 80


def test_submit_and_collect(run, tmp_path, in_processes):
    printed = run("submit_and_collect")
    assert "the queue has 2 jobs; the ledger:" in printed
    assert "submissions: 1 submitting, 1 submitted" in printed
    assert re.findall(r"(\d+) of 15 pairs are still to come", printed) == ["15", "0"]
    assert re.findall(r"^(?:killed|ended)$", printed, re.M) == ["killed", "ended", "ended", "ended"]
    (folder,) = tmp_path.glob("queue-*")
    assert len(list(folder.glob("*.job"))) == 2
    ledger = qk.hardware.Ledger(folder / "ledger.db").summary()
    assert (ledger.points, ledger.repetitions) == (15, 15_000)
    assert ledger.submissions["done"] == 2


def test_top_up(run, tmp_path):
    printed = run("top_up")
    pilot, topped_up = (
        numbers(line) for line in re.findall(r"^(?:pilot|topped up) +(.*)$", printed, re.MULTILINE)
    )
    assert pilot[0] == 1500
    assert pilot[1] > 0.015 >= topped_up[1]
    assert topped_up[0] < numbers(re.search("equally many .*", printed)[0])[-1]
    assert min(pilot[2], topped_up[2]) > 60
    rows = {m: numbers(re.search(rf"^{m} +(.*)$", printed, re.M)[1]) for m in ("svm", "uniform")}
    ratios = numbers(re.search(r"^ratio +(.*)$", printed, re.M)[1])
    np.testing.assert_allclose(np.divide(rows["svm"], rows["uniform"]), ratios, rtol=0.05)
    check_figure(tmp_path / "top_up.png")


@pytest.mark.filterwarnings("ignore::qkernels.diagnostics.IllConditionedWarning")
def test_engineered_labels(run, tmp_path):
    printed = run("engineered_labels")
    made, true = (
        {name: float(mean) for name, mean in re.findall(r"^(\w+) +(\d\.\d+) \[", part, re.M)}
        for part in re.split(r"^\w+ labels$", printed, flags=re.M)[1:]
    )
    assert all(made["quantum"] > made[name] + 0.1 for name in ("rbf", "linear", "poly"))
    assert true["quantum"] < true["rbf"] + 0.05
    assert "No evidence of an advantage" in printed.split("true labels")[1]
    for name in ("engineered", "true"):
        assert (tmp_path / f"report_{name}_labels.html").read_text().endswith("</html>")


def rows_of(printed: str, *names: str) -> list[list[float]]:
    """Return the numbers of the lines that begin with these names."""
    return [numbers(re.search(rf"^{re.escape(n)} +(.*)$", printed, re.M)[1]) for n in names]


def test_variational_against_kernel(run, tmp_path):
    printed = run("variational_against_kernel")
    for name in ("quantum kernel", "variational ", "RBF kernel", "neural network"):
        lines = [line for line in printed.splitlines() if line.startswith(name) and "±" in line]
        assert len(lines) == 2
        assert all(0.6 < numbers(line)[0] <= 1 for line in lines)
    assert printed.count("two standard errors") == 2
    check_figure(tmp_path / "variational_against_kernel.png")


def test_circuit_centric(run, tmp_path):
    printed = run("circuit_centric")
    exact, mean = rows_of(printed, "exact", "here, mean of 3 draws")
    assert mean[:2] == pytest.approx(exact[:2], abs=0.06)
    assert mean[2] <= 2
    for part in re.split(r"^(?:CANCER|WINE)", printed, flags=re.M)[1:]:
        for row in rows_of(part, "one block, squared", "two blocks, squared"):
            assert row[2] < 0.25
    check_figure(tmp_path / "circuit_centric.png")


def test_barren_plateaus(run, tmp_path):
    printed = run("barren_plateaus")
    beside = re.findall(r"(-\d\.\d+) ± \S+ +(-\d\.\d+) +(\S+) standard errors", printed)
    assert len(beside) == 4
    for measured, known, errors in beside:
        assert float(measured) == pytest.approx(float(known), abs=0.15)
        assert abs(float(errors)) < 3.5
    check_figure(tmp_path / "barren_plateaus.png")


def test_from_qiskit_tutorial(run, tmp_path):
    pytest.importorskip("qiskit")
    printed = run("from_qiskit_tutorial")
    assert "test score 1.00" in printed
    differences = re.findall(r"difference.* (\d\.\de-\d+)$", printed, re.M)
    assert len(differences) == 3
    assert all(float(difference) < 1e-10 for difference in differences)
    assert np.load(tmp_path / "from_qiskit_gram.npy").shape == (30, 30)


def test_hybrid_torch(run, tmp_path):
    pytest.importorskip("torch")
    printed = run("hybrid_torch")
    for row in rows_of(printed, "quantum", "quantum, not trained", "classical, sine", "nothing"):
        assert 0.75 < row[2] <= 1
    check_figure(tmp_path / "hybrid_torch.png")


def test_deep_kernel_learning(run, tmp_path):
    pytest.importorskip("torch")
    printed = run("deep_kernel_learning")
    ours, theirs = rows_of(printed, "RBF kernel alone", "the same by scikit-learn")
    assert ours[1] == pytest.approx(theirs[1], abs=0.01)
    (quantum,) = rows_of(printed, "network + quantum kernel")
    assert quantum[1] > ours[1]
    check_figure(tmp_path / "deep_kernel_learning.png")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_listed_and_tested(path):
    listed = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert f"({path.name})" in listed
    assert f'run("{path.stem}"' in Path(__file__).read_text(encoding="utf-8")
    assert len(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))) > 200


# -- README


def test_readme_code_runs_and_prints_what_it_shows(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict = {}
    blocks = re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", README, re.DOTALL)
    assert len(blocks) == README.count("```python")
    for code, shown in blocks:
        if "import torch" in code and importlib.util.find_spec("torch") is None:
            continue
        exec(compile(code, "README.md", "exec"), namespace)
        printed = capsys.readouterr().out
        assert printed.split() == shown.split()


def test_readme_links_lead_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_readme_names_every_standard_map():
    for name in qk.feature_maps.__all__:
        assert f"`{name}`" in README or f"qk.{name}(" in README, name


def test_published_record(run, tmp_path):
    printed = run("published_record")
    assert "'ising': 16 features, 0 parameters, 16 qubits" in printed
    off = numbers(re.search(r"entries contracted with .*", printed)[0])[-1]
    assert off < 1e-6
    (smallest, _) = numbers(re.search(r"smallest eigenvalue: (.*; .*)", printed)[1])
    assert smallest > -1e-10
    without = numbers(re.search(r"off the circuit without couplings:(.*)", printed)[1])
    single = numbers(re.search(r"off the product of single qubits:(.*)", printed)[1])
    assert 0 < single[0] < without[0] < 0.01
    rows = re.findall(r"^ +([\d.]+ +[123] +.*)$", printed, re.MULTILINE)
    bonds = [numbers(row)[2] for row in rows]
    assert len(rows) == 6
    assert bonds == sorted(bonds)
    assert len(re.findall(r"^\S.* 0\.\d{3} ± 0\.\d{3} ", printed, re.MULTILINE)) == 5
    check_figure(tmp_path / "published_record.png")


def test_wide_heisenberg(run, tmp_path):
    printed = run("wide_heisenberg")
    assert "'heisenberg': 99 features, 0 parameters, 100 qubits" in printed
    assert "matrix product states: " in printed
    rows = re.findall(r"^draw \d +(projected|RBF) +(0\.\d+|1\.0+) ", printed, re.MULTILINE)
    assert len(rows) == 2 * 2 * 2
    assert all(0.2 < float(score) <= 1 for _, score in rows)
    assert len(re.findall(r"^projected less RBF: .* ± ", printed, re.MULTILINE)) == 2
    check_figure(tmp_path / "wide_heisenberg.png")
