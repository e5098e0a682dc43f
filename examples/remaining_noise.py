"""What the corrections leave on a noisy processor: which noise it is, which qubits, what helps.

On the simulated willow_pink, correcting readout and depolarizing noise takes off two thirds of the
error of a kernel matrix (`noisy_processor.py`) and leaves the rest. Here parts of the noise model
are exchanged for depolarizing noise, each gate's total error staying what it is, to see which of
them is left. Then qubits chosen in three ways are compared: by calibrated gate errors, at random,
and by the angles of the coherent errors that the calibration lists. Last, the circuit is twirled:
random Paulis around every CZ, which cancel, turn coherent errors into stochastic ones, and those
the chain takes out. Out come a table and a figure.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cirq
import cirq_google
import matplotlib
from cirq.transformers.gauge_compiling.cz_gauge import CZGaugeTransformer

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import qkernels as qk

PROCESSOR = "willow_pink"
FEATURE_MAP = partial(qk.feature_maps.zz, entanglement="linear")
BANDWIDTH = 0.03
NO_DECAY = {"t1_ns": 1e12, "tphi_ns": 1e12}
NO_COHERENT = {"fsim_errors": cirq.PhasedFSimGate(0)}
NO_READOUT = {"readout_errors": [1e-9, 1e-9]}
ANGLE = "two_qubit_parallel_cz_gate_xeb_entangler_{}_error_per_cycle"


class Twirled(cirq.Sampler):
    """Measures a circuit as equivalent ones, with random Paulis before and after each CZ.

    Each of them gets an equal share of the repetitions.
    """

    def __init__(self, sampler: cirq.Sampler, n_twirls: int, seed: int) -> None:
        self.sampler, self.n_twirls = sampler, n_twirls
        self.rng = np.random.default_rng(seed)

    def run_sweep(
        self, program: cirq.AbstractCircuit, params: cirq.Sweepable, repetitions: int = 1
    ) -> Sequence[cirq.Result]:
        """Return the results of all twirls together, point by point."""
        shares = np.diff(np.linspace(0, repetitions, self.n_twirls + 1).astype(int)).tolist()
        return [
            self._run(cirq.resolve_parameters(program, r), r, shares)
            for r in cirq.to_resolvers(params)
        ]

    def _run(
        self, circuit: cirq.AbstractCircuit, resolver: cirq.ParamResolver, shares: list[int]
    ) -> cirq.Result:
        twirled = [CZGaugeTransformer(circuit, prng=self.rng) for _ in shares]
        # The Paulis are merged into the gates between the CZs: the circuit gets no longer.
        merged = map(cirq.merge_single_qubit_moments_to_phxz, twirled)
        results = [self.sampler.run(c, repetitions=n) for c, n in zip(merged, shares, strict=True)]
        keys = results[0].records
        records = {key: np.concatenate([r.records[key] for r in results]) for key in keys}
        return cirq.ResultDict(params=resolver, records=records)


def breast_cancer(n_points: int) -> np.ndarray:
    """Return some points of both classes, reduced to 4 features."""
    X, y = load_breast_cancer(return_X_y=True)
    X = make_pipeline(StandardScaler(), PCA(4)).fit_transform(X)
    rng = np.random.default_rng(0)
    return X[
        np.concatenate(
            [rng.choice(np.flatnonzero(y == c), n_points // 2, replace=False) for c in (0, 1)]
        )
    ]


def random_lines(device: cirq.Device, number: int) -> list[tuple[cirq.Qid, ...]]:
    """Return different lines of 4 connected qubits, drawn at random."""
    graph, rng, lines = device.metadata.nx_graph, np.random.default_rng(0), []
    qubits = sorted(graph)
    while len(lines) < number:
        line = [qubits[rng.integers(len(qubits))]]
        while len(line) < 4 and (free := sorted(set(graph[line[-1]]) - set(line))):
            line.append(free[rng.integers(len(free))])
        if len(line) == 4 and all(set(line) != set(other) for other in lines):
            lines.append(tuple(line))
    return lines


def processor_of_wheel() -> cirq_google.engine.AbstractProcessor:
    """Return the processor that comes with cirq-google."""
    engine = cirq_google.engine.create_default_noisy_quantum_virtual_machine(PROCESSOR)
    return engine.get_processor(PROCESSOR)


def sampler(**changes: Any) -> cirq.Sampler:
    """Return the processor's simulator with some of its noise exchanged."""
    properties = cirq_google.engine.load_device_noise_properties(PROCESSOR).with_params(**changes)
    noise = cirq_google.NoiseModelFromGoogleNoiseProperties(properties)
    return cirq.DensityMatrixSimulator(noise=noise, seed=0)


def target(qubits: Any, calibration: Mapping[str, Any] | None = None) -> qk.hardware.Target:
    """Return the device, on which circuits are placed by its own calibration or another."""
    return qk.hardware.Target(device=processor_of_wheel(), calibration=calibration, qubits=qubits)


