"""Threads, processes and interrupts: no crash, no other number, no waiting."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cirq
import numpy as np
import pytest
import threadpoolctl

from qkernels import StatevectorEvaluator
from qkernels.evaluators import Direction, comparison, simulation
from tests.evaluators.maps import PARAMETERS, entangled, layered, points

ROOT = Path(__file__).parents[2]
N_POINTS, N_QUBITS = 200, 7
# Generous: these machines may be busy.
SECONDS = 120
evaluator = StatevectorEvaluator(cache_size=0)
pytestmark = pytest.mark.jit


def results(seed=0, computed_by=evaluator):
    """Return states, fidelities and Pauli values that are enough work for several threads."""
    X, feature_map = points(N_POINTS, seed=seed), entangled(N_QUBITS)
    a = computed_by.embed(feature_map, X, PARAMETERS)
    observables = [cirq.PauliString(cirq.Z(q)) for q in feature_map.qubits]
    return (
        *a.arrays().values(),
        computed_by.fidelities(a),
        computed_by.fidelities(a[:70], a[50:]),
        computed_by.expectations(feature_map, X, PARAMETERS, observables=observables),
    )


def gradients(seed=0, computed_by=evaluator):
    """Return gradients, backwards and forwards, through a circuit that starts with parameters."""
    X, feature_map = points(N_POINTS, seed=seed), layered(N_QUBITS)
    rng = np.random.default_rng(seed)
    a = computed_by.embed(feature_map, X, PARAMETERS)
    observables = [cirq.PauliString(cirq.Z(q)) for q in feature_map.qubits]
    direction = Direction(rng.normal(size=X.shape), rng.normal(size=len(PARAMETERS)))
    where, cotangent = (feature_map, X, PARAMETERS, observables), rng.normal(size=(N_POINTS,) * 2)
    return (
        *computed_by.fidelities_vjp(a, None, cotangent)[:2],
        *computed_by.fidelities_vjp(a[:70], a[50:], cotangent[:70, 50:]),
        *computed_by.expectations_vjp(*where, cotangent[:, :N_QUBITS])[:2],
        computed_by.fidelities_jacobian(a, [direction]),
        computed_by.expectations_jacobian(*where, [direction]),
    )


def assert_same(actual, expected):
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def all_in_threads(monkeypatch):
    """Gives every thread work, however little there is."""

    def set_count(count):
        for module in (simulation, comparison):
            monkeypatch.setattr(module, "thread_count", lambda: count)
        monkeypatch.setattr(simulation, "_SECONDS_WORTH_A_THREAD", 0.0)
        monkeypatch.setattr(comparison, "_FLOPS_WORTH_A_THREAD", 1)

    return set_count


@pytest.mark.parametrize("compute", [results, gradients])
@pytest.mark.parametrize("count", [2, 3, 7])
def test_any_number_of_threads_gives_the_same_bits(all_in_threads, count, compute):
    all_in_threads(1)
    expected = compute()
    all_in_threads(count)
    for _ in range(5):
        assert_same(compute(), expected)


@pytest.mark.parametrize("compute", [results, gradients])
def test_any_pace_gives_the_same_bits(all_in_threads, monkeypatch, compute):
    expected = compute()
    all_in_threads(2)
    monkeypatch.setattr(simulation, "_SECONDS_A_CALL", 0.0)
    monkeypatch.setattr(comparison, "_FLOPS_A_CALL", 1)
    assert_same(compute(), expected)


@pytest.mark.parametrize("shared", [evaluator, StatevectorEvaluator()], ids=["alone", "cached"])
def test_python_threads_at_once(all_in_threads, shared):
    expected = [results(seed) for seed in range(4)]
    all_in_threads(2)
    start = threading.Barrier(4)

    def run(seed):
        start.wait()
        return [results((seed + k) % 4, shared) for k in range(4)]

    with ThreadPoolExecutor(4) as pool:
        for seed, found in enumerate(pool.map(run, range(4))):
            for k, computed in enumerate(found):
                assert_same(computed, expected[(seed + k) % 4])


def test_blas_keeps_its_threads(all_in_threads):
    def limits():
        return [library["num_threads"] for library in threadpoolctl.threadpool_info()]

    before = limits()
    all_in_threads(2)
    results()
    assert limits() == before


def test_a_loop_that_fails_in_a_thread_fails_the_call(all_in_threads, monkeypatch):
    all_in_threads(2)

    def fail(worker, *arguments):
        if worker == 1:
            raise ZeroDivisionError("in a thread")

    monkeypatch.setattr(simulation.embedding, "_embed", fail)
    with pytest.raises(ZeroDivisionError, match="in a thread"):
        results()


# -- Processes


def child(context, target, *arguments):
    """Return what `target` sends from a process of its own."""
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=target, args=(sender, *arguments))
    process.start()
    try:
        assert receiver.poll(SECONDS), "the process did not answer"
        return receiver.recv()
    finally:
        process.kill()
        process.join()


def send_results(sender):
    sender.send(results())


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_computes_too(all_in_threads):
    all_in_threads(2)
    expected = results()
    assert_same(child(multiprocessing.get_context("fork"), send_results), expected)


def send_cached_results(sender):
    sender.send(results(computed_by=StatevectorEvaluator()))


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_forked_while_a_thread_prepares_points_does_not_wait_for_it():
    expected, cache = results(), StatevectorEvaluator()._cache
    inside, leave = threading.Event(), threading.Event()

    def slow(rows):
        inside.set()
        leave.wait(SECONDS)
        return (rows,)

    thread = threading.Thread(target=cache.get, args=("slow", points(1), slow))
    thread.start()
    try:
        assert inside.wait(SECONDS)
        found = child(multiprocessing.get_context("fork"), send_cached_results)
    finally:
        leave.set()
        thread.join()
    assert_same(found, expected)


AT_ONCE = """
import joblib, numpy as np
from concurrent.futures import ThreadPoolExecutor
from tests.evaluators.test_threads_and_processes import results

