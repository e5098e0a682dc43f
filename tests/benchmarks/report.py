"""Turns outcomes into tables, as text and as Markdown, and into JSON.

Pure functions from outcomes to strings and plain data.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from . import outcomes
from .outcomes import Outcome, Record, Spread, best, extrapolated, rates, ratios, spread
from .peers import OURS, PEERS, RATE
from .peers.blas import ORDER

QUIET = 0.2
"""Processors that other programs may keep busy before the report warns."""


@dataclass(frozen=True)
class Table:
    """A title, a header, rows of cells, and lines below them."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    remarks: list[str]

    def text(self) -> str:
        """Return the table for a terminal, columns aligned."""
        lines = [self.header, *self.rows]
        widths = [max(len(line[k]) for line in lines) for k in range(len(self.header))]
        body = [_aligned(line, widths) for line in lines]
        rule = "-" * len(max(body, key=len))
        return "\n".join([self.title, rule, body[0], rule, *body[1:], *self.remarks])

    def markdown(self) -> str:
        """Return the table as Markdown, numbers to the right."""
        align = "|".join([":--", *["--:"] * (len(self.header) - 1)])
        rows = ["| " + " | ".join(row) + " |" for row in self.rows]
        head = ["| " + " | ".join(self.header) + " |", f"|{align}|"]
        remarks = [f"- {remark}" for remark in self.remarks]
        return "\n".join([f"### {self.title}", "", *head, *rows, "", *remarks]).rstrip()


def agreement(checked: list[Outcome]) -> Table:
    """Return the table of the check that comes first.

    Parameters
    ----------
    checked : list of Outcome
        As `runner.check` returns them.
    """
    rows, trouble = [], []
    for outcome in checked:
        work = outcome.work
        for record in outcome.records:
            if PEERS[record.peer].key == RATE:
                continue
            said = "agrees" if record.status == outcomes.TIMED else record.status
            rows.append((_label(record), f"{work.task}, {work.feature_map}", _small(record), said))
            if record.status != outcomes.TIMED:
                trouble.append(f"{_label(record)}: {record.status} {record.error}".rstrip())
    summary = "All agree with the reference to 1e-6 (single precision: 1e-4)."
    if trouble:
        summary = "All others agree with the reference to 1e-6 (single precision: 1e-4)."
    header = ("package", "work", "largest difference", "outcome")
    title = "Agreement on 6 points × 4 qubits"
    return Table(title, header, rows, [*dict.fromkeys(trouble), summary])


def timing(outcome: Outcome) -> Table:
    """Return the table of one work.

    Parameters
    ----------
    outcome : Outcome
        As `runner.measure` returns it.
    """
    ours = outcome.of(OURS)
    header = (
        "package",
        "median",
        "least – greatest",
        "times ours",
        "runs",
        "first call",
        "differs",
    )
    rows = [_row(record, outcome, ours) for record in _batched(outcome)]
    remarks = [*_remarks(outcome), *_rate_lines(outcome), *_noise_lines(outcome)]
    return Table(outcome.work.title, header, rows, remarks)


def first_gram(times: dict[str, float]) -> Table:
    """Return the table of the first Gram matrix in a new process."""
    warm = Spread(times["warm"], times["warm least"], times["warm greatest"])
    rows = [
        ("import cirq alone", seconds(times["import cirq"])),
        ("beyond it, Numba cache cold", seconds(times["cold"])),
        ("beyond it, Numba cache warm", f"{seconds(warm.median)} ({_range(warm)})"),
    ]
    title = "First Gram matrix in a new process, 20 points × 4 qubits"
    return Table(title, ("step", "time"), rows, [])


def memory(measured: list[dict[str, Any]]) -> Table:
    """Return the table of peak memory."""
    rows = [_memory_row(entry) for entry in measured]
    header = ("work", "time", "states + result", "over a small call", "share", "process peak")
    remarks = [f"{_what(entry)}: {entry['error']}" for entry in measured if "error" in entry]
    return Table("Peak memory", header, rows, remarks)


def training(measured: list[dict[str, float]]) -> Table:
    """Return the table of what an alignment's gradient costs."""
    rows = [
        (
            f"{entry['n_symbols']}",
            seconds(entry["gram"]),
            seconds(entry["gradient"]),
            f"{entry['ratio']:.2f}",
            f"{entry['extra']:.2f}",
        )
        for entry in measured
    ]
    header = ("parameters", "Gram matrix", "value and gradient", "ratio", "extra memory / states")
    size = f"{measured[0]['n_points']} points × {measured[0]['n_qubits']} qubits"
    return Table(f"Target alignment and its gradient, six layers, {size}", header, rows, [])


