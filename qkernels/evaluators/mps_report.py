"""What became of matrix product states: bonds, discarded weights, error bounds, memory.

What lives here: the record that evaluators of one configuration share within a process, and the
report that is read from it. The numbers come from those who prepare states.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np

from qkernels.memory import format_size


@dataclass(frozen=True)
class MPSReport:
    """Matrix product states of one circuit, in figures; printed, it is a text.

    Attributes
    ----------
    n_states, n_qubits : int
        The qubits are those that the numbers asked for depend on.
    mean_bonds, largest_bonds : ndarray of shape (n_qubits - 1,)
        Between neighbours on the chain.
    discarded_weight : float
        The largest that any state has lost: the squared norm of what was projected away, of 1 at
        the start, added up over all truncations.
    largest_angle : float
        By which a state may be off for that, in radians.
    rounding : float
        An allowance for rounding, in the norm of a state.
    nbytes : int
        Bytes of all states.
    capped : bool
        Whether `max_bond` has made truncations discard more than they may.
    """

    n_states: int
    n_qubits: int
    mean_bonds: np.ndarray
    largest_bonds: np.ndarray
    discarded_weight: float
    largest_angle: float
    rounding: float
    nbytes: int
    capped: bool

    @property
    def fidelity_bound(self) -> float:
        """No fidelity of two of these states is further off."""
        angle = min(2 * self.largest_angle, math.pi / 2)
        return min(1.0, math.sin(angle) + 2 * self.rounding)

    @property
    def expectation_bound(self) -> float:
        """No expectation value of a Pauli word is further off."""
        return min(2.0, 2 * math.sin(self.largest_angle) + 2 * self.rounding)

    def __str__(self) -> str:
        if not self.n_states:
            return "matrix product states: none prepared yet in this process"
        widest = int(np.argmax(self.largest_bonds)) if self.n_qubits > 1 else 0
        lines = [
            f"matrix product states: {self.n_states} of {self.n_qubits} qubits, "
            f"{format_size(self.nbytes)}"
        ]
        if self.n_qubits > 1:
            lines.append(
                f"bonds: {self.mean_bonds.mean():.2f} on average, at most "
                f"{self.largest_bonds[widest]} (between sites {widest} and {widest + 1})"
            )
        lines += [
            f"discarded weight: at most {self.discarded_weight:.2g} of a state"
            + (", more than asked for, as max_bond was reached" if self.capped else ""),
            f"bounds: a fidelity is off by at most {self.fidelity_bound:.2g}, the expectation "
            f"value of a Pauli word by at most {self.expectation_bound:.2g}",
        ]
        return "\n".join(lines)


@dataclass
class Record:
    """Sums and maxima over the states of one circuit with one set of parameters.

    Attributes
    ----------
    space : hashable
        Which circuit and parameters; others start the record anew.
    warned : bool
        Whether it has been said that `max_bond` was reached.
    """

    space: Hashable = None
    n_states: int = 0
    bond_sums: np.ndarray = field(default_factory=lambda: np.zeros(0))
    largest_bonds: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    discarded_weight: float = 0.0
    largest_angle: float = 0.0
    rounding: float = 0.0
    nbytes: int = 0
    capped: bool = False
    warned: bool = False

    def start(self, space: Hashable) -> None:
        """Forget the states of another circuit, or of other parameters."""
        if space != self.space:
            self.__init__(space)  # type: ignore[misc]

    def add(
        self,
        bonds: np.ndarray,
        weights: np.ndarray,
        angles: np.ndarray,
        *,
        rounding: float,
        nbytes: int,
        capped: bool,
    ) -> None:
        """Add some states, given bonds (n_points, n_sites + 1) and weights (n_points, n_groups)."""
        inner = bonds[:, 1:-1]
        same = self.n_states and len(self.bond_sums) == inner.shape[1]
        largest = inner.max(axis=0)
        self.bond_sums = inner.sum(axis=0) + (self.bond_sums if same else 0)
        self.largest_bonds = np.maximum(largest, self.largest_bonds) if same else largest
        self.n_states += len(bonds)
        self.discarded_weight = max(self.discarded_weight, float(weights.sum(axis=1).max()))
        self.largest_angle = max(self.largest_angle, float(angles.max()))
        self.rounding = max(self.rounding, rounding)
        self.nbytes += nbytes
        self.capped |= capped

    def report(self) -> MPSReport:
        """Return what is known now."""
        return MPSReport(
            self.n_states,
            len(self.bond_sums) + (self.n_states > 0),
            self.bond_sums / max(1, self.n_states),
            self.largest_bonds.copy(),
            self.discarded_weight,
            self.largest_angle,
            self.rounding,
            self.nbytes,
            self.capped,
        )


_records: dict[Hashable, Record] = {}


def shared_record(configuration: Hashable) -> Record:
    """Return the one record that evaluators of a configuration have in this process."""
    return _records.setdefault(configuration, Record())
