"""Which placement is the best where SWAPs are needed: a search in the regions of a device.

What lives here: regions of one shape, and the search, which has no randomness. Regions are of one
shape if their edges are the same: what is routed in one is routed in all, and only errors differ.
Placements without SWAPs are the business of `placement`, SWAPs that of `routing`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cirq
import numpy as np

from qkernels.sampling.target.placement import embeddings
from qkernels.sampling.target.qubits import Errors, Graph
from qkernels.sampling.target.routing import Load, Places, Routed, blocks, insert_swaps

# How many two-qubit gates are routed in all trials of a search.
SEARCH_EFFORT = 10_000
# How many shapes are searched, how many regions of each are compared, and in how many ways each.
N_SHAPES = 16
N_REGIONS = 16
N_WAYS = 64
# The last digits of a cost may differ between machines.
_DIGITS = 12

# By logical qubit, its place in a shape.
Order = tuple[int, ...]


def best_route(
    operations: Iterable[cirq.Operation],
    logical: Sequence[cirq.Qid],
    graph: Graph,
    regions: Iterable[Sequence[cirq.Qid]],
    errors: Errors,
) -> Routed:
    """Route from the placement that costs least, as far as a search finds it.

    Of many placements, the better half goes on, again and again, and gets more trials of other
    placements in which two qubits are exchanged: successive halving [1]_ of local searches.

    Parameters
    ----------
    operations : iterable of cirq.Operation
        On at most two qubits.
    logical : sequence of cirq.Qid
        The qubits to be placed: those that operations act on, and others.
    graph : networkx.Graph
        The device's qubits and edges.
    regions : iterable of sequences of cirq.Qid
        Connected, with as many qubits as there are to be placed; the best ones first.
    errors : Errors
        What gates and readout cost.

    References
    ----------
    .. [1] K. Jamieson, A. Talwalkar, "Non-stochastic best arm identification and hyperparameter
       optimization", AISTATS (2016).
    """
    circuit = blocks(operations)
    shapes = _shapes(graph, regions, errors)
    # What is between the gates on pairs makes no difference to the router.
    pairs = [op.qubits for op in circuit.all_operations() if len(op.qubits) == 2]
    skeleton = cirq.Circuit(cirq.CZ(*pair) for pair in pairs)
    effort = SEARCH_EFFORT // max(len(pairs), 1)
    n_starts = max(1, effort // (4 * len(shapes)))
    searches = [
        _Search(shape, skeleton, logical).trials(order)
        for shape in shapes
        for order in _starts(shape, skeleton, logical, n_starts)
    ]
    best = _halved(searches, effort)
    return insert_swaps(circuit, best.shape.graph, best.places(logical)).moved(best.ways)


@dataclass(frozen=True, eq=False)
class _Shape:
    """Regions that are the same graph.

    Attributes
    ----------
    graph : networkx.Graph
        Its nodes are line qubits.
    ways : tuple of dict from cirq.Qid to cirq.Qid
        Which qubits of the device those may be.
    costs : ndarray of shape (n_ways, n_edges + 2)
        What a gate on each edge costs, a layer on all qubits, and their readout.
    """

    graph: Graph
    ways: tuple[Places, ...]
    costs: np.ndarray


@dataclass(frozen=True, eq=False)
class _Trial:
    """What a placement in a shape costs, the way that costs least, and the depth."""

    shape: _Shape
    order: Order
    way: int
    cost: tuple[float, int]

    @property
    def ways(self) -> Places:
        return self.shape.ways[self.way]

    def places(self, logical: Sequence[cirq.Qid]) -> Places:
        return _places(logical, self.order)


def _places(logical: Sequence[cirq.Qid], order: Order) -> Places:
    return dict(zip(logical, map(cirq.LineQubit, order), strict=True))


# -- The search


@dataclass(frozen=True, eq=False)
class _Search:
    """The placements of a circuit's qubits in one shape."""

    shape: _Shape
    circuit: cirq.Circuit
    logical: Sequence[cirq.Qid]

    def trials(self, order: Order) -> Iterator[_Trial]:
        """Exchange two qubits until no exchange is better; yield the best trial after each."""
        best = self._trial(order)
        yield best
        pairs = list(itertools.combinations(range(len(order)), 2))
        idle = 0
        for i, j in itertools.cycle(pairs):
            exchanged = list(best.order)
            exchanged[i], exchanged[j] = exchanged[j], exchanged[i]
            trial = self._trial(tuple(exchanged))
            best, idle = (trial, 0) if trial.cost < best.cost else (best, idle + 1)
            yield best
            if idle >= len(pairs):
                return

    def _trial(self, order: Order) -> _Trial:
        routed = insert_swaps(self.circuit, self.shape.graph, _places(self.logical, order))
        load = Load.of(routed.operations)
        gates = [load.gates.get(frozenset(edge), 0) for edge in self.shape.graph.edges]
        costs = np.round(self.shape.costs @ [*gates, load.depth, 1], _DIGITS)
        way = int(np.argmin(costs))
        return _Trial(self.shape, order, way, (float(costs[way]), load.depth))


