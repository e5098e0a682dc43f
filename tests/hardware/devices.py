"""Samplers to plan and run on: fast, counting, with noise that is known exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cirq
import numpy as np

from qkernels.sampling.backends import Chunk


class Device(cirq.Sampler):
    """Samples from exact outcome chances, mixed with a share of pure noise; counts its points.

    Parameters
    ----------
    depolarizing : float, default=0.0
        The share of repetitions that give a random outcome.
    seed : int, default=0
    """

    def __init__(self, depolarizing: float = 0.0, seed: int = 0) -> None:
        self.depolarizing = depolarizing
        self.generator = np.random.default_rng(seed)
        self.points = 0
        self.repetitions = 0

    def run_sweep(
        self, program: cirq.AbstractCircuit, params: cirq.Sweepable, repetitions: int = 1
    ) -> Sequence[cirq.Result]:
        resolvers = list(cirq.to_resolvers(params))
        self.points += len(resolvers)
        self.repetitions += repetitions * len(resolvers)
        return [self._run(program, resolver, repetitions) for resolver in resolvers]

    def _run(
        self, program: cirq.AbstractCircuit, resolver: cirq.ParamResolver, repetitions: int
    ) -> cirq.Result:
        measured = [op for op in program.all_operations() if cirq.is_measurement(op)]
        qubits = [qubit for op in measured for qubit in op.qubits]
        circuit = cirq.drop_terminal_measurements(cirq.resolve_parameters(program, resolver))
        psi = cirq.Simulator(dtype=np.complex128).simulate(circuit, qubit_order=qubits)
        chances = (1 - self.depolarizing) * np.abs(psi.final_state_vector) ** 2
        chances += self.depolarizing / len(chances)
        drawn = self.generator.choice(len(chances), size=repetitions, p=chances / chances.sum())
        bits = (drawn[:, None] >> np.arange(len(qubits))[::-1] & 1).astype(np.uint8)
        ends = np.cumsum([len(op.qubits) for op in measured])
        return cirq.ResultDict(
            params=resolver,
            measurements={
                cirq.measurement_key_name(op): bits[:, end - len(op.qubits) : end]
                for op, end in zip(measured, ends, strict=True)
            },
        )


class Queue:
    """A job backend in memory: nothing is done until `work` is called.

    Attributes
    ----------
    calibration : str
        The state in which the device says it is.
    """

    identity = "queue"

    def __init__(self, sampler: cirq.Sampler) -> None:
        self.sampler = sampler
        self.calibration = "monday"
        self.jobs: dict[str, Any] = {}

    def work(self) -> None:
        """Run all jobs that wait."""
        for token, job in self.jobs.items():
            if isinstance(job, Chunk):
                self.jobs[token] = self.sampler.run_sweep(job.circuit, job.sweep, job.repetitions)

    def submit(self, chunk: Chunk, token: str) -> str:
        self.jobs[token] = chunk
        return token

    def status(self, reference: str) -> str:
        return "waiting" if isinstance(self.jobs[reference], Chunk) else "done"

    def fetch(self, reference: str) -> Sequence[cirq.Result]:
        return self.jobs[reference]

    def lookup(self, token: str) -> str | None:
        return token if token in self.jobs else None
