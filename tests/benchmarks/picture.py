"""Draws the outcomes: one panel a work with a dot a package, and one panel a growing series.

Colours are Okabe and Ito's, which colour-blind people can tell apart; markers differ too.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .outcomes import Outcome, Record, ratios, spread
from .peers import OURS, PEERS, RATE
from .works import GROWTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_OURS, _OTHER = "#D55E00", "#0072B2"
_COLOURS = (_OURS, _OTHER, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = "osD^vP*X"


def draw_works(measured: list[Outcome], path: Path) -> bool:
    """Draw one panel for each work and save the picture.

    Parameters
    ----------
    measured : list of Outcome
        Those of growing series are left out.
    path : Path
        Where the PNG goes.

    Returns
    -------
    bool
        Whether there was anything to draw.
    """
    shown = [o for o in measured if o.work.group not in GROWTH and _timed(o)]
    if not shown:
        return False
    plt = _pyplot()
    heights = [len(_timed(outcome)) + 1.6 for outcome in shown]
    figure, axes = plt.subplots(
        len(shown),
        1,
        figsize=(8.5, 0.32 * sum(heights) + 0.6),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
    )
    for panel, outcome in zip(axes[:, 0], shown, strict=True):
        _draw_work(panel, outcome)
    axes[-1, 0].set_xlabel("seconds, median with range; times qkernels")
    _save(figure, path)
    return True


def draw_growth(measured: list[Outcome], path: Path) -> bool:
    """Draw the growing series side by side and save the picture.

    Parameters
    ----------
    measured : list of Outcome
        Only those of growing series are drawn.
    path : Path
        Where the PNG goes.

    Returns
    -------
    bool
        Whether there was anything to draw.
    """
    series = {g: [o for o in measured if o.work.group == g and _timed(o)] for g in GROWTH}
    series = {group: found for group, found in series.items() if found}
    if not series:
        return False
    plt = _pyplot()
    size = (0.6 + 4.6 * len(series), 4.6)
    figure, axes = plt.subplots(1, len(series), figsize=size, squeeze=False, layout="constrained")
    styles = _styles([outcome for found in series.values() for outcome in found])
    for panel, (group, found) in zip(axes[0], series.items(), strict=True):
        _draw_series(panel, group, found, styles)
    _add_legend(figure, styles)
    _save(figure, path)
    return True


def _draw_work(panel: Axes, outcome: Outcome) -> None:
    ours = outcome.of(OURS)
    timed = _timed(outcome)
    for place, record in enumerate(timed):
        times = spread(record.seconds)
        colour, marker = (_OURS, "o") if record is ours else (_OTHER, "s")
        panel.plot([times.least, times.greatest], [place] * 2, color=colour, linewidth=2)
        panel.plot(times.median, place, marker, color=colour)
        if ours is not None and record is not ours:
            text = f"  ×{ratios(ours.seconds, record.seconds).median:.3g}"
            panel.annotate(text, (times.greatest, place), va="center", fontsize=8)
    panel.set_yticks(range(len(timed)), [PEERS[record.peer].label for record in timed], fontsize=8)
    panel.set_ylim(len(timed) - 0.4, -0.6)
    panel.set_title(outcome.work.title, fontsize=9, loc="left")
    _set_log_range(panel, [time for record in timed for time in record.seconds])


def _styles(found: list[Outcome]) -> dict[str, dict[str, str]]:
    """Return a colour and a marker for each package, the same in every panel."""
    keys = list(dict.fromkeys(record.peer for outcome in found for record in _timed(outcome)))
    keys.sort(key=lambda key: key != OURS)
    pairs = zip(keys, _COLOURS, _MARKERS, strict=False)
    return {key: {"color": colour, "marker": marker} for key, colour, marker in pairs}


def _add_legend(figure: Figure, styles: dict[str, dict[str, str]]) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], label=PEERS[key].label, **style) for key, style in styles.items()]
    figure.legend(handles=lines, loc="outside lower center", ncols=3, fontsize=8, frameon=False)


def _draw_series(
    panel: Axes, group: str, found: list[Outcome], styles: dict[str, dict[str, str]]
) -> None:
    for key, style in styles.items():
        drawn = [(outcome.work, outcome.of(key)) for outcome in found]
        drawn = [(work, spread(record.seconds)) for work, record in drawn if record]
        sizes = [getattr(work, f"n_{group}") for work, _ in drawn]
        middle = [times.median for _, times in drawn]
        panel.plot(sizes, middle, markersize=5, **style)
        low, high = [t.least for _, t in drawn], [t.greatest for _, t in drawn]
        panel.fill_between(sizes, low, high, color=style["color"], alpha=0.2, linewidth=0)
    if group == "points":
        panel.set_xscale("log")
    sizes = [getattr(outcome.work, f"n_{group}") for outcome in found]
    panel.set_xticks(sizes, [str(size) for size in sizes])
    panel.minorticks_off()
    panel.set_yscale("log")
    panel.set_xlabel(_axis_name(group, found[0]))
    panel.set_ylabel("seconds from points to Gram matrix")
    panel.grid(alpha=0.3)


def _axis_name(group: str, outcome: Outcome) -> str:
    work = outcome.work
    return (
        f"points, {work.n_qubits} qubits"
        if group == "points"
        else f"qubits, {work.n_points} points"
    )


def _set_log_range(panel: Axes, times: list[float]) -> None:
    panel.set_xscale("log")
    # Room on the right for the ratio that is written beside the last dot.
    panel.set_xlim(min(times) / 1.6, max(times) * 4.0)
    panel.grid(axis="x", alpha=0.3)


def _timed(outcome: Outcome) -> list[Record]:
    """Return the records of the whole work with times, the fastest first."""
    size = outcome.work.n_points
    whole = [r for r in outcome.records if r.seconds and r.n_points == size and r.peer != RATE]
    return sorted(whole, key=lambda record: spread(record.seconds).median)


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=150, bbox_inches="tight")
    _pyplot().close(figure)
