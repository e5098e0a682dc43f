"""Hypothesis strategies for circuits over every gate class of Cirq that has a unitary.

Exponents and angles are numbers or odd expressions of data and parameters. What is asserted of the
circuits lives in the tests that draw them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import cirq
import numpy as np
import sympy
from hypothesis import strategies as st

from qkernels.feature_maps import FeatureMap
from qkernels.feature_maps.flattening import flatten, unroll

N_FEATURES, N_PARAMETERS = 3, 2
FEATURES = sympy.symbols(f"x0:{N_FEATURES}")
PARAMETERS = sympy.symbols(f"t0:{N_PARAMETERS}")
PAULIS = [cirq.X, cirq.Y, cirq.Z]
# Gates are drawn on at most so many qubits, without their controls.
MAX_GATE_QUBITS = 3

# The builder of a gate class takes a number of qubits, and returns a strategy for its gates.
Builder = Callable[[int], st.SearchStrategy[cirq.Gate]]
GATES: dict[type[cirq.Gate], tuple[tuple[int, ...], Builder]] = {}


def _canonical(half_turns: Any) -> Any:
    return half_turns if getattr(half_turns, "free_symbols", None) else _canonicalize(half_turns)


# To see whether an exponent is a number, Cirq lets SymPy simplify it, which took half of the time
# of all tests of random circuits. An expression that has symbols is none, as far as these draw.
_canonicalize = cirq.value.canonicalize_half_turns
cirq.value.canonicalize_half_turns = _canonical


def numbers() -> st.SearchStrategy[float]:
    """Return angles: special ones often, since rules treat them apart."""
    special = st.sampled_from([0.0, 0.25, 0.5, 1.0, -1.0, 1.5, 2.0, 3.0, -0.5])
    return special | st.floats(-3, 3, allow_nan=False).map(lambda v: round(v, 3))


@cache
def expressions() -> st.SearchStrategy[sympy.Expr]:
    """Return expressions of data and parameters, sums, products and functions of them."""
    symbols = st.sampled_from([*FEATURES, *PARAMETERS])
    coefficients = st.sampled_from([1, -1, 2, sympy.Rational(1, 3), sympy.pi, 0.7])

    def compose(children: st.SearchStrategy) -> st.SearchStrategy:
        return st.one_of(
            st.builds(lambda a, b: a + b, children, children),
            st.builds(lambda a, b: a * b, children, children),
            st.builds(lambda a: (a / 2) ** 2, children),
            st.builds(sympy.sin, children),
            st.builds(lambda a: sympy.acos(sympy.cos(a) / 2), children),
            st.builds(lambda a, b: sympy.atan2(a, b**2 + 1), children, children),
            st.builds(lambda a: sympy.exp(-(a**2)), children),
        )

    leaves = st.builds(lambda c, s: c * s, coefficients, symbols)
    return st.recursive(leaves, compose, max_leaves=3)


def arguments() -> st.SearchStrategy[Any]:
    """Return what a gate's exponent or angle can be."""
    return numbers() | expressions()


def unitaries(n_qubits: int) -> st.SearchStrategy[np.ndarray]:
    """Return random unitary matrices."""
    return st.integers(0, 10**6).map(
        lambda seed: cirq.testing.random_unitary(2**n_qubits, random_state=seed)
    )


def words(n_qubits: int) -> st.SearchStrategy[str]:
    """Return Pauli words, identities included."""
    return st.text("IXYZ", min_size=n_qubits, max_size=n_qubits)


def _gate(gate_type: type[cirq.Gate], *sizes: int) -> Callable[[Builder], Builder]:
    """Register a strategy for the gates of one class, on these numbers of qubits."""

    def register(builder: Builder) -> Builder:
        GATES[gate_type] = (sizes, builder)
        return builder

    return register


# -- Gates that take symbols


def _register_power(gate_type: Any, size: int) -> None:
    shifts = st.sampled_from([0.0, -0.5, 0.3])
    _gate(gate_type, size)(
        lambda n: st.builds(lambda t, s: gate_type(exponent=t, global_shift=s), arguments(), shifts)
    )


