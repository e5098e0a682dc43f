"""Gates by the names that OpenQASM gives them, and controls that see global phases.

What lives here is known of all packages alike: `named_gate` has the gates of OpenQASM's libraries,
which Qiskit names in the same way, and `Controls` puts controls on operations. Angles are numbers
or sympy expressions, in radians. What a package calls its gates is said in the package's file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import cirq
import numpy as np
import sympy

Angle: TypeAlias = Any


def half_turns(angle: Angle) -> Angle:
    """Return an angle in units of π, as Cirq's exponents are."""
    return angle / (sympy.pi if isinstance(angle, sympy.Basic) else np.pi)


def phase_gate(angle: Angle) -> cirq.Gate:
    """Return diag(1, exp(i angle))."""
    return cirq.ZPowGate(exponent=half_turns(angle))


def pauli_rotation(word: str, angle: Angle) -> cirq.Gate:
    """Return exp(-i angle/2 · P) for a Pauli word P without identities."""
    turns = half_turns(angle)
    if word in _ROTATIONS:
        return _ROTATIONS[word](angle)
    if word in _TWO_QUBIT_POWERS:
        return _TWO_QUBIT_POWERS[word](exponent=turns, global_shift=-0.5)
    return cirq.PauliStringPhasorGate(
        cirq.DensePauliString(word), exponent_neg=turns / 2, exponent_pos=-turns / 2
    )


_ROTATIONS: dict[str, Callable[[Angle], cirq.Gate]] = {"X": cirq.rx, "Y": cirq.ry, "Z": cirq.rz}
_TWO_QUBIT_POWERS: dict[str, Any] = {
    "XX": cirq.XXPowGate,
    "YY": cirq.YYPowGate,
    "ZZ": cirq.ZZPowGate,
}


def repeated(operations: Iterable[cirq.Operation], times: int) -> list[cirq.Operation]:
    """Return operations one time after the other, inverted if `times` is negative."""
    steps = list(operations)
    if times < 0:
        steps = [cirq.inverse(operation) for operation in reversed(steps)]
    return steps * abs(times)


@dataclass(frozen=True)
class Controls:
    """Control qubits, and the value of each for which something happens.

    Parameters
    ----------
    qubits : tuple of cirq.Qid
    values : tuple of int
        Each 0 or 1.
    """

    qubits: tuple[cirq.Qid, ...] = ()
    values: tuple[int, ...] = ()

    def also(self, qubits: Iterable[cirq.Qid], values: Iterable[int]) -> Controls:
        """Return these controls and others."""
        return Controls((*self.qubits, *qubits), (*self.values, *values))

    def on(self, operations: Iterable[cirq.Operation]) -> Iterator[cirq.Operation]:
        """Yield the operations with the controls on each of them."""
        for operation in operations:
            yield operation.controlled_by(*self.qubits, control_values=self.values)

    def phase(self, angle: Angle) -> Iterator[cirq.Operation]:
        """Yield exp(i angle) under the controls: nothing where there are none."""
        if not self.qubits:
            return
        *others, last = self.qubits
        *values, value = self.values
        gate = phase_gate(angle)
        if not value:
            # exp(i angle) on 0, nothing on 1.
            gate = cirq.ZPowGate(exponent=-half_turns(angle), global_shift=-1)
        yield gate(last).controlled_by(*others, control_values=values)


def _u(theta: Angle, phi: Angle, lam: Angle) -> tuple[cirq.Gate, ...]:
    """Return the gates of P(φ) R_Y(θ) P(λ), the first of them first."""
    return phase_gate(lam), cirq.ry(theta), phase_gate(phi)


def _r(theta: Angle, phi: Angle) -> tuple[cirq.Gate, ...]:
    """Return the gates of a rotation by θ about cos φ X + sin φ Y."""
    return cirq.rz(-phi), cirq.rx(theta), cirq.rz(phi)


