"""Kernels as values: stored arguments, equality, hashes, copies, printing, fingerprints."""

import copy
import pickle
from functools import partial

import cirq
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from qkernels import feature_maps
from qkernels.kernels import FidelityKernel, ProjectedKernel
from tests.reference import ReferenceEvaluator, ring, trained

T = np.array([0.7, -1.1])
EVALUATOR = ReferenceEvaluator()
Z = cirq.Z(cirq.LineQubit(0))
X1 = cirq.X(cirq.LineQubit(1))


def test_arguments_are_stored_untouched():
    bandwidth, parameters, bounds, observables = [1, 2], (0.1, 0.2), [(-1, 1)] * 2, [Z]
    outer = RBF()
    given = {
        "feature_map": trained,
        "gamma": 1,
        "outer": outer,
        "observables": observables,
        "locality": 1,
        "bandwidth": bandwidth,
        "parameters": parameters,
        "gamma_bounds": "fixed",
        "bandwidth_bounds": (1, 2),
        "parameter_bounds": bounds,
        "evaluator": None,
    }
    kernel = ProjectedKernel(**given)
    assert kernel.get_params(deep=False).keys() == given.keys()
    for name, value in given.items():
        assert getattr(kernel, name) is value
        assert kernel.get_params()[name] is value


def test_nonsense_is_accepted_until_the_kernel_is_called():
    kernel = ProjectedKernel("zz", gamma="wide", observables=7, bandwidth=None, evaluator=3)
    assert "gamma='wide'" in repr(kernel)
    assert clone(kernel) == kernel
    with pytest.raises(TypeError):
        kernel([[0.0]])


EQUAL = [
    (FidelityKernel(ring), FidelityKernel(ring, bandwidth=1)),
    (FidelityKernel(ring(2)), FidelityKernel(ring(2))),
    (FidelityKernel(ring, bandwidth=[1, 2]), FidelityKernel(ring, bandwidth=np.array([1.0, 2.0]))),
    (FidelityKernel(partial(ring)), FidelityKernel(partial(ring))),
    (ProjectedKernel(ring, outer=RBF([1, 2])), ProjectedKernel(ring, outer=RBF([1.0, 2.0]))),
    (ProjectedKernel(ring, observables=[Z + X1]), ProjectedKernel(ring, observables=(X1 + Z,))),
    (FidelityKernel(ring, evaluator=EVALUATOR), FidelityKernel(ring, evaluator=type(EVALUATOR)())),
]
DIFFERENT = [
    (FidelityKernel(ring), FidelityKernel(trained)),
    (FidelityKernel(ring), ProjectedKernel(ring)),
    (FidelityKernel(ring(2)), FidelityKernel(ring(3))),
    (FidelityKernel(ring, bandwidth=[1, 2]), FidelityKernel(ring, bandwidth=[1, 2, 3])),
    (FidelityKernel(ring, bandwidth=[1, 1]), FidelityKernel(ring, bandwidth=1)),
    (FidelityKernel(ring), FidelityKernel(ring, parameters=T)),
    (FidelityKernel(ring), FidelityKernel(ring, bandwidth_bounds=(1, 2))),
    (FidelityKernel(partial(ring)), FidelityKernel(partial(trained))),
    (ProjectedKernel(ring, outer=RBF([1, 2])), ProjectedKernel(ring, outer=RBF([1, 2, 3]))),
    (ProjectedKernel(ring, outer=RBF()), ProjectedKernel(ring, outer=Matern())),
    (ProjectedKernel(ring, observables=[Z]), ProjectedKernel(ring, observables=[2 * Z])),
    (ProjectedKernel(ring, observables=[Z + X1]), ProjectedKernel(ring, observables=[Z - X1])),
    (FidelityKernel(ring), FidelityKernel(ring, evaluator=EVALUATOR)),
]


@pytest.mark.parametrize(("a", "b"), EQUAL, ids=repr)
def test_equal_content_is_equal(a, b):
    assert a == b
    assert hash(a) == hash(b)
    assert len({a, b}) == 1


@pytest.mark.parametrize(("a", "b"), DIFFERENT, ids=repr)
def test_different_content_is_not(a, b):
    assert a != b
    assert hash(a) != hash(b)


def test_not_equal_to_other_things():
    kernel = FidelityKernel(ring)
    assert kernel != RBF()
    assert kernel != "FidelityKernel"
    assert (ConstantKernel(2.0) * kernel) == (2.0 * FidelityKernel(ring))


@pytest.mark.parametrize("kernel", [a for a, _ in EQUAL], ids=repr)
@pytest.mark.parametrize("copied", [clone, copy.copy, copy.deepcopy])
def test_copies_are_equal(kernel, copied):
    other = copied(kernel)
    assert other is not kernel
    assert other == kernel
    assert pickle.loads(pickle.dumps(kernel)) == kernel


@pytest.mark.parametrize("kind", [FidelityKernel, ProjectedKernel])
def test_pickles_carry_no_results(kind):
    kernel = kind(ring(2))
    X = np.random.default_rng(0).uniform(size=(50, 2))
    kernel(X[:2])
    before = pickle.dumps(kernel)
    kernel(X)
    assert len(pickle.dumps(kernel)) == len(before)


