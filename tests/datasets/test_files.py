"""What comes with the package: complete, listed, what its sheet says, and part of wheels."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from qkernels import datasets

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", datasets.available())
def test_every_data_set_is_complete(name):
    loaded = datasets.load(name, return_X_y=False)
    n_samples, n_features = loaded.data.shape
    assert loaded.data.dtype == np.float64
    assert loaded.data.flags.c_contiguous
    assert np.all(np.isfinite(loaded.data))
    assert loaded.target.shape == (n_samples,)
    assert len(loaded.feature_names) == n_features
    for word in ["Samples", "Columns", "Origin", "Recipe", "Licence", str(n_samples)]:
        assert word in loaded.DESCR
    X, y = datasets.load(name)
    np.testing.assert_array_equal(X, loaded.data)
    np.testing.assert_array_equal(y, loaded.target)


def test_every_data_set_is_listed():
    folders = {path.parent.name for path in (ROOT / "datasets").glob("*/README.md")}
    assert folders == set(datasets.available())
    index = (ROOT / "datasets" / "README.md").read_text(encoding="utf-8")
    assert all(f"({name}/README.md)" in index for name in folders)


@pytest.mark.parametrize("name", datasets.available())
def test_a_frozen_sample_is_what_its_sheet_says(name):
    loaded = datasets.load(name, return_X_y=False)
    ((generator, listed),) = re.findall(
        r"drawn by `qkernels\.datasets\.(\w+)\((.*?)\)`", loaded.DESCR
    )
    call = ast.parse(f"f({listed})", mode="eval").body
    arguments = [ast.literal_eval(argument) for argument in call.args]
    options = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    X, y = getattr(datasets, generator)(*arguments, **options)
    assert generator == name
    assert "random_state" in options
    digits = re.search(r"to (\d+) digits", loaded.DESCR)
    tolerance = 10.0 ** -int(digits[1]) if digits else 1e-12
    np.testing.assert_allclose(loaded.data, X, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(loaded.target, y)
    assert loaded.target.dtype == np.int64
    shares = f"{np.sum(y == -1)} with label -1, {np.sum(y == 1)} with label 1"
    assert shares in loaded.DESCR


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"out of \['ad_hoc', .*'two_curves'\], got 'iris'"):
        datasets.load("iris")


def test_an_installed_package_reads_its_own_copy(tmp_path, monkeypatch):
    (tmp_path / "_data" / "line").mkdir(parents=True)
    (tmp_path / "_data" / "line" / "data.csv").write_text("x,y\n0.5,1.5\n")
    (tmp_path / "_data" / "line" / "README.md").write_text("# One point\n")
    monkeypatch.setattr(resources, "files", lambda package: tmp_path)
    assert datasets.available() == ["line"]
    loaded = datasets.load("line", return_X_y=False)
    np.testing.assert_array_equal(loaded.data, [[0.5]])
    np.testing.assert_array_equal(loaded.target, [1.5])
    assert loaded.DESCR == "# One point\n"


def test_wheels_carry_the_data_sets():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {"datasets": "qkernels/_data"}
