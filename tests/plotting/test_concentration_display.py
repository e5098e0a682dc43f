"""`ConcentrationDisplay`: bars and marks against counts by hand, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from sklearn.gaussian_process.kernels import RBF

import qkernels as qk
from qkernels.plotting import ConcentrationDisplay

KERNEL = qk.FidelityKernel(qk.feature_maps.zz)
X = np.random.default_rng(0).uniform(0, 3, size=(20, 2))


def matrix(*values):
    """Return the smallest symmetric matrix with these values above its diagonal."""
    n = int((1 + np.sqrt(1 + 8 * len(values))) / 2)
    K = np.eye(n)
    K[np.triu_indices(n, 1)] = values
    return K + K.T - np.eye(n)


def spread(n, low, high):
    """Return a matrix of n points with values from low to high, in equal ratios."""
    return matrix(*np.geomspace(low, high, n * (n - 1) // 2))


def texts(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def bars(display):
    return [(b.get_x(), b.get_x() + b.get_width(), b.get_height()) for b in display.bars_]


@pytest.mark.parametrize("high", [0.05, 0.9])
def test_bars_count_the_pairs(high):
    K = matrix(*np.random.default_rng(1).uniform(0.001, high, size=66))
    display = ConcentrationDisplay(K).plot()
    values = [K[i, j] for i in range(12) for j in range(i)]
    counted = bars(display)
    assert sum(height for _, _, height in counted) == 66
    for left, right, height in counted[:-1]:
        assert height == sum(left - 1e-12 <= value < right - 1e-12 for value in values)
    assert display.mean_line_.get_xdata()[0] == pytest.approx(np.mean(values))


def test_concentrated_values_have_a_logarithmic_axis():
    display = ConcentrationDisplay(spread(12, 1e-4, 1e-2)).plot()
    assert display.scale_ == display.ax_.get_xscale() == "log"
    assert display.ax_.get_xlabel() == "kernel value of two points (dimensionless, log scale)"
    assert display.ax_.get_ylabel() == "number of pairs"
    np.testing.assert_allclose(
        np.diff([np.log(left) for left, _, _ in bars(display)], 2), 0, atol=1e-9
    )


@pytest.mark.parametrize("values", [[0.4, 0.5, 0.9], [0.01, 0.2, 0.3], [-0.5, -0.1, 0.05]])
def test_others_have_a_linear_axis(values):
    display = ConcentrationDisplay(matrix(*values)).plot()
    assert display.scale_ == display.ax_.get_xscale() == "linear"
    assert display.ax_.get_xlabel() == "kernel value of two points (dimensionless, linear scale)"
    assert sum(height for _, _, height in bars(display)) == 3


def test_what_a_logarithmic_axis_leaves_out_is_said():
    display = ConcentrationDisplay(
        matrix(0.0, -0.1, 1e-17, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07)
    ).plot()
    assert sum(height for _, _, height in bars(display)) == 7
    assert texts(display)[0] == "kernel values (30 % not shown)"
    assert texts(ConcentrationDisplay(spread(12, 1e-4, 1e-2)).plot())[0] == "kernel values"


def test_one_value_in_a_thousand_does_not_stretch_the_axis():
    values = np.geomspace(1e-3, 1e-2, 1035)
    values[0] = 1e-12
    display = ConcentrationDisplay(matrix(*values)).plot()
    assert display.ax_.get_xlim()[0] > 1e-4
    assert texts(display)[0] == "kernel values (0.097 % not shown)"


def test_the_mean_of_random_states():
    display = ConcentrationDisplay(spread(5, 0.01, 0.05), n_qubits=5).plot()
    assert display.random_line_.get_xdata()[0] == 1 / 32
    assert texts(display)[2] == "random states: $2^{-5}$ = 0.0312"
    assert ConcentrationDisplay(spread(5, 0.01, 0.05)).plot().random_line_ is None


@settings(max_examples=20, deadline=None)
@given(values=st.lists(st.floats(1e-6, 1.0), min_size=10, max_size=10))
def test_no_value_is_lost_at_the_ends(values):
    display = ConcentrationDisplay(matrix(*values)).plot()
    assert sum(height for _, _, height in bars(display)) == 10
    plt.close(display.figure_)


@settings(max_examples=20, deadline=None)
@given(repetitions=st.integers(1, 10**6), low=st.sampled_from([1e-6, 0.3]))
def test_counts_of_zero_are_likelier_than_not_in_the_region(repetitions, low):
    display = ConcentrationDisplay(spread(4, low, 3 * low), repetitions=repetitions).plot()
    region = display.zero_region_
    edge = region.get_x() + region.get_width()
    assert (1 - edge) ** repetitions == pytest.approx(0.5, rel=1e-6)
    seen_from, seen_to = display.ax_.get_xlim()
    assert region.get_x() <= seen_from
    assert seen_from < edge <= seen_to
    assert texts(display)[-1] == f"likely 0 in {repetitions} repetitions"
    plt.close(display.figure_)


def test_without_repetitions_nothing_is_shaded():
    assert ConcentrationDisplay(spread(4, 0.1, 0.5)).plot().zero_region_ is None


@pytest.mark.parametrize("values", [[0.5], [0.01], [0.0], [0.2, 0.2, 0.2], [0.0, 0.0, 0.0]])
def test_values_that_do_not_differ(values):
    display = ConcentrationDisplay(matrix(*values), n_qubits=2).plot()
    assert sum(height for _, _, height in bars(display)) == len(values)
    assert np.isfinite(display.ax_.get_xlim()).all()


def test_of_a_fidelity_kernel_the_qubits_are_known():
    display = ConcentrationDisplay.from_kernel(KERNEL, X, repetitions=50)
    assert display.n_qubits == 2
    assert display.repetitions == 50
    assert sorted(display.values) == sorted(KERNEL(X)[np.triu_indices(20, 1)])
    wide = qk.feature_maps.hardware_efficient(2, n_qubits=3)
    fidelity = qk.FidelityKernel(wide, parameters=np.zeros(wide.n_parameters))
    assert ConcentrationDisplay.from_kernel(fidelity, X).n_qubits == 3


@pytest.mark.parametrize(
    "kernel", [qk.ProjectedKernel(qk.feature_maps.zz), KERNEL * RBF(1.0), RBF(1.0)]
)
def test_other_kernels_have_no_random_states_to_be_compared_with(kernel):
    assert ConcentrationDisplay.from_kernel(kernel, X).random_line_ is None
    message = (
        "expected a FidelityKernel where repetitions are given, as only its values are "
        f"probabilities, got {type(kernel).__name__}"
    )
    with pytest.raises(ValueError, match=message):
        ConcentrationDisplay.from_kernel(kernel, X, repetitions=10)


def test_axes_and_options_may_be_given():
    figure, axes = plt.subplots(1, 2)
    display = ConcentrationDisplay.from_kernel(
        KERNEL, X, ax=axes[1], bins=7, fc="red", label="mine"
    )
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert len(display.bars_) == 7
    assert display.bars_[0].get_facecolor() == (1, 0, 0, 1)
    assert texts(display)[0] == "mine"
    assert not axes[0].patches


@pytest.mark.parametrize(
    ("K", "options", "message"),
    [
        ([[1.0]], {}, "expected a kernel matrix of two points or more, got 1"),
        ([[1, 0.2], [0.3, 1]], {}, "expected a symmetric kernel matrix"),
        (np.eye(2), {"n_qubits": 0}, "expected n_qubits to be an integer of at least 1, got 0"),
        (np.eye(2), {"repetitions": 1.5}, "expected repetitions to be an integer .* got 1.5"),
    ],
)
def test_what_is_refused(K, options, message):
    with pytest.raises(ValueError, match=message):
        ConcentrationDisplay(K, **options)


def test_counts_may_be_on_a_logarithmic_axis():
    display = ConcentrationDisplay.from_kernel(KERNEL, X, log=True)
    assert display.ax_.get_yscale() == "log"
    assert display.ax_.get_ylabel() == "number of pairs"
