"""The Nyström approximation beside the exact kernel: accuracy, time, and kernel values computed.

Kernel ridge regression on the labels of 20 000 ad hoc points on 5 qubits, exactly, from the whole
kernel matrix, and on Nyström features of more and more landmarks, drawn at random or found by
randomly pivoted Cholesky. A density matrix of 5 qubits has 1024 numbers: with so many landmarks
the features are exact. Beside the residual trace, the part of the kernel that the features lack,
is the best that any features of that number could leave. Points that are spread evenly are served
as well by landmarks drawn at random; where most points crowd in one place, pivots find the others.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import solve
from sklearn.linear_model import RidgeClassifier

import qkernels as qk

RIDGE = 1.0
CHOICES = {"rpcholesky": "#0072b2", "uniform": "#d55e00"}


def exact(kernel: qk.QuantumKernel, data: tuple, data_test: tuple) -> tuple[float, float]:
    """Return accuracy and seconds of ridge regression with the whole kernel matrix."""
    (X, y), (X_test, y_test) = data, data_test
    start = time.perf_counter()
    K = kernel(X)
    K[np.diag_indices_from(K)] += RIDGE
    weights = solve(K, y.astype(float), assume_a="pos", overwrite_a=True, check_finite=False)
    seconds = time.perf_counter() - start
    return float(np.mean(np.sign(kernel(X_test, X) @ weights) == y_test)), seconds


def approximate(
    nystroem: qk.QuantumNystroem, data: tuple, data_test: tuple
) -> tuple[float, float, float]:
    """Return accuracy, seconds and residual trace of ridge regression on Nyström features."""
    (X, y), (X_test, y_test) = data, data_test
    start = time.perf_counter()
    features = nystroem.fit_transform(X)
    model = RidgeClassifier(RIDGE, fit_intercept=False).fit(features, y)
    seconds = time.perf_counter() - start
    return model.score(nystroem.transform(X_test), y_test), seconds, nystroem.residual_trace_


def compare(kernel: qk.QuantumKernel, sizes: list[int], data: tuple, data_test: tuple) -> dict:
    """Print a row for each choice and number of landmarks; return the rows by choice."""
    n = len(data[0])
    rows = defaultdict(list)
    print(f"{'':18}  kernel values   of all   seconds  residual trace  accuracy")
    for choice in CHOICES:
        for size in sizes:
            nystroem = qk.QuantumNystroem(kernel, size, landmarks=choice, random_state=0)
            accuracy, seconds, residual = approximate(nystroem, data, data_test)
            values = n * (len(nystroem.landmarks_) + 1)
            rows[choice].append((size, values / n**2, accuracy, residual))
            print(
                f"{choice:12} {size:5} {values:14,} {values / n**2:8.2%} {seconds:9.1f} "
                f"{residual:15.4f} {accuracy:9.3f}"
            )
    accuracy, seconds = exact(kernel, data, data_test)
    rows["exact"].append((n, 1.0, accuracy, 0.0))
    print(f"{'exact':18} {n * n:14,} {1:8.2%} {seconds:9.1f} {0:15.4f} {accuracy:9.3f}\n")
    return rows


def crowded(n_points: int, n_features: int) -> np.ndarray:
    """Return points of which 19 of 20 are in one place, and the others anywhere."""
    random = np.random.default_rng(0)
    X = random.normal(1.0, 0.02, (n_points, n_features))
    X[: n_points // 20] = random.uniform(0, 2 * np.pi, (n_points // 20, n_features))
    return X


def residuals(kernel: qk.QuantumKernel, X: np.ndarray, sizes: list[int]) -> dict[str, list[float]]:
    """Return the residual trace by choice of landmarks, and the best that there could be."""
    found = {
        choice: [
            qk.QuantumNystroem(kernel, size, landmarks=choice, random_state=0)
            .fit(X)
            .residual_trace_
            for size in sizes
        ]
        for choice in CHOICES
    }
    # The eigenvalues of K = ΦΦᵀ are those of the small matrix ΦᵀΦ.
    features = qk.FidelityFeatures(kernel.feature_map).fit_transform(X)
    values = np.linalg.eigvalsh(features.T @ features)[::-1]
    found["best"] = [float(values[size:].sum() / values.sum()) for size in sizes]
    return found


def draw(rows: dict, spread: dict, crowd: dict, sizes: list[int], path: Path) -> None:
    """Draw accuracy by kernel values computed, and residual traces by landmarks."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained")
    for choice, colour in CHOICES.items():
        _, shares, accuracies, _ = zip(*rows[choice], strict=True)
        axes[0].plot(shares, accuracies, "o-", color=colour, label=choice)
        for axis, found in zip(axes[1:], (spread, crowd), strict=True):
            axis.plot(sizes, np.maximum(found[choice], 1e-6), "o-", color=colour, label=choice)
    axes[0].plot(1, rows["exact"][0][2], "k*", markersize=12, label="exact")
    axes[0].set(xscale="log", xlabel="kernel values computed, of all", ylabel="accuracy")
    titles = "points spread evenly", "points crowded in one place"
    for axis, found, title in zip(axes[1:], (spread, crowd), titles, strict=True):
        axis.plot(sizes, np.maximum(found["best"], 1e-6), "k:", label="best possible")
        axis.set(xscale="log", yscale="log", xlabel="landmarks", ylabel="residual trace")
        axis.set_title(title)
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.minorticks_off()
    for axis in axes:
        axis.legend()
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Compare, then look at what landmarks leave of two data sets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1000 points on 3 qubits")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    n_points, n_qubits = (1000, 3) if options.quick else (20_000, 5)
    sizes = [size for size in (4, 16, 64, 128, 256, 512, 1024) if size <= 4**n_qubits]
    sizes = sizes if options.quick else sizes[2:]
    X, y = qk.datasets.ad_hoc(n_points * 11 // 10, n_qubits, gap=0.1, random_state=0)
    kernel = qk.FidelityKernel(qk.feature_maps.zz)
    print(f"{kernel!r} on {n_points} points of {n_qubits} features")
    train, test = (X[:n_points], y[:n_points]), (X[n_points:], y[n_points:])
    rows = compare(kernel, sizes, train, test)

    spread = residuals(kernel, train[0], sizes)
    crowd = residuals(kernel, crowded(n_points, n_qubits), sizes)
    print("residual trace                rpcholesky   uniform      best possible")
    for name, found in (("spread evenly", spread), ("crowded in one place", crowd)):
        for k, size in enumerate(sizes):
            traces = "   ".join(f"{found[choice][k]:.2e}" for choice in (*CHOICES, "best"))
            print(f"{name:20} {size:5}    {traces}")
    path = options.output / "nystroem_against_exact.png"
    draw(rows, spread, crowd, sizes, path)
    print(f"accuracy and residual traces: {path}")


if __name__ == "__main__":
    main()
