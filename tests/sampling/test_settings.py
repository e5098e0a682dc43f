"""`qkernels.sampling.settings`: all words are read, from few settings, always the same ones."""

import os
import re
import subprocess
import sys
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qkernels.sampling.settings import LETTERS, measurement_settings, readable


def words_of(n_qubits, *weights):
    """Return all words of these many letters."""
    return [
        tuple(zip(places, letters, strict=True))
        for weight in weights
        for places in combinations(range(n_qubits), weight)
        for letters in product("XYZ", repeat=weight)
    ]


def texts(settings):
    return ["".join(LETTERS[k] for k in setting) for setting in settings]


def is_read(word, text):
    return all(text[place] == letter for place, letter in word)


@st.composite
def word_sets(draw):
    n_qubits = draw(st.integers(1, 6))
    places = st.sets(st.integers(0, n_qubits - 1), min_size=1).map(sorted)
    word = places.flatmap(
        lambda at: st.tuples(*(st.tuples(st.just(q), st.sampled_from("XYZ")) for q in at))
    )
    return draw(st.lists(word, min_size=1, max_size=12)), n_qubits


# -- What is read


@given(word_sets())
def test_each_word_is_read_from_at_least_one_setting(case):
    words, n_qubits = case
    found = texts(measurement_settings(words, n_qubits))
    assert all(any(is_read(word, text) for text in found) for word in words)
    assert len(set(found)) == len(found) <= len(set(words))
    assert {len(text) for text in found} == {n_qubits}


@given(word_sets())
def test_no_setting_could_be_left_out(case):
    words, n_qubits = case
    found = texts(measurement_settings(words, n_qubits))
    for left_out in found:
        rest = [text for text in found if text != left_out]
        assert not all(any(is_read(word, text) for text in rest) for word in words)


@given(word_sets(), st.integers(0, 10**6))
def test_readable_is_a_comparison_of_letters(case, seed):
    words, n_qubits = case
    settings = np.random.default_rng(seed).integers(0, 3, size=(5, n_qubits))
    expected = [[is_read(word, text) for word in words] for text in texts(settings)]
    np.testing.assert_array_equal(readable(words, settings), expected)


def test_no_settings_read_nothing():
    assert readable([((0, "X"),)], np.empty((0, 2), dtype=np.int8)).shape == (0, 1)


# -- How few


@pytest.mark.parametrize(
    ("n_qubits", "weight", "size"),
    # Sizes of the smallest covering arrays known: 9, 9, 9, 11, 12, 14; 27, 33; 81.
    [
        *[(2, 2, 9), (3, 2, 9), (4, 2, 9), (5, 2, 11), (6, 2, 12), (10, 2, 15)],
        *[(3, 3, 27), (5, 3, 35), (4, 4, 81)],
    ],
)
def test_covering_arrays(n_qubits, weight, size):
    settings = measurement_settings(words_of(n_qubits, weight), n_qubits)
    assert len(settings) <= size
    for places in combinations(range(n_qubits), weight):
        assert len({tuple(row) for row in settings[:, places]}) == 3**weight


def test_words_of_one_and_two_letters_need_no_more_than_those_of_two():
    assert len(measurement_settings(words_of(4, 1, 2), 4)) == 9


@pytest.mark.parametrize("n_qubits", [1, 5, 100])
def test_single_letters_need_one_setting_for_each_letter(n_qubits):
    found = texts(measurement_settings(words_of(n_qubits, 1), n_qubits))
    assert found == ["X" * n_qubits, "Y" * n_qubits, "Z" * n_qubits]


def chain(n_qubits, *letters):
    return [((q, a), (q + 1, a)) for q in range(n_qubits - 1) for a in letters]


def test_known_models_need_as_many_settings_as_letters_that_meet():
    field = [((q, "X"),) for q in range(12)]
    assert texts(measurement_settings(chain(12, "Z") + field, 12)) == ["X" * 12, "Z" * 12]
    heisenberg = measurement_settings(chain(12, "X", "Y", "Z"), 12)
    assert texts(heisenberg) == ["X" * 12, "Y" * 12, "Z" * 12]


def test_qubits_in_no_word_are_measured_in_z():
    assert texts(measurement_settings([((1, "Z"),), ((2, "Z"), (3, "Z"))], 5)) == ["ZZZZZ"]
    assert texts(measurement_settings([((1, "X"),), ((1, "Y"),)], 3)) == ["ZXZ", "ZYZ"]


# -- Always the same


@given(word_sets(), st.randoms(use_true_random=False))
def test_order_and_repeated_words_do_not_matter(case, random):
    words, n_qubits = case
    shuffled = [*words, words[0]]
    random.shuffle(shuffled)
    np.testing.assert_array_equal(
        measurement_settings(shuffled, n_qubits), measurement_settings(words, n_qubits)
    )


# What was bought under other settings would have to be bought again.
FIVE = [
    "XXXYZ",
    "XXZZY",
    "XYXXY",
    "XZYZX",
    "YXXZX",
    "YYYYY",
    "YZZXZ",
    "ZXYXX",
    "ZYYZZ",
    "ZYZYX",
    "ZZXYY",
]


def test_settings_are_those_of_other_machines():
    assert texts(measurement_settings(words_of(5, 2), 5)) == FIVE


def test_settings_are_those_of_other_processes():
    program = (
        "from itertools import combinations, product\n"
        "from qkernels.sampling.settings import LETTERS, measurement_settings\n"
        "pairs, letters = combinations(range(5), 2), list(product('XYZ', repeat=2))\n"
        "words = {tuple(zip(places, both)) for places in pairs for both in letters}\n"
        "for row in measurement_settings(list(words), 5): print(*(LETTERS[k] for k in row), sep='')"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    assert [process.communicate()[0].split() for process in processes] == [FIVE, FIVE]


def test_settings_are_small_integers():
    settings = measurement_settings(words_of(3, 1), 3)
    assert settings.dtype == np.int8
    assert settings.tolist() == [[0, 0, 0], [1, 1, 1], [2, 2, 2]]


# -- Refusals


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected at least one Pauli word, got none"),
        ([((0, "X"),), ()], "expected Pauli words of at least one letter, got an empty one"),
        ([((0, "I"),)], "expected Pauli words of the letters X, Y, Z, got ((0, 'I'),)"),
        ([((0, "XY"),)], "expected Pauli words of the letters X, Y, Z, got ((0, 'XY'),)"),
        ([((2, "X"),)], "expected places from 0 to 1, got ((2, 'X'),)"),
        ([((-1, "X"),)], "expected places from 0 to 1, got ((-1, 'X'),)"),
        (
            [((0, "X"), (0, "Y"))],
            "expected places that increase, each at most once, got ((0, 'X'), (0, 'Y'))",
        ),
        (
            [((1, "X"), (0, "Y"))],
            "expected places that increase, each at most once, got ((1, 'X'), (0, 'Y'))",
        ),
    ],
)
def test_wrong_words(words, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        measurement_settings(words, 2)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        readable(words, np.zeros((1, 2), dtype=np.int8))


@pytest.mark.parametrize("n_qubits", [0, 1.5, True])
def test_wrong_numbers_of_qubits(n_qubits):
    message = f"expected n_qubits to be an integer of at least 1, got {n_qubits!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        measurement_settings([((0, "X"),)], n_qubits)


def test_wrong_settings():
    message = "expected settings of shape (n_settings, n_qubits), got shape (3,)"
    with pytest.raises(ValueError, match=re.escape(message)):
        readable([((0, "X"),)], np.zeros(3, dtype=np.int8))
