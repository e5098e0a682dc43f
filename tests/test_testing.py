"""The contract suites: every standard map, kernel and evaluator passes, broken ones do not."""

import itertools

import numpy as np
import pytest

from qkernels import FeatureMap, feature_maps
from qkernels.kernels import FidelityKernel, ProjectedKernel
from qkernels.testing import check_evaluator, check_feature_map, check_kernel
from tests.defects import broken, make_importable, parameters, points
from tests.reference import EVALUATORS, ReferenceEvaluator, ReferenceStates, ring, trained

MAPS = {
    "amplitude": lambda: feature_maps.amplitude(3),
    "angle": lambda: feature_maps.angle(2, axis="Y", reps=2),
    "chebyshev": lambda: feature_maps.chebyshev(2),
    "covariant": lambda: feature_maps.covariant([(0, 1)]),
    "hardware_efficient": lambda: feature_maps.hardware_efficient(3, 2, layers=2),
    "heisenberg": lambda: feature_maps.heisenberg(2, trotter_steps=2),
    "high_dimensional": lambda: feature_maps.high_dimensional(6, 2),
    "hubregtsen": lambda: feature_maps.hubregtsen(2),
    "iqp": lambda: feature_maps.iqp(3),
    "ising": lambda: feature_maps.ising(4, distance=2),
    "pauli": lambda: feature_maps.pauli(2, paulis=("X", "ZZ"), reps=1),
    "yz_cx": lambda: feature_maps.yz_cx(2),
    "z": lambda: feature_maps.z(2),
    "zz": lambda: feature_maps.zz(3),
}


@pytest.fixture(params=MAPS)
def feature_map(request):
    return MAPS[request.param]()


def test_every_standard_map_is_checked():
    assert set(feature_maps.__all__) == set(MAPS) | {"FeatureMap"}


def test_feature_maps(feature_map):
    check_feature_map(feature_map)


@pytest.mark.parametrize("evaluator", EVALUATORS, ids=lambda evaluator: type(evaluator).__name__)
def test_evaluators(feature_map, evaluator):
    check_evaluator(evaluator, feature_map, points(feature_map))
    check_evaluator(evaluator, feature_map, points(feature_map), parameters(feature_map))


@pytest.mark.parametrize("kind", [FidelityKernel, ProjectedKernel])
@pytest.mark.parametrize("evaluator", [None, ReferenceEvaluator()], ids=["exact", "reference"])
def test_kernels(feature_map, kind, evaluator):
    kernel = kind(feature_map, parameters=parameters(feature_map), evaluator=evaluator)
    check_kernel(kernel, points(feature_map, 4))


def test_a_map_without_features_is_a_map_too():
    check_feature_map(FeatureMap(ring(2).circuit, [], ["x0", "x1"]))


def test_wrong_things_are_named():
    with pytest.raises(AssertionError, match="'zz' is not a FeatureMap"):
        check_feature_map("zz")
    with pytest.raises(AssertionError, match="3 lacks methods of the protocol"):
        check_evaluator(3, ring(2), points(ring(2)))
    with pytest.raises(AssertionError, match="None is not a QuantumKernel"):
        check_kernel(None, [[0.0]])


@pytest.mark.parametrize("X", [np.zeros(4), np.zeros((4, 2)), np.eye(3)])
def test_points_must_differ(X):
    with pytest.raises(ValueError, match="at least four different points"):
        check_kernel(FidelityKernel(ring), X)


# -- Broken kernels. `message` says which of the checks must find it.


def compared(change):
    """Return a `compare` whose matrix goes through `change`, which is told whether q is there."""

    def compare(self, p, q=None, *, return_std=False):
        return change(FidelityKernel.compare(self, p, q), q is None or q is p)

    return compare


def upper_only(K, symmetric):
    K[0, 1] += 1e-15
    return K


def noisy_diagonal(K, symmetric):
    return K + 0.1 * np.eye(len(K)) if symmetric else K


def kept(values):
    """Return a function that gives the same array again for the same shape."""
    return lambda K, symmetric: values.setdefault((K.shape, symmetric), K)


def counted(counter):
    return lambda K, symmetric: K + next(counter) * 1e-12


def unchecked(self, X, Y=None, eval_gradient=False):
    clean = [None if A is None else np.nan_to_num(np.asarray(A, dtype=float)) for A in (X, Y)]
    return FidelityKernel.__call__(self, *clean, eval_gradient)


def in_place(self, embedding, X):
    X *= 0.5
    return embedding.states(X)


def list_only(self, X, Y=None, eval_gradient=False):
    if isinstance(X, list):
        return FidelityKernel.__call__(self, X, Y, eval_gradient) + 1e-15
    return FidelityKernel.__call__(self, X, Y, eval_gradient)


