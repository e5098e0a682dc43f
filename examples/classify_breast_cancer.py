"""Quantum kernels and a Gaussian kernel on scikit-learn's breast cancer data, on equal terms.

The data are standardised and reduced to 8 principal components, one for each qubit. Fidelity and
projected kernels of three feature maps, one of them without entangling gates, compete with the
RBF kernel in a support vector machine. Everything that is fitted, from the scaler to the
bandwidth, is fitted on training data, and every kernel may try equally many configurations. Out
come a table, and a figure of the Gram matrices and the scores.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.gaussian_process.kernels import RBF, Kernel
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import qkernels as qk

REFERENCE = "RBF"
Grid = dict[str, np.ndarray]


@dataclass
class Result:
    """What became of one kernel."""

    chosen: dict[str, float]
    cv_mean: float
    cv_std: float
    test: float
    gram: np.ndarray
    gram_seconds: float
    search_seconds: float
    n_configurations: int


def candidates(quick: bool) -> dict[str, tuple[Kernel, Grid]]:
    """Return kernels with their hyperparameters: equally many configurations for each."""
    one = 4 if quick else 12
    two = (2, 2) if quick else (4, 3)
    zz, iqp, z = qk.feature_maps.zz, qk.feature_maps.iqp, qk.feature_maps.z
    bandwidth = {"bandwidth": np.geomspace(0.001, 1, one)}
    bandwidth_gamma = {
        "bandwidth": np.geomspace(0.003, 0.3, two[0]),
        "gamma": np.geomspace(0.1, 100, two[1]),
    }
    return {
        "ZZ fidelity": (qk.FidelityKernel(zz), bandwidth),
        "ZZ projected": (qk.ProjectedKernel(zz), bandwidth_gamma),
        "IQP fidelity": (qk.FidelityKernel(iqp), bandwidth),
        "IQP projected": (qk.ProjectedKernel(iqp), bandwidth_gamma),
        "Z fidelity": (qk.FidelityKernel(z), bandwidth),
        REFERENCE: (RBF(), {"length_scale": np.geomspace(0.5, 50, one)}),
    }


def tune(kernel: Kernel, grid: Grid, C: np.ndarray, X: np.ndarray, y: np.ndarray) -> GridSearchCV:
    """Choose the kernel's hyperparameters and C by cross-validation."""
    model = make_pipeline(StandardScaler(), PCA(8), SVC(kernel=kernel))
    parameters = {f"svc__kernel__{name}": values for name, values in grid.items()}
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return GridSearchCV(model, {**parameters, "svc__C": C}, cv=folds).fit(X, y)


def time_gram(kernel: Kernel, X: np.ndarray) -> float:
    """Return the median seconds of a Gram matrix, with nothing kept from earlier calls."""
    kernel = clone(kernel)
    if isinstance(kernel, qk.QuantumKernel):
        kernel.set_params(evaluator=qk.StatevectorEvaluator(cache_size=0))
    seconds = []
    for _ in range(5):
        start = perf_counter()
        kernel(X)
        seconds.append(perf_counter() - start)
    return float(np.median(seconds))


def evaluate(
    kernel: Kernel,
    grid: Grid,
    C: np.ndarray,
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
) -> Result:
    """Tune a kernel on the training data, and look at the test data once."""
    kernel(np.zeros((2, 8)))  # compiles the loops, which is not what is timed
    start = perf_counter()
    search = tune(kernel, grid, C, *train)
    search_seconds = perf_counter() - start
    features, svc = search.best_estimator_[:-1], search.best_estimator_[-1]
    by_class = features.transform(train[0][np.argsort(train[1], kind="stable")])
    best = search.best_index_
    return Result(
        chosen={name.split("__")[-1]: float(v) for name, v in search.best_params_.items()},
        cv_mean=search.best_score_,
        cv_std=search.cv_results_["std_test_score"][best],
        test=search.score(*test),
        gram=svc.kernel(by_class),
        gram_seconds=time_gram(svc.kernel, by_class),
        search_seconds=search_seconds,
        n_configurations=len(search.cv_results_["params"]),
    )


def standard_error(accuracy: float, n_points: int) -> float:
    """Return the standard error of an accuracy measured on some points."""
    return float(np.sqrt(accuracy * (1 - accuracy) / n_points))


def likeness(K: np.ndarray, L: np.ndarray) -> float:
    """Return the centred alignment of two Gram matrices: 1 if they tell points apart alike."""
    centre = np.eye(len(K)) - 1 / len(K)
    K, L = centre @ K @ centre, centre @ L @ centre
    return float(np.sum(K * L) / (np.linalg.norm(K) * np.linalg.norm(L)))


