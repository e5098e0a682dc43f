"""`GeometricDifferenceDisplay`: the lines against dense square roots, and what is refused."""

import warnings

import numpy as np
import pytest
from matplotlib import pyplot as plt
from scipy.linalg import sqrtm
from sklearn.gaussian_process.kernels import RBF, Matern
from sklearn.svm import SVC

import qkernels as qk
from qkernels.plotting import GeometricDifferenceDisplay

X = np.random.default_rng(0).normal(size=(10, 2))
KERNELS = {
    "narrow": qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.1),
    "wide": qk.FidelityKernel(qk.feature_maps.zz, bandwidth=1.0),
}
GRID = [1e-3, 1e-1, 1.0]
CURVES = {"regularizations": GRID, "g": [[9.0, 4.0, 1.0]], "g_training": [[0.01, 0.1, 0.5]]}


def made(**changed):
    return GeometricDifferenceDisplay(**CURVES | {"n_points": 100} | changed)


def two(**changed):
    return made(
        g=CURVES["g"] * 2, g_training=CURVES["g_training"] * 2, names=["first", "second"], **changed
    )


def by_hand(K_classical, K_quantum, regularization):
    """Return g and its training error, as the formulas have them."""
    root, other = sqrtm(K_quantum).real, sqrtm(K_classical).real
    inverse = np.linalg.inv(K_classical + regularization * np.eye(len(K_classical)))
    g = root @ other @ inverse @ inverse @ other @ root
    g_training = regularization**2 * root @ inverse @ inverse @ root
    return np.sqrt(np.linalg.norm(g, 2)), np.sqrt(np.linalg.norm(g_training, 2))


def texts(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_lines_of_several_kernels_against_a_classical_one():
    classical = Matern(0.7)
    display = GeometricDifferenceDisplay.from_kernel(
        KERNELS, X, classical=classical, regularizations=GRID
    )
    assert display.lines_.shape == (2, 2)
    for k, kernel in enumerate(KERNELS.values()):
        expected = np.transpose([by_hand(classical(X), kernel(X), x) for x in GRID])
        for line, values in zip(display.lines_[k], expected, strict=True):
            np.testing.assert_array_equal(line.get_xdata(), GRID)
            np.testing.assert_allclose(line.get_ydata(), values, rtol=1e-5)
    assert display.names == ["narrow", "wide"]
    assert display.n_points == 10


def test_matrices_are_scaled_to_trace_n():
    classical, quantum = RBF(0.5)(X), KERNELS["wide"](X)
    display = GeometricDifferenceDisplay.from_matrices(
        5 * classical, 3 * quantum, regularizations=GRID
    )
    expected = [by_hand(classical, quantum, x)[0] for x in GRID]
    np.testing.assert_allclose(display.lines_[0, 0].get_ydata(), expected, rtol=1e-5)
    assert display.names is None


def test_left_out_the_classical_kernel_is_scikit_learns_rbf():
    gamma = SVC(gamma="scale").fit(X, np.arange(10) % 2)._gamma
    rbf = RBF(1 / np.sqrt(2 * gamma))
    options = {"regularizations": GRID}
    found = GeometricDifferenceDisplay.from_kernel(KERNELS["wide"], X, **options)
    expected = GeometricDifferenceDisplay.from_kernel(KERNELS["wide"], X, classical=rbf, **options)
    np.testing.assert_allclose(found.g, expected.g, rtol=1e-6)


def test_left_out_the_regularisations_are_powers_of_ten():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        display = GeometricDifferenceDisplay.from_kernel(KERNELS["wide"], X)
    np.testing.assert_allclose(np.log10(display.regularizations), np.arange(-12, 1))


def test_threshold_and_reference_are_drawn():
    display = made(n_points=300, max_training_error=0.1).plot()
    assert set(display.threshold_line_.get_ydata()) == {0.1}
    assert set(display.reference_line_.get_ydata()) == {np.sqrt(300)}
    assert texts(display)[-2:] == [r"threshold of $g_\mathrm{training}$: 0.1", "√N = 17.3"]


def test_axes_say_what_they_are():
    ax = made().plot().ax_
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert ax.get_xlabel() == "regularisation λ (of K scaled to trace N)"
    assert ax.get_ylabel() == "geometric difference (dimensionless)"


def test_the_legend_has_each_kernel_and_each_style_once():
    display = two().plot()
    assert texts(display)[:4] == ["first", "second", "$g$", r"$g_\mathrm{training}$"]
    assert texts(made().plot())[0] == "$g$"
    handles = display.ax_.get_legend().legend_handles
    for k, handle in enumerate(handles[:2]):
        assert handle.get_color() == display.lines_[k, 0].get_color()
        assert handle.get_marker() == display.lines_[k, 0].get_marker()
    for column, handle in enumerate(handles[2:4]):
        assert handle.get_linestyle() == display.lines_[0, column].get_linestyle()


def test_lines_are_told_apart_without_colours():
    lines = two().plot().lines_
    assert lines[0, 0].get_marker() != lines[1, 0].get_marker()
    assert lines[0, 0].get_color() != lines[1, 0].get_color()
    assert lines[0, 0].get_linestyle() != lines[0, 1].get_linestyle()


def test_long_names_are_broken_and_cut():
    name = "a projected kernel on a hardware efficient map with a bandwidth of a half"
    label = texts(made(names=[name]).plot())[0]
    assert label == "a projected kernel on a\nhardware efficient map …"


def test_lines_are_drawn_in_the_order_of_the_regularisations():
    display = made(regularizations=GRID[::-1], g=[[1.0, 4.0, 9.0]]).plot()
    np.testing.assert_array_equal(display.lines_[0, 0].get_xdata(), GRID)
    np.testing.assert_array_equal(display.lines_[0, 0].get_ydata(), [9.0, 4.0, 1.0])


def test_axes_and_options_may_be_given():
    figure, axes = plt.subplots(1, 2)
    display = made().plot(axes[0], lw=4)
    assert display.ax_ is axes[0]
    assert display.figure_ is figure
    assert {line.get_linewidth() for line in display.lines_.flat} == {4}
    assert not axes[1].lines


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"regularizations": [0.0, 0.1, 1.0]}, "regularizations to be positive, got 0"),
        ({"g": [1.0, 2.0, 3.0]}, r"g of shape \(n_kernels, n_regularizations\), got \(3,\)"),
        ({"g_training": [[1.0, 2.0]]}, r"a row of g_training to be 3 numbers in a row, got"),
        ({"names": ["a", "b"]}, "and a name for each kernel, got 1, 1 and 2"),
        ({"g": [[1.0, 2.0, 3.0]] * 2}, "and a name for each kernel, got 2, 1 and 0"),
        ({"names": []}, "and a name for each kernel, got 1, 1 and 0"),
        ({"n_points": 0}, "expected n_points to be an integer of at least 1, got 0"),
        ({"max_training_error": 1.5}, "max_training_error to be between 0 and 1, got 1.5"),
    ],
)
def test_what_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        made(**changed)
