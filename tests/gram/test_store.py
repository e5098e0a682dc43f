"""A matrix on disk: whole tiles or none, resumed, verified, mended, grown, exported."""

import os
import shutil

import numpy as np
import pytest
import zarr
from sklearn.gaussian_process.kernels import RBF, ConstantKernel
from sklearn.svm import SVC

import qkernels as qk
from qkernels.gram import DamagedChunk, GramStore, IncompleteGram, work
from tests.gram.stores import (
    EXACT,
    KERNEL,
    KERNELS,
    CountingKernel,
    chunk,
    chunk_times,
    corrupt,
    points,
)


@pytest.mark.parametrize("kernel", KERNELS, ids=range(len(KERNELS)))
@pytest.mark.parametrize("tile_size", [5, 8, 100, "auto"])
def test_a_store_is_the_matrix(kernel, tile_size, path):
    X, Y = points(24), points(11, 1)
    exact = {"rtol": 0, "atol": 1e-6} if "single" in repr(kernel) else EXACT
    store = qk.gram_matrix(kernel, X, out=path, tile_size=tile_size)
    np.testing.assert_allclose(store, kernel(X), **exact)
    np.testing.assert_array_equal(store, np.asarray(store).T)
    np.testing.assert_array_equal(store.X, X)
    assert (store.Y, store.progress, store.missing()) == (None, 1.0, [])
    other = qk.gram_matrix(kernel, X, Y, out=path.with_name("other"), tile_size=tile_size)
    np.testing.assert_allclose(other, kernel(X, Y), **exact)
    np.testing.assert_array_equal(other.Y, Y)
    np.testing.assert_allclose(
        qk.gram_matrix(kernel, X, Y, tile_size=tile_size), kernel(X, Y), **exact
    )
    np.testing.assert_allclose(qk.gram_matrix(kernel, X, tile_size=tile_size), kernel(X), **exact)


def test_stores_are_zarr_arrays(path):
    X = points(10)
    qk.gram_matrix(KERNEL, X, out=path, tile_size=4)
    K = zarr.open(path, mode="r")["K"]
    assert (K.metadata.zarr_format, K.chunks, K.dtype) == (3, (4, 4), np.float64)
    np.testing.assert_allclose(K[:], KERNEL(X), **EXACT)


def test_a_kernel_comes_back_with_its_numbers(path):
    kernel = ConstantKernel(2.0) * qk.ProjectedKernel(lambda n: qk.feature_maps.iqp(n)) + RBF(0.3)
    X = points(9)
    qk.gram_matrix(kernel, X, out=path)
    np.testing.assert_allclose(GramStore.open(path).kernel(X), kernel(X), **EXACT)


def test_zeros_are_numbers_and_not_missing(path):
    """Orthogonal states: most of the matrix is 0."""
    X = np.eye(12) * np.pi
    store = qk.gram_matrix(qk.FidelityKernel(qk.feature_maps.angle), X, out=path, tile_size=3)
    assert store.progress == 1
    np.testing.assert_allclose(store, np.eye(12), atol=1e-12)


# -- Resuming


def test_only_what_is_missing_is_computed(path, counting):
    X = points(20)
    store = qk.gram_matrix(counting, X, out=path, tile_size=5)
    expected, times = np.asarray(store), chunk_times(store)
    assert CountingKernel.compared == 10 * 25
    dropped = [(0, 0), (1, 3), (2, 3)]
    for i, j in dropped:
        chunk(store, i, j).unlink()
    assert store.missing() == [(0, 0), (1, 3), (2, 3)]
    assert store.progress == pytest.approx(0.7)
    assert repr(store) == "GramStore(20 x 20, 7 of 10 tiles)"
    CountingKernel.prepared = CountingKernel.compared = 0
    store = qk.gram_matrix(counting, X, out=path, tile_size=5)
    # What was prepared is kept.
    assert (CountingKernel.prepared, CountingKernel.compared) == (0, 3 * 25)
    np.testing.assert_array_equal(store, expected)
    again = chunk_times(store)
    rewritten = {chunk(store, *tile) for i, j in dropped for tile in ((i, j), (j, i))}
    assert {p for p in times if again[p] != times[p]} == rewritten


