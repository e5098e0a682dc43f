"""How much memory there is, asked before it is taken.

Sizes are estimated by those who allocate; what lives here is the comparison with what the machine
(or the container) can give, the error that says so, and the reading of sizes such as "512MB".
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_CGROUP = Path("/sys/fs/cgroup")
# Nobody asks for so little: to ask takes longer than to fill it.
_MODEST = 32 * 10**6


def parse_size(size: int | str, name: str = "size") -> int:
    """Return a number of bytes, given as such or as a text such as "512MB" or "2 GiB".

    Raises
    ------
    TypeError, ValueError
        If it is neither.

    Examples
    --------
    >>> parse_size("512MB")
    512000000
    """
    expected = f"{name}: expected a size such as '512MB', or a number of bytes"
    if isinstance(size, bool) or not isinstance(size, int | str):
        raise TypeError(f"{expected}, got {size!r}")
    if isinstance(size, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([A-Za-z]*)\s*", size)
        if match is None or match[2].upper() not in _UNITS:
            raise ValueError(f"{expected}, got {size!r}")
        size = int(float(match[1]) * _UNITS[match[2].upper()])
    if size < 0:
        raise ValueError(f"{expected}, got {size!r}")
    return size


def format_size(n_bytes: float) -> str:
    """Return a number of bytes for people.

    Examples
    --------
    >>> format_size(3_200_000_000)
    '3.2 GB'
    """
    for unit in ("B", "KB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} TB"


def available_memory() -> int | None:
    """Return the bytes that can be taken now without swapping, or None if unknown."""
    limits = [limit for limit in (_free_memory(), _container_memory()) if limit is not None]
    return min(limits, default=None)


def _free_memory() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _container_memory() -> int | None:
    """Return what a container's limit leaves; cached files count as used, but make way."""
    try:
        limit = (_CGROUP / "memory.max").read_text().strip()
        used = int((_CGROUP / "memory.current").read_text())
        entries = map(str.split, (_CGROUP / "memory.stat").read_text().splitlines())
    except OSError:
        return None
    cached = sum(int(size) for name, size in entries if name == "inactive_file")
    return None if limit == "max" else max(0, int(limit) - used + cached)


def require_memory(n_bytes: int, what: str, advice: str) -> None:
    """Refuse work that needs more memory than there is.

    Raises
    ------
    MemoryError
        With how much memory is needed `what` for ("to do this"), how much there is, and the advice.
    """
    available = available_memory() if n_bytes > _MODEST else None
    if available is not None and n_bytes > available:
        raise MemoryError(
            f"expected {format_size(n_bytes)} of free memory {what}, got {format_size(available)}: "
            f"{advice}"
        )
