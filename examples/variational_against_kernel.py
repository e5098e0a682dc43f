"""A variational classifier, a quantum kernel and two classical models on the same splits.

The kernel and the variational classifier take the same feature map: the kernel compares all pairs
of training points once, the variational classifier trains weights that come after the map. Beside
them stand an RBF kernel and a neural network of one hidden layer. Each model has a grid of six
settings, of which cross-validation on the training points picks one. The last column is what the
fit with the picked settings would cost on hardware: circuits, each to be repeated for statistics.
A kernel needs one for each pair of points. A gradient by the parameter-shift rule needs, at each
point, the circuit itself and two or more for each weight; steps are counted as gradients, which
leaves out what a line search tries besides.

V. Havlíček et al., "Supervised learning with quantum-enhanced feature spaces", Nature 567, 209
(2019): both ways from one feature map. M. Schuld, "Supervised quantum machine learning models are
kernel methods", arXiv:2101.11020 (2021): the variational model is linear in the same space, where
the kernel finds the best of all linear models, as measured by its regularised loss.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris, make_moons
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from tqdm.auto import trange

import qkernels as qk
from qkernels.ansatze import strongly_entangling
from qkernels.parameter_shift import shift_count
from qkernels.variational import folded

LAYERS = 3


class Trial(NamedTuple):
    """What a fit with the picked settings came to on one split."""

    accuracy: float
    seconds: float
    trained: int
    circuits: int


def models(max_iter: int, seed: int) -> dict[str, tuple[Any, dict[str, list]]]:
    """Return the models, each with its grid of six settings."""
    variational = qk.VariationalClassifier(
        folded, partial(strongly_entangling, layers=LAYERS), max_iter=max_iter, random_state=seed
    )
    network = MLPClassifier(solver="lbfgs", max_iter=500, random_state=seed)
    kernel = qk.FidelityKernel(folded)
    return {
        "quantum kernel": (SVC(kernel=kernel), {"C": [1, 10], "kernel__bandwidth": [0.25, 0.5, 1]}),
        "variational": (
            variational,
            {"max_iter": [max_iter // 4, max_iter], "bandwidth": [0.25, 0.5, 1]},
        ),
        "RBF kernel": (SVC(), {"C": [1, 10], "gamma": [0.1, 0.5, 2]}),
        "neural network": (network, {"alpha": [1e-4, 1e-1], "hidden_layer_sizes": [4, 8, 16]}),
    }


def trained_numbers(model: Any) -> int:
    """Return how many numbers a fitted model has found: dual coefficients, or weights."""
    if isinstance(model, SVC):
        return model.dual_coef_.size + model.intercept_.size
    if isinstance(model, MLPClassifier):
        return sum(array.size for array in (*model.coefs_, *model.intercepts_))
    return model.weights_.size + model.output_scale_.size + model.output_bias_.size


def circuits(model: Any, n_points: int) -> int:
    """Return how many circuits the fit of a model takes on hardware; 0 of a classical one."""
    if isinstance(model, qk.VariationalClassifier):
        shifts = shift_count(model.network_.circuit, wrt_inputs=False)
        return n_points * model.n_iter_ * (1 + shifts)
    if isinstance(model, SVC) and isinstance(model.kernel, qk.QuantumKernel):
        return n_points * (n_points - 1) // 2
    return 0


def trials(X: np.ndarray, y: np.ndarray, max_iter: int, seed: int) -> Iterator[tuple[str, Trial]]:
    """Yield the models' names and what they came to, on one split."""
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=seed
    )
    scaler = StandardScaler().fit(X_train)
    X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
    for name, (model, grid) in models(max_iter, seed).items():
        search = GridSearchCV(model, grid, cv=3).fit(X_train, y_train)
        best = search.best_estimator_
        yield (
            name,
            Trial(
                best.score(X_test, y_test),
                search.refit_time_,
                trained_numbers(best),
                circuits(best, len(X_train)),
            ),
        )


def compare(X: np.ndarray, y: np.ndarray, max_iter: int, splits: int) -> dict[str, list[Trial]]:
    """Return the trials of each model."""
    found: dict[str, list[Trial]] = {}
    for seed in trange(splits, unit="split", leave=False):
        for name, trial in trials(X, y, max_iter, seed):
            found.setdefault(name, []).append(trial)
    return found


def show(found: dict[str, list[Trial]]) -> None:
    """Print a table, and what it says of the two quantum models."""
    print(f"{'':16}{'test accuracy':>15}{'fit in s':>10}{'numbers':>9}{'circuits':>11}")
    for name, of_model in found.items():
        accuracies, seconds, trained, costs = (
            np.array(column) for column in zip(*of_model, strict=True)
        )
        print(
            f"{name:16}{accuracies.mean():>7.3f} ± {accuracies.std():.3f}{np.mean(seconds):>11.3f}"
            f"{np.median(trained):>9.0f}{np.median(costs):>11.0f}"
        )
    variational, kernel = (
        np.array([t.accuracy for t in found[name]]) for name in ("variational", "quantum kernel")
    )
    difference = variational - kernel
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    told = "more than" if abs(difference.mean()) > 2 * error else "within"
    print(
        f"variational minus quantum kernel: {difference.mean():+.3f}, {told} two standard errors "
        f"of {error:.3f}"
    )
    costs = [np.median([t.circuits for t in found[n]]) for n in ("variational", "quantum kernel")]
    print(
        f"circuits of the variational fit for each one of the kernel's: {costs[0] / costs[1]:.0f}"
    )
    best = max(found, key=lambda name: np.mean([t.accuracy for t in found[name]]))
    print(f"most accurate on average: {best}")


def draw(results: dict[str, dict[str, list[Trial]]], path: Path) -> None:
    """Draw the accuracies of all splits."""
    figure, axes = plt.subplots(1, len(results), figsize=(9, 4), layout="constrained")
    for axis, (data, found) in zip(axes, results.items(), strict=True):
        axis.boxplot([[t.accuracy for t in trials] for trials in found.values()])
        axis.set_xticks(range(1, len(found) + 1), [name.replace(" ", "\n") for name in found])
        axis.set(title=data, ylabel="test accuracy")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Compare the models on two data sets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two splits, few points and steps")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    splits, max_iter, n_points = (2, 12, 60) if options.quick else (6, 60, 120)
    X, y = load_iris(return_X_y=True)
    few = np.random.default_rng(0).permutation(len(X))[: n_points if options.quick else len(X)]
    data = {
        "moons": make_moons(n_points, noise=0.2, random_state=0),
        "iris": (X[few], y[few]),
    }
    results = {}
    for name, (X, y) in data.items():
        print(f"\n{name}: {len(X)} points, 30 % for testing, {splits} splits")
        results[name] = compare(X, y, max_iter, splits)
        show(results[name])
    path = options.output / "variational_against_kernel.png"
    draw(results, path)
    print(f"\nThe accuracies of each split: {path}")


if __name__ == "__main__":
    main()
