"""Gaussian-process regression that learns its circuit from the marginal likelihood.

A damped oscillation is to be learnt from noisy points that leave a gap, with the fidelity kernel
of a data re-uploading circuit whose angles start at random. There are two ways to train them, along
with the bandwidth, the constant and the noise level. scikit-learn's `GaussianProcessRegressor`
maximises the likelihood itself, with the Jacobian of the kernel matrix; `TrainedKernelEstimator`
has a `KernelTrainer` do it, with one reverse sweep a step, whose memory does not grow with the
number of angles. An RBF kernel is fitted beside them, and so is the circuit as it was drawn. A
larger likelihood on training points is no promise: the table also has errors on new points.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any

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


def scaled(kernel: Kernel) -> Kernel:
    """Return a kernel times a constant, plus noise, both to be learnt."""
    constant = ConstantKernel(1.0, constant_value_bounds=(1e-2, 1e4))
    return constant * kernel + WhiteKernel(0.01, noise_level_bounds=(1e-4, 1.0))


def models(n_restarts: int) -> dict[str, Any]:
    """Return the models to be compared, with equally many starts."""
    circuit = qk.feature_maps.hardware_efficient(1, n_qubits=2, layers=3)
    angles = np.random.default_rng(0).uniform(-np.pi, np.pi, circuit.n_parameters)
    fixed = qk.FidelityKernel(circuit, parameters=angles)
    bounds = {"parameter_bounds": (-np.pi, np.pi), "bandwidth_bounds": (0.1, 10.0)}
    free = scaled(qk.FidelityKernel(circuit, parameters=angles, **bounds))
    own = {"n_restarts_optimizer": n_restarts, "random_state": 0}
    trainer = qk.KernelTrainer(
        free, loss="log_marginal_likelihood", n_restarts=n_restarts, random_state=0
    )
    return {
        "circuit as drawn": GaussianProcessRegressor(scaled(fixed), **own),
        "learnt by scikit-learn": GaussianProcessRegressor(free, **own),
        "learnt by KernelTrainer": qk.TrainedKernelEstimator(
            GaussianProcessRegressor(optimizer=None), trainer
        ),
        "RBF kernel": GaussianProcessRegressor(scaled(RBF(0.3)), **own),
    }


def report(name: str, model: Any, x: np.ndarray, y: np.ndarray, seconds: float) -> None:
    """Print the likelihood of the training points, and how well new ones are predicted."""
    process = getattr(model, "estimator_", model)
    mean, std = process.predict(x[:, None], return_std=True)
    error = np.sqrt(np.mean((mean - truth(x)) ** 2))
    inside = np.mean(np.abs(y - mean) < 2 * std)
    print(
        f"{name:24}{process.log_marginal_likelihood_value_:14.2f}{process.kernel_.n_dims:10}"
        f"{error:9.3f}{inside:13.0%}{seconds:10.1f}"
    )


def draw(models: dict[str, Any], X: np.ndarray, y: np.ndarray, path: Path) -> None:
    """Draw the predictions with bands of two standard deviations."""
    x = np.linspace(-1, 1, 300)
    figure, axes = plt.subplots(
        2, 2, figsize=(10, 6.5), layout="constrained", sharex=True, sharey=True
    )
    for axis, (name, model) in zip(axes.flat, models.items(), strict=True):
        mean, std = model.predict(x[:, None], return_std=True)
        axis.fill_between(x, mean - 2 * std, mean + 2 * std, color="#56b4e9", alpha=0.4, lw=0)
        axis.plot(x, mean, color="#0072b2", label="mean, ± 2 sd of an observation")
        axis.plot(x, truth(x), "--", color="black", linewidth=1, label="truth")
        axis.plot(X[:, 0], y, "o", color="#d55e00", markersize=5, label="observations")
        axis.set_title(name)
    for axis in axes[-1]:
        axis.set_xlabel("x")
    for axis in axes[:, 0]:
        axis.set_ylabel("y")
    axes[0, -1].legend(loc="upper right", frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Fit the models, and say how well they and their uncertainty do."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer restarts")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-0.95, -0.1, 15), rng.uniform(0.35, 0.95, 10)])
    X, y = x[:, None], truth(x) + NOISE * rng.normal(size=len(x))
    x_test = np.linspace(-0.95, 0.95, 400)
    y_test = truth(x_test) + NOISE * rng.normal(size=len(x_test))

    print(f"{'':24}log likelihood   learnt    error  within 2 sd   seconds")
    fitted = models(n_restarts=1 if options.quick else 5)
    for name, model in fitted.items():
        start = perf_counter()
        model.fit(X, y)
        report(name, model, x_test, y_test, perf_counter() - start)
    print(
        "learnt: number of hyperparameters; error: root mean square distance to the truth;\n"
        "within 2 sd: new observations, ideal 95 %. A circuit of this kind is a short Fourier\n"
        "series, which suits an oscillation: other data may be less kind to it."
    )
    path = options.output / "learn_gaussian_process.png"
    draw(fitted, X, y, path)
    print(f"predictions: {path}")


if __name__ == "__main__":
    main()
