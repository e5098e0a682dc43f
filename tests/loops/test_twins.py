"""The dense twins of derivatives, beside the other twins and their central differences."""

import numpy as np
import pytest

from tests.loops import twins
from tests.loops.sweeps import Sweep, random_case

CASES = [random_case(n_qubits, 3, seed=seed) for n_qubits in (1, 2, 3) for seed in range(3)]


@pytest.mark.parametrize("case", CASES)
def test_dense_steps_make_the_same_states(case):
    sweep = Sweep(case)
    initial = sweep.initial[:, np.newaxis].repeat(3, axis=1)
    expected = twins.evolved(initial, case.layers, case.values).T
    np.testing.assert_allclose(sweep.states, expected, atol=1e-12, rtol=0)
    np.testing.assert_allclose(sweep.unitaries @ sweep.initial, expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("case", CASES)
def test_derivatives_of_dense_steps_are_central_differences(case):
    _, slots = twins.program(case.layers, case.n_qubits)
    initial, angles = Sweep(case).initial, twins.slot_values(slots, case.values)[0]

    def state(angles):
        return twins.differentiated(initial, case.layers, slots, angles)[0]

    _, changes, _ = twins.differentiated(initial, case.layers, slots, angles)
    for change, move in zip(changes, 1e-6 * np.eye(len(angles)), strict=True):
        expected = (state(angles + move) - state(angles - move)) / 2e-6
        np.testing.assert_allclose(change, expected, atol=1e-8, rtol=0)


@pytest.mark.parametrize("name", twins.WORDS)
def test_operators_of_words_have_their_values(name):
    psi = twins.states(1, 8, np.random.default_rng(0))[0]
    (direction, mask, pivot, imaginary), _ = twins.WORDS[name]
    operator = twins.word_operator((direction, mask, pivot, imaginary), 8)
    expected = twins.measured(psi[:, np.newaxis], direction, mask, imaginary).item()
    assert np.vdot(psi, operator @ psi) == pytest.approx(expected / (2 if direction else 1))


def test_cotangents_of_states_give_the_change_of_fidelities():
    rng = np.random.default_rng(1)
    (a, da), (b, db) = (twins.states(2 * n, 4, rng).reshape(2, n, 4) for n in (3, 5))
    gradient = rng.normal(size=(3, 5))
    ahead, behind = (twins.fidelities(a + h * da, b + h * db) for h in (1e-6, -1e-6))
    by_a, by_b = twins.fidelity_cotangents(a, b, gradient)
    found = np.vdot(by_a, da).real + np.vdot(by_b, db).real
    assert found == pytest.approx(np.sum(gradient * (ahead - behind)) / 2e-6, rel=1e-8)
