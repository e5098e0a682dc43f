"""Fixtures of the tests of stores."""

import pytest

import qkernels as qk
from tests.gram.stores import CountingKernel


@pytest.fixture
def path(tmp_path):
    return tmp_path / "K.zarr"


@pytest.fixture
def counting():
    CountingKernel.prepared = CountingKernel.compared = 0
    return CountingKernel(qk.feature_maps.zz, bandwidth=0.5)
