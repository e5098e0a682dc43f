"""The order of qubits along a chain, chosen once from what the circuit couples.

What an operator costs grows with its length, so the sum of all lengths is made small: this is the
weighted minimum linear arrangement of a hypergraph (Petit 2003, ACM Journal of Experimental
Algorithmics 8, on the heuristics: spectral order, then local search).
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import connected_components, reverse_cuthill_mckee

# Local search goes through all qubits at most so often, and moves them at most so far.
MAX_PASSES = 8
REACH = 32


def chain_order(couplings: Iterable[Sequence[int]], n_qubits: int) -> list[int]:
    """Return the order in which couplings are short; the natural one unless another is better.

    Connected parts follow one another.

    Parameters
    ----------
    couplings : iterable of sequence of int
        The qubits of each operator.
    n_qubits : int

    Returns
    -------
    list of int
        The qubit of each site.

    Examples
    --------
    >>> chain_order([(0, 3), (3, 1)], 4)
    [0, 3, 1, 2]

    The ring is folded:

    >>> chain_order([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0)], 6)
    [0, 1, 5, 2, 4, 3]
    """
    counts = Counter(tuple(sorted(qubits)) for qubits in couplings if len(qubits) > 1)
    weights = _weights(counts, n_qubits)
    n_parts, part_of = connected_components(weights, directed=False)
    order: list[int] = []
    for part in range(n_parts):
        members = np.flatnonzero(part_of == part)
        inside = weights[members][:, members]
        places = {qubit: place for place, qubit in enumerate(members.tolist())}
        own = {tuple(places[q] for q in e): c for e, c in counts.items() if e[0] in places}
        order += members[_part_order(inside, own)].tolist()
    return order


def _weights(counts: Counter[tuple[int, ...]], n: int) -> scipy.sparse.csr_array:
    """Return how often two qubits are coupled, a symmetric (n, n) array."""
    entries = [(i, j, c) for e, c in counts.items() for i in e for j in e if i != j]
    rows, columns, values = zip(*entries, strict=True) if entries else ((), (), ())
    return scipy.sparse.coo_array((values, (rows, columns)), shape=(n, n), dtype=float).tocsr()


def _part_order(weights: scipy.sparse.csr_array, counts: dict[tuple[int, ...], int]) -> np.ndarray:
    """Return the order of a connected part."""
    n = weights.shape[0]
    natural = np.arange(n)
    if n < 3:
        return natural
    length = _Length(counts, n)
    cuthill_mckee = np.asarray(reverse_cuthill_mckee(weights, symmetric_mode=True))
    candidates = [natural, cuthill_mckee, _spectral_order(weights)]
    start = min(candidates, key=lambda order: length(order[None])[0])
    best = _improved(start, length)
    if length(best[None])[0] >= length(natural[None])[0]:
        return natural
    return best if best[0] < best[-1] else best[::-1]


def _spectral_order(weights: scipy.sparse.csr_array) -> np.ndarray:
    """Return the order by the components of the Laplacian's second eigenvector.

    Weights are made a little irregular, as symmetric graphs have no single such eigenvector, and
    the order must not depend on how a machine rounds.
    """
    numbers = np.arange(1, weights.shape[0] + 1) * (math.sqrt(5) - 1) / 2
    irregular = weights.toarray() * (1.0 + 0.01 * np.modf(np.add.outer(numbers, numbers) ** 2)[0])
    _, vectors = np.linalg.eigh(np.diag(irregular.sum(axis=0)) - irregular)
    second = vectors[:, 1] * np.sign(vectors[np.argmax(np.abs(vectors[:, 1])), 1])
    return np.argsort(np.round(second, 9), kind="stable")


class _Length:
    """How long all operators are, then the sum of their squares: fewer long ones are better."""

    def __init__(self, counts: dict[tuple[int, ...], int], n: int) -> None:
        widest = max(map(len, counts))
        self._qubits = np.array([e + (e[-1],) * (widest - len(e)) for e in counts]).T
        self._counts = np.array(list(counts.values()), dtype=float)
        self._unit = 1.0 + self._counts.sum() * n * n

    def __call__(self, orders: np.ndarray) -> np.ndarray:
        """Return the length for each row of orders, whole numbers."""
        n_orders, n = orders.shape
        sites = np.empty((n, n_orders), dtype=np.int32)
        sites[orders.T, np.arange(n_orders)] = np.arange(n, dtype=np.int32)[:, None]
        ends = [sites[qubits] for qubits in self._qubits]
        spans = functools.reduce(np.maximum, ends) - functools.reduce(np.minimum, ends)
        # Exact in floating point, which is faster.
        return self._counts @ (spans * (spans + self._unit))


def _improved(order: np.ndarray, length: _Length) -> np.ndarray:
    """Move qubits and turn pieces round as long as it helps."""
    best = length(order[None])[0]
    for _ in range(MAX_PASSES):
        before = best
        for site in range(len(order)):
            for neighbours in (_moves(order, site), _reversals(order, site)):
                lengths = length(neighbours)
                choice = int(np.argmin(lengths))
                if lengths[choice] < best:
                    best, order = lengths[choice], neighbours[choice]
        if best == before:
            break
    return order


def _moves(order: np.ndarray, site: int) -> np.ndarray:
    """Return the orders in which one qubit is a little further left or right."""
    places = np.arange(len(order))
    targets = places[max(0, site - REACH) : site + REACH + 1, None]
    between = (places >= np.minimum(site, targets)) & (places <= np.maximum(site, targets))
    sources = np.where(between, places + np.sign(targets - site), places)
    return order[np.where(places == targets, site, sources)]


def _reversals(order: np.ndarray, site: int) -> np.ndarray:
    """Return the orders in which a short piece that starts at a site is turned round."""
    places = np.arange(len(order))
    ends = places[site : site + REACH + 1, None]
    inside = (places >= site) & (places <= ends)
    return order[np.where(inside, site + ends - places, places)]
