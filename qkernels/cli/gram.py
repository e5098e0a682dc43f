"""`qkernels gram`: a Gram matrix into a store, in one run or by the tasks of a job array.

What lives here: the commands. What they do is in `qkernels.gram`.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import click
import numpy as np
from sklearn.gaussian_process.kernels import Kernel

from qkernels.cli.inputs import PointsType, read_kernel
from qkernels.cli.reporting import INCOMPLETE, answer, reported
from qkernels.gram import GramStore, gram_matrix
from qkernels.gram.files import aside
from qkernels.gram.forecast import forecast
from qkernels.memory import format_size, parse_size

STORE = click.Path(path_type=Path)
# What a task of a job array is to take, in seconds.
_SECONDS_A_TASK = 600


def _options(*options: Callable) -> Callable:
    def decorated(command: Callable) -> Callable:
        for option in reversed(options):
            command = option(command)
        return command

    return decorated


_as_json = click.option("--json", "as_json", is_flag=True, help="Answer as JSON, for scripts.")
_progress = click.option("-P/-Q", "--progress/--quiet", default=True, help="Show a progress bar.")
_memory = click.option(
    "-M", "--memory", default="1GiB", callback=lambda c, p, v: _size(v), help="For each worker."
)
_jobs = click.option("-p", "--jobs", type=int, help="Processes; this one with all its cores.")
_inputs = _options(
    click.argument("points", type=PointsType()),
    click.argument("kernel_and_store", metavar="[KERNEL] STORE", nargs=-1),
    click.option("--kernel", "named", help="In place of the argument."),
    click.option("--test", type=PointsType(), help="Rows of these points, columns of POINTS."),
    click.option("--tile-size", type=click.IntRange(min=1), help="Left out: as memory allows."),
    click.option("--dtype", type=click.Choice(["float64", "float32"]), default="float64"),
)


@click.group()
def gram() -> None:
    """Compute Gram matrices, tile by tile, into a store that survives kills.

    Exit codes: 0 complete, 2 bad arguments or another matrix in the store, 3 incomplete: `run` goes
    on, or the task.
    """


@gram.command()
@_inputs
@_options(_jobs, _memory, _progress, _as_json)
@click.option("--scheduler", help="Address of a Dask scheduler whose workers compute.")
@click.option("-f", "--force", is_flag=True, help="Delete what is in the store's place first.")
@reported
def run(
    points: np.ndarray,
    kernel_and_store: tuple[str, ...],
    named: str | None,
    test: np.ndarray | None,
    tile_size: int | None,
    dtype: str,
    jobs: int | None,
    memory: str,
    progress: bool,
    as_json: bool,
    scheduler: str | None,
    force: bool,
) -> None:
    """Compute the Gram matrix of POINTS, or go on with it.

    POINTS is a .npy, .csv or .parquet file. KERNEL is a .json file, or short:
    "fidelity:zz?reps=2&bandwidth=0.3". Wide circuits take evaluator=auto, as in
    "fidelity:ising?evaluator=auto": state vectors where they are small, matrix product states
    elsewhere; evaluator=mps takes the latter, evaluator=statevector, as if left out, the former.
    """
    kernel, store = _kernel_and_store(kernel_and_store, named)
    with _client(scheduler) as client, _replaced(store) if force else nullcontext():
        found = gram_matrix(
            kernel,
            *_sides(points, test),
            out=store,
            tile_size=tile_size or "auto",
            n_jobs=jobs,
            client=client,
            working_memory=memory,
            dtype=dtype,
            verbose=int(progress),
        )
    answer(_state(found), as_json=as_json)


@gram.command()
@_inputs
@_options(_memory, _as_json)
@click.option("-n", "--tasks", type=click.IntRange(min=1), help="Tasks of the job array.")
@reported
def init(
    points: np.ndarray,
    kernel_and_store: tuple[str, ...],
    named: str | None,
    test: np.ndarray | None,
    tile_size: int | None,
    dtype: str,
    memory: str,
    as_json: bool,
    tasks: int | None,
) -> None:
    """Make an empty store for the tasks of a job array.

    Prints what the matrix takes, and the line that submits the array to SLURM. POINTS and KERNEL
    are those of `run`.
    """
    kernel, store = _kernel_and_store(kernel_and_store, named)
    X, Y = _sides(points, test)
    found = GramStore.create(
        store, kernel, X, Y, tile_size=tile_size or "auto", working_memory=memory, dtype=dtype
    )
    expected = forecast(kernel, X, Y)
    n_tiles = len(found.missing())
    tasks = tasks or min(n_tiles, int(1 + expected.seconds // _SECONDS_A_TASK))
    found.set_tasks(tasks)
    task = f"qkernels gram partition {shlex.quote(str(found.path))} $SLURM_ARRAY_TASK_ID"
    line = f"sbatch --array=0-{tasks - 1} --wrap={shlex.quote(task)}"
    answer(
        {
            "shape": " x ".join(map(str, found.shape)),
            "tiles": n_tiles,
            "tile_size": found.tile_size,
            "size_on_disk": format_size(found.nbytes),
            "operations": f"{expected.flops:.3g}",
            "seconds_expected": round(expected.seconds, 1),
            "tasks": tasks,
            "slurm": line,
        },
        as_json=as_json,
    )


@gram.command()
@click.argument("store", type=STORE)
@click.argument("task", type=int)
@click.option("--one-based", is_flag=True, help="Tasks are counted from 1.")
@_options(_jobs, _memory, _progress, _as_json)
@reported
def partition(
    store: Path,
    task: int,
    one_based: bool,
    jobs: int | None,
    memory: str,
    progress: bool,
    as_json: bool,
) -> None:
    """Compute the tiles of one TASK of those that `init` counted."""
    found = GramStore.open(store)
    tiles = found.tiles_of_task(task - int(one_based))
    found.fill(tiles=tiles, n_jobs=jobs, working_memory=memory, verbose=int(progress))
    answer(_state(found), as_json=as_json)


@gram.command()
@click.argument("store", type=STORE)
@_as_json
@reported
def status(store: Path, as_json: bool) -> None:
    """Say how much is there; exit code 3 if something is missing."""
    _answer_and_exit(GramStore.open(store), as_json)


@gram.command()
@click.argument("store", type=STORE)
@_options(_progress, _as_json)
@reported
def verify(store: Path, progress: bool, as_json: bool) -> None:
    """Read everything back; what is damaged is computed again by the next `run`."""
    found = GramStore.open(store)
    damaged = found.verify(verbose=int(progress))
    _answer_and_exit(found, as_json, damaged=len(damaged))


@gram.command()
@click.argument("store", type=STORE)
@_options(_progress, _as_json)
@reported
def finalise(store: Path, progress: bool, as_json: bool) -> None:
    """Check that all tasks have ended well: all tiles are there and sound."""
    found = GramStore.open(store)
    found.require_complete()
    damaged = found.verify(verbose=int(progress))
    if not damaged:
        found.clear()
    _answer_and_exit(found, as_json, damaged=len(damaged))


@gram.command()
@click.argument("store", type=STORE)
@click.option("--npy", type=STORE, required=True, help="The .npy file.")
@_as_json
@reported
def export(store: Path, npy: Path, as_json: bool) -> None:
    """Write the matrix as one .npy file."""
    found = GramStore.open(store)
    found.to_npy(npy)
    answer(_state(found) | {"npy": str(npy)}, as_json=as_json)


def _kernel_and_store(given: tuple[str, ...], named: str | None) -> tuple[Kernel, Path]:
    """Return the kernel, which is an argument or an option, and the store's path."""
    found = given if named is None else (named, *given)
    if len(found) != 2:
        raise click.UsageError(
            "expected POINTS KERNEL STORE, or POINTS STORE --kernel KERNEL, got "
            f"{len(given)} arguments after POINTS"
        )
    return read_kernel(found[0]), Path(found[1])


