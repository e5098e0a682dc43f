"""What evaluators are as values: shared by copies, and equal if their configuration is."""

from __future__ import annotations

from typing import Self


class SharedValue:
    """A value whose copy is itself, and which equals any other of the same key.

    To be inherited by classes with a method `_key` that returns their configuration as a tuple.
    scikit-learn's `clone` copies deeply: without this every fold of a grid search would have its
    own evaluator.
    """

    def _key(self) -> tuple:
        raise NotImplementedError

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict) -> Self:
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())
