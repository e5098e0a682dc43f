"""Run all experiments; print and write the table, and draw the page of pictures."""

from __future__ import annotations

import argparse
import inspect
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from examples.reproduce import (
    bandwidth,
    benchmark_tasks,
    concentration,
    geometric_difference,
    inductive_bias,
    nystroem_rank,
    random_features,
    support_vector_machines,
)
from examples.reproduce.results import Claim, Outcome, Result

EXPERIMENTS = (
    support_vector_machines,
    benchmark_tasks,
    bandwidth,
    inductive_bias,
    concentration,
    geometric_difference,
    random_features,
    nystroem_rank,
)
HEADER = "| result | published | band | ours | reproduced | |\n|---|---|---|---|---|---|"
QUICK = "Small sizes, to see that everything runs: ours are not to be compared with the published."


def row(result: Result | Claim) -> str:
    """Return a row of the table."""
    verdict = "yes" if result.inside else "**no**"
    remark = result.comment if result.inside else "; ".join(filter(None, _remarks(result)))
    if isinstance(result, Claim):
        cells = result.published, "", result.ours
    else:
        low, high = (number(edge, result.published) for edge in result.band)
        error = f"{result.our_error:.1g}" if result.our_error else "0"
        ours = f"{number(result.ours, result.published)} ± {error}"
        cells = number(result.published, result.published), f"{low} to {high}", ours
    return f"| {' | '.join((result.name, *cells, verdict, remark))} |"


def _remarks(result: Result | Claim) -> tuple[str, str]:
    return result.comment, result.why or "we do not know why"


def number(value: float, like: float) -> str:
    """Return a number with as many digits as its kind has."""
    return f"{value:.3f}" if abs(like) > 0.05 else f"{value:.3g}"


def page(outcomes: dict[ModuleType, Outcome], seconds: float, quick: bool) -> str:
    """Return what is written: verdict, table and protocols."""
    found = [result for outcome in outcomes.values() for result in outcome.results]
    results = [result for result in found if getattr(result, "counted", True)]
    n_inside = sum(result.inside for result in results)
    text = [
        "# Published results, and ours",
        f"{n_inside} of {len(results)} results are inside their bands, or follow the rule that was "
        f"written down for a claim without a number. All took {seconds:.0f} s.",
        "A band is the published number ± 2 √(SE² published + SE² ours): chance alone would put "
        "about one of twenty outside. A second attempt at a number, as run, does not count. "
        "Pictures: [`results.png`](results.png).",
    ]
    text += [QUICK] if quick else []
    for module, outcome in outcomes.items():
        title, _, protocol = (inspect.getdoc(module) or "").partition("\n")
        table = "\n".join([HEADER, *(row(result) for result in outcome.results)])
        text += [f"## {title.rstrip('.')}", table, protocol.strip()]
    return "\n\n".join(text) + "\n"


def draw_accuracies(axis: Axes, results: list[Result]) -> None:
    """Draw published accuracies with their bands and ours, a result a line."""
    rows = np.arange(len(results))
    published = np.array([result.published for result in results])
    widths = [result.band[1] - result.published for result in results]
    axis.errorbar(
        published, rows, xerr=widths, fmt="|", color="#999999", linewidth=6, label="published, band"
    )
    for inside, colour, label in ((True, "#0072b2", "ours, inside"), (False, "#d55e00", "outside")):
        chosen = [k for k in rows if results[k].inside == inside]
        if chosen:
            ours = [results[k].ours for k in chosen]
            axis.plot(ours, chosen, "o", color=colour, label=label)
    axis.set_yticks(rows, [result.name for result in results])
    axis.invert_yaxis()
    axis.set(xlabel="test accuracy", title="Accuracies")
    axis.grid(axis="x", alpha=0.3)
    axis.legend(loc="upper left")


def draw(outcomes: dict[ModuleType, Outcome], path: Path) -> None:
    """Draw the page: accuracies on the left, curves on the right."""
    figure = plt.figure(figsize=(18, 12), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1.5], squeeze=False)[0]
    drawings: list[Callable[[Axes], None]] = [o.draw for o in outcomes.values() if o.draw]
    for axis, drawing in zip(right.subplots(3, 2).flat, drawings, strict=True):
        drawing(axis)
    accuracies = [
        result
        for module in (support_vector_machines, benchmark_tasks, bandwidth, geometric_difference)
        for result in outcomes[module].results
        if isinstance(result, Result)
    ]
    draw_accuracies(left.subplots(), accuracies)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    """Run all, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m examples.reproduce", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that all runs")
    folder = Path(__file__).parents[1] / "output" / "reproduce"
    parser.add_argument("--output", type=Path, default=folder)
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    start = time.perf_counter()
    outcomes: dict[ModuleType, Outcome] = {}
    print(QUICK if options.quick else "Published results, and ours", HEADER, sep="\n", flush=True)
    for module in EXPERIMENTS:
        outcomes[module] = module.run(options.quick)
        print("\n".join(row(result) for result in outcomes[module].results), flush=True)
    text = page(outcomes, time.perf_counter() - start, options.quick)
    (options.output / "results.md").write_text(text, encoding="utf-8")
    draw(outcomes, options.output / "results.png")
    print(text.split("\n\n")[1], f"Table, protocols and pictures: {options.output}", sep="\n")


if __name__ == "__main__":
    main()
