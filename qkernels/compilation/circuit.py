"""From a feature map to what the loops run: one component for each unconnected part.

`compile_feature_map` is the way in. The last file on the exact path that knows Cirq.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qkernels.compilation.angles import AngleMap
from qkernels.compilation.decomposition import Decomposer
from qkernels.compilation.layering import Frame, Layer, Layering
from qkernels.compilation.primitives import GlobalPhase, Primitive, renumbered
from qkernels.compilation.program import Program, ProgramWriter, Slots
from qkernels.feature_maps import FeatureMap

# Sets of qubits are 64-bit integers in the loops.
MAX_CONNECTED_QUBITS = 60


@dataclass(frozen=True, eq=False)
class Component:
    """One connected part of a circuit, compiled.

    Attributes
    ----------
    qubits : tuple of int
        Its qubits' places among the feature map's.
    slots : AngleMap
        The angles that the programs' slots hold.
    tables : tuple of tuple of (int, int)
        Mask and slot of each term of the phases that all points share, table by table.
    prefix, main, overlap : Program
        What all points share at the start; the rest; and the rest without what they share at the
        end, which no fidelity can see.
    frame : Frame
        Where the amplitudes are stored after `main`.
    """

    qubits: tuple[int, ...]
    slots: AngleMap
    tables: tuple[tuple[tuple[int, int], ...], ...]
    prefix: Program
    main: Program
    overlap: Program
    frame: Frame

    @property
    def n_qubits(self) -> int:
        """Number of qubits."""
        return len(self.qubits)

    @functools.cached_property
    def prefix_varies(self) -> bool:
        """Whether parameters occur in what all points share at the start."""
        varying = np.diff(self.slots.coefficients.indptr) > 0
        rotations, derivative_steps = self.prefix.rotations, self.prefix.derivative_steps
        return bool(len(derivative_steps) or varying[rotations[:, 3]].any())

    def shared_phases(self, slots: np.ndarray) -> np.ndarray:
        """Return exp(iφ) of shape (n_tables, 2^n), given the slots of any one point."""
        phases = np.zeros((len(self.tables), 2**self.n_qubits))
        for row, terms in zip(phases, self.tables, strict=True):
            for mask, slot in terms:
                row[mask] = slots[slot]
            _parity_sums(row)
        return np.exp(1j * phases)

    def word(self, letters: dict[int, str]) -> tuple[tuple[int, int, int, int], float]:
        """Return how the loops measure a Pauli word, letters by place in `qubits`.

        Returns
        -------
        row, factor
            As `loops.expectations.expectations` takes them.
        """
        direction = self.frame.direction(q for q, letter in letters.items() if letter != "Z")
        mask, flip = self.frame.mask(q for q, letter in letters.items() if letter != "X")
        n_y = sum(letter == "Y" for letter in letters.values())
        factor = -1.0 if flip else 1.0
        if direction:
            factor *= 2.0 if n_y % 4 in (0, 3) else -2.0
        return (direction, mask, direction & -direction, n_y % 2), factor


def _parity_sums(values: np.ndarray) -> None:
    """Replace θ by Σ_m θ[m] (-1)^parity(b & m), in place."""
    step = 1
    while step < len(values):
        pairs = values.reshape(-1, 2, step)
        low = pairs[:, 0] + pairs[:, 1]
        pairs[:, 1] = pairs[:, 0] - pairs[:, 1]
        pairs[:, 0] = low
        step *= 2


@dataclass(frozen=True, eq=False)
class CompiledCircuit:
    """A feature map's circuit, ready for the loops.

    Attributes
    ----------
    feature_map : FeatureMap
    components : tuple of Component
        In the order of their first qubit; each qubit is in exactly one.
    """

    feature_map: FeatureMap
    components: tuple[Component, ...]

    def angles(self, inputs: np.ndarray, parameters: Any = None) -> np.ndarray:
        """Return `FeatureMap.angles` as this circuit numbers them.

        Maps are equal whatever the order of operations within a moment, which numbers the angles:
        those of the map that an evaluator was handed may be in another order.
        """
        return self.feature_map.angles(inputs, parameters)

    def push_forward(
        self,
        inputs: np.ndarray,
        parameters: Any,
        tangents: np.ndarray,
        parameter_tangents: np.ndarray,
    ) -> np.ndarray:
        """Return how fast the angles change, given how fast inputs and parameters do."""
        return self.feature_map.angle_function.push_forward(
            inputs, parameters, tangents, parameter_tangents
        )

    def pull_back(
        self, inputs: np.ndarray, parameters: Any, cotangent: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient by inputs and parameters, given that by the angles."""
        return self.feature_map.angle_function.pull_back(inputs, parameters, cotangent)


