"""A support vector machine by Pegasos, where each kernel entry costs shots.

On a device every entry of a kernel matrix is paid for. SVC needs all of the N(N-1)/2 of the
training points before it starts. Pegasos takes one point at a time and compares it with the points
that were misjudged before: it stops when the shots are used up, and pays for the entries that it
has looked at. Both learn from the same emulated shots, each distinct entry once, and the table says
what each accuracy has cost in entries. In a simulation, where entries cost next to nothing, the
whole matrix is the better choice.

S. Shalev-Shwartz, Y. Singer, N. Srebro and A. Cotter, "Pegasos: primal estimated sub-gradient
solver for SVM", Mathematical Programming 127, 3 (2011), figure 3 (the kernelized version).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.svm import SVC
from tqdm.auto import trange

import qkernels as qk

REPETITIONS = 200


def pegasos(
    kernel: qk.QuantumKernel, X: np.ndarray, y: np.ndarray, penalty: float, steps: int, seed: int
) -> Iterator[tuple[np.ndarray, int]]:
    """Yield, after each step, how often each point was misjudged, and the entries looked at.

    The decision value of a point x is Σ_j mistakes_j y_j k(x, x_j), up to a positive factor.
    """
    points = kernel.prepare(X)
    random, mistakes = np.random.default_rng(seed), np.zeros(len(X))
    looked_at: set[tuple[int, int]] = set()
    for step in trange(1, steps + 1, unit="step", leave=False):
        i = int(random.integers(len(X)))
        (support,) = np.nonzero(mistakes)
        looked_at |= {(min(i, j), max(i, j)) for j in support.tolist() if j != i}
        decision = 0.0
        if len(support):
            row = kernel.compare(points[[i]], points[support])[0]
            decision = row @ (mistakes * y)[support] / (penalty * step)
        mistakes[i] += y[i] * decision < 1
        yield mistakes.copy(), len(looked_at)


def accuracy(K: np.ndarray, mistakes: np.ndarray, y: np.ndarray, truth: np.ndarray) -> float:
    """Return the accuracy on new points, given their kernel with the training points."""
    return float(np.mean(np.sign(K @ (mistakes * y)) == truth))


def draw(rows: list[tuple[int, float]], full: tuple[int, float], path: Path) -> None:
    """Draw accuracy against the entries that it has cost."""
    figure, axis = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
    axis.plot(*np.transpose(rows), marker=".", label="Pegasos")
    axis.plot(*full, "s", color="C3", label="SVC on the whole matrix")
    axis.set(
        xlabel=f"distinct training entries measured, {REPETITIONS} repetitions each",
        ylabel="accuracy on new points",
    )
    axis.legend(loc="lower right")
    figure.savefig(path, dpi=150)


def main(arguments: list[str] | None = None) -> None:
    """Train both on the same shots, and print what they cost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=300, help="training points")
    parser.add_argument("--quick", action="store_true", help="80 training points")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    n = 80 if options.quick else options.points
    X, y = qk.datasets.ad_hoc(2 * n, gap=0.3, random_state=0)
    evaluator = qk.StatevectorEvaluator(repetitions=REPETITIONS, random_state=0)
    kernel = qk.FidelityKernel(qk.feature_maps.zz, evaluator=evaluator)
    K_new = kernel(X[n:], X[:n])

    all_entries = n * (n - 1) // 2
    whole = SVC(kernel="precomputed", C=10).fit(kernel(X[:n]), y[:n]).score(K_new, y[n:])
    print(f"{'':24}entries  of all  accuracy")
    print(f"{'SVC':24}{all_entries:7}  {1:6.0%}  {whole:8.3f}")
    rows = []
    steps = 6 * n
    # The penalty of Pegasos is 1 / (N C).
    found = pegasos(kernel, X[:n], y[:n], 1 / (10 * n), steps, seed=0)
    for step, (mistakes, entries) in enumerate(found, start=1):
        if step % (n // 4) == 0:
            rows.append((entries, accuracy(K_new, mistakes, y[:n], y[n:])))
            if step % n == 0:
                name = f"Pegasos, {step} steps"
                print(f"{name:24}{entries:7}  {entries / all_entries:6.0%}  {rows[-1][1]:8.3f}")
    path = options.output / "pegasos_on_shots.png"
    draw(rows, (all_entries, whole), path)
    print(f"figure: {path}")


if __name__ == "__main__":
    main()
