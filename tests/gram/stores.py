"""What tests of stores share: kernels, one of which counts, points, files and their times."""

import numpy as np
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

import qkernels as qk

KERNEL = qk.FidelityKernel(qk.feature_maps.zz, bandwidth=0.5)
EXACT = {"rtol": 0, "atol": 1e-12}


def points(n, seed=0, width=2):
    return np.random.default_rng(seed).uniform(size=(n, width))


def corrupt(path, place=-20):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def chunk(store, i, j, array="K"):
    return store.path / array / "c" / str(i) / str(j)


def chunk_times(store):
    return {p: p.stat().st_mtime_ns for p in (store.path / "K" / "c").rglob("*") if p.is_file()}


class CountingKernel(qk.FidelityKernel):
    """Counts the points that are prepared and the entries that are compared."""

    prepared = compared = 0

    def prepare(self, X):
        CountingKernel.prepared += len(X)
        return super().prepare(X)

    def compare(self, p, q=None, **options):
        CountingKernel.compared += len(p) * (len(p) if q is None else len(q))
        return super().compare(p, q, **options)


KERNELS = [
    KERNEL,
    qk.FidelityKernel(lambda n: qk.feature_maps.angle(n), bandwidth=0.7),
    qk.FidelityKernel(qk.feature_maps.angle),
    qk.ProjectedKernel(qk.feature_maps.iqp, gamma=0.5),
    qk.ProjectedKernel(qk.feature_maps.iqp, outer=RBF(0.3) + WhiteKernel(0.1)),
    ConstantKernel(2.0) * KERNEL**2 + RBF(0.4) + WhiteKernel(0.5),
    RBF(0.3),
    qk.FidelityKernel(
        qk.feature_maps.zz, evaluator=qk.StatevectorEvaluator(repetitions=50, random_state=0)
    ),
    qk.FidelityKernel(qk.feature_maps.zz, evaluator=qk.StatevectorEvaluator(precision="single")),
]
