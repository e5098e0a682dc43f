"""The command line: what it computes, prints, and exits with."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from distributed import LocalCluster

import qkernels as qk
from qkernels.cli import main
from qkernels.cli.inputs import read_kernel, read_points
from qkernels.gram import GramStore, layout

X = np.random.default_rng(0).uniform(size=(50, 3))
TEST = np.random.default_rng(1).uniform(size=(20, 3))
SHORT = "fidelity:zz?reps=1&bandwidth=0.3"
KERNEL = read_kernel(SHORT)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("X.npy", X)
    np.save("T.npy", TEST)
    return tmp_path


def run(*arguments, code=0):
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result


def answered(*arguments, code=0):
    """Return the JSON that a command prints to the standard output."""
    return json.loads(run(*arguments, "--json", code=code).stdout)


# -- One run


def test_a_run_computes_the_matrix():
    found = answered("gram", "run", "X.npy", SHORT, "K.zarr", "--tile-size", 16)
    assert found == {
        "store": str(Path("K.zarr").resolve()),
        "shape": "50 x 50",
        "progress": 1.0,
        "missing": 0,
        "complete": True,
        "tasks": 1,
    }
    np.testing.assert_allclose(GramStore.open("K.zarr"), KERNEL(X), atol=1e-12)
    assert answered("gram", "status", "K.zarr") == found


def test_a_run_prints_for_people():
    result = run("gram", "run", "X.npy", SHORT, "K.zarr", "-P")
    assert re.search(r"^shape +50 x 50$", result.stdout, re.M)
    assert "1/1" in result.stderr
    assert run("gram", "run", "X.npy", SHORT, "K2.zarr", "-Q").stderr == ""


def test_rows_of_other_points():
    run("gram", "run", "X.npy", SHORT, "K.zarr", "--test", "T.npy", "-Q", "-p", 2)
    np.testing.assert_allclose(GramStore.open("K.zarr"), KERNEL(TEST, X), atol=1e-12)


def test_a_kernel_as_an_option():
    run("gram", "run", "X.npy", "K.zarr", "--kernel", SHORT, "-Q", "-M", "1G")
    np.testing.assert_allclose(GramStore.open("K.zarr"), KERNEL(X), atol=1e-12)
    assert run("gram", "run", "X.npy", SHORT, "K.zarr", "-Q").exit_code == 0
    for wrong in (["K.zarr"], [SHORT, "K.zarr", "--kernel", SHORT], []):
        message = "expected POINTS KERNEL STORE, or POINTS STORE --kernel KERNEL, got"
        assert message in run("gram", "run", "X.npy", *wrong, code=2).stderr


def test_a_kernel_from_a_file(folder):
    kernel = qk.FidelityKernel(qk.feature_maps.iqp) ** 2
    (folder / "kernel.json").write_text(qk.kernels.to_json(kernel))
    run("gram", "run", "X.npy", "kernel.json", "K.zarr", "-Q")
    np.testing.assert_allclose(GramStore.open("K.zarr"), kernel(X), atol=1e-12)


def test_a_run_on_a_cluster():
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster:
        run("gram", "run", "X.npy", SHORT, "K.zarr", "--scheduler", cluster.scheduler_address, "-Q")
    np.testing.assert_allclose(GramStore.open("K.zarr"), KERNEL(X), atol=1e-12)


def test_a_run_goes_on_and_starts_anew_by_force(folder):
    run("gram", "run", "X.npy", SHORT, "K.zarr", "--tile-size", 16)
    chunk = folder / "K.zarr" / "K" / "c" / "0" / "2"
    chunk.unlink()
    assert answered("gram", "status", "K.zarr", code=3)["missing"] == 1
    assert answered("gram", "run", "X.npy", SHORT, "K.zarr")["complete"]
    other = SHORT.replace("0.3", "0.4")
    message = f"Error: expected the kernel that {Path('K.zarr').resolve()} was begun with"
    assert message in run("gram", "run", "X.npy", other, "K.zarr", code=2).stderr
    run("gram", "run", "X.npy", other, "K.zarr", "--force")
    np.testing.assert_allclose(GramStore.open("K.zarr"), read_kernel(other)(X), atol=1e-12)
    wrong = [["-p", 0], ["-M", "1KB"], ["--kernel", other], ["--test", "K.zarr"]]
    for options in wrong:
        run("gram", "run", "X.npy", other, "K.zarr", "--force", *options, code=2)
        assert answered("gram", "status", "K.zarr")["complete"]
    run("gram", "run", "X.npy", other + "&parameters=[1]", "K.zarr", "--force", code=2)
    assert answered("gram", "status", "K.zarr")["complete"]
    assert not list(folder.glob(".K*"))


def test_an_old_store_is_put_back_if_none_takes_its_place(folder, monkeypatch):
    def full(*arguments):
        raise OSError("No space left on device")

    run("gram", "run", "X.npy", SHORT, "K.zarr")
    for path in (folder / "K.zarr", *(folder / "K.zarr").rglob("*")):
        os.utime(path, (0, 0))
    monkeypatch.setattr(layout, "_fill", full)
    result = run("gram", "run", "X.npy", SHORT.replace("0.3", "0.4"), "K.zarr", "-f", code=3)
    assert "No space left on device" in result.stderr
    assert answered("gram", "status", "K.zarr")["complete"]


def test_only_stores_are_deleted_by_force(folder):
    (folder / "precious").mkdir()
    (folder / "precious" / "work.txt").write_text("years")
    assert "expected a store" in run("gram", "run", "X.npy", SHORT, "precious", "-f", code=2).stderr
    assert (folder / "precious" / "work.txt").read_text() == "years"


def test_a_run_that_is_interrupted(monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["qkernels.cli.gram"], "gram_matrix", interrupted)
    result = run("gram", "run", "X.npy", SHORT, "K.zarr", code=3)
    assert result.stderr == "Error: stopped; the same command goes on where it was\n"


def test_a_disk_that_is_full(monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys.modules["qkernels.cli.gram"], "gram_matrix", full)
    result = run("gram", "run", "X.npy", SHORT, "K.zarr", code=3)
    assert "No space left on device; the same command goes on where it was" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM])
def test_a_process_that_is_interrupted(signal_, folder):
    np.save("X.npy", np.random.default_rng(0).uniform(size=(3000, 3)))
    command = [sys.executable, "-c", "from qkernels.cli import main; main()"]
    command += ["gram", "run", "X.npy", SHORT, "K.zarr", "--tile-size", "32", "-Q"]
    here = os.environ | {"PYTHONPATH": str(Path(qk.__file__).parents[1])}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=here)
    while not list(folder.glob("K.zarr/K/c/0/*")):
        assert process.poll() is None
    process.send_signal(signal_)
    assert "Error: stopped; the same command goes on where it was" in process.communicate()[1]
    assert process.returncode == 3
    assert 0 < GramStore.open("K.zarr").progress < 1


# -- A job array


@pytest.mark.parametrize("one_based", [False, True])
def test_a_job_array(one_based):
    name = "my K.zarr"
    found = answered("gram", "init", "X.npy", SHORT, name, "--tile-size", 8, "-n", 3)
    assert (found["tiles"], found["tasks"], found["size_on_disk"]) == (28, 3, "20 KB")
    command = shlex.split(found["slurm"])
    assert command[:2] == ["sbatch", "--array=0-2"]
    program, *arguments, task = shlex.split(command[2].removeprefix("--wrap="))
    assert (program, task) == ("qkernels", "$SLURM_ARRAY_TASK_ID")
    options = ["--one-based"] if one_based else []
    assert "got 0: run again" in run("gram", "finalise", name, code=3).stderr
    missing = []
    for k in (2, 0, 1):
        missing.append(answered(*arguments, k + int(one_based), "-Q", *options)["missing"])
    assert missing == [18, 9, 0]
    assert run("gram", "finalise", name, "-Q").exit_code == 0
    np.testing.assert_allclose(GramStore.open(name), KERNEL(X), atol=1e-12)
    expected = f"expected a task from 0 to 2, got {2 if one_based else 3}"
    code = 0 if one_based else 2
    assert (expected in run(*arguments, 3, *options, code=code).stderr) == (not one_based)


def test_single_precision_takes_half_of_the_disk():
    found = answered("gram", "init", "X.npy", SHORT, "K.zarr", "--dtype", "float32")
    assert found["size_on_disk"] == "10 KB"
    assert GramStore.open("K.zarr").dtype == np.float32
    run("gram", "run", "X.npy", SHORT, "K.zarr", "--dtype", "float32")
    assert (
        "begun with, float32, got float64"
        in run("gram", "run", "X.npy", SHORT, "K.zarr", code=2).stderr
    )


def test_init_does_not_touch_what_is_there():
    run("gram", "init", "X.npy", SHORT, "K.zarr")
    result = run("gram", "init", "X.npy", SHORT, "K.zarr", code=2)
    assert "expected nothing at K.zarr, got something there" in result.stderr


# -- Afterwards


@pytest.mark.parametrize("finalise", [True, False])
def test_damage_is_found_and_mended(finalise, folder):
    run("gram", "run", "X.npy", SHORT, "K.zarr", "--tile-size", 16)
    assert answered("gram", "verify", "K.zarr")["damaged"] == 0
    chunk = folder / "K.zarr" / "K" / "c" / "1" / "2"
    content = bytearray(chunk.read_bytes())
    content[77] ^= 4
    chunk.write_bytes(content)
    found = answered("gram", "finalise", "K.zarr", "-Q", code=3) if finalise else {}
    assert found.get("damaged", 1) == 1
    chunk.write_bytes(content)
    result = run("gram", "export", "K.zarr", "--npy", "K.npy", code=3)
    assert "/K.zarr/K/c/1/2 to be as it was written" in result.stderr
    found = answered("gram", "verify", "K.zarr", code=3)
    assert (found["damaged"], found["missing"]) == (1, 1)
    run("gram", "run", "X.npy", SHORT, "K.zarr")
    assert answered("gram", "verify", "K.zarr")["damaged"] == 0
    run("gram", "export", "K.zarr", "--npy", "K.npy")
    np.testing.assert_allclose(np.load("K.npy"), KERNEL(X), atol=1e-12)


# -- Files and kernels


def test_files_of_points(folder, monkeypatch):
    np.savetxt("plain.csv", X, delimiter=",")
    (folder / "named.csv").write_text("a,b,c\n" + (folder / "plain.csv").read_text())
    (folder / "marked.csv").write_text((folder / "named.csv").read_text(), encoding="utf-8-sig")
    (folder / "excel.csv").write_text((folder / "plain.csv").read_text(), encoding="utf-8-sig")
    for name in ("plain.csv", "named.csv", "marked.csv", "excel.csv", "X.npy"):
        np.testing.assert_allclose(read_points(folder / name), X)
    monkeypatch.setitem(sys.modules, "pandas", None)
    (folder / "X.parquet").write_bytes(b"")
    result = run("gram", "run", "X.parquet", SHORT, "K.zarr", code=2)
    assert "X.parquet takes pandas to read: pip install pandas pyarrow" in result.stderr


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("X.txt", b"1,2", "expected a file of .npy, .csv, .parquet, got X.txt"),
        ("X.csv", b"1,2\nx,y", "expected a table of numbers in X.csv, got: could not convert"),
        ("X.csv", b"1,,2\n3,4,5", "expected a table of numbers in X.csv, got: could not convert"),
        ("X.csv", b"1,2x\n3,4", "expected a table of numbers in X.csv, got: could not convert"),
        ("bad.npy", b"hello", "expected a table of numbers in bad.npy, got: "),
        ("none.npy", None, "File 'none.npy' does not exist"),
    ],
)
def test_files_that_are_no_points(name, content, message, folder):
    if content is not None:
        (folder / name).write_bytes(content)
    assert message in run("gram", "run", name, SHORT, "K.zarr", code=2).stderr
    assert not (folder / "K.zarr").exists()


@pytest.mark.parametrize("array", [np.zeros(3), np.zeros((2, 2, 2)), np.array([["a"]])])
def test_arrays_that_are_no_points(array):
    np.save("X.npy", array)
    message = "expected a table of numbers in X.npy, got shape"
    assert message in run("gram", "run", "X.npy", SHORT, "K.zarr", code=2).stderr


def test_objects_are_not_unpickled():
    np.save("X.npy", np.array([[object()]]))
    message = "expected a table of numbers in X.npy, got: Array can't be memory-mapped: Pyt"
    assert message in run("gram", "run", "X.npy", SHORT, "K.zarr", code=2).stderr


@pytest.mark.parametrize(
    ("text", "kernel"),
    [
        ("fidelity:zz", qk.FidelityKernel(qk.feature_maps.zz)),
        ("projected:heisenberg?gamma=2", qk.ProjectedKernel(qk.feature_maps.heisenberg, gamma=2)),
        (
            "fidelity:zz?entanglement=linear&bandwidth=[0.1,0.2,0.3]&alpha=1.5",
            qk.FidelityKernel(
                lambda n: qk.feature_maps.zz(n, entanglement="linear", alpha=1.5),
                bandwidth=[0.1, 0.2, 0.3],
            ),
        ),
        (
            'fidelity:pauli?paulis=["Z","YY"]',
            qk.FidelityKernel(lambda n: qk.feature_maps.pauli(n, ["Z", "YY"])),
        ),
    ],
)
def test_kernels_in_short(text, kernel):
    np.testing.assert_allclose(read_kernel(text)(X), kernel(X), atol=1e-12)


@pytest.mark.parametrize("kind", ["fidelity", "projected"])
@pytest.mark.parametrize(
    ("name", "evaluator"),
    [("auto", "auto"), ("mps", qk.MPSEvaluator()), ("statevector", None)],
)
def test_evaluators_in_short(kind, name, evaluator):
    kernel = read_kernel(f"{kind}:zz?evaluator={name}&reps=1&bandwidth=0.3")
    assert kernel.evaluator == evaluator
    assert kernel.bandwidth == 0.3
    short = read_kernel(f"{kind}:zz?reps=1&bandwidth=0.3")
    np.testing.assert_allclose(kernel(X), short(X), atol=1e-10)


@pytest.mark.jit
def test_a_job_array_of_a_wide_circuit():
    wide = np.random.default_rng(0).uniform(0, 2, (20, 40))
    np.save("W.npy", wide)
    text = "fidelity:ising?gamma=0.3&layers=1&evaluator=auto"
    found = answered("gram", "init", "W.npy", text, "K.zarr", "--tile-size", 8, "-n", 2)
    # Of 38 sites with bonds 2 on both sides and 2 ends; 8 operations for a complex product and sum.
    products = 38 * 2 * 16 + 2 * (8 + 4)
    assert float(found["operations"]) == pytest.approx(20 * 20 / 2 * 8 * products, rel=0.01)
    for task in (0, 1):
        run("gram", "partition", "K.zarr", task, "-Q")
    feature_map = qk.feature_maps.ising(40, gamma=0.3, layers=1)
    expected = qk.FidelityKernel(feature_map, evaluator=qk.MPSEvaluator())(wide)
    np.testing.assert_allclose(GramStore.open("K.zarr"), expected, atol=1e-10)
    # The same numbers, but of an evaluator that could choose others.
    other = run("gram", "run", "W.npy", text.replace("auto", "mps"), "K.zarr", code=2)
    assert "K.zarr" in other.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("zz", "kernel: expected a .json file, or one of ['fidelity', 'projected'] and a map, as"),
        ("swap:zz", "kernel: expected a .json file, or one of ['fidelity', 'projected'] and a map"),
        ("fidelity:zzz", "feature map: expected one of ['amplitude', 'angle', "),
        ("fidelity:covariant", "feature map: expected one of ['amplitude', 'angle', "),
        ("fidelity:zz?rep=2", "expected arguments of zz, ['alpha', 'entanglement', 'reps'], or of"),
        ("fidelity:zz?reps", "expected name=value&name=value after '?', each name once, got 'reps"),
        ("fidelity:zz?bandwidth=", "expected name=value&name=value after '?', each name once, got"),
        ("fidelity:zz?reps=1&reps=2", "expected name=value&name=value after '?', each name once"),
        ("fidelity:zz?gamma=1", "or of the kernel, got ['gamma']"),
        ("fidelity:zz?reps=-1", "reps"),
        ("fidelity:zz?bandwidth=-1", "bandwidth must be a positive finite number"),
        (
            "fidelity:zz?evaluator=sampler",
            "evaluator: expected one of ['auto', 'mps', 'statevector'], or a .json file of a "
            "kernel with another, got 'sampler'",
        ),
        ("fidelity:zz?evaluator=1", "expected one of ['auto', 'mps', 'statevector'], or a .json"),
        ('fidelity:zz?evaluator=["auto"]', "of a kernel with another, got ['auto']"),
        ("none.json", "No such file or directory: 'none.json'"),
        ("X.json", "expected the JSON text of a kernel, got '{'"),
    ],
)
def test_kernels_that_are_none(text, message, folder):
    (folder / "X.json").write_text("{")
    result = run("gram", "run", "X.npy", text, "K.zarr", code=2)
    assert message in " ".join(result.stderr.split())
    assert not (folder / "K.zarr").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["-M", "lots"],
            "memory: expected a size such as '512MB', or a number of byte",
        ),
        (["-M", "1KB"], "working_memory: expected at least"),
        (["--tile-size", "0"], "0 is not in the range x>=1"),
        (["-p", "0"], "n_jobs: expected an integer other than 0, got 0"),
        (["--test", "X.npy", "--nonsense"], "No such option '--nonsense'"),
    ],
)
def test_options_that_make_no_sense(options, message, folder):
    result = run("gram", "run", "X.npy", SHORT, "K.zarr", *options, code=2)
    assert message in result.stderr
    assert not (folder / "K.zarr").exists()


@pytest.mark.parametrize("command", ["status", "verify", "finalise", "partition", "export"])
def test_stores_that_are_not_there(command):
    more = {"partition": ["0"], "export": ["--npy", "K.npy"]}.get(command, [])
    result = run("gram", command, "none.zarr", *more, code=2)
    path = Path("none.zarr").resolve()
    assert result.stderr == f"Error: expected a store at {path}, got nothing there\n"


# -- Looking


def test_a_map_is_drawn():
    output = run("map", "show", "zz?reps=1", "-d", 3).stdout
    assert "0: ───H───Z^(2*x0/pi)" in output
    assert "3 features, 0 parameters, 3 qubits" in output
    assert "feature map: expected one of" in run("map", "show", "zzz", code=2).stderr


def test_info():
    found = answered("info")
    assert found["numpy"] == np.__version__
    assert found["threads"] >= 1
    assert re.search(r"^python +3\.", run("info").stdout, re.M)


@pytest.mark.parametrize("path", [[], ["gram"], ["gram", "run"], ["gram", "init"], ["map", "show"]])
def test_help(path):
    assert run(*path, "--help").stdout.startswith(f"Usage: main {' '.join(path)}".strip())


def test_help_names_the_evaluators():
    text = " ".join(run("gram", "run", "--help").stdout.split())
    for name in ("auto", "mps", "statevector"):
        assert f"evaluator={name}" in text
    assert "gram run --help" in " ".join(run("report", "--help").stdout.split())
