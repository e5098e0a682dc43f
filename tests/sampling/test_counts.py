"""Counts of outcomes, against counting one by one."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qkernels.sampling.counts import Counts

# Widths on both sides of whole bytes, and beyond 64 bits.
widths = st.sampled_from([1, 2, 7, 8, 9, 16, 17, 63, 64, 65, 100])


@st.composite
def rows(draw):
    n_rows, width = draw(st.integers(1, 40)), draw(widths)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    few = rng.integers(0, 2, (draw(st.integers(1, 8)), width))
    return few[rng.integers(0, len(few), n_rows)]


def as_dict(counts):
    outcomes = map(tuple, counts.outcomes.astype(int).tolist())
    found = dict(zip(outcomes, counts.numbers.tolist(), strict=True))
    assert len(found) == len(counts.numbers)
    return found


@given(rows())
def test_rows_of_bits(bits):
    counts = Counts.from_bits(bits)
    expected = Counter(map(tuple, bits.tolist()))
    assert as_dict(counts) == expected
    assert list(as_dict(counts)) == sorted(expected)
    assert counts.outcomes.dtype == bool
    assert counts.numbers.dtype == np.int64
    assert (counts.repetitions, counts.n_bits) == bits.shape


@given(rows(), st.integers(0, 2**32))
def test_rows_that_came_several_times(bits, seed):
    numbers = np.random.default_rng(seed).integers(1, 2**60, len(bits))
    expected = Counter()
    for row, number in zip(bits.tolist(), numbers.tolist(), strict=True):
        expected[tuple(row)] += number
    if max(expected.values()) < 2**63:
        assert as_dict(Counts.from_bits(bits, numbers)) == expected


@given(rows(), rows(), st.integers(0, 40))
def test_totals(bits, others, cut):
    whole = Counts.from_bits(bits)
    assert Counts.total([whole]) is whole
    parts = [Counts.from_bits(part) for part in (bits[:cut], bits[cut:]) if len(part)]
    assert as_dict(Counts.total(iter(parts))) == as_dict(whole)


@given(rows())
def test_bytes(bits):
    counts = Counts.from_bits(bits)
    outcomes, numbers = counts.to_bytes()
    assert len(outcomes) == -(-bits.shape[1] // 8) * len(counts.numbers)
    again = Counts.from_bytes(outcomes, numbers, bits.shape[1])
    assert as_dict(again) == as_dict(counts)
    assert again.outcomes.dtype == bool


@pytest.mark.parametrize(
    ("outcomes", "numbers", "message"),
    [
        (b"\0\0", [1], "expected 1 outcomes of 3 bits with positive numbers, got 2 bytes of"),
        (b"", [1], "expected 1 outcomes of 3 bits .*, got 0 bytes of outcomes"),
        (b"\0\1", [4, 0], "expected 2 outcomes .*, got 2 bytes of outcomes and numbers from 0"),
        (b"\0\1", [4, -2], "got 2 bytes of outcomes and numbers from -2"),
    ],
)
def test_bytes_that_do_not_fit(outcomes, numbers, message):
    with pytest.raises(ValueError, match=message):
        Counts.from_bytes(outcomes, np.array(numbers, "<i8").tobytes(), 3)


def test_bootstrap_samples_are_draws_with_replacement():
    counts = Counts.from_bits(np.array([[0, 0], [0, 1], [1, 1]]), np.array([1, 300, 700]))
    generator = np.random.default_rng(0)
    samples = [as_dict(counts.resampled(generator)) for _ in range(400)]
    assert {sum(sample.values()) for sample in samples} == {1001}
    assert any((0, 0) not in sample for sample in samples)
    for outcome, number in as_dict(counts).items():
        drawn = np.array([sample.get(outcome, 0) for sample in samples])
        variance = number * (1 - number / 1001)
        assert abs(drawn.mean() - number) < 5 * np.sqrt(variance / 400)
        assert 0.6 < drawn.var() / variance < 1.5
