"""Tests of what measures Gram matrices past one memory, and of its tables; no times are judged.

Kills are real, of a small script that stands for the command line. The test marked `benchmark` runs
all groups on small sizes.
"""

from __future__ import annotations

import collections
import json
import math
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import qkernels as qk
from qkernels.gram.layout import Layout

from . import processes, report, scale, works
from .__main__ import _parse, main

COMMAND = """
import json, os, sys, time
name, rewrites = sys.argv[2], MODE == "rewrites"
if name == "verify":
    print(json.dumps({"missing": 0, "damaged": 0}))
elif MODE == "fails":
    print("no such kernel", file=sys.stderr)
    sys.exit(2)
else:
    for i in range(12):
        os.makedirs(f"K.zarr/K/c/{i}", exist_ok=True)
        for j in range(12):
            path = f"K.zarr/K/c/{i}/{j}"
            if rewrites or not os.path.exists(path):
                open(path + ".partial", "w").close()
                os.replace(path + ".partial", path)
                time.sleep(0.006)
"""


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Put a script in place of the command line."""

    def put(mode: str) -> None:
        script = tmp_path / "command.py"
        script.write_text(f"MODE = {mode!r}\n{COMMAND}")
        monkeypatch.setattr(scale, "_COMMAND", (sys.executable, str(script), "gram"))

    monkeypatch.setattr(scale, "_LOOKS", (0.002, 0.01))
    return put


@pytest.fixture
def conditions(tmp_path):
    (tmp_path / "scratch").mkdir()
    return scale.Conditions({}, tmp_path / "scratch", repetitions=1, quick=True)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X = scale._points(90, 2)
    return qk.gram_matrix(scale._kernel(), X, out="K.zarr", tile_size=8)


# -- Sizes


@pytest.mark.parametrize(("wanted", "found"), [(60_000, 5000), (5500, 5500), (5501, 5000)])
def test_a_matrix_takes_half_of_the_free_disk_at_most(wanted, found, tmp_path, monkeypatch):
    usage = collections.namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(16 * 5500**2 + 1))
    assert scale.fitting(wanted, tmp_path) == found
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(16 * 300**2))
    assert scale.fitting(wanted, tmp_path) == 300


def test_groups_past_one_memory_are_measured_only_if_named():
    assert not set(works.SCALE) & set(_parse([]).works)
    assert _parse(["--works", "kills,store"]).works == ("kills", "store")
    assert set(works.SCALE) == set(scale.GROUPS) == set(report.SCALE)


# -- Kills


def test_finished_tiles_are_those_of_the_store(store):
    found = scale.finished_tiles(store.path)
    assert set(found) == set(store.manifest.grid.tiles())
    for i, j in [(0, 11), (4, 4)]:
        times = [
            os.stat(store.path / "K" / "c" / f"{a}/{b}").st_mtime_ns for a, b in [(i, j), (j, i)]
        ]
        assert found[i, j] == tuple(times)


def test_a_tile_without_its_mirror_image_is_not_finished(store):
    folder = store.path / "K" / "c"
    (folder / "11" / "2").rename(folder / "11" / "2.0123.partial")
    (folder / "3" / "3").unlink()
    found = set(scale.finished_tiles(store.path))
    assert set(store.missing()) == {(2, 11), (3, 3)}
    assert found == set(store.manifest.grid.tiles()) - {(2, 11), (3, 3)}


@pytest.mark.parametrize(("mode", "rewrites"), [("resumes", False), ("rewrites", True)])
def test_a_command_is_killed_and_started_until_it_ends(mode, rewrites, command, tmp_path):
    command(mode)
    found = scale._complete(tmp_path, {}, tile_size=8, n_files=144, times=3)
    assert 1 <= found["kills"] <= 3
    assert found["tiles"] == 78
    assert (found["rewritten"] > 0) == rewrites


def test_a_command_that_ends_before_its_kill_is_not_started_again(command, tmp_path):
    command("resumes")
    found = scale._complete(tmp_path, {}, tile_size=8, n_files=10**6, times=3)
    assert (found["kills"], found["tiles"]) == (0, 78)


def test_a_command_that_fails_is_an_error_and_leaves_nothing(command, conditions):
    command("fails")
    (found,) = scale.kills(conditions)
    assert found["error"] == "exit code 2: no such kernel"
    assert found["n_points"] == found["wanted"] == 4000
    assert not any(conditions.scratch.iterdir())


def test_a_kill_from_elsewhere_is_an_error(tmp_path):
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(subprocess.CalledProcessError):
        scale._run_until((sys.executable, "-c", code), tmp_path, {}, math.inf)


def test_a_process_does_not_outlive_an_interrupted_measurement(tmp_path):
    sleep = (sys.executable, "-c", "import time; time.sleep(60)")
    with pytest.raises(KeyboardInterrupt), scale._started(sleep, tmp_path, {}) as process:
        raise KeyboardInterrupt
    assert process.returncode is not None


@pytest.mark.parametrize("code", [0, 3])
def test_damaged_tiles_are_those_that_miss_after_verifying(code, tmp_path, monkeypatch):
    script = f'import sys; print(\'{{"missing": 4, "damaged": 2}}\'); sys.exit({code})'
    monkeypatch.setattr(scale, "_COMMAND", (sys.executable, "-c", script))
    assert scale._damaged(tmp_path, {}) == 4


def test_verifying_that_fails_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(scale, "_COMMAND", (sys.executable, "-c", "raise OSError('no disk')"))
    with pytest.raises(subprocess.CalledProcessError) as caught:
        scale._damaged(tmp_path, {})
    assert processes.reason(caught.value) == "exit code 1: OSError: no disk"


def test_sampled_tiles_are_compared_bit_by_bit(store):
    assert scale._sampled(1000) == {"sampled": 78, "different": 0}
    assert scale._sampled(5) == {"sampled": 5, "different": 0}
    layout = Layout.open(store.path)
    for i, j in [(3, 3), (2, 7)]:
        layout.write(i, j, np.nextafter(layout.read(i, j), 2.0))
    assert scale._sampled(1000) == {"sampled": 78, "different": 2}


def test_what_is_wrong_with_tiles_is_an_error():
    fine = {"rewritten": 0, "damaged": 0, "different": 0}
    assert scale._complaint(fine) == {}
    wrong = fine | {"rewritten": 3, "different": 1}
    assert scale._complaint(wrong) == {"error": "3 tiles rewritten, 1 tiles different"}


# -- Processes


def test_plain_writing_writes_all_bytes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = []
    monkeypatch.setattr(os, "remove", lambda path: written.append(os.path.getsize(path)))
    assert scale._writing(1000, 300) > 0
    assert written == [1000]


def test_a_stored_matrix_is_deleted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert scale._stored(scale._kernel(), scale._points(20, 2)) > 0
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("what", ["product", "nystroem", "features"])
def test_learners_tell_what_the_matrix_would_take(what):
    found = scale._learner(what, 1200, 3)
    assert found["matrix"] == 8 * 1200**2
    assert found["result"] % (8 * 1200) == 0
    assert found["peak"] >= found["over"] >= 0


def test_a_process_that_fails_says_why(tmp_path):
    found = processes.attempt("scale", "sampled", {"n_tiles": 3}, {}, tmp_path)
    assert found["n_tiles"] == 3
    assert "FileNotFoundError: expected a store at" in found["error"]


def test_other_folders_find_the_same_packages(monkeypatch):
    monkeypatch.setattr(sys, "path", ["", "here", "/there"])
    found = processes.environment({"OMP_NUM_THREADS": "3"})
    assert found["PYTHONPATH"] == os.pathsep.join([os.path.abspath("here"), "/there"])
    assert found["OMP_NUM_THREADS"] == "3"


def test_peaks_are_at_least_what_is_there():
    assert processes.peak_bytes() >= processes.resident_bytes() > 0
    assert processes.peak_bytes_of(os.getpid()) <= processes.peak_bytes()
    assert (processes.peak_bytes_of(os.getpid()) > 0) == (sys.platform == "linux")
    assert processes.peak_bytes_of(-1) == 0


def test_a_peak_that_is_forgotten_is_not_told():
    np.ones(2**25).sum()
    before = processes.peak_bytes()
    processes.forget_peak()
    assert processes.resident_bytes() <= processes.peak_bytes() <= before


# -- Tables and the command line


SIZE = {"n_points": 20, "n_qubits": 2}
FAILED = SIZE | {"error": "exit code 1: OSError: no disk"}


def test_store_table_has_a_row_for_each_process():
    entry = SIZE | {"arithmetic": 1.0, "writing": 3.0, "over": 2e8, "peak": 4e8}
    table = report.store([entry | {"seconds": time} for time in (5.0, 8.0, 6.0)] + [FAILED])
    assert table.rows[0][1:] == ("5.00 s", "1.00 s", "3.00 s", "1.25", "200 MB", "400 MB")
    assert table.rows[3][1] == "failed"
    assert table.remarks[0] == "Gram matrix, 20 points × 2 qubits: exit code 1: OSError: no disk"
    assert table.remarks[1].startswith("Median: 1.50 times both")
    assert report.store([FAILED]).remarks == table.remarks[:1]


def test_kills_table_counts_and_says_if_the_disk_was_small():
    counts = {"kills": 5, "tiles": 9, "rewritten": 0, "damaged": 0, "sampled": 7, "different": 1}
    entry = (
        SIZE | counts | {"wanted": 30, "seconds": 61.0, "peak": 1e9, "error": "1 tiles different"}
    )
    table = report.kills([entry, FAILED | {"wanted": 20, "seconds": 1.0}])
    assert table.rows[0][1:] == ("61.0 s", "5", "9", "0", "0", "7", "1", "1000 MB")
    assert table.rows[1][1] == "failed"
    assert table.remarks[0] == "20 points in place of 30: half of the free disk."
    assert table.remarks[1].endswith("1 tiles different")
    assert {len(row) for row in table.rows} == {len(table.header)}


def test_pools_table_compares_turn_by_turn():
    times = {"here": [1.0, 2.0, 4.0], "cluster": [1.1, 2.0, 4.8], "joblib": [3.0, 2.0, 4.0]}
    table = report.pools([SIZE | {"workers": 2} | times])
    assert table.rows[0] == ("one process", "2.00 s", "1.00 s – 4.00 s", "")
    assert table.rows[1][::3] == ("Dask, 2 × 1 thread", "1.10 (1.00 – 1.20)")
    assert table.rows[2][3] == "1.00 (1.00 – 3.00)"
    assert report.pools([FAILED]).rows == []


def test_learners_table_shows_what_the_matrix_would_take():
    entry = SIZE | {"what": "product", "seconds": 0.5, "matrix": 8e10, "result": 8e5}
    table = report.learners([entry | {"over": 1e9, "peak": 2e9}, FAILED | {"what": "nystroem"}])
    assert table.rows[0][1:] == ("500 ms", "80 GB", "1 MB", "1000 MB", "2000 MB")
    assert table.remarks[0].startswith("500 Nyström landmarks, 20 points × 2 qubits: exit code 1")


def test_a_group_whose_packages_are_missing_is_left_out(tmp_path, monkeypatch, capsys):
    found = scale.util.find_spec
    monkeypatch.setattr(
        scale.util, "find_spec", lambda name: None if name == "distributed" else found(name)
    )
    assert scale.missing("store") == ""
    assert main(["--works", "pools", "--quick", "--output", str(tmp_path)]) == 0
    assert "pools: not measured, as distributed is not installed." in capsys.readouterr().out


def test_a_group_that_fails_is_saved_and_ends_with_1(tmp_path, monkeypatch):
    given = []
    monkeypatch.setitem(
        scale.GROUPS, "store", lambda conditions: given.append(conditions) or [FAILED]
    )
    arguments = ["--works", "store", "--output", str(tmp_path), "--scratch", str(tmp_path)]
    assert main([*arguments, "--repetitions", "4"]) == 1
    assert json.loads((tmp_path / "benchmarks.json").read_text())["store"] == [FAILED]
    assert "OSError: no disk" in (tmp_path / "benchmarks.md").read_text()
    assert (given[0].scratch, given[0].repetitions, given[0].quick) == (tmp_path, 4, False)


def test_a_scratch_folder_exists(capsys):
    with pytest.raises(SystemExit):
        _parse(["--scratch", "no_such_folder"])
    assert "expected a folder that exists, got no_such_folder" in capsys.readouterr().err


@pytest.mark.benchmark
def test_quick_groups_run_and_leave_nothing(tmp_path):
    scratch, output = tmp_path / "scratch", tmp_path / "output"
    scratch.mkdir()
    arguments = ["--quick", "--output", str(output), "--scratch", str(scratch)]
    assert main(["--works", ",".join(works.SCALE), *arguments]) == 0
    found = json.loads((output / "benchmarks.json").read_text())
    assert [len(found[name]) for name in works.SCALE] == [3, 1, 1, 3]
    assert found["kills"][0]["kills"] > 0
    assert not any(scratch.iterdir())
