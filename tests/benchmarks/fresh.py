"""New processes of qkernels: time to a first Gram matrix, peak memory, and what a gradient costs.

Run as a script, this file is such a process: it measures itself and prints JSON. Only the
standard library is imported at the top, so that the script can time the import of Cirq. How it is
started is in `processes.py`; Gram matrices past one memory are in `scale.py`.
"""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from collections.abc import Callable
from statistics import median
from typing import Any

from . import processes

# ---------------------------------------------------------------- asking for a process


def first_grams(variables: dict[str, str], repetitions: int) -> dict[str, float]:
    """Measure a first Gram matrix with a cold and with a warm Numba cache.

    Parameters
    ----------
    variables : dict
        Environment that bounds the thread pools.
    repetitions : int
        Processes with a warm cache; one has a cold cache.

    Returns
    -------
    dict
        Seconds: "import cirq", and beyond it "cold" and "warm" (median), our import included.
    """
    with tempfile.TemporaryDirectory() as cache:
        own_cache = variables | {"NUMBA_CACHE_DIR": cache}
        processes.run("fresh", "imports", {}, own_cache)  # reads the files once, compiles nothing
        cold = processes.run("fresh", "first", {}, own_cache)
        warm = [processes.run("fresh", "first", {}, own_cache) for _ in range(repetitions)]
    return {
        "import cirq": median(run["import cirq"] for run in warm),
        "cold": cold["beyond"],
        "warm": median(run["beyond"] for run in warm),
        "warm least": min(run["beyond"] for run in warm),
        "warm greatest": max(run["beyond"] for run in warm),
    }


def memory(variables: dict[str, str], *, quick: bool = False) -> list[dict[str, Any]]:
    """Measure peak memory of a middling Gram matrix, a large one, and projected features.

    Parameters
    ----------
    variables : dict
        Environment that bounds the thread pools.
    quick : bool
        Small sizes.

    Returns
    -------
    list of dict
        For each: what, N, n, seconds, bytes "needed" for states and result, "over" the resident
        size after a small first call, and "peak" of the process; or an "error".
    """
    large = ("gram", 2000, 8) if quick else ("gram", 20000, 8)
    middle = ("gram", 1000, 10) if quick else ("gram", 4000, 12)
    projected = ("features", 50, 16) if quick else ("features", 500, 20)
    return [_measure_memory(what, variables) for what in (middle, large, projected)]


def training(variables: dict[str, str], *, quick: bool = False) -> list[dict[str, float]]:
    """Measure an alignment's value and gradient beside the Gram matrix.

    Parameters
    ----------
    variables : dict
        Environment that bounds the thread pools.
    quick : bool
        Small sizes.

    Returns
    -------
    list of dict
        For 12, 120 and 1200 parameters of one circuit: N, n, the number of symbols, medians of the
        seconds of a "gram" and of a "gradient", the median "ratio", and "extra", the most bytes
        beside the states over those of the states.
    """
    sizes = {"n_points": 40, "n_qubits": 6} if quick else {"n_points": 500, "n_qubits": 10}
    offsets = 12 * sizes["n_qubits"]
    every = [sizes | {"n_symbols": n} for n in (12, offsets, 10 * offsets)]
    return [given | processes.run("fresh", "training", given, variables) for given in every]


def _measure_memory(what: tuple[str, int, int], variables: dict[str, str]) -> dict[str, Any]:
    sizes = dict(zip(("what", "n_points", "n_qubits"), what, strict=True))
    return processes.attempt("fresh", "memory", sizes, variables)


# ---------------------------------------------------------------- being the process


def _imports() -> dict[str, float]:
    import cirq  # noqa: F401

    import qkernels  # noqa: F401

    return {}


def _first() -> dict[str, float]:
    start = time.perf_counter()
    import cirq  # noqa: F401

    imported = time.perf_counter()
    import qkernels as qk

    gram = qk.FidelityKernel(qk.feature_maps.zz(4))(_points(20, 4))
    done = time.perf_counter()
    _require(gram.shape == (20, 20))
    return {"import cirq": imported - start, "beyond": done - imported}


def _memory(what: str, n_points: int, n_qubits: int) -> dict[str, float]:
    import qkernels as qk

    feature_map = qk.feature_maps.zz(n_qubits)
    if what == "gram":
        compute, columns = qk.FidelityKernel(feature_map), n_points
        states = 16 * n_points * 2**n_qubits
    else:
        compute, columns = qk.ProjectedFeatures(feature_map).fit_transform, 3 * n_qubits
        states = 0  # they are streamed
    compute(_points(20, n_qubits))
    resident, start = processes.resident_bytes(), time.perf_counter()
    result = compute(_points(n_points, n_qubits))
    seconds, peak = time.perf_counter() - start, processes.peak_bytes()
    _require(result.shape == (n_points, columns))
    needed = states + 8 * n_points * columns
    return {"seconds": seconds, "needed": needed, "over": peak - resident, "peak": peak}


def _training(n_points: int, n_qubits: int, n_symbols: int) -> dict[str, float]:
    import numpy as np

    import qkernels as qk

    from .peers.ours import layered
    from .works import labels

    kernel = qk.FidelityKernel(
        layered(n_qubits, n_symbols),
        parameters=np.random.default_rng(0).uniform(-1, 1, n_symbols),
        parameter_bounds=(-np.pi, np.pi),
        evaluator=qk.StatevectorEvaluator(cache_size="0MB"),
    )
    loss, y = qk.losses.TargetAlignment(), labels(n_points)

    def gradient(X: Any) -> Any:
        K, vjp = kernel.value_and_vjp(X)
        return vjp(loss(K, y)[1]).theta

    times = []
    for k in range(16):
        X = np.random.default_rng(k).normal(size=(n_points, n_qubits))
        times.append((_seconds(kernel, X), _seconds(gradient, X)))
    times = times[1:]
    tracemalloc.start()
    found = gradient(X)
    peak = tracemalloc.get_traced_memory()[1]
    _require(found.shape == (n_symbols,))
    states = 16 * n_points * 2**n_qubits
    return {
        "gram": median(gram for gram, _ in times),
        "gradient": median(both for _, both in times),
        "ratio": median(both / gram for gram, both in times),
        "extra": peak / states - 1,
    }


def _seconds(function: Callable[[Any], Any], X: Any) -> float:
    start = time.perf_counter()
    function(X)
    return time.perf_counter() - start


def _points(n_points: int, n_qubits: int) -> Any:
    import numpy as np

    return np.random.default_rng(n_points).uniform(0.0, 6.0, (n_points, n_qubits))


def _require(condition: bool) -> None:
    if not condition:
        raise RuntimeError("the result has the wrong shape")


if __name__ == "__main__":
    processes.answer(
        {"imports": _imports, "first": _first, "memory": _memory, "training": _training}
    )
