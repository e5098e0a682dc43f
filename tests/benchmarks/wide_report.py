"""Tables and the picture of wide circuits: pure functions of what `wide.py` measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from .outcomes import ratios, spread
from .report import QUIET, Table, seconds

PAPER_RECORD = {"n_points": 5120, "n_qubits": 165, "states": 328, "overlaps": 10_039, "all": 10_557}
"""Seconds on 32 A100: Metcalf et al., arXiv:2411.09336."""

PAPER_TURN = {"states": 0.66, "overlaps": 1.8e-3}
"""Seconds on a processor, at bond 10, of the same paper."""

_COLOURS = {"": "#D55E00", "their_": "#0072B2"}
_NAMES = {"": "qkernels", "their_": "quimb"}


def tables(measured: list[dict[str, Any]]) -> list[Table]:
    """Return a table of the record, one of states and overlaps, and one of light cones.

    Parameters
    ----------
    measured : list of dict
        As `wide.measure` returns them.
    """
    kinds: dict[str, Callable[[list[dict[str, Any]]], Table]] = {
        "record": _record,
        "states": _states,
        "cones": _cones,
    }
    found = []
    for what, table in kinds.items():
        entries = [entry for entry in measured if entry["what"] == what]
        failed = [entry for entry in entries if "error" in entry]
        made = table([entry for entry in entries if "error" not in entry])
        made.remarks.extend(f"{_sizes(entry)}: {entry['error']}" for entry in failed)
        found.append(made)
    return found


def exponents(measured: list[dict[str, Any]], axis: str, quantity: str) -> float:
    """Return the slope of a time over bonds or qubits, in logarithms, by least squares.

    Parameters
    ----------
    measured : list of dict
        Those of one series.
    axis, quantity : str
        "bond" or "n_qubits", and what is timed.
    """
    sizes = [entry[axis] for entry in measured]
    times = [median(entry[quantity]) for entry in measured]
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def series(measured: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the entries of growing bond at one width, and those of growing width.

    Parameters
    ----------
    measured : list of dict
        As `wide.measure` returns them.
    """
    turns = [entry for entry in measured if entry["what"] == "states" and "error" not in entry]
    if not turns:
        return {}
    first = turns[0]["n_qubits"]
    widths = [entry["distance"] for entry in turns if entry["n_qubits"] != first][:1]
    found = {
        "bond": [entry for entry in turns if entry["n_qubits"] == first],
        "n_qubits": [entry for entry in turns if entry["distance"] in widths],
    }
    return {axis: sorted(s, key=lambda e: e[axis]) for axis, s in found.items() if len(s) > 1}


def draw(measured: list[dict[str, Any]], path: Path) -> bool:
    """Draw times of states and overlaps over bonds and over qubits, and save the picture.

    Parameters
    ----------
    measured : list of dict
        As `wide.measure` returns them.
    path : Path
        Where the PNG goes.

    Returns
    -------
    bool
        Whether there was anything to draw.
    """
    drawn = series(measured)
    if not drawn:
        return False
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        1, len(drawn), figsize=(0.6 + 4.6 * len(drawn), 4.9), squeeze=False, layout="constrained"
    )
    for panel, (axis, entries) in zip(axes[0], drawn.items(), strict=True):
        _draw_series(panel, axis, entries)
    figure.savefig(path, dpi=150)
    plt.close(figure)
    return True


def _draw_series(panel: Any, axis: str, entries: list[dict[str, Any]]) -> None:
    for whose, colour in _COLOURS.items():
        for quantity, style in (("states", "o-"), ("overlaps", "s--")):
            name = whose + quantity
            label = (
                f"{_NAMES[whose]}, {quantity[:-1]}: exponent {exponents(entries, axis, name):.1f}"
            )
            times = [median(entry[name]) for entry in entries]
            panel.plot([e[axis] for e in entries], times, style, color=colour, label=label)
    if axis == "bond":
        for quantity, marker in (("states", "k*"), ("overlaps", "kx")):
            label = f"the paper's processor, {quantity[:-1]}"
            panel.plot(10, PAPER_TURN[quantity], marker, markersize=9, label=label)
    first = entries[0]
    fixed = f"{first['n_qubits']} qubits" if axis == "bond" else f"distance {first['distance']}"
    panel.set(xscale="log", yscale="log", ylabel="seconds", title=f"Ising map, γ = 1, {fixed}")
    panel.set_xlabel({"bond": "mean bond", "n_qubits": "qubits"}[axis])
    ticks = [entry[axis] for entry in entries]
    panel.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks])
    panel.minorticks_off()
    panel.grid(alpha=0.3)
    panel.legend(
        fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, frameon=False
    )


