"""What is corrected in counts and in kernel matrices, as small values.

What lives here: readout errors, the weights of outcomes, depolarizing noise, the mark of unbiased
projected distances; and the check of a list of them. They say what is to be corrected. How a shot
is read with them is the business of `readings`; positive semidefinite repair, of `qkernels.psd`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any, TypeAlias

import cirq
import numpy as np

from qkernels.feature_maps.validation import integer, real, typed

Diagonal: TypeAlias = tuple[np.ndarray, np.ndarray]  # Values, and their variances

_METHODS = ("single", "average", "split")


@dataclass(frozen=True, repr=False)
class Readout:
    """Readout errors of each qubit by itself, taken out of every shot.

    The mean of corrected shots is that of a device without readout errors, if errors of different
    qubits are independent and given rightly: their uncertainty is not in the error bars. Corrected
    shots spread more, the more the more qubits are measured.

    Parameters
    ----------
    errors : mapping, SingleQubitReadoutCalibrationResult or TensoredConfusionMatrices
        For each qubit P(1|0), the chance to read a prepared 0 as 1, and P(0|1); or what
        `cirq.experiments.estimate_parallel_single_qubit_readout_errors` returns; or what
        `cirq.measure_confusion_matrix` returns for qubits one by one. Confusion matrices may have
        rows or columns for what was prepared: Cirq has both, and the one that sums to 1 is it.

    Attributes
    ----------
    errors : tuple of (cirq.Qid, (float, float))
        In the order of the qubits.

    Raises
    ------
    TypeError
        If `errors` is none of these, or a key is not a qubit.
    ValueError
        If an error is not a probability, or a confusion matrix is not one of a single qubit.

    References
    ----------
    S. Bravyi et al., "Mitigating measurement errors in multiqubit experiments", arXiv 2006.14044:
    tensor product noise.

    Examples
    --------
    >>> import cirq
    >>> a = cirq.q("a")
    >>> readout = Readout({a: (0.1, 0.3)})
    >>> readout
    Readout({cirq.NamedQubit('a'): (0.1, 0.3)})
    >>> readout.inverse([a]).round(3)
    array([[[ 1.167, -0.5  ],
            [-0.167,  1.5  ]]])
    """

    errors: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "errors", _readout_errors(self.errors))

    def __repr__(self) -> str:
        return f"Readout({dict(self.errors)!r})"

    def inverse(self, qubits: Sequence[cirq.Qid]) -> np.ndarray:
        """Return the qubits' inverse confusion matrices, (n_qubits, 2, 2), [ideal, observed].

        Raises
        ------
        ValueError
            If a qubit has no errors here, or errors that add up to 1 or more.
        """
        known = dict(self.errors)
        if missing := [qubit for qubit in qubits if qubit not in known]:
            raise ValueError(
                f"expected readout errors of every measured qubit, got none of {_names(missing)}; "
                f"there are those of {_names(known) or 'no qubit'}"
            )
        if useless := [qubit for qubit in qubits if sum(known[qubit]) >= 1]:
            raise ValueError(
                f"expected readout errors that add up to less than 1, got "
                f"{known[useless[0]]} on {useless[0]}, which cannot be undone"
            )
        e0, e1 = np.array([known[qubit] for qubit in qubits]).reshape(-1, 2).T
        inverse = np.array([[1 - e1, -e1], [-e0, 1 - e0]]) / (1 - e0 - e1)
        return np.ascontiguousarray(inverse.transpose(2, 0, 1))


@dataclass(frozen=True)
class BitFlipTolerance:
    """Count outcomes with at most h ones as 0ⁿ: a fidelity that forgives h flipped bits.

    This changes what a fidelity means: P(|b| ≤ h) is above P(0ⁿ) without any noise as well. It
    keeps the kernel of wide circuits from vanishing. With h = 0 nothing is changed, with
    h = n_bits the kernel is 1.

    It also differs between U(y)†U(x) and U(x)†U(y). Of each pair one of them is measured, by the
    order of the points' angles, wherever the pair occurs; so the matrix is symmetric, and training
    and test entries agree.

    Parameters
    ----------
    h : int
        From 0 to the number of measured qubits.

    Raises
    ------
    ValueError
        If `h` is not an integer of at least 0.

    References
    ----------
    G. Agliardi et al., "Mitigating exponential concentration in covariant quantum kernels for
    subspace and real-world data", arXiv 2412.07915.

    Examples
    --------
    >>> BitFlipTolerance(1).weights(3)
    array([1., 1., 0., 0.])
    """

    h: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "h", integer(self.h, "h", 0))

    def weights(self, n_bits: int) -> np.ndarray:
        """Return what an outcome with 0, ..., `n_bits` ones counts, (n_bits + 1,).

        Raises
        ------
        ValueError
            If `h` is above `n_bits`.
        """
        if self.h > n_bits:
            raise ValueError(f"expected h of at most {n_bits}, the measured qubits, got {self.h}")
        return (np.arange(n_bits + 1) <= self.h).astype(float)


@dataclass(frozen=True)
class HammingWeights:
    """Count an outcome with j ones as exp(-j/τ): a fidelity that fades bit by bit.

    This changes what a fidelity means, as `BitFlipTolerance` does. τ → 0 is P(0ⁿ), and τ → ∞ the
    constant 1.

    Parameters
    ----------
    tau : float
        Positive.

    Raises
    ------
    ValueError
        If `tau` is not a positive finite number.

    References
    ----------
    A. Agnihotri et al., "Support vector machine with a scalable quantum kernel", arXiv 2605.31449:
    kernels made of all outcomes by their Hamming weights.

    Examples
    --------
    >>> HammingWeights(1.0).weights(2).round(4)
    array([1.    , 0.3679, 0.1353])
    """

    tau: float

    def __post_init__(self) -> None:
        tau = real(self.tau, "tau")
        if tau <= 0:
            raise ValueError(f"expected tau to be positive, got {self.tau!r}")
        object.__setattr__(self, "tau", tau)

    def weights(self, n_bits: int) -> np.ndarray:
        """Return what an outcome with 0, ..., `n_bits` ones counts, (n_bits + 1,)."""
        return np.exp(-np.arange(n_bits + 1) / self.tau)


@dataclass(frozen=True)
class Depolarizing:
    """Undo global depolarizing noise, whose strength measured diagonal entries tell.

    A circuit that is depolarized with probability λ reads K as (1 - λ) K + λ B, where B is what a
    wholly mixed state reads. A diagonal entry should be 1, so it tells its own λ̂_i = (1 - K_ii) /
    (1 - B); entries are corrected to (K - λ B)/(1 - λ). The methods differ in λ:

    - "single": λ̂ of the first training point, for all entries;
    - "average": the λ̂ of the mean of all training points, for all entries;
    - "split": λ_ij = λ_i + λ_j - λ_i λ_j of the two points, with 1 - λ_i = √(1 - λ̂_i).

    All of them are K - B → (K - B)(1 - B)/G, where G is K_ii - B of the first training point, its
    mean, or √((K_ii - B)(K_jj - B)): "split" makes the diagonal 1, as a correlation has it.

    Training points are those of the columns, as in ``kernel(X_test, X_train)``. So with every
    method a training entry and a test entry are corrected by the same rule, and one classifier
    sees both; only "split" needs the test points' diagonal entries. Noise that is not
    depolarizing, such as coherent errors and decay, is not undone.

    Parameters
    ----------
    method : {"single", "average", "split"}

    Raises
    ------
    ValueError
        If `method` is none of these.

    References
    ----------
    T. Hubregtsen et al., "Training quantum embedding kernels on near-term quantum computers",
    arXiv 2105.02276, section V.

    Examples
    --------
    >>> import numpy as np
    >>> K, variance = np.array([[0.7, 0.4], [0.4, 0.7]]), np.full((2, 2), 0.001)
    >>> diagonal = np.diagonal(K), np.diagonal(variance)
    >>> corrected, variance = Depolarizing("split").correct(
    ...     K, variance, diagonal, None, 0.25, symmetric=True
    ... )
    >>> corrected.round(6)
    array([[1. , 0.5],
           [0.5, 1. ]])
    """

    method: str

    def __post_init__(self) -> None:
        if self.method not in _METHODS:
            raise ValueError(f"method: expected one of {list(_METHODS)}, got {self.method!r}")

    def correct(
        self,
        K: np.ndarray,
        variance: np.ndarray,
        rows: Diagonal | None,
        columns: Diagonal | None,
        background: float,
        *,
        symmetric: bool,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the corrected entries and their variances.

        Variances are of first order in the entry and the diagonal entries, all independent unless
        the entry is one of these. What is 1 by construction has variance 0. Errors of different
        corrected entries are correlated, since they share diagonal entries.

        Parameters
        ----------
        K : ndarray of shape (n_rows, n_columns)
        variance : ndarray of shape (n_rows, n_columns)
            That of each entry.
        rows : pair of ndarray of shape (n_rows,), or None
            Diagonal entries of the rows' points, and their variances. None if not measured, which
            does for "single" and "average" unless `symmetric`.
        columns : pair of ndarray of shape (n_columns,), or None
            Those of the columns' points; not looked at if `symmetric`. For "single" and "average"
            they are those of all training points, also if K has only some of their columns.
        background : float
            What the wholly mixed state reads; see `background`.
        symmetric : bool
            Whether columns are rows, so that K[i, i] is itself the diagonal entry.

        Returns
        -------
        corrected : ndarray of shape (n_rows, n_columns)
        variance : ndarray of shape (n_rows, n_columns)

        Raises
        ------
        ValueError
            If a diagonal that the method needs is missing, or has an entry that is not above
            `background`.
        """
        if symmetric:
            columns = rows
        last = self._excess(columns, background, "rows" if symmetric else "columns")
        first = self._excess(rows, background, "rows") if self.method == "split" else last
        scale, uncertainty = self._scale(first, last)
        excess = K - background
        corrected = K + excess * ((1 - background) / scale - 1)
        spread = variance + (excess / scale) ** 2 * uncertainty
        if symmetric and self.method == "split":
            np.fill_diagonal(corrected, 1)
            np.fill_diagonal(spread, 0)
        elif symmetric:
            # A diagonal entry has a share in its own divisor.
            used = np.arange(len(last[0]))
            spread[used, used] -= 2 * excess[used, used] / scale * last[1] / len(used)
        return corrected, spread * ((1 - background) / scale) ** 2

    def _excess(self, side: Diagonal | None, background: float, word: str) -> Diagonal:
        """Return how far the diagonal entries in use are above the background."""
        if side is None:
            raise ValueError(
                f"{self!r}: expected measured diagonal entries of the {word}, got none; the "
                "noise cannot be told from a diagonal that is taken to be 1"
            )
        values, variances = (array[: 1 if self.method == "single" else None] for array in side)
        low = np.flatnonzero(~(values > background))
        if low.size:
            raise ValueError(
                f"{self!r}: expected diagonal entries above {background:.6g}, which is what pure "
                f"noise reads, got {values[low[0]]:.6g} at index {low[0]} of the {word}; measure "
                "it with more repetitions, or a shallower circuit, or leave the point out"
            )
        return values - background, variances

    def _scale(self, rows: Diagonal, columns: Diagonal) -> Diagonal:
        """Return the excess that stands for 1, of all entries or of each, and its variance."""
        (d, v), (e, w) = rows, columns
        if self.method == "split":
            return np.sqrt(np.outer(d, e)), (np.outer(v / d, e) + np.outer(d, w / e)) / 4
        return e.mean(), w.sum() / len(w) ** 2


