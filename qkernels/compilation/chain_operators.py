"""Operators of a chain: products of small tensors, a factor a site, joined by narrow bonds.

Here a Pauli rotation, several that share a site, or a numeric matrix becomes such a product. Which
of them a circuit has lives in `chain_merging`; which share a site, in `chain_stars`; when they are
applied, in `chain_schedule`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qkernels.compilation.angles import Angle
from qkernels.compilation.primitives import PauliRotation, Unitary

TURN, PROJECT, PASS, COSINE, WORD, MATRIX = range(6)
# Singular values of a numeric matrix below this share of the largest are rounding.
NEGLIGIBLE = 1e-14


@dataclass(frozen=True, eq=False)
class Factor:
    """What an operator does at one site; see `ChainProgram.factors`.

    Attributes
    ----------
    site, kind : int
    letter : str
        "I", "X", "Y" or "Z".
    left, right : int
        Widths of the bonds to the neighbours' factors.
    angle : Angle or None
        The gate's angle, of which the slot holds half.
    entries : (left, 2, 2, right) complex array or None
        The tensor of a `MATRIX`.
    """

    site: int
    kind: int
    letter: str = "I"
    left: int = 1
    right: int = 1
    angle: Angle | None = None
    entries: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Operator:
    """A product of factors on consecutive sites.

    Attributes
    ----------
    factors : tuple of Factor
    letters : mapping of int to str
        The letter at each site on which it is not the identity, "U" where it is numeric: operators
        that have the same letter, but "U", at every site that they share commute.
    """

    factors: tuple[Factor, ...]
    letters: Mapping[int, str]

    @property
    def sites(self) -> tuple[int, int]:
        """The first and the last site."""
        return self.factors[0].site, self.factors[-1].site

    @property
    def widths(self) -> dict[int, int]:
        """For each site but the first, the width of the bond before it."""
        return {factor.site: factor.left for factor in self.factors[1:]}


def rotation(step: PauliRotation) -> Operator:
    """Return exp(-iθ/2 P) = cos(θ/2) I - i sin(θ/2) P: a bond of two branches, I and P."""
    letters = dict(sorted(step.word))
    first, last = min(letters), max(letters)
    if first == last:
        return Operator((Factor(first, TURN, letters[first], angle=step.angle),), letters)
    inner = range(first + 1, last)
    factors = (
        Factor(first, COSINE, letters[first], 1, 2, step.angle),
        *(Factor(s, WORD, letters[s], 2, 2) if s in letters else _passed(s) for s in inner),
        Factor(last, WORD, letters[last], 2, 1),
    )
    return Operator(factors, letters)


def _passed(site: int) -> Factor:
    return Factor(site, PASS, "I", 2, 2)


def star(centre: tuple[int, str], leaves: Sequence[PauliRotation]) -> Operator:
    """Return the product of two-site rotations that share a site and its letter.

    The bond's two branches are the letter's eigenvalues, +1 and -1: for each of them every other
    site turns by itself, in one direction or the other. It stays that narrow however many
    rotations there are.
    """
    turned = {
        s: (letter, step.angle) for step in leaves for s, letter in step.word if s != centre[0]
    }
    first, last = min(centre[0], *turned), max(centre[0], *turned)

    def factor(site: int) -> Factor:
        left, right = 1 + (site > first), 1 + (site < last)
        if site == centre[0]:
            return Factor(site, PROJECT, centre[1], left, right)
        if site not in turned:
            return _passed(site)
        letter, angle = turned[site]
        return Factor(site, TURN, letter, left, right, angle)

    letters = dict([centre, *((site, letter) for site, (letter, _) in turned.items())])
    return Operator(tuple(map(factor, range(first, last + 1))), letters)


def matrices(step: Unitary) -> Iterator[Operator]:
    """Yield the operators, one for each unconnected part, whose product is a numeric matrix.

    The matrix is split site by site by singular values (Schollwöck 2011, Annals of Physics 326,
    96, section 4.1.3, for operators in place of states).
    """
    sites = sorted(step.qubits)
    tensors = list(_split(_ordered(step, sites), len(sites)))
    parts: list[list[Factor]] = [[]]
    for (site, after), tensor in zip(itertools.pairwise([*sites, -1]), tensors, strict=True):
        left, _, _, right = tensor.shape
        parts[-1].append(Factor(site, MATRIX, "I", left, right, entries=tensor))
        if right == 1:
            parts.append([])
        else:
            parts[-1] += [_identity(between, right) for between in range(site + 1, after)]
    for factors in filter(None, parts):
        letters = {f.site: "U" for f in factors if f.site in step.qubits}
        yield Operator(tuple(factors), letters)


def _ordered(step: Unitary, sites: list[int]) -> np.ndarray:
    """Return the matrix as a tensor with the axes (s', s) of each site, from left to right."""
    k = len(sites)
    places = [step.qubits.index(site) for site in sites]
    axes = [axis for place in places for axis in (place, k + place)]
    return np.asarray(step.matrix, dtype=complex).reshape((2,) * (2 * k)).transpose(axes)


def _split(tensor: np.ndarray, k: int) -> Iterator[np.ndarray]:
    """Yield the factors (left, 2, 2, right) of a tensor; where a bond is 1, both are unitary."""
    left = 1
    for remaining in range(k - 1, 0, -1):
        u, s, vh = np.linalg.svd(tensor.reshape(4 * left, 4**remaining), full_matrices=False)
        right = int(np.count_nonzero(s > NEGLIGIBLE * s[0]))
        yield np.sqrt(2.0) * u[:, :right].reshape(left, 2, 2, right)
        tensor = s[:right, None] * vh[:right] / np.sqrt(2.0)
        left = right
    yield tensor.reshape(left, 2, 2, 1)


def _identity(site: int, width: int) -> Factor:
    entries = np.einsum("ab,st->astb", np.eye(width), np.eye(2)).astype(complex)
    return Factor(site, MATRIX, "I", width, width, entries=entries)