for _size, _names in (
    (1, "X Y Z H"),
    (2, "CX CY CZ Swap ISwap XX YY ZZ"),
    (3, "CCX CCY CCZ"),
):
    for _name in _names.split():
        # Older releases of Cirq have no CYPowGate and CCYPowGate.
        if _type := getattr(cirq, f"{_name}PowGate", None):
            _register_power(_type, _size)

for _type, _make in ((cirq.Rx, cirq.rx), (cirq.Ry, cirq.ry), (cirq.Rz, cirq.rz)):
    _gate(_type, 1)(lambda n, make=_make: st.builds(make, arguments()))


@_gate(cirq.PhasedXPowGate, 1)
def _phased_x(n: int) -> st.SearchStrategy[cirq.Gate]:
    a, shifts = arguments(), st.sampled_from([0.0, -0.5, 0.3])
    return st.builds(
        lambda t, p, s: cirq.PhasedXPowGate(exponent=t, phase_exponent=p, global_shift=s),
        *(a, a, shifts),
    )


@_gate(cirq.PhasedXZGate, 1)
def _phased_xz(n: int) -> st.SearchStrategy[cirq.Gate]:
    a = arguments()
    return st.builds(
        lambda x, z, p: cirq.PhasedXZGate(x_exponent=x, z_exponent=z, axis_phase_exponent=p),
        *(a, a, a),
    )


@_gate(cirq.FSimGate, 2)
def _fsim(n: int) -> st.SearchStrategy[cirq.Gate]:
    return st.builds(cirq.FSimGate, arguments(), arguments())


@_gate(cirq.PhasedFSimGate, 2)
def _phased_fsim(n: int) -> st.SearchStrategy[cirq.Gate]:
    return st.builds(cirq.PhasedFSimGate, *[arguments()] * 5)


@_gate(cirq.PhasedISwapPowGate, 2)
def _phased_iswap(n: int) -> st.SearchStrategy[cirq.Gate]:
    a = arguments()
    return st.builds(lambda p, t: cirq.PhasedISwapPowGate(phase_exponent=p, exponent=t), a, a)


@_gate(cirq.MSGate, 2)
def _molmer_sorensen(n: int) -> st.SearchStrategy[cirq.Gate]:
    return st.builds(cirq.ms, arguments())


@_gate(cirq.PauliInteractionGate, 2)
def _pauli_interaction(n: int) -> st.SearchStrategy[cirq.Gate]:
    pauli, inverted = st.sampled_from(PAULIS), st.booleans()
    return st.builds(
        cirq.PauliInteractionGate, pauli, inverted, pauli, inverted, exponent=arguments()
    )


@_gate(cirq.TwoQubitDiagonalGate, 2)
def _two_qubit_diagonal(n: int) -> st.SearchStrategy[cirq.Gate]:
    return st.lists(arguments(), min_size=4, max_size=4).map(cirq.TwoQubitDiagonalGate)


@_gate(cirq.ThreeQubitDiagonalGate, 3)
def _three_qubit_diagonal(n: int) -> st.SearchStrategy[cirq.Gate]:
    return st.lists(arguments(), min_size=8, max_size=8).map(cirq.ThreeQubitDiagonalGate)


@_gate(cirq.DiagonalGate, 1, 2, 3)
def _diagonal(n: int) -> st.SearchStrategy[cirq.Gate]:
    return st.lists(arguments(), min_size=2**n, max_size=2**n).map(cirq.DiagonalGate)


@_gate(cirq.PhaseGradientGate, 1, 2, 3)
def _phase_gradient(n: int) -> st.SearchStrategy[cirq.Gate]:
    return st.builds(lambda t: cirq.PhaseGradientGate(num_qubits=n, exponent=t), arguments())


@_gate(cirq.PauliStringPhasorGate, 1, 2, 3)
def _pauli_string_phasor(n: int) -> st.SearchStrategy[cirq.Gate]:
    return st.builds(
        lambda word, sign, neg, pos: cirq.PauliStringPhasorGate(
            sign * cirq.DensePauliString(word), exponent_neg=neg, exponent_pos=pos
        ),
        *(words(n), st.sampled_from([1, -1]), arguments(), arguments()),
    )


