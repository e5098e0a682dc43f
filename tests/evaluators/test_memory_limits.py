"""What does not fit is refused before any work, with how much is missing and what to do."""

import cirq
import numpy as np
import pytest

from qkernels import StatevectorEvaluator, memory
from qkernels.evaluators import Direction, simulation, statevector
from tests.evaluators.maps import PARAMETERS, entangled, points, product

evaluator = StatevectorEvaluator(cache_size=0)
single = StatevectorEvaluator(precision="single", cache_size=0)
NARROWER = (
    r"take observables on fewer qubits, a map of fewer layers, or evaluator=MPSEvaluator\(\) or "
    'evaluator="auto"'
)


def everywhere(n_qubits):
    """Return an observable whose light cone is a whole register of the entangled map."""
    return [cirq.PauliString(cirq.Z.on_each(*cirq.LineQubit.range(n_qubits)))]


@pytest.fixture
def free(monkeypatch):
    """Sets how many bytes are free, and lets nothing be simulated."""

    def refuse(*arguments):
        raise AssertionError("work was begun")

    def set_free(n_bytes):
        for module in (memory, simulation):
            monkeypatch.setattr(module, "available_memory", lambda: n_bytes)
        monkeypatch.setattr(memory, "_MODEST", 0)

        for name in ("Simulation", "measure", "pull_back_fidelities", "pull_back_expectations"):
            monkeypatch.setattr(statevector, name, refuse)

    return set_free


def test_states_that_do_not_fit(free):
    free(10**6)
    with pytest.raises(
        MemoryError,
        match=r"^expected 16\.\d MB of free memory to keep the states of 1000 points on 10 qubits, "
        r"got 1 MB: take fewer points at a time, precision='single', or fewer qubits; a projected "
        "kernel keeps no states$",
    ):
        evaluator.embed(entangled(10), points(1000), PARAMETERS)


def test_states_that_fit_in_single_precision_only(free):
    free(13 * 10**6)
    with pytest.raises(MemoryError, match=r"^expected 16\.\d MB .* got 13 MB"):
        evaluator.embed(entangled(10), points(1000), PARAMETERS)
    with pytest.raises(AssertionError, match="work was begun"):
        single.embed(entangled(10), points(1000), PARAMETERS)


def test_unconnected_parts_take_little(free):
    free(10**5)
    with pytest.raises(AssertionError, match="work was begun"):
        evaluator.embed(product(20), points(10, 20))


def test_whole_states_that_do_not_fit(free):
    free(10**6)
    with pytest.raises(
        MemoryError,
        match=r"^expected 503 MB of free memory to return the states of 10 points on 20 qubits, "
        "got 1 MB: take fewer points at a time, or fewer qubits$",
    ):
        evaluator.statevectors(product(20), points(10, 20))


def test_a_simulation_that_does_not_fit(free):
    free(10**6)
    with pytest.raises(
        MemoryError,
        match=r"^expected \d\.\d\d GB of free memory to simulate 24 qubits, the most that an "
        f"observable depends on, got 1 MB: {NARROWER}$",
    ):
        evaluator.expectations(entangled(24), points(1), PARAMETERS, observables=everywhere(24))


def test_light_cones_take_little(free):
    free(10**6)
    ends = [cirq.X(cirq.LineQubit(0)) * cirq.Z(cirq.LineQubit(99))]
    with pytest.raises(AssertionError, match="work was begun"):
        evaluator.expectations(entangled(100), points(10), PARAMETERS, observables=ends)


@pytest.mark.parametrize("method", ["expectations", "expectations_vjp", "expectations_jacobian"])
def test_light_cones_that_no_memory_holds(free, method):
    last = {
        "expectations": {},
        "expectations_vjp": {"cotangent": np.ones((1, 2))},
        "expectations_jacobian": {"wrt": []},
    }
    observables = [*everywhere(70), *everywhere(65)]
    arguments = {"observables": observables, **last[method]}
    with pytest.raises(
        MemoryError,
        match="^expected observables that depend on at most 60 connected qubits, got one whose "
        f"light cone holds 70: {NARROWER}$",
    ):
        getattr(evaluator, method)(entangled(70), points(1), PARAMETERS, **arguments)


def test_expectation_values_that_do_not_fit(free):
    free(10**6)
    wanted = [cirq.PauliString(cirq.Z(cirq.LineQubit(0)))] * 200
    with pytest.raises(MemoryError, match=r"^expected 1\.6\d* MB of free memory to simulate 1 qub"):
        evaluator.expectations(product(2), points(1000, 2), observables=wanted)


