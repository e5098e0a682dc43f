"""A ledger under any Cirq program: the same again costs nothing, and nothing is counted twice."""

import cirq
import numpy as np
import pytest
import sympy

from qkernels.hardware import LedgeredSampler
from qkernels.sampling import execution
from qkernels.sampling.backends import Offline, SamplerBackend, as_backend
from qkernels.sampling.budget import Budget, BudgetExceeded
from qkernels.sampling.execution import MissingCounts, UnknownSubmission
from qkernels.sampling.ledger import Ledger
from tests.sampling.faulty import FaultyBackend, PaidBackend, PaidSampler, Service

Q = cirq.LineQubit.range(3)
A, B = sympy.symbols("a b")


class Counting(cirq.Simulator):
    """Counts the repetitions that it is asked for."""

    bought = 0

    def run_sweep_iter(self, program, params, repetitions=1):
        self.bought += repetitions * len(list(cirq.to_resolvers(params)))
        return super().run_sweep_iter(program, params, repetitions)


@pytest.fixture
def simulator():
    return Counting(seed=0)


@pytest.fixture
def sampler(simulator):
    return LedgeredSampler(simulator, Ledger())


CIRCUIT = cirq.Circuit(
    cirq.X(Q[0]) ** A, cirq.CNOT(*Q[:2]), cirq.ry(A * B)(Q[2]), cirq.measure(*Q, key="m")
)


def bits(results):
    return np.array([result.measurements["m"] for result in results])


def test_the_same_again_is_the_same(simulator, sampler):
    sweep = cirq.Product(cirq.Points("a", [0.1, 0.6]), cirq.Points("b", [1.0, 2.0, 3.0]))
    first = sampler.run_sweep(CIRCUIT, sweep, 100)
    assert [r.params for r in first] == list(sweep)
    assert [r.repetitions for r in first] == [100] * 6
    assert sampler.run_sweep(CIRCUIT, sweep, 100) == first
    alone = sampler.run(CIRCUIT, {"b": 3.0, "a": 0.1}, repetitions=100)
    np.testing.assert_array_equal(alone.measurements["m"], first[2].measurements["m"])
    assert simulator.bought == 600


def test_outcomes_are_those_of_the_circuit(sampler):
    sweep = cirq.Zip(cirq.Points("a", [0.0, 1.0]), cirq.Points("b", [0.0, np.pi]))
    off, on = bits(sampler.run_sweep(CIRCUIT, sweep, 50))
    assert not off.any()
    assert on.all()
    fair = bits(sampler.run_sweep(CIRCUIT, {"a": 0.5, "b": 0.0}, 4000))[0]
    np.testing.assert_array_equal(fair[:, 0], fair[:, 1])
    assert abs(fair[:, 0].mean() - 0.5) < 5 * 0.5 / np.sqrt(4000)
    # The order of repetitions says nothing.
    assert abs(np.mean(fair[1:, 0] == fair[:-1, 0]) - 0.5) < 5 * 0.5 / np.sqrt(4000)


def test_more_repetitions_begin_with_those_that_are_here(simulator, sampler):
    few, many = (sampler.run(CIRCUIT, {"a": 0.5, "b": 1.0}, n) for n in (30, 100))
    np.testing.assert_array_equal(bits([many])[0, :30], bits([few])[0])
    assert simulator.bought == 100
    assert sampler.run(CIRCUIT, {"a": 0.5, "b": 1.0}, 30) == few
    middle = sampler.run(CIRCUIT, {"a": 0.5, "b": 1.0}, 60)
    np.testing.assert_array_equal(bits([middle])[0], bits([many])[0, :60])
    assert simulator.bought == 100


def test_equal_points_of_a_sweep_are_measured_independently(simulator, sampler):
    sweep = cirq.Zip(cirq.Points("a", [0.5, 0.1, 0.5, 0.5]), cirq.Points("b", [1.0] * 4))
    first, _, second, third = results = sampler.run_sweep(CIRCUIT, sweep, 2000)
    assert simulator.bought == 8000
    for one, other in [(first, second), (first, third), (second, third)]:
        same = np.mean(bits([one])[0, :, 0] == bits([other])[0, :, 0])
        assert abs(same - 0.5) < 5 * 0.5 / np.sqrt(2000)
    assert sampler.run_sweep(CIRCUIT, sweep, 2000) == results
    assert sampler.run(CIRCUIT, {"a": 0.5, "b": 1.0}, 2000) == first
    assert simulator.bought == 8000


