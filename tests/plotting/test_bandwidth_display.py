"""`BandwidthDisplay`: what each panel shows, and what is refused."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

import qkernels as qk
from qkernels.diagnostics import BandwidthPath, bandwidth_path
from qkernels.plotting import BandwidthDisplay

COLUMNS = {
    "bandwidths": [0.1, 0.5, 2.0],
    "scores": [0.7, 0.9, 0.6],
    "score_errors": [0.01, 0.02, 0.03],
    "variances": [1e-1, 1e-3, 1e-6],
    "rbf_similarities": [0.99, 0.8, 0.3],
}
LINES = [("variance_line_", "variances"), ("similarity_line_", "rbf_similarities")]


def made(**changed):
    return BandwidthDisplay(**COLUMNS | changed)


def test_scores_with_their_errors_are_on_top():
    display = made(score_name="accuracy").plot()
    line, _, (bars,) = display.score_bars_
    np.testing.assert_array_equal(line.get_xdata(), COLUMNS["bandwidths"])
    np.testing.assert_array_equal(line.get_ydata(), COLUMNS["scores"])
    for segment, score, error in zip(
        bars.get_segments(), COLUMNS["scores"], COLUMNS["score_errors"], strict=True
    ):
        np.testing.assert_allclose(segment[:, 1], [score - error, score + error])
    assert line.axes is display.axes_[0]
    assert display.axes_[0].get_ylabel() == "accuracy"


def test_variance_and_likeness_are_below():
    display = made().plot()
    for panel, (name, column) in zip(display.axes_[1:], LINES, strict=True):
        line = getattr(display, name)
        assert line.axes is panel
        np.testing.assert_array_equal(line.get_xdata(), COLUMNS["bandwidths"])
        np.testing.assert_array_equal(line.get_ydata(), COLUMNS[column])
    labels = [" ".join(panel.get_ylabel().split()) for panel in display.axes_]
    assert labels == ["score", "variance of kernel values", "likeness to RBF"]


def test_panels_share_a_logarithmic_axis_labelled_at_the_bottom():
    display = made().plot()
    display.figure_.canvas.draw()
    assert len({panel.get_xlim() for panel in display.axes_}) == 1
    assert {panel.get_xscale() for panel in display.axes_} == {"log"}
    shown = [
        any(label.get_visible() and label.get_text() for label in panel.get_xticklabels())
        for panel in display.axes_
    ]
    assert shown == [False, False, True]
    assert [p.get_xlabel() for p in display.axes_] == ["", "", "bandwidth (dimensionless)"]


def test_panels_are_one_above_the_other():
    display = made().plot()
    display.figure_.canvas.draw()
    boxes = [panel.get_window_extent() for panel in display.axes_]
    assert boxes[0].y0 > boxes[1].y1 > boxes[1].y0 > boxes[2].y1
    assert display.axes_[1].get_yscale() == "log"
    assert display.axes_[0].get_yscale() == display.axes_[2].get_yscale() == "linear"


def test_a_kernel_that_never_varies():
    display = made(variances=[0.0, 0.0, 0.0]).plot()
    assert display.axes_[1].get_yscale() == "linear"


def test_lines_are_drawn_in_the_order_of_the_bandwidths():
    display = BandwidthDisplay(**{name: column[::-1] for name, column in COLUMNS.items()}).plot()
    np.testing.assert_array_equal(display.score_bars_[0].get_xdata(), COLUMNS["bandwidths"])
    np.testing.assert_array_equal(display.score_bars_[0].get_ydata(), COLUMNS["scores"])
    for name, column in LINES:
        np.testing.assert_array_equal(getattr(display, name).get_ydata(), COLUMNS[column])


def test_lines_are_told_apart_without_colours():
    display = made().plot()
    lines = [display.score_bars_[0], display.variance_line_, display.similarity_line_]
    for look in ("linestyle", "marker", "color"):
        assert len({plt.getp(line, look) for line in lines}) == 3


def test_panels_are_in_the_place_of_given_axes():
    figure, axes = plt.subplots(1, 2)
    axes[1].set_title("one title for all")
    display = made().plot(axes[1], c="black", label="mine")
    figure.canvas.draw()
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    place = axes[1].get_window_extent()
    for panel in display.axes_:
        box = panel.get_window_extent()
        assert place.x0 - 1 < box.x0 < box.x1 < place.x1 + 1
        assert place.y0 - 1 < box.y0 < box.y1 < place.y1 + 1
    assert display.score_bars_[0].get_color() == "black"
    assert display.score_bars_.get_label() == "mine"
    assert axes[1].get_title() == "one title for all"


def test_a_path_is_drawn():
    path = BandwidthPath(means=np.zeros(3), **{k: np.array(v) for k, v in COLUMNS.items()})
    display = BandwidthDisplay.from_path(path, score_name="accuracy")
    for name, column in COLUMNS.items():
        np.testing.assert_array_equal(getattr(display, name), column)
    assert display.axes_[0].get_ylabel() == "accuracy"


@pytest.mark.parametrize(("real", "name"), [(False, "accuracy"), (True, "R²")])
def test_the_path_of_a_kernel(real, name):
    X, y = qk.datasets.ad_hoc(16, random_state=0, return_X_y=True)
    y = np.sin(X).sum(axis=1) if real else y
    kernel = qk.FidelityKernel(qk.feature_maps.zz)
    options = {"bandwidths": [0.1, 0.6], "cv": 3, "random_state": 1}
    display = BandwidthDisplay.from_kernel(kernel, X, y, **options)
    path = bandwidth_path(kernel, X, y, **options)
    for column in COLUMNS:
        np.testing.assert_allclose(getattr(display, column), getattr(path, column))
    assert display.axes_[0].get_ylabel() == name


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"bandwidths": [0.0, 1.0, 2.0]}, "expected bandwidths to be positive, got 0"),
        ({"scores": [0.5]}, r"expected scores to be 3 numbers in a row, got shape \(1,\)"),
        ({"scores": [0.5, np.nan, 0.5]}, "expected scores to be finite, got nan"),
        (
            {"score_errors": [0.1, -0.1, 0.1]},
            "expected score_errors that are not negative, got -0.1",
        ),
        ({"variances": [-1.0, 0.1, 0.1]}, "expected variances that are not negative, got -1"),
        ({"rbf_similarities": [[0.5]]}, r"rbf_similarities to be 3 numbers in a row, got shape"),
    ],
)
def test_what_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        made(**changed)
