"""Google's Engine as a backend: offline engines for real, and one with a service of our own."""

import importlib.util
import sys
from types import SimpleNamespace

import cirq
import numpy as np
import pytest
import sympy

cg = pytest.importorskip("cirq_google")

from cirq_google.api import v2  # noqa: E402
from cirq_google.cloud import quantum  # noqa: E402
from cirq_google.engine import util  # noqa: E402
from cirq_google.engine.engine import EngineContext  # noqa: E402

from qkernels.sampling import google  # noqa: E402
from qkernels.sampling.backends import Backend, Chunk, NotSubmitted  # noqa: E402
from qkernels.sampling.google import GoogleBackend  # noqa: E402

State = quantum.ExecutionStatus.State
FIRST, SECOND = cirq.GridQubit.rect(1, 2, 5, 2)
A, B = sympy.symbols("a b")
CIRCUIT = cirq.FrozenCircuit(
    cirq.X(FIRST) ** A, cirq.X(SECOND) ** B, cirq.measure(FIRST, SECOND, key="m")
)
# First qubit off, second on; then the other way; then both on.
SWEEP = cirq.Zip(cirq.Points("a", [0.0, 1.0, 1.0]), cirq.Points("b", [1.0, 0.0, 1.0]))
CHUNK = Chunk(CIRCUIT, SWEEP, 20)


def outcomes(results):
    return [result.histogram(key="m") for result in results]


class Service:
    """Stands for the Engine behind the network: keeps jobs, runs them, refuses the same id twice.

    `faults` maps a call's name to an error; one that is `late` is met after the call was served.
    """

    def __init__(self, faults=None, late=False):
        self.programs, self.jobs, self.results = {}, {}, {}
        self.faults, self.late, self.calls = faults or {}, late, []

    def serve(self, call, store, name, content):
        self.calls.append(call)
        fault = self.faults.get(call)
        if fault and not self.late:
            raise fault
        if name in store:
            raise cg.engine.EngineException("exists already", 409)
        store[name] = content
        if fault:
            raise fault

    async def create_program_async(self, project_id, program_id, code, description, labels):
        name = f"projects/{project_id}/programs/{program_id}"
        program = quantum.QuantumProgram(name=name, code=code)
        self.serve("create_program", self.programs, name, program)
        return program_id, program

    async def create_job_async(self, project_id, program_id, job_id, run_context, **options):
        name = f"projects/{project_id}/programs/{program_id}/jobs/{job_id}"
        job = quantum.QuantumJob(name=name, run_context=run_context)
        job.execution_status.state = State.READY
        self.options = options
        self.serve("create_job", self.jobs, name, job)
        return job_id, job

    async def get_job_async(self, project_id, program_id, job_id, return_run_context=False):
        name = f"projects/{project_id}/programs/{program_id}/jobs/{job_id}"
        self.calls.append("get_job")
        if fault := self.faults.get("get_job"):
            raise fault
        if name not in self.jobs:
            raise cg.engine.EngineException("not found", 404)
        return self.jobs[name]

    async def get_job_results_async(self, project_id, program_id, job_id):
        return self.results[f"projects/{project_id}/programs/{program_id}/jobs/{job_id}"]

    def get_processor(self, project_id, processor_id):
        key = quantum.DeviceConfigKey(run="current", config_alias="default")
        return quantum.QuantumProcessor(default_device_config_key=key)

    def get_current_calibration(self, project_id, processor_id):
        return getattr(self, "calibration", None)

    def run(self):
        """Do what the device does to the jobs in its queue."""
        for name, job in self.jobs.items():
            program = self.programs[name.split("/jobs/")[0]]
            code = v2.program_pb2.Program.FromString(program.code.value)
            circuit = cg.CIRCUIT_SERIALIZER.deserialize(code)
            context = v2.run_context_pb2.RunContext.FromString(job.run_context.value)
            sweep = v2.sweep_from_proto(context.parameter_sweeps[0].sweep)
            repetitions = context.parameter_sweeps[0].repetitions
            results = cirq.Simulator(seed=0).run_sweep(circuit, sweep, repetitions)
            proto = v2.results_to_proto([results], v2.find_measurements(circuit))
            self.results[name] = quantum.QuantumResult(result=util.pack_any(proto))
            job.execution_status.state = State.SUCCESS


