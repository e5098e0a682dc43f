"""A kernel matrix on noisy processors: raw, corrected and exact, on breast cancer data at 4 qubits.

Two of Google's processors are simulated with the noise that was measured on them; both come with
cirq-google, and nothing leaves this computer. Qubits are chosen by the processor's calibration,
each fidelity is measured by inversion, and a chain of two corrections that was fixed beforehand is
applied to the same counts: readout errors, measured in the run, then depolarizing noise, whose
strength the measured diagonal tells. Out come the price, mean errors against the exact matrix over
several seeds, each with points and shots of its own, and a figure. What the chain leaves on the
second processor, and what helps there, is the subject of `remaining_noise.py`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cirq
import cirq_google
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import qkernels as qk

PROCESSORS = ("weber", "willow_pink")
FEATURE_MAP = partial(qk.feature_maps.zz, entanglement="linear")
BANDWIDTH = 0.03  # fidelities of these data then spread over all of 0 to 1
RAW, CORRECTED = "#d55e00", "#0072b2"


@dataclass
class Result:
    """One kernel matrix: exact, and as a processor had it."""

    exact: np.ndarray
    raw: qk.hardware.Estimate
    corrected: qk.hardware.Estimate


def breast_cancer(n_points: int, seed: int) -> np.ndarray:
    """Return some points of both classes, reduced to 4 features."""
    X, y = load_breast_cancer(return_X_y=True)
    X = make_pipeline(StandardScaler(), PCA(4)).fit_transform(X)
    rng = np.random.default_rng(seed)
    return X[
        np.concatenate(
            [rng.choice(np.flatnonzero(y == c), n_points // 2, replace=False) for c in (0, 1)]
        )
    ]


def plan_on(processor_id: str, X: np.ndarray, repetitions: int, seed: int) -> qk.hardware.Plan:
    """Return what the kernel matrix takes on a simulated processor, on its best qubits."""
    engine = cirq_google.engine.create_default_noisy_quantum_virtual_machine(
        processor_id, cirq.DensityMatrixSimulator, seed=seed
    )
    target = qk.hardware.Target(device=engine.get_processor(processor_id), qubits="best")
    evaluator = qk.SamplerEvaluator(
        engine.get_sampler(processor_id),
        repetitions=repetitions,
        target=target,
        random_state=seed,
    )
    kernel = qk.FidelityKernel(FEATURE_MAP, bandwidth=BANDWIDTH, evaluator=evaluator)
    return qk.hardware.plan(kernel, X)


def price(circuit: cirq.AbstractCircuit, repetitions: int) -> float:
    """Return the price of one point; these rates are made up."""
    return 0.30 + 0.0003 * repetitions


def measure(plan: qk.hardware.Plan) -> Result:
    """Buy a matrix and the qubits' readout errors; estimate it twice from the same counts."""
    run = plan.execute()
    chain = [run.measure_readout(), qk.hardware.Depolarizing("split")]
    (X,) = plan.points
    exact = qk.FidelityKernel(FEATURE_MAP, bandwidth=BANDWIDTH)(X)
    return Result(exact, run.estimate(mitigation=[]), run.estimate(mitigation=chain))


def row(name: str, seed: int, result: Result) -> str:
    """Return mean absolute errors as a line of text."""
    off = ~np.eye(len(result.exact), dtype=bool)
    estimates = (result.raw, result.corrected)
    errors = [np.abs(estimate.K - result.exact) for estimate in estimates]
    # The mean absolute value of a normal error is √(2/π) standard errors.
    chance = np.sqrt(2 / np.pi) * result.corrected.std_error[off].mean()
    numbers = [error.mean() for error in errors] + [error[off].mean() for error in errors]
    return f"{name:12}{seed:5}" + "".join(f"{n:11.4f}" for n in [*numbers, chance])


def draw(results: dict[str, Result], path: Path) -> None:
    """Draw measured against exact entries, and what is between them."""
    figure, axes = plt.subplots(
        2, len(results), figsize=(9.5, 7.5), height_ratios=[2, 1], sharex=True
    )
    for (top, bottom), (name, result) in zip(axes.T, results.items(), strict=True):
        upper = np.triu_indices(len(result.exact))
        exact = result.exact[upper]
        for estimate, color, marker in ((result.raw, RAW, "s"), (result.corrected, CORRECTED, "o")):
            style = {"fmt": marker, "color": color, "ms": 3.5, "alpha": 0.6, "elinewidth": 0.8}
            K, error = estimate.K[upper], estimate.std_error[upper]
            top.errorbar(exact, K, yerr=error, **style)
            bottom.errorbar(exact, K - exact, yerr=error, **style)
        top.plot([0, 1], [0, 1], color="black", linewidth=0.8, zorder=0)
        bottom.axhline(0, color="black", linewidth=0.8, zorder=0)
        top.set_title(name)
        bottom.set_xlabel("exact kernel value")
    first = axes[0, 0]
    first.text(0.7, 0.3, "raw", color=RAW, fontsize=12)
    first.text(0.05, 0.6, "corrected:\nreadout,\ndepolarizing", color=CORRECTED, fontsize=12)
    first.annotate("measured = exact", (0.15, 0.15), (0.3, 0.05), arrowprops={"arrowstyle": "-"})
    first.set_ylabel("measured, ± standard error")
    axes[1, 0].set_ylabel("measured − exact")
    figure.tight_layout()
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Measure the matrix on both processors, and say what the corrections give."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="4 points, 500 repetitions")
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=1, help="how many; 5 take some minutes")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    n_points, repetitions = (4, 500) if options.quick else (options.points, options.repetitions)

    for processor_id in PROCESSORS:
        plan = plan_on(processor_id, breast_cancer(n_points, 0), repetitions, 0)
        print(f"{processor_id}: {n_points} points\n{plan.summary(price=price)}\n")
    print("mean absolute errors:")
    print(f"{'':12} seed   all: raw  corrected   off: raw  corrected     chance")
    first, halved = {}, dict.fromkeys(PROCESSORS, 0)
    for processor_id in PROCESSORS:
        for seed in range(options.seeds):
            result = measure(
                plan_on(processor_id, breast_cancer(n_points, seed), repetitions, seed)
            )
            first.setdefault(processor_id, result)
            print(row(processor_id, seed, result), flush=True)
            raw, corrected = (
                np.abs(e.K - result.exact).mean() for e in (result.raw, result.corrected)
            )
            halved[processor_id] += corrected <= raw / 2
    print("all: every entry; off: without the diagonal; chance: what shot noise alone would give\n")
    for processor_id, number in halved.items():
        print(f"{processor_id}: error at least halved in {number} of {options.seeds} seeds")
    for correction in first[PROCESSORS[0]].corrected.corrections:
        print(
            f"{PROCESSORS[0]}, changed by {type(correction.mitigation).__name__}: "
            f"{correction.mean:.4f} on average, {correction.largest:.4f} at most"
        )
    path = options.output / "noisy_processor.png"
    draw(first, path)
    print(f"measured against exact: {path}")


if __name__ == "__main__":
    main()