_FIXED: dict[str, cirq.Gate] = {
    "id": cirq.I,
    "x": cirq.X,
    "y": cirq.Y,
    "z": cirq.Z,
    "h": cirq.H,
    "s": cirq.S,
    "sdg": cirq.S**-1,
    "t": cirq.T,
    "tdg": cirq.T**-1,
    "sx": cirq.X**0.5,
    "sxdg": cirq.X**-0.5,
    "swap": cirq.SWAP,
    "iswap": cirq.ISWAP,
}
# Numbers of angles and of qubits, and the gates that make it up.
_TURNED: dict[str, tuple[int, int, Callable[..., tuple[cirq.Gate, ...]]]] = {
    "rx": (1, 1, lambda a: (cirq.rx(a),)),
    "ry": (1, 1, lambda a: (cirq.ry(a),)),
    "rz": (1, 1, lambda a: (cirq.rz(a),)),
    "r": (2, 1, _r),
    "p": (1, 1, lambda a: (phase_gate(a),)),
    "phase": (1, 1, lambda a: (phase_gate(a),)),
    "u0": (1, 1, lambda a: (cirq.I,)),
    "u1": (1, 1, lambda a: (phase_gate(a),)),
    "u2": (2, 1, lambda phi, lam: _u(np.pi / 2, phi, lam)),
    "u3": (3, 1, _u),
    "u": (3, 1, _u),
    "U": (3, 1, _u),
    "rxx": (1, 2, lambda a: (pauli_rotation("XX", a),)),
    "ryy": (1, 2, lambda a: (pauli_rotation("YY", a),)),
    "rzz": (1, 2, lambda a: (pauli_rotation("ZZ", a),)),
    "rzx": (1, 2, lambda a: (pauli_rotation("ZX", a),)),
}
# The gate under the controls, and their number.
_CONTROLLED: dict[str, tuple[str, int]] = {
    **{f"c{name}": (name, 1) for name in ("x", "y", "z", "h", "sx", "p", "u1", "u3")},
    **{f"c{name}": (name, 1) for name in ("rx", "ry", "rz", "swap")},
    **{"CX": ("x", 1), "cphase": ("p", 1), "ccx": ("x", 2), "ccz": ("z", 2)},
    **{"c3x": ("x", 3), "c4x": ("x", 4), "c3sqrtx": ("sx", 3)},
}
# Toffoli gates up to phases (Maslov, Physical Review A 93, 022311 (2016)): gates and their qubits.
_SEQUENCES: dict[str, tuple[int, str]] = {
    "rccx": (3, "h2 t2 cx12 tdg2 cx02 t2 cx12 tdg2 h2"),
    "rc3x": (
        4,
        "h3 t3 cx23 tdg3 h3 cx03 t3 cx13 tdg3 cx03 t3 cx13 tdg3 h3 t3 cx23 tdg3 h3",
    ),
}
GATE_NAMES = frozenset({*_FIXED, *_TURNED, *_CONTROLLED, *_SEQUENCES, "cu"})


def named_gate(
    name: str, angles: Sequence[Angle], qubits: Sequence[cirq.Qid], controls: Controls
) -> Iterator[cirq.Operation]:
    """Yield the operations of a gate from `GATE_NAMES`, to the last phase.

    Parameters
    ----------
    name : str
        The gate's name in OpenQASM.
    angles : sequence of float or sympy.Expr
    qubits : sequence of cirq.Qid
        The gate's own controls first.
    controls : Controls
        Further controls.

    Raises
    ------
    ValueError
        If there are too few or too many angles or qubits.
    """
    _check_sizes(name, len(angles), len(qubits))
    if name == "cu":
        inner = controls.also(qubits[:1], [1])
        yield from inner.phase(angles[3])
        yield from named_gate("u", angles[:3], qubits[1:], inner)
    elif name in _SEQUENCES:
        for step, places in re.findall(r"([a-z]+)(\d+)", _SEQUENCES[name][1]):
            yield from named_gate(step, [], [qubits[int(p)] for p in places], controls)
    elif name in _CONTROLLED:
        name, n = _CONTROLLED[name]
        yield from named_gate(name, angles, qubits[n:], controls.also(qubits[:n], [1] * n))
    else:
        gates = (_FIXED[name],) if name in _FIXED else _TURNED[name][-1](*angles)
        yield from controls.on(gate.on(*qubits) for gate in gates)


def _check_sizes(name: str, n_angles: int, n_qubits: int) -> None:
    if (expected := _sizes(name)) != (n_angles, n_qubits):
        words = [f"{a} angles and {q} qubits" for a, q in (expected, (n_angles, n_qubits))]
        raise ValueError(f"expected {words[0]} for the gate {name}, got {words[1]}")


def _sizes(name: str) -> tuple[int, int]:
    """Return the numbers of angles and qubits of a gate."""
    if name == "cu":
        return 4, 2
    if name in _SEQUENCES:
        return 0, _SEQUENCES[name][0]
    if name in _FIXED:
        return 0, _FIXED[name].num_qubits()
    if name in _TURNED:
        return _TURNED[name][:2]
    base, n_controls = _CONTROLLED[name]
    n_angles, n_qubits = _sizes(base)
    return n_angles, n_qubits + n_controls