def test_a_gram_matrix_that_does_not_fit(monkeypatch):
    a = evaluator.embed(product(1), points(500, 1))
    monkeypatch.setattr(memory, "available_memory", lambda: 10**6)
    monkeypatch.setattr(memory, "_MODEST", 0)
    with pytest.raises(
        MemoryError,
        match=r"^expected 2 MB of free memory to compute a Gram matrix of 500 x 500, got 1 MB: "
        "compare blocks of the points instead of all at once$",
    ):
        evaluator.fidelities(a)
    assert evaluator.fidelities(a, a[:200]).shape == (500, 200)
    with pytest.raises(MemoryError, match=r"^expected 1.6 MB of free memory"):
        evaluator.fidelities(a, a[:200], return_std=True)


def test_gradients_that_do_not_fit(free):
    prepared = evaluator.embed(product(1), points(500, 1))
    direction = Direction(np.zeros((500, 1)), np.empty(0))
    free(10**4)
    with pytest.raises(
        MemoryError,
        match=r"^expected 16 KB of free memory for the gradient with respect to the states of 500 "
        "points, got 10 KB: take fewer points at a time$",
    ):
        evaluator.fidelities_vjp(prepared[:200], prepared[200:], np.ones((200, 300)))
    with pytest.raises(
        MemoryError,
        match=r"^expected 18\.\d MB of free memory for the gradient of a Gram matrix of 500 points "
        "by 3 hyperparameters, got 10 KB: free fewer hyperparameters, or train with KernelTrainer, "
        "whose memory does not depend on their number$",
    ):
        evaluator.fidelities_jacobian(prepared, [direction] * 3)


def test_gradients_through_a_register_that_does_not_fit(free):
    free(10**6)
    where = entangled(24), points(1), PARAMETERS, everywhere(24)
    direction = Direction(points(1), PARAMETERS)
    what = (
        r"^expected \d\.\d\d GB of free memory for a gradient through 24 qubits, the most that an "
        "observable depends on, got 1 MB: "
    )
    with pytest.raises(MemoryError, match=f"{what}{NARROWER}$"):
        evaluator.expectations_vjp(*where, np.ones((1, 1)))
    with pytest.raises(MemoryError, match=f"{what}free fewer hyperparameters, or {NARROWER}$"):
        evaluator.expectations_jacobian(*where, [direction])


@pytest.mark.parametrize("method", ["embed", "statevectors"])
@pytest.mark.parametrize(
    ("n_qubits", "message"),
    [
        (40, "^expected .* of free memory .* 40 qubits, got .* GB: take "),
        (60, "^expected .* of free memory .* 60 qubits, got .* GB: take "),
        (
            61,
            "^expected at most 60 qubits in each connected part of a circuit, got 61: no memory "
            r"holds a state of 2\^61 amplitudes; take evaluator=MPSEvaluator\(\) or "
            'evaluator="auto", or a projected kernel, which simulates the light cones of its '
            "observables only$",
        ),
    ],
)
def test_registers_that_no_memory_holds(method, n_qubits, message):
    with pytest.raises(MemoryError, match=message):
        getattr(evaluator, method)(entangled(n_qubits), points(1), PARAMETERS)


def test_any_number_of_unconnected_qubits_fits():
    wide = product(100)
    assert evaluator.fidelities(evaluator.embed(wide, points(3, 100))).shape == (3, 3)


def test_wide_registers_take_fewer_threads(monkeypatch):
    rooms = []

    def spy(re, im, angles, blocks, room, *others):
        rooms.append(room)

    monkeypatch.setattr(simulation.embedding, "embed", spy)
    monkeypatch.setattr(simulation, "thread_count", lambda: 4)
    monkeypatch.setattr(simulation, "_MODEST_ROOM", 0)
    monkeypatch.setattr(simulation, "_SECONDS_WORTH_A_THREAD", 0)

    def workers(free):
        monkeypatch.setattr(simulation, "available_memory", lambda: free)
        evaluator.embed(entangled(10), points(64), PARAMETERS)
        return len(rooms[-1])

    assert workers(10**9) == 4
    one = rooms[-1][0].nbytes
    # A quarter of what is free may be taken.
    assert workers(4 * 4 * one) == 4
    assert workers(4 * 4 * one - 1) == 3
    assert workers(4 * one) == 1
    assert workers(1) == 1
