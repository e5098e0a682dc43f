"""Pauli words on a chain, as instructions that share what their prefixes share.

All sites right of the centre are right-orthonormal, so a word needs the environment on its left
alone, from site 0 to its last letter. Sorted words are a tree; going through it depth first takes
as many environments at a time as words branch, not one for each word. What an instruction does to a
state lives in the loops.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, TypeAlias

import numpy as np

from qkernels.evaluators.observables import Word
from qkernels.loops.mps_expectations import APPLY, CONTRACT, ONE, READ

_LETTERS = {"X": 1, "Y": 2, "Z": 3}

# Sites and letters of a word, sorted, and its place among the words.
_Entry: TypeAlias = tuple[tuple[tuple[int, int], ...], int]


class WordProgram(NamedTuple):
    """Instructions that measure some Pauli words on one block of states.

    Attributes
    ----------
    instructions : ndarray of shape (n_instructions, 5)
        As `mps_expectations.measure` takes them.
    n_levels : int
        How many environments are held at a time.
    n_words : int
    """

    instructions: np.ndarray
    n_levels: int
    n_words: int


def word_program(words: Sequence[Word], n_sites: int) -> WordProgram:
    """Return the instructions that measure some Pauli words.

    Parameters
    ----------
    words : sequence of tuple of (int, str)
        Site and letter (X, Y or Z) of each factor of each word, in any order; the empty word is
        the identity.
    n_sites : int

    Raises
    ------
    ValueError
        If a word has a site that is not there, two letters on one site, or an unknown letter.

    Examples
    --------
    >>> program = word_program([((0, "X"),), ((0, "X"), (2, "Z"))], n_sites=3)
    >>> program.n_levels
    1
    >>> len(program.instructions)
    7
    """
    writer = _Writer()
    writer.write(sorted((_factors(word, n_sites), k) for k, word in enumerate(words)))
    instructions = np.array(writer.instructions, dtype=np.int64).reshape(-1, 5)
    return WordProgram(instructions, writer.n_levels, len(words))


def _factors(word: Word, n_sites: int) -> tuple[tuple[int, int], ...]:
    """Return site and number of each letter, sorted by site."""
    sites = {site for site, _ in word}
    if len(sites) < len(word) or not sites <= set(range(n_sites)):
        raise ValueError(f"expected different sites from 0 to {n_sites - 1}, got {word}")
    if unknown := [letter for _, letter in word if letter not in _LETTERS]:
        raise ValueError(f"expected letters X, Y or Z, got {unknown[0]!r} in {word}")
    return tuple(sorted((site, _LETTERS[letter]) for site, letter in word))


class _Writer:
    """Goes through the tree of sorted words, depth first."""

    def __init__(self) -> None:
        self.instructions: list[tuple[int, ...]] = []
        self.n_levels = 1

    def write(self, words: list[_Entry], level: int = 0, site: int = 0, depth: int = 0) -> None:
        """Write words with the same first letters, as many as `depth`.

        The environment at `level` holds these and all sites before `site`.
        """
        self.n_levels = max(self.n_levels, level + 1)
        self.instructions += [(ONE, 0, 0, 0, index) for word, index in words if not word]
        while words := [entry for entry in words if len(entry[0]) > depth]:
            words, site = self._write_next_letter(words, level, site, depth)
            depth += 1

    def _write_next_letter(
        self, words: list[_Entry], level: int, site: int, depth: int
    ) -> tuple[list[_Entry], int]:
        """Write words up to their next letter and all but the last branch to their end.

        Return that branch, which takes over the level, and the site where it goes on.
        """
        places = [(place, list(branches)) for (place, branches) in _by_site(words, depth)]
        for place, branches in places:
            self._advance(level, site, place)
            self.instructions.append((CONTRACT, level, place, 0, 0))
            longer = [self._read(level, place, depth, *branch) for branch in branches]
            longer = [branch for branch in longer if branch[1]]
            last = place == places[-1][0]
            for letter, branch in longer[:-1] if last else longer:
                self.instructions.append((APPLY, level, place, letter, level + 1))
                self.write(branch, level + 1, place + 1, depth + 1)
            if not last:
                self.instructions.append((APPLY, level, place, 0, level))
            site = place + 1
        if not longer:
            return [], site
        letter, branch = longer[-1]
        self.instructions.append((APPLY, level, place, letter, level))
        return branch, site

    def _advance(self, level: int, site: int, end: int) -> None:
        """Take sites without a letter into the environment."""
        for passed in range(site, end):
            self.instructions.append((CONTRACT, level, passed, 0, 0))
            self.instructions.append((APPLY, level, passed, 0, level))

    def _read(
        self, level: int, site: int, depth: int, letter: int, words: list[_Entry]
    ) -> tuple[int, list[_Entry]]:
        """Write the values of the words that end with a letter; return it and the longer words."""
        for word, index in words:
            if len(word) == depth + 1:
                self.instructions.append((READ, level, site, letter, index))
        return letter, [entry for entry in words if len(entry[0]) > depth + 1]


def _by_site(
    words: list[_Entry], depth: int
) -> Iterator[tuple[int, list[tuple[int, list[_Entry]]]]]:
    """Yield each site that letter `depth` is on, with the words of each letter there."""
    for site, here in groupby(words, key=lambda entry: entry[0][depth][0]):
        groups = groupby(here, key=lambda entry: entry[0][depth][1])
        yield site, [(letter, list(group)) for letter, group in groups]
