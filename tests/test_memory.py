"""Sizes as text, and memory that is asked for before it is taken."""

import pytest

from qkernels import memory


@pytest.mark.parametrize(
    ("size", "n_bytes"),
    [
        (0, 0),
        (12, 12),
        ("12", 12),
        ("12B", 12),
        ("0MB", 0),
        ("512MB", 512_000_000),
        (" 1.5 kb ", 1500),
        ("2 GiB", 2 * 2**30),
        ("3KiB", 3072),
        ("1TB", 10**12),
        ("10G", 10**10),
    ],
)
def test_sizes_are_read(size, n_bytes):
    assert memory.parse_size(size) == n_bytes


@pytest.mark.parametrize("size", ["", "MB", "12 parsecs", "-1MB", "1e3", "1,5MB", -1])
def test_other_sizes_are_refused(size):
    with pytest.raises(
        ValueError,
        match=f"^cache: expected a size such as '512MB', or a number of bytes, got {size!r}$",
    ):
        memory.parse_size(size, "cache")


@pytest.mark.parametrize("size", [None, 1.5, True, [1]])
def test_sizes_of_other_types_are_refused(size):
    with pytest.raises(TypeError, match=r"^size: expected a size such as '512MB', .*, got "):
        memory.parse_size(size)


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 KB"),
        (3_200_000_000, "3.2 GB"),
        (1.26e15, "1.26e+03 TB"),
    ],
)
def test_sizes_are_written(n_bytes, text):
    assert memory.format_size(n_bytes) == text


def test_available_memory_is_a_plausible_number():
    available = memory.available_memory()
    assert available is None or 0 < available < 2**50


def container(path, limit, used=0, inactive=0):
    (path / "memory.max").write_text(f"{limit}\n")
    (path / "memory.current").write_text(f"{used}\n")
    (path / "memory.stat").write_text(f"anon 5\ninactive_file {inactive}\nactive_file 3\n")


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with 1000 free bytes, whose container's files are in a directory."""
    monkeypatch.setattr(memory, "_MODEST", 0)
    monkeypatch.setattr(memory, "_free_memory", lambda: 1000)
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    return tmp_path


def test_a_machine_without_container_has_its_free_memory(machine):
    assert memory.available_memory() == 1000


@pytest.mark.parametrize(
    ("limit", "used", "available"),
    [(500, 200, 300), (500, 600, 0), (5000, 100, 1000), ("max", 100, 1000)],
)
def test_a_container_leaves_what_it_has_not_used(machine, limit, used, available):
    container(machine, limit, used)
    assert memory.available_memory() == available


def test_files_that_the_container_has_read_can_be_forgotten(machine):
    container(machine, 500, used=450, inactive=400)
    assert memory.available_memory() == 450


def test_memory_that_is_not_known_is_not_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_free_memory", lambda: None)
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert memory.available_memory() is None
    memory.require_memory(10**30, "to think", "think less")


def test_memory_that_is_there_is_granted(machine):
    memory.require_memory(1000, "to think", "think less")


def test_memory_that_is_not_there_is_refused(machine):
    with pytest.raises(
        MemoryError,
        match=r"^expected 2.5 KB of free memory to think, got 1 KB: think less$",
    ):
        memory.require_memory(2500, "to think", "think less")


def test_nobody_asks_for_a_little_memory(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 0)
    memory.require_memory(memory._MODEST, "to think", "think less")
    with pytest.raises(MemoryError, match=r"^expected 32 MB of free memory to think, got 0 B"):
        memory.require_memory(memory._MODEST + 1, "to think", "think less")
