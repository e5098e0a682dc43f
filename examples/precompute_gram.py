"""Compute a Gram matrix into a store: killed, run again, grown by new points, read from disk.

Points are read from a .npy, .csv or .parquet file (without one: random points). The first nine
tenths of them get their matrix, tile by tile, by as many processes as are asked for; what is kept
in memory is a few tiles, however large the matrix is. Stop it (Ctrl-C, or harder) and run it again:
it goes on where it was. Then the rest of the points come in, and only what is new is computed.
Last, everything is read back and checked, and the matrix is written as one .npy file, which
`SVC(kernel="precomputed")` and others take as it is, memory-mapped. The same in a shell:

    qkernels gram run points.npy "fidelity:zz?bandwidth=0.3" K.zarr
    qkernels gram verify K.zarr
    qkernels gram export K.zarr --npy K.npy
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import qkernels as qk
from qkernels.cli.inputs import read_kernel, read_points


def precompute(
    kernel: qk.QuantumKernel, X: np.ndarray, path: Path, n_jobs: int | None, memory: str
) -> qk.GramStore:
    """Return the store of kernel(X), of which the last tenth comes in later."""
    n_first = len(X) - len(X) // 10
    start = time.perf_counter()
    if not path.exists() or qk.GramStore.open(path).shape[0] == n_first:
        options = {"n_jobs": n_jobs, "working_memory": memory, "verbose": 1}
        store = qk.gram_matrix(kernel, X[:n_first], out=path, **options)
        print(f"{store!r} after {time.perf_counter() - start:.1f} s")
        store.extend(X[n_first:], kernel, **options)
    store = qk.gram_matrix(kernel, X, out=path, n_jobs=n_jobs, working_memory=memory, verbose=1)
    print(f"{store!r} after {time.perf_counter() - start:.1f} s")
    return store


def main(arguments: list[str] | None = None) -> None:
    """Read points, compute their matrix, check it, and write it as one file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("points", type=Path, nargs="?", help="a .npy, .csv or .parquet file")
    parser.add_argument("--kernel", default="fidelity:zz?bandwidth=0.3", help="or a .json file")
    parser.add_argument("--n-jobs", type=int, help="processes")
    parser.add_argument("--working-memory", default="512MB", help="of each process")
    parser.add_argument("--quick", action="store_true", help="at most 200 points")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    random_points = np.random.default_rng(0).uniform(0, 1, (8000, 8))
    X = random_points if options.points is None else read_points(options.points)
    X = X[: 200 if options.quick else None]
    kernel = read_kernel(options.kernel)
    print(f"{kernel!r} on {len(X)} points of {X.shape[1]} features")
    store = precompute(
        kernel, X, options.output / "gram.zarr", options.n_jobs, options.working_memory
    )
    print(f"damaged tiles: {store.verify(verbose=1)}")

    path = options.output / "gram.npy"
    store.to_npy(path)
    K = np.load(path, mmap_mode="r")
    difference = np.abs(K[:20, -20:] - kernel(X[:20], X[-20:])).max()
    print(f"{path}: {K.shape[0]} x {K.shape[1]}, {K.nbytes / 1e6:.1f} MB")
    print(f"largest difference to a direct computation of a corner: {difference:.1e}")


if __name__ == "__main__":
    main()