@dataclass(frozen=True)
class UnbiasedDistances:
    """Take shot noise out of the squared distances of a projected kernel.

    A feature m̂ estimated from S shots of ±1 has E[m̂²] = μ² + (1 - μ²)/S, so distances come out
    too large. The unbiased one is Σ [(m - m')² - v - v'], where v = (1 - m²)/(S - 1) estimates
    the variance of m; in general, that of its shot values, which needs two shots at least. A
    distance below 0 is taken as 0, so that no entry is above 1; the diagonal stays 1. The kernel
    exp(-γ D) of an unbiased distance is itself not free of bias.

    Examples
    --------
    >>> UnbiasedDistances()
    UnbiasedDistances()
    """


Mitigation: TypeAlias = (
    Readout | BitFlipTolerance | HammingWeights | Depolarizing | UnbiasedDistances
)

_KINDS = ("inversion", "bell", "expectations")
# What each applies to, and why not to the rest. The order is that of application.
_APPLIES: dict[type, tuple[tuple[str, ...], str]] = {
    Readout: (_KINDS, ""),
    BitFlipTolerance: (("inversion",), "only there do ones say how far a state is from 0ⁿ"),
    HammingWeights: (("inversion",), "only there do ones say how far a state is from 0ⁿ"),
    Depolarizing: (
        ("inversion", "bell"),
        "expectation values have no diagonal that tells the noise",
    ),
    UnbiasedDistances: (("expectations",), "fidelities have no projected distances"),
}


