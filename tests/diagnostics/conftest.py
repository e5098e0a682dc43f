"""Kernel matrices that the tests of the diagnostics share."""

import numpy as np
import pytest


def positive_definite(n, seed, least=0.05):
    """Return a kernel matrix of trace other than n, its eigenvalues of one order."""
    random = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(random.normal(size=(n, n)))
    return (basis * random.uniform(least, 3.0, n)) @ basis.T


@pytest.fixture
def K():
    return positive_definite(20, 1)


@pytest.fixture
def other():
    return positive_definite(20, 2)
