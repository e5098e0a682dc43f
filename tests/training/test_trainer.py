"""`KernelTrainer`: what it minimises, what it changes, how it ends, and what it refuses.

Where the way of an optimizer matters, the loss is a function of one number: the constant c of
`ConstantKernel(c) * kernel` is the first entry of the matrix.
"""

import re

import cirq
import numpy as np
import pytest
import sympy
from sklearn.base import clone
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

import qkernels as qk
from qkernels import SPSA, Adam, FidelityKernel, KernelTrainer
from qkernels.kernels import QuantumKernel
from qkernels.losses import LogMarginalLikelihood, SVMDual, TargetAlignment, get_loss
from tests.reference import ReferenceEvaluator

X, LABELS = qk.datasets.ad_hoc(16, random_state=0)
REAL = np.sin(X[:, 0]) + 0.3 * X[:, 1]
PLAIN = FidelityKernel(qk.feature_maps.zz)
BANDWIDTH = FidelityKernel(qk.feature_maps.zz, bandwidth=0.5, bandwidth_bounds=(0.1, 2.0))
WITHIN = ["L-BFGS-B", "TNC", "SLSQP", "adam", "spsa"]
EVERY = [*WITHIN, "CG", "BFGS", "Newton-CG", "trust-constr"]


def trainable(**bounds):
    """Return a kernel with three angles and a bandwidth, all of which bounds may free."""
    x, y, a, b, c = sympy.symbols("x y a b c")
    turns = [cirq.ry(a), cirq.rz(x), cirq.rx(b), cirq.rz(y), cirq.ry(c), cirq.rz(x * y)]
    circuit = cirq.Circuit(turn(cirq.q(0)) for turn in turns)
    feature_map = qk.FeatureMap(circuit, features=[x, y], parameters=[a, b, c])
    return FidelityKernel(feature_map, parameters=[0.1, 0.9, -0.7], **bounds)


def of_constant(function, slope):
    """Return a loss that is a function of log c, for `ConstantKernel(c) * PLAIN`."""

    def loss(K, y):
        gradient = np.zeros_like(K)
        gradient[0, 0] = slope(np.log(K[0, 0])) / K[0, 0]
        return function(np.log(K[0, 0])), gradient

    return loss


def constant(value, bounds=(1e-3, 1e3)):
    return ConstantKernel(value, bounds) * PLAIN


parabola = of_constant(lambda t: (t - 1) ** 2, lambda t: 2 * (t - 1))
# Two valleys: the deeper one is at about -2.1, the other at about 1.9.
valleys = of_constant(lambda t: t**4 - 8 * t**2 + 2 * t, lambda t: 4 * t**3 - 16 * t + 2)


# -- The minimum


@pytest.mark.parametrize("optimizer", EVERY)
def test_every_optimizer_lowers_the_loss(optimizer):
    kernel = trainable(parameter_bounds=(-np.pi, np.pi))
    trainer = KernelTrainer(kernel, optimizer=optimizer, max_iter=12, random_state=0)
    trainer.fit(X, LABELS)
    before, after = (TargetAlignment()(k(X), LABELS)[0] for k in (kernel, trainer.kernel_))
    assert after < before - 0.02


@pytest.mark.parametrize("optimizer", [*EVERY, Adam(0.2), SPSA(step=1.0)], ids=str)
def test_every_optimizer_finds_the_bottom_of_a_parabola(optimizer):
    trainer = KernelTrainer(
        constant(0.1), loss=parabola, optimizer=optimizer, max_iter=150, random_state=0
    ).fit(X, LABELS)
    tolerance = 1e-3 if isinstance(optimizer, str) and optimizer in EVERY[:3] + EVERY[5:] else 0.1
    np.testing.assert_allclose(trainer.kernel_.theta, [1.0], atol=tolerance)


@pytest.mark.parametrize(
    "loss", ["target_alignment", "centered_alignment", "svm_dual", "ridge_leave_one_out"]
)
def test_the_trained_bandwidth_is_the_best_of_a_grid(loss):
    kernel = clone(BANDWIDTH).set_params(bandwidth_bounds=(0.1, 0.8))
    trainer = KernelTrainer(kernel, loss=loss, n_restarts=6, random_state=0).fit(X, LABELS)
    grid = [
        get_loss(loss)(clone(kernel).set_params(bandwidth=b)(X), LABELS)[0]
        for b in np.geomspace(0.1, 0.8, 200)
    ]
    assert trainer.loss_ <= min(grid) + 1e-6