@_gate(cirq.ParallelGate, 1, 2, 3)
def _parallel(n: int) -> st.SearchStrategy[cirq.Gate]:
    one_qubit_gate = st.builds(lambda gate, t: gate**t, st.sampled_from(PAULIS), arguments())
    return one_qubit_gate.map(lambda gate: cirq.ParallelGate(gate, n))


# -- Gates that take numbers only


@_gate(cirq.Pauli, 1)
def _pauli(n: int) -> st.SearchStrategy[cirq.Gate]:
    return st.sampled_from(PAULIS)


@_gate(cirq.IdentityGate, 1, 2, 3)
def _identity(n: int) -> st.SearchStrategy[cirq.Gate]:
    return st.just(cirq.IdentityGate(n))


@_gate(cirq.WaitGate, 1, 2)
def _wait(n: int) -> st.SearchStrategy[cirq.Gate]:
    return st.just(cirq.WaitGate(cirq.Duration(nanos=3), num_qubits=n))


@_gate(cirq.CSwapGate, 3)
def _controlled_swap(n: int) -> st.SearchStrategy[cirq.Gate]:
    return st.just(cirq.CSWAP)


@_gate(cirq.SingleQubitCliffordGate, 1)
def _one_qubit_clifford(n: int) -> st.SearchStrategy[cirq.Gate]:
    return st.sampled_from(cirq.SingleQubitCliffordGate.all_single_qubit_cliffords)


@_gate(cirq.CliffordGate, 2, 3)
def _clifford(n: int) -> st.SearchStrategy[cirq.Gate]:
    def gate(seed: int) -> cirq.Gate:
        qubits = cirq.LineQubit.range(n)
        rng = np.random.default_rng(seed)
        steps: list[cirq.Operation] = []
        for _ in range(4):
            steps.append(rng.choice([cirq.H, cirq.S])(qubits[rng.integers(n)]))
            steps.append(cirq.CNOT(*(qubits[i] for i in rng.permutation(n)[:2])))
        return cirq.CliffordGate.from_op_list(steps, qubits)

    return st.integers(0, 10**6).map(gate)


@_gate(cirq.MatrixGate, 1, 2, 3)
def _matrix(n: int) -> st.SearchStrategy[cirq.Gate]:
    return unitaries(n).map(cirq.MatrixGate)


@_gate(cirq.QubitPermutationGate, 1, 2, 3)
def _permutation(n: int) -> st.SearchStrategy[cirq.Gate]:
    return st.permutations(range(n)).map(cirq.QubitPermutationGate)


@_gate(cirq.QuantumFourierTransformGate, 1, 2, 3)
def _fourier(n: int) -> st.SearchStrategy[cirq.Gate]:
    return st.builds(
        lambda swap: cirq.QuantumFourierTransformGate(n, without_reverse=swap), st.booleans()
    )


@_gate(cirq.DensePauliString, 1, 2, 3)
def _dense_pauli_string(n: int) -> st.SearchStrategy[cirq.Gate]:
    coefficients = st.sampled_from([1, -1, 1j, -1j])
    return st.builds(lambda word, c: c * cirq.DensePauliString(word), words(n), coefficients)


@_gate(cirq.MutableDensePauliString, 1, 2, 3)
def _mutable_dense_pauli_string(n: int) -> st.SearchStrategy[cirq.Gate]:
    return words(n).map(cirq.MutableDensePauliString)


@_gate(cirq.BooleanHamiltonianGate, 1, 2, 3)
def _boolean_hamiltonian(n: int) -> st.SearchStrategy[cirq.Gate]:
    names = [f"v{i}" for i in range(n)]
    formulas = st.sampled_from([" ^ ".join(names), " & ".join(names), f"~{names[-1]}"])
    return st.builds(
        lambda formula, t: cirq.BooleanHamiltonianGate(names, [formula], t), formulas, numbers()
    )


@_gate(cirq.UniformSuperpositionGate, 1, 2, 3)
def _uniform_superposition(n: int) -> st.SearchStrategy[cirq.Gate]:
    return st.integers(1, 2**n).map(lambda m: cirq.UniformSuperpositionGate(m, n))


