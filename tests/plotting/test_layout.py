"""Every display, alone and among others: nothing clipped, overlapping or without a label."""

from functools import cache
from itertools import combinations

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from qkernels.plotting import (
    BandwidthDisplay,
    ConcentrationDisplay,
    GeometricDifferenceDisplay,
    GradientVarianceDisplay,
    GramDisplay,
    SpectrumDisplay,
)

NAMES = [
    "Iris versicolor, from a greenhouse",
    "Iris setosa",
    "Iris virginica from the northern meadows of the peninsula",
    "unknown",
    "a hybrid of the first and the third kind",
]


@cache
def kernel_matrix(n_points):
    """Return the fidelities of random states of four qubits."""
    random = np.random.default_rng(n_points)
    states = random.normal(size=(n_points, 16)) + 1j * random.normal(size=(n_points, 16))
    states /= np.linalg.norm(states, axis=1, keepdims=True)
    return np.abs(states.conj() @ states.T) ** 2


def gram(n_points, n_classes):
    y = np.arange(n_points) % n_classes
    return GramDisplay(kernel_matrix(n_points), y, class_names=NAMES[:n_classes])


def spectrum(n_points):
    values = np.geomspace(n_points, 1e-6, n_points)
    return SpectrumDisplay(values, np.linspace(0.1, 1, n_points) ** 0.2)


def geometric_difference(n_kernels):
    grid = np.geomspace(1e-6, 1, 7)
    g = [10 * k / np.sqrt(grid) for k in range(1, n_kernels + 1)]
    return GeometricDifferenceDisplay(grid, g, 1 / np.array(g), 300, names=NAMES[:n_kernels])


def gradient_variance(n_series, n_references):
    sizes = np.array([2, 4, 6])
    variances = 0.1 * 0.5 ** (np.arange(1, n_series + 1)[:, np.newaxis] * sizes)
    lines = {f"$(3/8)^{{n-1}}/{k + 8}$": variances[k] * 1.1 for k in range(n_references)}
    return GradientVarianceDisplay(
        sizes, variances, 0.2 * variances, names=NAMES[:n_series], references=lines
    )


def bandwidth():
    x = np.geomspace(0.01, 1, 5)
    return BandwidthDisplay(x, 1 - x / 2, x / 9, x**-4, 1 - x, score_name="balanced accuracy")


DISPLAYS = {
    "gram of 10, 1 class": lambda: gram(10, 1),
    "gram of 10, 2 classes": lambda: gram(10, 2),
    "gram of 10, 5 classes": lambda: gram(10, 5),
    "gram of 2000, 5 classes": lambda: gram(2000, 5),
    "gram of small classes": lambda: GramDisplay(
        kernel_matrix(100), np.repeat(np.arange(4), [91, 4, 3, 2]), class_names=NAMES[:4]
    ),
    "spectrum of 10": lambda: spectrum(10),
    "spectrum of 2000": lambda: spectrum(2000),
    "concentration of 10": lambda: ConcentrationDisplay(
        kernel_matrix(10), n_qubits=4, repetitions=100
    ),
    "concentration of 2000": lambda: ConcentrationDisplay(
        kernel_matrix(2000), n_qubits=4, repetitions=20
    ),
    "concentration, linear": lambda: ConcentrationDisplay(
        kernel_matrix(10) ** 0.1, n_qubits=4, repetitions=3
    ),
    "bandwidth": bandwidth,
    "geometric difference of 1": lambda: geometric_difference(1),
    "geometric difference of 5": lambda: geometric_difference(5),
    "gradient variance of 1": lambda: gradient_variance(1, 1),
    "gradient variance of 5": lambda: gradient_variance(5, 4),
}


def alone(make):
    display = make().plot()
    display.figure_.canvas.draw()
    return display


def among_others(make):
    figure, axes = plt.subplots(2, 2, figsize=(9, 8), layout="constrained")
    for other in axes.flat:
        other.set(title="a title", xlabel="a label", ylabel="a label")
    display = make().plot(axes[1, 0])
    figure.canvas.draw()
    return display


def texts(figure):
    """Return what is written in a figure, and where; a tick out of sight is not written."""
    found = []
    for ax in figure.findobj(Axes):
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            seen = [t for t in ticks if low <= t.get_loc() <= high] if ax.axison else []
            found += [label for tick in seen for label in (tick.label1, tick.label2)]
            found += [axis.label] if ax.axison else []
        found += [ax.title]
        found += ax.get_legend().get_texts() if ax.get_legend() else []
    return [
        (text.get_text(), text.get_window_extent())
        for text in found
        if text.get_visible() and text.get_text().strip()
    ]


def inside(box, frame):
    """Return whether a box is in a frame, but for the two pixels that a layout may be off."""
    frame = Bbox(frame.get_points()).padded(2)
    return all(frame.contains(*corner) for corner in box.get_points())


def overlap(first, second):
    common = Bbox.intersection(first, second)
    return common is not None and common.width > 1 and common.height > 1


def check_texts(figure):
    written = texts(figure)
    assert len(written) > 4
    for text, box in written:
        assert inside(box, figure.bbox), f"{text!r} is clipped"
    for (text, box), (other, other_box) in combinations(written, 2):
        assert not overlap(box, other_box), f"{text!r} lies on {other!r}"


def check_legend(ax, data):
    """Check that a legend is in its axes, and not on what is drawn in those in the same place."""
    box = ax.get_legend().get_window_extent()
    assert inside(box, ax.get_window_extent())
    for each in data:
        for line in each.lines:
            path = line.get_path().interpolated(20).transformed(line.get_transform())
            assert not any(box.contains(*point) for point in path.vertices)
        for patch in each.patches:
            assert not overlap(box, patch.get_window_extent())


@pytest.mark.parametrize("draw", [alone, among_others])
@pytest.mark.parametrize("make", DISPLAYS.values(), ids=DISPLAYS)
def test_nothing_is_clipped_or_overlapping_or_without_a_label(make, draw):
    display = draw(make)
    check_texts(display.figure_)
    panels = getattr(display, "axes_", [display.ax_])
    assert panels[-1].get_xlabel()
    assert all(panel.get_ylabel() for panel in panels)
    in_its_place = [ax for ax in (display.ax_, getattr(display, "power_ax_", None)) if ax]
    for ax in in_its_place:
        if ax.get_legend():
            check_legend(ax, in_its_place)


@pytest.mark.parametrize("make", DISPLAYS.values(), ids=DISPLAYS)
def test_a_picture_in_a_figure_without_a_layout(make):
    figure, ax = plt.subplots()
    display = make()
    if isinstance(display, GramDisplay):  # Long names do need a layout.
        display = GramDisplay(display.K, np.arange(len(display.K)) % 5)
    display.plot(ax)
    figure.canvas.draw()
    for text, box in texts(figure):
        assert inside(box, figure.bbox), f"{text!r} is clipped"


def test_text_that_overlaps_is_found():
    figure = plt.figure()
    ax = figure.add_axes((0.2, 0.2, 0.5, 0.5), xlabel="below", title="above")
    figure.canvas.draw()
    assert not any(overlap(a, b) for (_, a), (_, b) in combinations(texts(figure), 2))
    ax.set_xticks([0.5, 0.51], ["long words", "more words"])
    figure.canvas.draw()
    assert any(overlap(a, b) for (_, a), (_, b) in combinations(texts(figure), 2))
