"""Maps whose features are the state's amplitudes: amplitude."""

from __future__ import annotations

from collections.abc import Sequence

import cirq
import sympy

from qkernels.feature_maps.feature_map import FeatureMap
from qkernels.feature_maps.validation import integer, numbered


def amplitude(n_features: int) -> FeatureMap:
    """The data as amplitudes: Σ x_i |i⟩ / ‖x‖, exact for features of any sign.

    The fidelity kernel is the squared cosine of the angle between two points. A bandwidth that
    all features share changes nothing; a zero vector has no state, and is an error.

    Parameters
    ----------
    n_features : int
        Number of features; zeros fill them up to a power of two.

    Returns
    -------
    FeatureMap
        A map on ⌈log2 n_features⌉ qubits, at least one, without trainable parameters. The first
        qubit is the most significant digit of i.

    Raises
    ------
    ValueError
        If `n_features` is not a positive integer.

    Notes
    -----
    Qubit after qubit is rotated by R_Y under the control of all that went before. The tangent of
    half an angle is the ratio of the norms of the two halves of the amplitudes that still share
    their digits, for the last qubit the ratio of the amplitudes themselves.

    References
    ----------
    Möttönen et al., "Transformation of quantum states using uniformly controlled rotations",
    Quantum Information and Computation 5, 467 (2005).

    Examples
    --------
    >>> print(amplitude(2))
    0: ───Ry(2*atan2(x1, x0))───
    >>> print(amplitude(4).resolve([1.0, -1.0, 1.0, 1.0]))
    0: ───Ry(0.5π)───(0)─────────@──────────
                     │           │
    1: ──────────────Ry(-0.5π)───Ry(0.5π)───
    """
    n = integer(n_features, "n_features", 1)
    x, qubits = numbered("x", n), cirq.LineQubit.range(max(1, (n - 1).bit_length()))
    circuit = cirq.Circuit()
    for level, qubit in enumerate(qubits):
        half = 2 ** (len(qubits) - level - 1)
        for prefix, start in enumerate(range(0, n, 2 * half)):
            below = x[start : start + 2 * half]
            if half > 1 and len(below) <= half:
                continue  # What the rotation would move to is filled up with zeros.
            digits = cirq.big_endian_int_to_bits(prefix, bit_count=level)
            rotation = cirq.ry(_angle(below, half, guarded=level > 0))
            circuit.append(rotation(qubit).controlled_by(*qubits[:level], control_values=digits))
    return FeatureMap(circuit, x, name="amplitude")


def _angle(x: Sequence[sympy.Symbol], half: int, *, guarded: bool) -> sympy.Expr:
    """Return the angle of R_Y that divides the amplitudes x into the first `half` and the rest.

    Where all are 0, any angle would do: it is 0 if `guarded`, and otherwise not defined.
    """
    first, rest = x[:half], x[half:]
    if half == 1:
        angle = 2 * sympy.atan2(rest[0] if rest else 0, first[0])
    else:
        angle = 2 * sympy.atan2(_norm(rest), _norm(first))
    if not guarded:
        return angle
    return sympy.Piecewise((0, sympy.Eq(_norm(x) ** 2, 0)), (angle, True))


def _norm(x: Sequence[sympy.Symbol]) -> sympy.Expr:
    return sympy.sqrt(sympy.Add(*(value**2 for value in x)))