def error_angles() -> dict[str, Any]:
    """Return a calibration that tells of coherent errors only: the angles of √(θ² + φ²)."""
    calibration = processor_of_wheel().get_current_calibration()
    theta, phi = (calibration[ANGLE.format(name)] for name in ("theta", "phi"))
    return {"two_qubit": {pair: np.hypot(*theta[pair], *phi[pair]) for pair in theta}}


def cases(n_lines: int, n_twirls: int) -> dict[str, tuple[cirq.Sampler, qk.hardware.Target]]:
    """Return the samplers and targets to be compared."""
    best = target("best")
    return {
        "all noise, best qubits": (sampler(), best),
        "  without readout errors": (sampler(**NO_READOUT), best),
        "  without decay": (sampler(**NO_DECAY), best),
        "  without coherent errors": (sampler(**NO_COHERENT), best),
        "  with depolarizing noise only": (sampler(**NO_READOUT, **NO_DECAY, **NO_COHERENT), best),
        **{
            f"random line {i + 1}": (sampler(), target(line))
            for i, line in enumerate(random_lines(best.device, n_lines))
        },
        "qubits of small error angles": (sampler(), target("best", error_angles())),
        f"best qubits, {n_twirls} twirls": (Twirled(sampler(), n_twirls, seed=0), best),
    }


def errors(
    name: str, sampler: cirq.Sampler, target: qk.hardware.Target, X: np.ndarray, repetitions: int
) -> np.ndarray:
    """Return mean absolute errors off the diagonal: raw, corrected, and what chance alone gives."""
    backend = qk.hardware.SamplerBackend(sampler, identity=name)
    evaluator = qk.SamplerEvaluator(backend, repetitions=repetitions, target=target)
    kernel = qk.FidelityKernel(FEATURE_MAP, bandwidth=BANDWIDTH, evaluator=evaluator)
    run = qk.hardware.plan(kernel, X).execute()
    raw = run.estimate()
    corrected = run.estimate([run.measure_readout(), qk.hardware.Depolarizing("split")])
    exact = qk.FidelityKernel(FEATURE_MAP, bandwidth=BANDWIDTH)(X)
    off = ~np.eye(len(X), dtype=bool)
    chance = np.sqrt(2 / np.pi) * corrected.std_error[off].mean()
    return np.array([*(np.abs(e.K - exact)[off].mean() for e in (raw, corrected)), chance])


def draw(results: dict[str, np.ndarray], path: Path) -> None:
    """Draw the errors, a case a line."""
    figure, axis = plt.subplots(figsize=(8, 4.6), layout="constrained")
    rows = np.arange(len(results))
    raw, corrected, chance = np.array(list(results.values())).T
    axis.hlines(rows, corrected, raw, color="#bbbbbb", zorder=0)
    axis.plot(raw, rows, "s", color="#d55e00")
    axis.plot(corrected, rows, "o", color="#0072b2")
    axis.plot(chance, rows, "|", color="black", markersize=12)
    for x, row, text, color, shift in (
        (raw[0], 0, "raw", "#d55e00", 9),
        (corrected[0], 0, "corrected", "#0072b2", 9),
        (chance[-1], rows[-1], "shot noise alone", "black", -19),
    ):
        place = {"xytext": (-4, shift), "textcoords": "offset points"}
        axis.annotate(text, (x, row), color=color, **place)
    axis.set_yticks(rows, list(results))
    axis.set_ylim(len(rows) - 0.3, -0.8)
    axis.set_xlim(left=0)
    axis.set_xlabel("mean absolute error of an entry off the diagonal")
    axis.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Measure the matrix with parts of the noise, on other qubits, and twirled."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="4 points, 1000 repetitions, 2 twirls")
    parser.add_argument("--points", type=int, default=8)
    parser.add_argument("--repetitions", type=int, default=8000)
    parser.add_argument("--lines", type=int, default=3, help="lines of qubits to compare with")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    sizes = (4, 1000, 2) if options.quick else (options.points, options.repetitions, 4)
    n_points, repetitions, n_twirls = sizes

    X = breast_cancer(n_points)
    print(
        f"{PROCESSOR}, {n_points} points, {repetitions} repetitions; mean absolute errors off "
        f"the diagonal:\n{'':30}     raw  corrected  chance"
    )
    results = {}
    for name, case in cases(options.lines, n_twirls).items():
        results[name] = errors(name, *case, X, repetitions)
        raw, corrected, chance = results[name]
        print(f"{name:30}{raw:8.4f}{corrected:11.4f}{chance:8.4f}", flush=True)
    left = {name.strip(): corrected for name, (_, corrected, _) in results.items()}
    print(
        "chance: what shot noise alone would give\n\n"
        f"The corrections leave {left['all noise, best qubits']:.4f}; "
        f"{left['without coherent errors']:.4f} if coherent errors are exchanged for depolarizing "
        f"noise,\nand {left[f'best qubits, {n_twirls} twirls']:.4f} with all noise, if the circuit "
        "is twirled."
    )
    path = options.output / "remaining_noise.png"
    draw(results, path)
    print(f"errors: {path}")


if __name__ == "__main__":
    main()
