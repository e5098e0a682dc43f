"""Early stopping: which points are held out, when training ends, and what is kept."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.datasets import make_moons

from qkernels import ansatze
from qkernels.optimizers import Adam, Descent, Referee
from qkernels.variational import VariationalClassifier, VariationalRegressor
from qkernels.variational.base import Objective


def moons(n_points=40, noise=0.4):
    return make_moons(n_points, noise=noise, random_state=0)


def small(**options):
    settings = {
        "ansatz": ansatze.two_local,
        "optimizer": "adam",
        "max_iter": 60,
        "early_stopping": True,
        "validation_fraction": 0.25,
        "random_state": 0,
    }
    return VariationalClassifier(**{**settings, **options})


class Told:
    """A loss that falls on and on, by one a step of Adam's along the only axis."""

    def value(self, theta):
        return float(-theta[0])

    def value_and_gradient(self, theta):
        return self.value(theta), np.array([-1.0])


def told(numbers, *, patience=100, tol=0.0, starts=1):
    """Go down while a referee says so many numbers, one a point."""
    said = iter(numbers)
    referee = Referee(lambda theta: next(said), patience, tol)
    steps = len(numbers) // starts - 1
    descent = Descent(
        Told(),
        Adam(learning_rate=1.0),
        steps,
        referee=referee,
        random_state=np.random.RandomState(0),
    )
    descent.run(100.0 * np.arange(starts)[:, np.newaxis])
    return descent


def test_a_way_ends_when_the_number_has_not_fallen_for_so_many_steps():
    numbers = [5.0, 4.0, 3.0, 3.1, 3.2, 3.3, 0.0, 0.0]
    descent = told(numbers, patience=3)
    assert descent.judgements == numbers[:6]
    np.testing.assert_allclose(descent.theta, 2.0)
    assert descent.loss == pytest.approx(-2.0)
    assert descent.loss == descent.history[2]


def test_a_fall_within_the_tolerance_does_not_count_but_is_kept():
    descent = told([5.0, 4.95, 4.9, 4.85, 0.0], patience=3, tol=0.1)
    assert descent.judgements[-1] == 4.85
    np.testing.assert_allclose(descent.theta, 3.0)


def test_falls_start_the_wait_anew():
    numbers = [5.0, 5.0, 4.0, 4.0, 3.0, 3.0, 3.0, 0.0]
    assert told(numbers, patience=2).judgements == numbers[:7]


def test_it_is_the_least_number_that_is_to_be_beaten():
    assert told([5.0, 4.0, 4.5, 4.2, 0.0], patience=2).judgements == [5.0, 4.0, 4.5, 4.2]


