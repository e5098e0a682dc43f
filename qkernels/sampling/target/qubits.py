"""Which qubits of a device: what a calibration says of them, and the best connected region.

What lives here: the errors in a calibration's metrics, the fidelity that they predict for a region,
and the search for the regions where it is highest. Which logical qubit goes where in a region is
the business of `placement`.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cirq

# How many regions of each size the search keeps: all of them up to four qubits of a grid of 50.
BEAM_WIDTH = 1000
# Of a depolarizing channel, the Pauli error is this much more than the average error.
_PAULI_PER_AVERAGE = {1: 3 / 2, 2: 5 / 4}
# What a calibration calls two-qubit gates, in the order in which a gate set is asked for them.
_GATE_NAMES: dict[cirq.Gate, str] = {
    cirq.CZ: "cz",
    cirq.SQRT_ISWAP: "sqrt_iswap",
    cirq.SQRT_ISWAP_INV: "sqrt_iswap",
    cirq.FSimGate(math.pi / 2, math.pi / 6): "sycamore",
}

Calibration = Mapping[str, Mapping[Any, Any]]
Graph = Any  # A networkx.Graph, which comes with Cirq.
Table = dict[frozenset[cirq.Qid], float]


@dataclass(frozen=True, eq=False)
class Errors:
    """Probabilities of errors; a table that is empty says nothing of any qubit.

    Attributes
    ----------
    readout, one_qubit, two_qubit : dict from frozenset of cirq.Qid to float
        Errors of readout, and Pauli errors of gates. Qubits that a table leaves out are not used.
    """

    readout: Table
    one_qubit: Table
    two_qubit: Table

    def usable(self, graph: Graph) -> Graph:
        """Return the part of a device that the tables speak of."""
        kept = graph.copy()
        for table in (self.readout, self.one_qubit):
            kept.remove_nodes_from([q for q in graph if table and frozenset([q]) not in table])
        if self.two_qubit:
            pairs = [e for e in kept.edges if frozenset(e) not in self.two_qubit]
            kept.remove_edges_from(pairs)
        return kept

    def pair_cost(self, pair: Iterable[cirq.Qid]) -> float:
        """Return -log of a two-qubit gate's fidelity, 1 where no table says anything."""
        if not self.two_qubit:
            return 1.0
        return _cost(self.two_qubit.get(frozenset(pair), 0.5))

    def qubit_cost(self, qubit: cirq.Qid, n_gates: float) -> float:
        """Return -log of the fidelity of a qubit's readout and one-qubit gates."""
        place = frozenset([qubit])
        gates = n_gates * _cost(self.one_qubit.get(place, 0.0))
        return _cost(self.readout.get(place, 0.0)) + gates

    def region_cost(self, graph: Graph, region: Iterable[cirq.Qid], n_gates: int) -> float:
        """Return -log of the fidelity that is expected of a region.

        It is that of `n_gates` two-qubit gates, spread evenly over the best tree of edges that
        connects the region, of one one-qubit gate on either qubit of each, and of the readout of
        all qubits.

        Parameters
        ----------
        graph : networkx.Graph
        region : iterable of cirq.Qid
        n_gates : int
        """
        qubits = sorted(region)
        search = _Search(self, graph.subgraph(qubits), n_gates, len(qubits))
        return search.cost(tuple(range(len(qubits))))


def read_errors(calibration: Calibration | None, gateset: cirq.Gateset | None) -> Errors:
    """Return the errors that a calibration tells of.

    Parameters
    ----------
    calibration : mapping from str to mapping, or None
        By metric, and then by qubit or tuple of qubits, a number or a list of one number. Metrics
        are "readout", "one_qubit" and "two_qubit", or those of a `cirq_google.Calibration`.
    gateset : cirq.Gateset or None
        Says which two-qubit gate counts, where the calibration tells of several.

    Raises
    ------
    ValueError
        If it has no metric that is known here.
    """
    if calibration is None:
        return Errors({}, {}, {})
    readout = _table(calibration, "readout") or _mean(
        _table(calibration, "parallel_p00_error") or _table(calibration, "single_qubit_p00_error"),
        _table(calibration, "parallel_p11_error") or _table(calibration, "single_qubit_p11_error"),
    )
    one_qubit = _table(calibration, "one_qubit") or _gate_errors(
        calibration, "single_qubit_rb_{}_error_per_gate", 1
    )
    errors = Errors(readout, one_qubit, _two_qubit_errors(calibration, gateset))
    if not (errors.readout or errors.one_qubit or errors.two_qubit):
        raise ValueError(
            "calibration: expected a metric readout, one_qubit, two_qubit or one of "
            f"cirq_google.Calibration's, got {sorted(calibration)}"
        )
    return errors


def measured_gate(calibration: Calibration, gateset: cirq.Gateset) -> bool:
    """Tell whether a calibration has errors of the two-qubit gate that a gate set is built on."""
    name = next((name for gate, name in _GATE_NAMES.items() if gate in gateset), "")
    return bool(_named_gate_errors(calibration, name))


def _two_qubit_errors(calibration: Calibration, gateset: cirq.Gateset | None) -> Table:
    names = [n for gate, n in _GATE_NAMES.items() if gateset is None or gate in gateset]
    for name in (*names, *_GATE_NAMES.values()):
        if table := _named_gate_errors(calibration, name):
            return table
    return _table(calibration, "two_qubit")


def _named_gate_errors(calibration: Calibration, name: str) -> Table:
    return _gate_errors(
        calibration, f"two_qubit_parallel_{name}_gate_xeb_{{}}_error_per_cycle", 2
    ) or _gate_errors(calibration, f"two_qubit_{name}_gate_xeb_{{}}_error_per_cycle", 2)


