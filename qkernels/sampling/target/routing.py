"""How logical qubits move: SWAPs by Cirq's router, and what they cost.

What lives here: the call of `cirq.RouteCQC`, which has no randomness once the placement is given,
and what a routed circuit costs. Which placement that is, is the business of `placement`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cirq

from qkernels.sampling.target.qubits import Errors, Graph

Places = dict[cirq.Qid, cirq.Qid]


@dataclass(frozen=True, eq=False)
class Routed:
    """Operations on a device's qubits.

    Attributes
    ----------
    operations : tuple of cirq.Operation
    places : dict from cirq.Qid to cirq.Qid
        Where each logical qubit is in the end.
    n_swaps : int
        How many SWAPs were put in.
    """

    operations: tuple[cirq.Operation, ...]
    places: Places
    n_swaps: int

    def cost(self, errors: Errors) -> float:
        """Return -log of the fidelity that is expected."""
        return Load.of(self.operations).cost(errors, self.places.values())

    def moved(self, ways: Places) -> Routed:
        """Return the same on other qubits."""
        operations = tuple(op.transform_qubits(ways) for op in self.operations)
        places = {logical: ways[place] for logical, place in self.places.items()}
        return Routed(operations, places, self.n_swaps)


@dataclass(frozen=True, eq=False)
class Load:
    """What operations take, in native gates.

    An operation on two qubits counts as two native gates, and a SWAP as three, or one beside
    another gate on its pair, with which it is merged.

    Attributes
    ----------
    gates : dict from frozenset of cirq.Qid to int
        How many native gates are on each pair.
    depth : int
        How many layers of them there are.
    """

    gates: dict[frozenset[cirq.Qid], int]
    depth: int

    @classmethod
    def of(cls, operations: Iterable[cirq.Operation]) -> Load:
        """Return what operations take."""
        gates: dict[frozenset[cirq.Qid], int] = {}
        ends: dict[cirq.Qid, int] = {}
        last: dict[cirq.Qid, int] = {}
        pairs = (op for op in operations if len(op.qubits) == 2)
        for i, operation in enumerate(pairs):
            a, b = operation.qubits
            joins = operation.gate == cirq.SWAP and last.get(a, -1) == last.get(b, -2)
            native = 1 if joins else 3 if operation.gate == cirq.SWAP else 2
            pair = frozenset(operation.qubits)
            gates[pair] = gates.get(pair, 0) + native
            ends[a] = ends[b] = max(ends.get(a, 0), ends.get(b, 0)) + native
            last[a] = last[b] = i
        return cls(gates, max(ends.values(), default=0))

    def cost(self, errors: Errors, qubits: Iterable[cirq.Qid]) -> float:
        """Return -log of the fidelity that is expected of the gates and of reading some qubits.

        Every qubit has the error of a one-qubit gate in each layer, be it of a gate or of waiting.
        """
        two_qubit = sum(n * errors.pair_cost(pair) for pair, n in self.gates.items())
        return two_qubit + sum(errors.qubit_cost(qubit, self.depth) for qubit in qubits)


def route(operations: Iterable[cirq.Operation], graph: Graph, places: Places) -> Routed:
    """Put in the SWAPs that a device's edges ask for.

    Parameters
    ----------
    operations : iterable of cirq.Operation
        On at most two qubits.
    graph : networkx.Graph
        The device's qubits and edges. Only qubits that are places are used.
    places : dict from cirq.Qid to cirq.Qid
        Where each logical qubit is in the beginning; the places are connected.
    """
    return insert_swaps(blocks(operations), graph, places)


def blocks(operations: Iterable[cirq.Operation]) -> cirq.Circuit:
    """Return a circuit whose operations are runs on one qubit or one pair."""

    def on_one_pair(first: Sequence[cirq.Operation], second: Sequence[cirq.Operation]) -> bool:
        return len({q for op in (*first, *second) for q in op.qubits}) <= 2

    return cirq.merge_operations_to_circuit_op(cirq.Circuit(operations), on_one_pair)


class _Router(cirq.RouteCQC):
    """Cirq's router, which fails by itself where no two SWAPs fit beside each other."""

    @classmethod
    def _choose_optimal_swap(cls, *args: Any) -> Any:
        *_, candidates = args
        return super()._choose_optimal_swap(*args) if candidates else None


def insert_swaps(circuit: cirq.Circuit, graph: Graph, places: Places) -> Routed:
    """Put in SWAPs between a circuit's operations, as they are; see `route`."""
    mapper = cirq.HardCodedInitialMapper(places)
    routed, _, moved = _Router(graph).route_circuit(
        circuit, initial_mapper=mapper, tag_inserted_swaps=True
    )
    operations = tuple(routed.all_operations())
    n_swaps = sum(cirq.RoutingSwapTag() in op.tags for op in operations)
    ends = {logical: moved[physical] for logical, physical in places.items()}
    return Routed(operations, ends, n_swaps)


def unrolled(operations: Iterable[cirq.Operation]) -> Iterator[cirq.Operation]:
    """Yield the operations in runs one by one, without tags."""
    for operation in operations:
        if isinstance(operation.untagged, cirq.CircuitOperation):
            yield from unrolled(operation.untagged.mapped_circuit().all_operations())
        else:
            yield operation.untagged
