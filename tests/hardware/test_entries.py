"""Which points an entry is made of, against what kernels of single points ask for."""

import numpy as np
import pytest

from qkernels import hardware
from qkernels.hardware.entries import largest_by_point
from qkernels.hardware.recording import recorded
from tests.hardware.test_plan import X, Y, fidelity, projected

TWICE = np.vstack([X, X[:2]])


def asked_for(kernel, *points):
    """Return the keys of all points that the kernel of some points asks for."""
    return {key for request in recorded(kernel, points) for key in request.keys("")}


@pytest.mark.parametrize("make", [fidelity, projected])
@pytest.mark.parametrize("points", [(X,), (TWICE,), (X, Y), (TWICE, X[:3])])
@pytest.mark.parametrize("options", [{}, {"diagonal": "one"}])
def test_points_have_the_largest_of_their_entries(make, points, options):
    kernel = make(**options)
    entries = np.random.default_rng(2).uniform(1, 2, (len(points[0]), len(points[-1])))
    entries = (entries + entries.T) / 2 if len(points) == 1 else entries
    expected = {}
    for i, j in np.ndindex(entries.shape):
        for key in asked_for(kernel, points[0][[i]], points[-1][[j]]):
            expected[key] = max(expected.get(key, 0), entries[i, j])
    assert largest_by_point(hardware.plan(kernel, *points), entries) == expected


def test_diagonals_that_correct_an_entry_are_points_of_it():
    kernel = fidelity(mitigation=[hardware.Depolarizing("split")])
    entries = np.arange(24.0).reshape(6, 4)
    found = largest_by_point(hardware.plan(kernel, X, Y), entries)
    for axis, points in ((1, X), (0, Y)):
        for P, number in zip(points, entries.max(axis=axis), strict=True):
            (own,) = asked_for(fidelity(), P[np.newaxis])
            assert found[own] == number
