"""Labels made for a quantum kernel: whose points they have, who learns them, and bad input."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.svm import SVC

from qkernels.datasets import engineered


def test_the_quantum_kernel_learns_them_and_an_rbf_kernel_does_not():
    found = engineered(200, random_state=0, return_X_y=False)
    quantum = cross_val_score(SVC(kernel=found.kernel), found.data, found.target).mean()
    search = GridSearchCV(SVC(), {"C": [0.1, 10, 1000], "gamma": [1e-3, 1e-2, 0.1, 1]})
    classical = cross_val_score(search, found.data, found.target).mean()
    assert quantum > 0.8
    assert classical < 0.65


def test_points_and_their_true_labels():
    found = engineered(569, n_features=3, random_state=1, return_X_y=False)
    np.testing.assert_allclose(found.data.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.cov(found.data.T, bias=True), np.eye(3), atol=1e-12)
    assert np.sum(found.diagnosis) == np.sum(load_breast_cancer().target)
    # The first component is the size of nuclei: of malignant ones it is larger.
    sizes = [found.data[found.diagnosis == kind, 0].mean() for kind in (0, 1)]
    assert abs(sizes[0] - sizes[1]) > 1.5


@pytest.mark.parametrize("n", [4, 61])
def test_half_of_them_are_of_each_class(n):
    X, y = engineered(n, n_features=2, random_state=0)
    assert X.shape == (n, 2)
    assert abs(np.sum(y)) == n % 2
    assert y[0] == 1


def test_the_seed_chooses_the_points():
    first, again, other = (engineered(50, random_state=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_samples": 3}, "expected n_samples to be an integer of at least 4, got 3"),
        ({"n_samples": 570}, "expected n_samples to be at most 569, got 570"),
        ({"n_features": 0}, "expected n_features to be an integer of at least 1, got 0"),
        ({"n_features": 11}, "expected n_features to be at most 10, got 11"),
    ],
)
def test_bad_numbers(options, message):
    with pytest.raises(ValueError, match=message):
        engineered(**options)