@functools.lru_cache(maxsize=128)
def compile_feature_map(feature_map: FeatureMap) -> CompiledCircuit:
    """Compile a feature map's circuit.

    Parameters
    ----------
    feature_map : FeatureMap

    Returns
    -------
    CompiledCircuit

    Raises
    ------
    ValueError
        If an operation is not unitary, or cannot be taken apart; the message names it.
    MemoryError
        If so many qubits are connected that no memory could hold their state.

    Examples
    --------
    >>> import qkernels as qk
    >>> compiled = compile_feature_map(qk.feature_maps.angle(3))
    >>> [component.n_qubits for component in compiled.components]
    [1, 1, 1]
    """
    flat_circuit, table = feature_map.flattened
    decomposer = Decomposer(feature_map.qubits, feature_map.angle_symbols)
    steps = [s for s in decomposer.circuit(flat_circuit) if not isinstance(s, GlobalPhase)]
    features = {symbol.name for symbol in feature_map.feature_symbols}
    per_point = [
        bool(features & {s.name for s in expression.free_symbols})
        for expression in table.expressions
    ]
    components = (
        _compile_component(qubits, [s for s in steps if s.qubits[0] in qubits], per_point)
        for qubits in _connected(feature_map.n_qubits, steps)
    )
    return CompiledCircuit(feature_map, tuple(components))


def _connected(n_qubits: int, steps: Iterable[Primitive]) -> list[tuple[int, ...]]:
    """Return the qubits of each connected part, in order of the first."""
    part = {q: {q} for q in range(n_qubits)}
    for step in steps:
        first, *rest = step.qubits
        for qubit in rest:
            if part[qubit] is not part[first]:
                part[first] |= part[qubit]
                for member in part[qubit]:
                    part[member] = part[first]
    return sorted({tuple(sorted(members)) for members in part.values()})


def _compile_component(
    qubits: tuple[int, ...], steps: Iterable[Primitive], per_point: Sequence[bool]
) -> Component:
    if len(qubits) > MAX_CONNECTED_QUBITS:
        raise MemoryError(
            f"expected at most {MAX_CONNECTED_QUBITS} qubits in each connected part of a circuit, "
            f"got {len(qubits)}: no memory holds a state of 2^{len(qubits)} amplitudes"
        )
    places = {qubit: place for place, qubit in enumerate(qubits)}
    layering = Layering(len(qubits))
    for step in steps:
        layering.add(renumbered(step, places))
    slots = Slots(per_point.__getitem__)
    prefix, main, overlap = _split(layering.layers, slots)

    def program(layers: Sequence[Layer]) -> Program:
        return ProgramWriter(len(qubits), slots).write(layers)

    programs = program(prefix), program(main), program(overlap)
    angle_map = AngleMap.of(slots.angles, len(per_point))
    return Component(qubits, angle_map, tuple(slots.tables), *programs, layering.frame)


def _split(layers: list[Layer], slots: Slots) -> tuple[list[Layer], list[Layer], list[Layer]]:
    """Return the layers that all points share at the start, the rest, and the rest for overlaps.

    What all points share at the end is a unitary on both sides of an overlap: it cancels.
    """
    first = next((k for k, layer in enumerate(layers) if not slots.is_shared_layer(layer)), None)
    if first is None:
        return layers, [], []
    turns, phases = replace(layers[first], phases={}), Layer(phases=layers[first].phases)
    if slots.is_shared_layer(turns):
        layers = [*layers[:first], turns, phases, *layers[first + 1 :]]
        first += 1
    overlap = layers[first:]
    while slots.is_shared_layer(overlap[-1]):
        overlap.pop()
    own = {m: a for m, a in overlap[-1].phases.items() if not slots.is_shared(a)}
    overlap[-1] = replace(overlap[-1], phases=own)
    return layers[:first], layers[first:], overlap