def _client(scheduler: str | None) -> AbstractContextManager[Any]:
    if scheduler is None:
        return nullcontext()
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError("--scheduler needs dask: pip install 'qkernels[scale]'") from error
    return Client(scheduler)


def _sides(points: np.ndarray, test: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    return (points, None) if test is None else (test, points)


def _state(store: GramStore) -> dict[str, Any]:
    missing = len(store.missing())
    return {
        "store": str(store.path),
        "shape": " x ".join(map(str, store.shape)),
        "progress": round(1 - missing / len(store.manifest.grid), 6),
        "missing": missing,
        "complete": not missing,
        "tasks": store.n_tasks,
    }


def _answer_and_exit(store: GramStore, as_json: bool, **more: Any) -> None:
    state = _state(store) | more
    answer(state, as_json=as_json)
    if not state["complete"]:
        sys.exit(INCOMPLETE)


@contextmanager
def _replaced(store: Path) -> Iterator[None]:
    """Put a store, and nothing else, aside until another is in its place."""
    if not store.exists():
        yield
        return
    old = GramStore.open(store).path
    kept = aside(old, ".replaced")
    old.rename(kept)
    try:
        yield
    finally:
        if store.exists():
            shutil.rmtree(kept)
        else:
            kept.rename(old)


def _size(text: str) -> str:
    try:
        parse_size(text, "memory")
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return text
