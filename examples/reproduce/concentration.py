"""The exponential concentration of a product kernel, on its exact line.

Source: S. Thanasilp, S. Wang, M. Cerezo and Z. Holmes, "Exponential concentration in quantum kernel
methods", Nature Communications 15, 5200 (2024), on concentration from global measurements, where
the tensor product of R_X rotations is the example. With features independent and uniform on
[0, 2π), k(x, x′) = ∏ cos²((x_i − x′_i)/2), cos² has the mean ½ and its square 3/8, so that the mean
of k is 2⁻ⁿ and its variance (3/8)ⁿ − (1/4)ⁿ exactly.

Protocol. 50 samples of 100 points for each n from 1 to 12; `diagnostics.concentration` of the
kernel matrix of each. Mean and variance of the values off the diagonal are compared at n = 4, 8 and
12; pairs of one sample share points, so that standard errors are those of the 50 samples. The
exact values have none.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

import qkernels as qk
from examples.reproduce.results import Outcome, Result, mean_and_error

COMPARED = (4, 8, 12)


def moments(n: int, samples: int, points: int) -> np.ndarray:
    """Return mean square and mean of the kernel values of each sample."""
    kernel = qk.FidelityKernel(qk.feature_maps.angle(n))
    random = np.random.RandomState(n)
    found = []
    for _ in range(samples):
        result = qk.diagnostics.concentration(kernel(random.uniform(0, 2 * np.pi, (points, n))))
        found.append((result.mean, result.variance + result.mean**2))
    return np.array(found)


def run(quick: bool = False) -> Outcome:
    """Return means and variances at three numbers of qubits."""
    numbers = COMPARED[:1] if quick else range(1, 13)
    samples, points = (5, 30) if quick else (50, 100)
    found = {n: moments(n, samples, points) for n in numbers}
    results: list[Result] = []
    variances = {}
    for n, table in found.items():
        mean, mean_error = mean_and_error(table[:, 0])
        square, square_error = mean_and_error(table[:, 1])
        # The error of the squared mean is far below that of the mean square.
        variances[n] = square - mean**2, square_error
        if n in COMPARED:
            exact = (3 / 8) ** n - (1 / 4) ** n
            results.append(Result(f"mean, {n} qubits", 2.0**-n, 0.0, mean, mean_error))
            results.append(Result(f"variance, {n} qubits", exact, 0.0, *variances[n]))

    def draw(axis: Axes) -> None:
        line = np.arange(min(numbers), max(numbers) + 1)
        axis.plot(line, (3 / 8) ** line - (1 / 4) ** line, color="black", label="exact")
        values, errors = np.transpose(list(variances.values()))
        axis.errorbar(list(found), values, 2 * errors, fmt="o", color="#0072b2", label="measured")
        axis.set(yscale="log", xlabel="qubits", ylabel="variance of kernel values")
        axis.set_title("Concentration of the R_X product kernel")
        axis.legend()

    return Outcome(list(results), draw)
