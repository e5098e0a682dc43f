"""A kernel that sees all qubits cannot learn what a kernel that sees the right one can.

Source: J. M. Kübler, S. Buchholz and B. Schölkopf, "The inductive bias of quantum kernels", NeurIPS
(2021), arXiv:2106.03747, figure 2 on the right, and the authors' software.

Protocol. d features uniform on [0, 2π], d from 1 to 7, enter d qubits by R_X; V is a random circuit
of d² layers, each of d rotations about random axes on random qubits, with a CNOT of random qubits
before each rotation as often as a fair coin shows heads. The target is ⟨Z⟩ of the first qubit after
V, divided by its standard deviation over the points, plus normal noise of 0.01. 200 points, of
which a third are the test set; the mean of the training targets is subtracted. Kernel ridge
regression: with the fidelity of the whole embedding, which V does not change, and α = 0.001; and
with tr ρρ′ of the first qubit after V, where α is 1e-8 for the 0 of the source, which leaves the
solution open. Mean squared test error over ten seeds.

Rules. The figure's numbers are not printed. Its curve for the full kernel rises to the error of a
constant, which is 1: ours at d = 7 has to lie within 0.1 of 1. Its curve for the biased kernel
stays near the noise: ours has to stay below 0.01 for all d.
"""

from __future__ import annotations

import cirq
import numpy as np
from matplotlib.axes import Axes
from sklearn.gaussian_process.kernels import DotProduct
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import train_test_split

import qkernels as qk
from examples.reproduce.results import Claim, Outcome, mean_and_error

NOISE = 0.01


def random_circuit(n: int, random: np.random.RandomState) -> cirq.Circuit:
    """Return V."""
    qubits = cirq.LineQubit.range(n)
    operations: list[cirq.Operation] = []
    for _ in range(n**3):
        while n > 1 and random.rand() < 0.5:
            control, target = random.choice(n, 2, replace=False)
            operations.append(cirq.CNOT(qubits[control], qubits[target]))
        rotation = (cirq.rx, cirq.ry, cirq.rz)[random.randint(3)]
        operations.append(rotation(random.uniform(0, 2 * np.pi))(qubits[random.randint(n)]))
    return cirq.Circuit(operations)


def errors_of(n: int, seed: int) -> tuple[float, float]:
    """Return the errors of the full kernel and of the biased one."""
    random = np.random.RandomState(seed)
    embedding = qk.feature_maps.angle(n)
    circuit = cirq.Circuit(embedding.circuit, random_circuit(n, random))
    after = qk.FeatureMap(circuit, embedding.feature_symbols)
    first = [pauli(cirq.LineQubit(0)) for pauli in (cirq.X, cirq.Y, cirq.Z)]
    biased = qk.ProjectedKernel(after, observables=first, outer=DotProduct(sigma_0=1.0))

    X = random.uniform(0, 2 * np.pi, (200, n))
    target = biased.prepare(X).features[:, 2]
    y = target / target.std() + random.normal(0, NOISE, len(X))
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.33, random_state=seed)
    y, y_test = y - y.mean(), y_test - y.mean()
    full, right = (
        KernelRidge(alpha=alpha, kernel="precomputed").fit(kernel(X), y).predict(kernel(X_test, X))
        for kernel, alpha in ((qk.FidelityKernel(embedding), 0.001), (biased, 1e-8))
    )
    return float(np.mean((full - y_test) ** 2)), float(np.mean((right - y_test) ** 2))


def run(quick: bool = False) -> Outcome:
    """Return the two claims."""
    numbers = (1, 3) if quick else range(1, 8)
    seeds = range(2 if quick else 10)
    errors = np.array([[errors_of(n, seed) for seed in seeds] for n in numbers])
    curves = [[mean_and_error(each) for each in errors[:, :, kind]] for kind in (0, 1)]
    (last, last_error), worst = curves[0][-1], max(mean for mean, _ in curves[1])

    def draw(axis: Axes) -> None:
        for curve, label, colour in zip(
            curves, ("full kernel", "one-qubit kernel"), ("#d55e00", "#0072b2"), strict=True
        ):
            means, spreads = np.transpose(curve)
            axis.errorbar(numbers, means, spreads, fmt="o-", color=colour, capsize=3, label=label)
        axis.axhline(1, color="black", linestyle=":", label="constant")
        axis.axhline(NOISE**2, color="grey", linestyle=":", label="noise")
        axis.set(yscale="log", xlabel="qubits", ylabel="mean squared test error")
        axis.set_title("Full and biased kernel")
        axis.legend()

    return Outcome(
        [
            Claim(
                "full kernel, test error at d = 7",
                "rises to 1 (±0.1)",
                f"{last:.3f} ± {last_error:.3f}",
                abs(last - 1) <= 0.1,
            ),
            Claim(
                "biased kernel, largest test error",
                "stays near the noise (< 0.01)",
                f"{worst:.1e}",
                worst < 0.01,
            ),
        ],
        draw,
    )
