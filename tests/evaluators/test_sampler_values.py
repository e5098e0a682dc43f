"""`SamplerEvaluator` is a shared value: copies, equality, pickles, stored points, processes."""

import copy
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import cirq
import numpy as np
import pytest
import sympy

from qkernels import FeatureMap, FidelityKernel, ProjectedKernel
from qkernels.evaluators import Evaluator, SampledEvaluator, SamplerEvaluator
from qkernels.feature_maps import zz
from qkernels.sampling.backends import Offline, SamplerBackend
from qkernels.sampling.budget import Budget
from qkernels.sampling.counts import Counts
from qkernels.sampling.ledger import Ledger
from qkernels.sampling.mitigation import BitFlipTolerance, Readout
from qkernels.sampling.target import Target
from tests.reference import ring
from tests.sampling.exact_sampler import ExactSampler

ROOT = Path(__file__).parents[2]
X = np.random.default_rng(1).uniform(-1, 1, (4, 2))
SHARED = Ledger()


def evaluator(**options):
    return SamplerEvaluator(**{"backend": ExactSampler(0), "ledger": SHARED} | options)


# Arguments that numbers depend on, and others.
Q = cirq.LineQubit.range(4)
CALIBRATION = {"readout": dict.fromkeys(Q, 0.01)}
MEANT = [
    {"repetitions": 999},
    {"estimator": "bell"},
    {"diagonal": "one"},
    {"mitigation": [BitFlipTolerance(1)]},
    {"mitigation": [BitFlipTolerance(2)]},
    {"mitigation": [Readout({Q[0]: (0.1, 0.2)})]},
    {"mitigation": [Readout({Q[0]: (0.1, 0.2 + 1e-16)})]},
    {"target": Target(cirq.CZTargetGateset())},
    {"target": Target(cirq.SqrtIswapTargetGateset())},
    {"target": Target(cirq.CZTargetGateset(), calibration=CALIBRATION)},
    {"backend": None},
    {"backend": SamplerBackend(ExactSampler(0), identity="another")},
    {"ledger": Ledger()},
]
BESIDE = [
    {"budget": Budget(repetitions=10**6)},
    {"points_per_chunk": 7},
    {"random_state": 3},
]


def named(options):
    return "-".join(options)


# -- Values


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_is_the_evaluator_itself(copied):
    found = evaluator()
    assert copied(found) is found
    assert copied({"evaluator": found})["evaluator"] is found
    assert not hasattr(found, "set_params")
    assert isinstance(found, Evaluator)
    assert isinstance(found, SampledEvaluator)


def test_equality_goes_by_configuration():
    found = [evaluator(**options) for options in ({}, *MEANT, *BESIDE)]
    assert len(set(found)) == len(found)
    for one, options in zip(found, ({}, *MEANT, *BESIDE), strict=True):
        again = evaluator(**options)
        assert again == one
        assert hash(again) == hash(one)
    assert evaluator(backend=ExactSampler(5), verbose=1) == evaluator()
    assert evaluator(repetitions=np.int64(1000), mitigation=()) == evaluator(mitigation=[])
    assert evaluator() != "SamplerEvaluator(ExactSampler)"
    assert FidelityKernel(zz, evaluator=evaluator()) == FidelityKernel(zz, evaluator=evaluator())


def test_evaluators_on_one_file_are_equal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = ["counts.db", Path("counts.db"), tmp_path / "counts.db", Ledger("counts.db")]
    assert len({evaluator(ledger=path) for path in paths}) == 1
    assert SamplerEvaluator(None) != SamplerEvaluator(None)  # each has a ledger of its own


def test_fingerprints_change_with_the_numbers():
    plain = evaluator().fingerprint()
    found = [evaluator(**options).fingerprint() for options in MEANT]
    assert len({plain, *found}) == 1 + len(MEANT)
    assert {evaluator(**options).fingerprint() for options in BESIDE} == {plain}
    assert found == [evaluator(**options).fingerprint() for options in MEANT]


@pytest.mark.parametrize("changes", [*MEANT, *BESIDE], ids=named)
def test_replace(changes):
    first = evaluator(random_state=1, budget=Budget(repetitions=10), points_per_chunk=2, verbose=0)
    second = first.replace(**changes)
    assert first.replace() == first
    assert second != first
    expected = {"mitigation": tuple(changes.get("mitigation", ()))}
    for name in ("repetitions", "estimator", "ledger", "budget", "points_per_chunk", "backend"):
        expected[name] = changes.get(name, getattr(first, name))
    assert {name: getattr(second, name) for name in expected} == expected
    assert isinstance(second, SamplerEvaluator)
    with pytest.raises(TypeError, match="shots"):
        first.replace(shots=1)


class Zeros:
    """A source that has counted zeros only."""

    def __call__(self, request):
        outcomes = np.zeros((1, request.measured.program.n_bits), dtype=bool)
        return [Counts(outcomes, np.array([n])) for n in request.repetitions]


