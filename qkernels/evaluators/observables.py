"""Pauli strings on a compiled circuit: products of words, each on the register of a light cone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import cirq
import numpy as np

from qkernels.compilation import CompiledCircuit, Component
from qkernels.compilation.circuit import MAX_CONNECTED_QUBITS
from qkernels.compilation.light_cones import Cone, Word, registers
from qkernels.evaluators.simulation import Simulation

# What helps where a light cone is too wide.
NARROWER = (
    "take observables on fewer qubits, a map of fewer layers, or evaluator=MPSEvaluator() or "
    'evaluator="auto"'
)


class Words(NamedTuple):
    """Pauli strings on a feature map's qubits, as plain values.

    Attributes
    ----------
    letters : tuple of tuple of (int, str)
        Place among the map's qubits, and letter, of each factor of each string.
    coefficients : tuple of float
    """

    letters: tuple[Word, ...]
    coefficients: tuple[float, ...]


def read_words(qubits: Sequence[cirq.Qid], observables: Sequence[cirq.PauliString]) -> Words:
    """Return Pauli strings as words on a feature map's qubits.

    Raises
    ------
    TypeError, ValueError
        If one is not a Pauli string, is on another qubit, or is not Hermitian.
    """
    if isinstance(observables, cirq.PauliString) or not isinstance(observables, Iterable):
        raise TypeError(f"expected a sequence of cirq.PauliString, got {observables!r}")
    letters = tuple(_letters(qubits, observable) for observable in observables)
    return Words(letters, tuple(complex(o.coefficient).real for o in observables))


def estimated_words(
    words: Words,
    n_points: int,
    estimate: Callable[[list[Word]], tuple[np.ndarray, ...]],
) -> tuple[np.ndarray, np.ndarray]:
    """Return estimates of Pauli strings from those of the distinct words in them.

    Parameters
    ----------
    words : Words
    n_points : int
    estimate : callable
        Given distinct words, none of them the identity, returns their values,
        (n_points, n_words), and the covariances of these, (n_points, n_words, n_words).

    Returns
    -------
    values : ndarray of shape (n_points, n_observables)
    covariances : ndarray of shape (n_points, n_observables, n_observables)
    """
    distinct = list(dict.fromkeys(filter(None, words.letters)))
    # The identity comes last: its value is 1 without error.
    values = np.ones((n_points, len(distinct) + 1))
    covariances = np.zeros((*values.shape, values.shape[1]))
    if distinct:
        values[:, :-1], covariances[:, :-1, :-1] = estimate(distinct)
    place = np.array([distinct.index(word) if word else -1 for word in words.letters], dtype=int)
    chosen = covariances.take(place, axis=1).take(place, axis=2)
    scale = np.array(words.coefficients)
    return values.take(place, axis=1) * scale, chosen * np.outer(scale, scale)


class Factor(NamedTuple):
    """What one register contributes to some observables: words on its qubits.

    Attributes
    ----------
    component : Component
    rows, scales : ndarray of shape (n_words, 4), ndarray of shape (n_words,)
        The distinct words, as the loops take them.
    observables : ndarray of shape (n_touched,)
        The observables that have a word here, each once.
    columns : ndarray of shape (n_touched,)
        The place in `rows` of each one's word.
    """

    component: Component
    rows: np.ndarray
    scales: np.ndarray
    observables: np.ndarray
    columns: np.ndarray


@lru_cache(maxsize=128)
def factors(compiled: CompiledCircuit, words: Words) -> tuple[Factor, ...]:
    """Return the factors of Pauli words: registers of the light cones of their parts.

    Raises
    ------
    MemoryError
        If a light cone is so wide that no memory could hold its state.
    """
    parts = [_narrow_parts(compiled, word) for word in words.letters]
    hosts = registers(cone for cone, _ in {part for found in parts for part in found})
    host = {member: register.cone for register in hosts for member in register.members}
    held: dict[Cone, dict[int, Word]] = {register.cone: {} for register in hosts}
    for j, found in enumerate(parts):
        for cone, word in found:
            here = held[host[cone]]
            here[j] = tuple(sorted(here.get(j, ()) + word))
    return tuple(_factor(compiled.cone_component(cone), here) for cone, here in held.items())


def _narrow_parts(compiled: CompiledCircuit, word: Word) -> list[tuple[Cone, Word]]:
    parts = compiled.cones.parts(word)
    widest = max((cone.n_qubits for cone, _ in parts), default=0)
    if widest > MAX_CONNECTED_QUBITS:
        raise MemoryError(
            f"expected observables that depend on at most {MAX_CONNECTED_QUBITS} connected qubits, "
            f"got one whose light cone holds {widest}: {NARROWER}"
        )
    return parts


def _factor(component: Component, words: Mapping[int, Word]) -> Factor:
    """Return a register's factor, given its words by observable."""
    places = {qubit: place for place, qubit in enumerate(component.qubits)}
    distinct = {word: k for k, word in enumerate(sorted(set(words.values())))}
    found = (component.word({places[q]: letter for q, letter in word}) for word in distinct)
    rows, scales = zip(*found, strict=True)
    columns = np.array([distinct[word] for word in words.values()])
    observables = np.array(list(words))
    return Factor(component, np.array(rows, np.int64), np.array(scales), observables, columns)


