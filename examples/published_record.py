"""A published record on this machine: the kernel matrix of 5120 points on 165 qubits.

Metcalf et al. (SC24, arXiv:2411.09336) computed it with matrix product states on 32 A100 in 10 557
seconds. Here are features of the same shape, generated and treated as theirs: by quantiles to a
normal distribution, standardised, and scaled to [0, 2]. The matrix is checked: its eigenvalues, and
a sample of its entries by another contraction. At the published γ = 0.1 the circuit hardly
entangles, so two kernels without entanglement are printed beside it, the circuit less its couplings
and the product of the fidelities of single qubits, and so is a tuned RBF kernel. Then come
settings that entangle more, on fewer points.
"""

from __future__ import annotations

import argparse
import time
from importlib.util import find_spec
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, StandardScaler
from sklearn.svm import SVC

import qkernels as qk
from qkernels.feature_maps import ising, without_entanglement

GAMMA, LAYERS = 0.1, 2
PAPER_SECONDS = 10_557
SETTINGS = ((0.1, 1), (0.3, 1), (0.5, 1), (1.0, 1), (1.0, 2), (1.0, 3))
COSTS = (0.1, 1.0, 10.0, 100.0)
WIDTHS = (0.1, 0.3, 1.0, 3.0, 10.0)
Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def transactions(n_points: int, n_features: int) -> Data:
    """Return training and test features in [0, 2] and their classes.

    A third of the features are 0 for half of the points, as those of transactions are.
    """
    X, y = make_classification(
        n_points,
        n_features,
        n_informative=max(4, n_features // 8),
        n_redundant=n_features // 2,
        n_clusters_per_class=4,
        class_sep=0.5,
        random_state=0,
    )
    X[:, ::3] = np.maximum(X[:, ::3] - np.median(X[:, ::3], axis=0), 0)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
    quantiles = QuantileTransformer(
        n_quantiles=min(1000, len(X)), output_distribution="normal", random_state=0
    )
    scale = make_pipeline(quantiles, StandardScaler(), MinMaxScaler((0, 2))).fit(X)
    return scale.transform(X), scale.transform(X_test), y, y_test


# ---------------------------------------------------------------- another contraction


def contracted(X: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, str]:
    """Return the fidelities of some pairs of points, and how they were computed."""
    if find_spec("quimb"):
        return _by_quimb(X, pairs), "quimb"
    return _by_numpy(X, pairs), "plain NumPy"


def _by_quimb(X: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    states = {k: _quimb_state(X[k]) for k in np.unique(pairs)}
    # From qubit to qubit: the way that quimb itself chooses may fail where bonds are 1.
    return np.array([abs((states[i].H & states[j]) ^ ...) ** 2 for i, j in pairs])


def _quimb_state(x: np.ndarray) -> object:
    import quimb.tensor as qtn

    circuit = qtn.CircuitMPS(len(x), cutoff=1e-14)
    circuit.apply_gates(("H", k) for k in range(len(x)))
    for _ in range(LAYERS):
        circuit.apply_gates(("RZ", 2 * GAMMA * x[k], k) for k in range(len(x)))
        angles = np.pi * GAMMA**2 * (1 - x[:-1]) * (1 - x[1:])
        circuit.apply_gates(("RXX", angle, k, k + 1) for k, angle in enumerate(angles))
    return circuit.psi


def _by_numpy(X: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    first, second = pairs.T
    passed = np.ones((len(pairs), 1, 1), dtype=complex)
    for k in range(X.shape[1]):
        tensors = _tensors(X, k)
        passed = np.einsum(
            "pab,pacs,pbds->pcd", passed, tensors[first].conj(), tensors[second], optimize=True
        )
    return np.abs(passed[:, 0, 0]) ** 2


def _tensors(X: np.ndarray, k: int) -> np.ndarray:
    """Return the exact tensors of qubit k, indexed by point, left bond, right bond and bit.

    A coupling is Σ_b c_b X^b ⊗ X^b with c = (cos, −i sin) of half of its angle: in each layer a
    bond has two values, and nothing is ever truncated.
    """
    n = X.shape[1]
    phases = np.exp(1j * GAMMA * np.outer(X[:, k], [-1, 1]))
    tensors = np.full((len(X), 1, 1, 2), np.sqrt(0.5), dtype=complex)
    half = np.pi / 2 * GAMMA**2 * (1 - X[:, k]) * (1 - X[:, min(k + 1, n - 1)])
    weights = np.stack([np.cos(half), -1j * np.sin(half)], axis=1)
    left, right = np.arange(2 if k else 1), np.arange(2 if k < n - 1 else 1)
    weights = weights[:, right] if k < n - 1 else np.ones((len(X), 1))
    flips = np.array([np.eye(2), np.eye(2)[::-1]])[(left[:, None] + right) % 2]
    for _ in range(LAYERS):
        tensors = tensors * phases[:, None, None, :]
        tensors = np.einsum("pacs,lrts,pr->palcrt", tensors, flips, weights)
        tensors = tensors.reshape(len(X), len(left) * tensors.shape[1], -1, 2)
    return tensors


# ---------------------------------------------------------------- kernels without entanglement


def uncoupled(feature_map: qk.FeatureMap) -> qk.FidelityKernel:
    """Return the fidelity kernel of the circuit without its couplings."""
    return qk.FidelityKernel(without_entanglement(feature_map), evaluator=qk.MPSEvaluator())


def single_qubits(feature_map: qk.FeatureMap, X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Return the product over qubits of the fidelities of their reduced density matrices.

    With Bloch vectors r and s, that of a qubit is (1 + r·s + √(1 − r²) √(1 − s²)) / 2.
    """
    vectors = qk.ProjectedFeatures(feature_map, evaluator=qk.MPSEvaluator())
    r, s = (np.sqrt(2) * vectors.fit_transform(Z).reshape(len(Z), -1, 3) for Z in (X, Y))
    mixed = [np.sqrt(np.maximum(1 - np.sum(v**2, axis=2), 0)) for v in (r, s)]
    K = np.ones((len(X), len(Y)))
    for q in range(r.shape[1]):
        K *= (1 + r[:, q] @ s[:, q].T + np.outer(mixed[0][:, q], mixed[1][:, q])) / 2
    return K


def deviation(K: np.ndarray, other: np.ndarray) -> str:
    """Return in words how far two kernel matrices are apart."""
    difference = np.abs(K - other)
    return f"at most {difference.max():.1e}, {difference.mean():.1e} in the mean"


# ---------------------------------------------------------------- learning


def accuracy(kernels: dict[str, tuple[np.ndarray, np.ndarray]], data: Data) -> tuple[float, str]:
    """Return the test accuracy of the kernel and C that do best in cross-validation, and which.

    Each kernel is that of the training points, and of the test points with these.
    """
    _, _, y, y_test = data
    found = {}
    for name, (K, _) in kernels.items():
        search = GridSearchCV(SVC(kernel="precomputed"), {"C": COSTS}, cv=3).fit(K, y)
        found[name] = search
    best = max(found, key=lambda name: found[name].best_score_)
    C = found[best].best_params_["C"]
    return found[best].score(kernels[best][1], y_test), f"{best} C={C:g}".strip()


def rbf(data: Data) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return RBF kernels of several widths."""
    X, X_test, *_ = data
    one = 1 / (X.shape[1] * X.var())
    return {
        f"gamma={w * one:.2g}": (rbf_kernel(X, gamma=w * one), rbf_kernel(X_test, X, w * one))
        for w in WIDTHS
    }


def say_accuracy(name: str, kernels: dict, data: Data) -> float:
    """Print a row of the table of accuracies."""
    score, chosen = accuracy(kernels, data)
    error = np.sqrt(score * (1 - score) / len(data[3]))
    print(f"{name:38} {score:.3f} ± {error:.3f}   {chosen}")
    return score


# ---------------------------------------------------------------- the record


def record(data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Compute the matrix, check it, and compare it; return it with that of single qubits."""
    X, X_test, *_ = data
    evaluator = qk.MPSEvaluator()
    feature_map = ising(X.shape[1], gamma=GAMMA, layers=LAYERS)
    kernel = qk.FidelityKernel(feature_map, evaluator=evaluator)
    print(f"{feature_map!r}, γ = {GAMMA}, {LAYERS} layers, distance 1; {len(X)} points")
    kernel(X[:8])  # compiles
    start = time.perf_counter()
    K = qk.gram_matrix(kernel, X)
    seconds = time.perf_counter() - start
    print(f"from points to matrix: {seconds:.1f} s")
    print(f"the paper, 6400 points of which 5120 to train, on 32 A100: {PAPER_SECONDS} s")
    print(evaluator.report())
    check(K, X)
    plain, reduced = uncoupled(feature_map), single_qubits(feature_map, X, X)
    print(f"off the circuit without couplings: {deviation(K, plain(X))}")
    print(f"off the product of single qubits:  {deviation(K, reduced)}\n")
    print(f"{'test accuracy of SVC':38}          chosen by cross-validation")
    say_accuracy("published circuit", {"": (K, kernel(X_test, X))}, data)
    say_accuracy("circuit without couplings", {"": (plain(X), plain(X_test, X))}, data)
    say_accuracy(
        "product of single qubits", {"": (reduced, single_qubits(feature_map, X_test, X))}, data
    )
    say_accuracy("RBF", rbf(data), data)
    return K, reduced


def check(K: np.ndarray, X: np.ndarray) -> None:
    """Print the smallest eigenvalue, and how far a sample of entries is off."""
    values = np.linalg.eigvalsh(K)
    rounding = np.finfo(float).eps * len(K) * values[-1]
    print(f"smallest eigenvalue: {values[0]:.1e}; N ε λ_max = {rounding:.1e}")
    random = np.random.default_rng(0)
    chosen = random.choice(len(X), min(100, len(X)), replace=False)
    pairs = chosen[random.integers(len(chosen), size=(1000, 2))]
    values, how = contracted(X, pairs)
    off = np.abs(values - K[pairs[:, 0], pairs[:, 1]]).max()
    print(f"{len(pairs)} entries contracted with {how}: off by at most {off:.1e}")


# ---------------------------------------------------------------- stronger settings


def stronger(data: Data) -> list[tuple[float, int, float, np.ndarray, np.ndarray]]:
    """Print a row for each setting; return γ, distance, accuracy, and the two kernel matrices."""
    X, X_test, *_ = data
    print(f"\n{len(X)} points, {len(X_test)} to test")
    print("   γ  distance  mean bond  ms a state  µs a pair  mean K   off single qubits   accuracy")
    rows = []
    for gamma, distance in SETTINGS:
        feature_map = ising(X.shape[1], gamma=gamma, layers=LAYERS, distance=distance)
        K, bond, a_state, a_pair = timed(feature_map, X)
        kernel = qk.FidelityKernel(feature_map, evaluator=qk.MPSEvaluator())
        score, _ = accuracy({"": (K, kernel(X_test, X))}, data)
        reduced = single_qubits(feature_map, X, X)
        off = np.abs(K - reduced).max()
        mean = (K.sum() - len(K)) / (len(K) * (len(K) - 1))
        print(
            f"{gamma:4g}  {distance:8}  {bond:9.1f}  {1e3 * a_state:10.2f}  {1e6 * a_pair:9.1f}  "
            f"{mean:.0e}   {off:17.1e}   {score:8.3f}"
        )
        rows.append((gamma, distance, score, K, reduced))
    return rows


def timed(feature_map: qk.FeatureMap, X: np.ndarray) -> tuple[np.ndarray, float, float, float]:
    """Return the kernel matrix, the mean bond, and seconds for each state and for each pair."""
    evaluator = qk.MPSEvaluator(cache_size="0MB")
    evaluator.embed(feature_map, X[:1])  # translates the circuit
    start = time.perf_counter()
    states = evaluator.embed(feature_map, X)
    prepared = time.perf_counter()
    K = evaluator.fidelities(states)
    compared = time.perf_counter()
    bond = states.arrays()["bonds"][:, 1:-1].mean()
    n = len(X)
    return K, bond, (prepared - start) / n, 2 * (compared - prepared) / (n * (n - 1))


def draw(whole: tuple, rows: list, rbf_score: float, path: Path) -> None:
    """Draw kernel values over those of single qubits, and accuracies by setting."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
    random = np.random.default_rng(0)
    shown = {f"γ = {GAMMA:g}, all points": whole}
    shown |= {f"γ = {row[0]:g}, distance {row[1]}": row[3:] for row in rows[1:4]}
    for (label, (K, reduced)), marker in zip(shown.items(), "os^v", strict=False):
        i, j = random.integers(len(K), size=(2, 400))
        axes[0].plot(reduced[i, j][i != j], K[i, j][i != j], marker, ms=3, alpha=0.5, label=label)
    axes[0].axline((0, 0), slope=1, color="grey", linewidth=0.8)
    axes[0].set(xlabel="product of single qubits' fidelities", ylabel="fidelity of the states")
    axes[0].legend(fontsize=8)
    names = [f"{gamma:g}\n{distance}" for gamma, distance, *_ in rows]
    axes[1].plot(names, [row[2] for row in rows], "o", color="#d55e00", label="Ising map")
    axes[1].axhline(rbf_score, color="black", linestyle=":", label="tuned RBF")
    axes[1].set(xlabel="γ, and distance", ylabel=f"accuracy, {len(rows[0][3])} training points")
    axes[1].legend()
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Compute the record, then entangle more."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="200 points on 16 qubits")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    n_points, n_features, n_few = (250, 16, 80) if options.quick else (6400, 165, 600)

    data = transactions(n_points, n_features)
    whole = record(data)
    X, X_test, y, y_test = data
    few = X[:n_few], X_test[: n_few // 2], y[:n_few], y_test[: n_few // 2]
    rows = stronger(few)
    rbf_score = say_accuracy("RBF", rbf(few), few)
    path = options.output / "published_record.png"
    draw(whole, rows, rbf_score, path)
    print(f"kernel values and accuracies: {path}")


if __name__ == "__main__":
    main()
