"""Wide circuits: the Ising map on up to 200 qubits beside quimb, and light cones on 200 qubits.

Run as a script, this file is a new process that measures itself and prints JSON; how it is started
is in `processes.py`. In it qkernels and quimb's workers, which are in `peers/quimb_mps.py`, take
turns. The tables and the picture are in `wide_report.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib import metadata, util
from itertools import combinations
from statistics import median
from typing import Any

import cirq
import numpy as np
import sympy
from sklearn.datasets import make_classification
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, StandardScaler

from . import processes
from .peers import quimb_mps
from .quiet import Watch
from .scale import Conditions

_TOLERANCE = 1e-6
_PAIRS_OF_EACH = 6
# Seconds before a turn, in which other programs are watched.
_PAUSE = 0.3
_DEPTH = 3
_SQRT_ISWAP = cirq.unitary(cirq.ISWAP**0.5)
_PAULIS = np.array([cirq.unitary(p) for p in (cirq.X, cirq.Y, cirq.Z)])
# Qubits, distance, points of ours and of quimb's in a turn; γ is 1.
_DISTANCES = ((100, 1, 256, 8), (100, 2, 128, 8), (100, 3, 32, 4), (100, 4, 16, 4))
_WIDTHS = ((25, 2, 128, 8), (50, 2, 128, 8), (200, 2, 128, 8))
_QUICK = ((12, 1, 16, 4), (12, 2, 16, 4), (8, 2, 16, 4))


def missing() -> str:
    """Return the first package that is needed and cannot be found, or nothing."""
    return next((name for name in ("qkernels", "quimb") if util.find_spec(name) is None), "")


# ---------------------------------------------------------------- asking for processes


def measure(conditions: Conditions) -> list[dict[str, Any]]:
    """Measure a record, states and overlaps of several bonds and widths, and light cones.

    Parameters
    ----------
    conditions : Conditions
        How to measure.

    Returns
    -------
    list of dict
        Each with "what" it is and its sizes, and with what `_record`, `_states` or `_cones`
        returns, or an "error".
    """
    found = []
    for what, sizes in _orders(conditions):
        entry = processes.attempt("wide", what, sizes, conditions.variables)
        found.append({"what": what, **entry, **_complaint(entry)})
    return found


def _complaint(entry: dict[str, Any]) -> dict[str, str]:
    differs = entry.get("differs", 0.0)
    return {} if differs <= _TOLERANCE else {"error": f"differs by {differs:.0e}"}


def _orders(conditions: Conditions) -> Iterator[tuple[str, dict[str, Any]]]:
    quick = conditions.quick
    n_points, n_qubits = (60, 12) if quick else (5120, 165)
    yield "record", {"n_points": n_points, "n_qubits": n_qubits, "n_sampled": 20 if quick else 100}
    names = ("n_qubits", "distance", "n_points", "n_theirs")
    for sizes in _QUICK if quick else (*_DISTANCES, *_WIDTHS):
        named = dict(zip(names, sizes, strict=True))
        yield "states", {**named, "repetitions": conditions.repetitions}
    n_points, n_qubits = (20, 16) if quick else (500, 200)
    yield "cones", {"n_points": n_points, "n_qubits": n_qubits}


# ---------------------------------------------------------------- being the process


def _record(n_points: int, n_qubits: int, n_sampled: int) -> dict[str, Any]:
    """Compute the Gram matrix of the published record, and a sample of it with quimb.

    Returns
    -------
    dict
        "seconds" from points to matrix, of which "states"; "peak" bytes of the process; the
        "smallest" and "largest" eigenvalue; how many entries were "checked" and by how much they
        "differ"; quimb's "version" and seconds for each of "their_states" and "their_overlaps".
    """
    import qkernels as qk

    evaluator = qk.MPSEvaluator()
    kernel = qk.FidelityKernel(qk.feature_maps.ising(n_qubits, gamma=0.1), evaluator=evaluator)
    X = records(n_points, n_qubits)
    kernel(X[:8])  # compiles
    start = time.perf_counter()
    K = qk.gram_matrix(kernel, X)
    seconds, peak = time.perf_counter() - start, processes.peak_bytes()
    start = time.perf_counter()
    qk.MPSEvaluator(cache_size="0MB").embed(kernel.feature_map, X)
    states = time.perf_counter() - start
    values = np.linalg.eigvalsh(K)
    return {
        "seconds": seconds,
        "states": states,
        "peak": peak,
        "smallest": float(values[0]),
        "largest": float(values[-1]),
        **_sampled(K, X, n_sampled),
    }


def _sampled(K: np.ndarray, X: np.ndarray, n_sampled: int) -> dict[str, Any]:
    """Compare ten times so many entries with quimb's."""
    random = np.random.default_rng(1)
    with _workers() as workers:
        rows = np.array_split(random.choice(len(X), n_sampled, replace=False), workers.n_workers)
        way = workers.tune(X[0], 0.1, 1)
        states, _ = workers.states(way, X[np.concatenate(rows)], 0.1, 1)
        n_pairs = 10 * n_sampled // workers.n_workers
        pairs = [_some_pairs(len(part), n_pairs, random) for part in rows]
        overlaps, found = workers.fidelities(pairs)
    ours = [K[part[p[:, 0]], part[p[:, 1]]] for part, p in zip(rows, pairs, strict=True)]
    return {
        "version": metadata.version("quimb"),
        "checked": sum(map(len, found)),
        "differs": float(np.max(np.abs(np.concatenate(found) - np.concatenate(ours)))),
        "their_states": states,
        "their_overlaps": overlaps,
    }


