"""Evidence for or against a quantum kernel on given data, beside tuned classical kernels."""

from qkernels.evidence.reports import report
from qkernels.evidence.result import Report
from qkernels.evidence.statistics import Interval, corrected_interval

__all__ = ["Interval", "Report", "corrected_interval", "report"]
