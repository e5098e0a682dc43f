"""Repairs of a kernel matrix that noise has made indefinite, for estimators that need it PSD.

What lives here: functions of a symmetric matrix that return the positive semidefinite one
(`repairs`, `correlation`), and a transformer that carries the same repair over to the rows of test
points. Where the noise comes from, and what can be corrected before, is the business of `sampling`.

Each repair takes K to (K + diag(s)) (1 − w V Vᵀ), where V are the eigenvectors of K + diag(s) that
belong to negative eigenvalues: s = 0 and w = 1 clip, s = 0 and w = 2 flip, a shift has nothing to
take off, and the nearest correlation matrix has w = 1 and the s that make its diagonal 1. No
eigenvalue is divided by, and what is almost zero is left alone.
"""

from qkernels.psd.correlation import nearest_correlation
from qkernels.psd.repairs import clip, distance_to_psd, flip, shift
from qkernels.psd.transformer import PSDRepair

__all__ = ["PSDRepair", "clip", "distance_to_psd", "flip", "nearest_correlation", "shift"]