def backend_of(service):
    engine = cg.Engine("project", context=EngineContext(client=service))
    return GoogleBackend(engine.get_processor("processor"))


def refusal(code):
    return cg.engine.EngineException(f"refused with {code}", code)


def virtual(processor_id="weber"):
    engine = cg.engine.create_noiseless_virtual_engine_from_latest_templates()
    return GoogleBackend(engine.get_processor(processor_id))


# Against the virtual engines


def test_a_virtual_engine_runs_a_chunk_by_reference():
    backend = virtual()
    reference = backend.submit(CHUNK, "token")
    assert isinstance(backend, Backend)
    assert backend.status(reference) == "done"
    assert outcomes(backend.fetch(reference)) == [{1: 20}, {2: 20}, {3: 20}]
    assert backend.status(reference) == "done"


def test_a_noisy_virtual_engine_errs_a_little():
    engine = cg.engine.create_default_noisy_quantum_virtual_machine(
        "weber", cirq.DensityMatrixSimulator, seed=0
    )
    backend = GoogleBackend(engine.get_processor("weber"))
    counts = outcomes(backend.fetch(backend.submit(Chunk(CIRCUIT, SWEEP, 500), "token")))
    assert all(375 < c[k] < 500 for c, k in zip(counts, (1, 2, 3), strict=True))


def test_a_virtual_engine_keeps_ids_so_that_a_token_is_found():
    backend = virtual()
    assert backend.lookup("token") is None
    reference = backend.submit(CHUNK, "token")
    assert backend.lookup("token") == reference
    assert GoogleBackend(backend.processor).lookup("token") == reference
    assert backend.lookup("another") is None


def test_a_virtual_engine_of_another_process_has_lost_the_job():
    with pytest.raises(LookupError, match="qkernels-token does not exist"):
        virtual().status("qkernels-token")


def test_a_job_that_failed_or_was_cancelled_gives_no_results():
    backend = virtual()
    elsewhere = cirq.FrozenCircuit(cirq.measure(cirq.GridQubit(90, 90), key="m"))
    reference = backend.submit(Chunk(elsewhere, cirq.UnitSweep, 10), "failing")
    with pytest.raises(ValueError, match="Qubit not on device"):
        backend.fetch(reference)
    assert backend.status(reference) == "failed"
    cancelled = backend.submit(CHUNK, "cancelled")
    backend._job(cancelled).cancel()
    assert backend.status(cancelled) == "failed"


def test_calibration_and_identity_of_a_virtual_processor():
    engine = cg.engine.create_default_noisy_quantum_virtual_machine("weber", cirq.Simulator)
    backend = GoogleBackend(engine.get_processor("weber"))
    assert backend.identity == "google:fake_project/weber"
    assert backend.calibration == "2021-11-03T07:06:28.204000+00:00"
    assert GoogleBackend(backend.processor, identity="ours").identity == "ours"


def test_a_processor_without_calibration():
    processor = cg.engine.SimulatedLocalProcessor(processor_id="p")
    cg.engine.SimulatedLocalEngine([processor])
    assert GoogleBackend(processor).calibration is None


# Against an Engine whose service is ours


def test_submitted_here_and_collected_by_another_process():
    service = Service()
    reference = backend_of(service).submit(CHUNK, "token")
    later = backend_of(service)
    assert later.lookup("token") == reference
    assert later.status(reference) == "waiting"
    service.run()
    assert later.status(reference) == "done"
    assert outcomes(later.fetch(reference)) == [{1: 20}, {2: 20}, {3: 20}]


def test_the_service_has_the_job_when_submit_returns():
    service = Service()
    backend_of(service).submit(CHUNK, "token")
    assert service.calls == ["create_program", "create_job"]
    assert list(service.jobs) == ["projects/project/programs/qkernels-token/jobs/qkernels-token"]