serial = [results(seed) for seed in range(2)]
with ThreadPoolExecutor(2) as pool:
    threads = list(pool.map(results, range(2)))
processes = joblib.Parallel(n_jobs=2, backend="loky")(
    joblib.delayed(results)(seed) for seed in range(2)
)
for found in (threads, processes):
    for a, b in zip(found, serial, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)
print("same")
"""


def script(text):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", text],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_threads_and_joblib_processes_at_once():
    with script(AT_ONCE) as process:
        output, errors = process.communicate(timeout=2 * SECONDS)
    assert output == "same\n", errors
    assert process.returncode == 0


INTERRUPTED = """
import cirq, numpy as np
from qkernels import StatevectorEvaluator
from tests.evaluators.maps import PARAMETERS, entangled, points

feature_map = entangled(14)
observables = [cirq.PauliString(cirq.Z(q)) for q in feature_map.qubits]
evaluator = StatevectorEvaluator(cache_size=0)
evaluator.expectations(feature_map, points(1), PARAMETERS, observables=observables)
print("started", flush=True)
try:
    evaluator.expectations(feature_map, points(10**6), PARAMETERS, observables=observables)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process")
def test_ctrl_c_does_not_wait_for_a_long_computation():
    with script(INTERRUPTED) as process:
        assert process.stdout.readline() == "started\n", process.stderr.read()
        threading.Event().wait(1.0)
        process.send_signal(signal.SIGINT)
        try:
            output, errors = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    assert output == "interrupted\n", errors


def test_gram_matrices_are_computed_in_calls_short_enough_for_ctrl_c(monkeypatch):
    flops = []

    def spy(gram, a, b, tiles, **how):
        sizes = (tiles[:, 1] - tiles[:, 0]) * (tiles[:, 3] - tiles[:, 2])
        flops.append(8 * sizes.sum() * a[0].shape[1])

    monkeypatch.setattr(comparison.overlaps, "write_fidelities", spy)
    monkeypatch.setattr(comparison, "thread_count", lambda: 2)
    monkeypatch.setattr(comparison, "_FLOPS_A_CALL", 2 * 10**8)
    evaluator.fidelities(evaluator.embed(entangled(8), points(1000), PARAMETERS))
    assert len(flops) > 2
    assert max(flops) <= 2 * 2 * 10**8


def test_states_are_computed_in_calls_short_enough_for_ctrl_c(monkeypatch):
    blocks = []

    def spy(re, im, angles, chosen, room, *others):
        if len(re) > 1:  # Else it is the state that all points start from.
            blocks.append(chosen.tolist())

    monkeypatch.setattr(simulation.embedding, "embed", spy)
    monkeypatch.setattr(simulation, "_SECONDS_A_CALL", 0.001)
    evaluator.embed(entangled(10), points(5000), PARAMETERS)
    assert len(blocks) > 5
    assert [first for first, _ in blocks] == [0, *(last for _, last in blocks[:-1])]
    assert blocks[-1][1] == 5000 // 8
