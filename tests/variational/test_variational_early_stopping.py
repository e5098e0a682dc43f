"""Early stopping: which points are held out, when training ends, and what is kept."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.datasets import make_moons

from qkernels import ansatze
from qkernels.optimizers import Adam
from qkernels.variational import VariationalClassifier, VariationalRegressor
from qkernels.variational.stopping import EarlyStopping, TrainingSet


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
    """A model whose scores are the vector itself, and so is the loss of points held out."""

    def scores(self, X, theta):
        return theta


def told(losses, **options):
    """Return an early stopping that has held out points, told so many losses, and its answers."""
    owner = small(**options)
    stopping = EarlyStopping(owner, Told(), lambda scores, _: (float(scores[0]), None))
    data = TrainingSet(np.zeros((8, 1)), np.zeros((8, 1)), np.arange(8) % 2)
    stopping.hold_out(data, np.random.RandomState(0))
    answers = [stopping(step, np.array([v]), -v) for step, v in enumerate(losses, start=1)]
    return stopping, answers


def test_training_ends_when_the_loss_has_not_fallen_for_so_many_steps():
    losses = [5.0, 4.0, 3.0, 3.1, 3.2, 3.3]
    stopping, answers = told(losses, n_iter_no_change=3)
    assert answers == [False] * 5 + [True]
    assert stopping.history == losses
    assert stopping.theta == 3.0
    assert stopping.loss == -3.0


def test_a_fall_within_the_tolerance_does_not_count_but_is_kept():
    stopping, answers = told([5.0, 4.95, 4.9, 4.85], n_iter_no_change=3, tol=0.1)
    assert answers == [False, False, False, True]
    assert stopping.theta == 4.85


def test_falls_start_the_wait_anew():
    _, answers = told([5.0, 5.0, 4.0, 4.0, 3.0, 3.0, 3.0], n_iter_no_change=2)
    assert answers == [False] * 6 + [True]


def test_it_is_the_least_loss_that_is_to_be_beaten():
    _, answers = told([5.0, 4.0, 4.5, 4.2], n_iter_no_change=2)
    assert answers == [False, False, False, True]


def test_what_is_kept_does_not_go_on_with_the_optimizer():
    stopping, _ = told([])
    theta = np.array([2.0])
    stopping(1, theta, 0.0)
    theta[:] = 3.0
    assert stopping.theta == 2.0


def test_a_new_start_waits_anew_and_the_least_of_all_is_kept():
    stopping, _ = told([2.0, 3.0], n_iter_no_change=2)
    assert [stopping(k, np.array([9.0 - k]), 0.0) for k in (1, 2, 3)] == [False] * 3
    assert stopping.theta == 2.0
    assert len(stopping.history) == 5


def test_the_best_weights_are_kept_and_their_losses_told():
    X, y = moons()
    seen = []
    model = small(
        optimizer=Adam(learning_rate=0.3),
        n_iter_no_change=5,
        callback=lambda *s: seen.append((s[1].copy(), s[2])),
    ).fit(X, y)
    assert model.n_iter_ == len(model.validation_history_) == len(seen) < 60
    best = int(model.validation_history_.argmin())
    kept = np.concatenate([model.weights_, model.output_scale_, model.output_bias_])
    np.testing.assert_array_equal(kept, seen[best][0])
    assert model.loss_ == seen[best][1] == model.history_[best + 1]


def test_the_loss_is_of_points_that_were_not_trained_on(monkeypatch):
    X, y = moons()
    parts = []
    split = TrainingSet.split
    monkeypatch.setattr(
        TrainingSet, "split", lambda self, *a: parts.append(split(self, *a)) or parts[-1]
    )
    model = small(max_iter=5).fit(X, y)
    ((trained, held_out),) = parts
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
    assert len(model.validation_history_) == len(steps)


@pytest.mark.parametrize("optimizer", ["L-BFGS-B", "spsa"])
def test_a_callback_may_end_it_sooner(optimizer):
    X, y = moons()
    model = small(optimizer=optimizer, callback=lambda step, *_: step == 2).fit(X, y)
    assert model.n_iter_ == len(model.validation_history_) == 2


def test_a_regressor_stops_too_and_forgets_it_when_trained_again():
    X, _ = moons()
    y = np.sin(3 * X[:, 0]) + 0.5 * np.random.default_rng(0).normal(size=len(X))
    model = VariationalRegressor(
        optimizer="adam", early_stopping=True, n_iter_no_change=3, random_state=0, max_iter=80
    ).fit(X, y)
    assert model.n_iter_ < 80
    assert len(model.validation_history_) == model.n_iter_
    assert model.set_params(early_stopping=False, max_iter=2).fit(X, y).validation_history_ is None


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"validation_fraction": 0.0},
            ValueError,
            "validation_fraction to be between 0 and 1, got",
        ),
        (
            {"validation_fraction": 1},
            ValueError,
            "validation_fraction to be between 0 and 1, got 1",
        ),
        (
            {"validation_fraction": "x"},
            ValueError,
            "expected validation_fraction to be a finite re",
        ),
        ({"n_iter_no_change": 0}, ValueError, "n_iter_no_change: .* at least 1, got 0"),
        ({"tol": np.nan}, ValueError, "expected tol to be a finite real number, got nan"),
        ({"callback": "stop"}, TypeError, "callback: expected a function or None, got 'stop'"),
        ({"validation_fraction": 0.01}, ValueError, "test_size = 1 should be greater or equal to"),
    ],
)
def test_refused_arguments(options, error, message):
    with pytest.raises(error, match=message):
        small(**options).fit(*moons())
