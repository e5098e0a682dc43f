"""Deep kernel learning: Gaussian processes on features that a small network learns, in PyTorch.

A step across a cube of four dimensions, and a wave, are to be learnt from noisy points. A network
of two layers maps each point to two features, and a kernel compares these: a projected quantum
kernel, or an RBF kernel. Network, kernel and noise are learnt together by maximising the marginal
likelihood, whose gradient PyTorch takes through `qkernels.torch.gram` and a Cholesky factorisation.
Beside them stand an RBF kernel on the points themselves, learnt in the same way, and scikit-learn's
process with that kernel, which must come to the same. Out come errors and densities of held-out
observations, and a figure of what was learnt when.
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
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from torch import nn

import qkernels as qk
from qkernels.torch import gram

N_COLUMNS, N_TEST, NOISE = 4, 500, 0.1
N_FEATURES, HIDDEN, RATE = 2, 8, 0.05
LOOK = 5  # steps from one look at the held-out points to the next
QUANTUM, TWIN, PLAIN = "network + quantum kernel", "network + RBF kernel", "RBF kernel alone"
SCIKIT_LEARN = "the same by scikit-learn"


class Process(nn.Module):
    """A Gaussian process whose kernel is a constant times one on a network's features.

    All numbers that must stay positive are kept as logarithms.
    """

    def __init__(self, network: nn.Module, kernel: object, **start: float) -> None:
        super().__init__()
        self.network, self.kernel = network, kernel
        start = {"constant": 1.0, "noise": 0.1, **start}
        logarithms = {name: nn.Parameter(torch.tensor(np.log(v))) for name, v in start.items()}
        self.logarithms = nn.ParameterDict(logarithms)

    def positive(self) -> dict[str, torch.Tensor]:
        """Return the constant, the noise, and the kernel's hyperparameters."""
        return {name: value.exp() for name, value in self.logarithms.items()}

    def covariance(self, X: torch.Tensor, Y: torch.Tensor | None = None) -> torch.Tensor:
        """Return the prior covariance of points, without noise."""
        values = self.positive()
        own = {name: values[name] for name in values.keys() - {"constant", "noise"}}
        Z = None if Y is None else self.network(Y)
        return values["constant"] * gram(self.kernel, self.network(X), Z, **own)

    def factor(self, X: torch.Tensor) -> torch.Tensor:
        """Return the Cholesky factor of the covariance of noisy observations."""
        noise = self.positive()["noise"] * torch.eye(len(X), dtype=X.dtype)
        return torch.linalg.cholesky(self.covariance(X) + noise)

    def log_likelihood(self, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Return the log marginal likelihood (Rasmussen and Williams 2006, equation 2.30)."""
        factor = self.factor(X)
        weights = torch.cholesky_solve(y[:, None], factor)[:, 0]
        half_determinant = factor.diagonal().log().sum()
        return -0.5 * y @ weights - half_determinant - 0.5 * len(y) * np.log(2 * np.pi)

    def predict(
        self, X: torch.Tensor, y: torch.Tensor, X_test: torch.Tensor
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of new observations (equations 2.25 and 2.26)."""
        values = self.positive()
        with torch.no_grad():
            factor, cross = self.factor(X), self.covariance(X, X_test)
            mean = cross.T @ torch.cholesky_solve(y[:, None], factor)[:, 0]
            known = torch.linalg.solve_triangular(factor, cross, upper=False).square().sum(dim=0)
            variance = values["constant"] + values["noise"] - known
        return mean.numpy(), variance.sqrt().numpy()


def network(n_columns: int, seed: int) -> nn.Sequential:
    """Return two layers; those of one seed start alike."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = nn.Linear(n_columns, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, N_FEATURES)
        return nn.Sequential(*layers).double()


def quantum_process(n_columns: int, seed: int) -> Process:
    kernel = qk.ProjectedKernel(qk.feature_maps.iqp(N_FEATURES))
    return Process(network(n_columns, seed), kernel, gamma=1.0, bandwidth=0.5)


def classical_process(n_columns: int, seed: int) -> Process:
    return Process(network(n_columns, seed), RBF(), length_scale=1.0)


def plain_process(n_columns: int, seed: int) -> Process:
    return Process(nn.Identity(), RBF(), length_scale=1.0)


PROCESSES: dict[str, Callable[[int, int], Process]] = {
    QUANTUM: quantum_process,
    TWIN: classical_process,
    PLAIN: plain_process,
}


def observations(n_train: int, seed: int) -> tuple[torch.Tensor, ...]:
    """Return noisy observations of a step across a cube and a wave, then those held out."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(n_train + N_TEST, N_COLUMNS))
    y = np.tanh(8 * (X[:, 0] + 0.5 * X[:, 1])) + 0.5 * np.sin(4 * X[:, 2])
    X, y = torch.tensor(X), torch.tensor(y + NOISE * rng.normal(size=len(X)))
    return X[:n_train], y[:n_train], X[n_train:], y[n_train:]


def train(process: Process, data: tuple[torch.Tensor, ...], n_steps: int) -> np.ndarray:
    """Train a process; return how likely a training point and a held-out one are, (2, n_looks).

    The former is the log marginal likelihood a point, the latter the mean log density.
    """
    X, y, X_test, y_test = data
    optimizer = torch.optim.Adam(process.parameters(), lr=RATE)
    history = []
    for step in range(n_steps + 1):
        value = process.log_likelihood(X, y) / len(y)
        if step % LOOK == 0:
            density = score(*process.predict(X, y, X_test), y_test.numpy())[1]
            history.append((value.item(), density))
        if step < n_steps:
            optimizer.zero_grad()
            (-value).backward()
            optimizer.step()
    return np.array(history).T


def score(mean: np.ndarray, deviation: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return the root mean square error, and the mean log density of the observations."""
    errors = (y - mean) / deviation
    densities = -0.5 * errors**2 - np.log(deviation) - 0.5 * np.log(2 * np.pi)
    return float(np.sqrt(np.mean((y - mean) ** 2))), float(densities.mean())


def reference(data: tuple[torch.Tensor, ...]) -> tuple[float, float, float]:
    """Return the likelihood and the scores of scikit-learn's process with an RBF kernel."""
    X, y, X_test, y_test = (tensor.numpy() for tensor in data)
    kernel = ConstantKernel(1.0) * RBF(1.0) + WhiteKernel(0.1)
    process = GaussianProcessRegressor(kernel).fit(X, y)
    found = score(*process.predict(X_test, return_std=True), y_test)
    return process.log_marginal_likelihood_value_ / len(y), *found


def compare(n_splits: int, n_train: int, n_steps: int) -> tuple[dict, dict]:
    """Train all processes on all splits; return scores (splits, 3), and histories."""
    splits = [observations(n_train, seed) for seed in range(n_splits)]
    scores: dict[str, list] = {name: [] for name in [*PROCESSES, SCIKIT_LEARN]}
    histories: dict[str, list] = {name: [] for name in PROCESSES}
    print(f"{'':28}learnt  log likelihood     error   log density   s a split")
    for name, build in PROCESSES.items():
        start = perf_counter()
        for seed, data in enumerate(splits):
            process = build(data[0].shape[1], seed)
            histories[name].append(train(process, data, n_steps))
            found = score(*process.predict(*data[:3]), data[3].numpy())
            scores[name].append((histories[name][-1][0, -1], *found))
        n_learnt = sum(p.numel() for p in process.parameters())
        show(name, n_learnt, scores[name], perf_counter() - start)
    start = perf_counter()
    scores[SCIKIT_LEARN] = [reference(data) for data in splits]
    show(SCIKIT_LEARN, 3, scores[SCIKIT_LEARN], perf_counter() - start)
    arrays = ({k: np.array(v) for k, v in found.items()} for found in (scores, histories))
    return tuple(arrays)


def show(name: str, n_learnt: int, scores: list, seconds: float) -> None:
    """Print the means over the splits."""
    likelihood, error, density = np.mean(scores, axis=0)
    print(
        f"{name:28}{n_learnt:6}{likelihood:16.3f}{error:10.3f}{density:14.3f}"
        f"{seconds / len(scores):12.1f}",
        flush=True,
    )


def verdict(scores: dict[str, np.ndarray]) -> str:
    """Compare the quantum kernel's densities with the others', split by split."""
    lines = []
    for name in (TWIN, PLAIN):
        gains = scores[QUANTUM][:, 2] - scores[name][:, 2]
        error = gains.std(ddof=1) / np.sqrt(len(gains))
        word = "no clear difference"
        if abs(gains.mean()) > t.ppf(0.975, len(gains) - 1) * error:
            word = "better" if gains.mean() > 0 else "worse"
        lines.append(
            f"{QUANTUM} minus {name}: held-out log density {gains.mean():+.3f} ± {error:.3f} "
            f"(standard error of the splits), {word} by Student's t"
        )
    return "\n".join(lines)


def draw(histories: dict[str, np.ndarray], path: Path) -> None:
    """Draw what training makes of the training points, and of those held out."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharex=True)
    titles = ("log marginal likelihood, a training point", "log density of a held-out point")
    colours = ("#0072b2", "#d55e00", "#777777")
    for k, (axis, title) in enumerate(zip(axes, titles, strict=True)):
        for (name, runs), colour in zip(histories.items(), colours, strict=True):
            steps = LOOK * np.arange(runs.shape[2])
            axis.plot(steps, runs[:, k].T, color=colour, alpha=0.3, linewidth=0.8)
            axis.plot(steps, runs[:, k].mean(axis=0), color=colour, label=name)
        axis.set_xlabel("step")
        axis.set_title(title)
    axes[0].legend(loc="lower right", frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Train the processes, and say how well they and their uncertainty do."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer splits, points and steps")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    # Threads are no gain to matrices this small, and a loss on a machine that is busy.
    torch.set_num_threads(1)
    n_splits, n_train, n_steps = (2, 80, 60) if options.quick else (5, 200, 200)
    print(f"a step and a wave: {n_train} points to train on, {n_splits} splits, {n_steps} steps")
    scores, histories = compare(n_splits, n_train, n_steps)
    print(
        "learnt: number of weights and hyperparameters; log likelihood: of a training point;\n"
        "error and log density: of held-out observations"
    )
    print(verdict(scores))
    path = options.output / "deep_kernel_learning.png"
    draw(histories, path)
    print(f"likelihoods and densities: {path}")


if __name__ == "__main__":
    main()
