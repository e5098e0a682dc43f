"""An evaluator is a shared value, and its prepared points are kept in one place a process."""

import copy
import pickle

import numpy as np
import pytest

from qkernels import StatevectorEvaluator
from qkernels.evaluators import default_evaluator, simulation, statevector
from tests.evaluators.maps import PARAMETERS, entangled, points, product


@pytest.fixture
def prepared(monkeypatch):
    """The numbers of points whose states are computed, call by call."""
    counts = []

    class Spy(simulation.Simulation):
        def states(self, program):
            re, im = super().states(program)
            counts.append(len(re))
            return re, im

    monkeypatch.setattr(statevector, "Simulation", Spy)
    StatevectorEvaluator().clear_cache()
    yield counts
    StatevectorEvaluator().clear_cache()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_is_the_evaluator_itself(copied):
    evaluator = StatevectorEvaluator(precision="single")
    assert copied(evaluator) is evaluator
    assert copied({"evaluator": evaluator})["evaluator"] is evaluator


def test_equality_goes_by_configuration():
    evaluators = [
        StatevectorEvaluator(),
        StatevectorEvaluator(precision="single"),
        StatevectorEvaluator(cache_size="1MB"),
    ]
    assert len(set(evaluators)) == 3
    assert StatevectorEvaluator(cache_size="512 MB") == StatevectorEvaluator(cache_size=512_000_000)
    assert hash(StatevectorEvaluator(cache_size=10**6)) == hash(evaluators[2])
    assert evaluators[0] != "StatevectorEvaluator()"


def test_repr_shows_the_arguments():
    evaluator = StatevectorEvaluator(precision="single", cache_size="1MB")
    assert repr(evaluator) == "StatevectorEvaluator(precision='single', cache_size='1MB')"
    assert eval(repr(evaluator)) == evaluator


def test_fingerprint_tells_precisions_apart():
    assert StatevectorEvaluator().fingerprint() == "statevector-2:double"
    assert StatevectorEvaluator(precision="single").fingerprint() == "statevector-2:single"
    assert StatevectorEvaluator(cache_size=0).fingerprint() == StatevectorEvaluator().fingerprint()


def test_a_pickle_holds_the_configuration_only(prepared):
    evaluator = StatevectorEvaluator()
    small = len(pickle.dumps(evaluator))
    evaluator.embed(product(1), points(500, 1))
    assert len(pickle.dumps(evaluator)) == small < 200


def test_equal_evaluators_share_what_they_prepared(prepared):
    X = points(5, 1)
    evaluator = StatevectorEvaluator()
    evaluator.embed(product(1), X)
    for other in (
        StatevectorEvaluator(cache_size=512 * 10**6),
        pickle.loads(pickle.dumps(evaluator)),
        default_evaluator(),
    ):
        other.embed(product(1), X)
    assert prepared == [5]


def test_evaluators_of_other_precision_do_not_share(prepared):
    X = points(5, 1)
    for precision in ("double", "single"):
        StatevectorEvaluator(precision=precision).clear_cache()
        StatevectorEvaluator(precision=precision).embed(product(1), X)
    assert prepared == [5, 5]


def test_folds_of_a_grid_search_prepare_each_point_once(prepared):
    X = points(30)
    for _ in range(10):
        for fold in range(5):
            held_out = np.arange(30) % 5 == fold
            train = StatevectorEvaluator().embed(entangled(), X[~held_out], PARAMETERS)
            test = StatevectorEvaluator().embed(entangled(), X[held_out], PARAMETERS)
            StatevectorEvaluator().fidelities(test, train)
    assert sum(prepared) == 30


def test_points_found_again_are_the_same_states(prepared):
    X = points(12)
    evaluator = StatevectorEvaluator()
    first = evaluator.embed(entangled(), X, PARAMETERS)
    again = evaluator.embed(entangled(), X[[7, 2, 2, 11]], PARAMETERS)
    np.testing.assert_array_equal(again.parts[0][0], first.parts[0][0][[7, 2, 2, 11]])
    assert prepared == [12]


def test_other_parameters_and_other_maps_are_other_points(prepared):
    X, evaluator = points(4), StatevectorEvaluator()
    for feature_map in (entangled(), entangled(4)):
        for parameters in (PARAMETERS, -PARAMETERS):
            expected = StatevectorEvaluator(cache_size=0).embed(feature_map, X, parameters)
            got = evaluator.embed(feature_map, X, parameters)
            np.testing.assert_array_equal(got.parts[0], expected.parts[0])
    assert prepared == [4] * 8


def test_equal_maps_are_the_same_map(prepared):
    evaluator = StatevectorEvaluator()
    evaluator.embed(entangled(), points(4), PARAMETERS)
    evaluator.embed(pickle.loads(pickle.dumps(entangled())), points(4), list(PARAMETERS))
    assert prepared == [4]


def test_nothing_is_kept_without_a_budget(prepared):
    evaluator = StatevectorEvaluator(cache_size="0MB")
    for _ in range(2):
        evaluator.embed(product(1), points(3, 1))
    assert prepared == [3, 3]


def test_clear_cache_forgets(prepared):
    for _ in range(2):
        StatevectorEvaluator().embed(product(1), points(3, 1))
        StatevectorEvaluator().clear_cache()
    assert prepared == [3, 3]


def test_expectation_values_keep_no_states(prepared):
    evaluator = StatevectorEvaluator()
    evaluator.expectations(product(1), points(3, 1), observables=[])
    assert prepared == []


@pytest.mark.parametrize("precision", ["half", None, "Double"])
def test_other_precisions_are_refused(precision):
    with pytest.raises(
        ValueError,
        match=rf"^precision: expected one of \['double', 'single'\], got {precision!r}$",
    ):
        StatevectorEvaluator(precision=precision)


@pytest.mark.parametrize(
    ("size", "error"),
    [("many", ValueError), ("-1MB", ValueError), (-1, ValueError), (1.5, TypeError)],
)
def test_other_cache_sizes_are_refused(size, error):
    with pytest.raises(
        error,
        match=f"^cache_size: expected a size such as '512MB', or a number of bytes, got {size!r}$",
    ):
        StatevectorEvaluator(cache_size=size)
