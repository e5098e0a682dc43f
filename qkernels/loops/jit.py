"""All policy of compiling and threading: flags, the disk cache, the threads that run loops.

No formula lives here. `jit` is the only decorator of the loops, `run_workers` the only way to run
one in parallel.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numba
import numpy as np

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


def jit(function: Callable) -> Any:
    """Compile a loop with the project's flags; cached on disk where a disk can be written."""
    previous = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = _CACHE_DIR or previous
    try:
        return numba.njit(
            cache=_CACHE_DIR is not None,
            nogil=True,
            fastmath=FASTMATH,
            error_model="numpy",
        )(function)
    finally:
        numba.config.CACHE_DIR = previous


# How many threads loops may use that are called from here, where fewer than all.
_threads: ContextVar[int | None] = ContextVar("threads", default=None)


def thread_count() -> int:
    """Return how many threads a loop may use: `NUMBA_NUM_THREADS`, by default one a core."""
    most = int(numba.config.NUMBA_NUM_THREADS)
    return min(most, _threads.get() or most)


@contextmanager
def at_most_threads(count: int | None) -> Iterator[None]:
    """Let loops that are called inside use no more than so many threads; None: no fewer."""
    token = _threads.set(count)
    try:
        yield
    finally:
        _threads.reset(token)


def run_workers(loop: Callable, workers: int, *arguments: Any) -> None:
    """Call `loop(worker, counter, *arguments)` for each worker, each in a thread of its own.

    The workers take their next task from `counter`, an array of one integer that starts at 0
    (`lanes.take_next`), so that a thread whose core is wanted elsewhere does less.

    Loops run without Python's global lock, so Python's threads are enough. Numba's parallel loops
    would cost more than they give: OpenMP's threads wait for each other by spinning, which takes
    ten times as long when another process wants the core, they die in a forked process, and two
    Python threads in one loop abort under the workqueue layer.

    The first worker runs in the calling thread. An interrupt waits for all of them.
    """
    counter = np.zeros(1, np.int64)
    if workers == 1:
        loop(0, counter, *arguments)
        return
    with ThreadPoolExecutor(workers - 1) as pool:
        others = [pool.submit(loop, w, counter, *arguments) for w in range(1, workers)]
        loop(0, counter, *arguments)
    for other in others:
        other.result()
