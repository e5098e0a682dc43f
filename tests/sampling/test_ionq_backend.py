"""IonQ's service as a backend, over HTTP answers of our own."""

import importlib.util
import itertools
import json
import math
import sys
import warnings

import cirq
import numpy as np
import pytest
import sympy

cirq_ionq = pytest.importorskip("cirq_ionq")
requests = pytest.importorskip("requests")

from qkernels.sampling import ionq  # noqa: E402
from qkernels.sampling.backends import Backend, Chunk, NotSubmitted  # noqa: E402
from qkernels.sampling.ionq import IonQBackend  # noqa: E402

A, B = sympy.symbols("a b")
Q = cirq.LineQubit.range(3)
# Qubits 0 and 2 are flipped with probability sin²(πa/2) and sin²(πb/2), qubit 1 follows 0.
CIRCUIT = cirq.FrozenCircuit(
    cirq.X(Q[0]) ** A, cirq.X(Q[2]) ** B, cirq.CNOT(Q[0], Q[1]), cirq.measure(*Q, key="m")
)
SWEEP = cirq.Zip(cirq.Points("a", [0.0, 1.0, 1.0]), cirq.Points("b", [1.0, 0.0, 1.0]))
CHUNK = Chunk(CIRCUIT, SWEEP, 100)
GATES = {
    "x": lambda op: cirq.X(cirq.LineQubit(op["targets"][0])),
    "v": lambda op: cirq.X(cirq.LineQubit(op["targets"][0])) ** 0.5,
    "rx": lambda op: cirq.rx(op["rotation"])(cirq.LineQubit(op["targets"][0])),
    "cnot": lambda op: cirq.CNOT(*cirq.LineQubit.range(op["control"], op["target"] + 1)),
}


def outcomes(results):
    return [result.histogram(key="m") for result in results]


class Answer:
    def __init__(self, content, status_code=200, method="GET"):
        self.content, self.status_code, self.reason = content, status_code, "reason"
        self.ok = status_code == 200
        self.request = requests.Request(method)

    def json(self):
        # The answer crosses the network as text.
        return json.loads(json.dumps(self.content))


class Server:
    """The jobs of IonQ's REST interface, as documented for v0.4.

    `posts` lists the status codes of the answers to the next attempts to create a job;
    5xx: the job is taken all the same, which the client is not told.
    """

    def __init__(self, last_page=None):
        self.jobs, self.posts, self.gets, self.last_page = {}, [], [], last_page

    def post(self, url, json, headers):
        code = self.posts.pop(0) if self.posts else 200
        if code == 200 or code >= 500:
            identifier = f"job-{len(self.jobs)}"
            self.jobs[identifier] = {
                "id": identifier,
                "status": "ready",
                "submitted_at": f"2025-05-28T20:{len(self.jobs):02}:05.440Z",
                "parent_job_id": None,
                **{key: json[key] for key in ("name", "backend", "metadata", "type", "input")},
                "stats": {"qubits": json["input"]["qubits"]},
            }
            return Answer({"id": identifier, "status": "ready"}, code, "POST")
        return Answer({"error": "refused"}, code, "POST")

    def get(self, url, headers, params=None, json=None):
        path = url.split("/v0.4/")[1].split("/")
        self.gets.append("/".join(path))
        if path == ["calibrations", "current"]:
            return Answer({"date": "2025-05-28T20:47:05.440Z", "target": "ionq.qpu"})
        if path == ["jobs"]:
            return Answer({"jobs": list(self.jobs.values())[::-1]} | (self.last_page or {}))
        if path[1] not in self.jobs:
            return Answer({"error": "not found"}, 404)
        if path[2:] == ["results", "probabilities", "aggregated"]:
            return Answer(self.jobs[path[1]]["results"])
        if path[2:]:
            return Answer({"error": "these are for jobs of one circuit"}, 400)
        return Answer(self.jobs[path[1]])

    def run(self):
        for identifier, job in self.jobs.items():
            circuits = job["input"]["circuits"]
            results = [probabilities(c["circuit"], job["input"]["qubits"]) for c in circuits]
            job["results"] = {f"{identifier}-{k}": r for k, r in enumerate(results)}
            job["status"] = "completed"