@_gate(cirq.ArithmeticGate, 1, 2, 3)
def _addition(n: int) -> st.SearchStrategy[cirq.Gate]:
    return st.integers(0, 2**n - 1).map(lambda k: Add(n, k))


class Add(cirq.ArithmeticGate):
    """Adds a constant modulo 2^n: a permutation that is not affine over the bits."""

    def __init__(self, n_qubits: int, constant: int) -> None:
        self._n_qubits = n_qubits
        self._constant = constant

    def registers(self) -> list[Any]:
        return [[2] * self._n_qubits, self._constant]

    def with_registers(self, *new_registers: Any) -> Add:
        return Add(len(new_registers[0]), new_registers[1])

    def apply(self, *values: int) -> int:
        return values[0] + values[1]


# -- Operations and circuits


@cache
def gates_of(gate_type: type[cirq.Gate], n: int) -> st.SearchStrategy[cirq.Gate]:
    """Return the strategy for the gates of one class on n qubits."""
    return GATES[gate_type][1](n)


@cache
def gates(n: int) -> st.SearchStrategy[cirq.Gate]:
    """Return a strategy for gates on n qubits."""
    types = [gate_type for gate_type, (sizes, _) in GATES.items() if n in sizes]
    return st.one_of([gates_of(gate_type, n) for gate_type in types])


def _sum_of_products(n_controls: int) -> st.SearchStrategy[cirq.SumOfProducts]:
    values = st.sampled_from(list(itertools.product((0, 1), repeat=n_controls)))
    return st.lists(values, min_size=1, max_size=3, unique=True).map(cirq.SumOfProducts)


def control_values(n_controls: int) -> st.SearchStrategy[Any]:
    """Return the values of control qubits for which an operation happens."""
    each = st.sampled_from([0, 1, (0, 1)])
    product = st.lists(each, min_size=n_controls, max_size=n_controls)
    return product | _sum_of_products(n_controls)


@st.composite
def pauli_strings(draw: Callable, targets: list[cirq.Qid]) -> Iterable[cirq.Operation]:
    letters = {"I": cirq.I, "X": cirq.X, "Y": cirq.Y, "Z": cirq.Z}
    word = draw(words(len(targets)))
    factors = [letters[letter](q) for q, letter in zip(targets, word, strict=True)]
    return [draw(st.sampled_from([1, -1, 1j])) * cirq.PauliString(*factors)]


@st.composite
def global_phases(draw: Callable, targets: list[cirq.Qid]) -> Iterable[cirq.Operation]:
    symbolic = expressions().map(lambda e: sympy.exp(sympy.I * e))
    coefficient = draw(st.sampled_from([1j, np.exp(0.3j)]) | symbolic)
    return [cirq.global_phase_operation(coefficient)]


@st.composite
def pauli_sum_exponentials(draw: Callable, targets: list[cirq.Qid]) -> Iterable[cirq.Operation]:
    """Return the phasors of commuting words."""
    first, *rest = targets
    total = 0.7 * cirq.X(first) if not rest else cirq.Z(first) * cirq.Z(rest[0])
    if rest:
        total = total - 0.5 * cirq.X(first) * cirq.X(rest[0])
    unit = draw(st.sampled_from([1, 1j]))
    return list(cirq.PauliSumExponential(unit * total, draw(arguments())))


@st.composite
def subcircuits(draw: Callable, targets: list[cirq.Qid]) -> Iterable[cirq.Operation]:
    """Return a circuit as an operation: nested, repeated, inverted, renamed in all ways."""
    gate = draw(gates(len(targets)))
    body = cirq.FrozenCircuit(gate.on(*targets), cirq.X(targets[0]) ** draw(arguments()))
    invertible = cirq.inverse(body, None) is not None
    if draw(st.booleans()):
        body = cirq.FrozenCircuit(cirq.CircuitOperation(body), cirq.T(targets[-1]))
    operation = cirq.CircuitOperation(body, repetitions=draw(st.integers(1, 2)))
    if draw(st.booleans()):
        renamed = draw(st.permutations(targets))
        operation = operation.with_qubit_mapping(dict(zip(targets, renamed, strict=True)))
    if draw(st.booleans()):
        operation = operation.with_params({FEATURES[0]: PARAMETERS[0] + 0.1})
    if draw(st.booleans()) and invertible:
        operation = cirq.inverse(operation)
    return [operation]


