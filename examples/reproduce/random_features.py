"""Random Fourier features of a projected kernel have the error of theory.

Sources: A. Rahimi and B. Recht, "Random features for large-scale kernel machines", NeurIPS (2007),
for the features cos(w·v + b); D. J. Sutherland and J. Schneider, "On the error of random Fourier
features", UAI (2015), for the variance of their kernel, (1 + k(2Δ)/2 − k(Δ)²)/D with D features.

Protocol. The projected kernel is a Gaussian of expectation values v, so the theory is that of a
Gaussian in v. 200 points uniform on [0, 2π]⁴, ZZ map, γ = 0.5 and bandwidth 0.3; scikit-learn's
`RBFSampler` on `ProjectedFeatures`, 100 seeds, D = 10, 30, 100, 300 and 1000. The mean over all
pairs of the squared error, at D = 100 and 1000, against the formula averaged over the same pairs.
Standard errors are those of the 100 seeds; the formula has none.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from sklearn.kernel_approximation import RBFSampler

import qkernels as qk
from examples.reproduce.results import Outcome, Result, mean_and_error

GAMMA, BANDWIDTH = 0.5, 0.3
COMPARED = (100, 1000)
CHANCE = "chance: 2000 seeds give 0.00626 ± 0.00009 at D = 100"


def squared_errors(v: np.ndarray, K: np.ndarray, n_features: int, seeds: int) -> list[float]:
    """Return the mean squared error off the diagonal for each seed."""
    errors = []
    for seed in range(seeds):
        features = RBFSampler(gamma=GAMMA, n_components=n_features, random_state=seed)
        Z = features.fit_transform(v)
        errors.append(float(np.mean((Z @ Z.T - K)[~np.eye(len(v), dtype=bool)] ** 2)))
    return errors


def run(quick: bool = False) -> Outcome:
    """Return the errors at two numbers of features."""
    n_points, seeds = (40, 4) if quick else (200, 100)
    X = np.random.RandomState(0).uniform(0, 2 * np.pi, (n_points, 4))
    v = qk.ProjectedFeatures(qk.feature_maps.zz, bandwidth=BANDWIDTH).fit_transform(X)
    K = qk.ProjectedKernel(qk.feature_maps.zz, gamma=GAMMA, bandwidth=BANDWIDTH)(X)
    # The Gaussian at twice the distance is its fourth power.
    variance = float(np.mean((1 + K**4 / 2 - K**2)[~np.eye(n_points, dtype=bool)]))
    numbers = (10, 30, 100, 300, 1000)
    found = {D: mean_and_error(squared_errors(v, K, D, seeds)) for D in numbers}
    results = [
        Result(f"squared error, {D} features", variance / D, 0.0, *found[D], why=CHANCE)
        for D in COMPARED
    ]

    def draw(axis: Axes) -> None:
        means, errors = np.transpose(list(found.values()))
        axis.plot(numbers, variance / np.array(numbers), color="black", label="theory")
        axis.errorbar(numbers, means, 2 * errors, fmt="o", color="#0072b2", label="measured")
        axis.set(xscale="log", yscale="log", xlabel="random features")
        axis.set(ylabel="mean squared error of the kernel")
        axis.set_title("Random features of a projected kernel")
        axis.legend()

    return Outcome(list(results), draw)
