"""New processes of qkernels alone: how one is started, and how it tells what it measured.

What lives here: what `fresh.py` and `scale.py` share. What is measured is theirs. Only the standard
library is imported, so that a new process can time all other imports.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def run(
    module: str,
    measurement: str,
    sizes: Mapping[str, Any],
    variables: Mapping[str, str],
    folder: Path | None = None,
) -> Any:
    """Return what a measurement gives in a new process.

    Parameters
    ----------
    module, measurement : str
        A module of this package, and the name by which it hands the measurement to `answer`.
    sizes : mapping
        Arguments of the measurement.
    variables : mapping
        Environment that bounds the thread pools.
    folder : Path, optional
        Where the process works; here if left out.
    """
    command = [sys.executable, "-m", f"{__package__}.{module}", measurement, json.dumps(sizes)]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(variables),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def attempt(
    module: str,
    measurement: str,
    sizes: Mapping[str, Any],
    variables: Mapping[str, str],
    folder: Path | None = None,
) -> dict[str, Any]:
    """Return the sizes with what `run` gives, or with an "error"."""
    try:
        return {**sizes, **run(module, measurement, sizes, variables, folder)}
    except subprocess.CalledProcessError as error:
        return {**sizes, "error": reason(error)}


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process that finds the same packages from any folder."""
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry)
    return {**os.environ, **variables, "PYTHONPATH": path}


def reason(error: subprocess.CalledProcessError) -> str:
    """Return in one line why a process failed."""
    last = (error.stderr or "").strip().splitlines()[-1:] or ["no message"]
    return f"exit code {error.returncode}: {last[0]}"


def answer(measurements: Mapping[str, Callable[..., Any]]) -> None:
    """Be such a process: measure what the command line names, and print it as JSON."""
    print(json.dumps(measurements[sys.argv[1]](**json.loads(sys.argv[2]))))


def resident_bytes() -> int:
    """Return the resident size of this process."""
    return _status("VmRSS") or peak_bytes()


def peak_bytes() -> int:
    """Return the peak of the resident size of this process.

    Linux lets `ru_maxrss` begin at the size of the parent process, its own record does not.
    """
    unit = 1 if sys.platform == "darwin" else 1024
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_peak() -> None:
    """Let the peak begin anew, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_bytes_of(process: int) -> int:
    """Return the peak of another process so far, 0 if the system does not tell."""
    return _status("VmHWM", str(process))


def _status(name: str, process: str = "self") -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(x.split()[1]) * 1024 for x in lines if x.startswith(name + ":")), 0)
