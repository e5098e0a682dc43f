"""A report as one HTML file: words, tables and pictures, with nothing to load from elsewhere.

What lives here: the page and its own two pictures, scores and tuning. The others are the Displays
of `plotting`.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qkernels.evidence.families import Family
from qkernels.evidence.findings import best_matrix
from qkernels.evidence.result import Report
from qkernels.gram.files import beside
from qkernels.plotting import (
    ConcentrationDisplay,
    GeometricDifferenceDisplay,
    GramDisplay,
    SpectrumDisplay,
)
from qkernels.plotting.style import BLUE, VERMILION

# What the quantum kernel's table calls the diagnostics.
_WORDS = {
    ("concentration", "mean"): "mean of its values for two points",
    ("concentration", "variance"): "their variance",
    ("concentration", "distance_to_identity"): "distance of its matrix to the identity",
    ("concentration", "repetitions_for_spread"): "repetitions to see values apart on hardware",
    ("likeness", "rbf"): "centred alignment with the best RBF kernel",
    ("likeness", "gamma"): "that kernel's γ",
    ("likeness", "polynomial"): "centred alignment with the best polynomial kernel",
    ("likeness", "degree"): "that kernel's degree",
    ("likeness", "scale"): "and its factor of x·y",
}

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #1a1a1a; background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
.verdict { border-left: 4px solid #0072b2; padding: .4rem 1rem; background: #f3f7fa; }
.verdict p { margin: .5rem 0; }
.verdict p:first-child { font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; }
.wide { overflow-x: auto; }
figure { margin: 1.2rem 0; } figure img { max-width: 100%; }
figcaption { color: #444; font-size: .92rem; }
code { overflow-wrap: anywhere; }
"""


def write_page(
    path: Path, report: Report, families: Mapping[str, Family], X: np.ndarray, y: np.ndarray
) -> None:
    """Write the page of a report, whole or not at all."""
    pictures = _pictures(report, families, X, y)
    text = _page(report, pictures)
    with beside(path) as new:
        new.write_text(text, encoding="utf-8")
        new.replace(path)


def _page(report: Report, pictures: Iterable[tuple[str, str]]) -> str:
    verdict = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in report.verdict)
    left_out = "".join(
        f"<p>Left out: {html.escape(name)}, {html.escape(why)}.</p>"
        for name, why in report.left_out.items()
    )
    figures = "".join(
        f'<figure><img alt="{html.escape(caption)}" src="data:image/png;base64,{image}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        for caption, image in pictures
    )
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Is this quantum kernel worth it?</title><style>{_STYLE}</style></head><body>"
        f"<h1>Is this quantum kernel worth it?</h1><p><code>{html.escape(report.kernel)}</code> on "
        f"{report.n_points} points of {report.n_features} features, {report.task}.</p>"
        f'<div class="verdict">{verdict}{left_out}</div>'
        f"<h2>Scores on points that were not seen</h2>{_score_table(report)}"
        f"<h2>The kernel matrices</h2>{_diagnostics_table(report)}{_nature_table(report)}"
        f"<h2>Pictures</h2>{figures}"
        f"<h2>Methods</h2><p>{html.escape(report.methods_text())}</p></body></html>"
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f'<div class="wide"><table><tr>{cells}</tr>{body}</table></div>'


def _score_table(report: Report) -> str:
    rows = [
        (
            name,
            str(score),
            str(report.differences.get(name, "")),
            ", ".join(f"{k} = {v:.3g}" for k, v in report.settings[name]["best"].items()),
        )
        for name, score in report.scores.items()
    ]
    rows.append(("chance", f"{report.chance:.3f}", "", ""))
    head = ("kernel", f"{report.scoring} [95 %]", "quantum less this [95 %]", "best setting")
    return _table(head, rows)


def _diagnostics_table(report: Report) -> str:
    names = list(report.diagnostics["quantum"])
    head = ("kernel", *(name.replace("_", " ") for name in names))
    rows = [
        (family, *(f"{report.diagnostics[family][name]:.4g}" for name in names))
        for family in report.scores
    ]
    return _table(head, rows)


