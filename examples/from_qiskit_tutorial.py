"""Qiskit's kernel tutorial and its classifier's circuit, brought over and computed here.

The tutorial classifies ad hoc data with the kernel of `zz_feature_map`: `from_qiskit` turns that
circuit into a feature map, and `FidelityKernel` goes into scikit-learn as it does there. The same
Gram matrix is computed from Qiskit's state vectors, with the time that each took, once for the
tutorial's points and once for more points on more qubits. Then the circuit of a variational
classifier, `zz_feature_map` before `real_amplitudes`, shows trainable parameters and observables:
an observable on qubit i stays on qubit i, though the two packages order amplitudes differently.

Needs Qiskit: pip install "qkernels[interop]". The tutorial is "Quantum Kernel Machine Learning" of
Qiskit Machine Learning.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import cirq
import numpy as np
from sklearn.svm import SVC

import qkernels as qk

try:
    from qiskit import QuantumCircuit
    from qiskit.circuit.library import real_amplitudes, zz_feature_map
    from qiskit.quantum_info import Pauli, Statevector
except ImportError as error:
    raise ImportError('this example needs Qiskit: pip install "qkernels[interop]"') from error


def qiskit_states(circuit: QuantumCircuit, parameters: Any, values: np.ndarray) -> list[Any]:
    """Return Qiskit's state of each row of values."""
    return [
        Statevector(circuit.assign_parameters(dict(zip(parameters, row, strict=True))))
        for row in values
    ]


def qiskit_gram(circuit: QuantumCircuit, X: np.ndarray) -> np.ndarray:
    """Return the fidelities of Qiskit's states."""
    states = np.array([state.data for state in qiskit_states(circuit, circuit.parameters, X)])
    return np.abs(states.conj() @ states.T) ** 2


def compare(circuit: QuantumCircuit, X: np.ndarray) -> np.ndarray:
    """Compute the Gram matrix in both ways, print the times, and return ours."""
    start = time.perf_counter()
    theirs = qiskit_gram(circuit, X)
    between = time.perf_counter()
    kernel = qk.FidelityKernel(qk.interop.from_qiskit(circuit, circuit.parameters))
    ours = kernel(X)
    end = time.perf_counter()
    print(
        f"{len(X)} points, {circuit.num_qubits} qubits: Qiskit {between - start:.2f} s, "
        f"qkernels {end - between:.2f} s with the conversion, "
        f"largest difference {np.abs(ours - theirs).max():.1e}"
    )
    return ours


def classify(X: np.ndarray, y: np.ndarray, n_train: int) -> None:
    """Classify the ad hoc data as the tutorial does."""
    circuit = zz_feature_map(2, reps=2, entanglement="linear")
    kernel = qk.FidelityKernel(qk.interop.from_qiskit(circuit, circuit.parameters))
    model = SVC(kernel=kernel).fit(X[:n_train], y[:n_train])
    score = model.score(X[n_train:], y[n_train:])
    print(f"ad hoc data, {n_train} points to train on: test score {score:.2f}")


def observe(X: np.ndarray) -> None:
    """Compare each qubit's ⟨Z⟩ behind the circuit of a variational classifier."""
    encoding, ansatz = zz_feature_map(3), real_amplitudes(3, reps=2)
    circuit = encoding.compose(ansatz)
    features, weights = list(encoding.parameters), list(ansatz.parameters)
    feature_map = qk.interop.from_qiskit(circuit, features, weights)
    values = np.random.default_rng(1).uniform(-np.pi, np.pi, len(weights))

    words = [cirq.Z(qubit) for qubit in feature_map.qubits]
    ours = qk.StatevectorEvaluator().expectations(feature_map, X, values, observables=words)
    rows = np.hstack([X, np.tile(values, (len(X), 1))])
    # Qiskit's words are read from the last qubit to the first.
    labels = ["IIZ", "IZI", "ZII"]
    theirs = np.array(
        [
            [state.expectation_value(Pauli(label)).real for label in labels]
            for state in qiskit_states(circuit, features + weights, rows)
        ]
    )
    print(f"{feature_map.n_features} features, {feature_map.n_parameters} weights")
    for i, (a, b) in enumerate(zip(ours[0], theirs[0], strict=True)):
        print(f"⟨Z⟩ of qubit {i}: qkernels {a:+.6f}, Qiskit {b:+.6f}")
    print(f"largest difference over {len(X)} points: {np.abs(ours - theirs).max():.1e}")


def main(arguments: list[str] | None = None) -> None:
    """Bring the circuits over, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer points and qubits")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    X, y = qk.datasets.ad_hoc(50, 2, gap=0.3, random_state=0)
    order = np.random.default_rng(0).permutation(len(X))
    classify(X[order], y[order], n_train=40)
    compare(zz_feature_map(2, reps=2, entanglement="linear"), X)

    n_points, n_qubits = (30, 4) if options.quick else (200, 10)
    points = np.random.default_rng(0).uniform(0, 1, (n_points, n_qubits))
    K = compare(zz_feature_map(n_qubits, reps=2), points)
    path = options.output / "from_qiskit_gram.npy"
    np.save(path, K)
    print(f"the larger Gram matrix: {path}")
    observe(points[:10, :3])


if __name__ == "__main__":
    main()
