"""Buying from backends that work: chunks, order, top-ups, queues, and what is written down."""

import cirq
import numpy as np
import pytest

from qkernels.sampling import execution
from qkernels.sampling.backends import NotSubmitted, Offline, SamplerBackend, as_backend
from qkernels.sampling.budget import Budget
from qkernels.sampling.counts import Counts
from qkernels.sampling.execution import Execution, MissingCounts, read_counts
from qkernels.sampling.ledger import Ledger
from tests.sampling.faulty import (
    FaultyBackend,
    PaidBackend,
    PaidSampler,
    Service,
    answer,
    assert_bought_once,
    buy,
    request,
)

WANTED = request(10)


@pytest.fixture
def service(tmp_path):
    return Service(tmp_path / "service")


class Queue(PaidBackend):
    """Runs what it was given when it is told to."""

    is_open = False

    def status(self, reference):
        return "done" if super().status(reference) == "done" and self.is_open else "waiting"


def test_counts_are_those_of_the_points(service):
    ledger = buy(None, PaidBackend(service), WANTED)
    for point, counts in zip(WANTED.values(), read_counts(ledger, WANTED, "paid"), strict=True):
        assert counts.to_bytes() == Counts.from_bits(answer(point, 10)).to_bytes()


def test_the_same_again_buys_nothing(service):
    backend = FaultyBackend(service)
    ledger = buy(None, backend, WANTED)
    calls = backend.calls.copy()
    buy(ledger, backend, WANTED)
    assert backend.calls == calls
    assert_bought_once(ledger, service, WANTED)


