"""Kernels that weigh Pauli words: from the fidelity, where all count alike, to local kernels.

What lives here: `pauli_weighted`, which makes them of a `ProjectedKernel` and scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from typing import Any

import cirq
import numpy as np
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Kernel

from qkernels.feature_maps import FeatureMap
from qkernels.kernels.projected import ProjectedKernel
from qkernels.kernels.validation import real_array


def pauli_weighted(feature_map: FeatureMap, weights: Any, **options: Any) -> Kernel:
    r"""Return the kernel 2^{-n} Σ_P w(|P|) ⟨P⟩ ⟨P⟩′ over the Pauli words on n qubits.

    A word's weight is given by the number of qubits |P| that it acts on. Weights of 1 throughout
    are the fidelity; weights that vanish above k look at the reduced density matrices of k qubits.

    Parameters
    ----------
    feature_map : FeatureMap
    weights : array-like of shape (k + 1,)
        Of words on 0, 1, ..., k qubits, with k at most n; none negative. Of more qubits it is 0.
        There are C(n, j) 3^j words on j qubits.
    **options
        Further arguments of `ProjectedKernel`, such as `bandwidth` or `evaluator`.

    Returns
    -------
    Kernel
        A constant, for the identity, plus a `ProjectedKernel`; one of them where the other is 0.

    Raises
    ------
    TypeError
        If the feature map is none.
    ValueError
        If the weights are not k + 1 numbers of which none is negative and one is positive.

    References
    ----------
    L. Gan, D. Leykam, D. G. Angelakis, "A unified framework for trace-induced quantum kernels",
    arXiv:2311.13552 (2023).

    Examples
    --------
    >>> import numpy as np
    >>> import qkernels as qk
    >>> X = np.random.default_rng(0).uniform(size=(5, 2))
    >>> zz = qk.feature_maps.zz(2)
    >>> kernel = pauli_weighted(zz, [1, 1, 1])
    >>> bool(np.allclose(kernel(X), qk.FidelityKernel(zz)(X)))
    True
    """
    if not isinstance(feature_map, FeatureMap):
        raise TypeError(f"feature_map: expected a FeatureMap, got {feature_map!r}")
    shares = _checked(weights, feature_map.n_qubits) / 2.0**feature_map.n_qubits
    observables = [
        np.sqrt(share) * word
        for size, share in enumerate(shares[1:], 1)
        if share
        for word in _words(feature_map.qubits, size)
    ]
    constant = ConstantKernel(shares[0], "fixed")
    if not observables:
        return constant
    linear = DotProduct(0.0, "fixed")
    words = ProjectedKernel(feature_map, observables=observables, outer=linear, **options)
    return constant + words if shares[0] else words


def _words(qubits: Sequence[cirq.Qid], size: int) -> list[cirq.PauliString]:
    return [
        cirq.PauliString(dict(zip(subset, letters, strict=True)))
        for subset in combinations(qubits, size)
        for letters in product((cirq.X, cirq.Y, cirq.Z), repeat=size)
    ]


def _checked(weights: Any, n_qubits: int) -> np.ndarray:
    found = real_array(weights, "weights", "numbers, one for each number of qubits")
    if found.ndim != 1 or not 1 <= len(found) <= n_qubits + 1:
        raise ValueError(
            f"weights: expected 1 to {n_qubits + 1} numbers, for words on 0 to {n_qubits} qubits, "
            f"got shape {found.shape}"
        )
    if not np.isfinite(found).all() or (found < 0).any() or not found.any():
        raise ValueError(
            "weights: expected finite numbers, none negative and one positive, got "
            f"{found.tolist()}"
        )
    return found
