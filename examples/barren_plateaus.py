"""Barren plateaus: how fast gradients vanish as qubits are added, beside what theory says.

Three ansätze with random weights: one rotation on each qubit; a brickwork whose depth grows with
the logarithm of the number of qubits; and one of eight layers a qubit, which is as good as random.
What is measured after them is either all qubits at once, 1 - |0...0⟩⟨0...0|, or each qubit by
itself, 1 - (1/n) Σ |0⟩⟨0|_i. Out come the slopes of the variance of the derivative by the first
weight, with their standard errors beside those of the exact lines, and a figure.

The lines: a product of rotations is the warm-up example of Cerezo et al., Nature Communications 12,
1791 (2021). In a deep circuit, what follows the first rotation is a 2-design, and the variance is
tr(O₀²) / (2 (d² - 1)), with d = 2^n and O₀ the observable less its mean: McClean et al., Nature
Communications 9, 4812 (2018), where U₊ alone is random.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cirq
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import sympy

import qkernels as qk

Line = Callable[[np.ndarray], np.ndarray]


class Slope(NamedTuple):
    """The slope of a straight line through measured points, and its standard error."""

    value: float
    error: float


@dataclass
class Series:
    """One cost after one ansatz, for any number of qubits."""

    name: str
    cost: Callable[[qk.FeatureMap], qk.qnn.Network]
    ansatz: Callable[[int], qk.FeatureMap]
    polynomial: bool = False
    n_draws: int = 20_000
    formula: str = ""
    line: Line | None = None


def rotations(n: int) -> qk.FeatureMap:
    """Return R_X of each qubit."""
    weights, qubits = sympy.symbols(f"w:{n}"), cirq.LineQubit.range(n)
    circuit = cirq.Circuit(cirq.rx(w)(qubit) for w, qubit in zip(weights, qubits, strict=True))
    return qk.FeatureMap(circuit, (), weights)


def shallow(n: int) -> qk.FeatureMap:
    """Return a brickwork whose depth is logarithmic in the number of qubits."""
    return qk.ansatze.brickwork(n, 1 + int(np.ceil(np.log2(n))))


def deep(n: int) -> qk.FeatureMap:
    """Return a brickwork that has come within 1 % of a 2-design."""
    return qk.ansatze.brickwork(n, 8 * n)


def global_cost(ansatz: qk.FeatureMap) -> qk.qnn.Network:
    """Return the network whose first output is the probability of 0...0: 1 minus the cost."""
    return qk.qnn.ProbabilityNetwork(ansatz, interpret=lambda state: int(state != 0))


def local_cost(ansatz: qk.FeatureMap) -> qk.qnn.Network:
    """Return the network of the local cost, but for the constant 1/2."""
    mean = sum(cirq.Z(qubit) for qubit in ansatz.qubits) / ansatz.n_qubits
    return qk.qnn.ExpectationNetwork(ansatz, observables=[-0.5 * mean])


SERIES = (
    Series(
        *("one rotation a qubit", global_cost, rotations),
        formula=r"$\frac{1}{8}\left(\frac{3}{8}\right)^{n-1}$",
        line=lambda n: (3 / 8) ** (n - 1) / 8,
    ),
    Series("log₂ n + 1 layers", global_cost, shallow),
    Series(
        *("8 n layers", global_cost, deep),
        n_draws=2000,
        formula=r"2-design: $\frac{1}{2d(d+1)}$",
        line=lambda n: 1 / (2 * 2**n * (2**n + 1)),
    ),
    Series(
        *("one rotation a qubit", local_cost, rotations),
        polynomial=True,
        formula=r"$\frac{1}{8n^2}$",
        line=lambda n: 1 / (8 * n**2),
    ),
    Series("log₂ n + 1 layers", local_cost, shallow, polynomial=True),
    Series(
        *("8 n layers", local_cost, deep),
        n_draws=2000,
        formula=r"2-design: $\frac{d}{8n(d^2-1)}$",
        line=lambda n: 2**n / (8 * n * (4**n - 1)),
    ),
)
TITLES = {
    global_cost: "global cost: all qubits at once",
    local_cost: "local cost: the mean over the qubits",
}


def measure(series: Series, sizes: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """Return the variances of the derivative by the first weight, and their standard errors."""
    found = []
    for n in sizes:
        network = series.cost(series.ansatz(int(n)))
        drawn = qk.diagnostics.gradient_variances(
            network, n_draws=series.n_draws, random_state=random
        )
        found.append((drawn.variances[0], drawn.standard_errors[0]))
    return np.transpose(found)


def slope(series: Series, sizes: np.ndarray, variances: np.ndarray, errors: np.ndarray) -> Slope:
    """Return the slope of log₂ of the variance, against n or, of a power of n, against log₂ n."""
    x = np.log2(sizes) if series.polynomial else sizes
    relative = errors / variances / np.log(2)
    line, covariance = np.polyfit(x, np.log2(variances), 1, w=1 / relative, cov="unscaled")
    return Slope(float(line[0]), float(np.sqrt(covariance[0, 0])))


def report(series: Series, sizes: np.ndarray, measured: np.ndarray) -> str:
    """Return a row of the table."""
    found = slope(series, sizes, *measured)
    what = "power of n" if series.polynomial else "log₂ a qubit"
    row = f"{series.name:22} {what:14} {found.value:7.3f} ± {found.error:.3f}"
    if series.line is None:
        return row
    known = slope(series, sizes, series.line(sizes), measured[1] / measured[0] * series.line(sizes))
    off = (found.value - known.value) / found.error
    return f"{row}   {known.value:7.3f}   {off:+.1f} standard errors"


def draw(sizes: np.ndarray, measured: list[np.ndarray], path: Path) -> None:
    """Draw a panel for each cost."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
    for ax, (cost, title) in zip(axes, TITLES.items(), strict=True):
        shown = [k for k, series in enumerate(SERIES) if series.cost is cost]
        qk.plotting.GradientVarianceDisplay(
            sizes,
            [measured[k][0] for k in shown],
            [measured[k][1] for k in shown],
            names=[SERIES[k].name for k in shown],
            references={SERIES[k].formula: SERIES[k].line(sizes) for k in shown if SERIES[k].line},
        ).plot(ax)
        ax.set_title(title)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Measure all series."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer qubits")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    sizes = np.arange(2, 6 if options.quick else 9)

    print(f"Derivatives by the first weight on {sizes[0]} to {sizes[-1]} qubits")
    measured, random = [], np.random.RandomState(0)
    for k, series in enumerate(SERIES):
        if k == 0 or series.cost is not SERIES[k - 1].cost:
            print(f"\n{TITLES[series.cost]}\n{'':22} {'slope':14} {'measured':>15}   {'known':>7}")
        measured.append(measure(series, sizes, random))
        print(report(series, sizes, measured[-1]), flush=True)
    path = options.output / "barren_plateaus.png"
    draw(sizes, measured, path)
    print(f"\nVariances by the number of qubits: {path}")


if __name__ == "__main__":
    main()
