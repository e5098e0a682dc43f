"""Contract suites for feature maps, evaluators and kernels: ours, and those that you write.

What lives here: three functions that put an object to all the tests that the rest of the package
relies on, and raise an AssertionError that says what was broken. They need no test framework.
Derivatives are put to the test in `gradients`. What single classes compute is tested beside them.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import cirq
import numpy as np
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.gaussian_process.kernels import ConstantKernel, WhiteKernel

from qkernels.evaluators import (
    DifferentiableEvaluator,
    Evaluator,
    Prepared,
    ProbabilityEvaluator,
)
from qkernels.feature_maps import FeatureMap
from qkernels.kernels import QuantumKernel, from_json
from qkernels.kernels.validation import as_feature_map
from qkernels.testing.gradients import check_evaluator_gradients, check_kernel_gradients
from qkernels.testing.requirements import (
    require,
    require_array,
    require_close,
    require_fresh,
    require_raises,
    require_std,
)

__all__ = ["check_evaluator", "check_feature_map", "check_kernel"]


def check_feature_map(feature_map: FeatureMap, *, atol: float = 1e-10) -> None:
    """Check that a feature map is a value and resolves to the circuit it shows.

    Parameters
    ----------
    feature_map : FeatureMap
        At most some twelve qubits: its states are simulated by Cirq. Data are drawn from
        [0.1, 0.9], parameters from [−π, π].
    atol : float, default=1e-10
        Allowed difference of amplitudes.

    Raises
    ------
    AssertionError
        Says what is broken.

    Examples
    --------
    >>> from qkernels.feature_maps import zz
    >>> from qkernels.testing import check_feature_map
    >>> check_feature_map(zz(3))
    """
    require(isinstance(feature_map, FeatureMap), f"{feature_map!r} is not a FeatureMap")
    X = np.random.default_rng(0).uniform(0.1, 0.9, (4, feature_map.n_features))
    parameters = _parameters(feature_map)
    _check_counts(feature_map)
    _check_shared_value(feature_map)
    _check_angles(feature_map, X, parameters)
    _check_circuit(feature_map, X[0], parameters, atol)
    _check_map_refusals(feature_map, X, parameters)


def check_evaluator(
    evaluator: Evaluator,
    feature_map: FeatureMap,
    X: Any,
    parameters: Any = None,
    *,
    atol: float = 1e-10,
) -> None:
    """Check that an exact evaluator keeps the protocol and agrees with Cirq.

    If it is a `ProbabilityEvaluator`, its probabilities are checked too; if it is a
    `DifferentiableEvaluator`, its gradients are compared with central differences.

    Parameters
    ----------
    evaluator : Evaluator
    feature_map : FeatureMap
        At most some twelve qubits: its states are simulated by Cirq.
    X : array-like of shape (n_points, n_features)
        At least four different points.
    parameters : array-like of shape (n_parameters,), default=None
        Values of the map's trainable symbols; drawn from [−π, π] when left out.
    atol : float, default=1e-10
        Allowed difference of fidelities and expectation values.

    Raises
    ------
    AssertionError
        Says what is broken.
    """
    require(isinstance(evaluator, Evaluator), f"{evaluator!r} lacks methods of the protocol")
    X = _points(X)
    parameters = _parameters(feature_map) if parameters is None else parameters
    states = np.array([_state(feature_map.resolve(x, parameters), feature_map) for x in X])
    inputs = feature_map.encode(X)
    kept = inputs.copy()
    prepared = evaluator.embed(feature_map, inputs, parameters)
    require(np.array_equal(inputs, kept), "embed changed its inputs")
    _check_shared_value(evaluator)
    _check_prepared(prepared, len(X), evaluator.restore)
    _check_fidelities(evaluator, prepared, states, atol)
    _check_expectations(evaluator, feature_map, inputs, parameters, states, atol)
    require(np.array_equal(inputs, kept), "expectations changed its inputs")
    if isinstance(evaluator, ProbabilityEvaluator):
        _check_probabilities(evaluator, feature_map, inputs, parameters, states, atol)
    if isinstance(evaluator, DifferentiableEvaluator):
        words = _words(feature_map.qubits)
        check_evaluator_gradients(evaluator, feature_map, inputs, parameters, words, atol)


def check_kernel(kernel: QuantumKernel, X: Any, *, atol: float = 1e-10) -> None:
    """Check that an exact quantum kernel keeps its promises to scikit-learn and to stores.

    If it has gradients, they are compared with central differences.

    Parameters
    ----------
    kernel : QuantumKernel
    X : array-like of shape (n_points, n_features)
        At least four different points, where the map's angles have derivatives.
    atol : float, default=1e-10
        Allowed difference between two ways to compute the same entry.

    Raises
    ------
    AssertionError
        Says what is broken.

    Examples
    --------
    >>> import numpy as np
    >>> from qkernels.feature_maps import zz
    >>> from qkernels.kernels import FidelityKernel
    >>> from qkernels.testing import check_kernel
    >>> check_kernel(FidelityKernel(zz), np.random.default_rng(0).uniform(0, 1, (6, 2)))
    """
    require(isinstance(kernel, QuantumKernel), f"{kernel!r} is not a QuantumKernel")
    X = _points(X)
    K = kernel(X)
    _check_matrix(kernel, K, X, atol)
    _check_symmetric_case(kernel, K, X)
    _check_cross(kernel, K, X, atol)
    _check_tiles(kernel, K, X, atol)
    _check_inputs(kernel, K, X, atol)
    _check_refusals(kernel, X)
    _check_copies(kernel, K, X)
    _check_bandwidth(kernel, X, atol)
    _check_hyperparameters(kernel, X)
    _check_algebra(kernel, K, X, atol)
    check_kernel_gradients(kernel, K, X, atol)


# -- Feature maps


def _check_counts(feature_map: FeatureMap) -> None:
    for count, items in (
        ("n_features", "feature_symbols"),
        ("n_parameters", "parameter_symbols"),
        ("n_qubits", "qubits"),
    ):
        n, found = getattr(feature_map, count), len(getattr(feature_map, items))
        require(n == found, f"{count} is {n}, but there are {found} {items}")
    in_order = list(feature_map.qubits) == sorted(feature_map.circuit.all_qubits())
    require(in_order, "qubits must be the circuit's, sorted")


def _check_angles(feature_map: FeatureMap, X: np.ndarray, parameters: Any) -> None:
    kept = X.copy()
    inputs = feature_map.encode(X)
    require(np.array_equal(X, kept), "encode changed X")
    require(inputs.shape == X.shape, f"encode must keep the shape {X.shape}, got {inputs.shape}")
    angles = feature_map.angles(inputs, parameters)
    expected = (len(X), len(feature_map.angle_symbols))
    require(angles.shape == expected, f"angles must have shape {expected}, got {angles.shape}")
    require(np.isfinite(angles).all(), "angles must be finite")


def _check_circuit(feature_map: FeatureMap, x: np.ndarray, parameters: Any, atol: float) -> None:
    resolved = feature_map.resolve(x, parameters)
    require(not cirq.is_parameterized(resolved), "resolve left symbols in the circuit")
    symbols = [s.name for s in feature_map.feature_symbols + feature_map.parameter_symbols]
    values = [*map(float, x), *map(float, () if parameters is None else parameters)]
    expected = cirq.resolve_parameters(feature_map.circuit, dict(zip(symbols, values, strict=True)))
    read = FeatureMap.from_json(feature_map.to_json())
    for kind in ("feature_symbols", "parameter_symbols"):
        same = getattr(read, kind) == getattr(feature_map, kind)
        require(same, f"JSON must keep the {kind}")
    if not cirq.has_unitary(resolved):
        return
    for what, circuit in (("resolve", resolved), ("JSON", read.resolve(x, parameters))):
        got, wanted = _state(circuit, feature_map), _state(expected, feature_map)
        require_close(got, wanted, f"states by {what} and by the circuit", atol)


def _check_map_refusals(feature_map: FeatureMap, X: np.ndarray, parameters: Any) -> None:
    wide = np.hstack([X, X[:, :1] if X.size else np.ones((len(X), 1))])
    require_raises(lambda: feature_map.encode(wide), "encode of too many features")
    require_raises(lambda: feature_map.resolve(wide[0], parameters), "resolve of too many features")
    many = np.zeros(feature_map.n_parameters + 1)
    require_raises(lambda: feature_map.resolve(X[0], many), "resolve of too many parameters")
    if feature_map.n_parameters:
        require_raises(lambda: feature_map.resolve(X[0]), "resolve without parameters")


# -- Evaluators


def _check_prepared(
    prepared: Prepared, n: int, restore: Callable[[dict[str, np.ndarray]], Prepared]
) -> None:
    require(isinstance(prepared, Prepared), f"{prepared!r} lacks methods of Prepared")
    require(len(prepared) == n, f"{n} points were prepared, but their length is {len(prepared)}")
    require(prepared.nbytes > 0, f"nbytes must be positive, got {prepared.nbytes}")
    rows = np.array([1, 0])
    for part in (prepared[1:3], prepared[rows], prepared[1:3][:2]):
        require(len(part) == 2, f"two of the points were taken, but there are {len(part)}")
    for name, array in prepared.arrays().items():
        require(len(array) == n, f"axis 0 of {name!r} must run over the {n} points")
    require(len(restore(prepared.arrays())) == n, "restore must bring all points back")


def _check_fidelities(
    evaluator: Evaluator, prepared: Prepared, states: np.ndarray, atol: float
) -> None:
    expected = np.abs(states.conj() @ states.T) ** 2
    K = evaluator.fidelities(prepared)
    require_array(K, expected.shape, "fidelities")
    require_close(K, expected, "fidelities", atol)
    require_close(K, K.T, "fidelities and their transpose")
    require_close(np.diag(K), np.ones(len(K)), "the diagonal of the fidelities", atol)
    require_fresh(lambda: evaluator.fidelities(prepared), "fidelities")
    require_close(evaluator.fidelities(prepared, prepared), K, "fidelities(p, p)")
    restored = evaluator.restore(prepared.arrays())
    require_close(evaluator.fidelities(restored), K, "fidelities of restored points")
    cross = evaluator.fidelities(prepared[1:3], prepared[np.array([3, 0, 1])])
    require_array(cross, (2, 3), "fidelities of two blocks")
    require_close(cross, expected[1:3][:, [3, 0, 1]], "fidelities of two blocks", atol)
    require_std(evaluator.fidelities(prepared, return_std=True), K, "fidelities")


def _check_expectations(
    evaluator: Evaluator,
    feature_map: FeatureMap,
    inputs: np.ndarray,
    parameters: Any,
    states: np.ndarray,
    atol: float,
) -> None:
    words = _words(feature_map.qubits)
    order = {qubit: i for i, qubit in enumerate(feature_map.qubits)}
    expected = [[w.expectation_from_state_vector(s, order).real for w in words] for s in states]

    def measure(**options: Any) -> Any:
        return evaluator.expectations(feature_map, inputs, parameters, observables=words, **options)

    values = measure()
    require_array(values, (len(states), len(words)), "expectations")
    require_close(values, np.array(expected), "expectations", atol)
    require_fresh(measure, "expectations")
    require_std(measure(return_std=True), values, "expectations")


def _check_probabilities(
    evaluator: ProbabilityEvaluator,
    feature_map: FeatureMap,
    inputs: np.ndarray,
    parameters: Any,
    states: np.ndarray,
    atol: float,
) -> None:
    outputs = np.arange(states.shape[1]) % 3
    expected = np.abs(states) ** 2 @ np.eye(3)[outputs]

    def measure(**options: Any) -> Any:
        return evaluator.probabilities(
            feature_map, inputs, parameters, outputs=outputs, n_outputs=3, **options
        )

    values = measure()
    require_array(values, expected.shape, "probabilities")
    require_close(values, expected, "probabilities", atol)
    require_fresh(measure, "probabilities")
    require_std(measure(return_std=True), values, "probabilities")


def _words(qubits: tuple[cirq.Qid, ...]) -> list[cirq.PauliString]:
    paulis = (cirq.X, cirq.Y, cirq.Z)
    words: list[cirq.PauliString] = [
        cirq.PauliString({q: pauli}) for q in qubits for pauli in paulis
    ]
    words += [cirq.PauliString({q: cirq.X, p: cirq.Y}) for q, p in pairwise(qubits)]
    return [*words, cirq.PauliString(dict.fromkeys(qubits, cirq.Z))]


# -- Kernels


def _check_matrix(kernel: QuantumKernel, K: np.ndarray, X: np.ndarray, atol: float) -> None:
    n = len(X)
    require_array(K, (n, n), "kernel(X)")
    require(np.isfinite(K).all(), "kernel(X) must be finite")
    require_close(K, K.T, "kernel(X) and its transpose")
    require_close(kernel.diag(X), np.diag(K), "diag(X) and the diagonal of kernel(X)", atol)
    require_array(kernel.diag(X), (n,), "diag(X)")
    smallest = np.linalg.eigvalsh(K)[0]
    limit = -n * max(atol, 1e-12) * np.abs(K).max()
    require(smallest >= limit, f"kernel(X) must be positive semidefinite, got {smallest:.3g}")
    require_fresh(lambda: kernel(X), "kernel(X)")
    require_fresh(lambda: kernel.diag(X), "diag(X)")


def _check_symmetric_case(kernel: QuantumKernel, K: np.ndarray, X: np.ndarray) -> None:
    for name, Y in (("X", X), ("X.copy()", X.copy()), ("X.tolist()", X.tolist())):
        require_close(kernel(X, Y), K, f"kernel(X, {name}) and kernel(X)")


def _check_cross(kernel: QuantumKernel, K: np.ndarray, X: np.ndarray, atol: float) -> None:
    A, B = X[:2], X[1:]
    cross = kernel(A, B)
    require_array(cross, (2, len(X) - 1), "kernel(X, Y)")
    apart = ~np.eye(len(X), dtype=bool)[:2, 1:]  # On the diagonal, K may have noise of its own.
    block = K[:2, 1:] * apart
    require_close(cross * apart, block, "kernel(X, Y) and the block of kernel(X)", atol)
    require_close(kernel(B, A), cross.T, "kernel(Y, X) and the transpose of kernel(X, Y)", atol)
    require_close(kernel(X[:1], B), K[:1, 1:], "kernel of a single point", atol)
    require_close(kernel(B[::-1], A), cross.T[::-1], "kernel of points in another order", atol)


def _check_tiles(kernel: QuantumKernel, K: np.ndarray, X: np.ndarray, atol: float) -> None:
    prepared = kernel.prepare(X)
    _check_prepared(prepared, len(X), kernel.restore)
    require_close(kernel.compare(prepared), K, "compare(prepare(X)) and kernel(X)")
    require_close(kernel.compare(prepared, prepared), K, "compare(p, p) and kernel(X)")
    restored = kernel.restore(prepared.arrays())
    require_close(kernel.compare(restored), K, "compare of restored points and kernel(X)")
    tile = kernel.compare(prepared[:2], prepared[2:])
    require_close(tile, K[:2, 2:], "compare(p[:2], p[2:]) and the tile of kernel(X)", atol)


def _check_inputs(kernel: QuantumKernel, K: np.ndarray, X: np.ndarray, atol: float) -> None:
    read_only = X.copy()
    read_only.flags.writeable = False
    for name, given in (
        ("a list", X.tolist()),
        ("a read-only array", read_only),
        ("a Fortran-ordered array", np.asfortranarray(X)),
    ):
        require_close(kernel(given), K, f"the kernel of {name} and kernel(X)")
    single = X.astype(np.float32)
    expected = kernel(single.astype(np.float64))
    require_close(kernel(single), expected, "the kernel of float32 data and of the same in float64")
    kept = X.copy()
    kernel(X)
    require(np.array_equal(X, kept), "the kernel changed X")


def _check_refusals(kernel: QuantumKernel, X: np.ndarray) -> None:
    bad: dict[str, Any] = {
        "one-dimensional data": X[0],
        "three-dimensional data": X[None],
        "no points": X[:0],
        "NaN": np.where(np.arange(X.size).reshape(X.shape) == 0, np.nan, X),
        "infinity": np.where(np.arange(X.size).reshape(X.shape) == 0, np.inf, X),
        "complex data": X + 1j,
        "text": [["a"] * X.shape[1]] * 2,
        "a sparse matrix": csr_array(X),
    }
    if isinstance(kernel.feature_map, FeatureMap):
        bad["a feature too many"] = np.hstack([X, X[:, :1]])
    for name, given in bad.items():
        for call in (kernel, kernel.diag, kernel.prepare, lambda Y: kernel(X, Y)):
            require_raises(lambda call=call, given=given: call(given), name)  # type: ignore[misc]


def _check_copies(kernel: QuantumKernel, K: np.ndarray, X: np.ndarray) -> None:
    copies = {
        "clone": clone(kernel),
        "copy.deepcopy": copy.deepcopy(kernel),
    }
    try:
        copies["pickle"] = pickle.loads(pickle.dumps(kernel))
    except (AttributeError, pickle.PicklingError):
        require(not isinstance(kernel.feature_map, FeatureMap), "the kernel cannot be pickled")
    try:
        copies["from_json"] = from_json(kernel.to_json())
        require(copies["from_json"].fingerprint() == kernel.fingerprint(), "fingerprint of JSON")
    except ValueError:  # A function of the user's, or an evaluator that was not registered.
        pass
    for name, copied in copies.items():
        require(copied is not kernel, f"{name} must return another kernel")
        require(copied == kernel, f"{name} must return an equal kernel, got {copied!r}")
        require(hash(copied) == hash(kernel), f"{name} must return a kernel of the same hash")
        require_close(copied(X), K, f"the matrix of what {name} returns and kernel(X)")
    name = type(kernel).__name__
    require(repr(kernel).startswith(f"{name}("), f"repr must start with {name}(")


def _check_bandwidth(kernel: QuantumKernel, X: np.ndarray, atol: float) -> None:
    half = clone(kernel).set_params(bandwidth=np.multiply(kernel.bandwidth, 0.5))
    require(half != kernel, "kernels of different bandwidth must not be equal")
    feature_map = as_feature_map(kernel.feature_map, X.shape[1])
    if np.array_equal(feature_map.encode(X), X):  # The bandwidth acts after an encoding.
        what = "kernel(X) at half the bandwidth and kernel(X / 2)"
        require_close(half(X), kernel(X / 2), what, atol)


def _check_hyperparameters(kernel: QuantumKernel, X: np.ndarray) -> None:
    n = kernel.n_dims
    free = sum(h.n_elements for h in kernel.hyperparameters if not h.fixed)
    require(n == free, f"theta has {n} entries, the free hyperparameters have {free}")
    require(kernel.bounds.shape == (n, 2), f"bounds must be ({n}, 2), got {kernel.bounds.shape}")
    before, theta = kernel.theta, kernel.bounds.mean(axis=1)
    moved = kernel.clone_with_theta(theta).theta
    require_close(moved, theta, "theta of clone_with_theta(theta)", 1e-12)
    require_close(kernel.theta, before, "theta of the kernel that was cloned")
    if not n:
        gradient = kernel(X, eval_gradient=True)[1]
        shape = (len(X), len(X), 0)
        require(gradient.shape == shape, f"gradient must be {shape}, got {gradient.shape}")


def _check_algebra(kernel: QuantumKernel, K: np.ndarray, X: np.ndarray, atol: float) -> None:
    composite = ConstantKernel(2.0, "fixed") * kernel**2 + WhiteKernel(0.5, "fixed")
    expected = 2.0 * K**2 + 0.5 * np.eye(len(X))
    require_close(composite(X), expected, "2 k² + white noise", atol)
    require_close(composite.diag(X), np.diag(expected), "the diagonal of 2 k² + noise", atol)
    require_close(kernel(X), K, "kernel(X) after its result was changed in place")


# -- What they share


def _check_shared_value(value: Any) -> None:
    """Check what feature maps and evaluators share: copies are the object itself."""
    name = type(value).__name__
    require(copy.deepcopy(value) is value, f"a deep copy of {name} must be {name} itself")
    require(copy.copy(value) is value, f"a copy of {name} must be {name} itself")
    require(not hasattr(value, "set_params"), f"{name} must not have set_params")
    read = pickle.loads(pickle.dumps(value))
    require(read == value, f"a pickled {name} must be equal to what was pickled")
    require(hash(read) == hash(value), f"a pickled {name} must have the same hash")
    if isinstance(value, Evaluator):
        same = read.fingerprint() == value.fingerprint()
        require(same and bool(value.fingerprint()), f"a pickled {name} must keep its fingerprint")


def _points(X: Any) -> np.ndarray:
    X = np.array(X, dtype=np.float64)
    distinct = X.ndim == 2 and len(np.unique(X, axis=0)) == len(X) >= 4
    if not distinct:
        raise ValueError(f"X must hold at least four different points, got shape {X.shape}")
    return X


def _parameters(feature_map: FeatureMap) -> np.ndarray | None:
    if not feature_map.n_parameters:
        return None
    return np.random.default_rng(0).uniform(-np.pi, np.pi, feature_map.n_parameters)


def _state(circuit: cirq.AbstractCircuit, feature_map: FeatureMap) -> np.ndarray:
    return cirq.final_state_vector(
        circuit,
        qubit_order=feature_map.qubits,
        dtype=np.complex128,
        ignore_terminal_measurements=True,
    )
