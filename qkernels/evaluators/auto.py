"""The evaluator that chooses: state vectors where they are small, matrix product states elsewhere.

What lives here: the choice, which a circuit decides alone, the reason that is told for it, and the
evaluator that passes everything on to the one that was chosen. How either computes is its own
business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from qkernels.compilation import compile_feature_map
from qkernels.compilation.light_cones import Cone, registers
from qkernels.evaluators.base import Evaluator, Prepared
from qkernels.evaluators.gradients import Direction, Gradient
from qkernels.evaluators.mps import MPSEvaluator
from qkernels.evaluators.mps_chains import chain_cost, measured_chain, overlap_chain
from qkernels.evaluators.mps_comparison import pair_products
from qkernels.evaluators.mps_states import PreparedMPS
from qkernels.evaluators.observables import Words, read_words
from qkernels.evaluators.statevector import StatevectorEvaluator
from qkernels.evaluators.values import SharedValue
from qkernels.feature_maps import FeatureMap
from qkernels.memory import format_size, parse_size

# A change of what follows changes numbers in their last digits: then fingerprints change too.

# State vectors of up to so many qubits cost next to nothing, and have gradients.
_FEW_QUBITS = 12
# Of more qubits not even one state, of 1 GB, is taken.
_MOST_QUBITS = 26
# So many points are to fit into so many bytes.
_POINTS, _ROOM = 500, 4 * 10**9
_BYTES = 16
# What a step does to an amplitude takes as long as so many products of a pair.
_PRODUCTS_A_VISIT = 10
# What is estimated is what is run.
_LAYERS = MPSEvaluator(cache_size="0MB").takes_layers
# Whose choices are remembered for reports.
_REMEMBERED = 32


@dataclass(frozen=True)
class Choice:
    """How something of a circuit is computed, and why.

    Attributes
    ----------
    what : str
        "fidelities" or "expectation values".
    n_qubits : int
        Of the whole circuit.
    widest : int
        Qubits of the widest state that is needed.
    takes_states : bool
        Whether state vectors are taken, matrix product states otherwise.
    reason : str
    """

    what: str
    n_qubits: int
    widest: int
    takes_states: bool
    reason: str

    def __str__(self) -> str:
        method = "state vectors" if self.takes_states else "matrix product states"
        return f"{self.what} of {self.n_qubits} qubits: {method}, as {self.reason}"


@dataclass(frozen=True)
class AutoReport:
    """What was chosen, and why; its text is for people.

    Attributes
    ----------
    choices : tuple of Choice
        The latest last.
    details : tuple of object
        The reports of the evaluators that were chosen, if they have any.
    """

    choices: tuple[Choice, ...]
    details: tuple[Any, ...] = ()

    def __str__(self) -> str:
        if not self.choices:
            return "nothing has been computed yet, so nothing was chosen"
        return "\n".join(map(str, self.choices + self.details))

    __repr__ = __str__


class AutoEvaluator(SharedValue):
    """Chooses between state vectors and matrix product states, for each circuit.

    `evaluator="auto"` of kernels and models stands for one that the whole process shares. The
    choice depends on the circuit alone, so that blocks of one matrix agree wherever they are
    computed. Fidelities take state vectors of the unconnected parts of what differs from point to
    point, expectation values those of light cones, where the widest has at most 12 qubits, or at
    most 26 and they cost less; otherwise matrix product states, as `MPSEvaluator()` truncates them:
    `report` says which, why, and what the truncation bounds. `MPSEvaluator(truncation=0)` is exact.

    Costs are those of 500 points, with bonds as large as the gates can make them. Where couplings
    are weak, bonds stay smaller, and an `MPSEvaluator()` may be faster than what is chosen.

    Gradients, probabilities of outcomes and whole states are those of state vectors.

    Parameters
    ----------
    cache_size : int or str, default="512MB"
        Bytes of prepared points that each of the two may keep; "0MB" keeps none.

    Raises
    ------
    TypeError, ValueError
        If `cache_size` is no size.

    Examples
    --------
    >>> import numpy as np
    >>> import qkernels as qk
    >>> kernel = qk.FidelityKernel(qk.feature_maps.ising(40, distance=1), evaluator="auto")
    >>> kernel(np.random.default_rng(0).uniform(0, 2, (3, 40))).shape
    (3, 3)
    """

    def __init__(self, *, cache_size: int | str = "512MB") -> None:
        self.cache_size = cache_size
        self._states = StatevectorEvaluator(cache_size=cache_size)
        self._mps = MPSEvaluator(cache_size=cache_size)

    def _key(self) -> tuple:
        return (parse_size(self.cache_size),)

    def __reduce__(self) -> tuple:
        return partial(type(self), cache_size=self.cache_size), ()

    def __repr__(self) -> str:
        return f"AutoEvaluator(cache_size={self.cache_size!r})"

    def fingerprint(self) -> str:
        """Return a text that changes whenever the computed numbers could change."""
        return f"auto-2:{self._states.fingerprint()}:{self._mps.fingerprint()}"

    def without_cache(self) -> AutoEvaluator:
        """Return an evaluator of the same numbers that keeps no prepared points."""
        return type(self)(cache_size="0MB")

    def clear_cache(self) -> None:
        """Forget the prepared points, and give their memory back."""
        self._states.clear_cache()
        self._mps.clear_cache()

    def for_gradients(self) -> AutoEvaluator:
        """Return an evaluator of state vectors wherever these are possible; it refuses the rest."""
        return _ForGradients(cache_size=self.cache_size)

    def report(self, feature_map: FeatureMap | None = None) -> AutoReport:
        """Return what was chosen in this process, and why.

        Parameters
        ----------
        feature_map : FeatureMap, optional
            Whose choices are wanted; all of late if left out.

        Returns
        -------
        AutoReport
            Its `str` is for people. What an evaluator that was chosen reports of itself follows.

        Examples
        --------
        >>> import qkernels as qk
        >>> evaluator = AutoEvaluator()
        >>> feature_map = qk.feature_maps.angle(3)
        >>> points = evaluator.embed(feature_map, [[0.1, 0.2, 0.3]])
        >>> print(evaluator.report(feature_map))
        fidelities of 3 qubits: state vectors, as the widest unconnected part has 1 qubit
        """
        made = [(m, choice) for (m, _), choice in [*_made.items()]]
        choices = tuple(c for m, c in made if feature_map is None or m == feature_map)
        # Matrix product states report of the last circuit of theirs.
        last = next((c for _, c in made[::-1] if not c.takes_states), None)
        return AutoReport(choices, (self._mps.report(),) if last in choices else ())

    # -- What is passed on

    def embed(
        self, feature_map: FeatureMap, inputs: Any, parameters: Any | None = None
    ) -> Prepared:
        """Prepare points, as the evaluator does that is chosen; see `StatevectorEvaluator`."""
        return self._embedder(feature_map).embed(feature_map, inputs, parameters)

    def _embedder(self, feature_map: FeatureMap) -> Evaluator:
        choice = _remembered(feature_map, choice_for_fidelities(feature_map))
        return self._states if choice.takes_states else self._mps

    def restore(self, arrays: Mapping[str, np.ndarray]) -> Prepared:
        """Return the prepared points whose `arrays()` these are."""
        return (self._mps if "bonds" in arrays else self._states).restore(arrays)

    def fidelities(self, a: Any, b: Any = None, *, return_std: bool = False) -> Any:
        """Return the fidelities |⟨a_i|b_j⟩|², as the evaluator does that prepared the points.

        Raises
        ------
        ValueError
            If the two were prepared in different ways.
        """
        kinds = {type(side).__name__: side for side in (a, b) if side is not None}
        if len(kinds) > 1:
            raise ValueError(
                f"expected points that were prepared in one way, got {' and '.join(kinds)}"
            )
        chosen: Evaluator = self._mps if isinstance(a, PreparedMPS) else self._states
        return chosen.fidelities(a, b, return_std=return_std)

    def expectations(
        self,
        feature_map: FeatureMap,
        inputs: Any,
        parameters: Any | None = None,
        *,
        observables: Sequence[Any],
        return_std: bool = False,
    ) -> Any:
        """Return expectation values of Pauli strings; see `StatevectorEvaluator`."""
        words = read_words(feature_map.qubits, observables)
        choice = _remembered(feature_map, choice_for_expectations(feature_map, words))
        chosen: Evaluator = self._states if choice.takes_states else self._mps
        return chosen.expectations(
            feature_map, inputs, parameters, observables=observables, return_std=return_std
        )

    # -- What state vectors have

    def fidelities_vjp(self, a: Any, b: Any, cotangent: Any) -> Gradient:
        """Return the gradient of a scalar, given that by fidelities; see `StatevectorEvaluator`.

        Raises
        ------
        NotImplementedError
            If the points were prepared as matrix product states.
        """
        return self._states.fidelities_vjp(_differentiable(a), b, cotangent)

    def fidelities_jacobian(self, a: Any, wrt: Sequence[Direction]) -> np.ndarray:
        """Return how fast the fidelities change; see `StatevectorEvaluator`.

        Raises
        ------
        NotImplementedError
            If the points were prepared as matrix product states.
        """
        return self._states.fidelities_jacobian(_differentiable(a), wrt)

    def expectations_vjp(
        self,
        feature_map: FeatureMap,
        inputs: Any,
        parameters: Any | None,
        observables: Sequence[Any],
        cotangent: Any,
    ) -> Gradient:
        """Return the gradient of a scalar, given that by expectation values.

        See `StatevectorEvaluator`.

        Raises
        ------
        NotImplementedError
            If a light cone is too wide for state vectors.
        """
        _require_narrow_cones(feature_map, observables)
        return self._states.expectations_vjp(
            feature_map, inputs, parameters, observables, cotangent
        )

    def expectations_jacobian(
        self,
        feature_map: FeatureMap,
        inputs: Any,
        parameters: Any | None,
        observables: Sequence[Any],
        wrt: Sequence[Direction],
    ) -> np.ndarray:
        """Return how fast expectation values change; see `StatevectorEvaluator`.

        Raises
        ------
        NotImplementedError
            If a light cone is too wide for state vectors.
        """
        _require_narrow_cones(feature_map, observables)
        return self._states.expectations_jacobian(feature_map, inputs, parameters, observables, wrt)

    def probabilities(self, *arguments: Any, **options: Any) -> Any:
        """Return how probable each output is; see `StatevectorEvaluator`."""
        return self._states.probabilities(*arguments, **options)

    def probabilities_vjp(self, *arguments: Any, **options: Any) -> Gradient:
        """Return the gradient, given that by outputs' probabilities; see `StatevectorEvaluator`."""
        return self._states.probabilities_vjp(*arguments, **options)

    def statevectors(
        self, feature_map: FeatureMap, inputs: Any, parameters: Any | None = None
    ) -> np.ndarray:
        """Return the whole states; see `StatevectorEvaluator`."""
        return self._states.statevectors(feature_map, inputs, parameters)


