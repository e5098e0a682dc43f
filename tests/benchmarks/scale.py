"""Gram matrices past one memory: stores on disk, kills, pools of processes, and learners.

Run as a script, this file is a new process that measures itself and prints JSON; how it is started
is in `processes.py`. All that is written goes to a temporary folder, the process's own.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import numpy as np

from . import processes
from .peers.blas import ORDER

MEMORY = "512MB"
"""What the computing of a store may take beside it."""

_KERNEL = "fidelity:zz?bandwidth=0.3"
_COMMAND = (sys.executable, "-c", "from qkernels.cli import main; main()", "gram")
_NEEDS = {
    "store": ("qkernels", "zarr"),
    "kills": ("qkernels", "zarr"),
    "pools": ("qkernels", "zarr", "distributed"),
    "learners": ("qkernels",),
}
# Points, edge of a tile, kills, and tiles that are compared with fresh ones.
_KILLS, _QUICK_KILLS = (60_000, 960, 5, 1000), (4000, 64, 2, 100)
# Seconds between two looks at a process that is to be killed.
_LOOKS = (0.05, 0.25)
# The part of the missing tiles that are finished before a kill.
_PARTS = (0.1, 0.4)


@dataclass(frozen=True)
class Conditions:
    """How to measure.

    Parameters
    ----------
    variables : dict
        Environment that bounds the thread pools.
    scratch : Path or None
        The folder for what is written; the system's for temporary files if None.
    repetitions : int
        How often a store is timed.
    quick : bool
        Small sizes.
    """

    variables: dict[str, str]
    scratch: Path | None
    repetitions: int
    quick: bool


def missing(group: str) -> str:
    """Return the first package that a group needs and that cannot be found, or nothing."""
    return next((name for name in _NEEDS[group] if util.find_spec(name) is None), "")


# ---------------------------------------------------------------- asking for processes


def store(conditions: Conditions) -> list[dict[str, Any]]:
    """Measure a matrix on disk beside its arithmetic and the plain writing of its bytes.

    Returns
    -------
    list of dict
        For each of several processes: N, n, "seconds", those of the "arithmetic" (4·N²·2ⁿ real
        operations at the rate of dgemm) and of "writing", "over" the resident size before, and
        "peak" of the process; or an "error".
    """
    return [
        _in_folder("store", _store_sizes(conditions), conditions)
        for _ in range(conditions.repetitions)
    ]


def pools(conditions: Conditions) -> list[dict[str, Any]]:
    """Measure a matrix on disk by one process, by a Dask cluster, and by joblib, taking turns.

    Returns
    -------
    list of dict
        One: N, n, how many "workers" of one thread, and seconds by turn: "here", "cluster",
        "joblib"; or an "error".
    """
    sizes = {**_store_sizes(conditions), "repetitions": conditions.repetitions}
    return [_in_folder("pools", sizes, conditions)]


def kills(conditions: Conditions) -> list[dict[str, Any]]:
    """Kill the command line again and again while it computes, and check what it leaves.

    The matrix takes at most half of the free disk.

    Returns
    -------
    list of dict
        One: N, the N that was "wanted", n, "tile_size", "seconds" of all runs, how many "kills",
        finished "tiles", tiles "rewritten" after they were finished, "damaged" or missing for
        `gram verify`, "sampled", "different" from a fresh computation, and the "peak" of the runs;
        an "error" if one failed, or if a tile was rewritten, damaged or different.
    """
    wanted, tile_size, times, n_sampled = _QUICK_KILLS if conditions.quick else _KILLS
    with _folder(conditions) as folder:
        n_points = fitting(wanted, folder)
        sizes = {"n_points": n_points, "wanted": wanted, "n_qubits": 8, "tile_size": tile_size}
        np.save(folder / "points.npy", _points(n_points, 8))
        n_files = math.ceil(n_points / tile_size) ** 2
        variables = conditions.variables
        found: dict[str, Any] = {}
        try:
            found |= _complete(folder, variables, tile_size, n_files, times)
            found["damaged"] = _damaged(folder, variables)
            found |= processes.run("scale", "sampled", {"n_tiles": n_sampled}, variables, folder)
        except subprocess.CalledProcessError as error:
            return [sizes | found | {"error": processes.reason(error)}]
    return [sizes | found | _complaint(found)]


def learners(conditions: Conditions) -> list[dict[str, Any]]:
    """Measure what learns from many points without their Gram matrix.

    Returns
    -------
    list of dict
        For a product with the matrix, Nyström features, and density matrices as features: N, n,
        "seconds", bytes that the "matrix" would take and of the "result", "over" the resident
        size after a small first call, and "peak" of the process; or an "error".
    """
    n_points, n_qubits = (3000, 6) if conditions.quick else (100_000, 10)
    widths = {"product": n_qubits, "nystroem": n_qubits, "features": n_qubits // 2}
    every = [{"what": what, "n_points": n_points, "n_qubits": n} for what, n in widths.items()]
    return [processes.attempt("scale", "learner", one, conditions.variables) for one in every]


GROUPS: dict[str, Callable[[Conditions], list[dict[str, Any]]]] = {
    "store": store,
    "kills": kills,
    "pools": pools,
    "learners": learners,
}


def fitting(n_points: int, folder: Path) -> int:
    """Return how many points have a matrix that fits in half of the free disk, as many at most."""
    most = math.isqrt(shutil.disk_usage(folder).free // 16)
    return n_points if n_points <= most else most // 1000 * 1000 or most


def _store_sizes(conditions: Conditions) -> dict[str, int]:
    return {"n_points": 2000 if conditions.quick else 20000, "n_qubits": 8}


def _in_folder(measurement: str, sizes: dict[str, int], conditions: Conditions) -> dict[str, Any]:
    with _folder(conditions) as folder:
        return processes.attempt("scale", measurement, sizes, conditions.variables, folder)


@contextmanager
def _folder(conditions: Conditions) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="qkernels-", dir=conditions.scratch) as name:
        yield Path(name)


# ---------------------------------------------------------------- killing processes


def finished_tiles(path: Path) -> dict[tuple[int, int], tuple[int, int]]:
    """Return when the file of each finished tile was written, and that of its mirror image.

    Parameters
    ----------
    path : Path
        Of the store of a symmetric matrix; a tile is finished if both files have their names.
    """
    times = {
        (int(os.path.basename(folder)), int(name)): os.stat(os.path.join(folder, name)).st_mtime_ns
        for folder, name in _tile_files(path)
    }
    return {(i, j): (t, times[j, i]) for (i, j), t in times.items() if i <= j and (j, i) in times}


def _complete(
    folder: Path, variables: dict[str, str], tile_size: int, n_files: int, times: int
) -> dict[str, Any]:
    """Run the command until the matrix is complete; kill it so many times on the way."""
    run = (*_COMMAND, "run", "points.npy", _KERNEL, "K.zarr", "-M", MEMORY, "-Q")
    command = (*run, "--tile-size", str(tile_size))
    path, random, start = folder / "K.zarr", Random(0), time.perf_counter()
    tiles, rewritten, killed, peak = finished_tiles(path), 0, 0, 0
    for kill in (*[True] * times, False):
        part = random.uniform(*_PARTS)
        most = _n_files(path) * (1 - part) + n_files * part if kill else math.inf
        code, its_peak = _run_until(command, folder, variables, most)
        before, tiles = tiles, finished_tiles(path)
        rewritten += sum(tiles.get(tile) != written for tile, written in before.items())
        killed, peak = killed + (code != 0), max(peak, its_peak)
        if code == 0:
            break
    return {
        "seconds": time.perf_counter() - start,
        "kills": killed,
        "tiles": len(tiles),
        "rewritten": rewritten,
        "peak": peak,
    }


def _run_until(
    command: tuple[str, ...], folder: Path, variables: dict[str, str], most: float
) -> tuple[int, int]:
    """Run a command, and kill it at some moment after there are so many files of tiles.

    Returns
    -------
    (int, int)
        The exit code, 0 or that of the kill, and the peak of the resident size.
    """
    random, peak = Random(most), 0
    with _started(command, folder, variables) as process:
        while process.poll() is None:
            time.sleep(random.uniform(*_LOOKS))
            peak = max(peak, processes.peak_bytes_of(process.pid))
            if most < math.inf and _n_files(folder / "K.zarr") >= most:
                process.kill()
        messages = process.stderr.read()
    if process.returncode != 0 and not (process.returncode == -signal.SIGKILL and most < math.inf):
        raise subprocess.CalledProcessError(process.returncode, command, stderr=messages)
    return process.returncode, peak


@contextmanager
def _started(
    command: tuple[str, ...], folder: Path, variables: dict[str, str]
) -> Iterator[subprocess.Popen]:
    """Start a process that does not outlive the block."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env=processes.environment(variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _tile_files(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the folder and name of each tile's file; those being written have longer names."""
    for folder, _, names in os.walk(path / "K" / "c"):
        yield from ((folder, name) for name in names if name.isdecimal())


