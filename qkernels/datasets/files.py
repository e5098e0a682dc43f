"""Data sets that come with the package: what lies in `datasets/`, and the reading of it.

A folder of `datasets/` is a data set: `data.csv` with a header, the features in all columns but
the last and the target in the last, and `README.md`, its data sheet. Wheels carry them as
`qkernels/_data`. What is drawn anew lives in the other files.
"""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable

import numpy as np
from sklearn.utils import Bunch


def available() -> list[str]:
    """Return the names of the data sets that `load` knows.

    Examples
    --------
    >>> from qkernels import datasets
    >>> datasets.available()
    ['ad_hoc', 'bars_and_stripes', 'engineered', 'ground_states', 'hidden_manifold', 'hyperplanes',
     'linearly_separable', 'two_curves']
    """
    return sorted(entry.name for entry in _folder().iterdir() if (entry / "data.csv").is_file())


def load(name: str, *, return_X_y: bool = True) -> tuple[np.ndarray, np.ndarray] | Bunch:
    """Load a data set that comes with the package.

    Parameters
    ----------
    name : str
        One of `available()`.
    return_X_y : bool, default=True
        Whether to return (X, y) alone.

    Returns
    -------
    (X, y) : tuple of ndarray, of shapes (n_samples, n_features) and (n_samples,)
        Or, with `return_X_y=False`, a `sklearn.utils.Bunch` of `data`, `target`,
        `feature_names` and `DESCR`, the data sheet: origin, recipe, columns and licence.

    Raises
    ------
    ValueError
        If there is no such data set; the message names those that there are.

    Examples
    --------
    >>> from qkernels import datasets
    >>> X, y = datasets.load("ad_hoc")
    >>> X.shape, y.shape
    ((200, 2), (200,))
    >>> print(datasets.load("ad_hoc", return_X_y=False).DESCR.splitlines()[0])
    # Ad hoc data in two dimensions
    """
    if name not in available():
        raise ValueError(f"expected the name of a data set out of {available()}, got {name!r}")
    folder = _folder() / name
    header, *lines = (folder / "data.csv").read_text(encoding="utf-8").splitlines()
    table = np.loadtxt(lines, delimiter=",", ndmin=2)
    X, y = np.ascontiguousarray(table[:, :-1]), _labels(table[:, -1])
    if return_X_y:
        return X, y
    sheet = (folder / "README.md").read_text(encoding="utf-8")
    return Bunch(data=X, target=y, feature_names=header.split(",")[:-1], DESCR=sheet)


def _folder() -> Traversable:
    package = resources.files("qkernels")
    installed = package / "_data"
    return installed if installed.is_dir() else package / ".." / "datasets"


def _labels(column: np.ndarray) -> np.ndarray:
    """Return whole numbers, which are classes, as integers."""
    integers = column.astype(np.int64)
    return integers if np.array_equal(integers, column) else column
