"""Instructions for Pauli words: what they compute, what they share, and what is refused."""

from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qkernels.evaluators.mps_words import word_program
from qkernels.loops.mps_expectations import APPLY, CONTRACT, ONE, READ

N_SITES = 5
LETTERS = st.sampled_from("XYZ")
WORDS = st.lists(
    st.dictionaries(st.integers(0, N_SITES - 1), LETTERS).map(lambda word: tuple(word.items())),
    max_size=12,
)


def followed(program):
    """Return the word that each index is given, by what the environments hold symbolically."""
    environments, contracted, values = {0: ((), 0)}, {}, {}
    for code, level, site, letter, last in program.instructions.tolist():
        if code == ONE:
            values[last] = ()
            continue
        if code == CONTRACT:
            word, passed = environments[level]
            assert passed == site
            contracted[level] = word, site
            continue
        word, passed = contracted[level]
        assert passed == site
        longer = (*word, (site, "XYZ"[letter - 1])) if letter else word
        if code == READ:
            assert last not in values
            values[last] = longer
        else:
            assert code == APPLY
            assert last <= level + 1 <= program.n_levels
            environments[last] = longer, site + 1
    return [values[index] for index in range(program.n_words)]


@given(WORDS)
def test_each_word_is_given_its_own_value(words):
    program = word_program(words, N_SITES)
    assert followed(program) == [tuple(sorted(word)) for word in words]


def test_no_words_take_no_instructions():
    assert word_program([], 3).instructions.shape == (0, 5)


def test_one_letter_words_go_along_the_chain_once():
    words = [((site, letter),) for site in range(200) for letter in "XYZ"]
    program = word_program(words, 200)
    counts = Counter(program.instructions[:, 0].tolist())
    assert counts == {CONTRACT: 200, APPLY: 199, READ: 600}
    assert program.n_levels == 1


def test_pairs_share_their_first_letter():
    n = 60
    words = [
        tuple(zip(sites, letters, strict=True))
        for sites in combinations(range(n), 2)
        for letters in product("XYZ", repeat=2)
    ]
    program = word_program(words, n)
    counts = Counter(program.instructions[:, 0].tolist())
    # One start for each first letter, and one step for each site behind it.
    assert counts[CONTRACT] == (n - 1) + 3 * n * (n - 1) // 2
    assert counts[READ] == len(words)
    assert program.n_levels == 2


def test_long_words_take_one_environment():
    words = [tuple((site, letter) for site in range(2000)) for letter in "XZ"]
    assert word_program(words[:1], 2000).n_levels == 1
    assert word_program(words, 2000).n_levels == 2


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (((3, "X"),), r"different sites from 0 to 2, got \(\(3, 'X'\),\)"),
        (((-1, "X"),), r"different sites from 0 to 2, got \(\(-1, 'X'\),\)"),
        (((1, "X"), (1, "Z")), r"different sites from 0 to 2, got \(\(1, 'X'\), \(1, 'Z'\)\)"),
        (((1, "I"),), r"letters X, Y or Z, got 'I' in \(\(1, 'I'\),\)"),
    ],
)
def test_words_that_are_refused(word, message):
    with pytest.raises(ValueError, match=message):
        word_program([word], 3)


def test_instructions_are_integers():
    assert word_program([((0, "X"),)], 1).instructions.dtype == np.int64
