"""Variational models: circuits whose weights are trained on data, as scikit-learn estimators."""

from qkernels.variational.circuits import folded
from qkernels.variational.classifier import VariationalClassifier
from qkernels.variational.regressor import VariationalRegressor

__all__ = ["VariationalClassifier", "VariationalRegressor", "folded"]
