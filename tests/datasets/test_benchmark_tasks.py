"""The synthetic tasks of Bowles, Ahmed and Schuld: each recipe again, point by point."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from qkernels import datasets

GENERATORS = [
    datasets.linearly_separable,
    datasets.hidden_manifold,
    datasets.two_curves,
    datasets.hyperplanes,
    datasets.bars_and_stripes,
]
EVERY = pytest.mark.parametrize("generator", GENERATORS, ids=lambda g: g.__name__)


# -- All of them


@EVERY
def test_a_seed_repeats_and_seeds_differ(generator):
    first, again, other = (generator(20, random_state=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


@EVERY
def test_random_state_may_be_an_instance_which_moves_on(generator):
    random = np.random.RandomState(5)
    first, second = (generator(20, random_state=random) for _ in range(2))
    np.testing.assert_array_equal(first[0], generator(20, random_state=5)[0])
    assert not np.array_equal(first[0], second[0])


@EVERY
def test_bunch(generator):
    X, y = generator(7, random_state=2)
    drawn = generator(7, random_state=2, return_X_y=False)
    np.testing.assert_array_equal(drawn.data, X)
    np.testing.assert_array_equal(drawn.target, y)
    assert drawn.feature_names == [f"x{i}" for i in range(X.shape[1])]
    assert y.shape == (7,)
    assert y.dtype == np.int64
    assert set(y) <= {-1, 1}


@pytest.mark.parametrize("generator", GENERATORS[1:4], ids=lambda g: g.__name__)
@pytest.mark.parametrize(("n_samples", "shares"), [(2, (1, 1)), (7, (3, 4)), (30, (15, 15))])
def test_classes_have_equal_shares(generator, n_samples, shares):
    X, y = generator(n_samples, 4, random_state=0)
    assert X.shape == (n_samples, 4)
    assert (np.sum(y == -1), np.sum(y == 1)) == shares


@pytest.mark.parametrize("generator", [datasets.two_curves, datasets.hyperplanes])
def test_features_are_standardised_and_classes_in_order(generator):
    X, y = generator(40, 5, random_state=1)
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(X.std(axis=0), 1, atol=1e-12)
    assert np.all(np.diff(y) >= 0)


@EVERY
@pytest.mark.parametrize(("option", "value"), [("n_samples", 2.5), ("n_samples", 0)])
def test_refusals_of_all(generator, option, value):
    with pytest.raises(ValueError, match=f"expected {option} to be an integer.*, got {value}"):
        generator(**{option: value})
    with pytest.raises(ValueError, match="'seed' cannot be used to seed"):
        generator(4, random_state="seed")


# -- Linearly separable


@pytest.mark.parametrize("margin", [0.0, 0.02, 0.3])
def test_labels_are_sides_of_the_plane(margin):
    X, y = datasets.linearly_separable(400, 3, margin, random_state=0)
    assert np.all((X >= -1) & (X < 1))
    assert np.all(np.abs(X.mean(axis=1)) > margin)
    assert y.tolist() == [-1 if sum(x) > 0 else 1 for x in X]
    assert LogisticRegression(C=1e6).fit(X, y).score(X, y) == 1
    assert abs(y.mean()) < 5 / math.sqrt(400)


def test_points_come_in_the_order_drawn():
    X, _ = datasets.linearly_separable(5, 2, 0.4, random_state=np.random.RandomState(3))
    random, expected = np.random.RandomState(3), []
    while len(expected) < 5:
        for x in 2 * random.rand(10, 2) - 1:
            if abs(x.sum()) > 0.8:
                expected.append(x)
    np.testing.assert_array_equal(X, expected[:5])


# -- Hidden manifold


def test_points_are_on_the_manifold_and_labelled_by_the_network():
    n, d, m = 31, 4, 3
    drawn = datasets.hidden_manifold(n, d, m, random_state=8, return_X_y=False)
    random = np.random.RandomState(8)
    F, C = random.normal(size=(m, d)), random.normal(size=(n, m))
    b = random.uniform(-1, 1, size=d)
    W, v = random.normal(size=(m, m)), random.normal(size=m)
    np.testing.assert_array_equal(drawn.coordinates, C)
    values = []
    for x, c in zip(drawn.data, C, strict=True):
        expected = [math.tanh(c @ F[:, i] / math.sqrt(m) - b[i]) for i in range(d)]
        np.testing.assert_allclose(x, expected, rtol=1e-12)
        values.append(sum(v[k] * math.tanh(W[k] @ c) for k in range(m)))
    above = set(np.argsort(values)[n // 2 :])
    assert [i in above for i in range(n)] == (drawn.target == 1).tolist()


# -- Two curves


def test_points_lie_on_the_curves():
    n, d, degree, offset = 9, 3, 4, 0.3
    drawn = datasets.two_curves(n, d, degree, offset, 0.0, random_state=1, return_X_y=False)
    assert np.sum(drawn.coefficients**2) == pytest.approx(1)
    curves = np.zeros((n, d))
    for s, i in np.ndindex(n, d):
        for k, (a, b) in enumerate(drawn.coefficients[i]):
            angle = math.pi * k * drawn.t[s]
            curves[s, i] += a * math.cos(angle) + (b * math.sin(angle) if k else b)
        curves[s, i] += offset if s >= n // 2 else 0
    np.testing.assert_allclose(drawn.data, StandardScaler().fit_transform(curves), atol=1e-12)


def test_errors_of_the_curves_have_their_spread():
    clean, noisy = (
        datasets.two_curves(400, 5, noise=noise, random_state=4, return_X_y=False)
        for noise in (0.0, 0.02)
    )
    np.testing.assert_array_equal(clean.t, noisy.t)
    # Features were standardised: compare lines, whose slope is the ratio of the scales.
    raw = np.cos(np.pi * np.outer(clean.t, range(6))) @ clean.coefficients[:, :, 0].T
    raw += np.sin(np.pi * np.outer(clean.t, range(6))) @ clean.coefficients[:, :, 1].T
    raw += np.where(clean.target == 1, 0.1, 0)[:, np.newaxis]
    for i in range(5):
        slope, level = np.polyfit(noisy.data[:, i], raw[:, i], 1)
        residual = raw[:, i] - level - slope * noisy.data[:, i]
        assert residual.std() == pytest.approx(0.02, rel=0.2)


def test_close_curves_need_a_curved_model():
    X, y = datasets.two_curves(300, 10, random_state=0)
    assert SVC(gamma=0.1, C=100).fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.97


# -- Hyperplanes


@pytest.mark.parametrize(("n_hyperplanes", "dimension"), [(1, 3), (4, 2), (10, 3)])
def test_labels_are_parities(n_hyperplanes, dimension):
    drawn = datasets.hyperplanes(25, 6, n_hyperplanes, dimension, random_state=3, return_X_y=False)
    for z, label in zip(drawn.points, drawn.target, strict=True):
        inside = sum(w @ z + b > 0 for w, b in zip(drawn.weights, drawn.biases, strict=True))
        assert label == (-1 if inside % 2 == 0 else 1)
    assert np.linalg.matrix_rank(drawn.data) == dimension


def test_points_of_a_rare_parity_are_drawn_until_there_are_enough():
    # One half-space with a positive bias has more than half of the points.
    drawn = datasets.hyperplanes(400, 2, 1, 1, random_state=0, return_X_y=False)
    assert np.sum(drawn.points @ drawn.weights[0] + drawn.biases[0] <= 0) == 200


def test_half_spaces_that_are_too_unequal():
    with pytest.raises(ValueError, match="the half-spaces are too unequal: of 400 points ") as e:
        datasets.hyperplanes(2, 2, 1, 1, random_state=_Flat())
    assert "0 of 1 wanted lie in an even number of them and 1 of 1 in an odd one" in str(e.value)


class _Flat(np.random.RandomState):
    """All hyperplanes with w = 0 and b = 1: every point is in the half-space."""

    def uniform(self, low=0.0, high=1.0, size=None):
        return np.zeros(size) if isinstance(size, tuple) else np.ones(size)


# -- Bars and stripes


@pytest.mark.parametrize(("height", "width"), [(4, 4), (2, 5), (3, 1)])
def test_images_are_bars_or_stripes(height, width):
    drawn = datasets.bars_and_stripes(
        60, height, width, noise=0.0, random_state=0, return_X_y=False
    )
    np.testing.assert_array_equal(drawn.data.reshape(60, height, width), drawn.images)
    assert set(drawn.data.ravel()) == {-1.0, 1.0}
    for image, label in zip(drawn.images, drawn.target, strict=True):
        lines = image if label == 1 else image.T
        assert all(len(set(line)) == 1 for line in lines)
    assert abs(drawn.target.mean()) < 5 / math.sqrt(60)
    assert abs(drawn.data.mean()) < 0.5


def test_pixels_have_their_noise():
    X, _ = datasets.bars_and_stripes(500, noise=0.5, random_state=1)
    errors = X - np.sign(X)
    # Errors beyond 1 in size change the sign: rare, and folded back.
    near = errors[np.abs(errors) < 0.5]
    assert np.mean(near**2) == pytest.approx(0.25 * 0.2912, rel=0.05)


# -- Refusals


@pytest.mark.parametrize(
    ("generator", "arguments", "message"),
    [
        ("linearly_separable", {"n_features": 0}, "n_features to be an integer of at least 1"),
        ("linearly_separable", {"margin": 1.0}, "margin to be at least 0 and below 1, got 1.0"),
        ("linearly_separable", {"margin": -0.1}, "margin to be at least 0 and below 1, got -0.1"),
        ("linearly_separable", {"margin": "wide"}, "margin to be a finite real number, got 'wide'"),
        (
            "linearly_separable",
            {"margin": 0.99, "n_features": 10, "random_state": 0},
            "margin=0.99 rejects too many points: 1000 were drawn, and of the 10 wanted 10 are "
            "still missing; take a smaller margin, or fewer features than 10",
        ),
        ("hidden_manifold", {"n_samples": 1}, "n_samples to be an integer of at least 2, got 1"),
        ("hidden_manifold", {"n_features": 0}, "n_features to be an integer of at least 1, got 0"),
        ("hidden_manifold", {"manifold_dimension": 0}, "manifold_dimension to be an integer"),
        ("two_curves", {"n_samples": 1}, "n_samples to be an integer of at least 2, got 1"),
        ("two_curves", {"n_features": 0}, "n_features to be an integer of at least 1, got 0"),
        ("two_curves", {"degree": 0}, "degree to be an integer of at least 1, got 0"),
        ("two_curves", {"offset": np.inf}, "offset to be a finite real number, got inf"),
        ("two_curves", {"noise": -0.1}, "expected noise to be at least 0, got -0.1"),
        ("hyperplanes", {"n_samples": 1}, "n_samples to be an integer of at least 2, got 1"),
        ("hyperplanes", {"n_features": 0}, "n_features to be an integer of at least 1, got 0"),
        ("hyperplanes", {"n_hyperplanes": 0}, "n_hyperplanes to be an integer of at least 1"),
        ("hyperplanes", {"dimension": 0}, "dimension to be an integer of at least 1, got 0"),
        ("bars_and_stripes", {"height": 0}, "height to be an integer of at least 1, got 0"),
        ("bars_and_stripes", {"width": 0}, "width to be an integer of at least 1, got 0"),
        ("bars_and_stripes", {"noise": -1}, "expected noise to be at least 0, got -1.0"),
    ],
)
def test_refusals(generator, arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        getattr(datasets, generator)(**{"n_samples": 10} | arguments)
