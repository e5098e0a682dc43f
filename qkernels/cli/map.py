"""`qkernels map`: feature maps, drawn."""

from __future__ import annotations

import click

from qkernels.cli.inputs import parse_map
from qkernels.cli.reporting import reported


@click.group("map")
def map_() -> None:
    """Look at feature maps."""


@map_.command()
@click.argument("feature_map")
@click.option("-d", "--features", type=click.IntRange(min=1), default=2, help="Columns of data.")
@reported
def show(feature_map: str, features: int) -> None:
    """Draw a standard feature map, such as "zz?reps=1"."""
    found = parse_map(feature_map)(features)
    click.echo(found.circuit.to_text_diagram())
    click.echo(
        f"{found.n_features} features, {found.n_parameters} parameters, {found.n_qubits} qubits"
    )
