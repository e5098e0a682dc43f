"""Wide circuits: matrix product states, with a bound on every number that is computed of them."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import cirq
import numpy as np

from qkernels.compilation import compile_feature_map
from qkernels.compilation.chain import Chain
from qkernels.evaluators.arguments import (
    checked_parameters,
    checked_points,
    checked_precision,
    parameter_key,
)
from qkernels.evaluators.bounds import angle_of_groups, expectation_bounds, fidelity_bounds
from qkernels.evaluators.cache import Arrays, shared_cache
from qkernels.evaluators.mps_chains import measured_chain, overlap_chain
from qkernels.evaluators.mps_comparison import (
    MPSArrays,
    gram_room_size,
    measurement_room_size,
    mps_expectations,
    mps_gram_matrix,
)
from qkernels.evaluators.mps_report import MPSReport, shared_record
from qkernels.evaluators.mps_simulation import LEAST_SEEN, Block, ChainSimulation, Truncation
from qkernels.evaluators.mps_states import PreparedMPS
from qkernels.evaluators.mps_words import word_program
from qkernels.evaluators.observables import Words, read_words
from qkernels.evaluators.rows import stacked
from qkernels.evaluators.values import SharedValue
from qkernels.feature_maps import FeatureMap
from qkernels.feature_maps.validation import integer, real
from qkernels.memory import parse_size, require_memory

# What one instruction may add to a state's error, in units of rounding. Rounding itself adds up as
# steps at random do, to about the root of their number. But exact factorisations leave out what is
# below 15 units, and its weight is not kept: couplings by such angles, repeated, add up.
_ROUNDINGS = 30.0
# States are measured so many bytes at a time.
_BYTES_AT_ONCE, _POINTS_AT_FIRST = 2**26, 32


class MPSEvaluator(SharedValue):
    """Fidelities and expectation values of wide, shallow circuits by matrix product states.

    A state is a chain of tensors, one a qubit, whose bonds are as large as the qubits on their two
    sides are entangled [1]_: circuits of hundreds of qubits cost little as long as bonds stay
    small. Bonds are truncated; the weight that this discards is kept, and bounds the error of every
    fidelity and expectation value. The qubits' order on the chain is chosen once a circuit.

    An evaluator is a shared value: a copy is the evaluator itself, two with equal arguments are
    equal and share, within one process, the points that they have prepared.

    Parameters
    ----------
    max_bond : int, optional
        No bond is larger. Where that discards more than `truncation` allows, a warning says how
        much, and the bounds grow.
    truncation : float, default=1e-12
        The weight that one truncation of one bond may discard: the squared norm of the part of
        the state that is projected away, of that of the whole. Where `max_bond` decides, that is
        the sum of the squared singular values that are dropped; elsewhere vectors are chosen by
        pivots, in bonds that are hardly larger. At least 0, where nothing but rounding errors is
        dropped, and below 1.
    precision : {"double", "single"}, default="double"
        "single" halves memory and nearly doubles speed; a truncation then discards up to about
        3e-12 in any case. Bounds allow for rounding: in single precision by some 1e-3, of which
        circuits use a hundredth, unless they repeat couplings by angles of 1e-6.
    cache_size : int or str, default="512MB"
        Bytes of prepared points that are kept for the next call; "0MB" keeps none.
    verbose : int, default=0
        Whether a progress bar of the states is shown.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these.

    References
    ----------
    .. [1] G. Vidal, "Efficient classical simulation of slightly entangled quantum computations",
       Physical Review Letters 91, 147902 (2003).

    Examples
    --------
    >>> import numpy as np
    >>> import qkernels as qk
    >>> X = np.random.default_rng(0).uniform(0, 2, (20, 100))
    >>> evaluator = qk.MPSEvaluator()
    >>> K = qk.FidelityKernel(qk.feature_maps.ising(100, gamma=0.1), evaluator=evaluator)(X)
    >>> report = evaluator.report()
    >>> report.n_qubits, int(report.largest_bonds.max()), report.fidelity_bound < 1e-4
    (100, 2, True)
    """

    def __init__(
        self,
        *,
        max_bond: int | None = None,
        truncation: float = 1e-12,
        precision: str = "double",
        cache_size: int | str = "512MB",
        verbose: int = 0,
    ) -> None:
        self._dtype = checked_precision(precision)
        if not 0 <= real(truncation, "truncation") < 1:
            raise ValueError(f"truncation: expected a number from 0 to below 1, got {truncation!r}")
        self.max_bond = None if max_bond is None else integer(max_bond, "max_bond", 1)
        # Adding 0.0 makes -0.0 the same.
        self.truncation = float(truncation) + 0.0
        self.precision = precision
        self.cache_size = cache_size
        self.verbose = integer(verbose, "verbose", 0)
        self._cache = shared_cache(self.fingerprint(), parse_size(cache_size, "cache_size"))
        self._record = shared_record(self.fingerprint())

    @property
    def takes_layers(self) -> bool:
        """Whether couplings that reach far are applied in layers.

        They are where a layer's density matrices show weights as small as those that may be lost.
        """
        return self.precision == "double" and self.truncation >= LEAST_SEEN

    def _key(self) -> tuple:
        numbers = self.max_bond, self.truncation, self.precision
        return (*numbers, parse_size(self.cache_size), self.verbose)

    def _arguments(self) -> dict[str, Any]:
        names = ("max_bond", "truncation", "precision", "cache_size", "verbose")
        return {name: getattr(self, name) for name in names}

    def __reduce__(self) -> tuple:
        return functools.partial(MPSEvaluator, **self._arguments()), ()

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self._arguments().items())
        return f"MPSEvaluator({given})"

    def fingerprint(self) -> str:
        """Return a text that changes whenever the computed numbers could change."""
        return f"mps-2:{self.precision}:{self.truncation!r}:{self.max_bond}"

    def without_cache(self) -> MPSEvaluator:
        """Return an evaluator of the same numbers that keeps no prepared points."""
        return MPSEvaluator(**self._arguments() | {"cache_size": "0MB"})

    def clear_cache(self) -> None:
        """Forget the prepared points, and give their memory back."""
        self._cache.clear()

    def report(self) -> MPSReport:
        """Return bonds, discarded weights, error bounds and memory of what was prepared last.

        It covers all states of the last circuit and parameters that evaluators with the same
        numbers have prepared in this process; those of worker processes are not in it.

        Returns
        -------
        MPSReport
            A text when printed.
        """
        return self._record.report()

    def embed(
        self, feature_map: FeatureMap, inputs: Any, parameters: Any | None = None
    ) -> PreparedMPS:
        """Prepare the states of some points.

        What all points of one feature map share at the end of its circuit is left out, and qubits
        that no data reach: no fidelity can see them.

        Parameters
        ----------
        feature_map : FeatureMap
        inputs : array-like of shape (n_points, n_features)
            What the circuit takes: `feature_map.encode(X)` times the bandwidth.
        parameters : array-like of shape (n_parameters,), optional

        Returns
        -------
        PreparedMPS

        Raises
        ------
        ValueError
            If the circuit cannot be compiled, an angle is not a finite number, there are no points,
            or truncations leave so little of a state that no number holds it.
        MemoryError
            If the states would not fit; the message says how much they need, and what helps.
        """
        inputs, values = checked_points(inputs), checked_parameters(parameters)
        chain = overlap_chain(feature_map, self.takes_layers)
        space = feature_map, parameter_key(values)

        def states(points: np.ndarray) -> Arrays:
            angles = compile_feature_map(feature_map).angles(points, values)
            return self._states(chain, angles, space)

        re, im, bonds, weights = self._cache.get(space, inputs, states)
        rounding = np.full(len(inputs), self._rounding(chain))
        return PreparedMPS(MPSArrays(re, im, bonds), weights, rounding)

    def restore(self, arrays: Mapping[str, np.ndarray]) -> PreparedMPS:
        """Return the prepared points whose `arrays()` these are."""
        return PreparedMPS.from_arrays(arrays)

    def fidelities(
        self, a: PreparedMPS, b: PreparedMPS | None = None, *, return_std: bool = False
    ) -> Any:
        """Return the fidelities |⟨a_i|b_j⟩|².

        Parameters
        ----------
        a : PreparedMPS
        b : PreparedMPS, optional
            Prepared by the same feature map and parameters. None, or `a` itself, is the symmetric
            case.
        return_std : bool, default=False
            Whether to return the standard errors too; they are 0 here. `fidelity_bounds` says by
            how much truncation may have moved each fidelity.

        Returns
        -------
        ndarray of shape (len(a), len(b)), or two of them

        Raises
        ------
        ValueError
            If the two are of circuits with different numbers of qubits.
        MemoryError
            If the result would not fit.
        """
        other = _alike(a, b)
        if not len(a) or not len(other):
            gram = np.empty((len(a), len(other)))
            return (gram, gram.copy()) if return_std else gram
        require_memory(
            8 * len(a) * len(other) * (1 + return_std) + gram_room_size(a.states, other.states),
            f"for a Gram matrix of {len(a)} x {len(other)}",
            "compare blocks of the points instead of all at once",
        )
        gram = mps_gram_matrix(a.states, other.states, symmetric=other is a)
        return (gram, np.zeros_like(gram)) if return_std else gram

    def fidelity_bounds(self, a: PreparedMPS, b: PreparedMPS | None = None) -> np.ndarray:
        """Return by how much each fidelity may be off.

        Parameters
        ----------
        a, b
            As in `fidelities`.

        Returns
        -------
        ndarray of shape (len(a), len(b))
            What the discarded weights bound, see `qkernels.evaluators.bounds`, and an allowance
            for rounding. 0 on the diagonal of the symmetric case.
        """
        other = _alike(a, b)
        bounds = fidelity_bounds(self.fidelities(a, b), a.angles, other.angles)
        bounds += np.add.outer(a.rounding, other.rounding)
        if other is a:
            np.fill_diagonal(bounds, 0.0)
        return np.minimum(bounds, 1.0)

    def expectations(
        self,
        feature_map: FeatureMap,
        inputs: Any,
        parameters: Any | None = None,
        *,
        observables: Sequence[cirq.PauliString],
        return_std: bool = False,
    ) -> Any:
        """Return expectation values of Pauli strings.

        Gates outside the light cones of all strings are left out.

        Parameters
        ----------
        feature_map, inputs, parameters
            As in `embed`.
        observables : sequence of cirq.PauliString
            With real coefficients, on qubits of the map.
        return_std : bool, default=False
            Whether to return the standard errors too; they are 0 here. `expectation_bounds` says
            by how much truncation may have moved each value.

        Returns
        -------
        ndarray of shape (n_points, n_observables), or two of them

        Raises
        ------
        ValueError
            If the circuit cannot be compiled, an angle is not a finite number, an observable is
            on another qubit or is not Hermitian, there are no points, or truncations leave so
            little of a state that no number holds it.
        MemoryError
            As `embed` does.
        """
        words = read_words(feature_map.qubits, observables)
        # Callers may write to what they get; what is kept must not change.
        values = self._measured(feature_map, inputs, parameters, words)[0].copy()
        return (values, np.zeros_like(values)) if return_std else values

    def expectation_bounds(
        self,
        feature_map: FeatureMap,
        inputs: Any,
        parameters: Any | None = None,
        *,
        observables: Sequence[cirq.PauliString],
    ) -> np.ndarray:
        """Return by how much each expectation value may be off.

        Parameters
        ----------
        feature_map, inputs, parameters, observables
            As in `expectations`.

        Returns
        -------
        ndarray of shape (n_points, n_observables)
            What the discarded weights bound, see `qkernels.evaluators.bounds`, and an allowance
            for rounding; 0 for multiples of the identity.
        """
        words = read_words(feature_map.qubits, observables)
        values, angles, rounding = self._measured(feature_map, inputs, parameters, words)
        pairs = zip(words.coefficients, words.letters, strict=True)
        norms = np.array([abs(c) if letters else 0.0 for c, letters in pairs])
        bounds = expectation_bounds(values, angles, norms)
        return np.minimum(bounds + np.outer(2 * rounding, norms), 2 * norms)

    def _measured(
        self, feature_map: FeatureMap, inputs: Any, parameters: Any | None, words: Words
    ) -> Arrays:
        """Return values of words, and angle and rounding of the states they are measured in."""
        inputs, values = checked_points(inputs), checked_parameters(parameters)
        require_memory(
            8 * len(inputs) * len(words.letters),
            f"for {len(words.letters)} expectation values at {len(inputs)} points",
            "take fewer points at a time, or fewer observables",
        )
        chain = measured_chain(feature_map, words, self.takes_layers)
        space = feature_map, parameter_key(values), words

        def measured(points: np.ndarray) -> Arrays:
            angles = compile_feature_map(feature_map).angles(points, values)
            return self._measure(chain, angles, words, space)

        return self._cache.get(space, inputs, measured)

    def _measure(self, chain: Chain, angles: np.ndarray, words: Words, space: tuple) -> Arrays:
        """Measure words, a few states at a time."""
        sites = {qubit: site for site, qubit in enumerate(chain.qubits)}
        letters = [tuple((sites[q], letter) for q, letter in word) for word in words.letters]
        program = word_program(letters, len(sites))
        found = []
        first, step = 0, _POINTS_AT_FIRST
        while first < len(angles):
            *planes, weights = self._states(chain, angles[first : first + step], space)
            states = MPSArrays(*planes)
            require_memory(
                measurement_room_size(states, program),
                f"to measure {len(words.letters)} Pauli words",
                "measure fewer at a time, or give max_bond",
            )
            values = mps_expectations(states, program)
            found.append((values * np.array(words.coefficients), angle_of_groups(weights)))
            first += step
            # The bonds say how many of the next states fit.
            step = max(_POINTS_AT_FIRST, _BYTES_AT_ONCE // (2 * states.re[0].nbytes))
        values, off = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        return values, off, np.full(len(off), self._rounding(chain))

    def _states(self, chain: Chain, angles: np.ndarray, space: tuple) -> Arrays:
        """Return tensors, bonds and discarded weights of some points."""
        self._record.start(space)
        truncation = Truncation(self.truncation, self.max_bond)
        simulation = ChainSimulation(chain, angles, self._dtype, truncation)
        blocks: list[Block] = []
        for block in simulation.blocks(self.verbose):
            blocks.append(block)
            self._require_norms(block)
            self._require_memory(blocks, len(angles))
        re, im = stacked([b.re for b in blocks]), stacked([b.im for b in blocks])
        bonds = np.concatenate([block.bonds for block in blocks])
        weights = np.concatenate([block.weights for block in blocks])
        capped = any(block.capped for block in blocks)
        self._add_to_record(chain, re.nbytes + im.nbytes, bonds, weights, capped=capped)
        return re, im, bonds, weights

    def _require_memory(self, blocks: list[Block], n_points: int) -> None:
        """Refuse to keep the states of all points if they do not fit, as far as bonds tell."""
        widths = [block.re.shape[1] for block in blocks]
        if widths[-1] > max(widths[:-1], default=0):
            require_memory(
                # They are put together once all are there.
                2 * n_points * widths[-1] * 2 * self._dtype.itemsize,
                f"to keep {n_points} matrix product states of {widths[-1]} amplitudes",
                "take fewer points at a time, precision='single', or give max_bond",
            )

    def _require_norms(self, block: Block) -> None:
        """Refuse states of which truncations have left less than numbers can hold."""
        if _are_left(block).all():
            return
        what, more = "max_bond", f"a larger max_bond than {self.max_bond}"
        if self.max_bond is None:
            what, more = "truncation", f"a smaller truncation than {self.truncation:g}"
        raise ValueError(
            f"expected {what} to leave something of each state, got one of which {self.precision} "
            f"precision holds nothing: give {more}, or take a map with fewer layers"
        )

    def _rounding(self, chain: Chain) -> float:
        """Return an allowance for rounding, in the norm of a state."""
        operations = len(chain.program.instructions) + len(chain.qubits)
        return _ROUNDINGS * float(np.finfo(self._dtype).eps) * operations

    def _add_to_record(
        self, chain: Chain, nbytes: int, bonds: np.ndarray, weights: np.ndarray, *, capped: bool
    ) -> None:
        """Note what became of some states; say once what `max_bond` has cost."""
        record = self._record
        angles = angle_of_groups(weights)
        rounding = self._rounding(chain)
        record.add(bonds, weights, angles, rounding=rounding, nbytes=nbytes, capped=capped)
        if not capped or record.warned:
            return
        record.warned = True
        warnings.warn(
            f"max_bond={self.max_bond} was reached: up to {weights.sum(axis=1).max():.2g} of a "
            f"state was discarded, where truncation={self.truncation:g} was asked for; fidelities "
            f"may be off by up to {record.report().fidelity_bound:.2g} (see report())",
            stacklevel=2,
        )


def _are_left(block: Block) -> np.ndarray:
    """Return whether there are numbers for what truncations have left of each state.

    The first tensor is the centre of orthogonality, so that its norm is the state's: 1, unless the
    squares of its numbers have vanished before it was normalised.
    """
    ends = 2 * block.bonds[:, 1:2]
    squares = [np.square(plane[:, : ends.max()]) for plane in (block.re, block.im)]
    norms = np.sum(sum(squares), axis=1, where=np.arange(ends.max()) < ends)
    return (norms > 0.5) & np.isfinite(block.weights).all(axis=1)


def _alike(a: PreparedMPS, b: PreparedMPS | None) -> PreparedMPS:
    """Return the second points, which are the first where there are no others."""
    other = a if b is None else b
    for points in (a, other):
        if not isinstance(points, PreparedMPS):
            raise TypeError(
                "expected points prepared by an MPSEvaluator (its embed or restore), got "
                f"{type(points).__name__}"
            )
    if a.bonds.shape[1] != other.bonds.shape[1]:
        raise ValueError(
            "expected points prepared by one feature map, got states of "
            f"{a.bonds.shape[1] - 1} and of {other.bonds.shape[1] - 1} qubits"
        )
    return other