def _n_files(path: Path) -> int:
    return sum(1 for _ in _tile_files(path))


def _damaged(folder: Path, variables: dict[str, str]) -> int:
    """Return how many tiles are damaged or missing, as `gram verify` says."""
    done = subprocess.run(
        (*_COMMAND, "verify", "K.zarr", "-Q", "--json"),
        cwd=folder,
        env=processes.environment(variables),
        capture_output=True,
        text=True,
    )
    try:
        found = json.loads(done.stdout)
    except ValueError:
        done.check_returncode()
        raise
    return found["missing"]  # those that were damaged are let go of


def _complaint(found: dict[str, Any]) -> dict[str, str]:
    wrong = [f"{found[k]} tiles {k}" for k in ("rewritten", "damaged", "different") if found[k]]
    return {"error": ", ".join(wrong)} if wrong else {}


# ---------------------------------------------------------------- being the process


def _store(n_points: int, n_qubits: int) -> dict[str, float]:
    import qkernels as qk

    kernel, X = _kernel(), _points(n_points, n_qubits)
    qk.gram_matrix(kernel, X[:200], out="small.zarr")  # imports and compiles
    empty = qk.GramStore.create("empty.zarr", kernel, X, working_memory=MEMORY)
    tile, matrix = 8 * empty.tile_size**2, 8 * n_points**2
    rates, writings = [_rate(), _rate()], [_writing(matrix, tile)]
    processes.forget_peak()
    resident = processes.resident_bytes()
    seconds, peak = _stored(kernel, X), processes.peak_bytes()
    rates, writings = [*rates, _rate(), _rate()], [*writings, _writing(matrix, tile)]
    return {
        "seconds": seconds,
        "arithmetic": 4 * n_points**2 * 2**n_qubits / median(rates),
        "writing": median(writings),
        "over": peak - resident,
        "peak": peak,
    }