def test_a_file_that_is_cut_off_is_missing(path):
    X = points(20)
    store = qk.gram_matrix(KERNEL, X, out=path, tile_size=5)
    expected = np.asarray(store)
    for i, content in ((0, b""), (1, chunk(store, 1, 3).read_bytes()[:-1])):
        chunk(store, i, 3).write_bytes(content)
    assert store.missing() == [(0, 3), (1, 3)]
    np.testing.assert_array_equal(qk.gram_matrix(KERNEL, X, out=path), expected)


def test_an_incomplete_matrix_is_not_read(path, tmp_path):
    store = qk.gram_matrix(KERNEL, points(20), out=path, tile_size=5)
    chunk(store, 1, 2).unlink()
    message = rf"expected all 10 tiles of {path}, got 9: run again to go on"
    for read in (np.asarray, GramStore.to_numpy, GramStore.to_dask):
        with pytest.raises(IncompleteGram, match=message):
            read(store)
    with pytest.raises(IncompleteGram, match=message):
        store.to_npy(tmp_path / "K.npy")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["K.zarr"]


def test_some_tiles(path, counting):
    store = GramStore.create(path, counting, points(20), tile_size=5)
    assert (store.progress, len(store.missing())) == (0, 10)
    store.fill(counting, tiles=[(0, 1), (2, 2)])
    assert len(store.missing()) == 8
    assert CountingKernel.compared == 50


def test_errors_in_a_tile_leave_the_others(path, monkeypatch):
    X = points(20)
    compare = work.compare
    calls = iter(range(100))

    def failing(*arguments):
        if next(calls) == 4:
            raise OSError("disk on fire")
        return compare(*arguments)

    monkeypatch.setattr(work, "compare", failing)
    with pytest.raises(OSError, match="disk on fire"):
        qk.gram_matrix(KERNEL, X, out=path, tile_size=5)
    # When the fifth of ten fails, up to five others are under way, and end well.
    assert 1 <= len(GramStore.open(path).missing()) <= 8
    np.testing.assert_allclose(qk.gram_matrix(KERNEL, X, out=path), KERNEL(X), **EXACT)


# -- Damage


@pytest.mark.parametrize("place", [0, 57, -20, -1])
@pytest.mark.parametrize("tile", [(0, 0), (1, 2), (2, 1), (3, 3), (0, 3)])
def test_a_flipped_byte_of_a_tile_is_found_and_mended(tile, place, path):
    X = points(18)
    store = qk.gram_matrix(KERNEL, X, out=path, tile_size=5)
    expected = np.asarray(store)
    corrupt(chunk(store, *tile), place)
    # The last chunks reach further than the matrix, but their checksum covers all of them.
    assert store.verify() == [tuple(sorted(tile))]
    assert store.missing() == [tuple(sorted(tile))]
    assert store.verify() == []
    np.testing.assert_array_equal(qk.gram_matrix(KERNEL, X, out=path), expected)
    assert store.verify() == []


def test_a_tile_that_is_not_its_mirror_image_is_found(path):
    store = qk.gram_matrix(KERNEL, points(20), out=path, tile_size=5)
    shutil.copy(chunk(store, 3, 0), chunk(store, 2, 0))
    assert store.verify() == [(0, 2)]


def test_damaged_tiles_are_not_read(path):
    store = qk.gram_matrix(KERNEL, points(20), out=path, tile_size=5)
    corrupt(chunk(store, 2, 0))
    with pytest.raises(DamagedChunk, match=r"expected .*/K/c/2/0 to be as it was written, got: St"):
        np.asarray(store)


@pytest.mark.parametrize("side", ["X", "Y"])
def test_damaged_points_are_found_and_mended(side, path):
    X, Y = points(20), points(20, 1)
    store = qk.gram_matrix(KERNEL, X, Y, out=path, tile_size=5)
    corrupt(chunk(store, 2, 0, side))
    corrupt(chunk(store, 1, 1))
    with pytest.raises(DamagedChunk, match=rf"expected .*/{side}/c/2/0 to be as it was written"):
        store.verify()
    assert store.missing() == [(1, 1)]
    store = qk.gram_matrix(KERNEL, X, Y, out=path)
    assert store.verify() == []
    np.testing.assert_array_equal(store.X, X)
    np.testing.assert_array_equal(store.Y, Y)


