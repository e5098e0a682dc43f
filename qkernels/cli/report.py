"""`qkernels report`: a quantum kernel beside tuned classical ones, on a table of data."""

from __future__ import annotations

import json
from pathlib import Path

import click

from qkernels.cli.inputs import read_kernel, read_table
from qkernels.cli.reporting import reported
from qkernels.evidence import report
from qkernels.evidence.families import BASELINES


@click.command("report")
@click.argument("data", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--target", required=True, help="The column to predict.")
@click.option(
    "--kernel",
    "kernel_text",
    required=True,
    help='A .json file, or short, as in "fidelity:zz?reps=2"; see `qkernels gram run --help`.',
)
@click.option("--groups", help="A column: points of one group are on one side of each split.")
@click.option(
    "--baseline",
    "baselines",
    multiple=True,
    type=click.Choice(BASELINES),
    help="May be repeated; all of them if left out.",
)
@click.option("--cv", type=click.IntRange(min=2), default=5, help="Folds.")
@click.option("--repeats", type=click.IntRange(min=1), default=5, help="How often folds are dealt.")
@click.option("--seed", type=int, default=0, help="Deals the folds.")
@click.option("--out", type=click.Path(path_type=Path), help="An .html page with pictures.")
@click.option("-P/-Q", "--progress/--quiet", default=True, help="Show a progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON, for scripts.")
@reported
def report_command(
    data: Path,
    target: str,
    kernel_text: str,
    groups: str | None,
    baselines: tuple[str, ...],
    cv: int,
    repeats: int,
    seed: int,
    out: Path | None,
    progress: bool,
    as_json: bool,
) -> None:
    """Say whether a quantum kernel is worth it on DATA, a .csv or .parquet file with names.

    All columns but the target and the groups are features; scale them before.
    """
    X, y, group_of = read_table(data, target, groups)
    try:
        found = report(
            read_kernel(kernel_text),
            X,
            y,
            baselines=baselines or BASELINES,
            cv=cv,
            repeats=repeats,
            groups=group_of,
            random_state=seed,
            out=out,
            verbose=int(progress and not as_json),
        )
    except KeyboardInterrupt:
        raise click.ClickException("stopped; nothing was written") from None
    if as_json:
        click.echo(json.dumps(json.loads(found.to_json())))
    elif not progress:
        click.echo(str(found))
