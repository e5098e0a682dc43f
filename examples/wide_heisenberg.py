"""A projected kernel on 100 qubits beside a tuned RBF kernel, on real and on generated data.

The map is the Heisenberg evolution of Huang et al. (Nature Communications 12, 2631): 99 features
are the couplings of a chain of 100 qubits, whose Bloch vectors the kernel compares. Real data are
grey patches of 9 × 11 pixels, each of mean 0 and variance 1, and the question is which of two
photographs they were cut from; generated data come from scikit-learn. Both kernels choose their
scales and C by cross-validation among equally many settings, on each of several draws of training
and test points, and what is printed is the difference of their accuracies with its error.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images, make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import qkernels as qk
from qkernels.feature_maps import heisenberg

ROWS, COLUMNS = 9, 11
STEPS, TIME = 3, 1.0
BANDWIDTHS = (0.1, 0.3, 1.0)
WIDTHS = np.geomspace(0.03, 3, 5)
COSTS = (0.1, 1.0, 10.0, 100.0)


class Draw(NamedTuple):
    """Training and test points, and their classes."""

    X: np.ndarray
    X_test: np.ndarray
    y: np.ndarray
    y_test: np.ndarray


class Score(NamedTuple):
    """The accuracy on test points, and what cross-validation has chosen."""

    accuracy: float
    chosen: str


# ---------------------------------------------------------------- data


def photographs(n_points: int, seed: int) -> Draw:
    """Return patches of two photographs, none twice, and which of them they are from."""
    patches = [_patches(image.mean(axis=2)) for image in load_sample_images().images]
    y = np.arange(2 * n_points) % 2
    random = np.random.default_rng(seed)
    drawn = [random.choice(kind, n_points, replace=False) for kind in patches]
    X = np.stack(drawn, axis=1).reshape(2 * n_points, -1)
    return Draw(X[:n_points], X[n_points:], y[:n_points], y[n_points:])


def _patches(image: np.ndarray) -> np.ndarray:
    """Cut an image into patches, each of mean 0 and variance 1; leave out those of one grey."""
    height, width = (side // n for side, n in zip(image.shape, (ROWS, COLUMNS), strict=True))
    image = image[: height * ROWS, : width * COLUMNS]
    cut = image.reshape(height, ROWS, width, COLUMNS).swapaxes(1, 2).reshape(height * width, -1)
    cut = cut[cut.std(axis=1) > 1]
    return (cut - cut.mean(axis=1, keepdims=True)) / cut.std(axis=1, keepdims=True)


def generated(n_points: int, seed: int) -> Draw:
    """Return points of `make_classification`, each feature standardised."""
    X, y = make_classification(
        2 * n_points,
        ROWS * COLUMNS,
        n_informative=20,
        n_redundant=40,
        n_clusters_per_class=4,
        random_state=seed,
    )
    scale = StandardScaler().fit(X[:n_points])
    X = scale.transform(X)
    return Draw(X[:n_points], X[n_points:], y[:n_points], y[n_points:])


DATA: dict[str, Callable[[int, int], Draw]] = {"photographs": photographs, "generated": generated}


# ---------------------------------------------------------------- kernels


def projected(feature_map: qk.FeatureMap, draw: Draw, n_settings: int) -> Score:
    """Return the score of the projected kernel with the best bandwidth, gamma and C.

    Its features are computed once for each bandwidth; an RBF kernel on them is the kernel.
    """
    candidates = {}
    for bandwidth in BANDWIDTHS:
        features = qk.ProjectedFeatures(feature_map, bandwidth=bandwidth, evaluator="auto")
        F, F_test = features.fit_transform(draw.X), features.transform(draw.X_test)
        candidates[f"bandwidth={bandwidth:g} "] = draw._replace(X=F, X_test=F_test)
    return _best(candidates, n_settings // len(BANDWIDTHS))


def rbf(draw: Draw, n_settings: int) -> Score:
    """Return the score of the RBF kernel with the best gamma and C."""
    return _best({"": draw}, n_settings)


def _best(candidates: dict[str, Draw], n_widths: int) -> Score:
    found = {}
    for name, draw in candidates.items():
        # The mean squared distance of two points is twice the sum of the features' variances.
        gammas = np.geomspace(WIDTHS[0], WIDTHS[-1], n_widths) / draw.X.var(axis=0).sum()
        grid = {"gamma": gammas, "C": COSTS}
        found[name] = GridSearchCV(SVC(), grid, cv=5).fit(draw.X, draw.y)
    best = max(found, key=lambda name: found[name].best_score_)
    gamma, C = (found[best].best_params_[name] for name in ("gamma", "C"))
    draw = candidates[best]
    accuracy = found[best].score(draw.X_test, draw.y_test)
    return Score(accuracy, f"{best}gamma={gamma:.2g} C={C:g}")


# ---------------------------------------------------------------- comparison


def compare(
    name: str, feature_map: qk.FeatureMap, n_points: int, n_draws: int
) -> dict[str, list[float]]:
    """Print the accuracies of all draws, their means, and the mean difference."""
    n_settings = len(BANDWIDTHS) * len(WIDTHS)
    print(f"\n{name}: {n_points} points to train, {n_points} to test")
    found: dict[str, list[float]] = {"projected": [], "RBF": []}
    for seed in range(n_draws):
        draw = DATA[name](n_points, seed)
        scores = {
            "projected": projected(feature_map, draw, n_settings),
            "RBF": rbf(draw, n_settings),
        }
        for kernel, score in scores.items():
            found[kernel].append(score.accuracy)
            print(f"draw {seed}  {kernel:10} {score.accuracy:.3f}   {score.chosen}")
    for kernel, accuracies in found.items():
        print(f"mean    {kernel:10} {_mean(accuracies)}")
    differences = np.subtract(found["projected"], found["RBF"])
    print(f"projected less RBF: {_mean(differences)}: {_verdict(differences)}")
    return found


def _mean(values: np.ndarray | list[float]) -> str:
    return f"{np.mean(values):+.3f} ± {_error(values):.3f}".replace("+0", " 0")


def _error(values: np.ndarray | list[float]) -> float:
    """Return the standard error of the mean over draws."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def _verdict(differences: np.ndarray) -> str:
    mean, error = np.mean(differences), _error(differences)
    if abs(mean) <= 2 * error:
        return "no difference beyond two standard errors"
    return "the projected kernel is better" if mean > 0 else "the RBF kernel is better"