@pytest.mark.parametrize("points", [1, 3, 10, 11, None])
def test_points_of_a_chunk(service, points):
    buy(None, PaidBackend(service), WANTED, points_per_chunk=points)
    sizes = [len(points) for points, _ in service.sales().values()]
    size = points or 10
    assert sizes == [size] * (10 // size) + [10 % size] * (10 % size > 0)


def test_a_chunk_has_no_more_repetitions_than_services_take(service):
    wanted = request(5, 2_000_000)
    run = Execution(Ledger(), PaidBackend(service))
    missing, _ = run._missing(wanted)
    assert [len(rows) for rows in run._chunks(missing)] == [2, 2, 1]
    assert [len(rows) for rows in run._chunks(4 * missing)] == [1] * 5


def orders(service):
    return [points for points, _ in service.sales().values()]


def test_order(tmp_path):
    found = []
    for i, seed in enumerate([None, 0, 0, 1]):
        service = Service(tmp_path / f"{i}")
        generator = None if seed is None else np.random.default_rng(seed)
        buy(None, PaidBackend(service), WANTED, points_per_chunk=3, generator=generator)
        found.append([point for points in orders(service) for point in points])
    in_order, first, again, other = found
    assert in_order == [tuple(row) for row in WANTED.values().tolist()]
    assert first == again
    assert len({tuple(in_order), tuple(first), tuple(other)}) == 3
    assert sorted(first) == sorted(other) == sorted(in_order)


def test_a_top_up_buys_the_difference(service):
    ledger = buy(None, PaidBackend(service), request(6, 10))
    buy(ledger, PaidBackend(service), request(10, 25))
    assert sorted(len(points) * n for points, n in service.sales().values()) == [60, 90, 100]
    assert_bought_once(ledger, service, request(10, 25))
    buy(ledger, PaidBackend(service), request(10, 20))
    assert_bought_once(ledger, service, request(10, 25))
    counts = read_counts(ledger, request(10), "paid")
    assert [found.repetitions for found in counts] == [25] * 10


def test_points_that_lack_equally_much_share_a_chunk(service):
    ledger = buy(None, PaidBackend(service), WANTED[np.arange(5)])
    more = WANTED.asking_for(np.array([30] * 5 + [20] * 5))
    buy(ledger, PaidBackend(service), more)
    assert [(len(points), n) for points, n in service.sales().values()] == [(5, 10), (10, 20)]
    assert_bought_once(ledger, service, more)


def test_a_point_that_is_given_twice_is_bought_once(service):
    twice = WANTED[np.array([0, 1, 0, 2, 1])]
    ledger = buy(None, PaidBackend(service), twice)
    assert_bought_once(ledger, service, WANTED[np.arange(3)])
    first, _, again, *_ = read_counts(ledger, twice, "paid")
    assert first.to_bytes() == again.to_bytes()


def test_submit_today_and_collect_tomorrow(tmp_path, service):
    queue, path = Queue(service), tmp_path / "ledger.db"
    run = Execution(Ledger(path), queue, points_per_chunk=4)
    run.buy(WANTED, wait=False)
    assert run.collect(WANTED, wait=False) == 10
    assert str(run.ledger.summary()) == (
        "0 points of 1 circuits\nsubmissions: 3 submitted\nrepetitions: 100"
    )
    run.buy(WANTED, wait=False)
    with pytest.raises(MissingCounts, match=r"expected counts of 10 points measured on paid, got"):
        read_counts(run.ledger, WANTED, "paid")
    queue.is_open = True
    tomorrow = Execution(Ledger(path), queue)
    assert tomorrow.collect(WANTED, wait=False) == 0
    assert_bought_once(tomorrow.ledger, service, WANTED)


def test_waiting(service, monkeypatch):
    queue, slept = Queue(service), []

    def sleep(seconds):
        slept.append(seconds)
        queue.is_open = len(slept) == 10

    monkeypatch.setattr(execution.time, "sleep", sleep)
    assert_bought_once(buy(None, queue, WANTED), service, WANTED)
    assert slept == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


def test_what_is_missing_after_a_failure_elsewhere_is_bought(service, monkeypatch):
    """Another process may find out that a submission failed, while this one waits."""
    queue, ledger = Queue(service), Ledger()

    def sleep(seconds):
        (submission,) = ledger.submissions("submitted")
        ledger.change(submission, "failed")
        queue.is_open = True

    monkeypatch.setattr(execution.time, "sleep", sleep)
    buy(ledger, queue, WANTED)
    assert ledger.summary().submissions["failed"] == 1
    assert [len(points) for points, _ in service.sales().values()] == [10, 10]


def test_what_another_process_took_back_is_not_sent(service, monkeypatch):
    ledger, sent = Ledger(), []
    change = ledger.change

    def take_back_first(submission, state, **options):
        if state == "submitting" and not sent:
            sent.append(submission)
            change(submission, "failed", message="never sent", spent=False)
        return change(submission, state, **options)

    monkeypatch.setattr(ledger, "change", take_back_first)
    buy(ledger, PaidBackend(service), WANTED)
    assert_bought_once(ledger, service, WANTED)


def test_calibration_and_provenance(service):
    backend = PaidBackend(service)
    backend.calibration = "monday"
    ledger = buy(None, backend, WANTED[np.arange(4)])
    backend.calibration = "tuesday"
    buy(ledger, backend, WANTED)
    keys = WANTED.keys("paid")
    assert ledger.calibrations(keys) == {"monday": 4, "tuesday": 6}
    first, second = ledger.provenance(keys)
    assert first["calibration"] == "monday"
    assert second["software"] == f"cirq {cirq.__version__}"
    assert second["backend"] == "paid"
    assert ledger.provenance(keys[:4]) == [first]
    assert first["created"] <= first["updated"]
    assert ledger.calibrations(keys[4:]) == {"tuesday": 6}


def test_without_calibrations(service):
    ledger = buy(None, PaidBackend(service), WANTED)
    assert ledger.calibrations(WANTED.keys("paid")) == {}


def test_counts_of_backends_are_kept_apart(tmp_path):
    ledger = Ledger()
    services = [Service(tmp_path / "one"), Service(tmp_path / "two")]
    for service in services:
        backend = PaidBackend(service)
        backend.identity = service.path.name
        buy(ledger, backend, WANTED)
    assert services[0].sold() == services[1].sold()
    assert ledger.backends(WANTED.measured.program) == ["one", "two"]


def test_a_progress_bar(service, capsys):
    buy(None, PaidBackend(service), WANTED, verbose=1)
    assert "10/10" in capsys.readouterr().err
    buy(None, PaidBackend(service), request(3, seed=1))
    assert capsys.readouterr().err == ""


def test_a_sampler_forgets_what_is_in_the_ledger(service):
    backend = SamplerBackend(PaidSampler(service), identity="paid")
    assert_bought_once(buy(None, backend, WANTED, points_per_chunk=3), service, WANTED)
    assert backend._results == {}


def test_offline():
    offline = as_backend(Offline("anything"))
    with pytest.raises(NotSubmitted, match="there is no backend to submit to"):
        buy(None, offline, WANTED)
    for method in (offline.status, offline.fetch):
        with pytest.raises(LookupError, match="there is no backend to ask"):
            method("reference")
    with pytest.raises(NotImplementedError, match="there is no backend to ask"):
        offline.lookup("token")


def test_missing_counts_names_the_first_points():
    message = (
        r"expected counts of 10 points measured on paid, got none of 10 in Ledger\(\): "
        r"[^;]*, \.\.\.$"
    )
    with pytest.raises(MissingCounts, match=message):
        read_counts(Ledger(), WANTED, "paid")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"budget": 100}, TypeError, "budget: expected None or a Budget, got 100"),
        ({"budget": Budget}, TypeError, "budget: expected None or a Budget, got <class"),
        (
            {"points_per_chunk": 0},
            ValueError,
            "points_per_chunk: expected an integer of at least 1, got 0",
        ),
        (
            {"points_per_chunk": 2.5},
            ValueError,
            "points_per_chunk: expected an integer of at least 1, got 2.5",
        ),
    ],
)
def test_arguments(service, options, error, message):
    with pytest.raises(error, match=message):
        Execution(Ledger(), PaidBackend(service), **options)