class _ForGradients(AutoEvaluator):
    """What takes state vectors, even where matrix product states are less work."""

    def _embedder(self, feature_map: FeatureMap) -> Evaluator:
        widest = choice_for_fidelities(feature_map).widest
        if widest > _MOST_QUBITS:
            raise _no_gradient(f"the widest unconnected part of the circuit has {widest} qubits")
        return self._states

    def expectations(self, feature_map: FeatureMap, *arguments: Any, **options: Any) -> Any:
        _require_narrow_cones(feature_map, options["observables"])
        return self._states.expectations(feature_map, *arguments, **options)


# -- The choice


@lru_cache(maxsize=128)
def choice_for_fidelities(feature_map: FeatureMap) -> Choice:
    """Return how fidelities between a feature map's states are computed."""
    parts = compile_feature_map(feature_map).overlap_parts
    widest = max(map(len, parts), default=0)
    name = f"the widest unconnected part has {_qubits(widest)}"
    takes_states, reason = _by_width(widest, name) or _by_pairs(feature_map, name)
    return Choice("fidelities", feature_map.n_qubits, widest, takes_states, reason)


def _by_pairs(feature_map: FeatureMap, name: str) -> tuple[bool, str]:
    """Return how fidelities are computed where qubits do not say it, and why."""
    compiled = compile_feature_map(feature_map)
    sizes = {part[0]: 2.0 ** len(part) for part in compiled.overlap_parts}
    part_of = {qubit: part[0] for part in compiled.overlap_parts for qubit in part}
    visits = sum(sizes[part_of[step.qubits[0]]] for step in compiled.overlap_steps)
    amplitudes = sum(sizes.values())
    bonds, products = chain_cost(overlap_chain(feature_map, _LAYERS))
    elements = float(np.sum(2 * bonds[:-1] * bonds[1:]))
    states, chains = (_POINTS * _BYTES * count for count in (amplitudes, elements))
    pair = pair_products(bonds[np.newaxis], bonds[np.newaxis])
    return _by_room(states, chains, name) or _by_work(
        _POINTS * (_PRODUCTS_A_VISIT * visits + _POINTS / 2 * 4 * amplitudes),
        _POINTS * (products + _POINTS / 2 * pair),
        name,
    )