KERNELS = [
    broken(FidelityKernel, "must be float64", compare=compared(lambda K, s: K.astype("f4"))),
    broken(
        FidelityKernel, "must be C-ordered", compare=compared(lambda K, s: np.asfortranarray(K))
    ),
    broken(FidelityKernel, "must have shape", compare=compared(lambda K, s: K[:-1])),
    broken(FidelityKernel, "must be finite", compare=compared(lambda K, s: K * np.nan)),
    broken(FidelityKernel, "transpose differ by", compare=compared(upper_only)),
    broken(FidelityKernel, "diagonal of kernel.X. differ", compare=compared(lambda K, s: 2 * K)),
    broken(
        FidelityKernel,
        "positive semidefinite",
        compare=compared(lambda K, s: -K),
        diag=lambda self, X: -np.ones(len(X)),
    ),
    broken(FidelityKernel, "first result was overwritten", compare=compared(kept({}))),
    broken(FidelityKernel, "differ by 1", compare=compared(counted(itertools.count()))),
    broken(
        FidelityKernel,
        "the block of kernel.X. differ",
        compare=compared(lambda K, s: K if s else K / 2),
    ),
    broken(FidelityKernel, "the diagonal of kernel", compare=compared(noisy_diagonal)),
    broken(
        FidelityKernel,
        "axis 0|points back",
        restore=lambda self, arrays: FidelityKernel.restore(self, arrays)[:2],
    ),
    broken(FidelityKernel, "NaN must raise", __call__=unchecked),
    broken(FidelityKernel, "differ by|changed X", _prepare=in_place),
    broken(FidelityKernel, "kernel.X, X.tolist|a list and kernel", __call__=list_only),
    broken(
        FidelityKernel,
        "clone must return an equal kernel",
        __eq__=lambda self, other: self is other,
        __hash__=FidelityKernel.__hash__,
    ),
    broken(FidelityKernel, "clone must return a kernel of the same hash", __hash__=object.__hash__),
    broken(
        FidelityKernel,
        "at half the bandwidth",
        _prepare=lambda self, embedding, X: embedding.evaluator.embed(embedding.feature_map, X),
    ),
    broken(FidelityKernel, "repr must start with Broken", __repr__=lambda self: "kernel"),
    broken(FidelityKernel, "theta has 1 entries", theta=property(lambda self: np.zeros(1))),
    broken(FidelityKernel, "bounds must be", bounds=property(lambda self: np.zeros((1, 2)))),
    broken(
        FidelityKernel,
        "gradient must be",
        __call__=lambda self, X, Y=None, eval_gradient=False: (
            (FidelityKernel.__call__(self, X, Y), np.empty(0))
            if eval_gradient
            else FidelityKernel.__call__(self, X, Y)
        ),
    ),
]


@pytest.mark.parametrize(("kind", "message"), KERNELS)
def test_broken_kernels(kind, message, monkeypatch):
    make_importable(kind, monkeypatch)
    feature_map = ring(2)
    kernel = kind(feature_map, evaluator=ReferenceEvaluator())
    with pytest.raises(AssertionError, match=message):
        check_kernel(kernel, points(feature_map))


def test_a_theta_that_does_not_move(monkeypatch):
    class Broken(FidelityKernel):
        def clone_with_theta(self, theta):
            return super().clone_with_theta(self.theta)

    make_importable(Broken, monkeypatch)
    kernel = Broken(ring(2), bandwidth_bounds=(0.1, 3.0))
    with pytest.raises(AssertionError, match="theta of clone_with_theta"):
        check_kernel(kernel, points(ring(2)))


# -- Broken feature maps


def overwriting(self, X):
    X *= 2
    return X


MAP_DEFECTS = [
    broken(FeatureMap, "n_features is 3", n_features=property(lambda self: 3)),
    broken(FeatureMap, "qubits must be", qubits=property(lambda self: ring(2).qubits[::-1])),
    broken(FeatureMap, "JSON must keep the param", to_json=lambda self: ring(2).to_json()),
    broken(
        FeatureMap,
        "states by JSON",
        to_json=lambda self: FeatureMap.to_json(self.compose(trained(2))),
    ),
    broken(FeatureMap, "deep copy", __deepcopy__=lambda self, memo: ring(2)),
    broken(FeatureMap, "copy of Broken", __copy__=lambda self: ring(2)),
    broken(FeatureMap, "set_params", set_params=lambda self: self),
    broken(FeatureMap, "same hash", __hash__=object.__hash__),
    broken(FeatureMap, "equal to what", __eq__=lambda a, b: a is b, __hash__=lambda self: 3),
    broken(FeatureMap, "encode changed X", encode=overwriting),
    broken(FeatureMap, "keep the shape", encode=lambda self, X: X[:, :1]),
    broken(
        FeatureMap,
        "angles must be finite",
        angles=lambda self, inputs, parameters=None: np.full((4, len(self.angle_symbols)), np.nan),
    ),
    broken(
        FeatureMap,
        "left symbols",
        resolve=lambda self, x, parameters=None: self.circuit.unfreeze(),
    ),
    broken(
        FeatureMap,
        "states by resolve",
        resolve=lambda self, x, parameters=None: FeatureMap.resolve(self, x + 0.1, parameters),
    ),
    broken(FeatureMap, "encode of too many features", encode=lambda self, X: X.copy()),
    broken(
        FeatureMap,
        "resolve without parameters",
        resolve=lambda self, x, t=(1.0, 1.0): FeatureMap.resolve(self, x, t),
    ),
]