def test_results_have_no_parameters_because_the_engine_rounds_them():
    service = Service()
    backend = backend_of(service)
    sweep = cirq.Zip(cirq.Points("a", [0.1, 0.2]), cirq.Points("b", [0.3, 0.4]))
    reference = backend.submit(Chunk(CIRCUIT, sweep, 5), "token")
    service.run()
    rounded = backend._job(reference).results()[0].params
    assert rounded.value_of("a") == float(np.float32(0.1)) != 0.1
    assert [r.params for r in backend.fetch(reference)] == [cirq.ParamResolver({})] * 2


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("READY", "waiting"),
        ("RUNNING", "waiting"),
        ("CANCELLING", "waiting"),
        ("STATE_UNSPECIFIED", "waiting"),
        ("CANCELLED", "failed"),
        ("FAILURE", "failed"),
        ("SUCCESS", "done"),
    ],
)
def test_every_state_of_the_engine(state, expected):
    service = Service()
    backend = backend_of(service)
    reference = backend.submit(CHUNK, "token")
    (job,) = service.jobs.values()
    job.execution_status.state = State[state]
    assert backend.status(reference) == expected
    assert set(State.__members__) == {
        *("STATE_UNSPECIFIED", "READY", "RUNNING", "CANCELLING"),
        *("CANCELLED", "SUCCESS", "FAILURE"),
    }


def test_a_reference_that_the_engine_does_not_know_is_no_failed_job():
    with pytest.raises(cg.engine.EngineException, match="not found"):
        backend_of(Service()).status("x")


def test_a_sampler_brings_its_device_configuration():
    service = Service()
    engine = cg.Engine("project", context=EngineContext(client=service))
    revision = cg.engine.Snapshot("snapshot")
    sampler = engine.get_sampler("processor", "configuration", revision)
    GoogleBackend(sampler).submit(CHUNK, "token")
    assert service.options["snapshot_id"] == "snapshot"
    assert service.options["device_config_name"] == "configuration"
    assert service.options["processor_id"] == "processor"
    backend_of(service).submit(CHUNK, "another")
    assert (service.options["run_name"], service.options["snapshot_id"]) == ("current", "")
    assert service.options["device_config_name"] == "default"


def test_calibration_of_the_engine():
    service = Service()
    assert backend_of(service).calibration is None
    metrics = v2.metrics_pb2.MetricsSnapshot(timestamp_ms=1_600_000_000_500)
    service.calibration = quantum.QuantumCalibration(data=util.pack_any(metrics))
    assert backend_of(service).calibration == "2020-09-13T12:26:40.500000+00:00"


# When a submission fails


@pytest.mark.parametrize("error", [refusal(400), refusal(504), OSError("no network")])
def test_without_a_program_nothing_was_bought(error):
    service = Service({"create_program": error})
    with pytest.raises(NotSubmitted, match=str(error)) as raised:
        backend_of(service).submit(CHUNK, "token")
    assert raised.value.__cause__ is error
    assert not service.jobs


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 429])
def test_a_refused_job_was_not_bought(code):
    service = Service({"create_job": refusal(code)})
    with pytest.raises(NotSubmitted, match=f"EngineException: refused with {code}"):
        backend_of(service).submit(CHUNK, "token")


@pytest.mark.parametrize("code", [409, 429])
def test_a_job_that_an_earlier_attempt_of_the_library_made_is_ours(code):
    service = Service({"create_job": refusal(code)}, late=True)
    reference = backend_of(service).submit(CHUNK, "token")
    service.run()
    assert backend_of(service).status(reference) == "done"


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("error", [refusal(408), refusal(499), refusal(504), TimeoutError("gone")])
def test_of_any_other_error_lookup_tells(error, late):
    service = Service({"create_job": error}, late)
    with pytest.raises(type(error), match=str(error)):
        backend_of(service).submit(CHUNK, "token")
    found = backend_of(service).lookup("token")
    assert found == ("qkernels-token" if late else None)


