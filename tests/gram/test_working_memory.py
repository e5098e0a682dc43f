"""How much memory tiles take, beside the matrix: no more than they are given."""

import tracemalloc

import pytest
from sklearn.gaussian_process.kernels import RBF

import qkernels as qk
from tests.gram.stores import points

MEMORY = 20_000_000
# What Python itself takes: modules, the kernel as JSON, the list of tiles.
BESIDE = 2_000_000

ZZ = qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.3)
KERNELS = {
    "many points of few amplitudes": (ZZ, 6, 2000),
    "more amplitudes than points": (ZZ, 11, 600),
    "projected": (qk.ProjectedKernel(qk.feature_maps.iqp, gamma=0.5), 4, 2000),
    "composite": (ZZ**2 + RBF(0.5), 6, 2000),
}


def traced_peak(compute):
    tracemalloc.start()
    try:
        compute()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("name", KERNELS)
def test_stores(name, cross, path):
    kernel, width, n = KERNELS[name]
    X, Y = points(n, width=width), points(n, seed=1, width=width) if cross else None
    kernel(X[:2])
    peak = traced_peak(lambda: qk.gram_matrix(kernel, X, Y, out=path, working_memory="20MB"))
    assert peak < MEMORY + BESIDE


@pytest.mark.parametrize("name", KERNELS)
def test_matrices_in_memory(name):
    kernel, width, n = KERNELS[name]
    X = points(n, width=width)
    kernel(X[:2])
    peak = traced_peak(lambda: qk.gram_matrix(kernel, X, working_memory="20MB"))
    assert peak < 8 * n**2 + MEMORY + BESIDE


@pytest.mark.parametrize("name", KERNELS)
def test_rows(name):
    kernel, width, n = KERNELS[name]
    X = points(n, width=width)
    kernel(X[:2])

    def go_through():
        for _ in qk.gram_chunked(kernel, X, working_memory="20MB"):
            pass

    peak = traced_peak(go_through)
    assert peak < MEMORY + BESIDE
