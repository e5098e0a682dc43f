"""`TrainingDisplay`: what is in the picture, where it is drawn, and what is refused."""

import ast
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.exceptions import NotFittedError

import qkernels as qk
from qkernels import losses
from qkernels.plotting import TrainingDisplay


def trainer(**options):
    kernel = qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.5, bandwidth_bounds=(0.1, 2.0))
    return qk.KernelTrainer(kernel, **options)


@pytest.fixture
def data():
    return qk.datasets.ad_hoc(10, random_state=0)


def test_the_history_of_a_trainer_by_step(data):
    fitted = trainer(optimizer="adam", max_iter=4).fit(*data)
    display = TrainingDisplay.from_trainer(fitted)
    np.testing.assert_array_equal(display.line_.get_xdata(), [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(display.line_.get_ydata(), fitted.history_)
    assert display.ax_.get_xlabel() == "step"
    assert display.ax_.get_ylabel() == "target_alignment"
    assert display.ax_.figure is display.figure_
    assert list(display.ax_.lines) == [display.line_]


def own_loss(K, y):
    return K.sum(), np.ones_like(K)


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        ("centered_alignment", "centered_alignment"),
        (losses.SVMDual(C=2.0), "SVMDual(C=2.0)"),
        (own_loss, "own_loss"),
    ],
)
def test_the_vertical_axis_is_named_after_the_loss(data, loss, name):
    fitted = trainer(loss=loss, optimizer="adam", max_iter=1).fit(*data)
    assert TrainingDisplay.from_trainer(fitted).ax_.get_ylabel() == name


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (qk.VariationalClassifier(max_iter=3), "cross_entropy"),
        (qk.VariationalClassifier(loss="hinge", readout="parity", max_iter=3), "hinge"),
        (qk.VariationalRegressor(max_iter=3), "squared"),
    ],
)
def test_the_history_of_a_variational_model(data, model, name):
    fitted = model.fit(*data)
    display = TrainingDisplay.from_trainer(fitted)
    np.testing.assert_array_equal(display.line_.get_xdata(), np.arange(fitted.n_iter_ + 1))
    np.testing.assert_array_equal(display.line_.get_ydata(), fitted.history_)
    assert display.ax_.get_ylabel() == name


def test_axes_and_options_of_the_line_may_be_given(data):
    figure, axes = plt.subplots(1, 2)
    fitted = trainer(optimizer="adam", max_iter=2).fit(*data)
    display = TrainingDisplay.from_trainer(fitted, ax=axes[1], color="C3", label="first")
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert display.line_.get_color() == "C3"
    assert [text.get_text() for text in axes[1].get_legend().get_texts()] == ["first"]
    assert not axes[0].lines


def test_a_display_is_plotted_anew_into_a_figure_of_its_own():
    display = TrainingDisplay([3.0, 2.0, 1.5], "loss")
    assert not hasattr(display, "line_")
    first = display.plot().figure_
    assert display.plot() is display
    assert display.figure_ is not first
    assert display.ax_.get_legend() is None


def test_two_trainings_in_one_picture():
    first = TrainingDisplay([3.0, 2.0], "loss").plot(label="a")
    second = TrainingDisplay([4.0, 1.0, 0.5], "loss").plot(first.ax_, label="b")
    assert list(first.ax_.lines) == [first.line_, second.line_]
    assert [text.get_text() for text in first.ax_.get_legend().get_texts()] == ["a", "b"]


def test_steps_are_counted_in_whole_numbers():
    ax = TrainingDisplay([3.0, 2.0, 1.5], "loss").plot().ax_
    ticks = ax.get_xticks()
    np.testing.assert_array_equal(ticks, np.round(ticks))


@pytest.mark.parametrize(
    ("history", "shape"), [([], r"\(0,\)"), (1.0, r"\(\)"), ([[1.0, 2.0]], r"\(1, 2\)")]
)
def test_refused_histories(history, shape):
    message = rf"expected a history of shape \(n_iter \+ 1,\), one loss or more, got shape {shape}"
    with pytest.raises(ValueError, match=message):
        TrainingDisplay(history, "loss")


def test_a_trainer_that_is_not_fitted():
    with pytest.raises(NotFittedError, match="This KernelTrainer instance is not fitted yet"):
        TrainingDisplay.from_trainer(trainer())
    with pytest.raises(NotFittedError, match="This VariationalRegressor instance is not fitted"):
        TrainingDisplay.from_trainer(qk.VariationalRegressor())


def test_matplotlib_waits_until_something_is_drawn():
    for path in Path(qk.__file__).parent.rglob("*.py"):
        for statement in ast.parse(path.read_text()).body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                assert "matplotlib" not in ast.unparse(statement)