def _rate() -> float:
    """Return the real operations a second of dgemm."""
    factors = np.random.default_rng(0).random((2, ORDER, ORDER))
    factors[0] @ factors[1]
    start = time.perf_counter()
    factors[0] @ factors[1]
    return 2 * ORDER**3 / (time.perf_counter() - start)


def _writing(n_bytes: int, n_at_once: int) -> float:
    """Return the seconds that it takes to hand so many bytes to the file system."""
    block = memoryview(np.random.default_rng(0).bytes(n_at_once))
    start = time.perf_counter()
    with open("plain", "wb", buffering=0) as file:
        for left in range(n_bytes, 0, -n_at_once):
            file.write(block[:left])
    seconds = time.perf_counter() - start
    os.remove("plain")
    return seconds


def _pools(n_points: int, n_qubits: int, repetitions: int) -> dict[str, Any]:
    from distributed import Client, LocalCluster

    from qkernels.loops.jit import thread_count

    kernel, X, workers = _kernel(), _points(n_points, n_qubits), thread_count()
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=".",
        ) as cluster,
        Client(cluster) as client,
    ):
        ways = {"here": {}, "cluster": {"client": client}, "joblib": {"n_jobs": workers}}
        for way in ways.values():  # processes import and compile
            _stored(kernel, X[:2000], tile_size=320, **way)
        turns = [
            {k: _stored(kernel, X, **way) for k, way in ways.items()} for _ in range(repetitions)
        ]
    return {"workers": workers} | {k: [turn[k] for turn in turns] for k in ways}


def _stored(kernel: Any, X: np.ndarray, **options: Any) -> float:
    """Return the seconds of a Gram matrix on disk, which is deleted again."""
    import qkernels as qk

    start = time.perf_counter()
    found = qk.gram_matrix(kernel, X, out="K.zarr", working_memory=MEMORY, **options)
    seconds = time.perf_counter() - start
    _require(not found.missing())
    shutil.rmtree("K.zarr")
    return seconds


def _sampled(n_tiles: int) -> dict[str, int]:
    """Compare some tiles of a symmetric matrix, and their mirror images, with fresh ones."""
    from qkernels.gram.layout import Layout
    from qkernels.kernels.composition import compare, prepare, without_caches

    layout = Layout.open("K.zarr")
    kernel, tiles = without_caches(layout.manifest.read_kernel()), layout.grid.tiles()
    chosen = Random(0).sample(tiles, min(n_tiles, len(tiles)))
    different = 0
    for i, j in chosen:
        p = prepare(kernel, layout.block("rows", i))
        q = None if i == j else prepare(kernel, layout.block("rows", j))
        tile = compare(kernel, p, q).tobytes()
        different += {layout.read(i, j).tobytes(), layout.read(j, i).T.tobytes()} != {tile}
    return {"sampled": len(chosen), "different": different}


def _learner(what: str, n_points: int, n_qubits: int) -> dict[str, float]:
    import qkernels as qk

    kernel, X = _kernel(), _points(n_points, n_qubits)
    compute: Callable[[np.ndarray], np.ndarray] = {
        "product": lambda X: qk.gram_operator(kernel, X) @ np.sin(np.arange(len(X))),
        "nystroem": qk.QuantumNystroem(kernel, 500, random_state=0).fit_transform,
        "features": qk.FidelityFeatures(kernel.feature_map, bandwidth=0.3).fit_transform,
    }[what]
    compute(X[:1000])
    resident, start = processes.resident_bytes(), time.perf_counter()
    result = compute(X)
    seconds, peak = time.perf_counter() - start, processes.peak_bytes()
    _require(len(result) == n_points)
    return {
        "seconds": seconds,
        "matrix": 8 * n_points**2,
        "result": result.nbytes,
        "over": peak - resident,
        "peak": peak,
    }


def _kernel() -> Any:
    import qkernels as qk

    return qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.3)


def _points(n_points: int, n_qubits: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.0, 1.0, (n_points, n_qubits))


def _require(condition: bool) -> None:
    if not condition:
        raise RuntimeError("the result is not whole")


if __name__ == "__main__":
    processes.answer({"store": _store, "pools": _pools, "sampled": _sampled, "learner": _learner})
