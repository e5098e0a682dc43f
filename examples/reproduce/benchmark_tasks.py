"""Three kernels on the synthetic tasks of a benchmark of quantum models, in ten dimensions.

Source: J. Bowles, S. Ahmed and M. Schuld, "Better than classical? The subtle art of benchmarking
quantum machine learning models", arXiv:2403.07059 (2024), with the authors' published tables of
scores, and what their software draws and computes.

Protocol. 300 points, of which 60, drawn at random, are the test set. The authors drew data of
growing difficulty from one stream of random numbers: linearly separable data, seed 42, with 2, 3,
... features; the hidden manifold of six dimensions and the two curves of degree 5, offset 0.1, seed
3, the same; hyperplanes, seed 1, with 2, 3, ... half-spaces. So do we, up to ten: the points are
theirs. Five folds, without shuffling, choose the hyperparameters by accuracy; of equals the first
is taken. IQP: points scaled to [-π/2, π/2] by the range of the training points, 1, 5 or 10
repetitions, C out of 0.1, 1, 10, 100. Gaussian: points as they are, γ out of 0.001, 0.01, 0.1, 1,
the same C. Projected: scaled as for IQP; random rotations on eleven qubits, then t·d / steps of
evolution under x_j (XX + YY + ZZ) / 2 on neighbours in 1, 3 or 5 steps, t out of 0.01, 0.1, 1; γ is
0.1, 1 or 10 divided by the number of features and the variance of all expectation values of the
training points; the same C. Its rotations have the seed 42 while folds choose, and the score is the
mean over the seeds 0 to 4. The points are the
same, so that only those count that were classified otherwise: of accuracies that are k points
apart, at least k, as tosses of a coin with a standard error of √k points.

Two departures. Their software takes the variance in γ from the points to be predicted; here it is
that of the training points. With theirs, folds choose otherwise for hyperplanes, and the score is
the published 0.767. And with more than one repetition their IQP circuit, as run, had its ZZ
rotations in the first only, it seems: with such a circuit all accuracies of folds come out to the
last digit that the authors' tables for the hidden manifold and for hyperplanes list, twelve each;
with that of the paper's text, ZZ rotations in each repetition, only those of one repetition do. The
comparison is with the text; where that makes a difference, "as run" is the other circuit.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from itertools import combinations

import cirq
import numpy as np
import sympy
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

import qkernels as qk
from examples.reproduce.results import Claim, Outcome, Result, paired_error

Split = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
C = (0.1, 1, 10, 100)
REPETITIONS = (1, 5, 10)
N_POINTS, N_TEST = 300, 60

# Published test accuracies: IQP, projected, Gaussian.
PUBLISHED = {
    "linearly separable": (0.8167, 0.9633, 0.9833),
    "hidden manifold": (0.850, 0.893, 0.900),
    "two curves": (1.0, 1.0, 1.0),
    "hyperplanes": (0.6667, 0.7667, 0.6667),
}


def published_split(task: str, last: int = 10) -> Split:
    """Return the points that the authors drew for a task with that many features or planes."""
    draw: dict[str, tuple[int, Callable]] = {
        "linearly separable": (42, qk.datasets.linearly_separable),
        "hidden manifold": (3, qk.datasets.hidden_manifold),
        "two curves": (3, qk.datasets.two_curves),
        "hyperplanes": (1, lambda n, k, **seed: qk.datasets.hyperplanes(n, 10, k, **seed)),
    }
    seed, generator = draw[task]
    random = np.random.RandomState(seed)
    for number in range(2, last + 1):
        X, y = generator(N_POINTS, number, random_state=random)
        split = train_test_split(X, y, test_size=0.2, random_state=random)
    return split


def iqp_as_run(n_features: int, repetitions: int) -> qk.FeatureMap:
    """Return the IQP map with ZZ rotations in its first repetition only."""
    x, qubits = sympy.symbols(f"x0:{n_features}"), cirq.LineQubit.range(n_features)
    single = [cirq.H.on_each(*qubits), [cirq.rz(a)(q) for a, q in zip(x, qubits, strict=True)]]
    pairs = [
        (cirq.ZZ ** (x[i] * x[j] / sympy.pi))(qubits[i], qubits[j])
        for i, j in combinations(range(n_features), 2)
    ]
    return qk.FeatureMap(cirq.Circuit(single, pairs, [single] * (repetitions - 1)), x)


def hamiltonian(n_features: int, steps: int, time: float, seed: int) -> qk.FeatureMap:
    """Return the map of the projected kernel."""
    random = np.random.default_rng(seed)
    random.integers(100_000)  # theirs seeds the support vector machine first
    angles = random.uniform(size=(n_features + 1, 3)) * 2 * np.pi
    x, qubits = sympy.symbols(f"x0:{n_features}"), cirq.LineQubit.range(n_features + 1)
    wall = [
        [cirq.rz(first)(q), cirq.ry(second)(q), cirq.rz(third)(q)]
        for q, (first, second, third) in zip(qubits, angles, strict=True)
    ]
    step = [
        (gate ** (x[j] * time * n_features / steps / sympy.pi))(qubits[j], qubits[j + 1])
        for j in range(n_features)
        for gate in (cirq.XX, cirq.YY, cirq.ZZ)
    ]
    return qk.FeatureMap(cirq.Circuit(wall, [step] * steps), x)


class VarianceScaler(TransformerMixin, BaseEstimator):
    """Divides by √(d · variance of all training features), d the number of data's features."""

    def __init__(self, n_features: int) -> None:
        self.n_features = n_features

    def fit(self, X: np.ndarray, y: np.ndarray | None = None) -> VarianceScaler:
        """Find the variance."""
        self.scale_ = np.sqrt(self.n_features * X.var())
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Divide by its root."""
        return X / self.scale_


def gaussian(split: Split) -> float:
    """Return the test accuracy of the Gaussian kernel."""
    X, X_test, y, y_test = split
    grid = {"C": C, "gamma": (0.001, 0.01, 0.1, 1)}
    return GridSearchCV(SVC(), grid, cv=5).fit(X, y).score(X_test, y_test)


def score_iqp(make_map: Callable[[int, int], qk.FeatureMap], split: Split) -> float:
    """Return the test accuracy of a map of so many features, with the best repetitions and C."""
    X, X_test, y, y_test = split
    maps = [make_map(X.shape[1], repetitions) for repetitions in REPETITIONS]
    model = make_pipeline(MinMaxScaler((-np.pi / 2, np.pi / 2)), SVC())
    grid = {"svc__C": C, "svc__kernel": [qk.FidelityKernel(feature_map) for feature_map in maps]}
    return GridSearchCV(model, grid, cv=5).fit(X, y).score(X_test, y_test)


def projected(split: Split, quick: bool) -> float:
    """Return the mean test accuracy of the projected kernel over five draws of its rotations."""
    X, X_test, y, y_test = split
    n = X.shape[1]
    circuits = [(t, steps) for t in (0.01, 0.1, 1.0) for steps in (1, 3, 5)]
    circuits = circuits[:1] if quick else circuits
    maps = {hamiltonian(n, steps, t, 42): (t, steps) for t, steps in circuits}
    with tempfile.TemporaryDirectory() as folder:
        model = make_pipeline(
            MinMaxScaler((-np.pi / 2, np.pi / 2)),
            qk.ProjectedFeatures(next(iter(maps))),
            VarianceScaler(n),
            SVC(),
            memory=folder,  # features are the same for each C and γ
        )
        grid = {
            "svc__C": C,
            "svc__gamma": (0.1, 1, 10),
            "projectedfeatures__feature_map": list(maps),
        }
        search = GridSearchCV(model, grid, cv=5).fit(X, y)
    t, steps = maps[search.best_params_["projectedfeatures__feature_map"]]
    best = search.best_estimator_.set_params(memory=None)
    scores = []
    for seed in range(1 if quick else 5):
        best.set_params(projectedfeatures__feature_map=hamiltonian(n, steps, t, seed))
        scores.append(best.fit(X, y).score(X_test, y_test))
    return float(np.mean(scores))


def compare(name: str, published: float, ours: float, *, counted: bool = True) -> Result:
    """Return a result that says how many test points lie between, as they are the same points."""
    n_apart = round(N_TEST * abs(ours - published), 1)
    error = paired_error(n_apart, N_TEST)
    apart = f"{n_apart:.0f} of {N_TEST} test points apart"
    why = "the circuit as run was another, it seems: see there"
    return Result(name, published, 0.0, ours, error, 5e-4, apart, why, counted)


def run(quick: bool = False) -> Outcome:
    """Return twelve accuracies, and one again with the IQP circuit as run."""
    results: list[Result | Claim] = []
    tasks = ("linearly separable",) if quick else tuple(PUBLISHED)
    for task in tasks:
        split = published_split(task, 3 if quick else 10)
        iqp, other, gauss = PUBLISHED[task]
        results.append(compare(f"{task}, IQP", iqp, score_iqp(qk.feature_maps.iqp, split)))
        results.append(compare(f"{task}, projected", other, projected(split, quick)))
        results.append(compare(f"{task}, Gaussian", gauss, gaussian(split)))
    as_run = score_iqp(iqp_as_run, split)
    results.append(compare(f"{task}, IQP as run", iqp, as_run, counted=False))
    return Outcome(results)
