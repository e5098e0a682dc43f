"""A quantum layer between two linear ones in PyTorch, beside classical layers in its place.

Even and odd handwritten digits, as sixteen principal components, are told apart by a small model:
linear, something in the middle, linear. In the middle there is a `QuantumLayer` on four qubits, or
a classical layer of about as many weights, with tanh or with the sines that circuits are made of,
or the quantum layer with its angles left as they were drawn, or nothing: a linear model. All are
trained in mini-batches by Adam, on the same splits and in the same order. Out come the accuracies
on points that were held out, and a figure of what was learnt when. The comparison is fair, but
small: it says what the circuit adds here, not what circuits can do.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.stats import t
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import qkernels as qk
from qkernels.torch import QuantumLayer

N_POINTS, N_COMPONENTS, N_QUBITS, LAYERS = 500, 16, 4, 2
BATCH, RATE = 50, 0.02
HYBRID = "quantum"


def digits(seed: int) -> tuple[torch.Tensor, ...]:
    """Return points and labels for training, then those held out."""
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(
        X, y % 2, train_size=N_POINTS, test_size=N_POINTS, stratify=y, random_state=seed
    )
    components = make_pipeline(StandardScaler(), PCA(N_COMPONENTS, random_state=seed))
    X, X_test = components.fit_transform(X), components.transform(X_test)
    arrays = X / X.std(), y, X_test / X.std(), y_test
    return tuple(torch.tensor(array, dtype=torch.float32) for array in arrays)


def quantum_layer(seed: int) -> QuantumLayer:
    """Return a circuit of rotations by the data, then of trainable gates; ⟨Z⟩ of each qubit."""
    ansatz = qk.ansatze.strongly_entangling(N_QUBITS, layers=LAYERS)
    network = qk.qnn.ExpectationNetwork(qk.feature_maps.angle(N_QUBITS), ansatz)
    return QuantumLayer(network, random_state=seed)


class Sine(nn.Module):
    """The sine of each number: a circuit's outputs, too, are sums of sines of its inputs."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return sin x."""
        return torch.sin(x)


def classical_layer(activation: nn.Module) -> nn.Module:
    """Return a layer whose outputs lie between -1 and 1, as expectation values do."""
    return nn.Sequential(nn.Linear(N_QUBITS, N_QUBITS), activation)


MIDDLES: dict[str, Callable[[int], nn.Module]] = {
    HYBRID: quantum_layer,
    "quantum, not trained": lambda seed: quantum_layer(seed).requires_grad_(False),
    "classical, tanh": lambda seed: classical_layer(nn.Tanh()),
    "classical, sine": lambda seed: classical_layer(Sine()),
    "nothing": lambda seed: nn.Identity(),
}


def model(name: str, seed: int) -> nn.Sequential:
    """Return a model; those of one seed have the same linear layers to start from."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        first, last = nn.Linear(N_COMPONENTS, N_QUBITS), nn.Linear(N_QUBITS, 1)
        return nn.Sequential(first, MIDDLES[name](seed), last)


def train(net: nn.Module, data: tuple[torch.Tensor, ...], epochs: int, seed: int) -> np.ndarray:
    """Train a model; return the loss of the training batches and the test accuracy by epoch."""
    X, y, X_test, y_test = data
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
    generator, history = torch.Generator().manual_seed(seed), []
    for _ in range(epochs):
        losses = []
        for rows in torch.randperm(len(X), generator=generator).split(BATCH):
            optimizer.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(net(X[rows])[:, 0], y[rows])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        with torch.no_grad():
            right = (net(X_test)[:, 0] > 0) == (y_test > 0.5)
        history.append((np.mean(losses), right.double().mean().item()))
    return np.array(history).T


def compare(n_splits: int, epochs: int) -> dict[str, np.ndarray]:
    """Train every model on every split; return what `train` does, of shape (splits, 2, epochs)."""
    print(f"{'in the middle':22}weights there  in all   test accuracy ± sd of splits   s a split")
    found = {}
    for name in MIDDLES:
        start = perf_counter()
        runs = []
        for seed in range(n_splits):
            net = model(name, seed)
            runs.append(train(net, digits(seed), epochs, seed))
        found[name] = np.array(runs)
        final = found[name][:, 1, -1]
        middle, total = (
            sum(p.numel() for p in part.parameters() if p.requires_grad) for part in (net[1], net)
        )
        seconds = (perf_counter() - start) / n_splits
        print(
            f"{name:22}{middle:13}{total:8}{final.mean():16.3f} ± {final.std():.3f}{seconds:20.1f}",
            flush=True,
        )
    return found


def verdict(found: dict[str, np.ndarray]) -> str:
    """Compare the hybrid model with the others, split by split."""
    final = {name: runs[:, 1, -1] for name, runs in found.items()}
    lines = []
    for name in list(MIDDLES)[1:]:
        gains = final[HYBRID] - final[name]
        error = gains.std(ddof=1) / np.sqrt(len(gains))
        word = "no clear difference"
        if abs(gains.mean()) > t.ppf(0.975, len(gains) - 1) * error:
            word = "more" if gains.mean() > 0 else "less"
        lines.append(
            f"quantum minus {name}: {gains.mean():+.3f} ± {error:.3f} (standard error of the "
            f"splits), {word} by Student's t"
        )
    return "\n".join(lines)


def draw(found: dict[str, np.ndarray], path: Path) -> None:
    """Draw losses and accuracies over the epochs, with bands of one standard deviation."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    titles = ("loss of the training batches", "accuracy on held-out points")
    colours = ("#0072b2", "#56b4e9", "#d55e00", "#e69f00", "#777777")
    for k, (axis, title) in enumerate(zip(axes, titles, strict=True)):
        for (name, runs), colour in zip(found.items(), colours, strict=True):
            mean, spread = runs[:, k].mean(axis=0), runs[:, k].std(axis=0)
            epochs = np.arange(1, len(mean) + 1)
            axis.plot(epochs, mean, color=colour, label=name)
            axis.fill_between(epochs, mean - spread, mean + spread, color=colour, alpha=0.2, lw=0)
        axis.set_xlabel("epoch")
        axis.set_title(title)
    axes[0].set_yscale("log")
    axes[1].legend(loc="lower right", frameon=False, title="in the middle")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Train the models, and say whether the quantum layer is worth it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer splits and epochs")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    # Threads are no gain to layers this small, and a loss on a machine that is busy.
    torch.set_num_threads(1)
    n_splits, epochs = (2, 5) if options.quick else (5, 30)
    print(
        f"even and odd digits: {N_POINTS} points to train on, {N_POINTS} held out, {n_splits} "
        f"splits, {epochs} epochs"
    )
    print(model(HYBRID, 0))
    found = compare(n_splits, epochs)
    print(verdict(found))
    path = options.output / "hybrid_torch.png"
    draw(found, path)
    print(f"losses and accuracies: {path}")


if __name__ == "__main__":
    main()
