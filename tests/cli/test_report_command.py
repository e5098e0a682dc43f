"""`qkernels report`: tables in, words out."""

import json
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.datasets import make_moons

from qkernels.cli import main
from qkernels.cli.inputs import read_table

X, Y = make_moons(40, noise=0.2, random_state=0)
FAST = ["--target", "kind", "--kernel", "fidelity:iqp", "--cv", "2", "--repeats", "1"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kinds = np.where(Y, "even", "odd")
    lines = [f"{a},{kinds[k]},{b},{k % 8}" for k, (a, b) in enumerate(X)]
    (tmp_path / "data.csv").write_text("\n".join(["x,kind,y,farm", *lines]) + "\n")
    return tmp_path


def run(*arguments, code=0):
    result = CliRunner().invoke(main, ["report", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result


def test_a_report_as_json_and_as_a_page(folder):
    options = ["--baseline", "rbf", "--baseline", "linear", "--groups", "farm"]
    result = run("data.csv", *FAST, *options, "--out", "page.html", "--json")
    found = json.loads(result.stdout)
    assert list(found["scores"]) == ["quantum", "rbf", "linear"]
    assert (found["n_points"], found["n_features"]) == (40, 2)
    assert found["protocol"]["grouped"]
    assert (folder / "page.html").read_text().startswith("<!DOCTYPE html>")


def test_a_report_for_people():
    loud, quiet = (run("data.csv", *FAST, "--baseline", "linear", flag) for flag in ("-P", "-Q"))
    assert loud.stdout == quiet.stdout
    assert "No evidence of an advantage" in quiet.stdout
    assert quiet.stderr == ""


def test_an_interrupt_says_that_nothing_was_written(monkeypatch, folder):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["qkernels.cli.report"], "report", interrupted)
    result = run("data.csv", *FAST, "--out", "page.html", code=1)
    assert result.stderr == "Error: stopped; nothing was written\n"
    assert not (folder / "page.html").exists()


def test_columns(folder):
    features, target, groups = read_table(folder / "data.csv", "kind", "farm")
    np.testing.assert_allclose(features, X)
    np.testing.assert_array_equal(target, np.where(Y, "even", "odd"))
    np.testing.assert_array_equal(groups, [str(k % 8) for k in range(40)])


@pytest.mark.parametrize(
    ("column", "kind"), [(["1", "0"], "i"), (["0.5", "1"], "f"), (["yes", "no"], "U")]
)
def test_targets_are_integers_numbers_or_words(column, kind, folder):
    (folder / "t.csv").write_text("a,t\n" + "\n".join(f"{k},{v}" for k, v in enumerate(column)))
    assert read_table(folder / "t.csv", "t")[1].dtype.kind == kind


def test_parquet(folder):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    pandas.DataFrame({"a": [0.1, 0.2], "t": ["u", "v"]}).to_parquet(folder / "t.parquet")
    features, target, _ = read_table(folder / "t.parquet", "t")
    assert features.tolist() == [[0.1], [0.2]]
    assert target.tolist() == ["u", "v"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,kind\n1,2\n", "y: expected two values or more"),
        ("a,b\n1,2\n", "expected a column of bad.csv, ['a', 'b'], got 'kind'"),
        ("a,kind\none,2\n3,4\n", "expected numbers in the column 'a' of bad.csv"),
        ("a,kind\n1\n", "expected 2 values in each line of bad.csv"),
        ("", "expected a line of names and one line or more in bad.csv"),
        ("a,kind\n", "expected a line of names and one line or more in bad.csv"),
        ("a,kind\n1,2\n\n", "expected 2 values in each line of bad.csv"),
        ("kind,kind\n1,2\n", "expected the columns of bad.csv to have names of their own"),
    ],
)
def test_tables_that_are_none(content, message, folder):
    (folder / "bad.csv").write_text(content)
    assert message in run("bad.csv", *FAST, code=2).stderr


def test_files_of_another_kind(folder):
    np.save("X.npy", X)
    assert "expected a .csv or .parquet file with names" in run("X.npy", *FAST, code=2).stderr