@pytest.mark.parametrize("optimizer", ["L-BFGS-B", "adam"])
def test_history_and_loss_belong_together(optimizer):
    trainer = KernelTrainer(BANDWIDTH, optimizer=optimizer, max_iter=7).fit(X, LABELS)
    assert trainer.history_.shape == (trainer.n_iter_ + 1,)
    assert trainer.history_[0] == pytest.approx(TargetAlignment()(BANDWIDTH(X), LABELS)[0])
    assert trainer.loss_ == trainer.history_.min()
    found = TargetAlignment()(trainer.kernel_(X), LABELS)[0]
    assert trainer.loss_ == pytest.approx(found, rel=1e-10)


def test_the_best_point_is_kept_not_the_last():
    """Adam with a long step overshoots."""
    trainer = KernelTrainer(constant(2.0), loss=parabola, optimizer=Adam(2.0), max_iter=9)
    trainer.fit(X, LABELS)
    assert trainer.history_[-1] > trainer.loss_ == trainer.history_.min()
    assert (trainer.kernel_.theta[0] - 1) ** 2 == pytest.approx(trainer.loss_)


@pytest.mark.parametrize("optimizer", ["adam", "spsa"])
def test_max_iter_is_the_number_of_steps(optimizer):
    trainer = KernelTrainer(BANDWIDTH, optimizer=optimizer, max_iter=3, random_state=0)
    assert trainer.fit(X, LABELS).n_iter_ == 3
    assert trainer.n_features_in_ == 2


def test_the_loss_of_spsa_is_that_of_the_last_point():
    trainer = KernelTrainer(BANDWIDTH, optimizer="spsa", max_iter=39, random_state=0)
    trainer.fit(X, LABELS)
    assert trainer.loss_ == trainer.history_[-1]
    assert trainer.loss_ == pytest.approx(TargetAlignment()(trainer.kernel_(X), LABELS)[0])


@pytest.mark.parametrize("optimizer", ["adam", "spsa"])
def test_the_loss_of_batches_is_the_mean_of_the_last_tenth(optimizer):
    how = {"optimizer": optimizer, "batch_size": 4, "max_iter": 39, "random_state": 0}
    trainer = KernelTrainer(BANDWIDTH, **how).fit(X, LABELS)
    assert trainer.loss_ == pytest.approx(trainer.history_[-4:].mean())


def test_training_goes_on_from_the_trained_kernel():
    first = KernelTrainer(BANDWIDTH, max_iter=1).fit(X, LABELS)
    second = KernelTrainer(first.kernel_).fit(X, LABELS)
    assert second.history_[0] == pytest.approx(first.loss_, rel=1e-10)
    assert second.loss_ < first.loss_


def test_spsa_needs_no_gradient():
    kernel = clone(BANDWIDTH).set_params(evaluator=ReferenceEvaluator())
    trainer = KernelTrainer(kernel, optimizer="spsa", max_iter=3, random_state=0)
    assert trainer.fit(X[:4], [0, 1, 0, 1]).n_iter_ == 3
    with pytest.raises(NotImplementedError, match="ReferenceEvaluator"):
        KernelTrainer(kernel).fit(X, LABELS)


# -- What changes, and how far


def test_only_what_bounds_leave_free_changes():
    angles, width = {"parameter_bounds": (-9, 9)}, {"bandwidth_bounds": (0.1, 9)}
    for bounds, free in [(angles, {"parameters"}), (width, {"bandwidth"}), (angles | width, None)]:
        kernel = trainable(**bounds)
        before = kernel.get_params()
        trained = KernelTrainer(kernel, max_iter=3).fit(X, LABELS).kernel_
        after = trained.get_params()
        changed = {n for n in before if not np.array_equal(before[n], after[n])}
        assert changed == (free or {"parameters", "bandwidth"})


@pytest.mark.parametrize("optimizer", ["L-BFGS-B", "adam", "spsa"])
def test_the_given_kernel_is_not_changed(optimizer):
    kernel = constant(2.0) + trainable(parameter_bounds=(-1, 1))
    before = kernel.theta.copy()
    trainer = KernelTrainer(kernel, optimizer=optimizer, max_iter=2, random_state=0)
    trainer.fit(X, LABELS)
    np.testing.assert_array_equal(kernel.theta, before)
    assert trainer.kernel is kernel
    assert not np.array_equal(trainer.kernel_.theta, before)


@pytest.fixture
def bandwidths(monkeypatch):
    """Return the list to which each evaluation of a quantum kernel adds its bandwidth."""
    seen = []

    def spy(method):
        def spied(self, *args, **kwargs):
            seen.append(self.bandwidth)
            return method(self, *args, **kwargs)

        return spied

    for name in ("__call__", "value_and_vjp"):
        monkeypatch.setattr(QuantumKernel, name, spy(getattr(QuantumKernel, name)))
    return seen


