"""The command line: `qkernels gram`, `qkernels map`, `qkernels info`.

What lives here: the commands, thin faces on the library's functions. A command that leaves work
which the same command would go on with ends with exit code 3, one that was asked for what makes
no sense with 2.
"""

from __future__ import annotations

import click

from qkernels.cli.gram import gram
from qkernels.cli.info import info
from qkernels.cli.map import map_


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def main() -> None:
    """Quantum kernels: Gram matrices that do not fit one memory or one machine."""


for command in (gram, info, map_):
    main.add_command(command)
