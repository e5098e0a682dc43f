"""A sampler, and an evaluator, that know the exact probabilities of outcomes.

What lives here: `ExactSampler`, which draws from them and counts what it is asked for, and
`ExactEvaluator`, which takes them for counts; both with noise of known strength.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cirq
import numpy as np

from qkernels import SamplerEvaluator
from qkernels.sampling.counts import Counts
from qkernels.sampling.programs import Program
from tests.sampling.outcomes import bits, probabilities

Noise = Callable[[np.ndarray, Sequence[cirq.Qid]], np.ndarray]
# Repetitions that stand for infinitely many.
MANY = 10**13


class ExactSampler(cirq.Sampler):
    """Draws outcomes from exact probabilities.

    Attributes
    ----------
    points : list of (bytes, tuple of float)
        What it was asked for, in order: circuits by their keys, and values.
    """

    def __init__(self, seed: int = 0, channel: Noise | None = None) -> None:
        self.generator = np.random.default_rng(seed)
        self.channel = channel
        self.points: list[tuple[bytes, tuple[float, ...]]] = []

    def run_sweep(
        self, program: cirq.AbstractCircuit, params: cirq.Sweepable, repetitions: int = 1
    ) -> Sequence[cirq.Result]:
        resolvers = list(cirq.to_resolvers(params))
        names = tuple(str(name) for name in resolvers[0].param_dict) if resolvers else ()
        sent = Program(program.freeze(), names)
        return [self._run(sent, resolver, repetitions) for resolver in resolvers]

    def _run(self, program: Program, resolver: cirq.ParamResolver, repetitions: int) -> cirq.Result:
        values = tuple(float(resolver.param_dict[name]) for name in program.symbols)
        self.points.append((program.key, values))
        chances = exact(program, values)
        noisy = chances if self.channel is None else self.channel(chances, program.qubits)
        rows = np.repeat(bits(program.n_bits), self.generator.multinomial(repetitions, noisy), 0)
        records = {name: rows[:, np.newaxis] for name, _ in program.layout}
        return cirq.ResultDict(params=resolver, records=records)


class ExactEvaluator(SamplerEvaluator):
    """Estimates from as good as infinitely many repetitions; nothing is bought."""

    def __init__(self, channel: Noise | None = None, **options: Any) -> None:
        super().__init__(None, **options)
        self.channel = channel

    def _acquire(self, request: Any) -> list[Counts]:
        program = request.measured.program
        rows = (exact(program, tuple(values)) for values in request.values().tolist())
        return [
            exact_counts(row if self.channel is None else self.channel(row, program.qubits))
            for row in rows
        ]


_known: dict[tuple[bytes, tuple[float, ...]], np.ndarray] = {}


def exact(program: Program, values: tuple[float, ...]) -> np.ndarray:
    """Return the chance of each outcome."""
    point = program.key, values
    if point not in _known:
        chances = probabilities(program, np.array([values]))[0]
        _known[point] = chances / chances.sum()
    return _known[point]


def exact_counts(chances: np.ndarray, repetitions: int = MANY) -> Counts:
    """Return the counts that come nearest to some chances."""
    numbers = np.rint(chances * repetitions).astype(np.int64)
    return Counts(bits(int(np.log2(len(chances))))[numbers > 0], numbers[numbers > 0])


def drawn(chances: np.ndarray, repetitions: int, generator: np.random.Generator) -> Counts:
    """Return counts drawn from some chances."""
    numbers = generator.multinomial(repetitions, chances)
    return Counts(bits(int(np.log2(len(chances))))[numbers > 0], numbers[numbers > 0])


def misread(errors: dict[cirq.Qid, tuple[float, float]]) -> Noise:
    """Return the channel of readout errors (P(1|0), P(0|1)) of each qubit."""

    def channel(chances: np.ndarray, qubits: Sequence[cirq.Qid]) -> np.ndarray:
        tensor = chances.reshape((2,) * len(qubits))
        for axis, (e0, e1) in enumerate(errors[qubit] for qubit in qubits):
            confusion = np.array([[1 - e0, e1], [e0, 1 - e1]])  # [observed, ideal]
            tensor = np.moveaxis(np.tensordot(confusion, tensor, (1, axis)), 0, axis)
        return tensor.ravel()

    return channel


def depolarized(strength: float) -> Noise:
    """Return the channel that puts the wholly mixed state in the place of the state at times."""

    def channel(chances: np.ndarray, qubits: Sequence[cirq.Qid]) -> np.ndarray:
        return (1 - strength) * chances + strength / len(chances)

    return channel