def store(measured: list[dict[str, Any]]) -> Table:
    """Return the table of a matrix on disk, a row for each process."""
    rows = [_store_row(entry) for entry in measured]
    header = ("work", "time", "arithmetic", "writing", "times both", "over before", "process peak")
    remarks = _errors(measured)
    if shares := [_times_both(entry) for entry in measured if "error" not in entry]:
        remarks.append(f"Median: {median(shares):.2f} times both; the goals are 1.50 and 1200 MB.")
    return Table("Gram matrix on disk", header, rows, remarks)


def kills(measured: list[dict[str, Any]]) -> Table:
    """Return the table of a matrix on disk whose computing was killed."""
    counts = ("kills", "tiles", "rewritten", "damaged", "sampled", "different")
    rows = [_kills_row(entry, counts) for entry in measured]
    remarks = [
        f"{entry['n_points']} points in place of {entry['wanted']}: half of the free disk."
        for entry in measured
        if entry["n_points"] < entry["wanted"]
    ]
    header = ("work", "time", *counts, "greatest peak")
    return Table("Gram matrix on disk, killed", header, rows, [*remarks, *_errors(measured)])


def pools(measured: list[dict[str, Any]]) -> Table:
    """Return the table of a matrix on disk by one process and by several."""
    rows = [row for entry in measured if "error" not in entry for row in _pool_rows(entry)]
    remarks = [*_errors(measured), "The goal is at most 1.15 times one process."]
    header = ("workers", "median", "least – greatest", "times one process")
    return Table(f"Gram matrix on disk, {_size(measured[0])}", header, rows, remarks)


def learners(measured: list[dict[str, Any]]) -> Table:
    """Return the table of what needs no Gram matrix."""
    rows = [_learner_row(entry) for entry in measured]
    header = ("work", "time", "Gram matrix", "result", "over a small call", "process peak")
    return Table("Without a Gram matrix", header, rows, _errors(measured))


