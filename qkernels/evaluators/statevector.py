"""The exact evaluator: state vectors by the Numba loops, Gram matrices by real products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import cirq
import numpy as np

from qkernels.compilation import CompiledCircuit, Component, compile_feature_map
from qkernels.evaluators.arguments import (
    checked_cotangent,
    checked_parameters,
    checked_points,
    checked_precision,
    parameter_key,
    repetitions_and_seed,
)
from qkernels.evaluators.cache import Arrays, shared_cache
from qkernels.evaluators.comparison import gram_matrix
from qkernels.evaluators.gradients import (
    Direction,
    Gradient,
    expectations_jacobian,
    fidelities_jacobian,
    pull_back_expectations,
    pull_back_fidelities,
)
from qkernels.evaluators.observables import NARROWER, Words, factors, measure, read_words
from qkernels.evaluators.probabilities import OutputProbabilities
from qkernels.evaluators.shot_noise import ShotNoise
from qkernels.evaluators.simulation import COTANGENTS, STATES, TANGENTS, Simulation, room_size
from qkernels.evaluators.states import PreparedStates, Source
from qkernels.evaluators.values import SharedValue
from qkernels.feature_maps import FeatureMap
from qkernels.memory import parse_size, require_memory


class StatevectorEvaluator(OutputProbabilities, SharedValue):
    """Exact fidelities and expectation values from state vectors.

    An evaluator is a shared value: a copy is the evaluator itself, two with equal arguments are
    equal and share, within one process, the points that they have prepared.

    Parameters
    ----------
    precision : {"double", "single"}, default="double"
        "single" halves memory and nearly doubles speed; fidelities are then good to about 1e-6.
    cache_size : int or str, default="512MB"
        Bytes of prepared points that are kept for the next call, so that a grid search prepares
        each point once; "0MB" keeps none.
    repetitions : int, optional
        Emulate shot noise: every number is what a noiseless device would have estimated from so
        many repetitions. A fidelity is drawn once for each unordered pair of states, outcomes once
        for each state and measurement setting: asked for again in any block, copy or process, a
        draw is the same. Then there are standard errors, and no gradients.
    random_state : int or RandomState, optional
        Decides all draws, with `repetitions` only. Of a RandomState, and of fresh entropy if left
        out, one seed is taken, which the attribute of this name then holds.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these.

    Examples
    --------
    >>> import qkernels as qk
    >>> evaluator = qk.StatevectorEvaluator()
    >>> points = evaluator.embed(qk.feature_maps.angle(2), [[0.0, 0.0], [0.0, 3.141592653589793]])
    >>> evaluator.fidelities(points).round(12)
    array([[1., 0.],
           [0., 1.]])
    >>> noisy = qk.StatevectorEvaluator(repetitions=1000, random_state=0)
    >>> noisy.fidelities(noisy.embed(qk.feature_maps.angle(2), [[0.0, 0.0], [0.0, 1.0]]))
    array([[1.   , 0.781],
           [0.781, 1.   ]])
    """

    def __init__(
        self,
        *,
        precision: str = "double",
        cache_size: int | str = "512MB",
        repetitions: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self._dtype = checked_precision(precision)
        self.precision = precision
        self.cache_size = cache_size
        self.repetitions, self.random_state = repetitions_and_seed(repetitions, random_state)
        size = parse_size(cache_size, "cache_size")
        self._cache = shared_cache(precision, size)
        # Kernels see by its methods whether an evaluator draws, or has gradients.
        if self.repetitions is not None and type(self) is StatevectorEvaluator:
            self.__class__ = ShotNoiseEvaluator
        if isinstance(self, ShotNoise) != (self.repetitions is not None):
            raise TypeError(
                f"expected repetitions with ShotNoise only, got {repetitions} for {type(self)}"
            )

    def _key(self) -> tuple:
        return self.precision, parse_size(self.cache_size), self.repetitions, self.random_state

    def _arguments(self) -> dict[str, Any]:
        names = ("precision", "cache_size", "repetitions", "random_state")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def __reduce__(self) -> tuple:
        return partial(StatevectorEvaluator, **self._arguments()), ()

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self._arguments().items())
        return f"StatevectorEvaluator({given})"

    def fingerprint(self) -> str:
        """Return a text that changes whenever the computed numbers could change."""
        return f"statevector-2:{self.precision}"

    def without_cache(self) -> StatevectorEvaluator:
        """Return an evaluator of the same numbers that keeps no prepared points."""
        return StatevectorEvaluator(**self._arguments() | {"cache_size": "0MB"})

    def clear_cache(self) -> None:
        """Forget the prepared points, and give their memory back."""
        self._cache.clear()

    def embed(
        self, feature_map: FeatureMap, inputs: Any, parameters: Any | None = None
    ) -> PreparedStates:
        """Prepare the states of some points.

        What all points of one feature map share at the end of its circuit is left out: no
        fidelity can see it. `statevectors` gives whole states.

        Parameters
        ----------
        feature_map : FeatureMap
        inputs : array-like of shape (n_points, n_features)
            What the circuit takes: `feature_map.encode(X)` times the bandwidth.
        parameters : array-like of shape (n_parameters,), optional

        Returns
        -------
        PreparedStates

        Raises
        ------
        ValueError
            If the circuit cannot be compiled, an angle is not a finite number, or there are no
            points.
        MemoryError
            If the states would not fit; the message says how much they need.
        """
        inputs, values = checked_points(inputs), checked_parameters(parameters)
        compiled = compile_feature_map(feature_map)
        components = compiled.overlap_components
        size = sum(2**component.n_qubits for component in components)
        self._require_memory(
            components,
            len(inputs) * size * 2 * self._dtype.itemsize,
            f"to keep the states of {len(inputs)} points on {feature_map.n_qubits} qubits",
            "take fewer points at a time, precision='single', or fewer qubits; a projected kernel "
            "keeps no states",
        )

        def states(points: np.ndarray) -> Arrays:
            angles = compiled.angles(points, values)
            parts = (
                Simulation(component, angles, self._dtype).states(component.main)
                for component in components
            )
            return tuple(plane for part in parts for plane in part)

        space = feature_map, parameter_key(values)
        planes = self._cache.get(space, inputs, states)
        return PreparedStates.from_planes(planes, Source(feature_map, inputs, values))

    def restore(self, arrays: Mapping[str, np.ndarray]) -> PreparedStates:
        """Return the prepared points whose `arrays()` these are."""
        return PreparedStates.from_arrays(arrays)

    def statevectors(
        self, feature_map: FeatureMap, inputs: Any, parameters: Any | None = None
    ) -> np.ndarray:
        """Return the states, each up to a global phase, in Cirq's order of basis states.

        Parameters
        ----------
        feature_map, inputs, parameters
            As in `embed`.

        Returns
        -------
        ndarray of shape (n_points, 2^n_qubits), complex
        """
        inputs = checked_points(inputs)
        compiled = compile_feature_map(feature_map)
        self._require_memory(
            compiled.components,
            len(inputs) * 2**feature_map.n_qubits * 6 * self._dtype.itemsize,
            f"to return the states of {len(inputs)} points on {feature_map.n_qubits} qubits",
            "take fewer points at a time, or fewer qubits",
        )
        angles = compiled.angles(inputs, parameters)
        states = np.ones((len(inputs), 1))
        order: list[int] = []
        for component in compiled.components:
            re, im = Simulation(component, angles, self._dtype).states(component.main)
            part = (re + 1j * im)[:, component.frame.stored_index()]
            states = np.einsum("ia,ib->iab", states, part).reshape(len(inputs), -1)
            order += component.qubits
        tensor = states.reshape(len(inputs), *[2] * feature_map.n_qubits)
        axes = [0, *(1 + place for place in np.argsort(order))]
        return np.ascontiguousarray(tensor.transpose(axes)).reshape(len(inputs), -1)

    def fidelities(
        self, a: PreparedStates, b: PreparedStates | None = None, *, return_std: bool = False
    ) -> Any:
        """Return the fidelities |⟨a_i|b_j⟩|².

        Parameters
        ----------
        a : PreparedStates
        b : PreparedStates, optional
            Prepared by the same feature map and parameters. None, or `a` itself, is the symmetric
            case: the result is exactly symmetric and its diagonal exactly 1.
        return_std : bool, default=False
            Whether to return the standard errors too; they are 0 here.

        Returns
        -------
        ndarray of shape (len(a), len(b)), or two of them

        Raises
        ------
        ValueError
            If the two were prepared by different circuits.
        MemoryError
            If the matrix would not fit.
        """
        symmetric = b is None or b is a
        other = a if b is None else b
        shapes = [[re.shape[1] for re, _ in states.parts] for states in (a, other)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                "expected points prepared by one feature map; "
                f"got parts of dimensions {shapes[0]} and {shapes[1]}"
            )
        dtypes = [states.parts[0][0].dtype for states in (a, other)]
        if dtypes[0] != dtypes[1]:
            raise ValueError(f"expected points of one precision, got {dtypes[0]} and {dtypes[1]}")
        require_memory(
            8 * len(a) * len(other) * (1 + return_std),
            f"to compute a Gram matrix of {len(a)} x {len(other)}",
            "compare blocks of the points instead of all at once",
        )
        gram = gram_matrix([*zip(a.parts, other.parts, strict=True)], symmetric=symmetric)
        return (gram, np.zeros_like(gram)) if return_std else gram

    def fidelities_vjp(
        self, a: PreparedStates, b: PreparedStates | None, cotangent: Any
    ) -> Gradient:
        """Return the gradient of a scalar, given that with respect to the fidelities.

        One product of the cotangent with the states, then one sweep back through the circuit for
        each point, whatever the number of parameters.

        Parameters
        ----------
        a : PreparedStates
        b : PreparedStates or None
            None, or `a` itself, is the symmetric case.
        cotangent : array-like of shape (len(a), len(b))
            ∂L/∂K; a symmetric K is a function of each of its entries.

        Returns
        -------
        Gradient
            `.parameters`, `.X` and, but for the symmetric case, `.Y`.

        Raises
        ------
        ValueError
            If the cotangent is not one of finite numbers of the fidelities' shape, states were
            restored rather than embedded, or the circuit's angles have no finite derivative.
        MemoryError
            If the states' cotangents would not fit.
        """
        other = None if b is a else b
        sides = [a] if other is None else [a, other]
        cotangent = checked_cotangent(cotangent, (len(sides[0]), len(sides[-1])))
        for side in sides:
            side.require_source()
        require_memory(
            sum(side.nbytes for side in sides),
            f"for the gradient with respect to the states of {sum(map(len, sides))} points",
            "take fewer points at a time",
        )
        return pull_back_fidelities(a, other, cotangent)

    def expectations(
        self,
        feature_map: FeatureMap,
        inputs: Any,
        parameters: Any | None = None,
        *,
        observables: Sequence[cirq.PauliString],
        return_std: bool = False,
    ) -> Any:
        """Return expectation values of Pauli strings; no more than a few states exist at once.

        Parameters
        ----------
        feature_map, inputs, parameters
            As in `embed`.
        observables : sequence of cirq.PauliString
            With real coefficients, on qubits of the map.
        return_std : bool, default=False
            Whether to return the standard errors too; they are 0 here.

        Returns
        -------
        ndarray of shape (n_points, n_observables), or two of them

        Raises
        ------
        ValueError
            If the circuit cannot be compiled, an angle is not a finite number, an observable is
            on another qubit or is not Hermitian, or there are no points.
        MemoryError
            If the light cone of an observable is too wide to be simulated.
        """
        inputs, values = checked_points(inputs), checked_parameters(parameters)
        compiled = compile_feature_map(feature_map)
        words = read_words(feature_map.qubits, observables)
        self._require_memory(
            components := _registers(compiled, words),
            8 * len(inputs) * len(words.letters),
            f"to simulate {_widest(components)}",
            NARROWER,
        )

        def expectations(points: np.ndarray) -> Arrays:
            return (measure(compiled, compiled.angles(points, values), words, self._dtype),)

        space = feature_map, parameter_key(values), words
        (result,) = self._cache.get(space, inputs, expectations)
        # Callers may write to what they get; what is kept must not change.
        result = result.copy()
        return (result, np.zeros_like(result)) if return_std else result

    def expectations_vjp(
        self,
        feature_map: FeatureMap,
        inputs: Any,
        parameters: Any | None,
        observables: Sequence[cirq.PauliString],
        cotangent: Any,
    ) -> Gradient:
        """Return the gradient of a scalar, given that with respect to expectation values.

        Parameters
        ----------
        feature_map, inputs, parameters, observables
            As in `expectations`.
        cotangent : array-like of shape (n_points, n_observables)

        Returns
        -------
        Gradient
            `.parameters` and `.X`.

        Raises
        ------
        ValueError
            As `expectations` does; if the cotangent has another shape than the expectation values,
            or the circuit's angles have no finite derivative.
        """
        inputs, values = checked_points(inputs), checked_parameters(parameters)
        compiled = compile_feature_map(feature_map)
        words = read_words(feature_map.qubits, observables)
        cotangent = checked_cotangent(cotangent, (len(inputs), len(words.letters)))
        self._require_memory(
            components := _registers(compiled, words),
            8 * len(inputs) * len(words.letters),
            f"for a gradient through {_widest(components)}",
            NARROWER,
            planes=COTANGENTS,
        )
        return pull_back_expectations(compiled, inputs, values, words, cotangent, self._dtype)

    def fidelities_jacobian(self, a: PreparedStates, wrt: Sequence[Direction]) -> np.ndarray:
        """Return how fast the symmetric fidelities change along each of some directions.

        Parameters
        ----------
        a : PreparedStates
        wrt : sequence of Direction
            How fast inputs and parameters change.

        Returns
        -------
        ndarray of shape (len(a), len(a), len(wrt))

        Raises
        ------
        ValueError
            If states were restored rather than embedded, or an angle has no finite derivative.
        MemoryError
            If the result and the states' tangents would not fit.
        """
        a.require_source()
        require_memory(
            8 * len(a) ** 2 * (len(wrt) + 6) + 6 * a.nbytes,
            f"for the gradient of a Gram matrix of {len(a)} points by {len(wrt)} hyperparameters",
            "free fewer hyperparameters, or train with KernelTrainer, whose memory does not depend "
            "on their number",
        )
        return fidelities_jacobian(a, wrt)

    def expectations_jacobian(
        self,
        feature_map: FeatureMap,
        inputs: Any,
        parameters: Any | None,
        observables: Sequence[cirq.PauliString],
        wrt: Sequence[Direction],
    ) -> np.ndarray:
        """Return how fast expectation values change along each of some directions.

        Parameters
        ----------
        feature_map, inputs, parameters, observables
            As in `expectations`.
        wrt : sequence of Direction

        Returns
        -------
        ndarray of shape (n_points, n_observables, len(wrt))

        Raises
        ------
        ValueError
            As `expectations` does; if an angle has no finite derivative.
        """
        inputs, values = checked_points(inputs), checked_parameters(parameters)
        compiled = compile_feature_map(feature_map)
        words = read_words(feature_map.qubits, observables)
        self._require_memory(
            components := _registers(compiled, words),
            8 * len(inputs) * len(words.letters) * (1 + len(wrt)),
            f"for a gradient through {_widest(components)}",
            f"free fewer hyperparameters, or {NARROWER}",
            planes=TANGENTS,
        )
        return expectations_jacobian(compiled, inputs, values, words, wrt, self._dtype)

    def _require_memory(
        self,
        components: Sequence[Component],
        n_bytes: int,
        what: str,
        advice: str,
        *,
        planes: int = STATES,
    ) -> None:
        """Refuse to keep so many bytes, beside the room of one worker, if there are too few."""
        rooms = (room_size(c, c.main, self._dtype, planes) for c in components)
        require_memory(n_bytes + max(rooms, default=0), what, advice)


class ShotNoiseEvaluator(ShotNoise, StatevectorEvaluator):  # type: ignore[misc]
    """What `StatevectorEvaluator` with repetitions makes: its states, and draws from them."""


def _registers(compiled: CompiledCircuit, words: Words) -> list[Component]:
    return [factor.component for factor in factors(compiled, words)]


def _widest(components: Sequence[Component]) -> str:
    n_qubits = max((component.n_qubits for component in components), default=0)
    return f"{n_qubits} qubits, the most that an observable depends on"