def _halved(searches: Sequence[Iterator[_Trial]], effort: int) -> _Trial:
    """Return the best trial of some searches, of which the better half goes on in each round."""
    running = [(next(search), search) for search in searches]
    n_rounds = len(running).bit_length()
    for _ in range(n_rounds):
        share = effort // (n_rounds * len(running))
        for k, (best, search) in enumerate(running):
            *_, best = best, *itertools.islice(search, share)
            running[k] = best, search
        running.sort(key=lambda item: item[0].cost)
        running = running[: max(1, len(running) // 2)]
    return running[0][0]


def _starts(
    shape: _Shape, circuit: cirq.Circuit, logical: Sequence[cirq.Qid], count: int
) -> list[Order]:
    """Return orders to start from: all, but for the shape's symmetries, or some of many."""
    n = len(logical)
    symmetries = [
        [places[cirq.LineQubit(i)].x for i in range(n)]  # type: ignore[attr-defined]
        for places in embeddings(shape.graph, shape.graph, N_WAYS)
    ]
    if math.factorial(n) <= count * max(len(symmetries), 1):
        orders = itertools.permutations(range(n))
        return [o for o in orders if all(o <= tuple(s[i] for i in o) for s in symmetries)]
    random = np.random.default_rng(0)
    others = [tuple(random.permutation(n).tolist()) for _ in range(count - 1)]
    return [_order_in_line(shape, circuit, logical), *others]


def _order_in_line(shape: _Shape, circuit: cirq.Circuit, logical: Sequence[cirq.Qid]) -> Order:
    """Return Cirq's own placement; qubits that nothing acts on get what is left."""
    places = cirq.LineInitialMapper(shape.graph).initial_mapping(circuit)
    free = sorted(set(shape.graph) - set(places.values()))
    places |= dict(zip((q for q in logical if q not in places), free, strict=True))
    return tuple(places[q].x for q in logical)  # type: ignore[attr-defined]


# -- Shapes


@dataclass(frozen=True, eq=False)
class _Draft:
    """A shape, the numbers of its nodes' neighbours, and for each region the ways to fit it."""

    graph: Graph
    degrees: list[tuple[int, list[int]]]
    fits: list[list[Places]]


def _shapes(graph: Graph, regions: Iterable[Sequence[cirq.Qid]], errors: Errors) -> list[_Shape]:
    """Return the shapes of the best regions, each with the ways to fit it in those."""
    drafts: list[_Draft] = []
    for region in regions:
        degrees = _degrees(graph, set(region))
        alike = [draft for draft in drafts if draft.degrees == degrees]
        if any(len(draft.fits) >= N_REGIONS for draft in alike):
            continue
        part = graph.subgraph(region)
        for draft in alike:
            if fits := embeddings(draft.graph, part, N_WAYS):
                draft.fits.append(fits)
                break
        else:
            if len(drafts) < N_SHAPES:
                drafts.append(_draft(part, degrees))
    return [_priced(draft, errors) for draft in drafts]


def _degrees(graph: Graph, region: set[cirq.Qid]) -> list[tuple[int, list[int]]]:
    """Return what is equal for regions of one shape, and different for most others."""
    beside = {qubit: region.intersection(graph[qubit]) for qubit in region}
    return sorted((len(qs), sorted(len(beside[q]) for q in qs)) for qs in beside.values())


def _draft(part: Graph, degrees: list[tuple[int, list[int]]]) -> _Draft:
    qubits = sorted(part)
    numbers = {qubit: cirq.LineQubit(i) for i, qubit in enumerate(qubits)}
    graph = part.__class__()
    graph.add_nodes_from(numbers.values())
    graph.add_edges_from(sorted(sorted((numbers[a], numbers[b])) for a, b in part.edges))
    # Of all fits, a beam may lose the first.
    itself: Places = dict(zip(numbers.values(), qubits, strict=True))
    return _Draft(graph, degrees, [[itself, *embeddings(graph, part, N_WAYS)]])


def _priced(draft: _Draft, errors: Errors) -> _Shape:
    ways = tuple(itertools.chain(*draft.fits))
    costs = []
    for way in ways:
        edges = [errors.pair_cost((way[a], way[b])) for a, b in draft.graph.edges]
        readout = sum(errors.qubit_cost(qubit, 0) for qubit in way.values())
        layer = sum(errors.qubit_cost(qubit, 1) for qubit in way.values()) - readout
        costs.append([*edges, layer, readout])
    return _Shape(draft.graph, ways, np.array(costs))
