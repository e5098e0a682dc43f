"""What is computed: the works by name, their sizes, their data, and the angles of their circuits.

The circuits are defined here once, as plain arrays of angles, so that every package computes
the same thing; `reference.py` turns them into states in plain NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LAYERS = 6
GAMMA = 1.0
"""γ of the projected kernel, as `qkernels.ProjectedKernel` defines it."""


@dataclass(frozen=True)
class Work:
    """One thing to compute, of one size.

    Parameters
    ----------
    group : str
        The name by which the command line selects it.
    task : {"gram", "states", "projected", "overlaps", "gradient", "loss"}
        From points to the fidelity Gram matrix, from points to states, from points to the Gram
        matrix of the projected kernel, from states to the Gram matrix, from points to the
        gradient of the kernel-target alignment by the circuit's offsets, or from points to the
        mean square difference of ⟨Z⟩ on the first qubit from their labels, with its gradient by
        the weights.
    feature_map : {"zz", "layered", "uploaded"}
        The ZZ map; six layers of RY·RZ on every qubit followed by a ring of CZ; or RX of a feature
        on every qubit, then six layers of RZ·RY·RZ with weights on every qubit, followed by CNOTs
        from every qubit to the one `reach` further round.
    n_points, n_qubits : int
        The size; there are as many features as qubits.
    """

    group: str
    task: str
    feature_map: str
    n_points: int
    n_qubits: int

    @property
    def name(self) -> str:
        """A unique name."""
        return f"{self.group}-{self.n_points}x{self.n_qubits}"

    @property
    def title(self) -> str:
        """A heading for a table."""
        size = f"{self.n_points} points × {self.n_qubits} qubits"
        return f"{_MAPS[self.feature_map]}, {_TASKS[self.task]}, {size}"


_MAPS = {
    "zz": "ZZ map",
    "layered": "RY·RZ + CZ ring, 6 layers",
    "uploaded": "RX upload + 6 strongly entangling layers",
}
_TASKS = {
    "gram": "points to Gram matrix",
    "states": "points to states",
    "projected": "points to projected kernel",
    "overlaps": "states to Gram matrix",
    "gradient": "points to alignment and its gradient",
    "loss": "points to mean square loss of ⟨Z₀⟩ and its gradient by 18 weights a qubit",
}

GROWTH = ("points", "qubits")
"""The groups whose works are one series of growing size, drawn as curves."""

FRESH = ("first", "memory", "training")
"""The groups that start new processes of qkernels alone; `fresh.py` computes them."""

SCALE = ("store", "kills", "pools", "learners")
"""Groups of Gram matrices past one memory, by `scale.py`; only measured when they are named."""

WIDE = ("wide",)
"""The group of wide circuits beside quimb, by `wide.py`; only measured when it is named."""

GROUPS = ("zz", "hea", "projected", "overlaps", "gradient", "variational", *GROWTH, *FRESH)

_SIZES = {
    "zz": ((200, 8), (1000, 10), (500, 14)),
    "hea": ((1000, 10), (496, 14)),
    "projected": ((500, 14),),
    "overlaps": ((2000, 10),),
    "gradient": ((500, 10),),
    "variational": ((1000, 8),),
    "points": tuple((n, 8) for n in (500, 1000, 2000, 4000, 8000)),
    "qubits": tuple((50, n) for n in range(4, 21, 2)),
}
_QUICK_SIZES = {
    "zz": ((40, 6), (100, 8)),
    "hea": ((40, 6),),
    "projected": ((30, 6),),
    "overlaps": ((100, 8),),
    "gradient": ((40, 6),),
    "variational": ((20, 4),),
    "points": tuple((n, 6) for n in (50, 100, 200)),
    "qubits": tuple((20, n) for n in (4, 6, 8)),
}
_TASK = {"hea": "states", "variational": "loss"}
_TASK |= {name: name for name in ("projected", "overlaps", "gradient")}
_MAP = {"hea": "layered", "gradient": "layered", "variational": "uploaded"}


def works(names: tuple[str, ...] = GROUPS, *, quick: bool = False) -> list[Work]:
    """Return the works of some groups, in order; the groups in `FRESH` have none.

    Parameters
    ----------
    names : tuple of str
        Names of groups, or of single works such as "zz-1000x10".
    quick : bool
        Sizes that together take a minute or two and prove nothing about speed.
    """
    sizes = _QUICK_SIZES if quick else _SIZES
    every = [
        Work(group, _TASK.get(group, "gram"), _MAP.get(group, "zz"), *size)
        for group in GROUPS
        for size in sizes.get(group, ())
    ]
    return [work for work in every if work.group in names or work.name in names]


def small(work: Work) -> Work:
    """Return the same work on six points and four qubits, on which agreement is checked first."""
    return Work("agreement", work.task, work.feature_map, 6, 4)


def points(work: Work, repetition: int) -> np.ndarray:
    """Return the data of one repetition, of shape (n_points, n_qubits).

    The points lie close together, so that fidelities are of the order of one half and a
    comparison of Gram matrices means something; every repetition has its own.
    """
    seed = [repetition + 1, work.n_points, work.n_qubits]
    rng = np.random.default_rng(seed)
    centre = rng.uniform(0.0, 2 * np.pi, work.n_qubits)
    width = 0.6 / work.n_qubits**1.5
    return centre + width * rng.standard_normal((work.n_points, work.n_qubits))


def offsets(n_qubits: int) -> np.ndarray:
    """Return the trained offsets of the layered circuit, of shape (LAYERS, n_qubits, 2)."""
    return np.random.default_rng(n_qubits).uniform(-np.pi, np.pi, (LAYERS, n_qubits, 2))


def layer_angles(X: np.ndarray, shifts: np.ndarray | None = None) -> np.ndarray:
    """Return the angles of RY and RZ, of shape (n_points, LAYERS, n_qubits, 2)."""
    return X[:, None, :, None] + (offsets(X.shape[1]) if shifts is None else shifts)


def weights(n_qubits: int) -> np.ndarray:
    """Return the weights of the circuit after the upload, of shape (LAYERS, n_qubits, 3)."""
    return np.random.default_rng(n_qubits).uniform(-np.pi, np.pi, (LAYERS, n_qubits, 3))


def reach(layer: int, n_qubits: int) -> int:
    """Return how far the CNOTs of a layer reach after the upload."""
    return 1 + layer % (n_qubits - 1)


def labels(n_points: int) -> np.ndarray:
    """Return the classes, 1 and -1 in turn."""
    return 1 - 2 * (np.arange(n_points) % 2)


def pairs(n_qubits: int) -> list[tuple[int, int]]:
    """Return the entangled pairs of the ZZ map: all of them."""
    return [(i, j) for i in range(n_qubits) for j in range(i + 1, n_qubits)]


def ring(n_qubits: int) -> list[tuple[int, int]]:
    """Return the pairs that a ring of CZ acts on."""
    return [(q, (q + 1) % n_qubits) for q in range(n_qubits)]


def pair_angles(X: np.ndarray) -> np.ndarray:
    """Return the ZZ map's phases 2(π − x_i)(π − x_j) on parities, of shape (n_points, n_pairs)."""
    first, second = np.triu_indices(X.shape[1], 1)
    return 2.0 * (np.pi - X[:, first]) * (np.pi - X[:, second])
