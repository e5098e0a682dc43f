"""Variational models: circuits whose weights are trained on data, as scikit-learn estimators."""

from qkernels.variational.circuit_centric import CircuitCentricClassifier
from qkernels.variational.circuits import folded
from qkernels.variational.classifier import VariationalClassifier
from qkernels.variational.regressor import VariationalRegressor

__all__ = [
    "CircuitCentricClassifier",
    "VariationalClassifier",
    "VariationalRegressor",
    "folded",
]