def test_counts_of_another_source():
    sampler, source = ExactSampler(0), Zeros()
    plain = evaluator(backend=sampler, ledger=None)
    zeros = plain.with_source(source)
    kernel = FidelityKernel(ring(2), evaluator=zeros)
    np.testing.assert_array_equal(kernel(X), np.ones((4, 4)))
    np.testing.assert_array_equal(kernel.diag(X), np.ones(4))
    values = zeros.expectations(ring(2), X, observables=[cirq.Z(q) * 1 for q in ring(2).qubits])
    np.testing.assert_array_equal(values, np.ones((4, 2)))
    assert not sampler.points
    assert not plain.ledger.submissions()
    # Another source is another value, and stays with it.
    assert plain != zeros != plain.with_source(Zeros())
    assert plain.fingerprint() != zeros.fingerprint()
    assert zeros == plain.with_source(source) == copy.deepcopy(zeros)
    assert hash(zeros) == hash(plain.with_source(source))
    assert zeros.replace(repetitions=7).source is source
    assert isinstance(pickle.loads(pickle.dumps(zeros)).source, Zeros)
    assert zeros.with_source(None) == plain


def test_repr_shows_what_matters():
    found = evaluator(repetitions=5, mitigation=[BitFlipTolerance(1)])
    assert repr(found) == (
        "SamplerEvaluator(ExactSampler, repetitions=5, estimator='inversion', diagonal='measure', "
        "mitigation=(BitFlipTolerance(h=1),), ledger=Ledger())"
    )


# -- Pickles


def test_a_pickle_holds_the_configuration_only():
    found = evaluator(backend=cirq.ZerosSampler(), ledger=Ledger(), random_state=0)
    small = len(pickle.dumps(found))
    FidelityKernel(ring, evaluator=found)(X)
    read = pickle.loads(pickle.dumps(found))
    assert len(pickle.dumps(found)) == small < 1000
    assert "execution" not in read.__dict__
    assert read == found
    assert hash(read) == hash(found)
    assert read.fingerprint() == found.fingerprint()


def test_pickles_share_the_ledger_of_this_process():
    sampler = ExactSampler(0)
    kernel = FidelityKernel(ring, evaluator=SamplerEvaluator(sampler))
    K = kernel(X)
    read = pickle.loads(pickle.dumps(kernel))
    np.testing.assert_array_equal(read(X), K)
    assert len(read.evaluator.backend.sampler.points) == len(sampler.points) == 10


# -- Stored points


@pytest.mark.parametrize("kind", [FidelityKernel, ProjectedKernel])
def test_stored_points_are_compared_as_before(kind):
    kernel = kind(ring, evaluator=evaluator(ledger=Ledger()))
    prepared = kernel.prepare(X)
    restored = kernel.restore({name: a.copy() for name, a in prepared.arrays().items()})
    assert len(restored) == 4
    assert restored.nbytes == prepared.nbytes
    K = kernel(X)
    np.testing.assert_array_equal(kernel.compare(restored), K)
    np.testing.assert_array_equal(kernel.compare(restored[1:3], prepared), K[1:3])
    np.testing.assert_array_equal(kernel.compare(prepared, restored[np.array([2])]), K[:, [2]])
    assert all(len(array) == 4 for array in prepared.arrays().values())


class Twice(cirq.Gate):
    """A gate that Cirq cannot write as JSON."""

    def __init__(self, a, b):
        self.angles = (a, b)

    def _num_qubits_(self):
        return 1

    def _decompose_(self, qubits):
        return [cirq.rx(self.angles[0])(*qubits), cirq.rz(self.angles[1])(*qubits)]

    def _is_parameterized_(self):
        return any(map(cirq.is_parameterized, self.angles))

    def _parameter_names_(self):
        return set().union(*map(cirq.parameter_names, self.angles))

    def _resolve_parameters_(self, resolver, recursive):
        return Twice(*(resolver.value_of(angle, recursive) for angle in self.angles))

    def __eq__(self, other):
        return isinstance(other, Twice) and self.angles == other.angles

    def __hash__(self):
        return hash(self.angles)

    def __repr__(self):
        return f"Twice{self.angles}"


def test_maps_that_cannot_be_written_are_found_in_this_process():
    circuit = cirq.Circuit(Twice(*sympy.symbols("a b"))(Q[0]), cirq.ry(sympy.Symbol("a"))(Q[0]))
    maps = [FeatureMap(circuit, names) for names in (["a", "b"], ["b", "a"])]
    found = evaluator(ledger=Ledger())
    prepared = [found.embed(feature_map, X) for feature_map in maps]
    for points, feature_map in zip(prepared, maps, strict=True):
        assert found.restore(points.arrays()).feature_map == feature_map
    with pytest.raises(ValueError, match="expected points of one feature map"):
        found.fidelities(*prepared)


def nested():
    """Return a map with a subcircuit, of which JSON keeps the operations only."""
    inner = cirq.FrozenCircuit(cirq.rx(sympy.Symbol("a"))(Q[0]), cirq.CNOT(Q[0], Q[1]))
    rest = cirq.ry(sympy.Symbol("b"))(Q[1])
    return FeatureMap(cirq.Circuit(cirq.CircuitOperation(inner), rest), ["a", "b"])