@lru_cache(maxsize=128)
def choice_for_expectations(feature_map: FeatureMap, words: Words) -> Choice:
    """Return how the expectation values of Pauli words are computed."""
    compiled = compile_feature_map(feature_map)
    parts = {part for word in words.letters for part in compiled.cones.parts(word)}
    cones = [cone for cone, _ in parts]
    widest = max((cone.n_qubits for cone in cones), default=0)
    name = f"the widest light cone has {_qubits(widest)}"
    takes_states, reason = _by_width(widest, name) or _by_points(feature_map, words, cones, name)
    return Choice("expectation values", feature_map.n_qubits, widest, takes_states, reason)


def _by_points(
    feature_map: FeatureMap, words: Words, cones: list[Cone], name: str
) -> tuple[bool, str]:
    """Return how expectation values are computed where qubits do not say it, and why."""
    visits = sum(register.cost for register in registers(cones))
    chain = measured_chain(feature_map, words, _LAYERS)
    products = chain_cost(chain).products
    return _by_work(_POINTS * _PRODUCTS_A_VISIT * visits, _POINTS * products, name)


def _by_width(widest: int, name: str) -> tuple[bool, str] | None:
    """Return what is chosen, and why, where the number of qubits says it."""
    if widest <= _FEW_QUBITS:
        return True, name
    if widest > _MOST_QUBITS:
        return False, f"{name}, and state vectors are taken of at most {_MOST_QUBITS}"
    return None


