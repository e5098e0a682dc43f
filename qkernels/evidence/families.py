"""The kernels that are compared: each with as many configurations as the others.

What lives here: `Family`, a kernel and the values of its hyperparameters that are tried, for the
quantum kernel and for the baselines. How they are tried is in `protocol`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.gaussian_process.kernels import Kernel
from sklearn.metrics.pairwise import linear_kernel, polynomial_kernel, rbf_kernel

from qkernels.feature_maps import without_entanglement
from qkernels.gram import gram_matrix
from qkernels.kernels.composition import fitted_to

# Seven values of a kernel's own hyperparameter and five of the regularisation: 35 configurations.
BANDWIDTHS = np.array([0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0])
GAMMAS = np.geomspace(1e-3, 30.0, 7)
# Degree, and the share of the product of two points against a constant of 1.
POLYNOMIALS = [(2, 0.1), (2, 1.0), (2, 10.0), (3, 0.1), (3, 1.0), (3, 10.0), (4, 1.0)]
REGULARIZATIONS = np.geomspace(0.1, 1000.0, 5)

BASELINES = ("rbf", "linear", "poly", "unentangled")


@dataclass(frozen=True)
class Family:
    """A kernel and what is tried of it.

    Attributes
    ----------
    name : str
    settings : tuple of dict
        Values of the kernel's own hyperparameters.
    regularizations : tuple of float
        Values of C that are tried with each of the settings.
    gram : callable
        Returns the kernel matrix of all points with one of the settings.
    is_quantum : bool
        Whether points are compared by a circuit.
    """

    name: str
    settings: tuple[Mapping[str, float], ...]
    regularizations: tuple[float, ...]
    gram: Callable[[Mapping[str, float]], np.ndarray]
    is_quantum: bool = False

    @property
    def grid(self) -> str:
        """The configurations in words."""
        C = self.regularizations
        words = f"{len(C)} values of C from {C[0]:.3g} to {C[-1]:.3g}"
        if not (names := ", ".join(self.settings[0])):
            return words
        rows = ("/".join(f"{value:.3g}" for value in s.values()) for s in self.settings)
        return f"{names.replace(', ', '/')} of {', '.join(rows)}, each with {words}"

    @property
    def n_configurations(self) -> int:
        """How many are tried."""
        return len(self.settings) * len(self.regularizations)


def quantum_family(kernel: Kernel, X: np.ndarray, name: str = "quantum") -> Family:
    """Return the family of a kernel at several bandwidths.

    Raises
    ------
    ValueError
        If no part of the kernel has a bandwidth.
    """
    scales = [key for key in kernel.get_params() if key.split("__")[-1] == "bandwidth"]
    if not scales:
        raise ValueError(f"kernel: expected one with a bandwidth, got {kernel!r}")

    def gram(setting: Mapping[str, float]) -> np.ndarray:
        return gram_matrix(with_bandwidth(kernel, setting["bandwidth"]), X)

    return Family(name, _settings("bandwidth", BANDWIDTHS), tuple(REGULARIZATIONS), gram, True)


def with_bandwidth(kernel: Kernel, factor: float) -> Kernel:
    """Return a copy of which every bandwidth is a factor times as large."""
    values = kernel.get_params()
    scaled = {
        key: np.asarray(values[key]) * factor if np.ndim(values[key]) else values[key] * factor
        for key in values
        if key.split("__")[-1] == "bandwidth"
    }
    return clone(kernel).set_params(**scaled)


def unentangled(kernel: Kernel, n_features: int) -> Kernel | None:
    """Return a kernel with the same gates on one qubit and no others, None if none sees data.

    Parameters
    ----------
    kernel : Kernel
        Trainable symbols keep the values that they have.
    n_features : int
    """
    kernel = fitted_to(kernel, n_features)
    values = kernel.get_params()
    changed: dict[str, Any] = {}
    for key, feature_map in values.items():
        *path, last = key.split("__")
        if last != "feature_map":
            continue
        parameters = "__".join([*path, "parameters"])
        if values[parameters] is not None:
            feature_map = feature_map.bind(values[parameters])
            changed[parameters] = None
            changed["__".join([*path, "parameter_bounds"])] = "fixed"
        changed[key] = without_entanglement(feature_map)
        if not changed[key].angle_symbols:
            return None
    return clone(kernel).set_params(**changed)


def baseline_family(name: str, kernel: Kernel, X: np.ndarray) -> Family | None:
    """Return one of `BASELINES`, None where a circuit without entanglement sees no data."""
    if name == "unentangled":
        left = unentangled(kernel, X.shape[1])
        return left and quantum_family(left, X, name)
    C = tuple(REGULARIZATIONS)
    if name == "rbf":
        return Family(name, _settings("gamma", GAMMAS), C, lambda s: rbf_kernel(X, **s))
    if name == "poly":
        settings = tuple({"degree": d, "gamma": gamma} for d, gamma in POLYNOMIALS)
        return Family(name, settings, C, lambda s: _polynomial(X, **s))
    # It has no hyperparameter of its own, and gets as many configurations by its regularisation.
    many = tuple(np.geomspace(1e-3, 1e3, len(BANDWIDTHS) * len(REGULARIZATIONS)))
    return Family(name, ({},), many, lambda s: _scaled(linear_kernel(X)))


def _polynomial(X: np.ndarray, degree: float, gamma: float) -> np.ndarray:
    # Of data of whatever scale, a degree's share is that of points of length 1.
    gamma /= max(float(np.mean(np.einsum("ij,ij->i", X, X))), np.finfo(float).tiny)
    return _scaled(polynomial_kernel(X, degree=degree, gamma=gamma, coef0=1.0))


def _scaled(K: np.ndarray) -> np.ndarray:
    """Return a matrix with a mean of 1 on its diagonal, as the other kernels' have."""
    return K / max(float(np.mean(K.diagonal())), np.finfo(float).tiny)


def _settings(name: str, values: np.ndarray) -> tuple[dict[str, float], ...]:
    return tuple({name: float(value)} for value in values)


def check_baselines(baselines: Any) -> tuple[str, ...]:
    """Return names of baselines.

    Raises
    ------
    ValueError
        If there is none, one is unknown, or one is there twice.
    """
    names = tuple(baselines) if not isinstance(baselines, str) else (baselines,)
    if not names or set(names) - set(BASELINES) or len(set(names)) < len(names):
        raise ValueError(f"baselines: expected some of {BASELINES}, got {baselines!r}")
    return names
