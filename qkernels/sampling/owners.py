"""Which processes are at work on a file, and which of them are gone.

What lives here: one lock for each process that works on a ledger, which the operating system takes
back when the process ends, however it ends. What is done about the work of a process that is gone
is decided in `execution`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class Owners:
    """Numbers of processes, each with a locked byte of one file while the process lives.

    Parameters
    ----------
    path : Path
        The file; it is made when first used.

    Notes
    -----
    A process that has a file open twice loses all its locks when it closes one of the two, so
    there must be one of these for each file in a process.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self._mine: set[int] = set()

    def enter(self, number: int) -> bool:
        """Take a number, unless another process has it; tell whether it was taken."""
        if not self._lock(number):
            return False
        self._mine.add(number)
        return True

    def is_alive(self, number: int) -> bool:
        """Tell whether the process with this number is still at work."""
        if number in self._mine:
            return True
        if not self._lock(number):
            return True
        self._unlock(number)
        return False

    def close(self) -> None:
        """Give up all numbers."""
        os.close(self._file)

    if sys.platform == "win32":

        def _lock(self, number: int) -> bool:
            os.lseek(self._file, number, os.SEEK_SET)
            try:
                msvcrt.locking(self._file, msvcrt.LK_NBLCK, 1)
            except OSError:
                return False
            return True

        def _unlock(self, number: int) -> None:
            os.lseek(self._file, number, os.SEEK_SET)
            msvcrt.locking(self._file, msvcrt.LK_UNLCK, 1)

    else:

        def _lock(self, number: int) -> bool:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
            except (BlockingIOError, PermissionError):
                return False
            return True

        def _unlock(self, number: int) -> None:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)
