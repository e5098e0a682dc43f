"""A circuit of your own as a kernel: two moons, told apart by a data re-uploading circuit.

The circuit is an ordinary Cirq circuit with symbols. `FeatureMap` says which of them are data and
which are trainable, and `FidelityKernel` turns it into a kernel for scikit-learn. The trainable
angles are hyperparameters: here cross-validation picks one of a few random draws, together with
the bandwidth, and prints how much the draw matters; `train_hardware_efficient.py` trains them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cirq
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import sympy
from sklearn.datasets import make_moons
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.svm import SVC

import qkernels as qk


def re_uploading(layers: int) -> qk.FeatureMap:
    """Return two qubits that see both features in every layer, with trainable angles between."""
    a, b = cirq.LineQubit.range(2)
    x = sympy.symbols("x:2")
    theta = sympy.symbols(f"theta:{2 * layers}")
    circuit = cirq.Circuit()
    for layer in range(layers):
        circuit.append([cirq.ry(x[0])(a), cirq.ry(x[1])(b)])
        circuit.append([cirq.rz(theta[2 * layer])(a), cirq.rz(theta[2 * layer + 1])(b)])
        circuit.append(cirq.CNOT(a, b))
    # Trainable gates after all data would cancel in every fidelity, so data come last.
    circuit.append([cirq.rx(x[0] * x[1])(a), cirq.rx(x[0] - x[1])(b)])
    return qk.FeatureMap(circuit, features=x, parameters=theta, name="re-uploading")


def draw(model: SVC, X: np.ndarray, y: np.ndarray, path: Path) -> None:
    """Draw the decision boundary and the test points."""
    figure, axis = plt.subplots(figsize=(5.5, 4.2), layout="constrained")
    shown = DecisionBoundaryDisplay.from_estimator(
        model, X, response_method="decision_function", cmap="PuOr", alpha=0.7, eps=0.3, ax=axis
    )
    figure.colorbar(shown.surface_, ax=axis, label="decision function")
    for label, marker, color in [(0, "o", "#b35806"), (1, "^", "#542788")]:
        points = X[y == label]
        axis.scatter(
            points[:, 0],
            points[:, 1],
            c=color,
            marker=marker,
            edgecolors="white",
            label=f"class {label}",
        )
    axis.set_xlabel("$x_0$")
    axis.set_ylabel("$x_1$")
    axis.legend(loc="upper right")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Search over draws of the angles and bandwidths, and show the best."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer points and draws")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    feature_map = re_uploading(layers=3)
    print(f"{feature_map}\n\n{feature_map.n_features} features, {feature_map.n_parameters} angles")

    X, y = make_moons(120 if options.quick else 300, noise=0.3, random_state=0)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    draws = np.random.default_rng(0).uniform(-np.pi, np.pi, (3 if options.quick else 10, 6))
    kernel = qk.FidelityKernel(feature_map, parameters=draws[0])
    grid = {"kernel__parameters": list(draws), "kernel__bandwidth": [0.3, 1.0, 2.0], "C": [1, 10]}
    search = GridSearchCV(SVC(kernel=kernel), grid).fit(X_train, y_train)

    # The grid's order is that of the sorted names: C, then bandwidth, then parameters.
    of_draws = search.cv_results_["mean_test_score"].reshape(2, 3, -1).max(axis=(0, 1))
    best = search.best_params_
    print(f"cross-validation, best of each draw: {np.round(of_draws, 3)}")
    print(f"from the worst to the best draw: {of_draws.min():.3f} to {of_draws.max():.3f}")
    print(f"chosen: bandwidth {best['kernel__bandwidth']}, C {best['C']}")
    score = search.score(X_test, y_test)
    error = np.sqrt(score * (1 - score) / len(y_test))
    print(f"test score: {score:.3f}, standard error {error:.3f} ({len(y_test)} points)")
    rbf = GridSearchCV(SVC(), {"gamma": np.geomspace(0.01, 100, 3 * len(draws)), "C": [1, 10]})
    print(f"as many RBF kernels: {rbf.fit(X_train, y_train).score(X_test, y_test):.3f}")
    path = options.output / "your_own_circuit.png"
    draw(search.best_estimator_, X_test, y_test, path)
    print(f"decision boundary: {path}")


if __name__ == "__main__":
    main()