@pytest.mark.parametrize("start", [0.5, 3.0], ids=["inside", "outside"])
@pytest.mark.parametrize("optimizer", WITHIN)
def test_logarithmic_hyperparameters_are_never_beyond_their_bounds(optimizer, start, bandwidths):
    kernel = clone(BANDWIDTH).set_params(bandwidth=start, bandwidth_bounds=(0.45, 0.52))
    trainer = KernelTrainer(kernel, optimizer=optimizer, max_iter=8, random_state=0)
    trainer.fit(X, LABELS)
    assert len(bandwidths) > 2
    assert min(bandwidths) >= 0.45 * (1 - 1e-12)
    assert max(bandwidths) <= 0.52 * (1 + 1e-12)


@pytest.mark.parametrize("optimizer", WITHIN)
def test_the_minimum_may_be_on_a_bound(optimizer):
    trainer = KernelTrainer(
        constant(0.1, (1e-3, 2.0)), loss=parabola, optimizer=optimizer, random_state=0
    ).fit(X, LABELS)
    np.testing.assert_allclose(trainer.kernel_.theta, np.log(2.0), atol=1e-6)


@pytest.mark.parametrize("optimizer", ["CG", "BFGS", "Newton-CG"])
def test_some_optimizers_know_no_bounds(optimizer):
    trainer = KernelTrainer(constant(9.0, (0.1, 2.0)), loss=parabola, optimizer=optimizer)
    trainer.fit(X, LABELS)
    assert trainer.history_[0] == pytest.approx((np.log(9.0) - 1) ** 2)
    np.testing.assert_allclose(trainer.kernel_.theta, [1.0], atol=1e-3)


@pytest.mark.parametrize("optimizer", WITHIN)
def test_angles_may_leave_their_bounds(optimizer):
    kernel = trainable(parameter_bounds=(-0.01, 0.01))
    trained = KernelTrainer(kernel, optimizer=optimizer, max_iter=8, random_state=0)
    angles = trained.fit(X, LABELS).kernel_.parameters
    assert not np.allclose(angles, kernel.parameters, atol=1e-3)
    assert np.abs(angles).max() > 0.1


@pytest.mark.parametrize(
    "kernel",
    [
        constant(2.0) + WhiteKernel(0.1),
        ConstantKernel(0.5) * RBF(2.0) + BANDWIDTH,
        trainable(parameter_bounds=(-1, 1)) ** 2,
        BANDWIDTH * trainable(parameter_bounds=(-1, 1), bandwidth_bounds=(0.1, 3.0)),
        qk.ProjectedKernel(qk.feature_maps.zz, gamma=0.5, gamma_bounds=(0.01, 10.0)),
    ],
    ids=["constant and noise", "with a classical one", "power", "product", "projected"],
)
def test_compositions_are_trained(kernel):
    loss = LogMarginalLikelihood(noise=0.01)
    trainer = KernelTrainer(kernel, loss=loss, max_iter=20).fit(X, REAL)
    assert trainer.loss_ < loss(kernel(X), REAL)[0] - 0.1
    assert np.all(np.abs(trainer.kernel_.theta - kernel.theta) > 1e-6)


# -- Chance


def test_restarts_find_the_deeper_valley():
    kernel = constant(np.exp(2.5), (np.exp(-3), np.exp(3)))
    stuck = KernelTrainer(kernel, loss=valleys).fit(X, LABELS)
    assert stuck.kernel_.theta[0] > 0
    found = KernelTrainer(kernel, loss=valleys, n_restarts=5, random_state=0).fit(X, LABELS)
    assert found.kernel_.theta[0] < 0
    assert found.loss_ < stuck.loss_
    assert found.loss_ == found.history_.min()


def test_restarts_that_lead_nowhere_do_no_harm():
    kernel = constant(np.exp(-2.5), (np.exp(-3), np.exp(3)))
    plain = KernelTrainer(kernel, loss=valleys).fit(X, LABELS)
    ends = []
    again = KernelTrainer(
        kernel,
        loss=valleys,
        n_restarts=5,
        random_state=0,
        callback=lambda k, theta, loss: ends.append(theta[0]),
    ).fit(X, LABELS)
    assert max(ends) > 1.5
    assert again.loss_ == pytest.approx(plain.loss_, rel=1e-6)