def background(weights: np.ndarray) -> float:
    """Return what the wholly mixed state reads: 2⁻ⁿ Σ_j C(n, j) g(j).

    Parameters
    ----------
    weights : ndarray of shape (n_bits + 1,)
        g(0), ..., g(n_bits); (1, 0, ..., 0) for the fidelity.

    Examples
    --------
    >>> background(BitFlipTolerance(0).weights(2)), background(BitFlipTolerance(1).weights(2))
    (0.25, 0.75)
    """
    n = len(weights) - 1
    return sum(comb(n, j) / 2**n * float(weight) for j, weight in enumerate(weights))


def check_mitigation(items: Iterable[Mitigation], *, kind: str) -> tuple[Mitigation, ...]:
    """Return mitigations in the order in which they are applied.

    The order is readout, weights of outcomes, depolarizing noise or unbiased distances.

    Parameters
    ----------
    items : iterable of Readout, BitFlipTolerance, HammingWeights, Depolarizing, UnbiasedDistances
        In any order, each at most once.
    kind : {"inversion", "bell", "expectations"}
        What they are for.

    Raises
    ------
    TypeError
        If `items` is not a list of such objects.
    ValueError
        If `kind` is none of these, an item does not apply to it, or two exclude each other.

    Examples
    --------
    >>> check_mitigation([Depolarizing("split"), BitFlipTolerance(1)], kind="inversion")
    (BitFlipTolerance(h=1), Depolarizing(method='split'))
    """
    if kind not in _KINDS:
        raise ValueError(f"kind: expected one of {list(_KINDS)}, got {kind!r}")
    if isinstance(items, str) or not isinstance(items, Iterable):
        raise TypeError(f"mitigation: expected a list of mitigations, got {typed(items)}")
    items, order = tuple(items), list(_APPLIES)
    for item in items:
        _check_applies(item, kind)
    _check_together(items)
    return tuple(sorted(items, key=lambda item: order.index(type(item))))


