"""All policy of compiling and threading: flags, the disk cache, the guard of the thread pool.

No formula lives here. `jit` is the only decorator of the loops, `exclusive` the only way into a
parallel one.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba

# Sums may be reassociated and contracted for speed; NaN and inf keep their meaning, because a
# NaN that vanishes in a loop would come out as a plausible kernel value.
FASTMATH = {"nsz", "arcp", "contract", "afn", "reassoc"}


def _source_digest() -> str:
    """Return a digest of every loop's source.

    Numba's disk cache looks at the file of the cached function only, so a change in a function
    that it inlines from another file would go unseen. A cache directory named after all the
    sources sees it.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _cache_roots() -> Iterator[Path]:
    """Yield the places for compiled loops, best first."""
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(chosen)
        return
    yield Path(__file__).parent / "__pycache__"
    yield Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "qkernels"


def _writable_cache() -> str | None:
    """Return the first cache directory that can be written, or None."""
    name = f"loops-{_source_digest()}"
    for root in _cache_roots():
        try:
            (root / name).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=root / name):
                return str(root / name)
        except OSError:
            continue
    return None


_CACHE_DIR = _writable_cache()


def jit(function: Callable | None = None, *, parallel: bool = False) -> Any:
    """Compile a loop with the project's flags; cached on disk where a disk can be written."""
    if function is None:
        return lambda function: jit(function, parallel=parallel)
    previous = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = _CACHE_DIR or previous
    try:
        return numba.njit(
            cache=_CACHE_DIR is not None,
            parallel=parallel,
            nogil=True,
            fastmath=FASTMATH,
            error_model="numpy",
        )(function)
    finally:
        numba.config.CACHE_DIR = previous


class _Pool:
    """The process's one pool of threads: who is in it, and whether a fork has broken it."""

    def __init__(self) -> None:
        self.used = False
        self.broken = False
        self.renew_lock()

    def renew_lock(self) -> None:
        self.lock = threading.RLock()

    def after_fork(self) -> None:
        """Renew the lock, which another thread may have held, and remember a broken OpenMP."""
        self.renew_lock()
        self.broken = self.used and _layer_in_use() == "omp"


def _layer_in_use() -> str | None:
    """Return Numba's threading layer, or None before the first parallel loop."""
    try:
        return str(numba.threading_layer())
    except ValueError:
        return None


_pool = _Pool()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.after_fork)


@contextmanager
def exclusive(threads: int) -> Iterator[None]:
    """Enter a parallel loop: alone in this process, with so many threads.

    Two Python threads inside one loop abort the process under Numba's workqueue layer. Threads
    beyond those that have work would still have to be waited for.

    Raises
    ------
    RuntimeError
        In a process made by `fork` after OpenMP was used: its threads did not come along.
    """
    if _pool.broken:
        raise RuntimeError(
            "this process was forked after OpenMP threads had started, and they cannot run in it; "
            "start processes with the 'spawn' or 'forkserver' method, or with joblib's loky"
        )
    with _pool.lock:
        before = numba.get_num_threads()
        numba.set_num_threads(min(threads, before))
        try:
            yield
        finally:
            numba.set_num_threads(before)
            _pool.used = True


def thread_count() -> int:
    """Return the number of threads that a parallel loop uses now."""
    return int(numba.get_num_threads())