@pytest.mark.parametrize(
    "options", [{"optimizer": "spsa"}, {"optimizer": "adam", "batch_size": 4}, {"n_restarts": 1}]
)
def test_random_state_repeats(options):
    kernel = trainable(parameter_bounds=(-np.pi, np.pi))

    def angles(seed):
        trainer = KernelTrainer(kernel, max_iter=3, random_state=seed, **options)
        return trainer.fit(X, LABELS).kernel_.parameters

    np.testing.assert_array_equal(angles(1), angles(1))
    assert any(not np.allclose(angles(1), angles(seed)) for seed in (2, 3, 4))


@pytest.mark.parametrize("optimizer", ["adam", "spsa"])
def test_batches_have_the_classes_in_proportion(optimizer):
    y = np.repeat(["a", "b", "c"], [4, 8, 4])
    batches = []

    def loss(K, labels):
        batches.append(labels)
        return K.sum(), np.ones_like(K)

    trainer = KernelTrainer(
        BANDWIDTH, loss=loss, optimizer=optimizer, batch_size=8, max_iter=6, random_state=0
    ).fit(X, y)
    assert len(batches) == (7 if optimizer == "adam" else 13)
    for labels in batches:
        names, counts = np.unique(labels, return_counts=True)
        assert dict(zip(names, counts, strict=True)) == {"a": 2, "b": 4, "c": 2}
    assert trainer.history_.shape == (7,)


@pytest.mark.parametrize("size", [2, 5, 15])
def test_a_batch_is_some_points_with_their_targets(size):
    drawn = []

    def loss(K, y):
        rows = [int(np.flatnonzero(target == REAL)[0]) for target in y]
        np.testing.assert_allclose(K[0, 0] * PLAIN(X[rows]), K, atol=1e-12)
        drawn.append(tuple(rows))
        return K.sum(), np.ones_like(K)

    options = {"optimizer": "adam", "batch_size": size, "max_iter": 5, "random_state": 0}
    KernelTrainer(constant(1.0), loss=loss, **options).fit(X, REAL)
    assert all(len(set(rows)) == size for rows in drawn)
    assert len(set(drawn)) > 1


def test_a_batch_may_lack_a_single_point_of_two_classes():
    trainer = KernelTrainer(BANDWIDTH, optimizer="adam", batch_size=15, max_iter=2)
    assert trainer.fit(X, LABELS).n_iter_ == 2


def test_a_batch_of_all_points_is_no_batch():
    trainer = KernelTrainer(BANDWIDTH, batch_size=len(X), max_iter=2).fit(X, LABELS)
    assert trainer.loss_ == trainer.history_.min()


# -- Callbacks, interruptions, progress


@pytest.mark.parametrize("optimizer", EVERY)
def test_the_callback_sees_every_step(optimizer):
    seen = []
    trainer = KernelTrainer(
        BANDWIDTH,
        optimizer=optimizer,
        max_iter=5,
        random_state=0,
        callback=lambda *step: seen.append(step),
    ).fit(X, LABELS)
    assert [k for k, _, _ in seen] == list(range(1, trainer.n_iter_ + 1))
    np.testing.assert_array_equal([loss for _, _, loss in seen], trainer.history_[1:])
    if optimizer != "spsa":
        for _, theta, loss in seen:
            K = BANDWIDTH.clone_with_theta(theta)(X)
            assert loss == pytest.approx(TargetAlignment()(K, LABELS)[0], rel=1e-10)


@pytest.mark.parametrize("optimizer", EVERY)
def test_the_callback_can_stop(optimizer):
    trainer = KernelTrainer(
        trainable(parameter_bounds=(-1, 1)),
        optimizer=optimizer,
        random_state=0,
        callback=lambda k, theta, loss: k == 2,
    ).fit(X, LABELS)
    assert trainer.n_iter_ == 2


def test_the_callback_stops_one_start_not_the_others():
    steps = []

    def callback(k, theta, loss):
        steps.append(k)
        return k == 2

    options = {"optimizer": "adam", "n_restarts": 2, "random_state": 0}
    KernelTrainer(BANDWIDTH, callback=callback, **options).fit(X, LABELS)
    assert steps == [1, 2] * 3


@pytest.mark.parametrize("optimizer", EVERY)
def test_an_interruption_keeps_the_best_so_far(optimizer):
    def callback(k, theta, loss):
        if k == 2:
            raise KeyboardInterrupt

    kernel = trainable(parameter_bounds=(-1, 1))
    trainer = KernelTrainer(kernel, optimizer=optimizer, callback=callback, random_state=0)
    with pytest.warns(UserWarning, match="training was interrupted; the best so far is kept"):
        trainer.fit(X, LABELS)
    assert trainer.n_iter_ == 2
    uninterrupted = KernelTrainer(kernel, optimizer=optimizer, random_state=0)
    expected = uninterrupted.fit(X, LABELS).history_[:3]
    np.testing.assert_allclose(trainer.history_, expected, rtol=1e-10)


