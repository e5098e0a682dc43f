"""Labels made for a quantum kernel, and the true ones: what a report says of both.

300 points of the breast cancer data, 8 standardised principal components. From the matrices of a
quantum and of a classical kernel, labels are made that the first learns and the second does not
(Huang et al., Nature Communications 12, 2631 (2021), supplementary section F). They are made
transductively: of all points at once, those that are tested on too, as there is no rule that would
label a new point. So they show what geometry allows, and nothing about labels that people want.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import qkernels as qk


def main(arguments: list[str] | None = None) -> None:
    """Make labels, and report on them and on the true ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="120 points, each split once")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    data = qk.datasets.engineered(120 if options.quick else 300, random_state=0, return_X_y=False)
    X, kernel = data.data, data.kernel
    for name, y in (("engineered", data.target), ("true", data.diagnosis)):
        print(f"\n{name} labels")
        page = options.output / f"report_{name}_labels.html"
        report = qk.report(
            kernel, X, y, repeats=1 if options.quick else 3, random_state=0, out=page, verbose=0
        )
        print(report)
        print(f"With pictures: {page}")


if __name__ == "__main__":
    main()
