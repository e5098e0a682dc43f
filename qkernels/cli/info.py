"""`qkernels info`: versions, cores and memory, for bug reports and for planning."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import click

from qkernels.cli.reporting import answer
from qkernels.loops.jit import thread_count
from qkernels.memory import available_memory, format_size

_PACKAGES = ("qkernels", "numpy", "scipy", "scikit-learn", "numba", "cirq-core", "zarr", "dask")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON, for scripts.")
def info(as_json: bool) -> None:
    """Print versions, threads and memory."""
    memory = available_memory()
    answer(
        {
            "python": platform.python_version(),
            **{name: _version(name) for name in _PACKAGES},
            "threads": thread_count(),
            "memory": "unknown" if memory is None else format_size(memory),
        },
        as_json=as_json,
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