def _nature_table(report: Report) -> str:
    """Return what is known of the quantum kernel alone."""
    found = report.diagnostics
    rows = [("√N", f"{found['root_n']:.3g}")]
    if "geometric_difference" in found:
        g = found["geometric_difference"]
        rows += [
            (f"geometric difference g from {g['from']}", f"{g['g']:.3g}"),
            ("its bound on the training error", f"{g['g_training']:.3g}"),
            ("g with a regularisation of 0.01", f"{g['g_regularized']:.3g}"),
            ("its regularisation λ", f"{g['regularization']:.3g}"),
        ]
    rows += [
        (words, f"{found[part][name]:.4g}")
        for (part, name), words in _WORDS.items()
        if name in found[part]
    ]
    return _table(("quantum kernel", ""), rows)


def _pictures(
    report: Report, families: Mapping[str, Family], X: np.ndarray, y: np.ndarray
) -> list[tuple[str, str]]:
    """Return captions and PNG images in base64."""
    K = best_matrix(families["quantum"], report.settings["quantum"])
    drawn: list[tuple[str, Callable[[Any], Any]]] = [
        (
            f"Mean {report.scoring} on test points, with corrected intervals of 95 %.",
            lambda ax: _draw_scores(ax, report),
        ),
        (
            "The tuned quantum kernel's matrix, points in the order of their targets.",
            lambda ax: GramDisplay(K, y).plot(ax=ax),
        ),
        (
            "Its eigenvalues, and how much of the targets' power the leading eigenvectors hold.",
            lambda ax: SpectrumDisplay.from_matrix(K, y, ax=ax),
        ),
        (
            "How its values are spread: concentrated values cost many repetitions.",
            lambda ax: ConcentrationDisplay(K).plot(ax=ax),
        ),
    ]
    if len(families["quantum"].settings[0]) == 1:
        drawn.insert(
            1,
            (
                f"Mean {report.scoring} on training folds, by the factor of the bandwidth.",
                lambda ax: _draw_tuning(ax, report, families),
            ),
        )
    if "geometric_difference" in report.diagnostics:
        nearest = report.diagnostics["geometric_difference"]
        matrix = families[nearest["from"]].gram(nearest["setting"])
        drawn.append(
            (
                f"Geometric difference from the nearest classical kernel, {nearest['from']}.",
                lambda ax: GeometricDifferenceDisplay.from_matrices(matrix, K, ax=ax),
            )
        )
    return [(caption, _image(draw)) for caption, draw in drawn]


def _image(draw: Callable[[Any], Any]) -> str:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.add_subplot())
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=144)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _draw_scores(ax: Any, report: Report) -> None:
    names = list(report.scores)[::-1]
    for place, name in enumerate(names):
        score = report.scores[name]
        colour = VERMILION if name == "quantum" else BLUE
        ax.errorbar(
            score.mean,
            place,
            xerr=[[score.mean - score.low], [score.high - score.mean]],
            fmt="o",
            color=colour,
            capsize=4,
        )
    ax.set_yticks(range(len(names)), names)
    ax.set_xlabel(f"{report.scoring} on test points")
    ax.grid(axis="x", alpha=0.3)


def _draw_tuning(ax: Any, report: Report, families: Mapping[str, Family]) -> None:
    styles = {"quantum": ("o-", VERMILION), "unentangled": ("s--", BLUE)}
    for name, (style, colour) in styles.items():
        if name in families:
            found = report.settings[name]
            factors = [setting["bandwidth_factor"] for setting in found["values"]]
            ax.plot(factors, found["inner_scores"], style, color=colour, label=name)
    ax.set_xscale("log")
    ax.set_xlabel("factor of the bandwidth (dimensionless)")
    ax.set_ylabel(f"{report.scoring} on training folds")
    ax.legend()
