"""What the loops that differentiate are called with, and the dense twins of their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qkernels import FeatureMap
from qkernels.compilation.decomposition import Decomposer
from qkernels.compilation.layering import Layer, Layering
from qkernels.compilation.primitives import GlobalPhase
from tests import random_circuits
from tests.loops import twins

# In single precision, for states and rates of norm 1 after some dozens of steps.
TOLERANCE = {np.float64: 1e-12, np.float32: 2e-5}


@dataclass(frozen=True)
class Case:
    """Layers, and the values of their symbols at some points."""

    n_qubits: int
    layers: Sequence[Layer]
    values: np.ndarray
    per_point: Callable[[int], bool]


def random_case(
    n_qubits: int, n_points: int, *, n_layers: int = 4, shared: Sequence[int] = (3,), seed: int = 0
) -> Case:
    """Return random layers; all points share the values of some of the symbols 0 to 3."""
    rng = np.random.default_rng([n_qubits, n_points, seed])
    values = rng.uniform(-3, 3, (n_points, 4))
    values[:, shared] = values[0, shared]
    layers = twins.layers(n_qubits, n_layers, rng)
    return Case(n_qubits, layers, values, lambda symbol: symbol not in shared)


def circuit_case(feature_map: FeatureMap, n_points: int, seed: int = 0) -> Case:
    """Return the layers of a circuit, as the compiler makes them of one connected part."""
    flat, table = feature_map.flattened
    layering = Layering(feature_map.n_qubits)
    for step in Decomposer(feature_map.qubits, feature_map.angle_symbols).circuit(flat):
        if not isinstance(step, GlobalPhase):
            layering.add(step)
    features = {symbol.name for symbol in feature_map.feature_symbols}
    names = [{symbol.name for symbol in e.free_symbols} for e in table.expressions]
    values = feature_map.angles(*random_circuits.points(feature_map, n_points, seed))
    return Case(
        feature_map.n_qubits, layering.layers, values, lambda symbol: bool(features & names[symbol])
    )


class Sweep:
    """A case written as a program, with room for the loops and random things to sweep.

    Attributes
    ----------
    states, changes, unitaries : arrays of n_points
        The twin's states, their derivatives by each slot, and the matrix of the whole program.
    varying : list of int
        The slots that are not constant; by others nobody differentiates.
    """

    def __init__(self, case: Case, dtype: Any = np.float64, workers: int = 1) -> None:
        n_points, self.dtype = len(case.values), dtype
        rng = np.random.default_rng(n_points)
        self.size, self.lanes = 2**case.n_qubits, twins.lanes_of(dtype)
        self.program, slots = twins.program(case.layers, case.n_qubits, case.per_point)
        self.angles = twins.slot_values(slots, case.values)
        self.varying = [i for i, angle in enumerate(slots.angles) if not angle.is_constant]
        self.initial = twins.states(1, self.size, rng)[0]
        self.cotangents = twins.states(n_points, self.size, rng)
        self.tables = twins.planes(
            twins.shared_phases(slots, self.angles[0], self.size).reshape(-1, self.size), dtype
        )
        twin = [twins.differentiated(self.initial, case.layers, slots, row) for row in self.angles]
        self.states, self.changes, self.unitaries = (
            np.array(part) for part in zip(*twin, strict=True)
        )
        self.blocks = np.array([0, -(-n_points // self.lanes)])
        self._workers = workers

    def room(self, planes: int) -> np.ndarray:
        """Return each worker's room, of which nothing may be read before it is written."""
        tables = max(self.program.level_rows[-1], self.program.derivative_rows[-1])
        rows = planes * self.size + 2 * tables + 4 * self.angles.shape[1] + 1
        return np.full((self._workers, rows, self.lanes), np.nan, self.dtype)

    def planes(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return real and imaginary part in the precision of the sweep."""
        return twins.planes(values, self.dtype)

    def assert_close(self, found: np.ndarray, expected: np.ndarray, scale: float = 1.0) -> None:
        """Check numbers that are about as large as `scale`."""
        tolerance = scale * TOLERANCE[self.dtype]
        np.testing.assert_allclose(found, expected, atol=tolerance, rtol=0)