def test_killed_between_program_and_job_the_same_token_is_sent_again():
    service = Service({"create_job": KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        backend_of(service).submit(CHUNK, "token")
    assert backend_of(service).lookup("token") is None
    service.faults = {}
    backend_of(service).submit(CHUNK, "token")
    assert len(service.jobs) == len(service.programs) == 1


def test_the_same_token_twice_buys_once():
    service = Service()
    references = {backend_of(service).submit(CHUNK, "token") for _ in range(2)}
    assert len(references) == len(service.jobs) == 1


def test_lookup_does_not_take_a_broken_line_for_no_job():
    service = Service({"get_job": refusal(403)})
    with pytest.raises(cg.engine.EngineException, match="403"):
        backend_of(service).lookup("token")


# What is refused before anything is sent


@pytest.mark.parametrize(
    ("chunk", "message"),
    [
        (
            Chunk(CIRCUIT, SWEEP, 2_000_000),
            "expected at most 5000000 repetitions in total, got 6000000",
        ),
        (
            Chunk(cirq.FrozenCircuit([cirq.Moment()] * 10_001), cirq.UnitSweep, 1),
            "expected at most 10000 moments, got 10001",
        ),
        (
            Chunk(CIRCUIT, cirq.ListSweep([cirq.ParamResolver({})] * 2), 1),
            "expected a sweep that arrives whole, got 0 of 2",
        ),
        (
            Chunk(cirq.FrozenCircuit(cirq.X(FIRST) ** sympy.cos(A)), SWEEP, 1),
            "Unrecognized Sympy expression type: cos",
        ),
    ],
)
def test_chunks_that_the_engine_cannot_take(chunk, message):
    service = Service()
    with pytest.raises(NotSubmitted, match=message):
        backend_of(service).submit(chunk, "token")
    assert not service.calls


def test_a_program_that_is_too_long(monkeypatch):
    monkeypatch.setattr("cirq_google.engine.engine_validator.MAX_MESSAGE_SIZE", 50)
    with pytest.raises(NotSubmitted, match=r"expected at most 50 bytes of program, got \d+"):
        virtual().submit(CHUNK, "token")


@pytest.mark.parametrize(
    "sweep",
    [
        SWEEP,
        cirq.Zip(cirq.Points("a", [0.5]), cirq.Points("b", [0.25])),
        cirq.ListSweep([{"a": 0.5, "b": 0.25}, {"a": 0.75, "b": 1.0}]),
    ],
)
def test_sweeps_reach_the_engine_point_by_point(sweep):
    service = Service()
    backend_of(service).submit(Chunk(CIRCUIT, sweep, 7), "token")
    (job,) = service.jobs.values()
    (sent,) = v2.run_context_pb2.RunContext.FromString(job.run_context.value).parameter_sweeps
    assert list(v2.sweep_from_proto(sent.sweep)) == list(sweep)
    assert sent.repetitions == 7


@pytest.mark.parametrize("sweep", [cirq.UnitSweep, cirq.ListSweep([cirq.ParamResolver({})])])
def test_a_circuit_without_symbols_is_one_point(sweep):
    service = Service()
    constant = cirq.FrozenCircuit(cirq.X(SECOND), cirq.measure(FIRST, SECOND, key="m"))
    backend = backend_of(service)
    reference = backend.submit(Chunk(constant, sweep, 5), "token")
    service.run()
    assert outcomes(backend.fetch(reference)) == [{1: 5}]


@pytest.mark.parametrize("processor", [cirq.Simulator(), SimpleNamespace(processor="weber")])
def test_what_is_no_processor(processor):
    with pytest.raises(TypeError, match="processor: expected a cirq_google processor or a sampler"):
        GoogleBackend(processor)


def test_the_module_loads_without_the_extra_which_the_error_names(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "cirq_google"]:
        monkeypatch.setitem(sys.modules, name, None)
    spec = importlib.util.spec_from_file_location("fresh", google.__file__)
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    with pytest.raises(ImportError, match=r'pip install "qkernels\[google\]"'):
        fresh.GoogleBackend(object())