def table(results: dict[str, Result]) -> str:
    """Return the results as text, a kernel a line."""
    lines = [
        f"{'kernel':13}   CV accuracy   test  likeness   Gram   search  chosen\n"
        f"{'':13} mean ± sd folds         to {REFERENCE}     (ms)    (s)"
    ]
    for name, r in results.items():
        chosen = ", ".join(f"{key}={value:.3g}" for key, value in r.chosen.items())
        lines.append(
            f"{name:13} {r.cv_mean:6.3f} ± {r.cv_std:.3f}  {r.test:.3f} "
            f"{likeness(r.gram, results[REFERENCE].gram):7.3f} {1000 * r.gram_seconds:9.1f} "
            f"{r.search_seconds:7.1f}   {chosen}"
        )
    return "\n".join(lines)


def verdict(results: dict[str, Result], n_test: int) -> str:
    """Say what the scores say, and what they do not."""
    quantum = {name: r for name, r in results.items() if name != REFERENCE}
    name = max(quantum, key=lambda name: quantum[name].cv_mean)
    ours, theirs = quantum[name].test, results[REFERENCE].test
    error = standard_error(theirs, n_test)
    if abs(ours - theirs) <= 2 * error:
        judgement = "The difference is within two standard errors: no advantage of either."
    else:
        better = name if ours > theirs else REFERENCE
        judgement = f"On this split, and it is one split, {better} is better."
    return (
        f"Of the quantum kernels, cross-validation prefers {name}. On the test data it scores "
        f"{ours:.3f},\n{REFERENCE} scores {theirs:.3f}, and one standard error of {n_test} points "
        f"is {error:.3f}.\n{judgement}"
    )


def draw(results: dict[str, Result], n_malignant: int, n_test: int, path: Path) -> None:
    """Draw the Gram matrices, ordered by class, and the scores."""
    figure = plt.figure(figsize=(12, 5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[2.3, 1], squeeze=False)[0]
    axes = left.subplots(2, 3)
    for axis, (name, r) in zip(axes.flat, results.items(), strict=True):
        image = axis.imshow(r.gram, vmin=0, vmax=1, cmap="viridis", interpolation="nearest")
        axis.axhline(n_malignant - 0.5, color="white", linewidth=0.8)
        axis.axvline(n_malignant - 0.5, color="white", linewidth=0.8)
        middles = [n_malignant / 2, (n_malignant + len(r.gram)) / 2]
        axis.set_xticks(middles, ["malignant", "benign"])
        axis.set_yticks(middles, ["malignant", "benign"], rotation=90, va="center")
        axis.tick_params(length=0)
        axis.set_title(name)
    left.colorbar(image, ax=axes, label="kernel value of two training points", shrink=0.8)
    draw_scores(right.subplots(), results, n_test)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def draw_scores(axis: plt.Axes, results: dict[str, Result], n_test: int) -> None:
    """Draw the accuracies with their spreads, a kernel a line."""
    rows = np.arange(len(results))
    scores = {
        "cross-validation, ± sd of folds": ([(r.cv_mean, r.cv_std) for r in results.values()], "o"),
        "test, ± standard error": (
            [(r.test, standard_error(r.test, n_test)) for r in results.values()],
            "D",
        ),
    }
    for shift, color, (label, (values, marker)) in zip(
        (-0.12, 0.12), ("#0072b2", "#d55e00"), scores.items(), strict=True
    ):
        mean, spread = np.transpose(values)
        axis.errorbar(
            mean, rows + shift, xerr=spread, fmt=marker, color=color, capsize=3, label=label
        )
    axis.set_yticks(rows, list(results))
    axis.invert_yaxis()
    axis.set_xlabel("accuracy")
    axis.grid(axis="x", alpha=0.3)
    axis.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), frameon=False)


def main(arguments: list[str] | None = None) -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer points and configurations")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    X, y = load_breast_cancer(return_X_y=True)
    size = {"train_size": 120, "test_size": 100} if options.quick else {"test_size": 0.3}
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0, **size)
    C = np.array([1.0, 100.0] if options.quick else [1.0, 10.0, 100.0])
    print(f"{len(y_train)} training points, {len(y_test)} test points, 8 qubits")
    results = {}
    for name, (kernel, grid) in candidates(options.quick).items():
        print(f"tuning {name} ...", flush=True)
        results[name] = evaluate(kernel, grid, C, (X_train, y_train), (X_test, y_test))

    n = results[REFERENCE].n_configurations
    print(f"\n{table(results)}\n\n{n} configurations for each kernel, 5 folds.")
    print(f"likeness: centred alignment with the {REFERENCE} kernel's matrix; 1 is alike.\n")
    print(verdict(results, len(y_test)))
    path = options.output / "breast_cancer.png"
    draw(results, int(np.sum(y_train == 0)), len(y_test), path)
    print(f"\nGram matrices and scores: {path}")


if __name__ == "__main__":
    main()
