"""From a feature map to what the loops run: components, each a register of its own.

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
from qkernels.compilation.light_cones import Cone, LightCones, bits, connected, seen_by_fidelities
from qkernels.compilation.primitives import PauliRotation, Primitive, renumbered
from qkernels.compilation.program import Program, ProgramWriter, Slots
from qkernels.compilation.simplification import simplified
from qkernels.feature_maps import FeatureMap

# Sets of qubits are 64-bit integers in the loops.
MAX_CONNECTED_QUBITS = 60
# Each register is a pass over a Gram matrix, up to so many qubits whatever their number.
_JOINED_QUBITS = 4


@dataclass(frozen=True, eq=False)
class Component:
    """Some steps of a circuit on the qubits that they act on, compiled.

    Attributes
    ----------
    qubits : tuple of int
        Its qubits' places among the feature map's.
    slots : AngleMap
        The angles that the programs' slots hold.
    tables : tuple of tuple of (int, int)
        Mask and slot of each term of the phases that all points share, table by table.
    prefix, main : Program
        What all points share at the start, and the rest.
    frame : Frame
        Where the amplitudes are stored after `main`.
    """

    qubits: tuple[int, ...]
    slots: AngleMap
    tables: tuple[tuple[tuple[int, int], ...], ...]
    prefix: Program
    main: Program
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
    """A feature map's circuit as steps, and what is made of them when it is asked for.

    Attributes
    ----------
    feature_map : FeatureMap
    steps : tuple of Primitive
        What the circuit does, up to a global phase; see `simplified`.
    per_point : tuple of bool
        Whether each of the map's angles differs from point to point.
    """

    feature_map: FeatureMap
    steps: tuple[Primitive, ...]
    per_point: tuple[bool, ...]

    @functools.cached_property
    def components(self) -> tuple[Component, ...]:
        """The whole circuit, one component for each unconnected part, by their first qubits.

        Raises
        ------
        MemoryError
            If so many qubits are connected that no memory could hold their state.
        """
        parts = connected(self.steps, self.feature_map.n_qubits)
        return tuple(self._component(qubits, self.steps) for qubits in parts)

    @functools.cached_property
    def overlap_steps(self) -> tuple[Primitive, ...]:
        """The steps on which fidelities between points depend; see `seen_by_fidelities`."""
        n_qubits = self.feature_map.n_qubits
        return tuple(seen_by_fidelities(self.steps, self._varies, n_qubits))

    @functools.cached_property
    def overlap_parts(self) -> list[tuple[int, ...]]:
        """The qubits of each unconnected part on which fidelities between points depend."""
        acted_on = {qubit for step in self.overlap_steps for qubit in step.qubits}
        parts = connected(self.overlap_steps, self.feature_map.n_qubits)
        return [part for part in parts if part[0] in acted_on]

    @functools.cached_property
    def overlap_components(self) -> tuple[Component, ...]:
        """What fidelities depend on, one component for each unconnected part or some small ones.

        They end before what all points share at the end. Where nothing differs from point to
        point, there is one, of one qubit without steps.

        Raises
        ------
        MemoryError
            As `components` does.
        """
        registers = _joined(self.overlap_parts or [(0,)])
        return tuple(
            self._component(qubits, self.overlap_steps, ends_shared=False) for qubits in registers
        )

    @functools.cached_property
    def cones(self) -> LightCones:
        """The light cones of Pauli words behind the circuit."""
        return LightCones(self.steps, self.feature_map.n_qubits)

    def cone_component(self, cone: Cone) -> Component:
        """Return the component of a light cone, compiled once.

        Raises
        ------
        MemoryError
            As `components` does.
        """
        found = self._cone_components.get(cone)
        if found is None:
            steps = [self.steps[k] for k in bits(cone.steps)]
            found = self._cone_components[cone] = self._component(tuple(bits(cone.qubits)), steps)
        return found

    @functools.cached_property
    def _cone_components(self) -> dict[Cone, Component]:
        return {}

    def _varies(self, step: Primitive) -> bool:
        """Return whether a step differs from point to point."""
        return isinstance(step, PauliRotation) and any(self.per_point[k] for k in step.angle.terms)

    def _component(
        self, qubits: tuple[int, ...], steps: Iterable[Primitive], *, ends_shared: bool = True
    ) -> Component:
        members = set(qubits)
        own = [step for step in steps if step.qubits[0] in members]
        return _compile_component(qubits, own, self.per_point, ends_shared=ends_shared)

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
    TypeError
        If it is no feature map.
    ValueError
        If an operation is not unitary, or cannot be taken apart; the message names it.

    Examples
    --------
    >>> import qkernels as qk
    >>> compiled = compile_feature_map(qk.feature_maps.angle(3))
    >>> [component.n_qubits for component in compiled.components]
    [1, 1, 1]
    """
    if not isinstance(feature_map, FeatureMap):
        raise TypeError(f"expected a FeatureMap, got {type(feature_map).__name__}")
    flat_circuit, table = feature_map.flattened
    decomposer = Decomposer(feature_map.qubits, feature_map.angle_symbols)
    steps = simplified(decomposer.circuit(flat_circuit))
    features = {symbol.name for symbol in feature_map.feature_symbols}
    per_point = (
        bool(features & {s.name for s in expression.free_symbols})
        for expression in table.expressions
    )
    return CompiledCircuit(feature_map, tuple(steps), tuple(per_point))


