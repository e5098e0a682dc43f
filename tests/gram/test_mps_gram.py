"""Gram matrices of points that take more or less room, as matrix product states do."""

from dataclasses import dataclass

import numpy as np
import pytest

import qkernels as qk
from qkernels.gram import GramStore
from qkernels.gram.layout import widened
from tests.gram.stores import EXACT, points

MAP = qk.feature_maps.zz(2)


@dataclass(frozen=True, eq=False)
class Ragged:
    """States of four amplitudes, and zeros after them: as many as the point wants."""

    amplitudes: np.ndarray
    extra: np.ndarray

    @property
    def nbytes(self):
        return sum(array.nbytes for array in self.arrays().values())

    def __len__(self):
        return len(self.amplitudes)

    def __getitem__(self, rows):
        return Ragged(self.amplitudes[rows], self.extra[rows])

    def arrays(self):
        wide = np.zeros((len(self), 4 + int(self.extra.max())))
        re, im = wide.copy(), wide
        re[:, :4], im[:, :4] = self.amplitudes.real, self.amplitudes.imag
        return {"re": re, "im": im, "extra": self.extra}


@dataclass(frozen=True)
class RaggedEvaluator:
    """Prepares points with x_0 > limit at some four times the size of the others."""

    limit: float = 0.5

    def embed(self, feature_map, inputs, parameters=None):
        extra = np.where(np.asarray(inputs)[:, 0] > self.limit, 10, 0)
        states = qk.StatevectorEvaluator().statevectors(feature_map, inputs, parameters)
        return Ragged(states, extra)

    def restore(self, arrays):
        re, im, extra = (np.asarray(arrays[name]) for name in ("re", "im", "extra"))
        assert not re[:, 4:].any()
        assert not im[:, 4:].any()
        assert re.shape == im.shape
        return Ragged(re[:, :4] + 1j * im[:, :4], extra)

    def fidelities(self, a, b=None, *, return_std=False):
        return np.abs(a.amplitudes.conj() @ (a if b is None else b).amplitudes.T) ** 2

    def expectations(self, feature_map, inputs, parameters=None, *, observables, return_std=False):
        raise NotImplementedError

    def fingerprint(self):
        return f"ragged:{self.limit}"


KERNEL = qk.FidelityKernel(MAP, evaluator=RaggedEvaluator())
PLAIN = qk.FidelityKernel(MAP)


def ordered(n, *, largest_first):
    X = points(n)
    X = X[np.argsort(X[:, 0])]
    return X[::-1].copy() if largest_first else X


@pytest.mark.parametrize("largest_first", [False, True])
def test_blocks_of_different_sizes_are_stored_and_found_again(largest_first, path):
    X = ordered(40, largest_first=largest_first)
    store = qk.gram_matrix(KERNEL, X, out=path, tile_size=7)
    np.testing.assert_allclose(store, PLAIN(X), **EXACT)
    # Tiles that are lost are computed from what was prepared.
    for i, j in [(0, 0), (0, 3), (2, 5)]:
        (path / "K" / "c" / str(i) / str(j)).unlink()
    np.testing.assert_allclose(qk.gram_matrix(KERNEL, X, out=path), PLAIN(X), **EXACT)


def test_what_is_kept_of_smaller_points_ends_with_zeros(path):
    X = ordered(40, largest_first=True)
    qk.gram_matrix(KERNEL, X, out=path, tile_size=7)
    kept = GramStore.open(path)._layout
    found = [kept.prepared("rows", number) for number in range(6)]
    assert all(arrays["re"].shape[1] == 14 for arrays in found)
    assert not any(arrays["re"][:, 4:].any() for arrays in found)


def test_larger_points_than_the_store_was_told_of_are_not_kept(path):
    X = ordered(40, largest_first=False)
    qk.gram_matrix(KERNEL, X, out=path, tile_size=7)
    kept = GramStore.open(path)._layout
    assert kept.prepared("rows", 0)["re"].shape == (7, 4)
    assert kept.prepared("rows", 5) is None


@pytest.mark.parametrize("largest_first", [False, True])
@pytest.mark.parametrize("sizes", [(35, 5), (37, 7), (32, 1, 1, 20)])
def test_blocks_grow_by_points_of_other_sizes(sizes, largest_first, path):
    X = ordered(sum(sizes), largest_first=largest_first)
    store = qk.gram_matrix(KERNEL, X[: sizes[0]], out=path, tile_size=5)
    n = sizes[0]
    for more in sizes[1:]:
        store.extend(X[n : n + more], KERNEL)
        n += more
        np.testing.assert_allclose(store, PLAIN(X[:n]), **EXACT)


def test_arrays_are_widened_along_all_axes_but_the_first():
    array = np.arange(12.0).reshape(2, 3, 2)
    wide = widened(array, (4, 5))
    assert wide.shape == (2, 4, 5)
    np.testing.assert_array_equal(wide[:, :3, :2], array)
    assert wide.sum() == array.sum()
    assert widened(array, (3, 2)) is array
