"""Which commuting two-site rotations of a chain become one operator.

A star joins rotations that share a site, its centre, and the letter there: its length is that of
the longest of them, where one by one they would cost the sum of their lengths.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np

from qkernels.compilation.chain_layers import Layer, layers_of
from qkernels.compilation.chain_operators import Operator, matrices, rotation, star
from qkernels.compilation.primitives import PauliRotation, Primitive, Unitary

# A star's centre, whether it reaches to the left, and its letter: in this order they are chosen.
_Centre: TypeAlias = tuple[int, bool, str]


def joined(
    layer: Iterable[Primitive], *, bonds: np.ndarray | None = None
) -> Iterator[Operator | Layer]:
    """Yield the operators of steps that commute with each other, or are on one site each.

    Stars are chosen greedily, that first which saves most.

    Parameters
    ----------
    layer : iterable of PauliRotation or Unitary
        Their qubits are sites.
    bonds : ndarray of shape (n_sites + 1,), optional
        Upper bounds of the bonds before them. If given, couplings that reach far are joined into
        whole layers.

    Examples
    --------
    >>> from qkernels.compilation.angles import Angle
    >>> pairs = [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]
    >>> steps = [PauliRotation(((i, "Z"), (j, "Z")), Angle(0.3)) for i, j in pairs]
    >>> [operator.sites for operator in joined(steps)]
    [(0, 2), (1, 3), (2, 3)]
    """
    pairs: list[PauliRotation] = []
    for step in layer:
        if isinstance(step, Unitary):
            yield from matrices(step)
        elif isinstance(step, PauliRotation):
            if len(step.word) == 2:
                pairs.append(step)
            else:
                yield rotation(step)
    if bonds is not None:
        found, pairs = layers_of(pairs, bonds)
        yield from found
    yield from _stars(pairs)


def _stars(pairs: list[PauliRotation]) -> Iterator[Operator]:
    """Yield stars, then the rotations that no star would save anything for."""
    left = {step.word: step for step in pairs}
    leaves: dict[_Centre, list[PauliRotation]] = {}
    for step in pairs:
        for centre in _centres(step):
            leaves.setdefault(centre, []).append(step)
    queue = [(-_saving(steps), centre) for centre, steps in leaves.items()]
    heapq.heapify(queue)
    while queue and queue[0][0] < 0:
        expected, centre = heapq.heappop(queue)
        steps = leaves[centre] = [step for step in leaves[centre] if step.word in left]
        if -_saving(steps) > expected:
            heapq.heappush(queue, (-_saving(steps), centre))
            continue
        for step in steps:
            del left[step.word]
        yield star((centre[0], centre[2]), steps)
    yield from map(rotation, left.values())


def _centres(step: PauliRotation) -> Iterator[_Centre]:
    (a, letter_a), (b, letter_b) = sorted(step.word)
    yield a, False, letter_a
    yield b, True, letter_b


def _saving(steps: list[PauliRotation]) -> int:
    """Return how much shorter a star is than its rotations together."""
    lengths = [abs(step.word[0][0] - step.word[1][0]) for step in steps]
    return sum(lengths) - max(lengths, default=0)
