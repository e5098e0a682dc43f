"""Gaussian-process regression with a quantum kernel, and the uncertainty that comes with it.

A damped oscillation is learnt from noisy points that leave a gap. The kernel is the fidelity of
the states of a Chebyshev tower, times a constant, plus white noise: scikit-learn's algebra of
kernels takes a quantum kernel like any other. Constant and noise level maximise the marginal
likelihood, and so does the bandwidth, over a list of values. The RBF kernel is fitted beside it.
In the figure, the Chebyshev kernel knows least at ±1, where the arccos in its circuit is steep.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Kernel, WhiteKernel

import qkernels as qk

NOISE = 0.1


def truth(x: np.ndarray) -> np.ndarray:
    """Return the function to be learnt."""
    return np.exp(-x) * np.sin(6 * x)


def fit(kernel: Kernel, X: np.ndarray, y: np.ndarray) -> GaussianProcessRegressor:
    """Fit constant, noise level, and whatever is free in the kernel."""
    noise = WhiteKernel(0.01, noise_level_bounds=(1e-4, 1.0))
    scaled = ConstantKernel(1.0, constant_value_bounds=(1e-2, 1e2)) * kernel
    model = GaussianProcessRegressor(scaled + noise, n_restarts_optimizer=2, random_state=0)
    return model.fit(X, y)


def fit_quantum(bandwidths: list[float], X: np.ndarray, y: np.ndarray) -> GaussianProcessRegressor:
    """Fit one model for each bandwidth, and return the one of the largest marginal likelihood."""
    tower = partial(qk.feature_maps.chebyshev, degree=4)
    print("bandwidth  log marginal likelihood")
    models = []
    for bandwidth in bandwidths:
        models.append(fit(qk.FidelityKernel(tower, bandwidth=bandwidth), X, y))
        print(f"{bandwidth:9.2f}  {models[-1].log_marginal_likelihood_value_:23.2f}")
    return max(models, key=lambda model: model.log_marginal_likelihood_value_)


def draw(
    models: dict[str, GaussianProcessRegressor], X: np.ndarray, y: np.ndarray, path: Path
) -> None:
    """Draw the predictions with bands of two standard deviations."""
    x = np.linspace(-1, 1, 300)
    figure, axes = plt.subplots(
        1, len(models), figsize=(10, 4), layout="constrained", sharex=True, sharey=True
    )
    for axis, (name, model) in zip(axes, models.items(), strict=True):
        mean, std = model.predict(x[:, None], return_std=True)
        axis.fill_between(x, mean - 2 * std, mean + 2 * std, color="#56b4e9", alpha=0.4, lw=0)
        axis.plot(x, mean, color="#0072b2", label="mean, ± 2 sd of an observation")
        axis.plot(x, truth(x), "--", color="black", linewidth=1, label="truth")
        axis.plot(X[:, 0], y, "o", color="#d55e00", markersize=5, label="observations")
        axis.set_title(name)
        axis.set_xlabel("x")
    axes[0].set_ylabel("y")
    axes[-1].legend(loc="lower right", frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Fit both models, and say how well they and their uncertainty do."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer bandwidths")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-0.95, -0.1, 15), rng.uniform(0.35, 0.95, 10)])
    X, y = x[:, None], truth(x) + NOISE * rng.normal(size=len(x))
    x_test = np.linspace(-0.95, 0.95, 400)
    y_test = truth(x_test) + NOISE * rng.normal(size=len(x_test))

    bandwidths = [0.1, 0.14, 0.2, 0.28, 0.4, 0.56, 0.8, 1.1, 1.6]
    models = {
        "Chebyshev fidelity kernel": fit_quantum(bandwidths[:: 3 if options.quick else 1], X, y),
        "RBF kernel": fit(RBF(0.3), X, y),
    }
    print(f"\n{'':26} log likelihood    error  within 2 sd")
    for name, model in models.items():
        mean, std = model.predict(x_test[:, None], return_std=True)
        error = np.sqrt(np.mean((mean - truth(x_test)) ** 2))
        inside = np.mean(np.abs(y_test - mean) < 2 * std)
        print(
            f"{name:26} {model.log_marginal_likelihood_value_:14.2f} {error:8.3f} {inside:12.0%}"
            f"\n    {model.kernel_}"
        )
    print(
        "error: root mean square distance to the truth; within 2 sd: new observations, ideal 95 %"
    )
    path = options.output / "gaussian_process.png"
    draw(models, X, y, path)
    print(f"predictions: {path}")


if __name__ == "__main__":
    main()
