"""What commands are given: files of points, and kernels as files or in short.

What lives here: the readers, and click's types that use them.
"""

from __future__ import annotations

import csv
import inspect
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import click
import numpy as np
from sklearn.gaussian_process.kernels import Kernel

from qkernels import feature_maps
from qkernels.evaluators import MPSEvaluator
from qkernels.kernels import FidelityKernel, ProjectedKernel, from_json

_KERNELS = {"fidelity": FidelityKernel, "projected": ProjectedKernel}
_SHORT = "fidelity:zz?reps=2&bandwidth=0.3"
# By the names that they have in short, as arguments of kernels.
_EVALUATORS = {"auto": "auto", "mps": MPSEvaluator(), "statevector": None}


def read_points(path: Path) -> np.ndarray:
    """Return the points of a .npy, .csv or .parquet file, of shape (n_points, n_features).

    A first line of a .csv file without a number is taken for the names of columns.

    Raises
    ------
    ValueError
        If the file does not hold a table of numbers, or is of another kind.
    ImportError
        If it takes pandas to read it, which is not there.
    """
    readers: dict[str, Callable[[Path], Any]] = {
        ".npy": partial(np.load, mmap_mode="r", allow_pickle=False),
        ".csv": _read_csv,
        ".parquet": _read_parquet,
    }
    if path.suffix not in readers:
        raise ValueError(f"expected a file of {', '.join(readers)}, got {path}")
    try:
        X = np.asarray(readers[path.suffix](path))
    except (ValueError, EOFError) as error:
        raise ValueError(f"expected a table of numbers in {path}, got: {error}") from error
    if X.ndim != 2 or X.dtype.kind not in "buif":
        raise ValueError(
            f"expected a table of numbers in {path}, got shape {X.shape} of {X.dtype.name}"
        )
    return X


