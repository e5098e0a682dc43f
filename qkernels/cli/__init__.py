"""The command line: `qkernels gram`, `qkernels report`, `qkernels map`, `qkernels info`.

What lives here: the commands, thin faces on the library's functions. A command that leaves work
which the same command would go on with ends with exit code 3, one that was asked for what makes
no sense with 2.
"""

from __future__ import annotations

import click

from qkernels.cli.gram import gram
from qkernels.cli.info import info
from qkernels.cli.map import map_
from qkernels.cli.report import report_command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def main() -> None:
    """Quantum kernels: large Gram matrices, and whether a kernel is worth it."""


for command in (gram, info, map_, report_command):
    main.add_command(command)