@pytest.mark.parametrize(("kind", "message"), MAP_DEFECTS)
def test_broken_feature_maps(kind, message, monkeypatch):
    make_importable(kind, monkeypatch)
    good = trained(2)
    bad = kind(good.circuit, good.feature_symbols, good.parameter_symbols)
    with pytest.raises(AssertionError, match=message):
        check_feature_map(bad)


# -- Broken evaluators


def fidelities(change):
    def changed(self, a, b=None, *, return_std=False):
        K = change(ReferenceEvaluator.fidelities(self, a, b), b is None or b is a)
        return (K, np.zeros_like(K)) if return_std else K

    return changed


def expectations(change):
    def changed(self, *args, observables, return_std=False):
        values = change(ReferenceEvaluator.expectations(self, *args, observables=observables))
        return (values, np.zeros_like(values)) if return_std else values

    return changed


def embedded(change):
    def embed(self, feature_map, inputs, parameters=None):
        return change(ReferenceEvaluator.embed(self, feature_map, inputs, parameters))

    return embed


def little_endian(self, feature_map, *args, outputs, n_outputs, return_std=False):
    """Read basis states as other frameworks do, the first qubit as the least significant digit."""
    tensor = np.asarray(outputs).reshape([2] * feature_map.n_qubits)
    counts_for = np.eye(n_outputs)[tensor.transpose().ravel()]
    values = np.abs(ReferenceEvaluator.embed(self, feature_map, *args).states) ** 2 @ counts_for
    return (values, np.zeros_like(values)) if return_std else values


def halving(self, feature_map, inputs, parameters=None):
    prepared = ReferenceEvaluator.embed(self, feature_map, inputs, parameters)
    inputs *= 0.5
    return prepared


numbers = itertools.count()

EVALUATOR_DEFECTS = [
    broken(ReferenceEvaluator, "lacks methods", fingerprint=None),
    broken(ReferenceEvaluator, "deep copy", __deepcopy__=lambda self, memo: ReferenceEvaluator()),
    broken(ReferenceEvaluator, "set_params", set_params=lambda self: self),
    broken(ReferenceEvaluator, "keep its fingerprint", fingerprint=lambda self: str(next(numbers))),
    broken(ReferenceEvaluator, "but their length is 4", embed=embedded(lambda p: p[1:])),
    broken(
        ReferenceEvaluator,
        "points back",
        restore=lambda self, arrays: ReferenceStates(arrays["states"][:1]),
    ),
    broken(
        ReferenceEvaluator,
        "fidelities differ",
        embed=embedded(lambda p: ReferenceStates(p.states.real)),
    ),
    broken(ReferenceEvaluator, "their transpose", fidelities=fidelities(upper_only)),
    broken(ReferenceEvaluator, "must be float64", fidelities=fidelities(lambda K, s: K + 0j)),
    broken(ReferenceEvaluator, "overwritten", fidelities=fidelities(kept({}))),
    broken(
        ReferenceEvaluator,
        "fidelities of two blocks differ",
        fidelities=fidelities(lambda K, s: K if s else K**2),
    ),
    broken(
        ReferenceEvaluator,
        "fidelities of restored points differ",
        restore=lambda self, arrays: ReferenceStates(arrays["states"][::-1]),
    ),
    broken(
        ReferenceEvaluator,
        "fidelities with return_std must return two arrays",
        fidelities=lambda self, a, b=None, *, return_std=False: ReferenceEvaluator.fidelities(
            self, a, b
        ),
    ),
    broken(ReferenceEvaluator, "expectations differ", expectations=expectations(lambda v: -v)),
    broken(
        ReferenceEvaluator,
        "expectations must be C-ordered",
        expectations=expectations(np.asfortranarray),
    ),
    broken(ReferenceEvaluator, "probabilities differ", probabilities=little_endian),
    broken(ReferenceEvaluator, "embed changed its inputs", embed=halving),
]


@pytest.mark.parametrize(("kind", "message"), EVALUATOR_DEFECTS)
def test_broken_evaluators(kind, message, monkeypatch):
    make_importable(kind, monkeypatch)
    with pytest.raises(AssertionError, match=message):
        check_evaluator(kind(), ring(2), points(ring(2)))
