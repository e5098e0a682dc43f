"""The machine's matrix product: Gram matrices of given states by NumPy and SciPy; the dgemm rate.

The states come from the reference and are not timed.
"""

from __future__ import annotations

import numpy as np

from ..reference import states
from ..works import Work
from .base import Job, Peer, fidelities

ORDER = 2048
"""The order of the square matrices whose product gives the dgemm rate."""


class NumpyStates(Peer):
    """|S S†|² with NumPy."""

    key = "numpy"
    label = "NumPy |S S†|²"
    package = "numpy"
    distribution = "numpy"
    tasks = ("overlaps",)

    def prepare(self, work: Work) -> Job:
        """Make the states ready."""
        return Job(load=lambda X: states(work.feature_map, X), run=fidelities)


class ScipyStates(Peer):
    """The Hermitian rank-k product, which computes one triangle only."""

    key = "scipy"
    label = "SciPy zherk"
    package = "scipy"
    distribution = "scipy"
    tasks = ("overlaps",)

    def prepare(self, work: Work) -> Job:
        """Make the states ready."""
        from scipy.linalg.blas import zherk

        def run(psi):
            # The transpose of a C-ordered array is what BLAS reads without a copy.
            triangle = zherk(1.0, psi.T, trans=2)
            upper = triangle.real**2 + triangle.imag**2
            return upper + np.triu(upper, 1).T

        return Job(load=lambda X: states(work.feature_map, X), run=run)


class MatrixProduct(Peer):
    """A real product of two square matrices in double precision: the rate to compare with."""

    key = "dgemm"
    label = f"dgemm of {ORDER}³"
    package = "numpy"
    distribution = "numpy"
    tasks = ("overlaps",)

    def prepare(self, work: Work) -> Job:
        """Make two matrices and room for their product."""
        rng = np.random.default_rng(0)
        left, right = rng.standard_normal((2, ORDER, ORDER))
        product = np.empty((ORDER, ORDER))
        return Job(run=lambda _: np.matmul(left, right, out=product), block=None)
