"""Kernels on hardware: circuits to measure, what was counted, and what the counts say.

What lives here: everything between a feature map and the numbers that a `cirq.Sampler` gives:
the circuits of the estimators, their form on a device, the ledger of what was bought, and the
estimates with their errors. The evaluator that kernels call is in `evaluators`.
"""

from __future__ import annotations
