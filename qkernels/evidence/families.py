"""The kernels that are compared: each with as many configurations as the others.

What lives here: `Family`, a kernel and the values of its hyperparameters that are tried, for the
quantum kernel and for the baselines. How they are tried is in `protocol`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.gaussian_process.kernels import Kernel
from sklearn.metrics.pairwise import linear_kernel, polynomial_kernel, rbf_kernel

from qkernels.feature_maps import without_entanglement
from qkernels.gram import gram_matrix
from qkernels.kernels import FidelityKernel, ProjectedKernel
from qkernels.kernels.composition import arguments_named, fitted_to

# Seven settings of a kernel's own hyperparameters, and five of the regularisation.
BANDWIDTHS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
# Of a projected kernel γ counts too: for small bandwidths a large one.
PROJECTED = (
    (0.05, 100.0),
    (0.1, 10.0),
    (0.1, 100.0),
    (0.3, 1.0),
    (0.3, 10.0),
    (1.0, 1.0),
    (1.0, 0.1),
)
# Of points whose mean squared distance from their mean is 1.
GAMMAS = tuple(np.geomspace(0.01, 300.0, 7))
POLYNOMIALS = ((2, 0.1), (2, 1.0), (2, 10.0), (3, 0.1), (3, 1.0), (3, 10.0), (4, 1.0))
REGULARIZATIONS = tuple(np.geomspace(0.1, 1000.0, 5))

# Points on which a circuit is compared with itself without entanglement, and what is rounding.
_SOME, _EQUAL = 50, 1e-9

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
    is_fidelity : bool
        Whether a kernel value is the probability of an outcome of that circuit.
    """

    name: str
    settings: tuple[Mapping[str, float], ...]
    regularizations: tuple[float, ...]
    gram: Callable[[Mapping[str, float]], np.ndarray]
    is_quantum: bool = False
    is_fidelity: bool = False

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
    """Return the family of a kernel at several bandwidths, and values of γ where it is projected.

    Raises
    ------
    ValueError
        If no part of the kernel has a bandwidth.
    """
    if not arguments_named(kernel, "bandwidth"):
        raise ValueError(f"kernel: expected one with a bandwidth, got {kernel!r}")
    settings = _settings(("bandwidth_factor",), zip(BANDWIDTHS, strict=True))
    if isinstance(kernel, ProjectedKernel) and kernel.outer is None:
        settings = _settings(("bandwidth_factor", "gamma_factor"), PROJECTED)
    return Family(
        name,
        settings,
        REGULARIZATIONS,
        lambda s: gram_matrix(with_factors(kernel, **s), X),
        is_quantum=True,
        is_fidelity=isinstance(kernel, FidelityKernel),
    )


def with_factors(
    kernel: Kernel, bandwidth_factor: float, gamma_factor: float | None = None
) -> Kernel:
    """Return a copy with every bandwidth, and γ if its factor is given, multiplied."""
    widths = arguments_named(kernel, "bandwidth")
    scaled = {key: _times(width, bandwidth_factor) for key, width in widths.items()}
    if gamma_factor is not None:
        scaled["gamma"] = kernel.gamma * gamma_factor
    return clone(kernel).set_params(**scaled)


def _times(value: Any, factor: float) -> Any:
    return np.asarray(value) * factor if np.ndim(value) else value * factor


def unentangled(kernel: Kernel, n_features: int) -> Kernel:
    """Return a kernel with the same gates on one qubit and no others.

    Parameters
    ----------
    kernel : Kernel
        Trainable symbols keep the values that they have.
    n_features : int
    """
    kernel = fitted_to(kernel, n_features)
    values = kernel.get_params()
    changed: dict[str, Any] = {}
    for key, feature_map in arguments_named(kernel, "feature_map").items():
        *path, _ = key.split("__")
        parameters = "__".join([*path, "parameters"])
        if values[parameters] is not None:
            feature_map = feature_map.bind(values[parameters])
            changed[parameters] = None
            changed["__".join([*path, "parameter_bounds"])] = "fixed"
        changed[key] = without_entanglement(feature_map)
    return clone(kernel).set_params(**changed)


def baseline_family(name: str, kernel: Kernel, X: np.ndarray) -> Family | str:
    """Return one of `BASELINES`, or the reason why it makes no sense here."""
    if name == "unentangled":
        return _unentangled_family(kernel, X)
    Z = _unit_points(X)
    if name == "rbf":
        settings = _settings(("gamma",), zip(GAMMAS, strict=True))
        return Family(name, settings, REGULARIZATIONS, lambda s: rbf_kernel(Z, **s))
    if name == "poly":
        settings = _settings(("degree", "gamma"), POLYNOMIALS)
        return Family(name, settings, REGULARIZATIONS, lambda s: _polynomial(Z, **s))
    # It has no hyperparameter of its own, and gets as many configurations by its regularisation.
    many = tuple(np.geomspace(1e-3, 1e3, len(GAMMAS) * len(REGULARIZATIONS)))
    return Family(name, ({},), many, lambda s: linear_kernel(Z))


def _unentangled_family(kernel: Kernel, X: np.ndarray) -> Family | str:
    left = unentangled(kernel, X.shape[1])
    some = X[:_SOME]
    own, product = kernel(some), left(some)
    if np.ptp(product) < _EQUAL:
        return "as it sees no data: all features are in gates on several qubits"
    if np.allclose(own, product, rtol=0, atol=_EQUAL):
        return "as it is the kernel itself: no gate on several qubits matters"
    return quantum_family(left, X, "unentangled")


def _unit_points(X: np.ndarray) -> np.ndarray:
    """Return points about 0 with a mean squared length of 1: all units are alike."""
    Z = X - X.mean(axis=0)
    return Z / np.sqrt(np.mean(np.einsum("ij,ij->i", Z, Z)))


def _polynomial(Z: np.ndarray, degree: float, gamma: float) -> np.ndarray:
    K = polynomial_kernel(Z, degree=degree, gamma=gamma, coef0=1.0)
    return K / K.diagonal().mean()


def _settings(
    names: tuple[str, ...], rows: Iterable[Iterable[float]]
) -> tuple[dict[str, float], ...]:
    return tuple(dict(zip(names, map(float, row), strict=True)) for row in rows)


def check_baselines(baselines: Any) -> tuple[str, ...]:
    """Return names of baselines.

    Raises
    ------
    ValueError
        If there is none, one is unknown, or one is there twice.
    """
    names = (baselines,) if isinstance(baselines, str) or not np.iterable(baselines) else baselines
    names = tuple(names)
    if not names or any(n not in BASELINES for n in names) or len(set(names)) < len(names):
        raise ValueError(f"baselines: expected some of {BASELINES}, got {baselines!r}")
    return names
