"""Whether the machine is quiet: how many processors other programs keep busy while ours pause."""

from __future__ import annotations

import os
import time
from pathlib import Path

_STAT = Path("/proc/stat")


class Watch:
    """Pauses, and adds up what the processors did meanwhile."""

    def __init__(self) -> None:
        self._busy = 0.0
        self._seconds = 0.0

    def pause(self, seconds: float) -> None:
        """Wait; where the system tells, note the processor time that passed."""
        # The first half lets the threads of the package before fall asleep.
        time.sleep(seconds / 2)
        start, before = time.perf_counter(), _busy_seconds()
        time.sleep(seconds / 2)
        if before is not None:
            self._busy += _busy_seconds() - before
            self._seconds += time.perf_counter() - start

    def take(self) -> float:
        """Return the mean number of busy processors since the last call, NaN if not known."""
        mean = self._busy / self._seconds if self._seconds else float("nan")
        self._busy = self._seconds = 0.0
        return mean


def _busy_seconds() -> float | None:
    """Return the time that all processors together have worked, or None if it is not told."""
    if not _STAT.exists():
        return None
    user, nice, system, _idle, _waiting, *interrupts = _STAT.read_text().split("\n")[0].split()[1:]
    busy = sum(map(int, (user, nice, system, *interrupts[:3])))
    return busy / os.sysconf("SC_CLK_TCK")
