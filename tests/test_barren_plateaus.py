"""The example of barren plateaus: its lines, and what it measures beside them."""

import re

import numpy as np
import pytest
from matplotlib import image

from examples import barren_plateaus as example

SIZES = np.arange(2, 6)
KNOWN = [series for series in example.SERIES if series.line]


def dense_cost(series, n):
    """Return the observable of a cost, less its mean, as the diagonal of a matrix."""
    bits = np.arange(2**n)[:, np.newaxis] >> np.arange(n) & 1
    zeros = (bits == 0).all(axis=1) if series.cost is example.global_cost else 1 - bits.mean(axis=1)
    return zeros.mean() - zeros


def random_unitary(d, random):
    q, r = np.linalg.qr(random.normal(size=(d, d)) + 1j * random.normal(size=(d, d)))
    return q * (np.diag(r) / abs(np.diag(r)))


@pytest.mark.parametrize("series", [s for s in KNOWN if s.ansatz is example.deep])
@pytest.mark.parametrize("n", [1, 2])
def test_the_line_of_2_designs_is_that_of_haar_random_unitaries(series, n):
    random, d = np.random.default_rng(0), 2**n
    # From the zero state a rotation by angle 0: its derivative is half of another basis state.
    start, tangent = np.eye(d)[0], np.eye(d)[d // 2] / 2
    found = []
    for _ in range(4000):
        unitary = random_unitary(d, random)
        turned = unitary.conj().T @ (dense_cost(series, n)[:, np.newaxis] * unitary)
        found.append(2 * (tangent @ turned @ start).real)
    error = np.std(np.square(found)) / np.sqrt(len(found))
    assert abs(np.mean(np.square(found)) - series.line(n)) < 3 * error
    assert error < 0.05 * series.line(n)


@pytest.mark.parametrize("series", [s for s in KNOWN if s.ansatz is example.rotations])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_lines_of_rotations_are_integrals(series, n):
    # After R_X(w) a qubit is 0 with probability cos²(w/2); five steps integrate exactly.
    angles = np.meshgrid(*[2 * np.pi * np.arange(5) / 5] * n)
    slope = -np.sin(angles[0]) / 2
    others = np.prod([np.cos(angle / 2) ** 2 for angle in angles[1:]], axis=0)
    derivative = slope * others if series.cost is example.global_cost else slope / n
    assert np.mean(derivative**2) == pytest.approx(series.line(n))


@pytest.mark.parametrize("k", range(len(KNOWN)))
def test_measured_variances_and_slopes_are_the_known_ones(k):
    series = KNOWN[k]
    variances, errors = example.measure(series, SIZES, np.random.RandomState(k))
    # The brickwork is within 1 % of a 2-design.
    assert (abs(variances - series.line(SIZES)) < 3 * errors + 0.01 * variances).all()
    known = example.slope(series, SIZES, series.line(SIZES), errors)
    found = example.slope(series, SIZES, variances, errors)
    assert abs(found.value - known.value) < 3 * found.error
    assert found.error < 0.05


def test_slopes_of_straight_lines():
    exponential, polynomial = example.SERIES[0], example.SERIES[3]
    errors = np.full(len(SIZES), 1e-3)
    assert example.slope(exponential, SIZES, 0.3**SIZES, errors).value == pytest.approx(
        np.log2(0.3)
    )
    assert example.slope(polynomial, SIZES, 5.0 * SIZES**-2.0, errors).value == pytest.approx(-2)


def test_the_error_of_a_slope_is_that_of_scattered_points():
    series, random = example.SERIES[0], np.random.default_rng(0)
    exact = series.line(SIZES)
    scattered = exact * (1 + 0.01 * random.normal(size=(400, len(SIZES))))
    slopes = [example.slope(series, SIZES, values, 0.01 * exact) for values in scattered]
    scatter = np.std([found.value for found in slopes])
    assert scatter == pytest.approx(slopes[0].error, rel=0.1)


def test_local_costs_of_shallow_circuits_fall_slowest():
    at = {}
    for series in example.SERIES:
        (variance,), _ = example.measure(series, np.array([6]), np.random.RandomState(0))
        at[series.cost.__name__, series.ansatz.__name__] = variance
    assert at["local_cost", "shallow"] > 4 * at["local_cost", "deep"]
    assert at["local_cost", "shallow"] > 4 * at["global_cost", "shallow"]


def test_what_is_printed_and_drawn(tmp_path, capsys):
    example.main(["--quick", "--output", str(tmp_path)])
    printed = capsys.readouterr().out
    rows = re.findall(r"(-\d\.\d+) ± (\d\.\d+) +(-\d\.\d+) +([-+]\d+\.\d) standard", printed)
    assert len(rows) == len(KNOWN)
    for row in rows:
        measured, error, known, off = map(float, row)
        assert abs(measured - known) < 3 * error
        assert (measured - known) / error == pytest.approx(off, abs=0.2)
    assert rows[0][2] == "-1.415"
    assert rows[2][2] == "-2.000"
    pixels = image.imread(tmp_path / "barren_plateaus.png")[..., :3]
    assert min(pixels.shape[:2]) > 400
    assert pixels.std() > 0.05