def describe(feature_map: qk.FeatureMap, X: np.ndarray) -> None:
    """Print how the kernel is computed, and what that takes, by bandwidth."""
    for bandwidth in BANDWIDTHS:
        kernel = qk.ProjectedKernel(feature_map, bandwidth=bandwidth, evaluator="auto")
        kernel(X[:2])  # compiles
        start = time.perf_counter()
        kernel(X)
        seconds = time.perf_counter() - start
        print(f"bandwidth {bandwidth:g}: {1e3 * seconds / len(X):.1f} ms a point")
    print(kernel.report())


def draw_scores(found: dict[str, dict[str, list[float]]], path: Path) -> None:
    """Draw the accuracies of all draws, those of one draw joined by a line."""
    figure, axes = plt.subplots(1, len(found), figsize=(8, 4.2), sharey=True, layout="constrained")
    for panel, (name, scores) in zip(axes, found.items(), strict=True):
        for pair in zip(*scores.values(), strict=True):
            panel.plot(list(scores), pair, "o-", color="grey", markersize=4, linewidth=0.8)
        for place, (accuracies, colour) in enumerate(
            zip(scores.values(), ("#d55e00", "#0072b2"), strict=True)
        ):
            panel.errorbar(
                place, np.mean(accuracies), _error(accuracies), fmt="s", color=colour, capsize=5
            )
        panel.set(title=name, xlim=(-0.5, 1.5))
    axes[0].set_ylabel("accuracy on test points")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Compare the kernels on both kinds of data."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="30 points, 2 draws")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    n_points, n_draws = (30, 2) if options.quick else (300, 8)

    feature_map = heisenberg(ROWS * COLUMNS, trotter_steps=STEPS, time=TIME)
    print(f"{feature_map!r}, {STEPS} Trotter steps, time {TIME:g}")
    describe(feature_map, photographs(max(n_points // 10, 4), 0).X)
    found = {name: compare(name, feature_map, n_points, n_draws) for name in DATA}
    path = options.output / "wide_heisenberg.png"
    draw_scores(found, path)
    print(f"accuracies: {path}")


if __name__ == "__main__":
    main()