# -- Any cirq.Sampler


class Noise(cirq.NoiseModel):
    """Cannot be written as JSON."""

    def noisy_moment(self, moment, system_qubits):
        return moment


def test_identities():
    depolarizing = cirq.ConstantQubitNoiseModel(cirq.depolarize(0.1))
    other = cirq.ConstantQubitNoiseModel(cirq.depolarize(0.2))
    simulator = cirq.DensityMatrixSimulator
    found = [
        SamplerBackend(sampler).identity
        for sampler in (
            cirq.Simulator(seed=0),
            simulator(),
            simulator(noise=depolarizing),
            simulator(noise=other),
        )
    ]
    assert found[:2] == ["Simulator", "DensityMatrixSimulator"]
    assert len(set(found)) == 4
    assert SamplerBackend(simulator(noise=depolarizing, seed=1)).identity == found[2]
    assert SamplerBackend(cirq.Simulator(), identity="mine").identity == "mine"


def test_noise_that_cannot_be_told_from_others_must_be_named():
    sampler = cirq.DensityMatrixSimulator(noise=Noise())
    with pytest.raises(
        ValueError, match=r"name the sampler with SamplerBackend\(sampler, identity=...\)"
    ):
        as_backend(sampler)
    assert SamplerBackend(sampler, identity="mine").identity == "mine"


@pytest.mark.parametrize("backend", [None, 5, Service, PaidBackend, cirq.Simulator])
def test_what_is_no_backend(backend):
    with pytest.raises(TypeError, match=r"backend: expected None, a cirq.Sampler, or an object"):
        as_backend(backend)


def test_what_is_no_sampler(service):
    with pytest.raises(TypeError, match=r"sampler: expected a cirq.Sampler, got <"):
        SamplerBackend(PaidBackend(service))
