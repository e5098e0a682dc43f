"""Compilation for a device: a symbolic circuit in, the same circuit in native gates out, once.

What lives here: `Target`, what is refused, and the order of the steps. What gates are made of is
in `decomposition` and `gates`, which qubits are used in `qubits`, `placement` and `routing`.

A circuit is compiled with its symbols, so that all points share one circuit: compiled point by
point, U(x)† U(x) would be empty, the depth a function of the data, and the diagonal of a Gram
matrix free of the noise that the rest has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import cirq
import sympy

from qkernels.feature_maps.flattening import (
    FlatCircuit,
    evaluated,
    plain_and_flat,
    substitute,
    unroll,
    without_measurements,
)
from qkernels.sampling.target.decomposition import gathered, is_primitive, primitives
from qkernels.sampling.target.gates import converted, decoupled
from qkernels.sampling.target.identity import digest
from qkernels.sampling.target.placement import fitted
from qkernels.sampling.target.qubits import (
    Calibration,
    Graph,
    best_regions,
    connected_region,
    is_connected,
    measured_gate,
    read_errors,
)
from qkernels.sampling.target.routing import Places, Routed, route, unrolled
from qkernels.sampling.target.shapes import best_route

# How many regions are looked at for their shapes.
N_REGIONS = 1000
# How many operations an error message lists.
_SHOWN = 4
# How much of a fingerprint does.
_SHOWN_DIGITS = 16


@dataclass(frozen=True, repr=False)
class Target:
    """A device, and how circuits are compiled for it: a value, shared by copies.

    Parameters
    ----------
    gateset : cirq.CompilationTargetGateset, optional
        The gates to compile to. Left out, it is the first of the device's own that is built on a
        two-qubit gate whose errors the calibration has, or just the first.
    device : cirq.Device, or processor or sampler of cirq_google, optional
        Its metadata tell its qubits and edges. A processor, or a sampler's, is asked once for its
        device and, if no calibration is given, for its current one; the target keeps only those.
    qubits : sequence of cirq.Qid or "best", optional
        The device's qubits that may be used. Of more than the circuit needs, those of the highest
        expected fidelity are taken, or without a calibration a compact region. "best" takes them
        from the whole device and needs a calibration. Left out, the circuit's own qubits are
        kept if the device has them, else it is placed anywhere. Without a device, the circuit's
        sorted qubits become these, in this order.
    route : bool
        Whether SWAPs may be put in. They cost noise; without them, a circuit that does not fit is
        refused.
    dynamical_decoupling : bool
        Whether idle qubits get pulses that cancel slow drifts of their phases.
    calibration : mapping from str to mapping, optional
        A `cirq_google.Calibration`, or errors by "readout", "one_qubit" and "two_qubit", and then
        by qubit or pair of qubits.

    Raises
    ------
    TypeError
        If the gate set or the device is none, or the calibration is no mapping.
    ValueError
        If `qubits` are not the device's, or "best" lacks a device or a calibration.

    Notes
    -----
    The expected fidelity of a region is a product over the circuit's two-qubit gates, spread
    evenly over the best tree of edges that connects the region, one one-qubit gate on either
    qubit of each, and the readout of every qubit. In the best regions, placements are tried, and
    that one is used whose routed circuit has the highest product of fidelities: of two-qubit gates,
    of a one-qubit gate on every qubit beside each layer of those, be it only of waiting, and of the
    readout. Placements that need no SWAP are looked for on the whole device.

    Examples
    --------
    >>> import cirq
    >>> import sympy
    >>> a, b = cirq.LineQubit.range(2)
    >>> circuit = cirq.Circuit(
    ...     cirq.H.on_each(a, b), cirq.ZZ(a, b) ** sympy.Symbol("x"), cirq.measure(a, b, key="m")
    ... )
    >>> print(Target(cirq.CZTargetGateset(allow_partial_czs=True)).compile(circuit))
    0: ───PhXZ(a=-0.5,x=0.5,z=1)───@──────────M('m')───
                                   │          │
    1: ───PhXZ(a=-0.5,x=0.5,z=1)───@^(-2*x)───M────────
    """

    gateset: cirq.CompilationTargetGateset | None = None
    # A `cirq.Device` or None, once what was given has been asked for it.
    device: Any = None
    qubits: Sequence[cirq.Qid] | str | None = None
    route: bool = True
    dynamical_decoupling: bool = False
    calibration: Calibration | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        self._ask_processor()
        _check_types(self)
        if self.qubits is not None and not isinstance(self.qubits, str):
            object.__setattr__(self, "qubits", tuple(self.qubits))
        if self.qubits is not None:
            _check_qubits(self.qubits, self.device, self.calibration)

    def _ask_processor(self) -> None:
        """Take the device and the calibration that a processor or its sampler offers."""
        processor = getattr(self.device, "processor", self.device)
        if callable(getattr(processor, "get_device", None)):
            object.__setattr__(self, "device", processor.get_device())
        if self.calibration is None and hasattr(processor, "get_current_calibration"):
            object.__setattr__(self, "calibration", processor.get_current_calibration())

    @cached_property
    def native_gateset(self) -> cirq.CompilationTargetGateset | None:
        """The gate set that circuits are compiled to; None if neither it nor the device tells."""
        if self.gateset is not None or self.device is None:
            return self.gateset
        known = getattr(self.device.metadata, "compilation_target_gatesets", ())
        measured = (g for g in known if self.calibration and measured_gate(self.calibration, g))
        return next(measured, next(iter(known), None))

    def compile(self, circuit: cirq.AbstractCircuit) -> cirq.FrozenCircuit:
        """Compile a circuit with its symbols.

        Parameters
        ----------
        circuit : cirq.AbstractCircuit
            It ends with its only measurement.

        Returns
        -------
        cirq.FrozenCircuit
            A circuit of the same outcome probabilities whatever the symbols' values. Its symbols
            stand in expressions, which an `ExpressionTable` evaluates. Bit k is the outcome of
            the same qubit as before. The last moment is the measurement.

        Raises
        ------
        ValueError
            If the circuit is noisy, does not end with its only measurement, has more qubits than
            there are, or has operations that could not be converted.
        """
        if self == Target():
            return circuit.freeze()
        measurement, flat = _split(circuit)
        gateset = self.native_gateset
        routed = self._routed(_taken_apart(flat.circuit, gateset), measurement.qubits)
        operations = list(unrolled(routed.operations))
        if gateset is not None:
            operations = converted(operations, gateset)
        places = [routed.places[qubit] for qubit in measurement.qubits]
        compiled = cirq.Circuit(operations) + cirq.Moment(measurement.with_qubits(*places))
        if self.dynamical_decoupling:
            compiled = decoupled(compiled, gateset)
        self._check(compiled)
        return _with_expressions(compiled, flat)

    def fingerprint(self) -> str:
        """Return a hash of all that the target holds, the same in every process.

        Returns
        -------
        str
            64 hexadecimal digits.
        """
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        return digest([getattr(self, f.name) for f in fields(self)])

    def __repr__(self) -> str:
        """Name what differs from the defaults, and tell the rest by the fingerprint's beginning."""
        shown = [
            f"{f.name}={_short(getattr(self, f.name))}"
            for f in fields(self)
            if getattr(self, f.name) != f.default
        ]
        # Short forms tell not all.
        digits = [f"fingerprint={self.fingerprint()[:_SHOWN_DIGITS]}"] if shown else []
        return f"Target({', '.join(shown + digits)})"

    def __getstate__(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def __copy__(self) -> Target:
        return self

    def __deepcopy__(self, memo: dict) -> Target:
        return self

    @property
    def _chosen(self) -> tuple[cirq.Qid, ...]:
        """The qubits that were named."""
        return self.qubits if isinstance(self.qubits, tuple) else ()

    @cached_property
    def _graph(self) -> Graph | None:
        """The qubits that may be used and their edges; None if nothing restricts them."""
        if self.device is None or self.device.metadata is None:
            return None
        graph = self.device.metadata.nx_graph.to_undirected()
        chosen = self._chosen or graph
        # A graph's own order may differ between processes.
        ordered = graph.__class__()
        ordered.add_nodes_from(sorted(chosen))
        ordered.add_edges_from(sorted(sorted(edge) for edge in graph.subgraph(chosen).edges))
        return ordered

    def _routed(self, operations: list[cirq.Operation], measured: Sequence[cirq.Qid]) -> Routed:
        logical = sorted({*measured, *(q for op in operations for q in op.qubits)})
        n_gates = sum(len(op.qubits) == 2 for op in operations)
        graph = self._graph
        places = self._chosen or logical
        _check_size(logical, places if graph is None else graph)
        if graph is None or (self.qubits is None and not n_gates and graph.nodes >= set(logical)):
            return _renamed(operations, dict(zip(logical, places, strict=False)))
        if self.qubits is None and graph.nodes >= set(logical):
            routed = route(operations, graph, _kept(graph, logical))
        else:
            routed = self._placed(operations, graph, logical, n_gates)
        if routed.n_swaps and not self.route:
            raise ValueError(
                "expected a circuit whose two-qubit gates fit the device's edges, as route=False, "
                f"got one that needs {routed.n_swaps} SWAPs"
            )
        return routed

    def _placed(
        self, operations: list[cirq.Operation], graph: Graph, logical: list[cirq.Qid], n_gates: int
    ) -> Routed:
        """Return the operations in the region of the device that suits them best."""
        errors = read_errors(self.calibration, self.native_gateset)
        if len(logical) == len(graph):
            regions = [tuple(graph)] if not n_gates or is_connected(graph) else []
        else:
            regions = best_regions(errors, graph, len(logical), max(n_gates, 1), N_REGIONS)
        if not regions:
            raise ValueError(
                f"expected {len(logical)} qubits that the device connects, "
                f"got none such among {_listed(graph)}"
            )
        if not n_gates:
            return _renamed(operations, dict(zip(logical, regions[0], strict=True)))
        usable = errors.usable(graph) if len(logical) < len(graph) else graph
        direct = fitted(operations, logical, usable, errors)
        if direct is not None and not (self.route and self.calibration):
            return direct
        routed = best_route(operations, logical, usable, regions, errors)
        return min(filter(None, (direct, routed)), key=lambda found: found.cost(errors))

    def _check(self, circuit: cirq.Circuit) -> None:
        """Refuse operations that are not the target's."""
        if self.native_gateset is not None:
            _check_native(circuit.all_operations(), self.native_gateset)
        if self.device is not None:
            # Some devices take the measurement of two qubits for a gate on a pair.
            each = cirq.Moment(cirq.measure_each(*circuit[-1].qubits))
            try:
                self.device.validate_circuit(circuit[:-1] + each)
            except ValueError as error:
                raise ValueError(
                    f"expected a circuit that the device accepts, got: {error}"
                ) from error


def _check_types(target: Target) -> None:
    gateset, device = target.gateset, target.device
    if gateset is not None and not isinstance(gateset, cirq.CompilationTargetGateset):
        raise TypeError(
            "gateset: expected a cirq.CompilationTargetGateset, such as cirq.CZTargetGateset(), "
            f"got {gateset!r}"
        )
    if device is not None and not isinstance(device, cirq.Device):
        raise TypeError(
            "device: expected a cirq.Device, or a processor or sampler of cirq_google, "
            f"got {device!r}"
        )
    if target.calibration is not None and not isinstance(target.calibration, Mapping):
        raise TypeError(
            f"calibration: expected a mapping from metrics to values, got {target.calibration!r}"
        )


def _check_qubits(
    qubits: Sequence[cirq.Qid] | str,
    device: cirq.Device | None,
    calibration: Calibration | None,
) -> None:
    metadata = None if device is None else device.metadata
    if isinstance(qubits, str):
        if qubits != "best":
            raise ValueError(f"qubits: expected qubits, 'best' or None, got {qubits!r}")
        if metadata is None:
            raise ValueError(f"qubits='best' needs a device with metadata, got device={device!r}")
        if calibration is None:
            raise ValueError("qubits='best' needs a calibration, got calibration=None")
        return
    if not all(isinstance(qubit, cirq.Qid) for qubit in qubits) or not qubits:
        raise ValueError(f"qubits: expected qubits, 'best' or None, got {list(qubits)!r}")
    if len(set(qubits)) < len(qubits):
        raise ValueError(f"qubits: expected different qubits, got {_listed(qubits)}")
    known = qubits if metadata is None else metadata.qubit_set
    if unknown := [qubit for qubit in qubits if qubit not in known]:
        raise ValueError(f"qubits: expected qubits of the device, got {_listed(unknown)}")


def _check_size(logical: Sequence[cirq.Qid], usable: Sequence[cirq.Qid]) -> None:
    if len(logical) > len(usable):
        raise ValueError(
            f"expected a circuit on at most {len(usable)} qubits, which may be used, "
            f"got one on {len(logical)}"
        )


def _check_native(operations: Iterable[cirq.Operation], gateset: cirq.Gateset) -> None:
    if left := [operation for operation in operations if operation not in gateset]:
        name = gateset.name or type(gateset).__name__
        raise ValueError(f"expected every operation to be native to {name}, got {_listed(left)}")


def _listed(items: Iterable[Any]) -> str:
    """Return some items' texts; operations that print as tables by their class."""
    texts = [
        str(item) if "\n" not in str(item) else f"{type(item.gate).__name__}{item.qubits}"
        for item in items
    ]
    more = [f"{len(texts) - _SHOWN} more"] if len(texts) > _SHOWN else []
    return ", ".join(texts[:_SHOWN] + more)


def _short(value: Any) -> str:
    """Return a text that names a value, without what it holds."""
    if isinstance(value, tuple):
        return f"[{_listed(value)}]"
    if value is None or isinstance(value, str | bool):
        return repr(value)
    known = value.metadata.qubit_set if getattr(value, "metadata", None) is not None else ()
    return type(value).__name__ + (f" of {len(known)} qubits" if known else "")


def _split(circuit: cirq.AbstractCircuit) -> tuple[cirq.Operation, FlatCircuit]:
    """Return the measurement at the end, and what is before it with plain symbols."""
    measured = [op for op in circuit.all_operations() if cirq.is_measurement(op)]
    if len(measured) != 1 or not isinstance(measured[0].gate, cirq.MeasurementGate):
        raise ValueError(
            "expected a circuit that ends with its only measurement, "
            f"got {len(measured)} measurements"
        )
    idle = cirq.Circuit(cirq.I.on_each(*measured[0].qubits))
    body = unroll(without_measurements(idle + circuit))
    for operation in body.all_operations():
        if not cirq.is_parameterized(operation) and _is_channel(operation):
            raise ValueError(
                f"expected unitary operations, got {operation}: a device has noise of its own"
            )
    return measured[0].untagged, plain_and_flat(body)[1]


def _is_channel(operation: cirq.Operation) -> bool:
    return not cirq.has_unitary(operation) and cirq.has_kraus(operation)


def _taken_apart(
    circuit: cirq.AbstractCircuit, gateset: cirq.CompilationTargetGateset | None
) -> list[cirq.Operation]:
    """Return operations on at most two qubits; primitives, if they are to be converted."""
    if gateset is not None:
        found = gathered(p for op in circuit.all_operations() for p in primitives(op))
        _check_native((op for op in found if not is_primitive(op)), gateset)
        return found
    wide = (primitives(op) if len(op.qubits) > 2 else [op] for op in circuit.all_operations())
    found = [operation for parts in wide for operation in parts if operation.qubits]
    if left := [operation for operation in found if len(operation.qubits) > 2]:
        raise ValueError(
            f"expected operations that come apart into some on two qubits, got {_listed(left)}"
        )
    return found


def _renamed(operations: Iterable[cirq.Operation], places: Places) -> Routed:
    return Routed(tuple(op.transform_qubits(places) for op in operations), places, 0)


def _kept(graph: Graph, logical: Sequence[cirq.Qid]) -> Places:
    """Return each qubit at its own place, and qubits of nobody between those far apart."""
    region = connected_region(graph, logical)
    spare = [qubit for qubit in region if qubit not in logical]
    return {q: q for q in logical} | {cirq.NamedQubit(f"spare {q}"): q for q in spare}


def _with_expressions(circuit: cirq.Circuit, flat: FlatCircuit) -> cirq.FrozenCircuit:
    """Put the expressions back that symbols stand for, and operations in a fixed order."""
    meaning = dict(zip(flat.symbols, flat.expressions, strict=True))

    def restored(expression: Any) -> Any:
        # Evaluation, which takes sympy long, is the business of whoever has numbers.
        with sympy.evaluate(False):
            value = expression.xreplace(meaning)
        return evaluated(value)

    found = substitute(circuit, restored, restored)
    return cirq.FrozenCircuit(
        cirq.Moment.from_ops(*sorted(moment, key=lambda op: op.qubits)) for moment in found
    )
