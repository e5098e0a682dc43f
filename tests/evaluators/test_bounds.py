"""`evaluators.bounds`: against random states that are cut, and against the worst that there are."""

from itertools import product

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qkernels.evaluators.bounds import angle_of_groups, expectation_bounds, fidelity_bounds

SIZE = 8
ROUNDING = 1e-14
PAULIS = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}


def random_states(rng, n):
    states = rng.normal(size=(n, SIZE)) + 1j * rng.normal(size=(n, SIZE))
    return states / np.linalg.norm(states, axis=1, keepdims=True)


def random_unitary(rng):
    return np.linalg.qr(rng.normal(size=(SIZE, SIZE)) + 1j * rng.normal(size=(SIZE, SIZE)))[0]


def cut(rng, state, n_groups, strength):
    """Return a state after gates alone, and after gates and truncations, and their weights."""
    exact, weights = state, []
    for _ in range(n_groups):
        gate, basis = random_unitary(rng), random_unitary(rng)
        exact, state = gate @ exact, gate @ state
        # A part is projected out whose weight is small, as small singular values are.
        lost = basis[:, : rng.integers(1, SIZE - 1)]
        lost = np.linalg.qr(lost - (1 - strength) * np.outer(state, state.conj() @ lost))[0]
        kept = state - lost @ (lost.conj().T @ state)
        weights.append(np.linalg.norm(state) ** 2 - np.linalg.norm(kept) ** 2)
        state = kept
    return exact, state / np.linalg.norm(state), np.maximum(weights, 0)


def fidelity(a, b):
    return abs(np.vdot(a, b)) ** 2


# -- Nothing is ever outside


@given(st.integers(0, 10**6), st.integers(1, 4), st.sampled_from([1e-6, 1e-3, 0.1, 0.5]))
def test_no_fidelity_or_expectation_value_of_cut_states_is_outside(seed, n_groups, strength):
    rng = np.random.default_rng(seed)
    runs = [cut(rng, state, n_groups, strength) for state in random_states(rng, 4)]
    exact, off, weights = (np.array(part) for part in zip(*runs, strict=True))
    angles = angle_of_groups(weights)
    apart = np.arccos(np.minimum(1, [abs(np.vdot(a, b)) for a, b in zip(exact, off, strict=True)]))
    assert (apart <= angles + 3e-8).all()
    true, found = (np.abs(s[:2].conj() @ s[2:].T) ** 2 for s in (exact, off))
    bounds = fidelity_bounds(found, angles[:2], angles[2:])
    assert (np.abs(true - found) <= bounds + ROUNDING).all()
    norms = np.array([1.0, 0.3, 7.0])
    words = [np.kron(np.kron(PAULIS[a], PAULIS[b]), PAULIS[c]) for a, b, c in ("ZIX", "YYZ", "IXI")]
    true, found = (
        np.array([[np.vdot(s, w @ s).real for w in words] for s in states]) * norms
        for states in (exact, off)
    )
    bounds = expectation_bounds(found, angles, norms)
    assert (np.abs(true - found) <= bounds + norms * ROUNDING).all()


@given(
    st.floats(0, np.pi / 2), st.floats(0, np.pi / 2), st.floats(0, np.pi / 2), st.integers(0, 10**6)
)
def test_states_that_are_turned_anyhow_are_inside(phi, theta_a, theta_b, seed):
    rng = np.random.default_rng(seed)
    a, b = turned(rng, np.eye(SIZE)[0], phi), np.eye(SIZE)[0]
    found = fidelity(a, b)
    true = fidelity(turned(rng, a, theta_a), turned(rng, b, theta_b))
    assert abs(true - found) <= fidelity_bounds([[found]], [theta_a], [theta_b])[0, 0] + ROUNDING


def turned(rng, state, angle):
    """Return a state at an angle from another, in a random direction."""
    other = random_states(rng, 1)[0]
    other -= np.vdot(state, other) * state
    return np.cos(angle) * state + np.sin(angle) * other / np.linalg.norm(other)


# -- The bounds are attained


@given(st.floats(0, np.pi / 2), st.floats(0, np.pi / 2), st.floats(0, np.pi / 2))
def test_fidelity_bounds_are_attained_on_a_geodesic(phi, theta_a, theta_b):
    """One of the four ways in which both states may turn along one circle is the worst."""
    found = np.cos(phi) ** 2
    total = theta_a + theta_b
    ends = [np.clip(phi + sign * total, 0, np.pi / 2) for sign in (1, -1)]
    worst = max(abs(np.cos(end) ** 2 - found) for end in ends)
    bound = fidelity_bounds([[found]], [theta_a], [theta_b])[0, 0]
    assert bound == pytest.approx(worst, rel=1e-7, abs=ROUNDING)


@given(st.floats(0, np.pi), st.floats(0, np.pi / 2), st.sampled_from([1.0, 0.25, 3.0]))
def test_expectation_bounds_are_attained_by_a_qubit(beta, theta, norm):
    """A state cos(β/2)|0⟩ + sin(β/2)|1⟩ has ⟨Z⟩ = cos β, and turns by Θ to β ± 2Θ."""
    ends = [np.clip(beta + sign * 2 * theta, 0, np.pi) for sign in (1, -1)]
    worst = norm * max(abs(np.cos(end) - np.cos(beta)) for end in ends)
    bound = expectation_bounds([[norm * np.cos(beta)]], [theta], [norm])[0, 0]
    assert bound == pytest.approx(worst, rel=1e-7, abs=ROUNDING)


