"""The policy of compiling and threading: flags, the disk cache, workers."""

import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numba
import numpy as np
import pytest

from qkernels.loops import jit, lanes

LOOPS = Path(jit.__file__).parent
SOURCES = sorted(path.name for path in LOOPS.glob("*.py"))


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A copy of the loops in a package of their own, that can be spoilt."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    package = tmp_path / "site" / "qkernels"
    shutil.copytree(LOOPS, package / "loops", ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__init__.py").touch()
    return package / "loops"


def load(path):
    """Return the module of a copy of `jit.py`."""
    spec = importlib.util.spec_from_file_location("copied_jit", path / "jit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def forbid(directory):
    """Make a directory that cannot be made, even for root."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    directory.touch()


# -- The cache on disk


@pytest.mark.parametrize("name", SOURCES)
def test_a_change_in_any_file_of_loops_is_another_cache(install, name):
    before = load(install)._source_digest()
    with (install / name).open("a") as file:
        file.write("\n# changed\n")
    assert load(install)._source_digest() != before


def test_a_new_file_of_loops_is_another_cache(install):
    before = load(install)._source_digest()
    (install / "new.py").write_text("x = 1\n")
    assert load(install)._source_digest() != before


def test_the_same_sources_are_the_same_cache(install):
    assert load(install)._source_digest() == jit._source_digest()


def test_compiled_loops_lie_beside_their_sources(install):
    module = load(install)
    expected = install / "__pycache__" / f"loops-{module._source_digest()}"
    assert Path(module._CACHE_DIR) == expected
    assert expected.is_dir()


def test_a_read_only_install_uses_the_users_cache(install, tmp_path):
    forbid(install / "__pycache__")
    module = load(install)
    expected = tmp_path / "user" / "qkernels" / f"loops-{module._source_digest()}"
    assert Path(module._CACHE_DIR) == expected
    assert expected.is_dir()


def test_without_a_writable_disk_nothing_is_kept(install, tmp_path):
    forbid(install / "__pycache__")
    forbid(tmp_path / "user")
    assert load(install)._CACHE_DIR is None


def test_numbas_own_setting_comes_first(install, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "chosen"))
    assert Path(load(install)._CACHE_DIR).parent == tmp_path / "chosen"


def test_other_packages_keep_their_own_cache():
    before = numba.config.CACHE_DIR
    jit.jit(_identity)
    assert before == numba.config.CACHE_DIR


def _identity(x):
    return x


SUM = """
import numpy as np
from qkernels.loops import expectations
re, im = np.ones((4, 8)), np.zeros((4, 8))
word = np.array([0, 0, 0, 0])
values = np.empty((1, 8))

@expectations.jit
def measure(re, im, word, values):
    expectations.store(values, 0, expectations.measure_word(re, im, word))

measure(re, im, word, values)
print(values[0, 0])
"""


def run(install, text):
    """Return what a script prints that imports the copied loops."""
    path = install.parents[1] / "script.py"
    path.write_text(text)
    done = subprocess.run(
        [sys.executable, str(path)],
        env=os.environ | {"PYTHONPATH": str(install.parents[1])},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.jit
def test_a_cached_loop_sees_a_change_in_another_file(install):
    assert [run(install, SUM) for _ in range(2)] == ["4.0", "4.0"]
    lanes = install / "lanes.py"
    changed = lanes.read_text().replace('(operator.add, "fadd")', '(operator.add, "fsub")')
    assert changed != lanes.read_text()
    lanes.write_text(changed)
    assert run(install, SUM) == "-4.0"


@pytest.mark.jit
def test_loops_of_a_read_only_install_run(install, tmp_path):
    forbid(install / "__pycache__")
    assert run(install, SUM) == "4.0"
    assert list((tmp_path / "user" / "qkernels").glob("loops-*/*/*.nbi"))


@pytest.mark.jit
def test_loops_without_a_writable_disk_run(install, tmp_path):
    forbid(install / "__pycache__")
    forbid(tmp_path / "user")
    assert run(install, SUM) == "4.0"


# -- Flags


def test_no_flag_lets_nan_or_inf_vanish():
    assert jit.FASTMATH.isdisjoint({"fast", "nnan", "ninf"})


@pytest.mark.jit
def test_loops_leave_pythons_lock():
    assert jit.jit(_identity).targetoptions["nogil"] is True


# -- Workers


@jit.jit
def _take_next(counter):
    return lanes.take_next(counter)


def test_every_worker_is_called_once():
    calls = []
    jit.run_workers(lambda worker, _, *arguments: calls.append((worker, *arguments)), 5, "a", "b")
    assert sorted(calls) == [(worker, "a", "b") for worker in range(5)]


@pytest.mark.parametrize("workers", [1, 4])
def test_workers_share_out_the_tasks(workers):
    taken = []

    def loop(worker, counter):
        while (task := _take_next(counter)) < 100:
            taken.append(task)

    jit.run_workers(loop, workers)
    assert sorted(taken) == list(range(100))


def test_the_first_worker_is_the_calling_thread():
    names = {}
    jit.run_workers(lambda worker, _: names.update({worker: threading.current_thread()}), 3)
    assert names[0] is threading.current_thread()
    assert names[1] is not names[0] is not names[2]


def test_workers_run_at_the_same_time():
    together = threading.Barrier(3, timeout=60)
    jit.run_workers(lambda worker, workers: together.wait(), 3)


@pytest.mark.parametrize("failing", [0, 2])
def test_an_error_comes_after_all_workers_have_ended(failing):
    ended = []

    def loop(worker, workers):
        if worker == failing:
            raise ZeroDivisionError(f"in worker {worker}")
        ended.append(worker)

    with pytest.raises(ZeroDivisionError, match=f"in worker {failing}"):
        jit.run_workers(loop, 3)
    assert len(ended) == 2


def test_an_interrupt_waits_for_the_other_workers():
    ended = []

    def loop(worker, workers):
        if worker == 0:
            raise KeyboardInterrupt
        ended.append(worker)

    with pytest.raises(KeyboardInterrupt):
        jit.run_workers(loop, 3)
    assert sorted(ended) == [1, 2]


def test_threads_are_as_many_as_numba_is_told():
    assert jit.thread_count() == numba.config.NUMBA_NUM_THREADS
    assert jit.thread_count() <= np.iinfo(np.int16).max
