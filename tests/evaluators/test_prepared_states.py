"""Prepared points: views and copies, and arrays that a store writes and reads."""

import numpy as np
import pytest

from qkernels import StatevectorEvaluator
from qkernels.evaluators import Prepared
from qkernels.loops import overlaps
from tests.evaluators.maps import PARAMETERS, entangled, points, product

evaluator = StatevectorEvaluator()


@pytest.fixture
def prepared():
    return evaluator.embed(entangled(), points(6), PARAMETERS)


def assert_same(a, b):
    assert a.arrays().keys() == b.arrays().keys()
    for name, plane in a.arrays().items():
        np.testing.assert_array_equal(plane, b.arrays()[name])


def test_states_follow_the_protocol(prepared):
    assert isinstance(prepared, Prepared)
    assert len(prepared) == 6
    assert prepared.nbytes == 6 * 8 * 16


def test_a_slice_is_a_view(prepared):
    part = prepared[2:5]
    assert len(part) == 3
    assert all(np.shares_memory(part.arrays()[k], v) for k, v in prepared.arrays().items())


@pytest.mark.parametrize("rows", [np.array([4, 1, 1]), np.arange(6) % 2 == 0])
def test_an_index_array_is_a_copy(prepared, rows):
    part = prepared[rows]
    assert not np.shares_memory(part.arrays()["re0"], prepared.arrays()["re0"])
    np.testing.assert_array_equal(part.arrays()["im0"], prepared.arrays()["im0"][rows])


def test_points_come_first_in_every_array():
    prepared = evaluator.embed(product(6), points(4, 6))
    assert list(prepared.arrays()) == ["re0", "im0", "re1", "im1"]
    assert [plane.shape for plane in prepared.arrays().values()] == [(4, 16)] * 2 + [(4, 4)] * 2


@pytest.mark.parametrize("feature_map", [entangled(), product(9)], ids=["one part", "three"])
def test_restored_states_are_the_same(feature_map):
    parameters = PARAMETERS if feature_map.n_parameters else None
    prepared = evaluator.embed(feature_map, points(5, feature_map.n_features), parameters)
    restored = evaluator.restore({k: v.copy() for k, v in prepared.arrays().items()})
    assert_same(restored, prepared)
    np.testing.assert_array_equal(evaluator.fidelities(restored), evaluator.fidelities(prepared))


def test_restored_order_is_that_of_the_names():
    prepared = evaluator.embed(product(44), points(3, 44))
    assert "re10" in prepared.arrays()
    shuffled = dict(sorted(prepared.arrays().items()))
    assert_same(evaluator.restore(shuffled), prepared)


@pytest.fixture
def mapped(prepared, tmp_path):
    """The same states, read from memory maps that cannot be written."""
    for name, plane in prepared.arrays().items():
        np.save(tmp_path / name, plane)
    maps = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in prepared.arrays()}
    return evaluator.restore(maps)


def test_memory_maps_are_compared(prepared, mapped):
    np.testing.assert_array_equal(evaluator.fidelities(mapped), evaluator.fidelities(prepared))
    np.testing.assert_array_equal(
        evaluator.fidelities(mapped, prepared[:3]), evaluator.fidelities(prepared, prepared[:3])
    )


@pytest.mark.jit
def test_no_kind_of_states_waits_for_a_compiler(prepared, mapped):
    evaluator.fidelities(prepared)
    compiled = len(overlaps._write_fidelities.signatures)
    evaluator.fidelities(mapped, prepared)
    evaluator.fidelities(prepared[::2], mapped)
    assert len(overlaps._write_fidelities.signatures) == compiled


def arrays(**changes):
    good = {"re0": np.ones((2, 4)), "im0": np.zeros((2, 4))}
    return {name: plane for name, plane in (good | changes).items() if plane is not None}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, r"expected arrays re0, im0, re1, \.\.\., got \[\]"),
        (arrays(im0=None), r"expected arrays re0, im0, re1, \.\.\., got \['re0'\]"),
        (arrays(re2=np.ones((2, 4)), im2=np.ones((2, 4))), r"expected arrays .*, got \['im0', "),
        (arrays(im0=np.ones((2, 2))), r"expected pairs of equal shape \(n_points, 2\^n\), got "),
        (arrays(im0=np.ones((3, 4))), r"expected pairs .* got \[\(2, 4\), \(3, 4\)\]"),
        (arrays(re0=np.ones(4), im0=np.ones(4)), r"expected pairs .* got \[\(4,\), \(4,\)\]"),
        (arrays(re1=np.ones((3, 2)), im1=np.ones((3, 2))), r"expected pairs .*\(3, 2\)\]"),
        (
            arrays(im0=np.zeros((2, 4), np.float32)),
            r"expected arrays of float64, or all of float32, got \['float32', 'float64'\]",
        ),
        (arrays(re0=np.ones((2, 4), int), im0=np.ones((2, 4), int)), r"got \['int64'\]"),
        (arrays(re0=np.ones((2, 4), complex), im0=np.ones((2, 4), complex)), "'complex128'"),
    ],
)
def test_other_arrays_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        evaluator.restore(given)
