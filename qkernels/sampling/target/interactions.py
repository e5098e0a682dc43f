"""How ZZ^t, and ZZ^t with a SWAP, are made of a gate set's own two-qubit gate.

What lives here: which gate that is, one function for each kind of it, and the moving of SWAPs to
where they cost least. One-qubit gates stay as they are, to be merged by `gates`.

CZ, CNOT and SWAP are written exactly, too: Cirq's numeric decomposition of them is not unique, and
may be another one on another machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import cirq
import numpy as np
import sympy

from qkernels.feature_maps.flattening import evaluated

_ATOL = 1e-9
_SWAPPED = "then SWAP"
_SYMBOL = sympy.Symbol("angle")
_PAIR = (cirq.LineQubit(0), cirq.LineQubit(1))

# What makes ZZ^t on two qubits, and then SWAP if the last argument is true.
Interaction = Callable[[cirq.Qid, cirq.Qid, Any, bool], Iterable[cirq.Operation]]


def without_interactions(
    operations: Iterable[cirq.Operation], gateset: cirq.Gateset
) -> list[cirq.Operation]:
    """Write every ZZ**t, CZ**t and CNOT**t with a gate set's two-qubit gate and powers of Z.

    Parameters
    ----------
    operations : iterable of cirq.Operation
        Constant ones on at most two qubits, Z**t and ZZ**t.
    gateset : cirq.Gateset

    Returns
    -------
    list of cirq.Operation
        The two-qubit gates that hold symbols are native. Of some others, Cirq makes native ones.
    """
    entangler = _entangler(gateset)
    interaction = _interaction(entangler)
    exact = isinstance(entangler, cirq.CZPowGate | cirq.ISwapPowGate | cirq.FSimGate)
    if exact:
        operations = (part for op in operations for part in _as_interaction(op))
    found: list[cirq.Operation] = []
    for operation in _joined_with_swaps(operations):
        if _is_interaction(operation):
            a, b = operation.qubits
            exponent = operation.gate.exponent  # type: ignore[union-attr]
            found.extend(interaction(a, b, exponent, _SWAPPED in operation.tags))
        elif exact and operation.gate == cirq.SWAP:
            a, b = operation.qubits
            found.extend(interaction(a, b, 0.0, True))
        else:
            found.append(operation)
    return found


def _is_interaction(operation: cirq.Operation) -> bool:
    return isinstance(operation.gate, cirq.ZZPowGate)


def _as_interaction(operation: cirq.Operation) -> Iterator[cirq.Operation]:
    """Yield a constant CZ^t or CNOT^t as ZZ^(-t/2) and one-qubit gates."""
    gate = operation.gate
    if not isinstance(gate, cirq.CZPowGate | cirq.CXPowGate):
        yield operation
        return
    target = [cirq.H(operation.qubits[1])] if isinstance(gate, cirq.CXPowGate) else []
    yield from target
    yield (cirq.ZZ ** (-gate.exponent / 2))(*operation.qubits)
    yield from ((cirq.Z ** (gate.exponent / 2))(qubit) for qubit in operation.qubits)
    yield from target


def _entangler(gateset: cirq.Gateset) -> cirq.Gate | None:
    """Return the gate of a gate set that ZZ^t is made of."""
    powers = [gate**_SYMBOL for gate in (cirq.ZZ, cirq.XX, cirq.CZ)]
    for gate in (*powers, cirq.CZ, cirq.SQRT_ISWAP_INV, cirq.SQRT_ISWAP):
        if gate(*_PAIR) in gateset:
            return gate
    sycamore = cirq.FSimGate(np.pi / 2, np.pi / 6)
    own = (family.gate for family in gateset.gates if isinstance(family.gate, cirq.FSimGate))
    return next((gate for gate in own if gate == sycamore), None)


def _interaction(entangler: cirq.Gate | None) -> Interaction:
    """Return how exp(-iπt/2 ZZ) is made, with as few two-qubit gates as can be."""
    match entangler:
        case cirq.ISwapPowGate():
            return _by_sqrt_iswap(entangler)
        case cirq.FSimGate():
            return _by_sycamore(entangler)
        case cirq.CZPowGate() if not cirq.is_parameterized(entangler):
            return _by_cz
        case None:
            return _by_cnot
    return _by_power(type(entangler))


def _joined_with_swaps(operations: Iterable[cirq.Operation]) -> list[cirq.Operation]:
    """Move each SWAP to another gate on its pair: together, they cost fewer gates.

    A SWAP beside a ZZ^t is written as a tag of it.
    """
    found: list[list[cirq.Operation]] = []
    last: dict[cirq.Qid, int] = {}
    for operation in operations:
        step = [operation]
        i, *others = (last.get(qubit, -1) for qubit in operation.qubits)
        if others == [i] != [-1] and _meet(found[i], operation):
            # One-qubit gates change sides when the SWAP moves past them.
            sides = dict(zip(operation.qubits, operation.qubits[::-1], strict=True))
            for between in found[i + 1 :]:
                between[:] = [op.transform_qubits(sides) for op in between]
            if operation.gate == cirq.SWAP:
                found[i] = _then_swap(*found[i])
                continue
            found[i], step = [], _then_swap(operation)
        if others:
            last.update(dict.fromkeys(operation.qubits, len(found)))
        found.append(step)
    return [operation for step in found for operation in step]


def _meet(step: list[cirq.Operation], operation: cirq.Operation) -> bool:
    """Tell whether a step and an operation on its pair are a SWAP and one other gate."""
    swaps = [op.gate == cirq.SWAP for op in (*step, operation)]
    return sorted(swaps) == [False, True] and not step[0].tags


def _then_swap(operation: cirq.Operation) -> list[cirq.Operation]:
    if _is_interaction(operation):
        return [operation.with_tags(_SWAPPED)]
    return [operation, cirq.SWAP(*operation.qubits)]


def _by_power(gate_type: type) -> Interaction:
    """Return ZZ^t by a power of ZZ, XX or CZ."""

    def interaction(a: cirq.Qid, b: cirq.Qid, t: Any, swapped: bool) -> Iterator[cirq.Operation]:
        if gate_type is cirq.CZPowGate:
            yield (cirq.CZ ** (-2 * t))(a, b)
            yield from ((cirq.Z**t)(qubit) for qubit in (a, b))
        else:
            basis = cirq.H.on_each(a, b) if gate_type is cirq.XXPowGate else []
            yield from (*basis, gate_type(exponent=t)(a, b), *basis)
        if swapped:
            yield cirq.SWAP(a, b)

    return interaction


def _by_cnot(a: cirq.Qid, b: cirq.Qid, t: Any, swapped: bool) -> Iterator[cirq.Operation]:
    yield cirq.CNOT(a, b)
    yield (cirq.Z**t)(b)
    if swapped:
        yield cirq.CNOT(b, a)
    yield cirq.CNOT(a, b)


def _echoed(a: cirq.Qid, b: cirq.Qid, t: Any) -> Iterator[cirq.Operation]:
    """Return ZZ^t by two CNOTs, and a Y on the control while it waits between them.

    A gate is off by the same angles each time. If they are those of a fermionic simulation gate,
    of XX, YY and ZZ, the Y turns the signs of XX and ZZ, so that they cancel in part, and what is
    left is more like depolarizing noise, which estimates can correct.
    """
    yield cirq.CNOT(a, b)
    yield from (cirq.Y(a), cirq.Z(b) ** t)
    yield cirq.CNOT(a, b)
    # That Y behind a CNOT.
    yield from (cirq.Y(a), cirq.X(b))


def _by_cz(a: cirq.Qid, b: cirq.Qid, t: Any, swapped: bool) -> Iterator[cirq.Operation]:
    parts: Iterable[cirq.Operation] = _by_cnot(a, b, t, True) if swapped else _echoed(a, b, t)
    if not cirq.is_parameterized(t) and abs(t % 1 - 0.5) < _ATOL:
        # CZ, or CZ and SWAP, between powers of Z.
        parts = [cirq.H(a), cirq.CNOT(a, b), cirq.CNOT(b, a), cirq.H(b)]
        parts = [*(parts if swapped else [cirq.CZ(a, b)]), cirq.Z(a) ** t, cirq.Z(b) ** t]
    elif not cirq.is_parameterized(t) and abs((t + 0.5) % 1 - 0.5) < _ATOL:
        swap = [cirq.CNOT(a, b), cirq.CNOT(b, a), cirq.CNOT(a, b)]
        parts = [*(swap if swapped else []), cirq.Z(a) ** t, cirq.Z(b) ** t]
    for operation in parts:
        if operation.gate == cirq.CNOT:
            target = operation.qubits[1]
            yield from (cirq.H(target), cirq.CZ(a, b), cirq.H(target))
        else:
            yield operation


def _by_two(core: Callable, shift: float, swap: Callable) -> Interaction:
    """Return ZZ^t by a function for t between -½ and ½.

    Parameters
    ----------
    core : callable
        Called with the qubits and t.
    shift : float
        SWAP is `swap` and ZZ^shift.
    swap : callable
        Called with the qubits.
    """

    def interaction(a: cirq.Qid, b: cirq.Qid, t: Any, swapped: bool) -> Iterator[cirq.Operation]:
        turns = t + shift if swapped else t
        with sympy.evaluate(False):
            whole = sympy.floor(turns + 0.5)
            rest = turns - whole
        if cirq.is_parameterized(rest) or abs(evaluated(rest)) > _ATOL:
            yield from core(a, b, rest)
        # ZZ is Z on each qubit.
        yield from ((cirq.Z ** evaluated(whole))(qubit) for qubit in (a, b))
        if swapped:
            yield from swap(a, b)

    return interaction


def _by_sqrt_iswap(gate: cirq.Gate) -> Interaction:
    """Return exp(-iπt/2 ZZ) by two √iSWAP, as `cirq.decompose_cphase_into_two_fsim` does.

    For u = -πt/2: sin φ = √2 sin u and sin ξ = tan u.
    """
    # Z S Z is the inverse of S = √iSWAP, and S† X^t S is wanted in the middle.
    early, late = ([], [cirq.Z]) if gate == cirq.SQRT_ISWAP_INV else ([cirq.Z], [])

    def core(a: cirq.Qid, b: cirq.Qid, t: sympy.Expr) -> Iterator[cirq.Operation]:
        phi, xi = _sqrt_iswap_angles(t)
        yield from _x_power(a, xi)
        yield cirq.X(b) ** -0.5
        for conjugation, angle in ((early, -2 * phi), (late, xi)):
            yield from (pauli(a) for pauli in conjugation)
            yield gate(a, b)
            yield from (pauli(a) for pauli in conjugation)
            yield from _x_power(a, angle)
        yield cirq.X(b) ** 0.5

    def swap(a: cirq.Qid, b: cirq.Qid) -> Iterator[cirq.Operation]:
        yield from (gate(a, b), gate(a, b))
        if gate == cirq.SQRT_ISWAP:
            yield from cirq.Z.on_each(a, b)

    two = _by_two(core, 1 / 2, swap)

    def interaction(a: cirq.Qid, b: cirq.Qid, t: Any, swapped: bool) -> Iterator[cirq.Operation]:
        if not swapped or t != 0:
            yield from two(a, b, t, swapped)
            return
        # √iSWAP is made of XX and YY: with X, Y and Z turned into each other, three are a SWAP.
        for _ in range(3):
            yield gate(a, b)
            yield from ((cirq.X**0.5)(qubit) for qubit in (a, b))
            yield from ((cirq.Z**0.5)(qubit) for qubit in (a, b))

    return interaction


def _sqrt_iswap_angles(t: sympy.Expr) -> tuple[Any, Any]:
    """Return φ and ξ in half turns."""
    number = evaluated(t)
    if not cirq.is_parameterized(number) and abs(abs(number) - 0.5) < _ATOL:
        # CZ, where a square root would make much of a rounding error.
        return -number, -number
    with sympy.evaluate(False):
        u = -sympy.pi * t / 2
        # By atan2, because rounding can take a sine beyond 1; the square root of |cos 2u|.
        adjacent = (sympy.cos(2 * u) ** 2) ** 0.25
        phi = sympy.atan2(math.sqrt(2) * sympy.sin(u), adjacent) / sympy.pi
        xi = sympy.atan2(sympy.sin(u), adjacent) / sympy.pi
    return evaluated(phi), evaluated(xi)


def _by_sycamore(gate: cirq.Gate) -> Interaction:
    """Return exp(-iθZZ), θ = πt/2, by two Sycamore gates, each SWAP exp(-iγZZ) up to Z's.

    exp(-iγZZ) exp(-iβX) exp(-iγZZ) is exp(-iθZZ) between two exp(-iξX/2), X acting on one qubit,
    where sin θ = cos β sin 2γ and tan ξ = tan β / cos 2γ.
    """

    def swap(a: cirq.Qid, b: cirq.Qid) -> Iterator[cirq.Operation]:
        yield gate(a, b)
        yield from ((cirq.Z ** (1 / 12))(qubit) for qubit in (a, b))

    def core(a: cirq.Qid, b: cirq.Qid, t: sympy.Expr) -> Iterator[cirq.Operation]:
        beta, xi = _sycamore_angles(t)
        yield from _x_power(a, -xi)
        for qubit, angle in ((b, 2 * beta), (a, -xi)):
            yield from swap(a, b)
            yield from _x_power(qubit, angle)

    return _by_two(core, 5 / 12, swap)


def _sycamore_angles(t: sympy.Expr) -> tuple[Any, Any]:
    """Return β and ξ in half turns."""
    gamma = -5 * math.pi / 24
    with sympy.evaluate(False):
        cosine = sympy.sin(sympy.pi * t / 2) / math.sin(2 * gamma)
        beta = sympy.acos(cosine) / sympy.pi
        xi = sympy.atan2(sympy.sqrt(1 - cosine**2), cosine * math.cos(2 * gamma)) / sympy.pi
    return evaluated(beta), evaluated(xi)


def _x_power(qubit: cirq.Qid, turns: Any) -> Iterator[cirq.Operation]:
    yield cirq.H(qubit)
    yield (cirq.Z**turns)(qubit)
    yield cirq.H(qubit)
