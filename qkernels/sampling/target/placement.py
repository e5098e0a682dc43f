"""Where logical qubits start, if all that interact are to be neighbours.

What lives here: ways to put one graph on another, and the cheapest placement that needs no SWAP.
Placements that need some are searched in `shapes`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import cirq

from qkernels.sampling.target.qubits import BEAM_WIDTH, Errors, Graph, distances
from qkernels.sampling.target.routing import Load, Places, Routed, blocks

# The last digits of a cost may differ between machines.
_DIGITS = 12


def fitted(
    operations: Sequence[cirq.Operation], logical: Sequence[cirq.Qid], graph: Graph, errors: Errors
) -> Routed | None:
    """Place qubits so that no SWAP is needed, at the least cost that a beam search finds.

    Parameters
    ----------
    operations : sequence of cirq.Operation
        On at most two qubits.
    logical : sequence of cirq.Qid
        The qubits to be placed: those that operations act on, and others.
    graph : networkx.Graph
        The device's qubits and edges.
    errors : Errors
        What gates and readout cost.

    Returns
    -------
    Routed or None
        None if no placement was found.
    """
    load = Load.of(blocks(operations).all_operations())
    pattern = graph.__class__()
    pattern.add_nodes_from(logical)
    pattern.add_edges_from(sorted(sorted(pair) for pair in load.gates))

    def added_cost(places: Places, qubit: cirq.Qid) -> float:
        place = places[qubit]
        total = errors.qubit_cost(place, load.depth)
        for other in pattern[qubit]:
            if other in places:
                pair = (place, places[other])
                total += load.gates[frozenset((qubit, other))] * errors.pair_cost(pair)
        return total

    found = embeddings(pattern, graph, BEAM_WIDTH, added_cost)
    if not found:
        return None
    placed = tuple(op.transform_qubits(found[0]) for op in operations)
    return Routed(placed, found[0], 0)


def embeddings(
    pattern: Graph,
    graph: Graph,
    count: int,
    added_cost: Callable[[Places, cirq.Qid], float] = lambda places, node: 0.0,
) -> list[Places]:
    """Return ways to put a graph's nodes on another's, all its edges on edges, the cheapest first.

    Parameters
    ----------
    pattern, graph : networkx.Graph
    count : int
        How many ways are kept after each node.
    added_cost : callable
        What it costs more to have put a node where it is.
    """
    near, far = distances(pattern), distances(graph)
    found: list[tuple[float, Places]] = [(0.0, {})]
    for node in _neighbours_first(pattern):
        grown = []
        for cost, places in found:
            bounds = [(places[o], steps) for o, steps in near[node].items() if o in places]
            for place in _free_places(places, graph):
                # What is as near as this in the pattern cannot be farther on the graph.
                if all(far[place].get(other, math.inf) <= steps for other, steps in bounds):
                    longer = {**places, node: place}
                    grown.append((round(cost + added_cost(longer, node), _DIGITS), longer))
        # Sorting keeps the order of equal ones, which is that of the graphs.
        found = sorted(grown, key=lambda item: item[0])[:count]
    return [places for _, places in found]


def _neighbours_first(graph: Graph) -> Iterator[cirq.Qid]:
    """Yield all nodes, those beside earlier ones as soon as can be, and busy ones first."""
    left = sorted(graph, key=lambda node: (-len(graph[node]), node))
    seen: set[cirq.Qid] = set()
    while left:
        node = max(left, key=lambda node: sum(other in seen for other in graph[node]))
        left.remove(node)
        seen.add(node)
        yield node


def _free_places(places: Places, graph: Graph) -> list[cirq.Qid]:
    """Return the free qubits beside those that are taken; all, if none is."""
    taken = set(places.values())
    beside = {other: None for place in places.values() for other in graph[place]}
    return [place for place in beside or graph if place not in taken]
