"""`SpectrumDisplay`: the lines against sums by hand, the axes, and what is refused."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

import qkernels as qk
from qkernels.plotting import SpectrumDisplay

KERNEL = qk.FidelityKernel(qk.feature_maps.zz)
X = np.random.default_rng(0).uniform(size=(9, 2))
Y = np.array([1, -1, 1, 1, -1, -1, 1, -1, 1])


def test_the_eigenvalues_of_a_kernel_scaled_to_trace_n():
    display = SpectrumDisplay.from_matrix(3 * KERNEL(X))
    expected = np.linalg.eigvalsh(KERNEL(X))[::-1]
    np.testing.assert_array_equal(display.line_.get_xdata(), np.arange(1, 10))
    np.testing.assert_allclose(display.line_.get_ydata(), expected, atol=1e-9)
    assert display.power_line_ is None
    assert display.power_ax_ is None
    assert display.ax_.get_legend() is None


def test_the_cumulative_power_of_labels():
    display = SpectrumDisplay.from_kernel(KERNEL, X, np.where(Y > 0, "yes", "no"))
    vectors = np.linalg.eigh(KERNEL(X))[1][:, ::-1]
    by_hand = [sum((vectors[:, j] @ Y) ** 2 for j in range(k + 1)) / 9 for k in range(9)]
    np.testing.assert_array_equal(display.power_line_.get_xdata(), np.arange(1, 10))
    np.testing.assert_allclose(display.power_line_.get_ydata(), by_hand)
    assert display.power_line_.axes is display.power_ax_
    assert display.line_.axes is display.ax_


def test_axes_say_what_they_are():
    display = SpectrumDisplay.from_kernel(KERNEL, X, Y)
    assert display.ax_.get_xscale() == display.ax_.get_yscale() == "log"
    assert display.power_ax_.get_yscale() == "linear"
    assert display.ax_.get_xlabel() == "index of the eigenvalue"
    assert display.ax_.get_ylabel() == "eigenvalue (of K scaled to trace N)"
    assert display.power_ax_.get_ylabel() == "cumulative power of the target (dimensionless)"
    assert display.power_ax_.yaxis.get_label_position() == "right"
    np.testing.assert_allclose(display.power_ax_.get_yticks(), [0, 0.2, 0.4, 0.6, 0.8, 1])
    legend = display.power_ax_.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["eigenvalues", "cumulative power"]


def test_lines_are_told_apart_without_colours():
    display = SpectrumDisplay.from_kernel(KERNEL, X, Y)
    for look in ("linestyle", "marker", "color"):
        assert plt.getp(display.line_, look) != plt.getp(display.power_line_, look)


def test_few_decades_have_plain_ticks():
    display = SpectrumDisplay([2.0, 1.0, 0.5, 0.5]).plot()
    display.figure_.canvas.draw()
    shown = {label.get_text() for label in display.ax_.get_yticklabels(which="both")}
    assert {"0.5", "1", "2"} <= shown
    assert not any("10^" in text for text in shown)


def test_eigenvalues_that_are_rounding_are_not_drawn():
    factor = np.random.default_rng(1).normal(size=(6, 2))
    display = SpectrumDisplay.from_matrix(factor @ factor.T, np.arange(6) % 2)
    assert display.line_.get_xdata().tolist() == [1, 2]
    assert len(display.power_line_.get_ydata()) == 6


def test_many_eigenvalues_have_no_markers():
    few, many = (SpectrumDisplay(np.linspace(2, 1, n)).plot().line_ for n in (30, 31))
    assert few.get_marker() == "o"
    assert many.get_marker() == ""


def test_axes_and_options_may_be_given():
    figure, axes = plt.subplots(1, 2)
    display = SpectrumDisplay.from_kernel(KERNEL, X, Y, ax=axes[0], c="black", lw=3)
    assert display.ax_ is axes[0]
    assert display.figure_ is figure
    assert display.line_.get_color() == "black"
    assert display.line_.get_linewidth() == 3
    assert not axes[1].lines
    assert display.plot().figure_ is not figure


@pytest.mark.parametrize(
    ("eigenvalues", "power", "message"),
    [
        ([], None, r"expected eigenvalues to be one number or more in a row, got shape \(0,\)"),
        ([[1.0]], None, r"in a row, got shape \(1, 1\)"),
        ([1.0, np.inf], None, "expected eigenvalues to be finite, got inf"),
        (["a"], None, "expected eigenvalues to be an array of numbers, got"),
        ([1.0, 2.0], None, r"in descending order, .* got \[1.0, 2.0\]"),
        ([0.0, 0.0], None, r"the first of them positive, got \[0.0, 0.0\]"),
        ([2.0, 1.0], [1.0], r"cumulative_power to be 2 numbers in a row, got shape \(1,\)"),
        ([2.0, 1.0], [0.5, 1.5], "cumulative_power from 0 to 1, got values from 0.5 to 1.5"),
    ],
)
def test_what_is_refused(eigenvalues, power, message):
    with pytest.raises(ValueError, match=message):
        SpectrumDisplay(eigenvalues, power)