def _joined(parts: Iterable[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Join neighbours among small parts."""
    joined: list[tuple[int, ...]] = []
    for part in parts:
        if joined and len(joined[-1]) + len(part) <= _JOINED_QUBITS:
            joined[-1] = tuple(sorted(joined[-1] + part))
        else:
            joined.append(part)
    return joined


def _compile_component(
    qubits: tuple[int, ...],
    steps: Iterable[Primitive],
    per_point: Sequence[bool],
    *,
    ends_shared: bool,
) -> Component:
    if len(qubits) > MAX_CONNECTED_QUBITS:
        raise MemoryError(
            f"expected at most {MAX_CONNECTED_QUBITS} qubits in each connected part of a circuit, "
            f"got {len(qubits)}: no memory holds a state of 2^{len(qubits)} amplitudes; take "
            'evaluator=MPSEvaluator() or evaluator="auto", or a projected kernel, which simulates '
            "the light cones of its observables only"
        )
    places = {qubit: place for place, qubit in enumerate(qubits)}
    layering = Layering(len(qubits))
    for step in steps:
        layering.add(renumbered(step, places))
    slots = Slots(per_point.__getitem__)
    prefix, main = _split(layering.layers, slots)
    if not ends_shared:
        main = _without_shared_end(main, slots)
    first = ProgramWriter(len(qubits), slots).write(prefix)
    rest = ProgramWriter(len(qubits), slots).write(main)
    # All slots are numbered by now.
    angle_map = AngleMap.of(slots.angles, len(per_point))
    return Component(qubits, angle_map, tuple(slots.tables), first, rest, layering.frame)


def _split(layers: list[Layer], slots: Slots) -> tuple[list[Layer], list[Layer]]:
    """Return the layers that all points share at the start, and the rest."""
    first = next((k for k, layer in enumerate(layers) if not slots.is_shared_layer(layer)), None)
    if first is None:
        return layers, []
    turns, phases = replace(layers[first], phases={}), Layer(phases=layers[first].phases)
    if slots.is_shared_layer(turns):
        layers = [*layers[:first], turns, phases, *layers[first + 1 :]]
        first += 1
    return layers[:first], layers[first:]


def _without_shared_end(layers: list[Layer], slots: Slots) -> list[Layer]:
    """Return the layers without what all points share at the end.

    It is a unitary on both sides of an overlap: it cancels.
    """
    layers = list(layers)
    while layers and slots.is_shared_layer(layers[-1]):
        layers.pop()
    if layers:
        own = {m: a for m, a in layers[-1].phases.items() if not slots.is_shared(a)}
        layers[-1] = replace(layers[-1], phases=own)
    return layers
