"""Measurement settings: few bases from which all of some Pauli words can be read.

What lives here: the search for settings, and the table of what can be read from which. A setting
gives each qubit one letter to be measured in; a word is read from a setting that has its letters.
For all words of k letters, settings are the rows of a covering array of strength k. How a setting
is measured, and what its outcomes say, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from qkernels.feature_maps.validation import integer

__all__ = ["LETTERS", "Word", "all_z", "measurement_settings", "readable"]

Word: TypeAlias = tuple[tuple[int, str], ...]
Random: TypeAlias = Callable[..., np.ndarray]

# A setting holds places in this text.
LETTERS = "XYZ"

_ABSENT = -1
# Chosen by trying on words of two and three letters, where more of either found nothing smaller.
_CANDIDATES, _REDONE = 10, 2
# A search for one setting less ends after so many rounds, or looks at a word's place on a qubit.
_ROUNDS, _WORK = 1000, 10**9


def measurement_settings(words: Sequence[Word], n_qubits: int) -> np.ndarray:
    """Return a small set of settings, from at least one of which each word can be read.

    Settings are added one by one, the best of some candidates, each filled qubit by qubit with
    the letter that brings most words nearest to being read. Then some are replaced, two at a time,
    until all words are read with one setting less, as often as that succeeds. The result depends
    on the set of words alone: not on their order, the process, or the machine.

    Parameters
    ----------
    words : sequence of tuple of (int, str)
        Pauli words: place of a qubit and letter "X", "Y" or "Z" of each factor, places increasing.
    n_qubits : int

    Returns
    -------
    ndarray of shape (n_settings, n_qubits), int8
        A place in `LETTERS` for each qubit, in lexical order. Qubits in no word have a Z.

    Raises
    ------
    ValueError
        If there are no words, or one is empty, has a letter other than X, Y, Z, or places that do
        not increase or are not below `n_qubits`.

    References
    ----------
    D. M. Cohen, S. R. Dalal, M. L. Fredman and G. C. Patton, IEEE Transactions on Software
    Engineering 23, 437 (1997), for rows from candidates; R. C. Bryce and C. J. Colbourn, Software
    Testing, Verification and Reliability 19, 37 (2009), for the weights of words in part covered;
    J. Cotler and F. Wilczek, Physical Review Letters 124, 100401 (2020), for tomography.

    Examples
    --------
    >>> words = [((0, "X"), (1, "X")), ((1, "X"), (2, "Z")), ((0, "Y"), (1, "Y"))]
    >>> for setting in measurement_settings(words, n_qubits=4):
    ...     print("".join(LETTERS[k] for k in setting))
    XXZZ
    YYXZ
    """
    patterns = np.unique(_patterns(words, integer(n_qubits, "n_qubits", 1)), axis=0)
    random = np.random.PCG64(0).random_raw  # a stream that NumPy promises to keep
    settings = _cover(patterns, random, len(patterns))
    bound = np.unique(patterns == _ABSENT, axis=0, return_counts=True)[1].max()
    while len(settings) > bound and (fewer := _one_fewer(settings, patterns, random)) is not None:
        settings = fewer
    settings[:, (patterns == _ABSENT).all(axis=0)] = LETTERS.index("Z")
    return np.unique(settings, axis=0)


def all_z(n_qubits: int) -> np.ndarray:
    """Return the one setting, (1, n_qubits), that measures Z on all qubits.

    All words of Z's are read from it: `measurement_settings` of them returns the same.
    """
    return np.full((1, n_qubits), LETTERS.index("Z"), dtype=np.int8)


def readable(words: Sequence[Word], settings: np.ndarray) -> np.ndarray:
    """Return which words can be read from which settings.

    Parameters
    ----------
    words : sequence of tuple of (int, str)
        Pauli words, as in `measurement_settings`.
    settings : ndarray of shape (n_settings, n_qubits)
        Places in `LETTERS`.

    Returns
    -------
    ndarray of shape (n_settings, n_words), bool
        Whether the word's letters are the setting's on the word's qubits.

    Raises
    ------
    ValueError
        If `settings` has another shape, or for words as in `measurement_settings`.

    Examples
    --------
    >>> import numpy as np
    >>> readable([((0, "X"),), ((0, "X"), (1, "Y"))], np.array([[0, 0], [0, 1]]))
    array([[ True, False],
           [ True,  True]])
    """
    if settings.ndim != 2:
        raise ValueError(
            f"expected settings of shape (n_settings, n_qubits), got shape {settings.shape}"
        )
    return _reads(settings, _patterns(words, settings.shape[1]))


def _patterns(words: Sequence[Word], n_qubits: int) -> np.ndarray:
    """Return the words as rows of places in `LETTERS`, (n_words, n_qubits)."""
    if len(words) == 0:
        raise ValueError("expected at least one Pauli word, got none")
    patterns = np.full((len(words), n_qubits), _ABSENT, dtype=np.int8)
    for pattern, word in zip(patterns, words, strict=True):
        _check_word(word, n_qubits)
        for place, letter in word:
            pattern[place] = LETTERS.index(letter)
    return patterns


def _check_word(word: Word, n_qubits: int) -> None:
    places = [place for place, _ in word]
    if not places:
        raise ValueError("expected Pauli words of at least one letter, got an empty one")
    if any(letter not in tuple(LETTERS) for _, letter in word):
        raise ValueError(f"expected Pauli words of the letters X, Y, Z, got {word!r}")
    if any(place not in range(n_qubits) for place in places):
        raise ValueError(f"expected places from 0 to {n_qubits - 1}, got {word!r}")
    if any(a >= b for a, b in pairwise(places)):
        raise ValueError(f"expected places that increase, each at most once, got {word!r}")


def _reads(settings: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    absent = patterns == _ABSENT
    reads = np.empty((len(settings), len(patterns)), dtype=bool)
    for row, setting in zip(reads, settings, strict=True):  # one by one for the memory's sake
        np.all((patterns == setting) | absent, axis=1, out=row)
    return reads


def _cover(patterns: np.ndarray, random: Random, most: int) -> np.ndarray:
    """Return settings from which the words are read: all of them, unless it takes too many."""
    settings = np.empty((0, patterns.shape[1]), dtype=np.int8)
    while len(patterns) and len(settings) < most:
        settings = np.vstack([settings, _best_setting(patterns, random)])
        patterns = patterns[~_reads(settings[-1:], patterns)[0]]
    return settings


def _best_setting(patterns: np.ndarray, random: Random) -> np.ndarray:
    """Return the one of some candidates from which most words are read.

    A word that can still be read counts 2^-(letters not yet set). Powers of two add up without
    rounding, so that no machine sees a tie where another sees none.
    """
    weights = np.tile(0.5 ** (patterns != _ABSENT).sum(axis=1), (_CANDIDATES, 1))
    candidates = np.empty((_CANDIDATES, patterns.shape[1]), dtype=np.int8)
    for qubit in np.argsort(random(patterns.shape[1])):
        touched = np.flatnonzero(patterns[:, qubit] != _ABSENT)
        letters, theirs = patterns[touched, qubit], weights[:, touched]
        gains = theirs @ (letters[:, np.newaxis] == range(3))
        ties = random((_CANDIDATES, 3))
        # The first candidate prefers X to Y to Z: all words of one letter need XX…, YY…, ZZ….
        ties[0] = 3, 2, 1
        best = gains == gains.max(axis=1, keepdims=True)
        candidates[:, qubit] = chosen = np.where(best, ties, 0).argmax(axis=1)
        weights[:, touched] = np.where(chosen[:, np.newaxis] == letters, 2 * theirs, 0)
    return candidates[weights.sum(axis=1).argmax()]


def _one_fewer(settings: np.ndarray, patterns: np.ndarray, random: Random) -> np.ndarray | None:
    """Return one setting less from which all words are read, or None if none are found.

    Without the setting that is missed least, two are replaced wherever no more words are left
    out than before; to leave out equally many is a step too, or the search would soon be stuck.
    """
    reads = _reads(settings, patterns)
    missed = (reads & (reads.sum(axis=0) == 1)).sum(axis=1)
    kept = np.argsort(missed, kind="stable")[1:]
    settings, reads = settings[kept], reads[kept]
    for _ in range(min(patterns.size, _ROUNDS, _WORK // patterns.size)):
        order = np.argsort(random(len(settings)))
        rest, most = order[_REDONE:], len(order[:_REDONE])
        new = _cover(patterns[~reads[rest].any(axis=0)], random, most)
        tried = np.vstack([reads[rest], _reads(new, patterns)])
        if tried.any(axis=0).sum() >= reads.any(axis=0).sum():
            settings, reads = np.vstack([settings[rest], new]), tried
        if reads.any(axis=0).all():
            return settings
    return None