def _record(measured: list[dict[str, Any]]) -> Table:
    rows, remarks = [], []
    for entry in measured:
        ours, theirs = entry["seconds"], _extrapolated(entry)
        rows.append(_record_row("qkernels", entry["states"], ours - entry["states"], ours, ours))
        rows.append(_record_row("quimb, extrapolated", *theirs, sum(theirs), ours))
        if all(entry[size] == PAPER_RECORD[size] for size in ("n_points", "n_qubits")):
            published = [PAPER_RECORD[name] for name in ("states", "overlaps", "all")]
            rows.append(_record_row("the paper, 32 A100", *published, ours))
        remarks += _record_remarks(entry)
    header = ("package", "states", "overlaps", "in all", "times ours")
    size = _sizes(measured[0]) if measured else "nothing measured"
    title = f"Ising map, γ = 0.1, distance 1: Gram matrix of {size}"
    return Table(title, header, rows, remarks)


def _record_row(
    name: str, states: float, overlaps: float, whole: float, ours: float
) -> tuple[str, ...]:
    ratio = "" if whole == ours else f"{whole / ours:.0f}"
    return (name, seconds(states), seconds(overlaps), seconds(whole), ratio)


def _extrapolated(entry: dict[str, Any]) -> tuple[float, float]:
    n = entry["n_points"]
    return n * entry["their_states"], n * (n - 1) / 2 * entry["their_overlaps"]


def _record_remarks(entry: dict[str, Any]) -> list[str]:
    times = (
        f"{seconds(entry['their_states'])} a state and {seconds(entry['their_overlaps'])} a pair"
    )
    rounding = np.finfo(float).eps * entry["n_points"] * entry["largest"]
    return [
        f"quimb {entry['version']} took {times}, all processors busy; "
        "the rest is extrapolated, not measured.",
        f"{entry['checked']} entries differ from quimb's by at most {entry['differs']:.0e}.",
        f"Smallest eigenvalue {entry['smallest']:.1e}, where N·ε·λ_max is {rounding:.0e}.",
        f"Peak memory of the process: {entry['peak'] / 1e6:.0f} MB.",
    ]


def _states(measured: list[dict[str, Any]]) -> Table:
    rows = [row for entry in measured for row in _states_rows(entry)]
    header = (
        "qubits, distance",
        "mean bond",
        "greatest",
        "",
        "qkernels",
        "quimb",
        "times ours",
        "differs",
    )
    remarks = [
        "All processors are busy; a state's time is that of all states by their number.",
        f"The paper's processor, at bond 10: {seconds(PAPER_TURN['states'])} a state, "
        f"{seconds(PAPER_TURN['overlaps'])} a pair.",
    ]
    busy = max((entry["busy"] for entry in measured), default=0.0)
    if busy > QUIET:
        remarks.append(
            f"NOT A QUIET MACHINE: other programs kept up to {busy:.1f} processors busy."
        )
    for axis, entries in series(measured).items():
        for quantity in ("states", "overlaps"):
            ours, theirs = (exponents(entries, axis, w + quantity) for w in ("", "their_"))
            name = {"bond": "mean bond", "n_qubits": "number of qubits"}[axis]
            power = f"the {name} to the power {ours:.2f}, with quimb {theirs:.2f}"
            remarks.append(f"Time of a{'n' * (quantity == 'overlaps')} {quantity[:-1]}: {power}.")
    return Table("Ising map, γ = 1: each state and each overlap", header, rows, remarks)


def _states_rows(entry: dict[str, Any]) -> list[tuple[str, ...]]:
    rows = []
    for quantity in ("states", "overlaps"):
        ours, theirs = entry[quantity], entry["their_" + quantity]
        ratio = ratios(ours, theirs)
        first = quantity == "states"
        rows.append(
            (
                f"{entry['n_qubits']}, {entry['distance']}" if first else "",
                f"{entry['bond']:.1f}" if first else "",
                f"{entry['greatest']}" if first else "",
                quantity[:-1],
                seconds(spread(ours).median),
                seconds(spread(theirs).median) + (f" ({entry['way']})" if first else ""),
                f"{ratio.median:.1f} ({ratio.least:.1f} – {ratio.greatest:.1f})",
                "" if first else f"{entry['differs']:.0e}",
            )
        )
    return rows


def _cones(measured: list[dict[str, Any]]) -> Table:
    rows = [
        (
            _sizes(entry),
            seconds(entry["seconds"]),
            seconds(entry["again"]),
            f"{entry['differs']:.0e}",
            f"{entry['peak'] / 1e6:.0f} MB",
        )
        for entry in measured
    ]
    header = ("projected kernel", "first", "other points", "differs", "process peak")
    remarks = [
        f"Compared with {entry['checked']} entries in plain NumPy; the goal is 60 s."
        for entry in measured
    ]
    return Table("Brickwork of depth 3, through light cones", header, rows, remarks)


def _sizes(entry: dict[str, Any]) -> str:
    return f"{entry['n_points']} points × {entry['n_qubits']} qubits"