def test_the_start_is_judged_too():
    descent = told([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(descent.theta, [0.0])
    assert descent.loss == descent.history[0] == 0


def test_the_way_with_the_least_number_is_told_whole():
    """The second start's losses are lower, its numbers higher."""
    descent = told([3.0, 2.0, 9.0, 4.0, 4.0, 4.0], starts=2)
    assert descent.judgements == [3.0, 2.0, 9.0]
    np.testing.assert_allclose(descent.theta, [1.0])
    np.testing.assert_allclose(descent.history, [0, -1, -2])


def test_a_warm_start_is_not_thrown_away():
    X, y = make_moons(60, noise=0.1, random_state=0)
    model = VariationalClassifier(random_state=0, warm_start=True).fit(X, y)
    score, loss = model.score(X, y), model.loss_
    model.set_params(early_stopping=True, optimizer=Adam(0.5), max_iter=5).fit(X, y)
    assert model.score(X, y) >= score - 0.02
    assert model.loss_ < loss + 0.05


def test_the_best_weights_are_kept_and_their_losses_told():
    X, y = moons()
    seen = []
    model = small(
        optimizer=Adam(learning_rate=0.3),
        n_iter_no_change=5,
        callback=lambda *s: seen.append((s[1].copy(), s[2])),
    ).fit(X, y)
    assert model.n_iter_ + 1 == len(model.validation_history_) == len(seen) + 1 < 60
    best = int(model.validation_history_.argmin())
    kept = np.concatenate([model.weights_, model.output_scale_, model.output_bias_])
    np.testing.assert_array_equal(kept, seen[best - 1][0])
    assert model.loss_ == seen[best - 1][1] == model.history_[best]


def test_the_loss_is_of_points_that_were_not_trained_on(monkeypatch):
    X, y = moons()
    sets, value = [], Objective.value
    monkeypatch.setattr(
        Objective, "value", lambda self, t: sets.append(self._data) or value(self, t)
    )
    model = small(max_iter=5).fit(X, y)
    held_out, trained = {len(data.X): data for data in sets}[10], sets[-2]
    assert sorted(map(tuple, [*trained.X, *held_out.X])) == sorted(map(tuple, X))
    assert np.bincount(held_out.classes).tolist() == [5, 5]
    margins = held_out.targets[:, 0] * model.decision_function(held_out.X)
    expected = -np.log(expit(margins)).mean()
    np.testing.assert_allclose(model.validation_history_.min(), expected)
    margins = trained.targets[:, 0] * model.decision_function(trained.X)
    np.testing.assert_allclose(model.loss_, -np.log(expit(margins)).mean())


def test_restarts_are_each_stopped():
    X, y = moons()
    steps = []
    model = small(n_restarts=2, n_iter_no_change=3, callback=lambda k, *_: steps.append(k))
    model.fit(X, y)
    assert steps.count(1) == 3
    assert len(model.validation_history_) == model.n_iter_ + 1
    assert model.loss_ == model.history_[model.validation_history_.argmin()]


@pytest.mark.parametrize("optimizer", ["L-BFGS-B", "spsa"])
def test_a_callback_may_end_it_sooner(optimizer):
    X, y = moons()
    model = small(optimizer=optimizer, callback=lambda step, *_: step == 2).fit(X, y)
    assert model.n_iter_ + 1 == len(model.validation_history_) == 3


def test_a_regressor_stops_too_and_forgets_it_when_trained_again():
    X, _ = moons()
    y = np.sin(3 * X[:, 0]) + 0.5 * np.random.default_rng(0).normal(size=len(X))
    model = VariationalRegressor(
        optimizer="adam", early_stopping=True, n_iter_no_change=3, random_state=0, max_iter=80
    ).fit(X, y)
    assert model.n_iter_ < 80
    assert len(model.validation_history_) == model.n_iter_ + 1
    assert model.set_params(early_stopping=False, max_iter=2).fit(X, y).validation_history_ is None


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"validation_fraction": 0.0},
            ValueError,
            "validation_fraction to be above 0 and below 1, got",
        ),
        (
            {"validation_fraction": 1},
            ValueError,
            "validation_fraction to be above 0 and below 1, got 1",
        ),
        (
            {"validation_fraction": "x"},
            ValueError,
            "expected validation_fraction to be a finite re",
        ),
        ({"n_iter_no_change": 0}, ValueError, "n_iter_no_change: .* at least 1, got 0"),
        ({"tol": np.nan}, ValueError, "expected tol to be a finite real number, got nan"),
        ({"callback": "stop"}, TypeError, "callback: expected a function or None, got 'stop'"),
        ({"tol": -1}, ValueError, "expected tol to be at least 0, got -1"),
        (
            {"validation_fraction": 0.01},
            ValueError,
            "to hold out from 2 to 38 of 40 points, one of each class or more on both sides, got "
            "0.01, which holds out 1",
        ),
    ],
)
def test_refused_arguments(options, error, message):
    with pytest.raises(error, match=message):
        small(**options).fit(*moons())


def test_arguments_of_early_stopping_are_looked_at_without_it_too():
    with pytest.raises(ValueError, match="n_iter_no_change: expected an integer of at least 1"):
        small(early_stopping=False, n_iter_no_change="a").fit(*moons())


def test_a_class_of_one_point_cannot_be_held_out():
    X, y = moons()
    y[0] = 7
    with pytest.raises(ValueError, match="two points or more of each class, so that one can be"):
        small().fit(X, y)