def test_several_keys(sampler):
    circuit = cirq.Circuit(
        cirq.X(Q[0]), cirq.X(Q[2]), cirq.measure(Q[2], Q[1], key="b"), cirq.measure(Q[0], key="a")
    )
    result = sampler.run(circuit, repetitions=5)
    assert result.measurements.keys() == {"a", "b"}
    assert result.measurements["a"].tolist() == [[1]] * 5
    assert result.measurements["b"].tolist() == [[1, 0]] * 5
    assert result.measurements["a"].dtype == np.uint8


def test_outcomes_of_several_keys_belong_together(sampler):
    circuit = cirq.Circuit(
        cirq.H(Q[0]), cirq.CNOT(*Q[:2]), cirq.measure(Q[0], key="a"), cirq.measure(Q[1], key="b")
    )
    found = sampler.run(circuit, repetitions=200).measurements
    np.testing.assert_array_equal(found["a"], found["b"])
    assert 0 < found["a"].mean() < 1


def test_without_symbols(simulator, sampler):
    circuit = cirq.Circuit(cirq.H(Q[0]), cirq.measure(Q[0], key="m"))
    first = sampler.run(circuit, repetitions=20)
    assert sampler.run(circuit, repetitions=20) == first
    # Values of other symbols are none of the circuit's.
    twice = sampler.run_sweep(circuit, cirq.Points("other", [1.0, 2.0]), repetitions=20)
    np.testing.assert_array_equal(twice[0].measurements["m"], first.measurements["m"])
    assert simulator.bought == 40
    assert sampler.run_sweep(circuit, cirq.Points("other", []), repetitions=20) == []


def test_batches_and_samples(sampler):
    circuits = [CIRCUIT, cirq.Circuit(cirq.X(Q[0]), cirq.measure(Q[0], key="n"))]
    found = sampler.run_batch(circuits, [{"a": 1.0, "b": 0.0}, {}], repetitions=[10, 20])
    assert [[r.repetitions for r in results] for results in found] == [[10], [20]]
    frame = sampler.sample(
        CIRCUIT, repetitions=5, params=cirq.Points("a", [1.0]) * cirq.Points("b", [0.0])
    )
    assert frame["m"].tolist() == [0b110] * 5


def test_expressions_that_no_device_knows(sampler):
    circuit = cirq.Circuit(cirq.X(Q[0]) ** sympy.cos(A), cirq.measure(Q[0], key="m"))
    off, on = bits(sampler.run_sweep(circuit, cirq.Points("a", [np.pi / 2, 0.0]), 20))
    assert not off.any()
    assert on.all()


def test_measurements_inside_subcircuits_and_controls(sampler):
    inner = cirq.FrozenCircuit(cirq.X(Q[0]) ** A, cirq.measure(Q[0], key="inner"))
    circuit = cirq.Circuit(
        cirq.CircuitOperation(inner).with_params({A: B}),
        cirq.X(Q[1]).with_classical_controls("inner"),
        cirq.measure(Q[1], key="m"),
    )
    found = sampler.run(circuit, {"b": 0.5}, repetitions=100).measurements
    np.testing.assert_array_equal(found["inner"], found["m"])
    assert 0 < found["m"].mean() < 1


def test_after_a_crash(tmp_path):
    path, service = tmp_path / "ledger.db", Service(tmp_path / "service")
    sweep = cirq.Points("a", np.linspace(0, 1, 10).tolist()) * cirq.Points("b", [0.0])
    backend = FaultyBackend(service, before={"submit": [None, None, KeyboardInterrupt()]})
    interrupted = LedgeredSampler(backend, path, points_per_chunk=2)
    with pytest.raises(KeyboardInterrupt):
        interrupted.run_sweep(CIRCUIT, sweep, 10)
    first = LedgeredSampler(PaidBackend(service), path).run_sweep(CIRCUIT, sweep, 10)
    assert set(service.sold().values()) == {10}
    assert LedgeredSampler(Offline("paid"), path).run_sweep(CIRCUIT, sweep, 10) == first


@pytest.fixture(autouse=True)
def no_waits(monkeypatch):
    monkeypatch.setattr(execution, "_ARRIVAL_WAITS", ())


