"""What all tests share: reproducible random examples, and what needs compiled loops."""

import os

import pytest
from hypothesis import HealthCheck, settings

WITHOUT_JIT = os.environ.get("NUMBA_DISABLE_JIT", "0") != "0"

settings.register_profile(
    "stable",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("stable")


def pytest_configure(config):
    config.addinivalue_line("markers", "jit: needs compiled loops; skipped without them")
    config.addinivalue_line("markers", "forks: forks often; run before all others")


def pytest_collection_modifyitems(items):
    # A fork takes the longer the more memory the process has come to hold.
    items.sort(key=lambda item: item.get_closest_marker("forks") is None)
    if WITHOUT_JIT:
        for item in items:
            if item.get_closest_marker("jit"):
                item.add_marker(pytest.mark.skip(reason="NUMBA_DISABLE_JIT is set"))
