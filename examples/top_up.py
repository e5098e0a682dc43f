"""Topping up: more repetitions where they are wanted, and what that does for a classifier.

A matrix is measured with few repetitions, and topped up until no entry's standard error is above
a limit: what was bought before counts, and entries near 0 or 1 need less. Then repetitions are
shared out by how much a support vector machine's dual objective depends on each entry, and
compared with equal shares at equal totals. The objective is what that rule is made for; how well
the decision values are known, which is what a prediction takes, is told by a bootstrap over the
counts and by the distance from the exact ones. Out come tables and a figure.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cirq
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import qkernels as qk

FEATURE_MAP = partial(qk.feature_maps.zz, entanglement="linear")
BANDWIDTH = 0.05
EXACT = qk.FidelityKernel(FEATURE_MAP, bandwidth=BANDWIDTH)
PILOT = 100  # repetitions of each pair, before more are asked for
METHODS = {"svm": "#d55e00", "uniform": "#0072b2"}


@dataclass
class Shared:
    """What one way of sharing out repetitions gave, in one draw of the shots."""

    repetitions: np.ndarray  # of each pair
    objective: float  # its error
    decision: np.ndarray  # errors of new points' decision values
    std_error: np.ndarray  # of the training points' decision values, by bootstrap


def breast_cancer(n_points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return training points and their classes, and new points, of 4 features."""
    X, y = load_breast_cancer(return_X_y=True)
    X = make_pipeline(StandardScaler(), PCA(4)).fit_transform(X)
    order = np.random.default_rng(0).permutation(len(X))
    train, new = order[:n_points], order[n_points : n_points + 200]
    return X[train], 2 * y[train] - 1, X[new]


def plan_on(X: np.ndarray, seed: int) -> qk.hardware.Plan:
    """Return what a pilot takes, on a device without noise."""
    sampler = cirq.Simulator(seed=seed)
    evaluator = qk.SamplerEvaluator(sampler, repetitions=PILOT, diagonal="one")
    return qk.hardware.plan(
        qk.FidelityKernel(FEATURE_MAP, bandwidth=BANDWIDTH, evaluator=evaluator), X
    )


def top_up(X: np.ndarray, std_error: float) -> None:
    """Measure a pilot, top it up, and say what that took."""
    run = plan_on(X, seed=0).execute()
    pairs = np.triu_indices(len(X), 1)
    exact = EXACT(X)[pairs]
    for name in ("pilot", "topped up"):
        estimate = run.estimate()
        low, high = (end[pairs] for end in estimate.interval(0.95))
        print(
            f"{name:10}{run.ledger.spent()[0]:8} repetitions; largest standard error "
            f"{estimate.std_error.max():.4f}; {np.mean((low <= exact) & (exact <= high)):.0%} of "
            f"95 % intervals hold the exact value, width {np.min(high - low):.3f} to "
            f"{np.max(high - low):.3f}"
        )
        if name == "pilot":
            run = run.top_up(std_error=std_error)
    alike = len(exact) * int(np.ceil(0.25 / std_error**2))
    print(f"equally many for every pair, enough for an entry of 1/2: {alike} repetitions")


def objective(model: SVC, K: np.ndarray) -> float:
    """Return the dual objective that a fitted machine has reached."""
    a = np.zeros(len(K))
    a[model.support_] = model.dual_coef_[0]
    return float(np.abs(a).sum() - a @ K @ a / 2)


def fitted(K: np.ndarray, y: np.ndarray) -> tuple[SVC, np.ndarray]:
    """Return a machine, and the positive semidefinite matrix that it was fitted to."""
    K = qk.psd.clip(K)
    return SVC(kernel="precomputed").fit(K, y), K


def share_out(
    method: str, total: int, X: np.ndarray, y: np.ndarray, X_new: np.ndarray, seed: int
) -> Shared:
    """Measure with so many repetitions in all, and compare with the exact machine."""
    plan = plan_on(X, seed)
    if method == "svm":
        # The pilot tells how the objective depends on each entry; its counts are in the total.
        plan.execute()
    plan = plan.allocate(total, y=y, method=method)
    estimate = plan.execute().estimate()
    model, K = fitted(estimate.K, y)
    exact_model, exact_K = fitted(EXACT(X), y)
    new = EXACT(X_new, X)
    return Shared(
        plan.requests[0].repetitions,
        objective(model, K) - objective(exact_model, exact_K),
        model.decision_function(new) - exact_model.decision_function(new),
        qk.hardware.propagate(
            SVC(kernel="precomputed"), estimate, y, n_samples=50, random_state=0
        ).std_error,
    )


def rms(values: list[np.ndarray] | list[float]) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def draw(results: dict[str, list[Shared]], path: Path) -> None:
    """Draw the shares, and how well the decision values are known with each."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.2), layout="constrained")
    for (method, color), place in zip(METHODS.items(), (0.1, 0.6), strict=True):
        shares = np.sort(results[method][0].repetitions)[::-1]
        at = int(place * len(shares))
        left.step(np.arange(len(shares)), shares, color=color, where="mid")
        left.annotate(
            method, (at, shares[at]), (8, 6), textcoords="offset points", color=color, fontsize=12
        )
    left.set_yscale("log")
    left.set_xlabel("pairs, most repetitions first")
    left.set_ylabel("repetitions")
    equal, svm = (np.mean([r.std_error for r in results[m]], axis=0) for m in ("uniform", "svm"))
    limit = 1.1 * max(equal.max(), svm.max())
    right.plot(equal, svm, "o", color="#009e73")
    right.plot([0, limit], [0, limit], color="black", linewidth=0.8)
    right.set_xlabel("with equal shares")
    right.set_ylabel("with shares that follow the objective")
    right.set_title("standard error of a training point's decision value", fontsize=10)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Top up a matrix, then share out repetitions in two ways."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="6 points, 2 seeds")
    parser.add_argument("--points", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=6, help="draws of the shots")
    parser.add_argument("--std-error", type=float, default=0.015, help="wanted of each entry")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    n_points, seeds = (6, 2) if options.quick else (options.points, options.seeds)

    X, y, X_new = breast_cancer(n_points)
    n_pairs = n_points * (n_points - 1) // 2
    print(f"{n_points} points, {n_pairs} pairs")
    top_up(X, options.std_error)

    total = n_pairs * 10 * PILOT
    results = {m: [share_out(m, total, X, y, X_new, s) for s in range(seeds)] for m in METHODS}
    print(f"\n{total} repetitions, root mean square errors over {seeds} draws:")
    print(f"{'':9}{'objective':>12}{'decision, new':>16}{'decision, by bootstrap':>25}")
    names = ("objective", "decision", "std_error")
    errors = {m: [rms([getattr(r, n) for r in results[m]]) for n in names] for m in METHODS}
    for method, (value, new, bootstrap) in errors.items():
        print(f"{method:9}{value:12.4f}{new:16.4f}{bootstrap:25.4f}")
    ratios = np.divide(errors["svm"], errors["uniform"])
    print(f"{'ratio':9}{ratios[0]:12.2f}{ratios[1]:16.2f}{ratios[2]:25.2f}")
    print(
        "decision: values of new points against the exact ones; of training points, by bootstrap\n"
        f"A ratio below 1 is in favour of svm; of {seeds} draws it is known to ± "
        f"{1 / np.sqrt(seeds):.0%} or so."
    )
    path = options.output / "top_up.png"
    draw(results, path)
    print(f"shares and errors: {path}")


if __name__ == "__main__":
    main()