def test_damaged_prepared_points_are_prepared_again(path):
    X = points(20)
    store = qk.gram_matrix(KERNEL, X, out=path, tile_size=5)
    expected = np.asarray(store)
    for name in ("re0", "im0"):
        corrupt(chunk(store, 1, 0, f"points/rows/{name}"))
    for path_ in (chunk(store, 1, 1), chunk(store, 0, 1)):
        path_.unlink()
    np.testing.assert_array_equal(qk.gram_matrix(KERNEL, X, out=path), expected)
    corrupt(chunk(store, 2, 0, "points/rows/re0"))
    assert store.verify() == []
    assert not chunk(store, 2, 0, "points/rows/re0").exists()


def test_strays_of_killed_processes_are_deleted_when_they_are_old(path):
    store = qk.gram_matrix(KERNEL, points(20), out=path, tile_size=5)
    new, old = (chunk(store, 1, 1).with_name(f"{name}.partial") for name in ("new", "old"))
    for stray in (new, old):
        stray.write_bytes(b"half")
    os.utime(old, (0, 0))
    qk.gram_matrix(KERNEL, points(20), out=path)
    assert (new.exists(), old.exists()) == (True, False)


def test_what_killed_processes_left_aside_is_deleted_when_it_is_old(path, tmp_path):
    name, number = path.name, "0" * 31
    old = [tmp_path / f".{name}.{number}1", tmp_path / f".K.npy.{number}2"]
    kept = [tmp_path / f".{name}.{number}3", tmp_path / f".{name}.backup"]
    for folder in (old[0], *kept):
        (folder / "K").mkdir(parents=True)
    old[1].write_bytes(b"half")
    for left in (old[0] / "K", *old, kept[1] / "K", kept[1], kept[0]):
        os.utime(left, (0, 0))
    qk.gram_matrix(KERNEL, points(20), out=path, tile_size=5).to_npy(tmp_path / "K.npy")
    assert [left.exists() for left in (*old, *kept)] == [False, False, True, True]


# -- Another matrix


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"X": points(20, 5)},
            "expected the points X that .*K.zarr was begun with, [0-9a-f]{12}, got ",
        ),
        (
            {"X": points(19)},
            r"expected the shape that .*K.zarr was begun with, \(20, 20\), got",
        ),
        ({"X": points(20), "Y": points(20, 3)}, "expected the points Y that"),
        ({"kernel": qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.6)}, "expected the kernel"),
        ({"kernel": qk.FidelityKernel(qk.feature_maps.iqp, bandwidth=0.5)}, "expected the kernel"),
        ({"kernel": KERNEL + RBF(1.0)}, "expected the kernel that"),
        ({"tile_size": 6}, "expected the tile_size that .* was begun with, 5, got 6: choose ano"),
        ({"dtype": "float32"}, "expected the dtype that .* was begun with, float64, got float32"),
    ],
)
def test_another_matrix_is_refused(change, message, path):
    qk.gram_matrix(KERNEL, points(20), out=path, tile_size=5)
    arguments = {"kernel": KERNEL, "X": points(20), "tile_size": 5} | change
    with pytest.raises(ValueError, match=message):
        qk.gram_matrix(out=path, **arguments)


def test_one_bit_of_a_point_makes_another_matrix(path):
    X = points(20)
    qk.gram_matrix(KERNEL, X, out=path, tile_size=5)
    X[3, 1] = np.nextafter(X[3, 1], 1)
    with pytest.raises(ValueError, match="expected the points X"):
        qk.gram_matrix(KERNEL, X, out=path)


# -- Exports and errors


def test_exports(path, tmp_path):
    X = points(23)
    store = qk.gram_matrix(KERNEL, X, out=path, tile_size=5)
    store.to_npy(tmp_path / "K.npy")
    K = np.load(tmp_path / "K.npy", mmap_mode="r")
    assert (K.dtype, K.flags.c_contiguous) == (np.float64, True)
    np.testing.assert_array_equal(K, np.asarray(store))
    np.testing.assert_array_equal(store.to_dask().compute(), K)
    assert store.to_dask().chunks == ((5, 5, 5, 5, 3),) * 2
    np.testing.assert_array_equal(np.asarray(store, dtype=np.float32), np.float32(K))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["K.npy", "K.zarr"]