def test_an_interruption_before_there_is_anything_is_passed_on():
    def loss(K, y):
        raise KeyboardInterrupt

    trainer = KernelTrainer(BANDWIDTH, loss=loss)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, LABELS)
    assert not hasattr(trainer, "kernel_")


def test_a_bar_is_shown_on_request_only(capsys):
    trainer = KernelTrainer(BANDWIDTH, optimizer="adam", max_iter=3)
    trainer.fit(X, LABELS)
    silent = capsys.readouterr()
    assert (silent.out, silent.err) == ("", "")
    trainer.set_params(verbose=1).fit(X, LABELS)
    shown = capsys.readouterr().err
    assert "training: 100%" in shown
    assert "3/3" in shown
    assert f"loss={trainer.history_[-1]:.3g}" in shown


# -- Arguments


def wrong(result):
    return {"loss": lambda K, y: result}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"kernel": "rbf"}, TypeError, "kernel: expected a scikit-learn kernel, got 'rbf'"),
        ({"kernel": PLAIN}, ValueError, "nothing to train: every hyperparameter is fixed; give"),
        ({"loss": "hinge"}, ValueError, "loss: expected one of ['centered_alignment', "),
        ({"loss": SVMDual}, ValueError, "such as SVMDual(C=10.0), got <class"),
        (
            {"optimizer": "SGD"},
            ValueError,
            "optimizer: expected one of ['L-BFGS-B', 'TNC', 'SLSQP', 'CG', 'BFGS', 'Newton-CG', "
            "'trust-constr', 'adam', 'spsa'], Adam(...) or SPSA(...), got 'SGD'",
        ),
        ({"optimizer": Adam}, ValueError, "optimizer: expected one of ['L-BFGS-B', "),
        ({"optimizer": None}, ValueError, "Adam(...) or SPSA(...), got None"),
        ({"max_iter": 0}, ValueError, "max_iter: expected an integer of at least 1, got 0"),
        ({"max_iter": 2.0}, ValueError, "max_iter: expected an integer of at least 1, got 2.0"),
        ({"n_restarts": -1}, ValueError, "n_restarts: expected an integer of at least 0, got -1"),
        ({"n_restarts": True}, ValueError, "n_restarts: expected an integer of at least 0, got T"),
        ({"batch_size": 1}, ValueError, "batch_size: expected an integer of at least 2, got 1"),
        (
            {"batch_size": 4},
            ValueError,
            "batch_size=4 makes the loss noisy, which takes the optimizer 'adam' or 'spsa'; got "
            "'L-BFGS-B'",
        ),
        ({"random_state": "seed"}, ValueError, "'seed' cannot be used to seed"),
        ({"callback": 3}, TypeError, "callback: expected a function or None, got 3"),
        (wrong(1.0), TypeError, "expected it to return its value and its derivative, got 1.0"),
        (wrong((np.nan, None)), ValueError, "expected a finite loss, got nan at theta = [-0.69"),
        (wrong((1.0, np.ones(2))), ValueError, "cotangent must be real numbers of the shape"),
    ],
)
def test_refusals(options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        KernelTrainer(**{"kernel": BANDWIDTH} | options).fit(X, LABELS)


@pytest.mark.parametrize(
    ("points", "targets", "message"),
    [
        (X, LABELS[:5], "inconsistent numbers of samples: [16, 5]"),
        (X * np.nan, LABELS, "Input X contains NaN"),
        (X, None, "requires y to be passed, but the target y is None"),
        (X, np.zeros(16, dtype=int), "expected at least two classes, got [0]"),
        (np.ones((16, 0)), LABELS, "0 feature(s)"),
    ],
)
def test_refused_data(points, targets, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        KernelTrainer(BANDWIDTH).fit(points, targets)


def test_parameters_are_scikit_learns():
    trainer = KernelTrainer(BANDWIDTH, loss=SVMDual(C=2.0), optimizer="adam", max_iter=3)
    copy = clone(trainer)
    assert copy.get_params() == trainer.get_params()
    assert copy.kernel is not trainer.kernel
    assert trainer.get_params()["kernel__bandwidth"] == 0.5
    trainer.set_params(kernel__bandwidth=0.7, loss="svm_dual", max_iter=1)
    assert (trainer.kernel.bandwidth, trainer.loss) == (0.7, "svm_dual")
    trainer.set_params(kernel=BANDWIDTH).fit(X, LABELS)
    assert not hasattr(clone(trainer), "kernel_")
    assert "loss='svm_dual'" in repr(trainer)
