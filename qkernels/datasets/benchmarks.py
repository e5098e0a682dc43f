"""The synthetic tasks of a benchmark of quantum models: five recipes of classical data.

The tasks are those of Bowles, Ahmed and Schuld (2024). Random numbers are drawn in the order of
the authors' generators, so that a `numpy.random.RandomState` in the state that they started from
gives the points that they published. Tasks made by circuits live in the other files.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.preprocessing import scale
from sklearn.utils import Bunch, check_random_state

from qkernels.datasets.drawing import drawn, halves
from qkernels.feature_maps.validation import integer, real

_BATCHES = 50


def linearly_separable(
    n_samples: int,
    n_features: int = 10,
    margin: float = 0.02,
    random_state: Any = None,
    return_X_y: bool = True,
) -> tuple[np.ndarray, np.ndarray] | Bunch:
    """Draw points of a cube, labelled by the side of a plane on which they lie.

    Points x are uniform on [-1, 1)^d without those whose mean feature is within the margin of 0.
    The label is -1 where Σ x_i > 0, and 1 on the other side.

    Parameters
    ----------
    n_samples : int
        Number of points, at least 1. The classes have equal shares on average only.
    n_features : int, default=10
        The number d of features, at least 1.
    margin : float, default=0.02
        Smallest |Σ x_i| / d of a point, at least 0 and below 1. With more features the means
        concentrate about 0 like 1/√d, and the margin has to shrink with them.
    random_state : int, RandomState instance or None, default=None
        Determines the points.
    return_X_y : bool, default=True
        Whether to return (X, y) alone.

    Returns
    -------
    (X, y) : tuple of ndarray, of shapes (n_samples, n_features) and (n_samples,)
        The points and their labels, -1 or 1. With `return_X_y=False`, a `sklearn.utils.Bunch` of
        `data`, `target` and `feature_names`.

    Raises
    ------
    ValueError
        If an argument is out of range, or the margin rejects more than about 99 of 100 points.

    References
    ----------
    J. Bowles, S. Ahmed and M. Schuld, "Better than classical? The subtle art of benchmarking
    quantum machine learning models", arXiv:2403.07059 (2024): "linearly separable".

    Examples
    --------
    >>> from qkernels.datasets import linearly_separable
    >>> X, y = linearly_separable(5, 3, random_state=0)
    >>> X.shape
    (5, 3)
    >>> bool((y == -1).tolist() == (X.sum(axis=1) > 0).tolist())
    True
    """
    n_samples = integer(n_samples, "n_samples", 1)
    n_features = integer(n_features, "n_features", 1)
    margin = real(margin, "margin")
    if not 0 <= margin < 1:
        raise ValueError(f"expected margin to be at least 0 and below 1, got {margin}")
    random = check_random_state(random_state)
    kept = np.empty((0, n_features))
    for _ in range(_BATCHES):
        points = 2 * random.random_sample((2 * n_samples, n_features)) - 1
        outside = np.abs(points.sum(axis=1)) > margin * n_features
        kept = np.concatenate([kept, points[outside]])[:n_samples]
        if len(kept) == n_samples:
            return drawn(kept, np.where(kept.sum(axis=1) > 0, -1, 1), return_X_y)
    raise ValueError(
        f"margin={margin} rejects too many points: {2 * _BATCHES * n_samples} were drawn, and of "
        f"the {n_samples} wanted {n_samples - len(kept)} are still missing; take a smaller margin, "
        f"or fewer features than {n_features}"
    )


def hidden_manifold(
    n_samples: int,
    n_features: int = 10,
    manifold_dimension: int = 6,
    random_state: Any = None,
    return_X_y: bool = True,
) -> tuple[np.ndarray, np.ndarray] | Bunch:
    """Draw points of a curved manifold, labelled by a small network on the manifold.

    Coordinates c of the manifold are standard normal. The points are tanh(F^T c / √m − b), with
    F standard normal and b uniform on [-1, 1). The value v · tanh(W c) / √m of a network with
    standard normal weights is labelled -1 below its median over the sample, and 1 otherwise.

    Parameters
    ----------
    n_samples : int
        Number of points, at least 2. Half of them are labelled -1; 1 has one more if
        `n_samples` is odd.
    n_features : int, default=10
        Number of features, at least 1.
    manifold_dimension : int, default=6
        The dimension m of the manifold, at least 1.
    random_state : int, RandomState instance or None, default=None
        Determines the manifold, the network and the points.
    return_X_y : bool, default=True
        Whether to return (X, y) alone.

    Returns
    -------
    (X, y) : tuple of ndarray, of shapes (n_samples, n_features) and (n_samples,)
        The points and their labels, -1 or 1. With `return_X_y=False`, a `sklearn.utils.Bunch` of
        `data`, `target`, `feature_names` and `coordinates`, those of the points on the manifold.

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    J. Bowles, S. Ahmed and M. Schuld, "Better than classical? The subtle art of benchmarking
    quantum machine learning models", arXiv:2403.07059 (2024): "hidden manifold model"; after
    S. Goldt et al., "Modeling the influence of data structure on learning in neural networks",
    Physical Review X 10, 041044 (2020).

    Examples
    --------
    >>> from qkernels.datasets import hidden_manifold
    >>> X, y = hidden_manifold(5, 3, random_state=0)
    >>> X.shape
    (5, 3)
    >>> sorted(y.tolist())
    [-1, -1, 1, 1, 1]
    """
    n_samples = integer(n_samples, "n_samples", 2)
    n_features = integer(n_features, "n_features", 1)
    m = integer(manifold_dimension, "manifold_dimension", 1)
    random = check_random_state(random_state)
    embedding = random.normal(size=(m, n_features))
    coordinates = random.normal(size=(n_samples, m))
    biases = 2 * random.uniform(size=n_features) - 1
    X = np.tanh(coordinates @ embedding / np.sqrt(m) - biases)
    weights, outer = random.normal(size=(m, m)), random.normal(size=m)
    values = np.tanh(coordinates @ weights.T) @ outer / np.sqrt(m)
    y = np.where(values < np.median(values), -1, 1)
    return drawn(X, y, return_X_y, coordinates=coordinates)


def two_curves(
    n_samples: int,
    n_features: int = 10,
    degree: int = 5,
    offset: float = 0.1,
    noise: float = 0.01,
    random_state: Any = None,
    return_X_y: bool = True,
) -> tuple[np.ndarray, np.ndarray] | Bunch:
    """Draw points along a curve and along the same curve shifted.

    Feature i is a Fourier series Σ_k a_ik cos(π k t) + b_ik sin(π k t), k from 0 to the degree,
    of one number t, uniform on [0, 1), plus a normal error; for k = 0 both coefficients are added.
    The coefficients are uniform on [0, 1), divided by the root of the sum of all their squares.
    For label 1 the offset is added to each feature. Last, features are standardised.

    Parameters
    ----------
    n_samples : int
        Number of points, at least 2. Half of them are labelled -1; 1 has one more if
        `n_samples` is odd.
    n_features : int, default=10
        Number of features, at least 1.
    degree : int, default=5
        Degree of the Fourier series, at least 1: how strongly the curves bend.
    offset : float, default=0.1
        Distance of the curves along each feature, before features are standardised.
    noise : float, default=0.01
        Standard deviation of the errors, before features are standardised; at least 0.
    random_state : int, RandomState instance or None, default=None
        Determines the curves and the points.
    return_X_y : bool, default=True
        Whether to return (X, y) alone.

    Returns
    -------
    (X, y) : tuple of ndarray, of shapes (n_samples, n_features) and (n_samples,)
        The points and their labels: first all of -1, then all of 1. With `return_X_y=False`, a
        `sklearn.utils.Bunch` of `data`, `target`, `feature_names`, `t`, of shape (n_samples,),
        and `coefficients`, of shape (n_features, degree + 1, 2).

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    J. Bowles, S. Ahmed and M. Schuld, "Better than classical? The subtle art of benchmarking
    quantum machine learning models", arXiv:2403.07059 (2024): "two curves"; after S. Buchanan,
    D. Gilboa and J. Wright, "Deep networks and the multiple manifold problem", ICLR (2021).

    Examples
    --------
    >>> from qkernels.datasets import two_curves
    >>> X, y = two_curves(5, 3, random_state=0)
    >>> X.shape
    (5, 3)
    >>> y.tolist()
    [-1, -1, 1, 1, 1]
    """
    n_samples = integer(n_samples, "n_samples", 2)
    n_features = integer(n_features, "n_features", 1)
    degree = integer(degree, "degree", 1)
    offset, noise = real(offset, "offset"), _spread(noise)
    random = check_random_state(random_state)
    coefficients = random.uniform(size=(n_features, degree + 1, 2))
    coefficients /= np.linalg.norm(coefficients)
    t, errors = np.empty(n_samples), np.empty((n_samples, n_features))
    for i in range(n_samples):
        t[i] = random.random_sample()
        errors[i] = random.normal(scale=noise, size=n_features)
    y = halves(n_samples)
    X = _curve(t, coefficients) + errors + np.where(y == 1, offset, 0.0)[:, np.newaxis]
    return drawn(scale(X), y, return_X_y, t=t, coefficients=coefficients)


def hyperplanes(
    n_samples: int,
    n_features: int = 10,
    n_hyperplanes: int = 10,
    dimension: int = 3,
    random_state: Any = None,
    return_X_y: bool = True,
) -> tuple[np.ndarray, np.ndarray] | Bunch:
    """Draw points labelled by the parity of the half-spaces that they lie in.

    Points z are standard normal, and half-space j is w_j · z + b_j > 0 with w and b uniform on
    [0, 1). The label is -1 for points in an even number of half-spaces, and 1 in an odd one.
    Classes are filled to equal shares, the points are multiplied with a matrix uniform on [0, 1),
    which gives them their number of features, and features are standardised.

    Parameters
    ----------
    n_samples : int
        Number of points, at least 2. Half of them are labelled -1; 1 has one more if
        `n_samples` is odd.
    n_features : int, default=10
        Number of features, at least 1.
    n_hyperplanes : int, default=10
        Number of half-spaces, at least 1.
    dimension : int, default=3
        Dimension of the space that they divide, at least 1.
    random_state : int, RandomState instance or None, default=None
        Determines the half-spaces, the matrix and the points.
    return_X_y : bool, default=True
        Whether to return (X, y) alone.

    Returns
    -------
    (X, y) : tuple of ndarray, of shapes (n_samples, n_features) and (n_samples,)
        The points and their labels: first all of -1, then all of 1. With `return_X_y=False`, a
        `sklearn.utils.Bunch` of `data`, `target`, `feature_names`, `points`, of shape
        (n_samples, dimension), `weights` and `biases`.

    Raises
    ------
    ValueError
        If an argument is out of range, or one of the labels is found at fewer than about 1 of
        400 points.

    References
    ----------
    J. Bowles, S. Ahmed and M. Schuld, "Better than classical? The subtle art of benchmarking
    quantum machine learning models", arXiv:2403.07059 (2024): "hyperplanes and parity".

    Examples
    --------
    >>> from qkernels.datasets import hyperplanes
    >>> X, y = hyperplanes(5, 4, random_state=0)
    >>> X.shape
    (5, 4)
    >>> y.tolist()
    [-1, -1, 1, 1, 1]
    """
    n_samples = integer(n_samples, "n_samples", 2)
    n_features = integer(n_features, "n_features", 1)
    n_hyperplanes = integer(n_hyperplanes, "n_hyperplanes", 1)
    dimension = integer(dimension, "dimension", 1)
    random = check_random_state(random_state)
    weights = random.uniform(size=(n_hyperplanes, dimension))
    biases = random.uniform(size=n_hyperplanes)
    points = _equal_parities(n_samples, weights, biases, random)
    X = scale(points @ random.uniform(size=(dimension, n_features)))
    details = {"points": points, "weights": weights, "biases": biases}
    return drawn(X, halves(n_samples), return_X_y, **details)


def bars_and_stripes(
    n_samples: int,
    height: int = 4,
    width: int = 4,
    noise: float = 0.5,
    random_state: Any = None,
    return_X_y: bool = True,
) -> tuple[np.ndarray, np.ndarray] | Bunch:
    """Draw noisy images of vertical bars or of horizontal stripes.

    An image of -1 gets the value 1 in each column (a bar, label -1) or in each row (a stripe,
    label 1) with probability ½; then each pixel gets a normal error. Images of one value only
    belong to either class, and no model can tell which.

    Parameters
    ----------
    n_samples : int
        Number of images, at least 1. The classes have equal shares on average only.
    height, width : int, default=4
        Size of an image in pixels, at least 1.
    noise : float, default=0.5
        Standard deviation of the errors, at least 0.
    random_state : int, RandomState instance or None, default=None
        Determines the images.
    return_X_y : bool, default=True
        Whether to return (X, y) alone.

    Returns
    -------
    (X, y) : tuple of ndarray, of shapes (n_samples, height * width) and (n_samples,)
        The images, row after row, and their labels, -1 or 1. With `return_X_y=False`, a
        `sklearn.utils.Bunch` of `data`, `target`, `feature_names` and `images`, of shape
        (n_samples, height, width).

    Raises
    ------
    ValueError
        If an argument is out of range.

    References
    ----------
    J. Bowles, S. Ahmed and M. Schuld, "Better than classical? The subtle art of benchmarking
    quantum machine learning models", arXiv:2403.07059 (2024): "bars and stripes".

    Examples
    --------
    >>> from qkernels.datasets import bars_and_stripes
    >>> X, y = bars_and_stripes(1, 2, 3, noise=0.0, random_state=1)
    >>> print(X.reshape(2, 3), y)
    [[ 1. -1. -1.]
     [ 1. -1. -1.]] [-1]
    """
    n_samples = integer(n_samples, "n_samples", 1)
    height, width = integer(height, "height", 1), integer(width, "width", 1)
    noise = _spread(noise)
    random = check_random_state(random_state)
    y = np.empty(n_samples, dtype=np.int64)
    images = np.full((n_samples, height, width), -1.0)
    for i in range(n_samples):
        y[i] = 1 if random.random_sample() > 0.5 else -1
        lines = images[i] if y[i] == 1 else images[i].T
        lines[random.random_sample(len(lines)) > 0.5] = 1.0
        images[i] += random.normal(scale=noise, size=(height, width))
    return drawn(images.reshape(n_samples, -1), y, return_X_y, images=images)


def _spread(noise: Any) -> float:
    spread = real(noise, "noise")
    if spread < 0:
        raise ValueError(f"expected noise to be at least 0, got {spread}")
    return spread


def _curve(t: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Return the Fourier series at each t, of shape (len(t), n_features)."""
    angles = np.pi * np.outer(t, np.arange(coefficients.shape[1]))
    series = np.cos(angles) @ coefficients[:, :, 0].T + np.sin(angles) @ coefficients[:, :, 1].T
    return series + coefficients[:, 0, 1]


def _equal_parities(
    n_samples: int, weights: np.ndarray, biases: np.ndarray, random: np.random.RandomState
) -> np.ndarray:
    """Return points, first those in an even number of half-spaces, then those in an odd one."""
    wanted = n_samples // 2, n_samples - n_samples // 2
    found = [np.empty((0, weights.shape[1]))] * 2
    for _ in range(_BATCHES):
        points = random.normal(size=(4 * n_samples, weights.shape[1]))
        odd = np.sum(points @ weights.T + biases > 0, axis=1) % 2
        found = [np.concatenate([found[k], points[odd == k]])[: wanted[k]] for k in (0, 1)]
        if (len(found[0]), len(found[1])) == wanted:
            return np.concatenate(found)
    raise ValueError(
        f"the half-spaces are too unequal: of {4 * _BATCHES * n_samples} points {len(found[0])} of "
        f"{wanted[0]} wanted lie in an even number of them and {len(found[1])} of {wanted[1]} in "
        "an odd one; take another random_state"
    )
