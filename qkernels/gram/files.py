"""Files and folders that are replaced whole, whatever is killed, and by however many processes.

What lives here: names beside a path, locks, links, and what is left of those who were killed. What
is in the files is not known here.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

# What has not been written to for so long is what a killed process left.
_STRAY_SECONDS = 3600
# What a store is called for the moment in which a larger one takes its place.
OUTGROWN = ".outgrown"


@contextlib.contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Yield a path in the same folder, and delete what is left there, by killed processes too."""
    _clear_leftovers(path)
    new = aside(path)
    try:
        yield new
    finally:
        _delete(new)


def aside(path: Path, ending: str = "") -> Path:
    """Return a hidden path in the same folder where nothing is; what has an ending is kept."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}{ending}")


def _aside_pattern(path: Path) -> str:
    return f".{glob.escape(path.name)}.{'[0-9a-f]' * 32}"


def _clear_leftovers(path: Path) -> None:
    """Delete what processes left aside of a path that were killed."""
    patterns = [_aside_pattern(path)]
    # What has an ending is needed until something is in its place.
    patterns += [f"{patterns[0]}.*"] if path.exists() else []
    for left in (found for pattern in patterns for found in path.parent.glob(pattern)):
        # Another process may do the same.
        with contextlib.suppress(FileNotFoundError):
            if is_stray(left):
                _delete(left)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def is_there(path: Path) -> bool:
    """Tell whether something is at a path; a store that was killed while it grew is put back."""
    if not path.exists():
        for left in path.parent.glob(_aside_pattern(path) + OUTGROWN):
            # Who is growing it holds the lock until a larger one is in its place.
            with contextlib.suppress(FileNotFoundError), locked(left / "zarr.json"):
                if not path.exists():
                    left.rename(path)
    return path.exists()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from the same file; a lock ends with its process."""
    if fcntl is None:
        yield
        return
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def link(source: str | Path, target: str | Path) -> None:
    """Give a file another name; where that cannot be, copy it."""
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def is_stray(path: Path) -> bool:
    """Tell whether nothing has been written to a file or folder for so long that nobody will."""
    newest = max(p.stat().st_mtime for p in (path, *path.rglob("*")))
    return time.time() - newest > _STRAY_SECONDS


def reserve(path: Path) -> None:
    """Take a file's room on the disk, so that a full one is an error and not a crash later."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
