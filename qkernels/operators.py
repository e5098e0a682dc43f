"""`gram_operator`: products with a kernel matrix that is never there.

What lives here: linear operators for iterative solvers, which need a kernel matrix only as what it
does to vectors. Matrices that are kept, in memory or on disk, are the business of `gram`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg.blas import dsyrk, dtrmm
from scipy.sparse import csr_array, eye_array
from scipy.sparse.linalg import LinearOperator, aslinearoperator
from sklearn.gaussian_process.kernels import ConstantKernel, Kernel, Product, Sum, WhiteKernel

from qkernels.evaluators import (
    AutoEvaluator,
    Prepared,
    SampledEvaluator,
    StatevectorEvaluator,
)
from qkernels.evaluators.states import PreparedStates
from qkernels.gram.arguments import Inputs, check_inputs
from qkernels.gram.blocks import PreparedBlocks
from qkernels.gram.sizes import bytes_a_point, sample_points, tile_edge, working_bytes
from qkernels.kernels import FidelityKernel
from qkernels.kernels.composition import compare, parts
from qkernels.kernels.embedding import resolve_evaluator
from qkernels.tiles import Grid


def gram_operator(
    kernel: Kernel, X: Any, Y: Any = None, *, working_memory: float | str | None = None
) -> LinearOperator:
    """Return a kernel matrix as a linear operator, which holds no matrix.

    For `scipy.sparse.linalg.cg` (kernel ridge regression, the mean of a Gaussian process), `eigsh`
    and others. Where the matrix fits, products with it are cheaper than these.

    An exact fidelity kernel needs no N² kernel values if there are more points than basis states:
    with M = Σ_j v_j |φ(y_j)⟩⟨φ(y_j)|,

        (K v)_i = Σ_j |⟨φ(x_i)|φ(y_j)⟩|² v_j = ⟨φ(x_i)|M|φ(x_i)⟩,

    which is two matrix products, of time O(N 4^n) and memory O(4^n): for 100 000 points at 10
    qubits 10 s on two cores and 1 GB, where the matrix has 80 GB. Elsewhere a product computes the
    matrix tile by tile, and forgets it. Sums of kernels, and constant multiples, are sums and
    multiples of operators.

    Parameters
    ----------
    kernel : Kernel
        A quantum kernel with an exact evaluator, one of scikit-learn's, or a sum, product or power
        of such.
    X : array-like of shape (n_points_X, n_features)
    Y : array-like of shape (n_points_Y, n_features), default=None
        None, X itself and equal content are the symmetric case.
    working_memory : float or str, optional
        What a product may take: a number of MiB or a text such as "4GB"; scikit-learn's setting if
        left out. Prepared points that fit in half of it are kept from one product to the next.

    Returns
    -------
    scipy.sparse.linalg.LinearOperator of shape (n_points_X, n_points_Y)
        Real, with `matvec`, `matmat`, `rmatvec` and `rmatmat`.

    Raises
    ------
    TypeError
        If an evaluator is a sampled one, or the kernel is none.
    ValueError
        If X or Y are not as the kernel expects them.
    MemoryError
        If the working memory is too small for any tile.

    Examples
    --------
    Kernel ridge regression; white noise on the diagonal is the ridge:

    >>> import numpy as np
    >>> import qkernels as qk
    >>> from scipy.sparse.linalg import cg
    >>> from sklearn.gaussian_process.kernels import WhiteKernel
    >>> from qkernels.operators import gram_operator
    >>> X = np.random.default_rng(0).uniform(size=(200, 2))
    >>> kernel = qk.FidelityKernel(qk.feature_maps.zz)
    >>> weights, _ = cg(gram_operator(kernel + WhiteKernel(0.1), X), np.sin(3 * X[:, 0]))
    >>> prediction = gram_operator(kernel, X[:3], X) @ weights
    >>> prediction.shape
    (3,)
    """
    found = parts(kernel)
    for part in found:
        _require_exact(part)
    return _operator(check_inputs(kernel, X, Y), working_bytes(working_memory) // len(found))


def _require_exact(part: Kernel) -> None:
    evaluator = resolve_evaluator(getattr(part, "evaluator", None))
    if isinstance(evaluator, SampledEvaluator):
        raise TypeError(
            "gram_operator: expected a kernel with an exact evaluator, as each product computes "
            f"all kernel values anew, got {evaluator!r}; compute the matrix once, with gram_matrix"
        )


def _operator(inputs: Inputs, memory: int) -> LinearOperator:
    """Return the operator of a kernel, taking sums and constant multiples apart."""
    kernel = inputs.kernel
    if isinstance(kernel, Sum):
        terms = (_operator(inputs._replace(kernel=k), memory) for k in (kernel.k1, kernel.k2))
        return next(terms) + next(terms)
    if isinstance(kernel, Product):
        for factor, other in ((kernel.k1, kernel.k2), (kernel.k2, kernel.k1)):
            if isinstance(factor, ConstantKernel):
                operator = _operator(inputs._replace(kernel=other), memory)
                return float(factor.constant_value) * operator
    if isinstance(kernel, WhiteKernel):
        noise = csr_array(inputs.shape) if inputs.Y is not None else eye_array(len(inputs.X))
        return aslinearoperator(float(kernel.noise_level) * noise)
    if isinstance(kernel, ConstantKernel):
        n, m = inputs.shape
        column = np.full((n, 1), float(kernel.constant_value))
        return aslinearoperator(column) @ aslinearoperator(np.ones((1, m)))
    return _single_operator(inputs, memory)


def _single_operator(inputs: Inputs, memory: int) -> LinearOperator:
    """Return the operator of a kernel that is computed as a whole."""
    sample = sample_points(inputs.kernel, inputs.X)
    a_point = bytes_a_point(sample)
    if _is_exact_fidelity(inputs.kernel, sample):
        size = _real_amplitudes(sample).shape[1]
        spare = memory - 8 * size**2
        if spare >= memory // 2:
            # Beside a prepared point are its amplitudes, scaled, and multiplied.
            return _StateOperator(
                inputs.kernel, *_sides(inputs, a_point + 24 * size, spare), size // 2
            )
    return _TiledOperator(inputs.kernel, *_sides(inputs, a_point, memory))


def _is_exact_fidelity(kernel: Kernel, sample: Prepared) -> bool:
    """Tell whether products of the prepared states are what the kernel compares."""
    return (
        type(kernel) is FidelityKernel
        and type(resolve_evaluator(kernel.evaluator)) in (StatevectorEvaluator, AutoEvaluator)
        and isinstance(sample, PreparedStates)
    )


def _sides(inputs: Inputs, a_point: int, memory: int) -> tuple[PreparedBlocks, PreparedBlocks]:
    """Return rows and columns, one and the same in the symmetric case."""
    edge = tile_edge("auto", inputs.shape, a_point, memory // 2, n_blocks=2)
    if inputs.Y is None:
        rows = PreparedBlocks(inputs.kernel, inputs.X, edge, memory // 2)
        return rows, rows
    rows, columns = (
        PreparedBlocks(inputs.kernel, P, edge, memory // 4) for P in (inputs.X, inputs.Y)
    )
    return rows, columns


class _TiledOperator(LinearOperator):
    """Products with a matrix whose tiles are computed on the way."""

    def __init__(self, kernel: Kernel, rows: PreparedBlocks, columns: PreparedBlocks) -> None:
        super().__init__(np.dtype(np.float64), (len(rows), len(columns)))
        self._kernel, self._rows, self._columns = kernel, rows, columns

    @property
    def _symmetric(self) -> bool:
        return self._rows is self._columns

    def _adjoint(self) -> LinearOperator:
        return self if self._symmetric else _TiledOperator(self._kernel, self._columns, self._rows)

    def _matmat(self, V: np.ndarray) -> np.ndarray:
        n, m = self.shape
        grid = Grid(n, m, self._rows.edge, symmetric=self._symmetric)
        product = np.zeros((n, V.shape[1]), np.result_type(V, np.float64))
        for i, j in grid.tiles():
            rows, columns = grid.rows(i), grid.columns(j)
            diagonal = self._symmetric and i == j
            p, q = self._rows.block(i), None if diagonal else self._columns.block(j)
            tile = compare(self._kernel, p, q)
            product[rows] += tile @ V[columns]
            if self._symmetric and not diagonal:
                product[columns] += tile.T @ V[rows]
        return product


class _StateOperator(_TiledOperator):
    """Products with an exact fidelity matrix, by an observable where that takes less work."""

    def __init__(
        self, kernel: Kernel, rows: PreparedBlocks, columns: PreparedBlocks, n_states: int
    ) -> None:
        super().__init__(kernel, rows, columns)
        self._n_states = n_states

    def _adjoint(self) -> LinearOperator:
        sides = self._columns, self._rows
        return self if self._symmetric else _StateOperator(self._kernel, *sides, self._n_states)

    def _matmat(self, V: np.ndarray) -> np.ndarray:
        if self._tiles_take_less(V.shape[1]):
            return super()._matmat(V)
        if np.iscomplexobj(V):
            return self._matmat(V.real) + 1j * self._matmat(V.imag)
        return np.stack([self._product(v) for v in V.T.astype(np.float64)], axis=1)

    def _tiles_take_less(self, n_vectors: int) -> bool:
        """Compare 4 d² operations a point and vector with 8 d a kernel value, 4 if symmetric."""
        n, m = self.shape
        return n_vectors * self._n_states * (n + m) > (1 if self._symmetric else 2) * n * m

    def _product(self, v: np.ndarray) -> np.ndarray:
        """Return K v, with real amplitudes z = (Re φ, Im φ) in place of complex ones.

        With J z = (−Im φ, Re φ), a fidelity is (z·z′)² + (z·J z′)², so that (K v)_i is the
        quadratic form z_iᵀ (G + J G Jᵀ) z_i of G = Σ_j v_j z_j z_jᵀ.
        """
        form = _symmetrised(self._weighted_sum(v))
        product = np.empty(self.shape[0])
        for rows, states in self._rows:
            Z = _real_amplitudes(states)
            product[rows] = np.einsum("ij,ij->i", Z, dtrmm(2.0, form, Z.T).T)
        return product

    def _weighted_sum(self, v: np.ndarray) -> np.ndarray:
        """Return the upper half of Σ_j v_j z_j z_jᵀ: positive terms less negative ones."""
        total = np.zeros((2 * self._n_states,) * 2, order="F")
        for columns, states in self._columns:
            Z, weights = _real_amplitudes(states), v[columns]
            for sign in (1.0, -1.0):
                chosen = sign * weights > 0
                if chosen.any():
                    S = Z[chosen] * np.sqrt(sign * weights[chosen])[:, np.newaxis]
                    total = dsyrk(sign, S.T, beta=1.0, c=total, overwrite_c=True)
        return total


def _symmetrised(G: np.ndarray) -> np.ndarray:
    """Turn the upper half of G into that of G + J G Jᵀ, with half of the diagonal."""
    d = len(G) // 2
    G[:d, :d] += G[d:, d:]
    G[d:, d:] = G[:d, :d]
    G[:d, d:] -= G[:d, d:].T.copy()
    G[np.diag_indices(2 * d)] /= 2
    return G


def _real_amplitudes(states: Any) -> np.ndarray:
    """Return (Re φ, Im φ) of the whole states, whose unconnected parts are factors."""
    if len(states.parts) == 1:
        return np.hstack(states.parts[0], dtype=np.float64)
    whole = np.ones((len(states), 1))
    for re, im in states.parts:
        part = re.astype(np.float64) + 1j * im
        whole = np.einsum("ia,ib->iab", whole, part).reshape(len(states), -1)
    return np.hstack([whole.real, whole.imag])
