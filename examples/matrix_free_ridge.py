"""Kernel ridge regression of 100 000 points at 10 qubits, without their kernel matrix of 80 GB.

The weights solve (K + λ) w = y by conjugate gradients, and K is there only as what it does to
vectors: an operator that needs the states alone. Nyström features of a few hundred landmarks give
the preconditioner (ΦΦᵀ + λ)⁻¹, without which there would be ten times as many steps, and the
approximate regression to compare with.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse.linalg import LinearOperator, cg
from sklearn.datasets import make_friedman1
from sklearn.gaussian_process.kernels import WhiteKernel
from sklearn.metrics import r2_score
from tqdm.auto import tqdm

import qkernels as qk
from qkernels.memory import format_size

RIDGE, NOISE = 0.1, 1.0


class RidgeOnFeatures:
    """Ridge regression on features Φ, and what it gives conjugate gradients: (ΦΦᵀ + λ)⁻¹."""

    def __init__(self, features: np.ndarray) -> None:
        self._features = features
        small = features.T @ features
        small[np.diag_indices_from(small)] += RIDGE
        self._factor = cho_factor(small)

    def coefficients(self, y: np.ndarray) -> np.ndarray:
        """Return the coefficients of the features, (ΦᵀΦ + λ)⁻¹ Φᵀ y."""
        return cho_solve(self._factor, self._features.T @ y)

    def preconditioner(self) -> LinearOperator:
        """Return (ΦΦᵀ + λ)⁻¹ = (1 − Φ (ΦᵀΦ + λ)⁻¹ Φᵀ) / λ."""
        n = len(self._features)
        return LinearOperator(
            (n, n), lambda v: (v - self._features @ self.coefficients(v)) / RIDGE, dtype=float
        )


def solve(K: LinearOperator, y: np.ndarray, preconditioner: LinearOperator) -> np.ndarray:
    """Return the solution of K w = y, with a progress bar of the steps."""
    with tqdm(unit="step", desc="conjugate gradients") as bar:
        weights, failed = cg(K, y, rtol=1e-4, M=preconditioner, callback=lambda _: bar.update())
    if failed:
        raise RuntimeError(f"expected conjugate gradients to converge, got {failed} steps")
    print(f"steps of conjugate gradients: {bar.n}")
    return weights


def peak_memory() -> int:
    """Return the most bytes that this process had in memory."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main(arguments: list[str] | None = None) -> None:
    """Train and predict, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--landmarks", type=int, default=500)
    parser.add_argument("--quick", action="store_true", help="3000 points on 5 qubits")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    n, landmarks = (3000, 50) if options.quick else (options.points, options.landmarks)

    X, y = make_friedman1(n + 2000, 5 if options.quick else 10, noise=NOISE, random_state=0)
    mean = y[:n].mean()
    X, X_test, y, y_test = X[:n], X[n:], y[:n] - mean, y[n:] - mean
    kernel = qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.05)
    print(f"{kernel!r} on {n} points, {X.shape[1]} qubits")

    start = time.perf_counter()
    nystroem = qk.QuantumNystroem(kernel, landmarks, random_state=0)
    ridge = RidgeOnFeatures(nystroem.fit_transform(X))
    approximate = nystroem.transform(X_test) @ ridge.coefficients(y)
    print(f"Nyström features of {landmarks} landmarks: {time.perf_counter() - start:.1f} s")

    start = time.perf_counter()
    weights = solve(qk.gram_operator(kernel + WhiteKernel(RIDGE), X), y, ridge.preconditioner())
    print(f"training: {time.perf_counter() - start:.1f} s")
    start = time.perf_counter()
    predicted = qk.gram_operator(kernel, X_test, X) @ weights
    print(f"prediction of {len(X_test)} points: {time.perf_counter() - start:.1f} s")
    print(f"peak memory: {format_size(peak_memory())}; the kernel matrix: {format_size(8 * n * n)}")
    print(f"R² on new points: {r2_score(y_test, predicted):.4f}")
    print(f"R² with the features alone: {r2_score(y_test, approximate):.4f}")
    print(f"R² that noise leaves: {1 - NOISE**2 / np.var(y_test):.4f}")
    path = options.output / "matrix_free_ridge.npz"
    np.savez(path, weights=weights, predicted=predicted, y_test=y_test)
    print(f"weights and predictions: {path}")


if __name__ == "__main__":
    main()