SCALE = {"store": store, "kills": kills, "pools": pools, "learners": learners}
"""The tables of the groups of `scale.py`."""


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as plain data."""
    return asdict(outcome)


def seconds(value: float) -> str:
    """Return a time in words: 41.2 ms, 3.10 s.

    Parameters
    ----------
    value : float
        Seconds.
    """
    if value != value:
        return "–"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size or unit == "µs":
            return f"{_three_digits(value / size)} {unit}"
    raise AssertionError("unreachable")


def _three_digits(value: float) -> str:
    return (
        f"{value:.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"
    )


def _row(record: Record, outcome: Outcome, ours: Record | None) -> tuple[str, ...]:
    if record.status != outcomes.TIMED or not record.seconds:
        return (_label(record), record.status, "", "", "", seconds(record.first), _small(record))
    times = spread(record.seconds)
    runs = str(len(record.seconds)) + ("" if record.warmed else " (first)")
    ratio = "" if ours is None or record is ours else _ratio(ours.seconds, record.seconds)
    shown = _range(times) if len(record.seconds) > 1 else ""
    first = seconds(record.first)
    return (_label(record), seconds(times.median), shown, ratio, runs, first, _small(record))


def _remarks(outcome: Outcome) -> list[str]:
    ours = outcome.of(OURS)
    lines = _best_lines(outcome, ours)
    lines += [_pair_line(record, outcome, ours) for record in _pairwise(outcome)]
    for record in outcome.records:
        remark = PEERS[record.peer].remark(outcome.work)
        if remark and record.status == outcomes.TIMED:
            lines.append(f"{_label(record)}: {remark}.")
        if record.status != outcomes.TIMED:
            lines.append(f"{_label(record)}: {record.status}. {record.error}".rstrip())
    return lines


def _best_lines(outcome: Outcome, ours: Record | None) -> list[str]:
    others = [key for key in PEERS if key not in (OURS, RATE)]
    packages = best(outcome, [key for key in others if not PEERS[key].by_hand])
    with_help = best(outcome, [key for key in others if PEERS[key].by_hand])
    found = (("Best other package", packages), ("With work done by hand", with_help))
    lines = []
    for name, record in found:
        if record is not None and ours is not None:
            ratio = _ratio(ours.seconds, record.seconds)
            lines.append(f"{name}: {_label(record)}, {ratio} times the time of qkernels.")
    return lines


def _pair_line(record: Record, outcome: Outcome, ours: Record | None) -> str:
    total = extrapolated(record, outcome.work)
    unit = "point" if outcome.work.task == "loss" else "pair"
    ratio = "" if ours is None else f", {_ratio(ours.seconds, total)} times the time of qkernels"
    return (
        f"Footnote: {_label(record)} runs circuits {unit} by {unit}. It took "
        f"{seconds(spread(record.seconds).median)} for {record.n_points} points; extrapolated by "
        f"the number of {unit}s, not measured: {seconds(spread(total).median)}{ratio}."
    )


def _rate_lines(outcome: Outcome) -> list[str]:
    if outcome.work.task != "overlaps":
        return []
    lines = []
    for record in outcome.records:
        rate = rates(outcome, record.peer, RATE, ORDER) if record.peer != RATE else None
        if rate is not None:
            share = f"{rate.median:.2f} ({rate.least:.2f} – {rate.greatest:.2f})"
            lines.append(f"{_label(record)}: {share} of the dgemm rate, counted as 4·N²·2ⁿ flops.")
    return lines


def _noise_lines(outcome: Outcome) -> list[str]:
    if not outcome.busy > QUIET:
        return []
    busy = f"{outcome.busy:.1f} processors"
    return [f"NOT A QUIET MACHINE: other programs kept {busy} busy; do not trust these times."]


def _batched(outcome: Outcome) -> list[Record]:
    """Return the records of the table proper, the fastest first, those without times last."""
    records = [r for r in outcome.records if r not in _pairwise(outcome)]
    return sorted(records, key=lambda r: spread(r.seconds).median if r.seconds else float("inf"))


def _pairwise(outcome: Outcome) -> list[Record]:
    return [r for r in outcome.records if PEERS[r.peer].most_points and r.seconds]


def _ratio(ours: list[float], theirs: list[float]) -> str:
    ratio = ratios(ours, theirs)
    digits = [_three_digits(value) for value in (ratio.median, ratio.least, ratio.greatest)]
    return "{} ({} – {})".format(*digits)


def _range(times: Spread) -> str:
    return f"{seconds(times.least)} – {seconds(times.greatest)}"


def _label(record: Record) -> str:
    return PEERS[record.peer].label


def _small(record: Record) -> str:
    return "–" if record.deviation != record.deviation else f"{record.deviation:.0e}"


def _memory_row(entry: dict[str, Any]) -> tuple[str, ...]:
    if "error" in entry:
        return (_what(entry), "failed", "", "", "", "")
    share = f"{entry['over'] / entry['needed']:.3f}" if entry["what"] == "gram" else ""
    needed, over, peak = (_bytes(entry[name]) for name in ("needed", "over", "peak"))
    needed = needed if share else "streamed"
    return (_what(entry), seconds(entry["seconds"]), needed, over, share, peak)


def _store_row(entry: dict[str, Any]) -> tuple[str, ...]:
    if "error" in entry:
        return (_size(entry), "failed", "", "", "", "", "")
    times = [seconds(entry[name]) for name in ("seconds", "arithmetic", "writing")]
    memories = [_bytes(entry[name]) for name in ("over", "peak")]
    return (_size(entry), *times, f"{_times_both(entry):.2f}", *memories)


def _times_both(entry: dict[str, Any]) -> float:
    return entry["seconds"] / (entry["arithmetic"] + entry["writing"])


def _kills_row(entry: dict[str, Any], counts: tuple[str, ...]) -> tuple[str, ...]:
    if "different" not in entry:
        return (_size(entry), "failed", *[""] * len(counts), "")
    numbers = [f"{entry[name]}" for name in counts]
    return (_size(entry), seconds(entry["seconds"]), *numbers, _bytes(entry["peak"]))


def _pool_rows(entry: dict[str, Any]) -> list[tuple[str, ...]]:
    several = f"{entry['workers']} × 1 thread"
    labels = {"here": "one process", "cluster": f"Dask, {several}", "joblib": f"joblib, {several}"}
    rows = []
    for name, label in labels.items():
        times = spread(entry[name])
        ratio = "" if name == "here" else _ratio(entry["here"], entry[name])
        rows.append((label, seconds(times.median), _range(times), ratio))
    return rows


def _learner_row(entry: dict[str, Any]) -> tuple[str, ...]:
    name = f"{_LEARNERS[entry['what']]}, {_size(entry)}"
    if "error" in entry:
        return (name, "failed", "", "", "", "")
    memories = [_bytes(entry[key]) for key in ("matrix", "result", "over", "peak")]
    return (name, seconds(entry["seconds"]), *memories)


_LEARNERS = {
    "product": "matrix times vector",
    "nystroem": "500 Nyström landmarks",
    "features": "density matrices as features",
}


def _errors(measured: list[dict[str, Any]]) -> list[str]:
    names = [_LEARNERS.get(entry.get("what"), "Gram matrix") for entry in measured]
    pairs = zip(names, measured, strict=True)
    return [f"{name}, {_size(e)}: {e['error']}" for name, e in pairs if "error" in e]


def _size(entry: dict[str, Any]) -> str:
    return f"{entry['n_points']} points × {entry['n_qubits']} qubits"


def _bytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e6:.0f} MB" if n_bytes < 1e10 else f"{n_bytes / 1e9:.0f} GB"


def _what(entry: dict[str, Any]) -> str:
    name = {"gram": "Gram matrix", "features": "projected features"}[entry["what"]]
    return f"{name}, {_size(entry)}"


def _aligned(line: tuple[str, ...], widths: list[int]) -> str:
    first, *rest = [
        cell.ljust(w) if k == 0 else cell.rjust(w)
        for k, (cell, w) in enumerate(zip(line, widths, strict=True))
    ]
    return "  ".join([first, *rest]).rstrip()
