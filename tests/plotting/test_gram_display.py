"""`GramDisplay`: which entry is where, what is written beside it, and what is refused."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import LogNorm

import qkernels as qk
from qkernels.plotting import GramDisplay

KERNEL = qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.5)
X = np.random.default_rng(0).uniform(size=(7, 2))
CLASSES = np.array(["cat", "ant", "bee", "ant", "cat", "ant", "bee"])


def matrix(n, seed=0):
    """Return a symmetric matrix of numbers from 0 to 1, no two of them equal."""
    K = np.random.default_rng(seed).uniform(size=(n, n))
    return (K + K.T) / 2


def texts(labels):
    return [label.get_text() for label in labels]


def test_points_are_in_the_order_of_their_classes():
    K = matrix(7)
    display = GramDisplay(K, CLASSES).plot()
    order = [1, 3, 5, 2, 6, 0, 4]
    assert display.order_.tolist() == order
    shown = display.im_.get_array()
    for i in range(7):
        for j in range(7):
            assert shown[i, j] == K[order[i], order[j]]


def test_the_first_point_is_at_the_top_left():
    display = GramDisplay(matrix(3)).plot()
    assert display.im_.origin == "upper"
    assert list(display.im_.get_extent()) == [-0.5, 2.5, 2.5, -0.5]


def test_lines_are_between_the_classes():
    display = GramDisplay(matrix(7), CLASSES).plot()
    ends = [(line.get_xdata(), line.get_ydata()) for line in display.class_lines_]
    assert sorted(y[0] for x, y in ends if y[0] == y[1]) == [2.5, 4.5]
    assert sorted(x[0] for x, y in ends if x[0] == x[1]) == [2.5, 4.5]
    assert len(ends) == 4


def test_classes_are_named_beside_their_middle():
    ax = GramDisplay(matrix(7), CLASSES).plot().ax_
    for axis in (ax.xaxis, ax.yaxis):
        assert texts(axis.get_ticklabels()) == ["ant", "bee", "cat"]
        np.testing.assert_allclose(axis.get_ticklocs(), [1.0, 3.5, 5.5])
        assert axis.label.get_text() == "points, by class"


def test_other_names_are_those_of_the_sorted_classes():
    display = GramDisplay(matrix(4), [1, 0, 1, 0], class_names=["no", "yes"]).plot()
    assert texts(display.ax_.get_yticklabels()) == ["no", "yes"]


def test_one_class_has_a_name_and_no_line():
    display = GramDisplay(matrix(4), [3, 3, 3, 3]).plot()
    assert display.class_lines_ == []
    assert texts(display.ax_.get_yticklabels()) == ["3"]
    assert display.ax_.get_yticks().tolist() == [1.5]


def test_long_names_are_broken_and_cut():
    name = "a name that is so long that nobody would ever want to read all of it here"
    display = GramDisplay(matrix(2), [0, 1], class_names=[name, "b"]).plot()
    lines = display.ax_.get_yticklabels()[0].get_text().split("\n")
    assert len(lines) == 3
    assert max(map(len, lines)) <= 16
    assert lines[0] == "a name that is"
    assert lines[-1].endswith("…")


def test_names_stand_upright_only_where_they_must():
    short, long = ["yes", "no"], ["quite a few words", "and one more word"]
    for size, names, rotation in ((6, short, 0), (6, long, 0), (2.5, long, 90)):
        _, ax = plt.subplots(figsize=(size, size), layout="constrained")
        GramDisplay(matrix(4), [0, 1, 0, 1], class_names=names).plot(ax)
        assert {label.get_rotation() for label in ax.get_xticklabels()} == {rotation}


def test_where_there_is_no_room_for_all_names_some_are_left_out():
    display = GramDisplay(matrix(200), np.arange(200)).plot()
    shown = [int(text) for text in texts(display.ax_.get_yticklabels())]
    assert 10 < len(shown) < 100
    assert len(set(np.diff(shown))) == 1
    np.testing.assert_allclose(display.ax_.get_yticks(), shown, atol=1e-9)


def test_names_may_hold_dollar_signs(tmp_path):
    display = GramDisplay(matrix(4), ["$y^$", "$\\foo{$", "$y^$", "US$"]).plot()
    display.figure_.savefig(tmp_path / "names.png")
    assert texts(display.ax_.get_xticklabels()) == ["$\\foo{$", "$y^$", "US$"]


def test_small_classes_are_named_too():
    y = np.repeat(["large", "small", "tiny", "other"], [190, 4, 2, 4])
    display = GramDisplay(matrix(200), y).plot()
    names, places = texts(display.ax_.get_yticklabels()), display.ax_.get_yticks()
    assert names == ["large", "other", "small", "tiny"]
    assert np.all(np.diff(places) > 5)
    assert places[-1] < 199.5


def test_real_targets_order_the_points():
    y = np.array([0.5, -1.5, 2.5])
    display = GramDisplay(K := matrix(3), y).plot()
    np.testing.assert_array_equal(display.im_.get_array(), K[np.ix_([1, 0, 2], [1, 0, 2])])
    assert display.class_lines_ == []
    assert display.ax_.get_xlabel() == "points, by target"


def test_without_targets_the_order_stays():
    display = GramDisplay(K := matrix(12)).plot()
    np.testing.assert_array_equal(display.im_.get_array(), K)
    assert display.ax_.get_ylabel() == "points"


@pytest.mark.parametrize("n_points", [1, 2, 12])
def test_points_are_counted_in_whole_numbers(n_points):
    ticks = GramDisplay(matrix(n_points)).plot().ax_.get_xticks()
    assert 0 in ticks
    np.testing.assert_array_equal(ticks, np.round(ticks))


def test_a_part_of_a_figure_will_do():
    part = plt.figure(layout="constrained").subfigures(1, 2)[0]
    display = GramDisplay(matrix(4), [0, 1, 0, 1]).plot(part.subplots())
    assert display.figure_ is part
    display.figure_.canvas.draw()


def test_fidelities_have_a_fixed_scale():
    rounded = np.array([[1 + 1e-15, 0.2], [0.2, 1.0]])
    for K in (matrix(5) / 10, rounded):
        display = GramDisplay(K).plot()
        assert display.im_.get_clim() == (0.0, 1.0)
    assert display.colorbar_.ax.get_ylabel() == "kernel value (dimensionless)"


@pytest.mark.parametrize("K", [[[2.0, 0.5], [0.5, 1.0]], [[1.0, -0.5], [-0.5, 1.0]]])
def test_other_kernels_have_the_scale_of_their_values(K):
    assert GramDisplay(K).plot().im_.get_clim() == (np.min(K), np.max(K))


def test_options_of_the_image_may_be_given():
    display = GramDisplay(matrix(3)).plot(cmap="viridis", vmax=0.5)
    assert display.im_.get_cmap().name == "viridis"
    assert display.im_.get_clim() == (0.0, 0.5)
    norm = LogNorm(1e-3, 1)
    assert GramDisplay(matrix(3)).plot(norm=norm).im_.norm is norm
    assert GramDisplay(matrix(3)).plot().im_.get_cmap().name == "cividis"


def test_axes_may_be_given():
    figure, axes = plt.subplots(1, 2)
    display = GramDisplay.from_kernel(KERNEL, X, CLASSES, ax=axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert not axes[0].images
    assert display.plot() is display
    assert display.figure_ is not figure


def test_many_points_are_one_image():
    display = GramDisplay(matrix(2000), np.arange(2000) % 5).plot()
    assert list(display.ax_.images) == [display.im_]
    assert not display.ax_.collections
    assert display.im_.get_array().shape == (2000, 2000)


def test_the_matrix_of_a_kernel():
    display = GramDisplay.from_kernel(KERNEL, X, CLASSES, class_names=["A", "B", "C"])
    order = display.order_
    np.testing.assert_allclose(display.im_.get_array(), KERNEL(X)[np.ix_(order, order)])
    assert texts(display.ax_.get_xticklabels()) == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("K", "y", "names", "message"),
    [
        (np.ones((2, 3)), None, None, r"expected a square kernel matrix, got shape \(2, 3\)"),
        ([[1, 0.2], [0.3, 1]], None, None, "expected a symmetric kernel matrix"),
        ([[1, np.nan], [np.nan, 1]], None, None, "contains NaN"),
        (np.eye(2), [0, 1, 1], None, r"as the kernel has rows \(2\), got 3"),
        (np.eye(2), [0, 1], ["a"], "expected a name for each of 2 classes, got 1 names"),
        (np.eye(2), None, ["a"], "expected a name for each of 0 classes, got 1 names"),
        (np.eye(2), [0.5, 1.5], ["a"], "expected a name for each of 0 classes, got 1 names"),
    ],
)
def test_what_is_refused(K, y, names, message):
    with pytest.raises(ValueError, match=message):
        GramDisplay(K, y, class_names=names)