@pytest.mark.parametrize("n_groups", [1, 2, 3])
def test_the_angle_of_groups_is_attained_by_turns_in_one_plane(n_groups):
    turns = np.array([0.1, 0.4, 0.2])[:n_groups]
    # Each group leaves cos² of the norm that it finds, and takes sin².
    norms = np.cumprod(np.cos(turns) ** 2)
    weights = np.concatenate([[1.0], norms[:-1]]) * np.sin(turns) ** 2
    assert angle_of_groups([weights])[0] == pytest.approx(turns.sum(), rel=1e-14)


def test_a_group_of_orthogonal_errors_is_a_single_turn():
    state = np.sqrt([0.7, 0.2, 0.06, 0.04])
    kept = np.array([state[0], state[1], 0, 0]) / np.sqrt(0.9)
    assert angle_of_groups([[0.06 + 0.04]])[0] == pytest.approx(np.arccos(state @ kept), rel=1e-14)


# -- Tiny angles, and the ends


def precise_change(cos2, angle):
    """Return the largest change of cos²φ with 60 digits."""
    with mpmath.workdps(60):
        phi = mpmath.acos(mpmath.sqrt(mpmath.mpf(cos2)))
        ends = min(phi + mpmath.mpf(angle), mpmath.pi / 2), max(phi - mpmath.mpf(angle), 0)
        return float(max(abs(mpmath.cos(end) ** 2 - mpmath.mpf(cos2)) for end in ends))


FIDELITIES = [1.0, 1 - 1e-15, 1 - 1e-9, 0.9, 0.5, 0.1, 1e-9, 1e-24, 1e-40, 0.0]
ANGLES = [1e-20, 1e-12, 1e-8, 1e-3, 1.0, np.pi / 2]


@pytest.mark.parametrize(("F", "angle"), list(product(FIDELITIES, ANGLES)))
def test_bounds_are_right_to_rounding(F, angle):
    expected = precise_change(F, angle)
    assert fidelity_bounds([[F]], [angle], [0.0])[0, 0] == pytest.approx(expected, rel=1e-14, abs=0)
    # ⟨Z⟩ = 2F - 1, and 1 - |⟨Z⟩| as it is in floating point.
    value = 2 * F - 1
    expected = 2 * precise_change((1 + value) / 2, angle)
    bound = expectation_bounds([[value]], [angle], [1.0])[0, 0]
    assert bound == pytest.approx(expected, rel=1e-14, abs=0)


def test_angles_beyond_a_right_angle_bound_nothing_more():
    F = np.array([[0.0, 0.3, 0.8, 1.0]])
    bounds = fidelity_bounds(F, [np.pi / 2], np.full(4, np.pi / 2))
    np.testing.assert_allclose(bounds, np.maximum(F, 1 - F), rtol=1e-15)
    bounds = expectation_bounds(2 * F - 1, [3.0], np.ones(4))
    np.testing.assert_allclose(bounds, 2 * np.maximum(F, 1 - F), rtol=1e-15)


def test_exact_states_have_bounds_of_zero():
    F = np.array([[1.0, 0.3], [1e-30, 0.0]])
    np.testing.assert_array_equal(fidelity_bounds(F, [0.0, 0.0], [0.0, 0.0]), np.zeros((2, 2)))
    np.testing.assert_array_equal(expectation_bounds(F, [0.0, 0.0], [1.0, 2.0]), np.zeros((2, 2)))


def test_what_rounding_puts_outside_the_range_is_clipped():
    assert fidelity_bounds([[1 + 2e-16]], [0.1], [0.0]) == fidelity_bounds([[1.0]], [0.1], [0.0])
    assert fidelity_bounds([[-2e-16]], [0.1], [0.0]) == fidelity_bounds([[0.0]], [0.1], [0.0])
    beyond = expectation_bounds([[-3.0000000000000004]], [0.1], [3.0])
    assert beyond == expectation_bounds([[-3.0]], [0.1], [3.0])


def test_rows_and_columns_have_their_own_angles():
    F = np.full((2, 3), 0.5)
    sums = np.add.outer([0.01, 0.02], [0.0, 0.03, 0.1])
    np.testing.assert_allclose(
        fidelity_bounds(F, [0.01, 0.02], [0.0, 0.03, 0.1]), np.sin(2 * sums) / 2, rtol=1e-14
    )


def test_multiples_of_the_identity_are_exact():
    bounds = expectation_bounds([[2.5, 0.0]], [0.3], [0.0, 1.0])
    np.testing.assert_allclose(bounds, [[0.0, np.sin(0.6)]], rtol=1e-14)


@pytest.mark.parametrize(
    ("weights", "angle"),
    [
        ([0.0, 0.0], 0.0),
        ([], 0.0),
        ([1e-40, 4e-40], 3e-20),
        ([1.0], np.pi / 2),
        # All is gone after the first group, but for rounding.
        ([1.0, 1e-17], np.pi / 2),
        ([0.5, 0.5 + 1e-16], np.pi / 2),
    ],
)
def test_angles_of_hard_groups(weights, angle):
    assert angle_of_groups(np.array([weights]))[0] == pytest.approx(angle, rel=1e-14, abs=0)