def test_copies_do_not_share_what_can_change():
    kernel = ProjectedKernel(ring, bandwidth=np.array([1.0, 2.0]), outer=RBF())
    other = clone(kernel)
    other.bandwidth[0] = 5.0
    other.outer.length_scale = 5.0
    assert kernel.bandwidth[0] == 1.0
    assert kernel.outer.length_scale == 1.0


def test_copies_share_feature_map_and_evaluator():
    feature_map = ring(2)
    model = SVC(kernel=FidelityKernel(feature_map, evaluator=EVALUATOR))
    X = np.random.default_rng(0).uniform(size=(12, 2))
    search = GridSearchCV(model, {"kernel__bandwidth": [0.5, 1.0]}, cv=2).fit(X, X[:, 0] > 0.5)
    for copied in (clone(model).kernel, search.best_estimator_.kernel):
        assert copied.feature_map is feature_map
        assert copied.evaluator is EVALUATOR


def test_set_params():
    kernel = FidelityKernel(ring)
    assert kernel.set_params(bandwidth=0.5, feature_map=trained) is kernel
    assert kernel == FidelityKernel(trained, bandwidth=0.5)
    with pytest.raises(ValueError, match="Invalid parameter gamma for kernel FidelityKernel"):
        kernel.set_params(gamma=1.0)


REPRS = [
    (FidelityKernel(ring), "FidelityKernel(ring)"),
    (FidelityKernel(ring, bandwidth=0.5), "FidelityKernel(ring, bandwidth=0.5)"),
    (FidelityKernel(partial(ring, n=3)), "FidelityKernel(partial(ring, n=3))"),
    (
        FidelityKernel(trained, parameters=np.arange(8.0), parameter_bounds=(-1, 1)),
        "FidelityKernel(trained, parameters=array([0., 1., 2., ..., 5., 6., 7.]), "
        "parameter_bounds=(-1, 1))",
    ),
    (
        ProjectedKernel(ring, outer=RBF(2.0), observables=[Z]),
        "ProjectedKernel(ring, outer=RBF(length_scale=2), observables=[cirq.Z(cirq.LineQubit(0))])",
    ),
    (2.0 * ProjectedKernel(ring, gamma=3.0), "1.41**2 * ProjectedKernel(ring, gamma=3.0)"),
]


@pytest.mark.parametrize(("kernel", "text"), REPRS, ids=[text for _, text in REPRS])
def test_repr_shows_what_is_not_at_its_default(kernel, text):
    assert repr(kernel) == text


def test_repr_shows_numpy_numbers_as_numbers():
    kernel = FidelityKernel(feature_maps.zz, bandwidth=np.float64(0.3))
    assert repr(kernel) == "FidelityKernel(zz, bandwidth=0.3)"


def test_repr_shows_a_feature_map():
    assert repr(ring(2)) in repr(FidelityKernel(ring(2)))


# -- Fingerprints: of what decides the numbers, and of nothing else.

FM = ring(2)
TM = trained(2)


def fingerprint(*args, kind=ProjectedKernel, **options):
    return kind(*args, **options, evaluator=EVALUATOR).fingerprint()


def test_fingerprints_of_different_numbers_differ():
    prints = [
        fingerprint(FM, kind=FidelityKernel),
        fingerprint(FM),
        fingerprint(ring(3)),
        fingerprint(TM, parameters=T),
        fingerprint(TM, parameters=np.nextafter(T, 0)),
        fingerprint(FM, bandwidth=0.5),
        fingerprint(FM, bandwidth=[0.5, 0.5]),
        fingerprint(FM, gamma=0.5),
        fingerprint(FM, locality=2),
        fingerprint(FM, observables="Z"),
        fingerprint(FM, observables=[Z]),
        fingerprint(FM, observables=[Z + X1]),
        fingerprint(FM, outer=RBF()),
        fingerprint(FM, outer=RBF(2.0)),
        fingerprint(FM, outer=Matern()),
    ]
    assert len(set(prints)) == len(prints)
    assert all(isinstance(text, str) for text in prints)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"bandwidth": 1}, {"bandwidth": np.float64(1.0)}),
        ({"parameters": T}, {"parameters": T.tolist()}),
        ({"bandwidth_bounds": (0.1, 1.0)}, {"bandwidth_bounds": "fixed"}),
        ({"outer": RBF(1.0, "fixed")}, {"outer": RBF()}),
    ],
)
def test_fingerprints_of_equal_numbers_are_equal(one, other):
    feature_map = TM if "parameters" in one else FM
    assert fingerprint(feature_map, **one) == fingerprint(feature_map, **other)


def test_fingerprint_includes_the_evaluators():
    class Other(ReferenceEvaluator):
        def fingerprint(self):
            return "other"

    kernel = FidelityKernel(FM, evaluator=EVALUATOR)
    assert kernel.fingerprint() == clone(kernel).fingerprint()
    assert kernel.fingerprint() != FidelityKernel(FM, evaluator=Other()).fingerprint()


def test_fingerprint_of_a_function_is_refused():
    with pytest.raises(ValueError, match=r"expected a FeatureMap, a standard feature map .*ring"):
        fingerprint(ring)
