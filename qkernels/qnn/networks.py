"""Networks: outputs of a circuit as functions of data and weights, with their gradients.

What lives here: `ExpectationNetwork`, whose outputs are expectation values, and
`ProbabilityNetwork`, whose outputs are probabilities of outcomes. They hold no weights; the
evaluator computes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cirq
import numpy as np
from sklearn.utils import check_random_state

from qkernels.evaluators import Gradient, ProbabilityEvaluator, default_evaluator
from qkernels.feature_maps import FeatureMap
from qkernels.feature_maps.validation import integer, real_array, typed
from qkernels.kernels.embedding import Embedding, resolve_evaluator
from qkernels.kernels.observables import Observables, parse_observables
from qkernels.kernels.validation import check_bandwidth, check_data, check_width
from qkernels.memory import require_memory
from qkernels.parameter_shift import pull_back_by_shifts
from qkernels.qnn.layers import Ansatz, compose

# What the output of a basis state takes, with the list of Python's integers that it comes from.
_BYTES_A_STATE = 60


class NetworkGradient(NamedTuple):
    """The gradient of a scalar with respect to what a network was given.

    Attributes
    ----------
    X : ndarray of shape (n_points, n_features) or None
        None where it was not asked for.
    weights : ndarray of shape (n_weights,)
    """

    X: np.ndarray | None
    weights: np.ndarray


class Network:
    """A circuit whose outputs are a function of data and weights.

    To be inherited: `ExpectationNetwork` and `ProbabilityNetwork` say what the outputs are.

    Parameters
    ----------
    circuit : FeatureMap
        Its trainable symbols are the weights.
    bandwidth : float or array-like of shape (n_features,)
        Multiplies the data, as a kernel's does.
    evaluator : Evaluator, "auto" or None
        None is an exact one that keeps nothing, "auto" is an `AutoEvaluator`.
    """

    n_outputs: int

    def __init__(self, circuit: FeatureMap, bandwidth: Any, evaluator: Any) -> None:
        self.circuit = circuit
        self.bandwidth = check_bandwidth(bandwidth, circuit.n_features)
        # In training no point is asked for again with the same weights.
        exact = default_evaluator().without_cache()
        self.evaluator = exact if evaluator is None else resolve_evaluator(evaluator)

    @property
    def n_features(self) -> int:
        """Number of columns of X."""
        return self.circuit.n_features

    @property
    def n_weights(self) -> int:
        """Number of weights."""
        return self.circuit.n_parameters

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.n_features} features, {self.n_weights} weights, "
            f"{self.circuit.n_qubits} qubits, {self.n_outputs} outputs)"
        )

    def initial_weights(self, random_state: Any = None) -> np.ndarray:
        """Return weights drawn uniformly from [-π, π), of shape (n_weights,).

        Parameters
        ----------
        random_state : int, RandomState or None, default=None
        """
        return check_random_state(random_state).uniform(-np.pi, np.pi, self.n_weights)

    def forward(self, X: Any, weights: Any) -> np.ndarray:
        """Return the outputs.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)
        weights : array-like of shape (n_weights,)

        Returns
        -------
        ndarray of shape (n_points, n_outputs)

        Raises
        ------
        TypeError, ValueError
            If an argument has another shape, or is not one of finite real numbers.
        """
        return self._outputs(self._embedding(weights), self._points(X))

    def backward(
        self, X: Any, weights: Any, cotangent: Any, *, wrt_inputs: bool = True
    ) -> NetworkGradient:
        """Return the gradient of a scalar, given that with respect to the outputs.

        One sweep back through the circuit with an exact evaluator. With others, the parameter-shift
        rule measures two circuits or more for each gate and point: see `qkernels.parameter_shift`.

        Parameters
        ----------
        X : array-like of shape (n_points, n_features)
        weights : array-like of shape (n_weights,)
        cotangent : array-like of shape (n_points, n_outputs)
        wrt_inputs : bool, default=True
            Whether the gradient by X is wanted too.

        Returns
        -------
        NetworkGradient
            `.X` and `.weights`.

        Raises
        ------
        TypeError, ValueError
            As `forward` does; if the cotangent has another shape than the outputs or is not finite;
            or if an angle has no finite derivative.
        """
        X = self._points(X)
        embedding = self._embedding(weights)
        cotangent = self._cotangent(cotangent, len(X))
        found = self._pull_back(embedding, X, cotangent, wrt_inputs)
        by_points = embedding.point_gradients([X], [found.X])[0] if wrt_inputs else None
        return NetworkGradient(by_points, found.parameters)

    def _embedding(self, weights: Any) -> Embedding:
        expected = f"{self.n_weights} finite real numbers as weights"
        values = real_array(() if weights is None else weights, "weights")
        if values.shape != (self.n_weights,):
            raise ValueError(f"expected {expected}, got shape {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError(f"expected {expected}, got {weights!r}")
        return Embedding(self.circuit, self.bandwidth, values, self.evaluator)

    def _points(self, X: Any) -> np.ndarray:
        owner = type(self).__name__
        if not self.n_features and np.ndim(X) == 2 and not np.shape(X)[1]:
            return np.empty((len(X), 0))
        points = check_data(X, owner=owner)
        check_width(points, self.circuit, owner=owner)
        return points

    def _cotangent(self, cotangent: Any, n_points: int) -> np.ndarray:
        array, shape = real_array(cotangent, "cotangent"), (n_points, self.n_outputs)
        if array.shape != shape:
            raise ValueError(
                f"expected a cotangent of the outputs' shape {shape}, got {array.shape}"
            )
        return array

    def _outputs(self, embedding: Embedding, X: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _pull_back(
        self, embedding: Embedding, X: np.ndarray, cotangent: np.ndarray, wrt_inputs: bool
    ) -> Gradient:
        """Return the gradient by inputs and parameters of the circuit."""
        raise NotImplementedError


class ExpectationNetwork(Network):
    """A network whose outputs are expectation values.

    Parameters
    ----------
    feature_map : FeatureMap
        The circuit that encodes data; its trainable symbols are weights too.
    ansatz : FeatureMap or callable, optional
        The circuit of weights that comes after: see `compose`.
    observables : sequence of cirq.PauliString or cirq.PauliSum, optional
        One for each output; Z of each qubit if left out.
    bandwidth : float or array-like of shape (n_features,), default=1.0
        Multiplies the data, as a kernel's does.
    evaluator : Evaluator or "auto", optional
        An exact one that keeps nothing if left out. "auto" is an `AutoEvaluator`: it takes matrix
        product states where light cones are wide, and refuses gradients of those of more than 26
        qubits, which an `MPSEvaluator` gives by the parameter-shift rule.

    Attributes
    ----------
    circuit : FeatureMap
        Feature map and ansatz; weights are in the order of its `parameter_symbols`.
    n_features, n_weights, n_outputs : int

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> import qkernels as qk
    >>> network = qk.qnn.ExpectationNetwork(qk.feature_maps.angle(1), qk.ansatze.hardware_efficient)
    >>> weights = np.array([0.3, 0.0])
    >>> network.forward([[0.2]], weights).round(6)  # cos 0.2 cos 0.3
    array([[0.936293]])
    >>> network.backward([[0.2]], weights, [[1.0]]).weights.round(6)  # -cos 0.2 sin 0.3
    array([-0.289629,  0.      ])
    """

    def __init__(
        self,
        feature_map: FeatureMap,
        ansatz: Ansatz | None = None,
        observables: Sequence[cirq.PauliString | cirq.PauliSum] | None = None,
        *,
        bandwidth: Any = 1.0,
        evaluator: Any = None,
    ) -> None:
        super().__init__(compose(feature_map, ansatz), bandwidth, evaluator)
        self.observables = _observables(observables, self.circuit)
        self.n_outputs = len(self.observables.names)

    def _outputs(self, embedding: Embedding, X: np.ndarray) -> np.ndarray:
        words = self.observables.words
        return self.observables.features(embedding.expectations(X, words))

    def _pull_back(
        self, embedding: Embedding, X: np.ndarray, cotangent: np.ndarray, wrt_inputs: bool
    ) -> Gradient:
        words = self.observables.words
        by_words = self.observables.pull_back(cotangent)
        if _is_differentiable(self.evaluator, "expectations_vjp"):
            return embedding.pull_back_expectations(X, words, by_words)

        def measure(circuit: FeatureMap, inputs: np.ndarray) -> np.ndarray:
            return self.evaluator.expectations(circuit, inputs, observables=words)

        return pull_back_by_shifts(
            measure,
            self.circuit,
            embedding.inputs(X),
            embedding.parameters,
            by_words,
            wrt_inputs=wrt_inputs,
        )


class ProbabilityNetwork(Network):
    """A network whose outputs are probabilities of what is measured.

    Parameters
    ----------
    feature_map : FeatureMap
        The circuit that encodes data; its trainable symbols are weights too.
    ansatz : FeatureMap or callable, optional
        The circuit of weights that comes after: see `compose`.
    interpret : callable, optional
        From a basis state as an integer, whose most significant digit is the first qubit, to the
        number of the output that it counts for; if left out, every basis state is an output.
    output_shape : int, optional
        The number of outputs; by default as many as `interpret` tells apart.
    bandwidth : float or array-like of shape (n_features,), default=1.0
        Multiplies the data, as a kernel's does.
    evaluator : Evaluator or "auto", optional
        An exact one that keeps nothing if left out; one with a method `probabilities`. "auto" is an
        `AutoEvaluator`, whose probabilities are those of state vectors.

    Attributes
    ----------
    circuit : FeatureMap
        Feature map and ansatz; weights are in the order of its `parameter_symbols`.
    outputs : ndarray of shape (2^n_qubits,)
        The output of each basis state.
    n_features, n_weights, n_outputs : int

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these.

    Notes
    -----
    Qiskit's networks number basis states with the first qubit as the least significant digit: what
    `interpret` does there to x is here done to x with its digits reversed. Parities are the same.

    Examples
    --------
    >>> import qkernels as qk
    >>> network = qk.qnn.ProbabilityNetwork(
    ...     qk.feature_maps.angle(2), interpret=lambda b: b.bit_count() % 2
    ... )
    >>> network.forward([[0.3, 0.4]], []).round(6)  # (1 ± cos 0.3 cos 0.4) / 2
    array([[0.939962, 0.060038]])
    """

    def __init__(
        self,
        feature_map: FeatureMap,
        ansatz: Ansatz | None = None,
        interpret: Callable[[int], int] | None = None,
        output_shape: int | None = None,
        *,
        bandwidth: Any = 1.0,
        evaluator: Any = None,
    ) -> None:
        super().__init__(compose(feature_map, ansatz), bandwidth, evaluator)
        if not isinstance(self.evaluator, ProbabilityEvaluator):
            raise TypeError(
                "evaluator: expected one with a method probabilities(feature_map, inputs, "
                f"parameters, *, outputs, n_outputs), got {self.evaluator!r}"
            )
        n_states = 2**self.circuit.n_qubits
        require_memory(
            _BYTES_A_STATE * n_states,
            f"for the outputs of {n_states} basis states",
            "take fewer qubits, or expectation values instead of probabilities",
        )
        self.outputs, self.n_outputs = _interpreted(interpret, output_shape, n_states)

    def _outputs(self, embedding: Embedding, X: np.ndarray) -> np.ndarray:
        return self._measure(self.circuit, embedding.inputs(X), embedding.parameters)

    def _measure(
        self, circuit: FeatureMap, inputs: np.ndarray, parameters: np.ndarray | None = None
    ) -> np.ndarray:
        evaluator: Any = self.evaluator
        return evaluator.probabilities(
            circuit, inputs, parameters, outputs=self.outputs, n_outputs=self.n_outputs
        )

    def _pull_back(
        self, embedding: Embedding, X: np.ndarray, cotangent: np.ndarray, wrt_inputs: bool
    ) -> Gradient:
        where = self.circuit, embedding.inputs(X), embedding.parameters
        if _is_differentiable(self.evaluator, "probabilities_vjp"):
            evaluator: Any = self.evaluator
            return evaluator.probabilities_vjp(*where, self.outputs, cotangent)
        return pull_back_by_shifts(self._measure, *where, cotangent, wrt_inputs=wrt_inputs)


def _is_differentiable(evaluator: Any, method: str) -> bool:
    return getattr(evaluator, method, None) is not None


def _observables(observables: Any, circuit: FeatureMap) -> Observables:
    if isinstance(observables, str):
        raise TypeError(
            "observables: expected None or a list of cirq.PauliString or cirq.PauliSum, got "
            f"{observables!r}"
        )
    if observables is None:
        observables = [cirq.PauliString({qubit: cirq.Z}) for qubit in circuit.qubits]
    return parse_observables(observables, 1, circuit.qubits)


def _interpreted(interpret: Any, output_shape: Any, n_states: int) -> tuple[np.ndarray, int]:
    """Return the output of each basis state, and the number of outputs."""
    if interpret is not None and not callable(interpret):
        raise TypeError(
            f"interpret: expected None or a function of an integer, got {typed(interpret)}"
        )
    if interpret is None:
        outputs = np.arange(n_states)
    else:
        found = map(interpret, range(n_states))
        outputs = np.array([integer(output, "interpret(b)", 0) for output in found])
    most = int(outputs.max()) + 1
    count = most if output_shape is None else integer(output_shape, "output_shape", 1)
    if most > count:
        b = int(outputs.argmax())
        raise ValueError(
            f"expected interpret to return numbers below output_shape={count}, got {most - 1} for "
            f"basis state {b}"
        )
    return outputs, count