def probabilities(operations, n_qubits):
    circuit = cirq.Circuit(GATES[op["gate"]](op) for op in operations)
    qubits = cirq.LineQubit.range(n_qubits)
    state = circuit.final_state_vector(qubit_order=qubits[::-1])  # the first qubit counts least
    return {str(k): p for k, p in enumerate((abs(state) ** 2).tolist()) if p > 1e-9}


@pytest.fixture
def server(monkeypatch):
    server = Server()
    monkeypatch.setattr("requests.post", lambda *args, **kw: server.post(*args, **kw))
    monkeypatch.setattr("requests.get", lambda *args, **kw: server.get(*args, **kw))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return server


def backend_of(target="qpu.forte-1"):
    service = cirq_ionq.Service(remote_host="http://example.com", api_key="key")
    return IonQBackend(service, target=target)


@pytest.mark.parametrize("target", ["qpu.forte-1", "simulator"])
def test_submitted_here_and_collected_by_another_process(server, target):
    reference = backend_of(target).submit(CHUNK, "token")
    assert server.jobs[reference]["name"] == "token"
    assert server.jobs[reference]["backend"] == target
    later = backend_of(target)
    assert later.status(reference) == "waiting"
    server.run()
    assert later.status(reference) == "done"
    results = later.fetch(reference)
    # Qubits 0, 1, 2 in the order of the measurement: 001, 110, 111.
    assert outcomes(results) == [{1: 100}, {6: 100}, {7: 100}]
    assert [r.params for r in results] == [cirq.ParamResolver({})] * 3
    assert isinstance(later, Backend)


def test_the_measurement_sets_the_order_of_the_bits(server):
    circuit = cirq.FrozenCircuit(cirq.X(Q[0]), cirq.measure(Q[2], Q[0], Q[1], key="m"))
    backend = backend_of()
    reference = backend.submit(Chunk(circuit, cirq.UnitSweep, 10), "token")
    server.run()
    assert outcomes(backend.fetch(reference)) == [{0b010: 10}]


@pytest.mark.parametrize("target", ["qpu.forte-1", "simulator"])
def test_a_chunk_of_one_point(server, target):
    backend = backend_of(target)
    sweep = cirq.Zip(cirq.Points("a", [1.0]), cirq.Points("b", [0.0]))
    reference = backend.submit(Chunk(CIRCUIT, sweep, 10), "token")
    server.run()
    assert outcomes(backend.fetch(reference)) == [{6: 10}]


def test_angles_reach_the_service(server):
    sweep = cirq.Zip(cirq.Points("a", [0.3]), cirq.Points("b", [0.7]))
    reference = backend_of().submit(Chunk(CIRCUIT, sweep, 10), "token")
    (circuit,) = server.jobs[reference]["input"]["circuits"]
    angles = {op["targets"][0]: op["rotation"] for op in circuit["circuit"] if op["gate"] == "rx"}
    assert angles == pytest.approx({0: 0.3 * math.pi, 2: 0.7 * math.pi})


def test_as_many_counts_as_came(server):
    backend = backend_of()
    reference = backend.submit(CHUNK, "token")
    server.run()
    results = server.jobs[reference]["results"]
    results[f"{reference}-1"] = {"0": 0.334, "1": 0.333, "3": 0.333}
    assert outcomes(backend.fetch(reference))[1] == {0: 33, 4: 33, 6: 33}


def test_a_simulator_s_sample_is_the_same_for_each_fetch_and_another_for_each_job(server):
    backend = backend_of("simulator")
    sweep = cirq.Zip(cirq.Points("a", [0.5, 0.5]), cirq.Points("b", [0.5, 0.5]))
    chunk = Chunk(CIRCUIT, sweep, 1000)
    references = [backend.submit(chunk, token) for token in ("one", "two")]
    server.run()
    first, again, other = (backend.fetch(references[k]) for k in (0, 0, 1))
    assert first == again
    samples = [result.measurements["m"].tobytes() for result in (*first, *other)]
    assert len(set(samples)) == 4
    ones = np.mean(first[0].measurements["m"], axis=0)
    assert ones == pytest.approx([0.5] * 3, abs=5 * 0.5 / math.sqrt(1000))