def _by_room(states: float, chains: float, name: str) -> tuple[bool, str] | None:
    """Return what is chosen, and why, where only one kind of states fits; given their bytes."""
    if (states <= _ROOM) == (chains <= _ROOM):
        return None
    return _cheaper(states, chains, f"{name}, and the states of {_POINTS} points take", format_size)


def _by_work(states: float, chains: float, name: str) -> tuple[bool, str]:
    """Return what is chosen, and why, given how many products either takes."""
    return _cheaper(states, chains, f"{name}, and {_POINTS} points take", "{:.2g} products".format)


def _cheaper(
    states: float, chains: float, reason: str, show: Callable[[float], str]
) -> tuple[bool, str]:
    """Return whether states cost no more, and why, given where the two costs are to be told."""
    less, more = map(show, sorted((states, chains)))
    return bool(states <= chains), f"{reason} {less}, not {more}"


def _qubits(count: int) -> str:
    return f"{count} qubit" if count == 1 else f"{count} qubits"


def _differentiable(points: Any) -> Any:
    """Return prepared points that are states."""
    if isinstance(points, PreparedMPS):
        raise _no_gradient("the points were prepared as matrix product states")
    return points


def _require_narrow_cones(feature_map: FeatureMap, observables: Sequence[Any]) -> None:
    words = read_words(feature_map.qubits, observables)
    widest = choice_for_expectations(feature_map, words).widest
    if widest > _MOST_QUBITS:
        raise _no_gradient(f"the widest light cone has {widest} qubits")


def _no_gradient(why: str) -> NotImplementedError:
    return NotImplementedError(
        f"gradients are those of state vectors, of at most {_MOST_QUBITS} connected qubits, but "
        f"{why}: train with KernelTrainer(optimizer='spsa'), which needs none, or networks with "
        "MPSEvaluator(), by the parameter-shift rule"
    )


# What was chosen in this process, by feature map and kind of number, the latest last.
_made: dict[tuple[FeatureMap, str], Choice] = {}


def _remembered(feature_map: FeatureMap, choice: Choice) -> Choice:
    """Keep a choice for reports, and return it."""
    _made.pop((feature_map, choice.what), None)
    _made[feature_map, choice.what] = choice
    # Other threads may be here too.
    for old in [*_made][:-_REMEMBERED]:
        _made.pop(old, None)
    return choice