def _gate_errors(calibration: Calibration, metric: str, n_qubits: int) -> Table:
    """Return Pauli errors, from those or from average errors."""
    average = _table(calibration, metric.format("average"))
    scaled = {qubits: error * _PAULI_PER_AVERAGE[n_qubits] for qubits, error in average.items()}
    return _table(calibration, metric.format("pauli")) or scaled


def _table(calibration: Calibration, metric: str) -> Table:
    table: Table = {}
    for key, value in calibration.get(metric, {}).items():
        qubits = frozenset((key,) if isinstance(key, cirq.Qid) else key)
        number = float(value if isinstance(value, int | float) else value[0])
        if math.isfinite(number) and all(isinstance(qubit, cirq.Qid) for qubit in qubits):
            table[qubits] = max(number, table.get(qubits, 0.0))
    return table


def _mean(first: Table, second: Table) -> Table:
    return {qubits: (first[qubits] + second[qubits]) / 2 for qubits in first if qubits in second}


def _cost(error: float) -> float:
    return -math.log1p(-min(max(error, 0.0), 1 - 1e-9))


# -- Regions


def best_regions(
    errors: Errors, graph: Graph, size: int, n_gates: int, count: int
) -> list[tuple[cirq.Qid, ...]]:
    """Return connected regions of a device of the highest expected fidelity, best first.

    Regions grow by one qubit at a time, and the `BEAM_WIDTH` best of each size are kept. Of equal
    ones, those with more edges come first.

    Parameters
    ----------
    errors : Errors
    graph : networkx.Graph
    size : int
        Number of qubits.
    n_gates : int
        Number of two-qubit gates that are expected.
    count : int
        How many regions, at most; none if the device has no connected region of this size.
    """
    search = _Search(errors, errors.usable(graph), n_gates, size)
    regions: list[tuple[int, ...]] = [(i,) for i in range(len(search.qubits))]
    for _ in range(size - 1):
        regions = search.best(search.grown(regions), BEAM_WIDTH)
    return [tuple(search.qubits[i] for i in r) for r in search.best(regions, count)]


class _Search:
    """The costs of regions of one size: sorted tuples of places in `qubits`."""

    def __init__(self, errors: Errors, graph: Graph, n_gates: int, size: int) -> None:
        self.qubits = sorted(graph)
        places = {qubit: place for place, qubit in enumerate(self.qubits)}
        per_qubit, per_edge = 2 * n_gates / size, n_gates / max(size - 1, 1)
        self._nodes = [errors.qubit_cost(qubit, per_qubit) for qubit in self.qubits]
        self._edges: list[dict[int, float]] = [
            {places[other]: per_edge * errors.pair_cost((q, other)) for other in graph[q]}
            for q in self.qubits
        ]

    def grown(self, regions: Iterable[tuple[int, ...]]) -> set[tuple[int, ...]]:
        """Return the regions with one neighbour more."""
        return {
            tuple(sorted((*region, j)))
            for region in regions
            for i in region
            for j in self._edges[i]
            if j not in region
        }

    def best(self, regions: Iterable[tuple[int, ...]], count: int) -> list[tuple[int, ...]]:
        return heapq.nsmallest(count, regions, key=lambda r: (self.cost(r), -self.n_edges(r), r))

    def n_edges(self, region: tuple[int, ...]) -> int:
        return sum(j in self._edges[i] for i, j in itertools.combinations(region, 2))

    def cost(self, region: tuple[int, ...]) -> float:
        """Return the cost of the qubits and of the cheapest tree that connects them (Prim)."""
        total = sum(self._nodes[i] for i in region)
        first, *rest = region
        reach = {j: self._edges[first].get(j, math.inf) for j in rest}
        while reach:
            nearest = min(reach, key=reach.__getitem__)
            total += reach.pop(nearest)
            edges = self._edges[nearest]
            for j in reach:
                reach[j] = min(reach[j], edges.get(j, math.inf))
        return total


def is_connected(graph: Graph) -> bool:
    """Tell whether all qubits of a device are connected by its edges."""
    return len(_reached(graph, list(graph)[:1], set(graph))) == len(graph)


def distances(graph: Graph) -> dict[cirq.Qid, dict[cirq.Qid, int]]:
    """Return how many edges lead from each qubit to those that it is connected with."""
    found = {}
    for start in graph:
        steps = {start: 0}
        for qubit, previous in _reached(graph, [start], graph).items():
            steps.setdefault(qubit, steps[previous] + 1)
        found[start] = steps
    return found


def connected_region(graph: Graph, qubits: Sequence[cirq.Qid]) -> list[cirq.Qid]:
    """Return some qubits, and those on shortest paths between them where they are not connected.

    Raises
    ------
    ValueError
        If the device does not connect them.
    """
    region = list(qubits)
    while len(joined := _reached(graph, region[:1], set(region))) < len(region):
        path = _reached(graph, joined, set(graph), set(region) - joined.keys())
        end = next((qubit for qubit in path if qubit in region and qubit not in joined), None)
        if end is None:
            apart = [qubit for qubit in region if qubit not in joined]
            raise ValueError(
                f"expected qubits that the device connects, got {region[0]} and {apart[0]}"
            )
        while (end := path[end]) not in joined:
            region.append(end)
    return region


def _reached(
    graph: Graph,
    starts: Iterable[cirq.Qid],
    allowed: Container[cirq.Qid],
    ends: Container[cirq.Qid] = (),
) -> dict[cirq.Qid, cirq.Qid]:
    """Return the qubits that are reached, nearest first, each with the one before it."""
    before = {qubit: qubit for qubit in starts}
    queue = list(before)
    for qubit in queue:
        for other in graph[qubit]:
            if other in allowed and other not in before:
                before[other] = qubit
                queue.append(other)
                if other in ends:
                    return before
    return before