def test_unknown_submissions(tmp_path):
    class Gone(PaidSampler):
        def run_sweep(self, *arguments):
            super().run_sweep(*arguments)
            raise ConnectionError("gone")

    service, ledger = Service(tmp_path / "service"), Ledger()
    values = {"a": 0.5, "b": 1.0}
    with pytest.raises(UnknownSubmission, match=r"submission 1 .*ConnectionError: gone"):
        LedgeredSampler(SamplerBackend(Gone(service), identity="paid"), ledger).run(CIRCUIT, values)
    again = LedgeredSampler(SamplerBackend(PaidSampler(service), identity="paid"), ledger)
    with pytest.raises(UnknownSubmission):
        again.run(CIRCUIT, values)
    again.resolve(1, action="resubmit")
    assert again.run(CIRCUIT, values).repetitions == 1
    assert len(service.sales()) == 2


def test_short_rows(tmp_path):
    def drop_last(results):
        return [cirq.ResultDict(records={"m": r.records["m"][:-1]}) for r in results]

    backend = FaultyBackend(Service(tmp_path / "service"), distort=drop_last)
    sampler = LedgeredSampler(backend, Ledger())
    sweep = cirq.Points("a", [0.5, 0.5]) * cirq.Points("b", [1.0])
    assert [r.repetitions for r in sampler.run_sweep(CIRCUIT, sweep, 10)] == [10, 9]
    assert backend.calls["submit"] == 1


def test_budget_and_chunks(tmp_path):
    service = Service(tmp_path / "service")
    sampler = LedgeredSampler(
        PaidBackend(service), Ledger(), budget=Budget(repetitions=50), points_per_chunk=2
    )
    sweep = cirq.Points("a", [0.1, 0.2, 0.3, 0.4, 0.5]) * cirq.Points("b", [1.0])
    sampler.run_sweep(CIRCUIT, sweep, 10)
    assert [len(points) for points, _ in service.sales().values()] == [2, 2, 1]
    with pytest.raises(BudgetExceeded, match="expected at most 50 repetitions in all, got 50"):
        sampler.run_sweep(CIRCUIT, sweep, 11)


def test_offline():
    with pytest.raises(MissingCounts, match=r"expected counts of 1 points measured on paid, got"):
        LedgeredSampler(Offline("paid"), Ledger()).run(CIRCUIT, {"a": 0.5, "b": 1.0})


def test_readout_errors(simulator, sampler):
    """Cirq's own experiment runs on it."""

    def measure():
        return cirq.experiments.estimate_parallel_single_qubit_readout_errors(
            sampler,
            qubits=Q,
            repetitions=200,
            trials=4,
            bit_strings=np.array([[0, 0, 0], [1, 1, 1], [0, 1, 0], [1, 0, 1]]),
        )

    first = measure()
    assert first.zero_state_errors == first.one_state_errors == dict.fromkeys(Q, 0.0)
    assert simulator.bought == 800
    assert measure().zero_state_errors == first.zero_state_errors
    assert simulator.bought == 800


@pytest.mark.parametrize("repetitions", [0, -1, 1.5, "10"])
def test_repetitions(sampler, repetitions):
    with pytest.raises(ValueError, match="repetitions: expected an integer of at least 1, got "):
        sampler.run_sweep(CIRCUIT, {"a": 0.5, "b": 1.0}, repetitions)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a": 0.5}, "expected a real value of the symbol b, got b from cirq.ParamResolver"),
        ({"a": 0.5, "b": 1j}, "expected a real value of the symbol b, got 1j from"),
        (
            {"a": 0.5, "b": A + sympy.Symbol("c")},
            r"expected a real value of the symbol b, got c \+",
        ),
        ({"a": 0.5, "b": np.nan}, r"expected finite real angles, got \[\[0.5, nan\]\]"),
    ],
)
def test_values(simulator, sampler, values, message):
    with pytest.raises(ValueError, match=message):
        sampler.run(CIRCUIT, values)
    assert simulator.bought == 0


def test_what_is_no_sampler(sampler):
    with pytest.raises(
        TypeError, match=r"backend: expected None, a cirq.Sampler, or an object with"
    ):
        LedgeredSampler(5, Ledger())
    message = "expected one that measures anew whenever it is called, got a LedgeredSampler"
    for wrap in (as_backend, lambda inner: LedgeredSampler(inner, Ledger())):
        with pytest.raises(TypeError, match=message):
            wrap(sampler)