@st.composite
def gate_operations(draw: Callable, targets: list[cirq.Qid]) -> Iterable[cirq.Operation]:
    gate = draw(gates(len(targets)))
    if draw(st.booleans()):
        gate = cirq.inverse(gate, gate)
    # Some gates return operations of another class.
    as_is = draw(st.booleans())
    return [cirq.GateOperation(gate, targets) if as_is else gate.on(*targets)]


KINDS = [*[gate_operations] * 8, pauli_strings, global_phases, pauli_sum_exponentials, subcircuits]


@st.composite
def operations(draw: Callable, qubits: list[cirq.Qid]) -> list[cirq.Operation]:
    """Return operations on some of the qubits, perhaps controlled and tagged."""
    chosen = draw(st.permutations(qubits))
    n_controls = draw(st.integers(0, min(2, len(qubits) - 1))) if draw(st.booleans()) else 0
    n = draw(st.integers(1, min(MAX_GATE_QUBITS, len(qubits) - n_controls)))
    drawn = draw(draw(st.sampled_from(KINDS))(chosen[:n]))
    if draw(st.booleans()):
        drawn = [operation.with_tags("inner") for operation in drawn]
    if n_controls:
        values, controls = draw(control_values(n_controls)), chosen[n : n + n_controls]
        control = _control_gate if draw(st.booleans()) else _control_operation
        drawn = [control(operation, controls, values) for operation in drawn]
    return [op.with_tags("outer") for op in drawn] if draw(st.booleans()) else drawn


def _control_operation(
    operation: cirq.Operation, controls: list[cirq.Qid], values: Any
) -> cirq.Operation:
    # Cirq does not see PhasedFSimGate's symbols in a subcircuit, and refuses to control it.
    if not (cirq.is_parameterized(operation) or cirq.has_unitary(operation)):
        return operation
    return operation.controlled_by(*controls, control_values=values)


def _control_gate(
    operation: cirq.Operation, controls: list[cirq.Qid], values: Any
) -> cirq.Operation:
    if operation.gate is None:
        return _control_operation(operation, controls, values)
    gate = cirq.ControlledGate(operation.gate, len(controls), values)
    return gate.on(*controls, *operation.qubits)


def symbols_of(circuit: cirq.AbstractCircuit) -> set[str]:
    """Return the names of a circuit's symbols; `cirq.parameter_names` misses PhasedFSimGate's."""
    return {symbol.name for symbol in flatten(unroll(circuit)).free_symbols}


@st.composite
def feature_maps(
    draw: Callable, gate_type: type[cirq.Gate], max_qubits: int = 6, max_operations: int = 11
) -> FeatureMap:
    """Return a map of a random circuit with one gate of a class somewhere.

    It lists just the symbols that the circuit uses.
    """
    size = draw(st.sampled_from(GATES[gate_type][0]))
    qubits = draw(st.permutations(cirq.LineQubit.range(draw(st.integers(size, max_qubits)))))
    start = [(cirq.Y**0.3)(q) for q in qubits] if draw(st.booleans()) else []
    body = draw(st.lists(operations(qubits), max_size=max_operations))
    gate = cirq.GateOperation(draw(gates_of(gate_type, size)), qubits[:size])
    body.insert(draw(st.integers(0, len(body))), [gate])
    circuit = cirq.Circuit(cirq.I.on_each(*qubits), start, body)
    used = symbols_of(circuit)
    features = [s for s in FEATURES if s.name in used]
    parameters = [s for s in PARAMETERS if s.name in used]
    return FeatureMap(circuit, features, parameters)


def points(feature_map: FeatureMap, n_points: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random data and parameters for a feature map."""
    rng = np.random.default_rng(seed)
    inputs = rng.uniform(-np.pi, np.pi, (n_points, feature_map.n_features))
    return inputs, rng.uniform(-np.pi, np.pi, feature_map.n_parameters)
