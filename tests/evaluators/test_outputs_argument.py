"""`checked_outputs`: which output each basis state counts for."""

import numpy as np
import pytest

from qkernels.evaluators.arguments import checked_outputs


@pytest.mark.parametrize("given", [[0, 2, 1, 0], np.array([0, 2, 1, 0], np.uint8)])
def test_outputs_become_contiguous_integers(given):
    found = checked_outputs(given, np.int32(3), 2)
    np.testing.assert_array_equal(found, [0, 2, 1, 0])
    assert found.dtype == np.int64
    assert checked_outputs(np.arange(8)[::2], 7, 2).flags.c_contiguous


@pytest.mark.parametrize(
    ("outputs", "n_outputs", "error", "message"),
    [
        ([0.0, 1.0], 2, TypeError, r"^expected outputs to be an array of integers, got \[0.0, 1.0"),
        ([True, False], 2, TypeError, "expected outputs to be an array of integers, got"),
        (
            [0, 1, 1],
            2,
            ValueError,
            r"^expected an output for each of the 2 basis states of 1 qubits, got outputs of "
            r"shape \(3,\)$",
        ),
        ([[0, 1]], 2, ValueError, r"got outputs of shape \(1, 2\)"),
        ([0, 2], 2, ValueError, "^expected outputs from 0 to 1, got 2 for basis state 1$"),
        ([-1, 0], 2, ValueError, "^expected outputs from 0 to 1, got -1 for basis state 0$"),
        ([0, 0], 0, ValueError, "^expected n_outputs to be an integer of at least 1, got 0$"),
        ([0, 0], 1.5, ValueError, "^expected n_outputs to be an integer of at least 1, got 1.5$"),
    ],
)
def test_other_outputs_are_refused(outputs, n_outputs, error, message):
    with pytest.raises(error, match=message):
        checked_outputs(outputs, n_outputs, 1)
