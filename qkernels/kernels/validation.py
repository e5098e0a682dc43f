"""Checks of what users hand to a kernel: data, positive numbers, angles, bounds, feature maps.

What lives here: functions that take one argument and return it in the one form the rest of the
package computes with, or raise an error that says what was expected and what was got. No
mathematics lives here, and no function here knows a kernel class.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Any, TypeAlias

import cirq
import numpy as np
from sklearn.gaussian_process.kernels import Hyperparameter
from sklearn.utils import check_array

from qkernels.feature_maps import FeatureMap

FeatureMapLike: TypeAlias = FeatureMap | Callable[[int], FeatureMap]


def check_data(X: Any, *, owner: str, name: str = "X") -> np.ndarray:
    """Return data as a C-ordered float64 array of shape (n_points, n_features).

    Lists, data frames, integers, float32 and read-only arrays are taken. Sparse matrices raise
    a TypeError; complex, missing, infinite, empty, wrongly shaped data and text a ValueError,
    in scikit-learn's words.
    """
    return as_float64(check_array(X, dtype="numeric", estimator=owner, input_name=name), name)


def as_float64(array: np.ndarray, name: str) -> np.ndarray:
    """Return an array that scikit-learn has checked as C-ordered float64."""
    if array.dtype.kind not in "buif":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    return np.ascontiguousarray(array, dtype=np.float64)


def check_width(X: np.ndarray, feature_map: FeatureMap, *, owner: str, name: str = "X") -> None:
    """Raise unless the columns of X are the features of the map."""
    check_n_features(X.shape[1], feature_map, owner=owner, name=name)


def check_n_features(
    n_features: int, feature_map: FeatureMap, *, owner: str, name: str = "X"
) -> None:
    """Raise unless so many columns of X are the features of the map."""
    if n_features != feature_map.n_features:
        raise ValueError(
            f"{name} has {n_features} features, but {describe(feature_map)} of {owner} expects "
            f"{feature_map.n_features}"
        )


def real_array(value: Any, name: str, expected: str) -> np.ndarray:
    """Return `value` as a float64 array; TypeError unless it holds real numbers only."""
    try:
        array = np.asarray(value)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be {expected}, got {value!r}")
    return array.astype(np.float64, copy=False)


def check_positive(value: Any, name: str) -> float:
    """Return a positive finite number as a float."""
    expected = "a positive finite number"
    array = real_array(value, name, expected)
    if array.ndim or not np.isfinite(array) or array <= 0:
        raise ValueError(f"{name} must be {expected}, got {value!r}")
    return float(array)


def check_bandwidth(bandwidth: Any, n_features: int) -> np.ndarray:
    """Return the bandwidth as an array of shape () or (n_features,), positive and finite."""
    expected = f"a positive finite number or one for each of the {n_features} features"
    array = real_array(bandwidth, "bandwidth", expected)
    if array.shape not in [(), (n_features,)]:
        raise ValueError(f"bandwidth must be {expected}, got shape {array.shape}")
    if not np.all(np.isfinite(array) & (array > 0)):
        raise ValueError(f"bandwidth must be {expected}, got {bandwidth!r}")
    return array


def check_parameters(parameters: Any, feature_map: FeatureMap) -> np.ndarray | None:
    """Return the values of the map's trainable symbols, shape (n_parameters,); None if none."""
    n = feature_map.n_parameters
    if parameters is None:
        if n:
            raise ValueError(
                f"{describe(feature_map)} has {n} trainable symbols, but parameters is None: "
                f"give {n} values, for example random angles (all zeros are often a saddle point)"
            )
        return None
    expected = f"{n} finite numbers, one for each trainable symbol of {describe(feature_map)}"
    array = real_array(parameters, "parameters", expected)
    if array.shape != (n,):
        raise ValueError(f"parameters must be {expected}, got shape {array.shape}")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"parameters must be {expected}, got {parameters!r}")
    return array.copy() if n else None


def check_hyperparameter(
    name: str, value: Any, bounds: Any, *, logarithmic: bool = True
) -> Hyperparameter:
    """Return scikit-learn's specification of a hyperparameter, its bounds checked."""
    n = np.size(value)
    if isinstance(bounds, str) and bounds == "fixed":
        return Hyperparameter(name, "numeric", "fixed", n)
    owner = f"{name.removesuffix('s')}_bounds"
    if value is None or n == 0:
        raise ValueError(
            f"{owner} must be 'fixed' where there are no {name}, got {bounds!r} and "
            f"{name}={value!r}: give the {name} to start from"
        )
    ordered = "0 < low <= high" if logarithmic else "low <= high"
    expected = f"'fixed', a pair (low, high) with {ordered}, or one such pair per element ({n})"
    array = real_array(bounds, owner, expected)
    if array.shape not in [(2,), (1, 2), (n, 2)]:
        raise ValueError(f"{owner} must be {expected}, got shape {array.shape}")
    low, high = array[..., 0], array[..., 1]
    if not np.all(np.isfinite(array)) or np.any(low > high) or (logarithmic and np.any(low <= 0)):
        raise ValueError(f"{owner} must be {expected}, got {bounds!r}")
    return Hyperparameter(name, "numeric", array, n)


def describe(feature_map: FeatureMap) -> str:
    """Return the words for a feature map in a message."""
    return f"the feature map {feature_map.name!r}" if feature_map.name else "the feature map"


def as_feature_map(feature_map: Any, n_features: int) -> FeatureMap:
    """Return the feature map for data of `n_features` columns, building it where asked to.

    `feature_map` is a `FeatureMap`, or a function of the number of features that returns one.
    Such a function is taken to give equal maps for equal numbers; what it built is kept.
    """
    if isinstance(feature_map, FeatureMap):
        built = feature_map
    elif callable(feature_map):
        build = _build_once if isinstance(feature_map, Hashable) else _build
        built = build(feature_map, n_features)
    elif isinstance(feature_map, cirq.AbstractCircuit):
        raise TypeError(
            "feature_map must be a FeatureMap, got a circuit: wrap it as "
            "FeatureMap(circuit, features=[...]), with its data symbols in the order of the columns"
        )
    else:
        raise TypeError(
            "feature_map must be a FeatureMap or a function of the number of features that "
            f"returns one, such as qkernels.feature_maps.zz; got {feature_map!r}"
        )
    if built.n_features == 0:
        raise ValueError(
            f"{describe(built)} has no features: its state does not depend on the "
            "data, so there is nothing to compare"
        )
    return built


def _build(factory: Callable[[int], FeatureMap], n_features: int) -> FeatureMap:
    built = factory(n_features)
    if not isinstance(built, FeatureMap):
        raise TypeError(
            f"feature_map({n_features}) must return a FeatureMap, got {type(built).__name__}"
        )
    return built


_build_once = lru_cache(maxsize=32)(_build)
