"""`qkernels.optimizers`: Adam's formulas written out, SPSA's two values a step, and minima."""

import re

import numpy as np
import pytest

from qkernels.optimizers import SPSA, Adam

START = np.array([1.0, -2.0, 0.5])
MINIMUM = np.array([0.3, 0.7, -1.0])


def quadratic(theta):
    return np.sum(np.array([1.0, 3.0, 0.5]) * (theta - MINIMUM) ** 2)


def slope(theta):
    return 2 * np.array([1.0, 3.0, 0.5]) * (theta - MINIMUM)


def descend(update, steps):
    theta = START
    for _ in range(steps):
        theta = update(theta)
    return theta


# -- Adam


def test_adam_follows_algorithm_1_of_its_paper():
    alpha, beta1, beta2 = 0.03, 0.8, 0.95
    update = Adam(alpha, beta1, beta2).updates()
    theta, found = START, START
    m = v = np.zeros(3)
    for t in range(1, 6):
        g = slope(theta)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        theta = theta - alpha * m_hat / np.sqrt(v_hat)
        found = update(found, slope(found))
        np.testing.assert_allclose(found, theta, rtol=1e-9)


def test_adam_begins_with_steps_of_its_learning_rate_whatever_the_scale():
    for scale in (1e-5, 1.0, 1e5):
        step = Adam(learning_rate=0.1).updates()(START, scale * slope(START)) - START
        np.testing.assert_allclose(step, -0.1 * np.sign(slope(START)), rtol=1e-6)


def test_adam_rests_where_the_gradient_is_zero():
    np.testing.assert_array_equal(Adam().updates()(START, np.zeros(3)), START)


def test_adam_minimises_a_quadratic():
    update = Adam(learning_rate=0.05).updates()
    found = descend(lambda theta: update(theta, slope(theta)), 600)
    np.testing.assert_allclose(found, MINIMUM, atol=1e-3)


def test_two_descents_with_one_adam_do_not_know_of_each_other():
    adam = Adam()
    first, second = adam.updates(), adam.updates()
    first(START, np.array([9.0, 9.0, 9.0]))
    np.testing.assert_array_equal(
        second(START, slope(START)), Adam().updates()(START, slope(START))
    )


# -- SPSA


def test_spsa_takes_two_values_a_step_on_both_sides():
    seen = []

    def loss(theta):
        seen.append(theta)
        return quadratic(theta)

    update = SPSA(step=0.1, perturbation=0.2).updates(loss, np.random.RandomState(0))
    theta = START
    for k in range(1, 5):
        after, value = update(theta)
        assert len(seen) == 2 * k
        high, low = seen[-2:]
        np.testing.assert_allclose((high + low) / 2, theta)
        np.testing.assert_allclose(np.abs(high - low) / 2, 0.2 / k**0.101)
        assert value == pytest.approx((quadratic(high) + quadratic(low)) / 2)
        theta = after


def test_spsa_moves_along_its_direction_by_the_normalised_slope():
    seen = []

    def loss(theta):
        seen.append(theta)
        return quadratic(theta)

    update = SPSA(step=0.3).updates(loss, np.random.RandomState(1))
    theta, squares = START, []
    for k in range(1, 6):
        after, _ = update(theta)
        high, low = seen[-2:]
        difference = quadratic(high) - quadratic(low)
        squares.append(difference**2)
        size = 0.3 / k**0.602 * difference / np.sqrt(np.mean(squares))
        np.testing.assert_allclose(after, theta - size * np.sign(high - low), rtol=1e-12)
        theta = after


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_spsa_is_free_of_the_scale_of_the_loss(scale):
    plain = SPSA().updates(quadratic, np.random.RandomState(2))
    scaled = SPSA().updates(lambda theta: scale * quadratic(theta), np.random.RandomState(2))
    np.testing.assert_allclose(
        descend(lambda theta: scaled(theta)[0], 20), descend(lambda theta: plain(theta)[0], 20)
    )


def test_spsa_repeats_with_its_random_state():
    def found(seed):
        update = SPSA().updates(quadratic, np.random.RandomState(seed))
        return descend(lambda theta: update(theta)[0], 10)

    np.testing.assert_array_equal(found(3), found(3))
    assert not np.allclose(found(3), found(4))


def test_spsa_rests_where_the_loss_is_flat():
    update = SPSA().updates(lambda theta: 2.0, np.random.RandomState(0))
    theta, value = update(START)
    np.testing.assert_array_equal(theta, START)
    assert value == 2.0


def test_spsa_minimises_a_quadratic():
    update = SPSA(step=0.5, perturbation=0.1).updates(quadratic, np.random.RandomState(5))
    found = descend(lambda theta: update(theta)[0], 1000)
    np.testing.assert_allclose(found, MINIMUM, atol=0.1)


# -- Settings


def test_optimizers_are_values():
    assert Adam(0.1) == Adam(learning_rate=0.1) != Adam(0.2)
    assert repr(SPSA(step=0.1)) == "SPSA(step=0.1, perturbation=0.2)"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Adam(0.0), ValueError, "learning_rate must be a positive finite number, got 0.0"),
        (
            lambda: Adam("0.1"),
            TypeError,
            "learning_rate must be a positive finite number, got '0.1'",
        ),
        (
            lambda: Adam(beta1=1.0),
            ValueError,
            "expected beta1 to be at least 0 and below 1, got 1.0",
        ),
        (
            lambda: Adam(beta2=-0.1),
            ValueError,
            "expected beta2 to be at least 0 and below 1, got -0.1",
        ),
        (lambda: SPSA(step=-1), ValueError, "step must be a positive finite number, got -1"),
        (
            lambda: SPSA(perturbation=np.inf),
            ValueError,
            "perturbation must be a positive finite number, got inf",
        ),
    ],
)
def test_settings_out_of_range(make, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make()