def read_table(
    path: Path, target: str, groups: str | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return features, targets and groups from the named columns of a .csv or .parquet file.

    Raises
    ------
    ValueError
        If the file is of another kind, a column is not there, or a feature is not a number.
    ImportError
        If it takes pandas to read it, which is not there.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise ValueError(f"expected a .csv or .parquet file with names of columns, got {path}")
    columns = _csv_columns(path) if path.suffix == ".csv" else _parquet_columns(path)
    for name in (target, groups):
        if name is not None and name not in columns:
            raise ValueError(f"expected a column of {path}, {list(columns)}, got {name!r}")
    features = [name for name in columns if name not in (target, groups)]
    X = np.empty((len(columns[target]), len(features)))
    for k, name in enumerate(features):
        try:
            X[:, k] = np.asarray(columns[name], dtype=np.float64)
        except ValueError as error:
            raise ValueError(
                f"expected numbers in the column {name!r} of {path}: {error}"
            ) from error
    return X, _typed(columns[target]), None if groups is None else np.asarray(columns[groups])


def _csv_columns(path: Path) -> dict[str, Any]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = [*csv.reader(file)] or [[]]
    if not rows:
        raise ValueError(f"expected a line of names and one line or more in {path}")
    if any(len(row) != len(header) for row in rows):
        raise ValueError(f"expected {len(header)} values in each line of {path}")
    if len(set(header)) < len(header):
        raise ValueError(f"expected the columns of {path} to have names of their own, got {header}")
    return dict(zip(header, zip(*rows, strict=True), strict=True))


def _parquet_columns(path: Path) -> dict[str, Any]:
    table = _parquet(path)
    return {str(name): table[name].to_numpy() for name in table.columns}


def _typed(values: Any) -> np.ndarray:
    """Return numbers where all of a text column are, integers where those are whole."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except ValueError:
        return np.asarray(values)
    whole = numbers.astype(np.int64, copy=True)
    return whole if np.array_equal(whole, numbers) else numbers


def _read_csv(path: Path) -> np.ndarray:
    # Some programs begin files with a mark of the encoding.
    with path.open(encoding="utf-8-sig") as file:
        has_names = not any(map(_is_number, file.readline().split(",")))
        if not has_names:
            file.seek(0)
        return np.loadtxt(file, delimiter=",", ndmin=2)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_parquet(path: Path) -> np.ndarray:
    return _parquet(path).to_numpy()


def _parquet(path: Path) -> Any:
    try:
        import pandas
    except ImportError as error:
        raise ImportError(f"{path} takes pandas to read: pip install pandas pyarrow") from error
    return pandas.read_parquet(path)


def read_kernel(text: str) -> Kernel:
    """Return a kernel: of a .json file that `to_json` wrote, or in short.

    In short it is `kernel:map?name=value&...`, where names are arguments of the kernel or of the
    map, and values are JSON. An evaluator is "statevector", "mps" or "auto", which chooses one of
    these two; evaluators with arguments of their own take a file.

    Raises
    ------
    ValueError
        If there is no such kernel, map, argument, evaluator or file.

    Examples
    --------
    >>> read_kernel("projected:heisenberg?gamma=0.5&trotter_steps=4")
    ProjectedKernel(partial(heisenberg, trotter_steps=4), gamma=0.5)
    """
    if text.endswith(".json"):
        return from_json(Path(text).read_text(encoding="utf-8"))
    kind, colon, rest = text.partition(":")
    if not colon or kind not in _KERNELS:
        raise ValueError(
            f"kernel: expected a .json file, or one of {sorted(_KERNELS)} and a map, as in "
            f"{_SHORT!r}, got {text!r}"
        )
    name, _, query = rest.partition("?")
    build, given = _KERNELS[kind], dict(_arguments(query))
    own = {key: given.pop(key) for key in _allowed(build) & given.keys()}
    if "evaluator" in own:
        own["evaluator"] = _evaluator(own["evaluator"])
    return build(read_map(name, given), **own)


def _evaluator(name: Any) -> Any:
    """Return what a kernel takes for an evaluator."""
    if not isinstance(name, str) or name not in _EVALUATORS:
        raise ValueError(
            f"evaluator: expected one of {sorted(_EVALUATORS)}, or a .json file of a kernel with "
            f"another, got {name!r}"
        )
    return _EVALUATORS[name]


def read_map(name: str, arguments: dict[str, Any]) -> Callable[..., Any]:
    """Return a standard feature map, with arguments beside the number of features."""
    known = {
        name: member
        for name in feature_maps.__all__
        if inspect.isfunction(member := getattr(feature_maps, name))
        and "n_features" in inspect.signature(member).parameters
    }
    if name not in known:
        raise ValueError(f"feature map: expected one of {sorted(known)}, got {name!r}")
    if unknown := sorted(arguments.keys() - _allowed(known[name])):
        raise ValueError(
            f"expected arguments of {name}, {sorted(_allowed(known[name]))}, or of the kernel, "
            f"got {unknown}"
        )
    return partial(known[name], **arguments) if arguments else known[name]


def parse_map(text: str) -> Callable[..., Any]:
    """Return the feature map of a text such as "zz?reps=2"."""
    name, _, query = text.partition("?")
    return read_map(name, dict(_arguments(query)))


def _allowed(function: Callable) -> set[str]:
    left_out = {"n_features", "feature_map", "outer", "observables"}
    return set(inspect.signature(function).parameters) - left_out


def _arguments(query: str) -> list[tuple[str, Any]]:
    pairs = [part.partition("=") for part in query.split("&")] if query else []
    names = [name for name, _, _ in pairs]
    if not all(name and text for name, _, text in pairs) or len(set(names)) < len(names):
        raise ValueError(f"expected name=value&name=value after '?', each name once, got {query!r}")
    return [(name, _value(unquote(text))) for name, _, text in pairs]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


class PointsType(click.Path):
    """A file of points."""

    name = "points"

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Read the file."""
        try:
            return read_points(Path(super().convert(value, param, ctx)))  # type: ignore[arg-type]
        except (ValueError, ImportError) as error:
            self.fail(str(error), param, ctx)
