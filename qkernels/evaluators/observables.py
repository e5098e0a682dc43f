"""Pauli strings on a compiled circuit: a product of words, one in each unconnected part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import NamedTuple, TypeAlias

import cirq
import numpy as np

from qkernels.compilation import CompiledCircuit, Component
from qkernels.evaluators.simulation import Simulation

Word: TypeAlias = tuple[tuple[int, str], ...]


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
    """What one unconnected part contributes to some observables: words on its own qubits.

    Attributes
    ----------
    component : Component
    rows, scales : ndarray of shape (n_words, 4), ndarray of shape (n_words,)
        The distinct words, as the loops take them.
    observables : ndarray of shape (n_touched,)
        The observables that have a word here.
    columns : ndarray of shape (n_touched,)
        The place in `rows` of each one's word.
    """

    component: Component
    rows: np.ndarray
    scales: np.ndarray
    observables: np.ndarray
    columns: np.ndarray


def factors(compiled: CompiledCircuit, words: Words) -> Iterator[Factor]:
    """Yield the factors of Pauli words, for each unconnected part that some word touches."""
    for component in compiled.components:
        parts = [_part(component, dict(letters)) for letters in words.letters]
        if not (distinct := sorted({part for part in parts if part})):
            continue
        rows, scales = zip(*(component.word(dict(part)) for part in distinct), strict=True)
        place = {part: k for k, part in enumerate(distinct)}
        touched = [(j, place[part]) for j, part in enumerate(parts) if part]
        yield Factor(
            component, np.array(rows, dtype=np.int64), np.array(scales), *np.array(touched).T
        )


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
    parts = list(factors(compiled, words))
    simulations = [Simulation(part.component, angles, dtype) for part in parts]

    @cache
    def measured(k: int) -> np.ndarray:
        return simulations[k].expectations(parts[k].rows, parts[k].scales)

    gradient = np.zeros_like(angles)
    for k, part in enumerate(parts):
        scaled = (cotangent * np.array(words.coefficients))[:, part.observables]
        for other in range(len(parts)):
            both, here, there = np.intersect1d(
                part.observables, parts[other].observables, return_indices=True
            )
            if other != k and len(both):
                scaled[:, here] *= measured(other)[:, parts[other].columns[there]]
        weights = np.zeros((len(angles), len(part.rows)))
        np.add.at(weights.T, part.columns, scaled.T)
        slots = simulations[k].pull_back_expectations(weights, part.rows, part.scales)
        gradient += part.component.slots.pull_back(slots)
    return gradient


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


def _part(component: Component, letters: dict[int, str]) -> Word:
    """Return the part of a word on one component's qubits, by their place in it."""
    return tuple(
        (place, letters[qubit]) for place, qubit in enumerate(component.qubits) if qubit in letters
    )
