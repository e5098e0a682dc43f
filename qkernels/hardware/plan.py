"""What a kernel matrix takes on hardware, before anything is paid for.

What lives here: `Plan`, which points there are to measure, and its functions; what they cost is
in `summary`, how repetitions are shared out in `allocation`. Buying is done by a `Run`.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cirq
import numpy as np
from sklearn.gaussian_process.kernels import Kernel

from qkernels.hardware.allocation import allocated
from qkernels.hardware.estimate import check_columns
from qkernels.hardware.measurement import Measurement
from qkernels.hardware.recording import merged, recorded, sampler_of, with_evaluator
from qkernels.hardware.run import Run
from qkernels.hardware.summary import PlanSummary, Price, summarize
from qkernels.kernels.embedding import check_points
from qkernels.sampling.backends import identity_of
from qkernels.sampling.exchange import as_text, counts_from
from qkernels.sampling.ledger import Ledger
from qkernels.sampling.requests import Request


@dataclass(frozen=True, eq=False, repr=False)
class Plan(Measurement):
    """What a kernel matrix takes, and what becomes of it.

    Made by `plan` and `plan_prediction`. `requests` are what is measured: one parametrised circuit
    each.
    """

    def __repr__(self) -> str:
        return f"Plan of {sum(map(len, self.requests))} points for {self.kernel!r}"

    @property
    def circuit(self) -> cirq.FrozenCircuit:
        """The parametrised circuit.

        Raises
        ------
        ValueError
            If the kernel measures several.
        """
        return self._only.measured.program.circuit

    @property
    def sweep(self) -> cirq.Sweep:
        """The values of the circuit's symbols at each point: `sampler.run_sweep(circuit, sweep)`.

        Raises
        ------
        ValueError
            If the kernel measures several circuits.
        """
        return self._only.measured.program.sweep(self._only.values())

    @property
    def _only(self) -> Request:
        if len(self.requests) != 1:
            raise ValueError(
                f"expected a kernel that measures one circuit, got {len(self.requests)}: see "
                "plan.requests"
            )
        return self.requests[0]

    def import_counts(
        self,
        results: Sequence[Any],
        *,
        backend: str | None = None,
        label: str = "",
        ledger: Ledger | str | os.PathLike[str] | None = None,
    ) -> Run:
        """Take in what was measured elsewhere with `circuit` and `sweep`; return the run.

        Equal counts of a point are taken in once, unless they have another label.

        Parameters
        ----------
        results : sequence of cirq.Result, or of mappings of str to int
            Of each point of `sweep`, in order. A mapping has the number of times that each
            outcome came, such as {"00": 740, "01": 260}, in the order of the measured qubits.
        backend : str, optional
            What measured them; the evaluator's backend if left out, or "elsewhere" without one.
        label : str, default=""
            Tells one measurement from another that may have given equal counts.
        ledger : Ledger or path, optional
            In place of the evaluator's.

        Raises
        ------
        ValueError
            If the results do not fit the circuit and its points.
        """
        request, run = self._only, self.open(ledger)
        program, values = request.measured.program, request.values()
        results = list(results)
        if all(isinstance(result, Mapping) for result in results):
            counts = [counts_from(result, program.n_bits) for result in results]
        else:
            counts = program.counts(results, values)
        if len(counts) != len(values):
            raise ValueError(f"expected {len(values)} results, got {len(counts)}")
        if backend is None:
            known = self.evaluator.backend
            backend = "elsewhere" if known is None else identity_of(known)
        run.ledger.import_counts(as_text(program, values, counts, backend, label))
        return run

    def summary(
        self,
        *,
        price: Price | None = None,
        ledger: Ledger | str | os.PathLike[str] | None = None,
    ) -> PlanSummary:
        """Return what the plan takes, and what other estimators would; it prints as a table.

        Parameters
        ----------
        price : callable, optional
            Called as `price(circuit, repetitions)`, returns the price of one point; that of the
            evaluator's budget if left out.
        ledger : Ledger or path, optional
            In place of the evaluator's: what it has need not be bought.
        """
        return summarize(self.open(ledger).plan, price)

    def allocate(
        self,
        total: int,
        *,
        y: Any = None,
        method: str = "uniform",
        C: float = 1.0,
        alpha: float = 1.0,
        ledger: Ledger | str | os.PathLike[str] | None = None,
    ) -> Plan:
        """Return the plan with at most so many repetitions in all, shared out among the points.

        Parameters
        ----------
        total : int
            The most repetitions of all points together, at least one for each. Those that the
            ledger has, or that are on their way, are among them: a point of which there are more
            than its share keeps them, and the other points share the rest.
        y : array-like of shape (n_points,), optional
            Classes for "svm", targets for "ridge".
        method : {"uniform", "svm", "ridge"}
            "svm" and "ridge" give an entry repetitions in proportion to
            |∂L/∂K_ij| √(K_ij (1 − K_ij)), or √(1 − K_ij²) for Bell measurements, which makes the
            variance of the learner's objective least: of a support vector machine's dual, or of
            kernel ridge regression's.
        C, alpha : float, default=1.0
            The learner's regularization.
        ledger : Ledger or path, optional
            In place of the evaluator's.

        Raises
        ------
        ValueError
            If the total is too small for one repetition of each point, or for what the ledger has
            already; or y is missing or of the wrong length.
        """
        opened = self.open(ledger).plan
        return replace(self, requests=allocated(opened, total, y, method, C, alpha))

    def open(self, ledger: Ledger | str | os.PathLike[str] | None = None) -> Run:
        """Return the run as the ledger has it; nothing is bought.

        Parameters
        ----------
        ledger : Ledger or path, optional
            In place of the evaluator's.
        """
        evaluator = self.evaluator
        if ledger is not None:
            evaluator = evaluator.replace(ledger=ledger)
        return Run(replace(self, kernel=with_evaluator(self.kernel, evaluator)))

    def execute(self, ledger: Ledger | str | os.PathLike[str] | None = None) -> Run:
        """Buy what the ledger lacks, chunk by chunk, and wait for it.

        Call it again after a crash: what was bought is not bought again.

        Parameters
        ----------
        ledger : Ledger or path, optional
            In place of the evaluator's.

        Raises
        ------
        BudgetExceeded
            Before anything is submitted, if all of it would cost too much.
        UnknownSubmission
            If nobody knows whether a submission was run: see `Run.resolve`.
        """
        return self.open(ledger).resume()

    def submit(self, ledger: Ledger | str | os.PathLike[str] | None = None) -> Run:
        """Submit what the ledger lacks, and do not wait for results: see `Run.collect`.

        Parameters
        ----------
        ledger : Ledger or path, optional
            In place of the evaluator's.
        """
        return self.open(ledger).resume(wait=False)


def plan(kernel: Kernel, X: Any, Y: Any = None) -> Plan:
    """Return what the kernel matrix k(X, Y) takes; nothing is measured.

    Parameters
    ----------
    kernel : Kernel
        A quantum kernel with a `SamplerEvaluator`, also inside a sum, product or power.
    X : array-like of shape (n_points_X, n_features)
    Y : array-like of shape (n_points_Y, n_features), default=None
        None, X itself and equal content are the symmetric case.

    Returns
    -------
    Plan

    Examples
    --------
    >>> import cirq
    >>> import qkernels as qk
    >>> evaluator = qk.SamplerEvaluator(cirq.Simulator(seed=0), repetitions=100)
    >>> kernel = qk.FidelityKernel(qk.feature_maps.zz, evaluator=evaluator)
    >>> plan = qk.hardware.plan(kernel, [[0.1, 0.2], [0.3, 0.1], [0.7, 0.5]])
    >>> plan.summary().repetitions
    600
    >>> plan.execute().estimate().K.shape
    (3, 3)
    """
    sampler_of(kernel)
    points = check_points(X, Y, owner=type(kernel).__name__)
    return Plan(kernel, points, merged(recorded(kernel, points)))


def plan_prediction(
    estimator: Any, X: Any, *, kernel: Kernel | None = None, X_train: Any = None
) -> Plan:
    """Return what the prediction of a fitted support vector machine takes.

    Only the columns of its support vectors are measured; in the estimate's matrix the others are
    zero, with which `precomputed(estimator)` predicts. It is no matrix to fit or repair with.

    Parameters
    ----------
    estimator : SVC, NuSVC, SVR, NuSVR or OneClassSVM
        Fitted with a quantum kernel that has a `SamplerEvaluator`, or with an estimated matrix
        (`kernel="precomputed"`).
    X : array-like of shape (n_points, n_features)
        New points.
    kernel : Kernel, optional
        The quantum kernel of an estimator that was fitted with a matrix.
    X_train : array-like of shape (n_train, n_features), optional
        What the estimator was fitted on; found in it if left out.

    Returns
    -------
    Plan

    Raises
    ------
    TypeError
        If the estimator has no support vectors, or its kernel no `SamplerEvaluator`.
    ValueError
        If the training points are not in it and are not given, or a mitigation looks at all of
        them.
    """
    support = getattr(estimator, "support_", None)
    if support is None:
        raise TypeError(f"expected a fitted support vector machine, got {estimator!r}")
    kernel = estimator.kernel if kernel is None else kernel
    if isinstance(kernel, str):
        raise TypeError(
            "expected kernel=... and X_train=... with an estimator fitted on a matrix, got the "
            f"kernel {kernel!r}"
        )
    sampler_of(kernel)
    if X_train is None:
        X_train = getattr(estimator, "_BaseLibSVM__Xfit", None)
    if X_train is None or len(X_train) != estimator.shape_fit_[0]:
        raise ValueError(
            f"X_train: expected the {estimator.shape_fit_[0]} points that the estimator was fitted "
            f"on, got {None if X_train is None else len(X_train)}"
        )
    found = plan(kernel, X, np.asarray(X_train)[support])
    found = replace(found, columns=(np.array(support), len(X_train)))
    check_columns(found)
    return found


def precomputed(estimator: Any) -> Any:
    """Return a copy of a fitted support vector machine that predicts from kernel matrices.

    Parameters
    ----------
    estimator : SVC, NuSVC, SVR, NuSVR or OneClassSVM
        Fitted with a quantum kernel.
    """
    return copy.copy(estimator).set_params(kernel="precomputed")
