"""How often each outcome was measured: what a ledger keeps, and what estimates start from.

What lives here: one value, `Counts`, and its bytes. What an outcome says about a state is the
business of `readings`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Counts:
    """The outcomes of one measured circuit, each with the number of times it came.

    Attributes
    ----------
    outcomes : ndarray of shape (n_outcomes, n_bits), bool
        Distinct outcomes in lexical order, one bit for each measured qubit.
    numbers : ndarray of shape (n_outcomes,), int64
        How often each came, at least once.
    """

    outcomes: np.ndarray
    numbers: np.ndarray

    @property
    def repetitions(self) -> int:
        """How often the circuit was measured."""
        return int(self.numbers.sum())

    @property
    def n_bits(self) -> int:
        """Number of measured qubits."""
        return self.outcomes.shape[1]

    @classmethod
    def from_bits(cls, bits: np.ndarray, numbers: np.ndarray | None = None) -> Counts:
        """Count rows of bits.

        Parameters
        ----------
        bits : ndarray of shape (n_rows, n_bits)
        numbers : ndarray of shape (n_rows,), optional
            How often each row came; once if left out.

        Examples
        --------
        >>> import numpy as np
        >>> counts = Counts.from_bits(np.array([[1, 0], [0, 0], [1, 0]]))
        >>> counts.outcomes.astype(int), counts.numbers
        (array([[0, 0],
               [1, 0]]), array([1, 2]))
        """
        packed = np.packbits(bits.astype(bool), axis=1)
        packed = packed[order := np.lexsort(packed.T[::-1])]
        is_new = np.ones(len(packed), dtype=bool)
        np.any(packed[1:] != packed[:-1], axis=1, out=is_new[1:])
        starts = np.flatnonzero(is_new)
        each = np.ones(len(packed), np.int64) if numbers is None else np.asarray(numbers)[order]
        outcomes = np.unpackbits(packed[starts], axis=1, count=bits.shape[1]).view(bool)
        return cls(outcomes, np.add.reduceat(each, starts).astype(np.int64))

    @classmethod
    def total(cls, parts: Iterable[Counts]) -> Counts:
        """Return the counts of several runs of one circuit as those of one run."""
        parts = list(parts)
        if len(parts) == 1:
            return parts[0]
        return cls.from_bits(
            np.concatenate([part.outcomes for part in parts]),
            np.concatenate([part.numbers for part in parts]),
        )

    def to_bytes(self) -> tuple[bytes, bytes]:
        """Return the outcomes, each padded to whole bytes, and their numbers as int64."""
        return (
            np.packbits(self.outcomes, axis=1).tobytes(),
            self.numbers.astype("<i8").tobytes(),
        )

    @classmethod
    def from_bytes(cls, outcomes: bytes, numbers: bytes, n_bits: int) -> Counts:
        """Return the counts whose `to_bytes` these are.

        Raises
        ------
        ValueError
            If the two do not fit each other, or a number is not positive.
        """
        how_often = np.frombuffer(numbers, "<i8").astype(np.int64)
        width = -(-n_bits // 8)
        if len(outcomes) != width * len(how_often) or not (how_often > 0).all():
            raise ValueError(
                f"expected {len(how_often)} outcomes of {n_bits} bits with positive numbers, got "
                f"{len(outcomes)} bytes of outcomes and numbers from {how_often.min(initial=0)}"
            )
        packed = np.frombuffer(outcomes, np.uint8).reshape(-1, width)
        return cls(np.unpackbits(packed, axis=1, count=n_bits).view(bool), how_often)

    def resampled(self, generator: np.random.Generator) -> Counts:
        """Return as many outcomes drawn from these with replacement: one bootstrap sample."""
        numbers = generator.multinomial(self.repetitions, self.numbers / self.repetitions)
        kept = numbers > 0
        return Counts(self.outcomes[kept], numbers[kept])
