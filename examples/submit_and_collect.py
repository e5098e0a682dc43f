"""Submit today, collect tomorrow: a kernel matrix on a queue of jobs, from several processes.

The queue is a folder of files, and the device a function that works through it: all that a backend
needs is submit, status, fetch and lookup, as `qk.hardware.GoogleBackend` and
`qk.hardware.IonQBackend` have them for the services of their vendors. One process submits, and is
killed when the queue has taken a job of which it has not yet made a note. A second submits what is
missing: it asks the queue for the job's token, finds it, and does not submit it again. A third,
after the device has worked, collects the counts and estimates the matrix with its errors.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cirq
import numpy as np

import qkernels as qk


class FolderQueue:
    """A queue of jobs: each is a file, named by its token, and its results are another."""

    identity = "folder queue"

    def __init__(self, folder: Path, killed_at: int | None = None) -> None:
        self.folder, self.killed_at = folder, killed_at

    def submit(self, chunk: qk.hardware.Chunk, token: str) -> str:
        """Take a job; its token will do as the reference."""
        cirq.to_json([chunk.circuit, chunk.sweep, chunk.repetitions], self.folder / f"{token}.job")
        if self.killed_at == len(self.jobs()):
            os.kill(os.getpid(), signal.SIGKILL)
        return token

    def status(self, reference: str) -> str:
        """Return whether a job is done."""
        if self.lookup(reference) is None:
            raise LookupError(f"expected a job of this queue, got {reference!r}")
        return "done" if (self.folder / f"{reference}.results").exists() else "waiting"

    def fetch(self, reference: str) -> Sequence[cirq.Result]:
        """Return a job's results."""
        return cirq.read_json(self.folder / f"{reference}.results")

    def lookup(self, token: str) -> str | None:
        """Return the reference of the job with this token, None if there is none."""
        return token if (self.folder / f"{token}.job").exists() else None

    def jobs(self) -> list[Path]:
        """Return the files of all jobs."""
        return sorted(self.folder.glob("*.job"))

    def work(self) -> None:
        """Be the device: run all jobs."""
        for job in self.jobs():
            results = cirq.Simulator(seed=0).run_sweep(*cirq.read_json(job))
            cirq.to_json(list(results), job.with_suffix(".results"))


def plan_on(queue: FolderQueue, n_points: int) -> qk.hardware.Plan:
    """Return what the kernel matrix takes: the same in every process."""
    X = np.random.default_rng(0).uniform(0, 1, (n_points, 3))
    evaluator = qk.SamplerEvaluator(
        queue,
        repetitions=1000,
        diagonal="one",
        ledger=queue.folder / "ledger.db",
        points_per_chunk=10,
    )
    return qk.hardware.plan(qk.FidelityKernel(qk.feature_maps.zz, evaluator=evaluator), X)


def submit(plan: qk.hardware.Plan) -> None:
    """Send what the ledger lacks, and do not wait."""
    plan.submit()
    print(plan.evaluator.ledger.summary())


def collect(plan: qk.hardware.Plan) -> None:
    """Fetch what has come, and estimate the matrix if it is all there."""
    run = plan.open().collect(wait=False)
    print(f"{run.missing} of {plan.summary().points} pairs are still to come")
    if run.missing:
        return
    estimate = run.estimate()
    low, high = estimate.interval(0.95)
    print(
        f"k(x0, x1) = {estimate.K[0, 1]:.3f} ± {estimate.std_error[0, 1]:.3f}, "
        f"95 % interval {low[0, 1]:.3f} to {high[0, 1]:.3f}"
    )
    exact = qk.FidelityKernel(qk.feature_maps.zz)(plan.points[0])
    inside = ((low <= exact) & (exact <= high))[np.triu_indices(len(exact), 1)].mean()
    print(f"{inside:.0%} of all intervals hold the exact value")


def in_a_process(step: str, *options: str) -> None:
    """Take a step in a process of its own."""
    print(f"\n$ {step}", flush=True)
    done = subprocess.run([sys.executable, __file__, "--step", step, *options], check=False)
    print("killed" if done.returncode else "ended", flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Submit, be killed, submit again, look too early, let the device work, and collect."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="6 points")
    parser.add_argument("--points", type=int, default=12)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    parser.add_argument("--folder", type=Path, help="of the queue and the ledger; else a new one")
    parser.add_argument("--step", choices=["submit", "collect"], help="one step only")
    parser.add_argument("--killed-at", type=int, help="the job at which the process is killed")
    options = parser.parse_args(arguments)
    n_points = 6 if options.quick else options.points
    options.output.mkdir(parents=True, exist_ok=True)
    folder = options.folder or Path(tempfile.mkdtemp(prefix="queue-", dir=options.output))
    queue = FolderQueue(folder, options.killed_at)
    if options.step:
        {"submit": submit, "collect": collect}[options.step](plan_on(queue, n_points))
        return

    same = ["--folder", str(folder), "--points", str(n_points)]
    in_a_process("submit", *same, "--killed-at", "2")
    print(f"the queue has {len(queue.jobs())} jobs; the ledger:")
    print(qk.hardware.Ledger(folder / "ledger.db").summary())
    in_a_process("submit", *same)
    in_a_process("collect", *same)
    queue.work()
    print(f"\nthe device has run {len(queue.jobs())} jobs")
    in_a_process("collect", *same)
    print(f"\nqueue and ledger: {folder}")


if __name__ == "__main__":
    main()
