"""Where logical qubits go: placements in a region, and SWAPs by Cirq's router.

What lives here: the call of `cirq.RouteCQC`, which has no randomness once the placement is given,
and the search for the placement that needs the cheapest gates. Which region of a device is used is
the business of `qubits` and `target`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cirq

from qkernels.sampling.target.qubits import Graph

# In how many regions placements are improved, and how many two-qubit gates are routed for that.
SEARCH_REGIONS = 4
SEARCH_EFFORT = 8000

Places = dict[cirq.Qid, cirq.Qid]
PairCost = Callable[[Iterable[cirq.Qid]], float]


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

    def cost(self, pair_cost: PairCost) -> float:
        """Return the estimated cost of the two-qubit gates.

        Each counts as two native gates, and a SWAP as three, or one beside another gate on its
        pair, with which it is merged.
        """
        total = 0.0
        last: dict[cirq.Qid, int] = {}
        for i, operation in enumerate(self.operations):
            if len(operation.qubits) == 2:
                a, b = operation.qubits
                joins = operation.gate == cirq.SWAP and last.get(a, -1) == last.get(b, -2)
                native = 1 if joins else 3 if operation.gate == cirq.SWAP else 2
                total += native * pair_cost(operation.qubits)
                last[a] = last[b] = i
        return total


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
    return _routed(_blocks(operations), graph, places)


def best_route(
    operations: Iterable[cirq.Operation],
    logical: Sequence[cirq.Qid],
    graph: Graph,
    regions: Iterable[Sequence[cirq.Qid]],
    pair_cost: PairCost,
) -> Routed:
    """Route from the placement that a local search finds to be the cheapest.

    Cirq's own placement is routed in each region. From those in the best regions, qubits are
    exchanged as long as that makes the routed circuit cheaper.

    Parameters
    ----------
    operations : iterable of cirq.Operation
        On at most two qubits.
    logical : sequence of cirq.Qid
        The qubits to be placed: those that operations act on, and others.
    graph : networkx.Graph
        The device's qubits and edges.
    regions : iterable of sequences of cirq.Qid
        Connected, with as many qubits as there are to be placed.
    pair_cost : callable
        The cost of a two-qubit gate on a pair.
    """
    blocks = _blocks(operations)
    n_gates = sum(len(op.qubits) == 2 for op in blocks.all_operations())
    effort = SEARCH_EFFORT // (SEARCH_REGIONS * max(n_gates, 1))
    starts = []
    for region in regions:
        part = graph.subgraph(region)
        places = cirq.LineInitialMapper(part).initial_mapping(blocks)
        idle = [qubit for qubit in logical if qubit not in places]
        free = [qubit for qubit in region if qubit not in set(places.values())]
        places |= dict(zip(idle, free, strict=True))
        starts.append((_routed(blocks, part, places).cost(pair_cost), part, places))
    starts.sort(key=lambda start: start[0])
    found = (_search(blocks, *start[1:], pair_cost, effort) for start in starts[:SEARCH_REGIONS])
    return min(found, key=lambda routed: routed.cost(pair_cost))


def _search(
    circuit: cirq.Circuit, graph: Graph, places: Places, pair_cost: PairCost, effort: int
) -> Routed:
    """Exchange qubits as long as that makes the routed circuit cheaper, and effort is left."""
    best = _routed(circuit, graph, places)
    pairs = list(itertools.combinations(sorted(places), 2))
    idle = 0
    for a, b in itertools.islice(itertools.cycle(pairs), effort):
        exchanged = places | {a: places[b], b: places[a]}
        trial = _routed(circuit, graph, exchanged)
        idle += 1
        if trial.cost(pair_cost) < best.cost(pair_cost):
            places, best, idle = exchanged, trial, 0
        if idle >= len(pairs):
            break
    return best


def _blocks(operations: Iterable[cirq.Operation]) -> cirq.Circuit:
    """Return a circuit whose operations are runs on one qubit or one pair, for routing."""

    def on_one_pair(first: Sequence[cirq.Operation], second: Sequence[cirq.Operation]) -> bool:
        return len({q for op in (*first, *second) for q in op.qubits}) <= 2

    return cirq.merge_operations_to_circuit_op(cirq.Circuit(operations), on_one_pair)


class _Router(cirq.RouteCQC):
    """Cirq's router, which fails by itself where no two SWAPs fit beside each other."""

    @classmethod
    def _choose_optimal_swap(cls, *args: Any) -> Any:
        *_, candidates = args
        return super()._choose_optimal_swap(*args) if candidates else None


def _routed(circuit: cirq.Circuit, graph: Graph, places: Places) -> Routed:
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