def test_maps_read_from_json_are_the_same():
    read = FeatureMap.from_json(nested().to_json())
    assert read != nested()
    sampler = ExactSampler(0)
    found = SamplerEvaluator(sampler)
    a, b = found.embed(nested(), X), found.embed(read, X)
    np.testing.assert_array_equal(found.fidelities(a, b), found.fidelities(a))
    assert len(sampler.points) == 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: {"angles": a["angles"]}, r"expected the arrays angles and feature_map, got \["),
        (lambda a: a | {"angles": a["angles"][0]}, r"expected angles of shape .* got shape \(9,\)"),
        (
            lambda a: a | {"feature_map": np.eye(4, 32, dtype=np.uint8)},
            r"and the digest of one feature map, got shape \(4, 9\) and digests of shape \(4, 32\)",
        ),
        (
            lambda a: a | {"feature_map": np.zeros((4, 32), dtype=np.uint8)},
            r"^expected points of a feature map that Ledger\(\) has seen$",
        ),
    ],
)
def test_other_arrays_are_refused(change, message):
    found = evaluator()
    points = np.random.default_rng(2).uniform(size=(4, 3))
    arrays = found.embed(ring(3), points).arrays()
    arrays["angles"] = arrays["angles"][:, :9]
    with pytest.raises(ValueError, match=message):
        found.restore(change(arrays))


# -- Another process

CHILD = """
import json, pickle, sys
import numpy as np
from qkernels import FidelityKernel

given = pickle.load(open(sys.argv[1], "rb"))
on_file, in_memory, X = given["on_file"], given["in_memory"], given["X"]


def complaint(call):
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


restored = {name: on_file.evaluator.restore(a) for name, a in given["arrays"].items()}
found = {name: on_file.evaluator.fidelities(points) for name, points in restored.items()}
# The map itself comes after what was read of it.
fresh = on_file.evaluator.embed(given["nested"], X)
mixed = on_file.evaluator.fidelities(restored["nested"], fresh)
json.dump(
    {
        "K": on_file(X).tolist(),
        "restored": {name: K.tolist() for name, K in found.items()},
        "mixed": mixed.tolist(),
        "bought": len(on_file.evaluator.backend.sampler.points),
        "fingerprint": on_file.evaluator.fingerprint(),
        "equal": on_file.evaluator == on_file.evaluator.replace(),
        "in_memory": complaint(lambda: in_memory(X)),
        "offline": complaint(lambda: in_memory.evaluator.ledger.summary()),
    },
    sys.stdout,
)
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """What is handed to another process."""
    folder = tmp_path_factory.mktemp("ledger")
    # This process and another ledger have seen the maps before.
    before = evaluator(ledger=Ledger())
    for feature_map in (ring(2), nested()):
        before.embed(feature_map, X)
    on_file = FidelityKernel(ring(2), evaluator=evaluator(ledger=folder / "counts.db"))
    prepared = {"ring": on_file.prepare(X), "nested": on_file.evaluator.embed(nested(), X)}
    return {
        "on_file": on_file,
        "in_memory": FidelityKernel(ring(2), evaluator=evaluator(ledger=Ledger())),
        "X": X,
        "nested": nested(),
        "arrays": {name: points.arrays() for name, points in prepared.items()},
        "expected": {name: on_file.compare(points) for name, points in prepared.items()},
        "folder": folder,
    }


@pytest.fixture(scope="module")
def there(here):
    """What another process, with other hashes of strings, says of it."""
    path = here["folder"] / "given.pickle"
    with path.open("wb") as file:
        pickle.dump(here, file)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "17"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_counts_in_a_file_are_shared_with_other_processes(here, there):
    np.testing.assert_array_equal(there["K"], here["on_file"](X))
    # The pickled sampler remembers what it was asked for here, and was asked for nothing else.
    assert there["bought"] == len(here["on_file"].evaluator.backend.sampler.points) == 20


def test_stored_points_are_compared_in_other_processes(here, there):
    for name, expected in here["expected"].items():
        np.testing.assert_array_equal(there["restored"][name], expected)
    np.testing.assert_array_equal(there["mixed"], here["expected"]["nested"])


def test_fingerprints_are_the_same_in_other_processes(here, there):
    assert there["fingerprint"] == here["on_file"].evaluator.fingerprint()
    assert there["equal"]


def test_a_ledger_in_memory_is_not_there_in_other_processes(there):
    text = (
        "RuntimeError: this ledger is kept in the memory of another process, which alone can use "
        "it: give Ledger a path, and processes share it"
    )
    assert there["in_memory"] == there["offline"] == text


def test_another_identity_reads_no_counts_of_this(here):
    other = here["on_file"].evaluator.replace(backend=Offline("elsewhere"))
    with pytest.raises(LookupError, match="measured on elsewhere, got none of 10"):
        FidelityKernel(ring(2), evaluator=other)(X)