def _some_pairs(n_points: int, n_pairs: int, random: np.random.Generator) -> np.ndarray:
    every = np.array(list(combinations(range(n_points), 2)))
    return random.permutation(every)[:n_pairs]


def _states(
    n_qubits: int, distance: int, n_points: int, n_theirs: int, repetitions: int
) -> dict[str, Any]:
    """Take turns with quimb at states and overlaps of the Ising map with γ = 1.

    Returns
    -------
    dict
        The "bond" that inner bonds have in the mean and the "greatest", "their_bond" for quimb,
        the "way" that is fastest with quimb, seconds for each state and each pair by turn
        ("states", "overlaps", "their_states", "their_overlaps"), by how much fidelities
        "differ", and how many processors other programs kept "busy".
    """
    with _workers() as workers:
        way = workers.tune(points(1, n_qubits, 0)[0], 1.0, distance)
        sizes = (n_points, n_theirs)
        _turn(workers, way, n_qubits, distance, sizes, 0)  # compiles
        watch, turns = Watch(), []
        for k in range(1, repetitions + 1):
            watch.pause(_PAUSE)
            turns.append(_turn(workers, way, n_qubits, distance, sizes, k))
    times = ("states", "overlaps", "their_states", "their_overlaps")
    return {
        "way": way.removeprefix("by_"),
        "busy": watch.take(),
        **{name: [turn[name] for turn in turns] for name in times},
        **{name: median(turn[name] for turn in turns) for name in ("bond", "their_bond")},
        **{name: max(turn[name] for turn in turns) for name in ("greatest", "differs")},
    }


def _turn(
    workers: quimb_mps.Workers,
    way: str,
    n_qubits: int,
    distance: int,
    sizes: tuple[int, int],
    repetition: int,
) -> dict[str, float]:
    n_points, n_theirs = sizes
    X = points(n_points, n_qubits, repetition)
    found, K = _our_turn(X, distance)
    parts = np.array_split(np.arange(n_theirs), workers.n_workers)
    their_states, bonds = workers.states(way, X[:n_theirs], 1.0, distance)
    random = np.random.default_rng(repetition)
    pairs = [_some_pairs(len(part), _PAIRS_OF_EACH, random) for part in parts]
    their_overlaps, values = workers.fidelities(pairs)
    ours = [K[part[p[:, 0]], part[p[:, 1]]] for part, p in zip(parts, pairs, strict=True)]
    return {
        **found,
        "their_states": their_states,
        "their_overlaps": their_overlaps,
        "their_bond": float(np.mean(bonds)),
        "differs": float(np.max(np.abs(np.concatenate(values) - np.concatenate(ours)))),
    }


def _our_turn(X: np.ndarray, distance: int) -> tuple[dict[str, float], np.ndarray]:
    import qkernels as qk

    evaluator = qk.MPSEvaluator(cache_size="0MB")
    feature_map, n_points = qk.feature_maps.ising(X.shape[1], distance=distance), len(X)
    evaluator.embed(feature_map, X[:1])  # translates the circuit, once for all points
    start = time.perf_counter()
    states = evaluator.embed(feature_map, X)
    prepared = time.perf_counter()
    K = evaluator.fidelities(states)
    compared = time.perf_counter()
    bonds = states.arrays()["bonds"][:, 1:-1]
    found = {
        "states": (prepared - start) / n_points,
        "overlaps": (compared - prepared) / (n_points * (n_points - 1) / 2),
        "bond": float(np.mean(bonds)),
        "greatest": int(np.max(bonds)),
    }
    return found, K


