"""Commuting couplings of a chain that are applied together, in one sweep.

Couplings that reach over several sites are cheapest all at once: going along the chain, the values
of the sites that are still coupled to sites ahead, a *history*, say all that later sites need to
know. Which couplings share a layer, and the tables of histories, are decided here; what a layer
does to tensors lives in `qkernels.loops.mps_layers`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qkernels.compilation.angles import Angle
from qkernels.compilation.primitives import PauliRotation

# With two histories stars do as well. Histories times bonds beyond this take more room and work
# than one star after the other, whose bonds are truncated in between.
LEAST_HISTORIES, MOST_COLUMNS = 4, 256


@dataclass(frozen=True)
class Coupling:
    """exp(-i angle/2 · P_left P_right), each site with the layer's letter there."""

    left: int
    right: int
    angle: Angle


@dataclass(frozen=True, eq=False)
class Layer:
    """Couplings between sites that have one letter each; some coupling crosses every cut.

    Attributes
    ----------
    couplings : tuple of Coupling
    letters : mapping of int to str
        The letter at each site that is coupled.
    group : int
        That of its truncations; see `ChainProgram.instructions`.
    """

    couplings: tuple[Coupling, ...]
    letters: Mapping[int, str]
    group: int = -1

    @property
    def sites(self) -> tuple[int, int]:
        """The first and the last site."""
        return min(self.letters), max(self.letters)

    @property
    def reach(self) -> int:
        """The largest distance between coupled sites."""
        return max(c.right - c.left for c in self.couplings)

    @cached_property
    def open_sites(self) -> dict[int, tuple[int, ...]]:
        """For each site, those up to it that are coupled to sites beyond it, in order."""
        ends: dict[int, int] = {}
        for coupling in self.couplings:
            ends[coupling.left] = max(coupling.right, ends.get(coupling.left, 0))
        first, last = self.sites
        return {
            site: tuple(s for s in range(first, site + 1) if ends.get(s, 0) > site)
            for site in range(first, last + 1)
        }

    @property
    def widths(self) -> dict[int, int]:
        """For each site but the first, the histories before it."""
        return {site + 1: 2 ** len(s) for site, s in self.open_sites.items() if s}

    def histories(self, site: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return whose values make a history before a site, and behind it, lowest bit first."""
        return self.open_sites.get(site - 1, ()), self.open_sites[site]

    def targets(self, site: int) -> Iterator[int]:
        """Yield the history behind a site for each history before it and each of its values."""
        before, behind = self.histories(site)
        for history, spin in itertools.product(range(2 ** len(before)), range(2)):
            values = {s: history >> bit & 1 for bit, s in enumerate(before)} | {site: spin}
            yield sum(values[s] << bit for bit, s in enumerate(behind))

    def ending_at(self, site: int) -> Iterator[tuple[int, Angle]]:
        """Yield the bit of the history and the angle of each coupling to a site from before it."""
        before, _ = self.histories(site)
        for coupling in self.couplings:
            if coupling.right == site:
                yield before.index(coupling.left), coupling.angle


def layers_of(
    pairs: Iterable[PauliRotation], bonds: Sequence[int] | np.ndarray
) -> tuple[list[Layer], list[PauliRotation]]:
    """Return layers of commuting two-site rotations, and the rotations that are in none.

    Parameters
    ----------
    pairs : iterable of PauliRotation
    bonds : sequence of int
        Upper bounds of the bonds before them; bond k is to the left of site k.

    Examples
    --------
    >>> pairs = [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (4, 5)]
    >>> steps = [PauliRotation(((i, "Z"), (j, "Z")), Angle(0.3)) for i, j in pairs]
    >>> layers, others = layers_of(steps, [1] * 7)
    >>> [layer.sites for layer in layers], [step.word for step in others]
    ([(0, 3)], [((4, 'Z'), (5, 'Z'))])
    """
    layers, others = [], []
    for group in _crossing(pairs):
        layer = _layer(group, bonds)
        if layer is None:
            others += group
        else:
            layers.append(layer)
    return layers, others


def _crossing(pairs: Iterable[PauliRotation]) -> Iterator[list[PauliRotation]]:
    """Yield groups of rotations between whose sites there is no cut without one across it."""
    group: list[PauliRotation] = []
    end = -1
    for step in sorted(pairs, key=lambda step: min(step.qubits)):
        if group and min(step.qubits) >= end:
            yield group
            group = []
        group.append(step)
        end = max(end, *step.qubits)
    if group:
        yield group


def _layer(group: Sequence[PauliRotation], bonds: Sequence[int] | np.ndarray) -> Layer | None:
    """Return the layer of a group, or None if letters differ at a site or it does not pay."""
    letters: dict[int, str] = {}
    for site, letter in (pair for step in group for pair in step.word):
        if letters.setdefault(site, letter) != letter:
            return None
    couplings = tuple(Coupling(min(s.qubits), max(s.qubits), s.angle) for s in group)
    layer = Layer(couplings, letters)
    histories = max(layer.widths.values())
    columns = max(width * int(bonds[site]) for site, width in layer.widths.items())
    return layer if histories >= LEAST_HISTORIES and columns <= MOST_COLUMNS else None
