"""Compute a large Gram matrix once, block of rows by block of rows, and keep it as a .npy file.

Points are read from a .npy or .csv file (without one: the ad hoc data that come with the package)
and prepared once; then pairs of blocks are compared, the upper triangle only, and written into a
memory-mapped file. Only the prepared points and one block are in memory. The file gets its name
when it is complete. `SVC(kernel="precomputed")` and others take the matrix as it is.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
from tqdm import tqdm

import qkernels as qk


def read_points(path: Path | None) -> np.ndarray:
    """Return the points of a .npy or .csv file, of shape (n_points, n_features)."""
    if path is None:
        return qk.datasets.load("ad_hoc")[0]
    if path.suffix == ".npy":
        return np.load(path)
    return np.loadtxt(path, delimiter=",", ndmin=2)


def write_gram(kernel: qk.QuantumKernel, X: np.ndarray, path: Path, block: int) -> None:
    """Write kernel(X) to a .npy file, `block` rows at a time."""
    points = kernel.prepare(X)
    unfinished = path.with_suffix(".unfinished")
    K = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.float64, shape=(len(X), len(X)))
    for start in tqdm(range(0, len(X), block), unit="block"):
        rows, right = slice(start, start + block), slice(start + block, len(X))
        K[rows, rows] = kernel.compare(points[rows])
        if right.start < right.stop:
            K[rows, right] = kernel.compare(points[rows], points[right])
            K[right, rows] = K[rows, right].T
    K.flush()
    os.replace(unfinished, path)


def main(arguments: list[str] | None = None) -> None:
    """Read points, write their Gram matrix, and check a corner of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("points", type=Path, nargs="?", help=".npy, or .csv without a header")
    parser.add_argument("--kernel", choices=["fidelity", "projected"], default="fidelity")
    parser.add_argument("--feature-map", choices=["zz", "iqp", "z"], default="zz")
    parser.add_argument("--bandwidth", type=float, default=1.0)
    parser.add_argument("--block", type=int, default=1000, help="rows at a time")
    parser.add_argument("--quick", action="store_true", help="the first 50 points only")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    X = read_points(options.points)[: 50 if options.quick else None]
    build = {"fidelity": qk.FidelityKernel, "projected": qk.ProjectedKernel}[options.kernel]
    feature_map = getattr(qk.feature_maps, options.feature_map)
    kernel = build(feature_map, bandwidth=options.bandwidth)
    path = options.output / "gram.npy"
    write_gram(kernel, X, path, options.block)

    K = np.load(path, mmap_mode="r")
    difference = np.abs(K[:20, -20:] - kernel(X[:20], X[-20:])).max()
    print(f"{kernel!r} on {len(X)} points of {X.shape[1]} features")
    print(f"{path}: {K.shape[0]} x {K.shape[1]}, {K.nbytes / 1e6:.1f} MB")
    print(f"largest difference to a direct computation of a corner: {difference:.1e}")


if __name__ == "__main__":
    main()
