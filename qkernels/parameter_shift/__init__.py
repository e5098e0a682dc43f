"""Gradients from values alone, on hardware too: the parameter-shift rule.

`rules` has shifts and weights for known frequencies, `occurrences` rewrites a circuit so that each
symbolic exponent can be shifted by itself, and `gradient` measures and sums.
"""

from qkernels.parameter_shift.gradient import pull_back_by_shifts, shift_count

__all__ = ["pull_back_by_shifts", "shift_count"]
