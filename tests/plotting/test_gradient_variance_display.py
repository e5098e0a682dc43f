"""`GradientVarianceDisplay`: what is drawn, and what is refused."""

import re

import numpy as np
import pytest
from matplotlib import pyplot as plt

import qkernels as qk
from qkernels.diagnostics import gradient_variances
from qkernels.plotting import GradientVarianceDisplay

SIZES = [2, 4, 6]
NUMBERS = {
    "n_qubits": SIZES,
    "variances": [[0.1, 0.01, 0.001]],
    "standard_errors": [[0.01, 0.002, 0.0005]],
}


def made(**changed):
    return GradientVarianceDisplay(**NUMBERS | changed)


def several(n_series):
    """Return a picture of some series."""
    slopes = np.arange(1, n_series + 1)[:, np.newaxis]
    variances = 0.1 * 0.5 ** (slopes * SIZES)
    names = ["global", "local", "brickwork"][:n_series]
    return made(variances=variances, standard_errors=0.2 * variances, names=names)


def network(n):
    return qk.qnn.ExpectationNetwork(qk.ansatze.brickwork(n, 2))


def texts(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def ends(bars):
    """Return the ends of the error bars, from below and from above."""
    (segments,) = bars[2]
    return np.array(segments.get_segments())[..., 1].T


def test_points_and_bars_are_the_numbers():
    display = made().plot()
    (bars,) = display.bars_
    np.testing.assert_array_equal(bars[0].get_xdata(), SIZES)
    np.testing.assert_array_equal(bars[0].get_ydata(), NUMBERS["variances"][0])
    expected = np.add(NUMBERS["variances"], np.multiply([[-1], [1]], NUMBERS["standard_errors"]))
    np.testing.assert_allclose(ends(bars), expected)
    assert display.reference_lines_ == []


def test_bars_that_would_reach_zero_end_at_a_tenth():
    low, high = ends(made(standard_errors=[[0.2, 0.01, 0.0]]).plot().bars_[0])
    np.testing.assert_allclose(low, [0.01, 0.001, 0.001])
    np.testing.assert_allclose(high, [0.3, 0.02, 0.001])


def test_references_are_lines_with_names():
    display = made(references={"exact": [0.1, 0.02, 0.004], "other": [1, 1, 1]}).plot()
    exact, other = display.reference_lines_
    np.testing.assert_array_equal(exact.get_ydata(), [0.1, 0.02, 0.004])
    assert exact.get_linestyle() != other.get_linestyle()
    assert texts(display) == ["measured", "exact", "other"]


def test_everything_is_drawn_in_the_order_of_the_sizes():
    display = made(
        n_qubits=[6, 2, 4], variances=[[1e-3, 1e-1, 1e-2]], references={"r": [3, 1, 2]}
    ).plot()
    for line in (display.bars_[0][0], display.reference_lines_[0]):
        np.testing.assert_array_equal(line.get_xdata(), SIZES)
    np.testing.assert_array_equal(display.bars_[0][0].get_ydata(), [0.1, 0.01, 0.001])
    np.testing.assert_array_equal(display.reference_lines_[0].get_ydata(), [1, 2, 3])


def test_axes_say_what_they_are():
    ax = made().plot().ax_
    assert ax.get_xlabel() == "number of qubits"
    assert ax.get_ylabel() == "variance of the derivative (dimensionless)"
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "log")
    assert all(tick == int(tick) for tick in ax.get_xticks())
    assert ax.get_legend() is None


def test_series_are_told_apart_without_colours():
    display = several(3)
    display.plot()
    assert len({bars[0].get_marker() for bars in display.bars_}) == 3
    assert len({bars[0].get_color() for bars in display.bars_}) == 3
    assert texts(display)[1] == "local"


def test_axes_and_options_may_be_given():
    figure, axes = plt.subplots(1, 2)
    display = made().plot(axes[1], ms=9, ls="-")
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert display.bars_[0][0].get_markersize() == 9
    assert display.bars_[0][0].get_linestyle() == "-"
    assert not axes[0].lines


# -- Networks


def test_networks_of_several_sizes():
    display = GradientVarianceDisplay.from_networks(
        [network(n) for n in (2, 3)], weight=2, n_draws=9, random_state=1, references={"r": [1, 1]}
    )
    random = np.random.RandomState(1)
    found = [gradient_variances(network(n), n_draws=9, random_state=random) for n in (2, 3)]
    np.testing.assert_array_equal(display.n_qubits, [2, 3])
    np.testing.assert_array_equal(display.variances, [[each.variances[2] for each in found]])
    np.testing.assert_array_equal(
        display.standard_errors, [[each.standard_errors[2] for each in found]]
    )
    assert display.names is None
    assert texts(display) == ["measured", "r"]


def test_series_of_networks_have_names():
    series = {"one": [network(2)], "two": [network(2)]}
    display = GradientVarianceDisplay.from_networks(series, n_draws=5, random_state=0, ms=7)
    assert display.variances.shape == (2, 1)
    assert texts(display) == ["one", "two"]
    assert {bars[0].get_markersize() for bars in display.bars_} == {7}


# -- What is refused


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_qubits": [2, 4, 0]}, "expected n_qubits to be integers of at least 1, got 0"),
        ({"n_qubits": [2, 2.5, 4]}, "expected n_qubits to be integers of at least 1, got 2.5"),
        ({"n_qubits": []}, "expected n_qubits to be one number or more in a row, got shape (0,)"),
        ({"variances": [0.1] * 3}, "variances of shape (n_series, n_sizes), got (3,)"),
        ({"variances": [[0.1, 0.0, 0.1]]}, "expected variances to be positive, got 0"),
        (
            {"variances": [[0.1, 0.2]]},
            "a row of variances to be 3 numbers in a row, got shape (2,)",
        ),
        ({"variances": [[0.1, np.inf, 1]]}, "expected a row of variances to be finite, got inf"),
        ({"standard_errors": [[0, 0, -1]]}, "standard_errors to be at least 0, got -1"),
        ({"standard_errors": [[0, 0, 1]] * 2}, "and a name for each series, got 1, 2 and 0"),
        ({"names": ["a", "b"]}, "and a name for each series, got 1, 1 and 2"),
        ({"references": {"r": [1, 2]}}, "reference 'r' to be 3 numbers in a row, got shape (2,)"),
        ({"references": {"r": [1, 0, 2]}}, "expected reference 'r' to be positive, got 0"),
    ],
)
def test_what_is_refused(changed, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        made(**changed)


@pytest.mark.parametrize(
    ("networks", "weight", "message"),
    [
        ([network(2)], 8, "weight to be below 8, the weights of the network on 2 qubits, got 8"),
        ([network(2)], -1, "expected weight to be an integer of at least 0, got -1"),
        (
            {"a": [network(2)], "b": [network(3)]},
            0,
            "expected series of the same numbers of qubits, got [[2], [3]]",
        ),
    ],
)
def test_networks_that_are_refused(networks, weight, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        GradientVarianceDisplay.from_networks(networks, weight=weight)


@pytest.mark.parametrize("networks", [{}, [3], {"a": [network(2), "b"]}])
def test_what_is_no_network_is_refused(networks):
    message = "expected a sequence of networks of qkernels.qnn, or a mapping of names"
    with pytest.raises(TypeError, match=message):
        GradientVarianceDisplay.from_networks(networks)