def measure(
    compiled: CompiledCircuit, angles: np.ndarray, words: Words, dtype: np.dtype
) -> np.ndarray:
    """Return the expectation values of Pauli words at each point.

    Parameters
    ----------
    compiled : CompiledCircuit
    angles : ndarray of shape (n_points, n_angles)
    words : Words
    dtype : numpy dtype
        Of the states.

    Returns
    -------
    ndarray of shape (n_points, n_words)
    """
    values = np.tile(words.coefficients, (len(angles), 1))
    for factor in factors(compiled, words):
        simulation = Simulation(factor.component, angles, dtype)
        measured = simulation.expectations(factor.rows, factor.scales)
        values[:, factor.observables] *= measured[:, factor.columns]
    return values


def pull_back_measurement(
    compiled: CompiledCircuit,
    angles: np.ndarray,
    words: Words,
    cotangent: np.ndarray,
    dtype: np.dtype,
) -> np.ndarray:
    """Return the gradient by the angles, given that by the expectation values.

    Parameters
    ----------
    compiled, angles, words, dtype
        As `measure` takes them.
    cotangent : ndarray of shape (n_points, n_words)

    Returns
    -------
    ndarray of shape (n_points, n_angles)
    """
    parts = factors(compiled, words)
    simulations = [Simulation(part.component, angles, dtype) for part in parts]
    gradient = np.zeros_like(angles)
    for part, simulation, others in zip(
        parts, simulations, _others(parts, simulations, words, len(angles)), strict=True
    ):
        weights = np.zeros((len(angles), len(part.rows)))
        np.add.at(weights.T, part.columns, (cotangent[:, part.observables] * others).T)
        slots = simulation.pull_back_expectations(weights, part.rows, part.scales)
        part.component.slots.add_pull_back(gradient, slots)
    return gradient


def _others(
    parts: Sequence[Factor], simulations: Sequence[Simulation], words: Words, n_points: int
) -> list[np.ndarray]:
    """Return what multiplies each factor's values, (n_points, n_touched): all other factors.

    Nothing is divided by a value, which may be 0: it is the product of those before each one times
    the product of those behind it.
    """
    count = np.zeros(len(words.letters))
    for part in parts:
        count[part.observables] += 1
    own = [
        simulation.expectations(part.rows, part.scales)[:, part.columns]
        if np.any(count[part.observables] > 1)
        else 1.0
        for part, simulation in zip(parts, simulations, strict=True)
    ]
    before, after = np.tile(words.coefficients, (n_points, 1)), np.ones((n_points, len(count)))
    others = []
    for part, values in zip(parts, own, strict=True):
        others.append(before[:, part.observables])
        before[:, part.observables] *= values
    for k in range(len(parts) - 1, -1, -1):
        others[k] *= after[:, parts[k].observables]
        after[:, parts[k].observables] *= own[k]
    return others


def measurement_rates(
    compiled: CompiledCircuit,
    angles: np.ndarray,
    rates: Sequence[np.ndarray],
    words: Words,
    dtype: np.dtype,
) -> np.ndarray:
    """Return how fast the expectation values change along some directions.

    Parameters
    ----------
    compiled, angles, words, dtype
        As `measure` takes them.
    rates : sequence of ndarray of shape (n_points, n_angles)
        How fast the angles change along each direction.

    Returns
    -------
    ndarray of shape (n_points, n_words, n_directions)
    """
    values = np.tile(words.coefficients, (len(angles), 1))
    changes = np.zeros((*values.shape, len(rates)))
    for part in factors(compiled, words):
        simulation = Simulation(part.component, angles, dtype)
        own = simulation.expectations(part.rows, part.scales)[:, part.columns]
        there = part.observables
        # The product rule, one factor after another.
        for p, rate in enumerate(rates):
            slot_rates = part.component.slots.push_forward(rate)
            own_change = simulation.expectation_rates(slot_rates, part.rows, part.scales)
            added = values[:, there] * own_change[:, part.columns]
            changes[:, there, p] = changes[:, there, p] * own + added
        values[:, there] *= own
    return changes


def _letters(qubits: Sequence[cirq.Qid], observable: cirq.PauliString) -> Word:
    """Return the letter on each of the feature map's qubits, by its place."""
    if not isinstance(observable, cirq.PauliString):
        raise TypeError(f"expected a cirq.PauliString as observable, got {observable!r}")
    if abs(complex(observable.coefficient).imag) > 1e-12:
        raise ValueError(f"expected a real coefficient, got {observable.coefficient} {observable}")
    places = {qubit: place for place, qubit in enumerate(qubits)}
    if unknown := [qubit for qubit in observable.qubits if qubit not in places]:
        raise ValueError(
            f"expected observables on the feature map's qubits {list(map(str, places))}, "
            f"got {observable} on {list(map(str, unknown))}"
        )
    return tuple(sorted((places[qubit], str(pauli)) for qubit, pauli in observable.items()))