def test_fetch_leaves_the_service_as_it_was(server):
    backend = backend_of()
    reference = backend.submit(CHUNK, "token")
    server.run()
    client = backend.service._client
    for batch_mode in (False, True):
        client.batch_mode = batch_mode
        backend.fetch(reference)
        assert client.batch_mode is batch_mode
    server.jobs[reference]["status"] = "failed"
    client.batch_mode = False
    with pytest.raises(RuntimeError, match="had status: failed"):
        backend.fetch(reference)
    assert client.batch_mode is False


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        *((state, "waiting") for state in ("submitted", "ready", "running", "started")),
        ("completed", "done"),
        *((state, "failed") for state in ("failed", "canceled", "deleted")),
    ],
)
def test_every_state_of_a_job(server, state, expected):
    reference = backend_of().submit(CHUNK, "token")
    server.jobs[reference]["status"] = state
    assert backend_of().status(reference) == expected


def test_a_job_that_the_service_does_not_know_is_no_failed_job(server):
    with pytest.raises(cirq_ionq.IonQNotFoundException):
        backend_of().status("job-7")


# Look-up


def test_lookup_by_token(server):
    backend = backend_of()
    assert backend.lookup("token") is None
    references = {token: backend.submit(CHUNK, token) for token in ("one", "two")}
    assert {token: backend_of().lookup(token) for token in references} == references
    assert backend.lookup("three") is None
    server.run()
    assert backend.lookup("two") == references["two"]


def test_of_a_job_posted_twice_the_first_that_is_completed(server):
    server.posts = [502, 503]
    backend = backend_of()
    assert backend.submit(CHUNK, "token") == "job-2"
    with pytest.warns(UserWarning, match="IonQ holds 3 jobs named 'token' and may charge for each"):
        assert backend.lookup("token") == "job-0"
    server.jobs["job-0"]["status"] = "failed"
    with pytest.warns(UserWarning, match="taking the results of job-1"):
        assert backend.lookup("token") == "job-1"
    server.jobs["job-2"]["status"] = "completed"
    with pytest.warns(UserWarning, match="taking the results of job-2"):
        assert backend.lookup("token") == "job-2"


def test_the_circuits_of_a_batch_are_not_taken_for_it(server):
    reference = backend_of().submit(CHUNK, "token")
    for child in ("child-0", "child-1"):
        server.jobs[child] = server.jobs[reference] | {"id": child, "parent_job_id": reference}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert backend_of().lookup("token") == reference


def test_lookup_finds_a_failed_job_and_passes_by_those_without_a_name(server):
    reference = backend_of().submit(CHUNK, "token")
    server.jobs[reference]["status"] = "failed"
    server.jobs["unnamed"] = {"id": "unnamed", "status": "ready", "name": None}
    server.jobs["bare"] = {"id": "bare", "status": "canceled"}
    assert backend_of().lookup("token") == reference


def test_lookup_ends_where_the_service_says_that_no_page_follows(server):
    server.last_page = {"next": None}
    reference = backend_of().submit(CHUNK, "token")
    assert backend_of().lookup("another") is None
    assert backend_of().lookup("token") == reference
    assert len(server.gets) < 30


@pytest.mark.parametrize("n_newer", [9, 10, 100, 999])
def test_lookup_reads_on(server, n_newer):
    reference = backend_of().submit(CHUNK, "token")
    server.jobs |= {f"n{k}": {"id": f"n{k}", "status": "ready"} for k in range(n_newer)}
    assert backend_of().lookup("token") == reference


