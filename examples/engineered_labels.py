"""Labels made for a quantum kernel, and the true ones: what a report says of both.

300 points of the breast cancer data, 8 standardised principal components. From the matrices of a
quantum and of a classical kernel, labels are made that the first learns and the second does not
(Huang et al., Nature Communications 12, 2631 (2021), supplementary section F). They are made
transductively: of all points at once, those that are tested on too, as there is no rule that would
label a new point. So they show what geometry allows, and nothing about labels that people want.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import qkernels as qk

N_COMPONENTS, BANDWIDTH = 8, 0.1


def data(n_points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return standardised principal components of some points, and their true labels."""
    X, y = load_breast_cancer(return_X_y=True)
    components = make_pipeline(StandardScaler(), PCA(N_COMPONENTS), StandardScaler())
    chosen = np.random.default_rng(0).permutation(len(X))[:n_points]
    return components.fit_transform(X)[chosen], y[chosen]


def main(arguments: list[str] | None = None) -> None:
    """Make labels, and report on them and on the true ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="120 points, each split once")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    X, true = data(120 if options.quick else 300)
    kernel = qk.FidelityKernel(qk.feature_maps.zz, bandwidth=BANDWIDTH)
    K_classical, K_quantum = rbf_kernel(X, gamma=1 / N_COMPONENTS), kernel(X)
    print(qk.diagnostics.geometric_difference(K_classical, K_quantum))
    made = qk.diagnostics.engineered_labels(K_classical, K_quantum)

    for name, y in (("engineered", made), ("true", true)):
        print(f"\n{name} labels")
        page = options.output / f"report_{name}_labels.html"
        report = qk.report(
            kernel, X, y, repeats=1 if options.quick else 3, random_state=0, out=page, verbose=0
        )
        print(report)
        print(f"With pictures: {page}")


if __name__ == "__main__":
    main()
