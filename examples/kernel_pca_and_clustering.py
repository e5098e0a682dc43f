"""Quantum kernels without labels: kernel PCA and spectral clustering of wines on 13 qubits.

scikit-learn's wine data have 13 features, one for each qubit of an IQP circuit, whose fidelity
kernel is followed as the bandwidth grows: the kernel values of different points fall towards
2^-13, the principal components hold less and less, and at last the clusters are lost. A good
bandwidth is found without labels, as the one that brings the mean kernel value of different
points closest to one half. The RBF kernel goes the same way beside it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import SpectralClustering
from sklearn.datasets import load_wine
from sklearn.decomposition import KernelPCA
from sklearn.gaussian_process.kernels import RBF, Kernel
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

import qkernels as qk


def mean_off_diagonal(K: np.ndarray) -> float:
    """Return the mean kernel value of two different points."""
    return float((K.sum() - np.trace(K)) / (K.size - len(K)))


def share_of_two_components(kernel: Kernel, X: np.ndarray) -> float:
    """Return the share of the variance in feature space that two components hold."""
    eigenvalues = KernelPCA(kernel=kernel).fit(X).eigenvalues_
    return float(eigenvalues[:2].sum() / eigenvalues.sum())


def follow(kernels: list[Kernel], X: np.ndarray, cultivars: np.ndarray) -> Kernel:
    """Print what becomes of the kernels, and return the one whose values lie around one half."""
    print(f"{'kernel':34}  mean value  two components  clusters")
    means = []
    for kernel in kernels:
        means.append(mean_off_diagonal(kernel(X)))
        clusters = SpectralClustering(3, affinity=kernel, random_state=0).fit_predict(X)
        print(
            f"{kernel!r:34} {means[-1]:11.4f} {share_of_two_components(kernel, X):15.1%} "
            f"{adjusted_rand_score(cultivars, clusters):9.2f}"
        )
    chosen = kernels[int(np.argmin(np.abs(np.array(means) - 0.5)))]
    print(f"closest to one half: {chosen!r}\n")
    return chosen


def draw(kernels: list[Kernel], X: np.ndarray, cultivars: np.ndarray, path: Path) -> None:
    """Draw the two leading kernel principal components for each kernel."""
    figure, axes = plt.subplots(1, len(kernels), figsize=(10, 4.4), layout="constrained")
    for axis, kernel in zip(axes, kernels, strict=True):
        components = KernelPCA(2, kernel=kernel).fit_transform(X)
        for cultivar, (marker, color) in enumerate(
            [("o", "#0072b2"), ("^", "#d55e00"), ("s", "#009e73")]
        ):
            points = components[cultivars == cultivar]
            axis.plot(*points.T, marker, color=color, alpha=0.8, label=f"cultivar {cultivar}")
        axis.set_title(repr(kernel))
        axis.set_xlabel("first kernel principal component")
        axis.set_ylabel("second kernel principal component")
    axes[0].legend(loc="lower center")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Follow both families of kernels, and draw one of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer bandwidths")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    X, cultivars = load_wine(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    bandwidths = [0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0][:: 3 if options.quick else 1]
    lengths = [20.0, 10.0, 5.0, 3.0, 2.0, 1.0, 0.5][:: 3 if options.quick else 1]
    iqp = qk.feature_maps.iqp
    chosen = [
        follow([qk.FidelityKernel(iqp, bandwidth=b) for b in bandwidths], X, cultivars),
        follow([RBF(length) for length in lengths], X, cultivars),
    ]
    print("mean value: of two different points; two components: share of the variance they hold;")
    print("clusters: adjusted Rand index with the cultivars, 1 is agreement and 0 is chance")
    path = options.output / "kernel_pca.png"
    draw(chosen, X, cultivars, path)
    print(f"kernel principal components: {path}")


if __name__ == "__main__":
    main()