def test_single_precision(path, tmp_path):
    X, rounded = points(23), {"rtol": 0, "atol": 1e-7}
    store = qk.gram_matrix(KERNEL, X[:13], out=path, tile_size=5, dtype="float32")
    store.extend(X[13:])
    assert (store.dtype, store.nbytes, store.verify()) == (np.float32, 4 * 23**2, [])
    np.testing.assert_allclose(store, KERNEL(X), **rounded)
    assert np.asarray(store).dtype == store.to_dask().dtype == np.float32
    store.to_npy(tmp_path / "K.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "K.npy"), np.asarray(store))
    K = qk.gram_matrix(KERNEL, X, tile_size=5, dtype=np.float32)
    assert K.dtype == np.float32
    np.testing.assert_allclose(K, KERNEL(X), **rounded)


def test_scikit_learn_takes_a_store_for_a_matrix(path):
    X = points(30)
    y = X[:, 0] > X[:, 1]
    store = qk.gram_matrix(KERNEL, X, out=path, tile_size=8)
    model = SVC(kernel="precomputed").fit(store, y)
    expected = SVC(kernel=KERNEL).fit(X, y)
    np.testing.assert_allclose(
        model.decision_function(store), expected.decision_function(X), **EXACT
    )


def test_what_is_no_store(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"expected a store at .*, got nothing there"):
        GramStore.open(tmp_path / "nothing")
    (tmp_path / "file").write_text("x")
    zarr.create_group(tmp_path / "group")
    zarr.create_array(tmp_path / "array", shape=(2,), dtype="f8")
    (tmp_path / "folder").mkdir()
    for name in ("file", "group", "array", "folder"):
        with pytest.raises(ValueError, match=rf"expected a store .*at .*{name}, got"):
            GramStore.open(tmp_path / name)
        with pytest.raises(ValueError, match=rf"expected a store .*at .*{name}, got"):
            qk.gram_matrix(KERNEL, points(4), out=tmp_path / name)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "",
            '"bandwidth": 0.5',
            '"bandwidth": 0.7',
            r"expected a manifest at .*K.zarr as it was",
        ),
        ("", '"tile_size": 5', '"tile_size": 6', r"expected a manifest at .*K.zarr as it was"),
        ("", '"attributes"', '"attribute"', r"expected a store .*K.zarr, got"),
        ("", "{", "[", r"expected a store at .*K.zarr, got: JSONDecodeError"),
        (
            "K",
            "5",
            "1",
            r"expected the array K in .* of shape \(12, 12\) in chunks of",
        ),
        ("K", "12", "10", r"expected the array K in .*, got \(10, 10\) in chunks of \(5, 5\)"),
        ("K", "crc32c", "crc32d", r"expected the array K in .*K.zarr, got: UnknownCodecError"),
        ("X", '"shape"', '"shade"', r"expected the array X in .*K.zarr, got: "),
    ],
)
def test_damaged_metadata_are_refused(file, old, new, message, path):
    qk.gram_matrix(KERNEL, points(12), out=path, tile_size=5)
    metadata = path / file / "zarr.json"
    text = metadata.read_text()
    assert old in text
    metadata.write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=message):
        GramStore.open(path)
    with pytest.raises(ValueError, match=message):
        qk.gram_matrix(KERNEL, points(12), out=path)


def test_kernels_that_cannot_be_written_must_be_given(path):
    class Own(qk.FidelityKernel):
        pass

    kernel = Own(qk.feature_maps.zz)
    qk.gram_matrix(kernel, points(12), out=path, tile_size=5)
    store = GramStore.open(path)
    with pytest.raises(ValueError, match="expected a kernel that can be written as JSON; this one"):
        store.fill()
    store.fill(kernel)
    with pytest.raises(ValueError, match=r"expected the kernel that .* was begun with, got Fi"):
        store.fill(KERNEL)


def test_no_copy_is_no_option(path):
    store = qk.gram_matrix(KERNEL, points(4), out=path)
    with pytest.raises(ValueError, match="expected copy=None or True: the matrix is read from"):
        np.array(store, copy=False)
