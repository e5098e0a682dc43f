"""Broken feature maps, evaluators and kernels, for the tests of the contract suites."""

import sys

import numpy as np
import pytest


def points(feature_map, n_points=5):
    return np.random.default_rng(6).uniform(0.1, 0.9, (n_points, feature_map.n_features))


def parameters(feature_map):
    n = feature_map.n_parameters
    return np.random.default_rng(7).uniform(-1, 1, n) if n else None


def broken(base, message, **methods):
    """Return a subclass with some methods replaced, and what its suite should say."""
    return pytest.param(type("Broken", (base,), methods), message, id=message)


def make_importable(kind, monkeypatch):
    """Put a class where pickle looks for it."""
    kind.__module__, kind.__qualname__ = __name__, kind.__name__
    monkeypatch.setattr(sys.modules[__name__], kind.__name__, kind, raising=False)