def test_lookup_does_not_know_what_is_not_listed(server):
    backend_of().submit(CHUNK, "token")
    server.jobs |= {f"n{k}": {"id": f"n{k}", "status": "ready"} for k in range(1000)}
    with pytest.raises(NotImplementedError, match="named 'token' among the 1000 that IonQ lists"):
        backend_of().lookup("token")


# When a submission fails


@pytest.mark.parametrize("code", [400, 401, 413, 422])
def test_a_refused_job_was_not_bought(server, code):
    server.posts = [code]
    with pytest.raises(NotSubmitted, match=f"IonQException: Status code: {code}") as raised:
        backend_of().submit(CHUNK, "token")
    assert isinstance(raised.value.__cause__, cirq_ionq.IonQException)
    assert not server.jobs


@pytest.mark.parametrize("code", [402, 403, 404, 409])
def test_a_refusal_that_may_follow_a_job_leaves_it_open(server, code):
    server.posts = [503, code]
    with pytest.raises(cirq_ionq.IonQException, match=str(code)):
        backend_of().submit(CHUNK, "token")
    assert backend_of().lookup("token") == "job-0"


def test_killed_before_the_id_was_told(server, monkeypatch):
    backend = backend_of()
    monkeypatch.setattr("requests.get", lambda *args, **kw: (_ for _ in ()).throw(SystemExit))
    with pytest.raises(SystemExit):
        backend.submit(CHUNK, "token")
    monkeypatch.setattr("requests.get", lambda *args, **kw: server.get(*args, **kw))
    assert backend_of().lookup("token") == "job-0"


def test_an_answer_that_cannot_be_read_leaves_it_open(server, monkeypatch):
    def broken(*args, **keywords):
        answer = server.post(*args, **keywords)
        answer.json = lambda: json.loads("<html>")
        return answer

    monkeypatch.setattr("requests.post", broken)
    with pytest.raises(ValueError, match="Expecting value"):
        backend_of().submit(CHUNK, "token")
    assert backend_of().lookup("token") == "job-0"


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (cirq.X(cirq.GridQubit(0, 0)) ** A, "All qubits must be cirq.LineQubits"),
        (cirq.CZ(Q[0], Q[1]) ** A, "cannot be serialized by IonQ API"),
        (cirq.X(Q[0]) ** sympy.Symbol("c"), "does not support parameterized gates"),
    ],
)
def test_circuits_that_ionq_cannot_take(server, operation, message):
    chunk = Chunk(cirq.FrozenCircuit(operation, cirq.measure(Q[0], key="m")), SWEEP, 10)
    with pytest.raises(NotSubmitted, match=message):
        backend_of().submit(chunk, "token")
    assert not server.jobs


def test_an_angle_that_is_no_number(server):
    chunk = Chunk(CIRCUIT, cirq.ListSweep([{"a": math.nan, "b": 0.5}]), 10)
    with pytest.raises(NotSubmitted, match="Out of range float values are not JSON compliant"):
        backend_of().submit(chunk, "token")
    assert not server.jobs


# Identity and calibration


def test_identity_and_calibration(server, monkeypatch):
    assert backend_of().identity == "ionq:qpu.forte-1"
    assert backend_of().calibration == "2025-05-28T20:47:05.440000+00:00"
    assert backend_of("simulator").calibration is None
    codes = itertools.cycle([404, 403])
    monkeypatch.setattr("requests.get", lambda *args, **kw: Answer({}, next(codes)))
    assert backend_of().calibration is None
    with pytest.raises(cirq_ionq.IonQException, match="403"):
        _ = backend_of().calibration


def test_what_is_no_service():
    with pytest.raises(TypeError, match=r"service: expected a cirq_ionq.Service, got 'key'"):
        IonQBackend("key", target="simulator")


def test_the_module_loads_without_the_extra_which_the_error_names(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "cirq_ionq"]:
        monkeypatch.setitem(sys.modules, name, None)
    spec = importlib.util.spec_from_file_location("fresh", ionq.__file__)
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    with pytest.raises(ImportError, match=r'pip install "qkernels\[ionq\]"'):
        fresh.IonQBackend(object(), target="simulator")
