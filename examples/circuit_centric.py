"""The circuit-centric classifier on two data sets of its paper, beside classical models.

M. Schuld, A. Bocharov, K. Svore and N. Wiebe, "Circuit-centric quantum classifiers", Physical
Review A 101, 032308 (2020), encode a point in the amplitudes of log2(features) qubits and train a
circuit of few gates. Two of their data sets come with scikit-learn: CANCER, which is Wisconsin's
diagnostic breast cancer data, and WINE. Here are the errors of 5-fold cross-validation for one
code block and for two, for the squared loss and for the perceptron's, which learns from misses
only, and for two models that see the same folds: logistic regression, and a support vector machine
with a quadratic kernel, since the circuit's probability is quadratic in the amplitudes. Features
are scaled to [0, 1] within each training fold.

The paper's own errors are not repeated here, and nothing is claimed about them: neither its table
of results nor its folds and settings were available. What is the paper's are the data, the
circuit's blocks, the readout, the squared loss and one model for each class against the rest.

Number beside number there is for the library that came with the paper, Microsoft's for Q#: its
tutorial (QuantumKatas, "Exploring Quantum Classification Library") trains a single rotation on
points between two lines through the origin, and prints the weight, the bias and the misses.

The circuits' learning rates were found by a few tries on these same data, which flatters them if
anything. Out come a table and a figure of the training.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cirq
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import sympy
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

import qkernels as qk
from qkernels import CircuitCentricClassifier

DATA = {"CANCER": load_breast_cancer, "WINE": load_wine}


def circuits(max_iter: int, n_restarts: int) -> dict[str, CircuitCentricClassifier]:
    """Return the circuits to be compared."""
    shared = {"max_iter": max_iter, "n_restarts": n_restarts, "random_state": 0}
    return {
        "one block, squared": CircuitCentricClassifier(ranges=(1,), **shared),
        "two blocks, squared": CircuitCentricClassifier(ranges=(1, 1), **shared),
        "two blocks, perceptron": CircuitCentricClassifier(
            loss="perceptron", learning_rate=1.0, momentum=0.0, **shared
        ),
    }


def classical() -> dict[str, Any]:
    """Return the models beside them."""
    return {
        "logistic regression": LogisticRegression(max_iter=1000),
        "quadratic SVM": SVC(kernel="poly", degree=2, coef0=1.0),
    }


def n_trained(model: Any) -> str:
    """Return how many numbers a fitted model has learnt, where that says something."""
    if isinstance(model, CircuitCentricClassifier):
        return str(model.weights_.size + model.bias_.size)
    return str(model.coef_.size + model.intercept_.size) if hasattr(model, "coef_") else "-"


def compare(
    name: str, load: Callable, models: dict[str, Any], n_folds: int, n_points: int | None
) -> dict[str, Any]:
    """Print the errors of each model, and return what it was in the first fold."""
    X, y = load(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(X))[:n_points]
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=0)
    print(f"\n{name}: {len(chosen)} points, {X.shape[1]} features, {len(set(y))} classes")
    print(f"{'':24}trained  train error      test error          s a fit")
    first = {}
    for label, model in models.items():
        pipeline = make_pipeline(MinMaxScaler(), model)
        options = {"return_train_score": True, "return_estimator": True}
        found = cross_validate(pipeline, X[chosen], y[chosen], cv=folds, **options)
        first[label] = found["estimator"][0][-1]
        train, test = 1 - found["train_score"], 1 - found["test_score"]
        print(
            f"{label:24}{n_trained(first[label]):>7}  {train.mean():11.3f}"
            f"     {test.mean():6.3f} ± {test.std():.3f}      {found['fit_time'].mean():8.2f}"
        )
    return first


def between_lines(n_points: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return points of the unit square, and whether they are between 30 and 60 degrees."""
    X = rng.uniform(size=(n_points, 2))
    degrees = np.degrees(np.arctan2(X[:, 1], X[:, 0]))
    return X, (degrees >= 30) & (degrees <= 60)


def repeat_tutorial(n_draws: int) -> None:
    """Print what the tutorial printed, and the same here, each time of other points."""
    weight = sympy.Symbol("w")
    turn = qk.FeatureMap(cirq.Circuit(cirq.ry(weight)(cirq.q(0))), [], [weight])
    found = []
    for seed in range(n_draws):
        rng = np.random.default_rng(seed)
        (X, y), (X_new, y_new) = between_lines(150, rng), between_lines(50, rng)
        how = {"padding": 0, "n_restarts": 4, "random_state": seed}
        model = CircuitCentricClassifier(ansatz=turn, **how).fit(X, y)
        misses = [np.sum(model.predict(X) != y), np.sum(model.predict(X_new) != y_new)]
        found.append([model.weights_[0, 0] % (2 * np.pi), model.bias_[0], *misses])
    print("\nOne rotation between two lines   weight    bias  misses of 150  of 50 new points")
    for label, row in (
        ("published", [1.605, -0.436, 4, 0]),
        ("exact", [np.pi / 2, 0.5 - np.sin(np.radians(75)) ** 2, 0, 0]),
        (f"here, mean of {n_draws} draws", np.mean(found, axis=0)),
        ("here, standard deviation", np.std(found, axis=0)),
    ):
        print("{:32}{:7.3f} {:7.3f} {:14.1f} {:17.1f}".format(label, *row))


def draw(fitted: dict[str, dict[str, Any]], path: Path) -> None:
    """Draw the part of the points on the wrong side, epoch by epoch, mean of the models."""
    figure, panels = plt.subplots(1, len(fitted), figsize=(9, 4), sharey=True)
    for axes, (name, models) in zip(panels, fitted.items(), strict=True):
        for label, model in models.items():
            if isinstance(model, CircuitCentricClassifier):
                axes.plot(np.mean(model.history_, axis=0), label=label)
        axes.set(title=name, xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
    panels[0].set_ylabel("part of the points on the wrong side")
    panels[0].set_ylim(bottom=0)
    panels[0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=150)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer points, folds and epochs")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    repeat_tutorial(3 if options.quick else 10)
    models = circuits(*((15, 0) if options.quick else (20, 1))) | classical()
    size = (3, 120) if options.quick else (5, None)
    fitted = {name: compare(name, load, models, *size) for name, load in DATA.items()}
    path = options.output / "circuit_centric.png"
    draw(fitted, path)
    print(f"\nwrote {path}")


if __name__ == "__main__":
    main()