def _cones(n_points: int, n_qubits: int) -> dict[str, float]:
    """Compute a projected kernel through light cones, and a few entries without qkernels.

    Returns
    -------
    dict
        "seconds" from points to matrix with the translation of the circuit, "again" those
        for other points; by how much entries "differ" from those in plain NumPy, how many were
        "checked"; "peak" bytes of the process.
    """
    import qkernels as qk

    evaluator = qk.StatevectorEvaluator()
    qk.ProjectedKernel(brickwork(8), evaluator=evaluator)(angles(4, 8, 0))  # compiles
    X = angles(n_points, n_qubits, 1)
    start = time.perf_counter()
    kernel = qk.ProjectedKernel(brickwork(n_qubits), gamma=1 / n_qubits, evaluator=evaluator)
    K = kernel(X)
    seconds, peak = time.perf_counter() - start, processes.peak_bytes()
    start = time.perf_counter()
    kernel(angles(n_points, n_qubits, 2))
    again = time.perf_counter() - start
    vectors = np.array([bloch_vectors(x) for x in X[:4]])
    distances = np.sum((vectors[:, None] - vectors) ** 2, axis=(2, 3))
    expected = np.exp(-distances / (2 * n_qubits))
    return {
        "seconds": seconds,
        "again": again,
        "differs": float(np.max(np.abs(K[:4, :4] - expected))),
        "checked": expected.size,
        "peak": peak,
    }


def _workers() -> quimb_mps.Workers:
    """Return quimb's processes, as many as qkernels has threads."""
    from qkernels.loops.jit import thread_count

    return quimb_mps.Workers(thread_count())


# ---------------------------------------------------------------- data and circuits


def records(n_points: int, n_features: int) -> np.ndarray:
    """Return generated features, treated as the record's: scaled to [0, 2] by their quantiles.

    A third of them are 0 for half of the points, as features of transactions are.
    """
    X, _ = make_classification(
        n_points, n_features, n_informative=6, n_redundant=n_features // 2, random_state=0
    )
    X[:, ::3] = np.maximum(X[:, ::3] - np.median(X[:, ::3], axis=0), 0)
    quantiles = QuantileTransformer(
        n_quantiles=min(1000, n_points), output_distribution="normal", random_state=0
    )
    return make_pipeline(quantiles, StandardScaler(), MinMaxScaler((0, 2))).fit_transform(X)


def points(n_points: int, n_qubits: int, repetition: int) -> np.ndarray:
    """Return points in [0, 2] so close together that their fidelities are not all 0."""
    random = np.random.default_rng([repetition, n_qubits])
    centre = random.uniform(0, 2, n_qubits)
    return np.clip(centre + 0.01 * random.standard_normal((n_points, n_qubits)), 0, 2)


def angles(n_points: int, n_qubits: int, repetition: int) -> np.ndarray:
    """Return points in [0, 2π]."""
    return np.random.default_rng(repetition).uniform(0, 2 * np.pi, (n_points, n_qubits))


def brickwork(n_qubits: int) -> Any:
    """Return layers of R_Y(x_i) and R_Z(x_i) on each qubit, followed by bricks of √iSWAP."""
    import qkernels as qk

    x, qubits = sympy.symbols(f"x:{n_qubits}"), cirq.LineQubit.range(n_qubits)
    circuit = cirq.Circuit()
    for layer in range(_DEPTH):
        circuit += [cirq.ry(x[i])(q) for i, q in enumerate(qubits)]
        circuit += [cirq.rz(x[i])(q) for i, q in enumerate(qubits)]
        circuit += [cirq.ISWAP(*qubits[i : i + 2]) ** 0.5 for i in _bricks(layer, n_qubits)]
    return qk.FeatureMap(circuit, x)


def bloch_vectors(x: np.ndarray) -> np.ndarray:
    """Return the Bloch vectors of the brickwork's qubits, in plain NumPy, of shape (n, 3).

    A qubit's are those of the circuit on the qubits that are at most `_DEPTH` away.
    """
    vectors = []
    for q in range(len(x)):
        first = max(q - _DEPTH, 0)
        window = x[first : q + _DEPTH + 1]
        state = _windowed(window, first, len(x)).reshape(2 ** (q - first), 2, -1)
        density = np.einsum("asb,atb->st", state, state.conj())
        vectors.append(np.einsum("pst,ts->p", _PAULIS, density).real)
    return np.array(vectors)


def _windowed(x: np.ndarray, first: int, n_qubits: int) -> np.ndarray:
    n = len(x)
    state = np.eye(1, 2**n, dtype=complex)[0]
    for layer in range(_DEPTH):
        for i in range(n):
            c, s, phase = np.cos(x[i] / 2), np.sin(x[i] / 2), np.exp(0.5j * x[i])
            turn = np.diag([phase.conjugate(), phase]) @ np.array([[c, -s], [s, c]])
            state = np.einsum("st,atb->asb", turn, state.reshape(2**i, 2, -1)).ravel()
        for i in _bricks(layer, n_qubits):
            if first <= i < first + n - 1:
                shape = (2 ** (i - first), 4, -1)
                state = np.einsum("st,atb->asb", _SQRT_ISWAP, state.reshape(shape)).ravel()
    return state


def _bricks(layer: int, n_qubits: int) -> range:
    return range(layer % 2, n_qubits - 1, 2)


if __name__ == "__main__":
    processes.answer({"record": _record, "states": _states, "cones": _cones})
