"""Gram matrices of points that take more or less room, as matrix product states do."""

from dataclasses import dataclass

import numpy as np
import pytest
from distributed import Client, LocalCluster
from sklearn.base import clone
from sklearn.gaussian_process.kernels import RBF

import qkernels as qk
from qkernels.evaluators.mps_states import PreparedMPS
from qkernels.feature_maps import ising
from qkernels.gram import GramStore
from qkernels.gram.chunks import Chunks
from qkernels.gram.layout import widened
from qkernels.gram.sizes import bytes_a_point, sample_points
from qkernels.kernels.composition import prepare
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


# -- Matrix product states

SMALL, WIDE = ising(6, distance=2, gamma=0.7), ising(30, gamma=0.8)
KERNELS = {
    "mps": qk.FidelityKernel(SMALL, evaluator=qk.MPSEvaluator(truncation=0.0)),
    "auto": qk.FidelityKernel(SMALL, evaluator="auto"),
    "wide": qk.FidelityKernel(WIDE, evaluator="auto"),
    "sum": 0.5 * qk.FidelityKernel(SMALL, evaluator=qk.MPSEvaluator(truncation=0.0)) + RBF(0.5),
    "projected": qk.ProjectedKernel(SMALL, evaluator=qk.MPSEvaluator(truncation=0.0)),
}
CLOSE = {"rtol": 0, "atol": 1e-10}


def bonds_that_grow(n, width):
    """Return points of which the first are product states: x = 1 couples nothing."""
    share = np.linspace(0, 1, n)[:, np.newaxis]
    return 1 - share * np.random.default_rng(0).uniform(0, 1, (n, width))


def exact(kernel, X, Y=None):
    """Return the whole matrix by state vectors; of wide maps, by matrix product states."""
    names = [name for name in kernel.get_params() if name.split("__")[-1] == "evaluator"]
    wide = any(value == WIDE for value in kernel.get_params().values() if value is not None)
    evaluator = qk.MPSEvaluator(cache_size="0MB") if wide else None
    return clone(kernel).set_params(**dict.fromkeys(names, evaluator))(X, Y)


@pytest.fixture(params=KERNELS)
def given(request):
    """A kernel, points of small and then of large bonds, and the matrix."""
    kernel = KERNELS[request.param]
    X = bonds_that_grow(20, 30 if request.param == "wide" else 6)
    return kernel, X, exact(kernel, X)


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def test_bonds_of_these_points_differ():
    states = KERNELS["mps"].prepare(bonds_that_grow(20, 6))
    assert isinstance(states, PreparedMPS)
    assert (states.bonds[0].max(), states.bonds[-1].max()) == (1, 8)


def test_in_memory_and_in_blocks_of_rows(given):
    kernel, X, K = given
    np.testing.assert_allclose(qk.gram_matrix(kernel, X, tile_size=6), K, **CLOSE)
    cross = qk.gram_matrix(kernel, X[:7], X, tile_size=6)
    np.testing.assert_allclose(cross, K[:7], **CLOSE)
    rows = np.concatenate([*qk.gram_chunked(kernel, X, working_memory="100KB")])
    np.testing.assert_allclose(rows, K, **CLOSE)


def test_by_processes():
    kernel, X = KERNELS["wide"], bonds_that_grow(20, 30)
    found = qk.gram_matrix(kernel, X, tile_size=6, n_jobs=2)
    np.testing.assert_allclose(found, exact(kernel, X), **CLOSE)


def test_by_a_cluster_and_lazily(given, client, path):
    import dask.array as da

    kernel, X, K = given
    store = qk.gram_matrix(kernel, X, out=path, tile_size=6, client=client)
    np.testing.assert_allclose(store, K, **CLOSE)
    lazy = qk.gram_matrix(kernel, da.from_array(X, chunks=(6, X.shape[1])))
    np.testing.assert_allclose(lazy.compute(), K, **CLOSE)


def test_a_killed_run_goes_on(given, path, monkeypatch):
    kernel, X, K = given
    write, left = Chunks.write, [9]

    def dying(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return write(*arguments)

    GramStore.create(path, kernel, X, tile_size=6)
    with monkeypatch.context() as patch:
        patch.setattr(Chunks, "write", dying)
        with pytest.raises(KeyboardInterrupt):
            qk.gram_matrix(kernel, X, out=path, tile_size=6)
    store = qk.gram_matrix(kernel, X, out=path, tile_size=6)
    np.testing.assert_allclose(store, K, **CLOSE)
    assert store.verify() == []


@pytest.mark.parametrize("n", [12, 14])
def test_points_are_added(given, n, path):
    kernel, X, K = given
    qk.gram_matrix(kernel, X[:n], out=path, tile_size=6)
    np.testing.assert_allclose(qk.gram_matrix(kernel, X, out=path), K, **CLOSE)
    again = GramStore.open(path)
    assert again.kernel == kernel
    np.testing.assert_allclose(again, K, **CLOSE)


def test_stored_states_are_found_again(path):
    """What is prepared of some points is smaller than 8 bytes a column of the matrix."""
    kernel, X = KERNELS["mps"], bonds_that_grow(400, 6)
    qk.gram_matrix(kernel, X, out=path, tile_size=128)
    kept = GramStore.open(path)._layout
    arrays = [kept.prepared("rows", number) for number in range(4)]
    assert len({found["re"].shape[1] for found in arrays}) == 1
    restored = kernel.restore(arrays[3])
    np.testing.assert_allclose(kernel.compare(restored), exact(kernel, X[384:]), **CLOSE)


def test_sizes_are_those_of_the_largest_of_a_few_points():
    evaluator = qk.MPSEvaluator(cache_size="0MB")
    kernel, X = qk.FidelityKernel(SMALL, evaluator=evaluator), bonds_that_grow(100, 6)
    first, all_points = prepare(kernel, X[:1]), prepare(kernel, X)
    assert bytes_a_point(first) < bytes_a_point(all_points)
    sample = sample_points(kernel, X)
    assert (len(sample), bytes_a_point(sample)) == (8, bytes_a_point(all_points))
    assert len(sample_points(kernel, X[:3])) == 3
    assert len(sample_points(KERNELS["sum"], X)) == 8
    assert len(sample_points(KERNELS["auto"], X)) == 1
    assert len(sample_points(KERNELS["wide"], bonds_that_grow(100, 30))) == 8