def _check_applies(item: Any, kind: str) -> None:
    if type(item) not in _APPLIES:
        names = ", ".join(known.__name__ for known in _APPLIES)
        raise TypeError(f"mitigation: expected objects of {names}, got {typed(item)}")
    kinds, why = _APPLIES[type(item)]
    if kind not in kinds:
        raise ValueError(
            f"mitigation: {item!r} applies to {' and '.join(map(repr, kinds))}, got {kind!r}: {why}"
        )


def _check_together(items: tuple[Mitigation, ...]) -> None:
    counts = Counter(type(item).__name__ for item in items)
    if repeated := [name for name, number in counts.items() if number > 1]:
        raise ValueError(f"mitigation: expected at most one {repeated[0]}, got {items!r}")
    if counts["BitFlipTolerance"] and counts["HammingWeights"]:
        raise ValueError(
            "mitigation: expected BitFlipTolerance or HammingWeights, which both say what an "
            f"outcome counts, got {items!r}"
        )


# -- Readout errors


def _readout_errors(source: Any) -> tuple[tuple[cirq.Qid, tuple[float, float]], ...]:
    """Return the errors (P(1|0), P(0|1)) of each qubit, in the order of the qubits."""
    if isinstance(source, cirq.experiments.SingleQubitReadoutCalibrationResult):
        zeros, ones = source.zero_state_errors, source.one_state_errors
        source = {qubit: (zeros[qubit], ones[qubit]) for qubit in zeros.keys() & ones.keys()}
    elif isinstance(source, cirq.TensoredConfusionMatrices):
        pairs = zip(source.measure_qubits, source.confusion_matrices, strict=True)
        source = dict(_of_confusion_matrix(qubits, matrix) for qubits, matrix in pairs)
    if not isinstance(source, Mapping) or not all(isinstance(key, cirq.Qid) for key in source):
        raise TypeError(
            "errors: expected a mapping from qubits to (P(1|0), P(0|1)), a cirq "
            f"SingleQubitReadoutCalibrationResult or TensoredConfusionMatrices, got {typed(source)}"
        )
    return tuple((qubit, _probabilities(qubit, source[qubit])) for qubit in sorted(source))


def _of_confusion_matrix(
    qubits: Sequence[cirq.Qid], matrix: np.ndarray
) -> tuple[cirq.Qid, tuple[float, float]]:
    if len(qubits) != 1:
        raise ValueError(
            "errors: expected a confusion matrix for each qubit by itself, got one for "
            f"{_names(qubits)}; cirq.measure_confusion_matrix(sampler, [[q] for q in qubits]) "
            "measures them so"
        )
    # Cirq measures rows = prepared, and its readout_mitigation_pauli_uncorrelated takes columns.
    # Where both sum to 1 the matrix is symmetric.
    for prepared in (matrix, np.transpose(matrix)):
        if np.allclose(prepared.sum(axis=1), 1, atol=1e-6):
            return qubits[0], (prepared[0, 1], prepared[1, 0])
    raise ValueError(
        "errors: expected a confusion matrix whose rows or columns sum to 1, got "
        f"{np.asarray(matrix).tolist()} for {qubits[0]}"
    )


def _probabilities(qubit: cirq.Qid, pair: Any) -> tuple[float, float]:
    try:
        e0, e1 = (real(error, "it") for error in pair)
    except (TypeError, ValueError):
        e0 = e1 = np.nan
    if not (0 <= e0 <= 1 and 0 <= e1 <= 1):
        raise ValueError(
            f"errors: expected the probabilities (P(1|0), P(0|1)) of {qubit}, got {pair!r}"
        )
    return e0, e1


def _names(qubits: Iterable[cirq.Qid]) -> str:
    return ", ".join(map(str, qubits))
