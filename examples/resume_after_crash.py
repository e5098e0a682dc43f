"""A run is killed half way and resumed: what was bought is kept, and nothing is bought twice.

A process measures a kernel matrix on a slow device, chunk by chunk, and keeps every count in a
ledger on disk. It is killed while a chunk is being measured (SIGKILL: no handler runs, nothing is
tidied up), and another goes on with the same plan and the same ledger. A plain `cirq.Sampler`
cannot say whether it ran the chunk that was lost, so the run stops and asks; told to, it buys that
chunk again, and of the rest only what is missing. The device keeps a list of its own of all that
it ran, as a vendor's bill does, with which the outcome is compared. A device that can be asked for
its jobs leaves no such question: see `submit_and_collect.py`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cirq
import numpy as np

import qkernels as qk

POINTS_PER_CHUNK = 10


class SlowDevice(cirq.Sampler):
    """A device that takes its time, and writes down what it ran."""

    def __init__(self, bill: Path, seconds: float) -> None:
        self.bill, self.seconds = bill, seconds

    def run_sweep(
        self, program: cirq.AbstractCircuit, params: cirq.Sweepable, repetitions: int = 1
    ) -> Sequence[cirq.Result]:
        """Wait, run the circuit at each point, and write a line for each."""
        time.sleep(self.seconds)
        results = cirq.Simulator().run_sweep(program, params, repetitions)
        with self.bill.open("a", encoding="utf-8") as bill:
            bill.writelines(f"{resolver!r}\n" for resolver in cirq.to_resolvers(params))
        return results

    def runs(self) -> Counter[str]:
        """Return how often each point was run."""
        return Counter(self.bill.read_text(encoding="utf-8").splitlines())


def plan_on(device: SlowDevice, n_points: int) -> qk.hardware.Plan:
    """Return what the kernel matrix takes: the same in every process."""
    X = np.random.default_rng(0).uniform(0, 1, (n_points, 3))
    backend = qk.hardware.SamplerBackend(device, identity="slow device")
    evaluator = qk.SamplerEvaluator(
        backend, repetitions=500, diagonal="one", points_per_chunk=POINTS_PER_CHUNK
    )
    return qk.hardware.plan(qk.FidelityKernel(qk.feature_maps.zz, evaluator=evaluator), X)


def killed_while_buying(folder: Path, n_points: int, seconds: float) -> None:
    """Start this program as a process that buys; after half of the chunks, kill it within one."""
    options = ["--points", str(n_points), "--seconds", str(seconds), "--buy", str(folder)]
    process = subprocess.Popen([sys.executable, __file__, *options])
    ledger = qk.hardware.Ledger(folder / "ledger.db")
    half = n_points * (n_points - 1) // 4 // POINTS_PER_CHUNK
    while ledger.summary().submissions["done"] < half or not ledger.submissions("submitting"):
        if process.poll() is not None:
            raise RuntimeError("expected a process that runs until it is killed; it has ended")
        time.sleep(0.01)
    process.kill()
    process.wait()


def resumed(plan: qk.hardware.Plan, ledger: qk.hardware.Ledger) -> qk.hardware.Run:
    """Go on after a crash, and decide what only a person can."""
    try:
        return plan.execute(ledger)
    except qk.hardware.UnknownSubmission as error:
        print(f"\nThe run stops and asks:\n  {error}\n\nThe answer: 'resubmit'.")
        run = plan.open(ledger)
        for submission in error.submissions:
            run = run.resolve(submission.number, action="resubmit")
        return run


def main(arguments: list[str] | None = None) -> None:
    """Buy, be killed, go on, and compare with what the device says that it ran."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="8 points, and a faster device")
    parser.add_argument("--points", type=int, default=14)
    parser.add_argument("--seconds", type=float, default=1.0, help="what a chunk takes")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "output")
    parser.add_argument("--buy", type=Path, metavar="FOLDER", help="buy only: what is killed")
    options = parser.parse_args(arguments)
    n_points, seconds = (8, 0.3) if options.quick else (options.points, options.seconds)
    options.output.mkdir(parents=True, exist_ok=True)
    folder = options.buy or Path(tempfile.mkdtemp(prefix="crash-", dir=options.output))
    device = SlowDevice(folder / "bill.txt", seconds)
    ledger = qk.hardware.Ledger(folder / "ledger.db")
    plan = plan_on(device, n_points)
    if options.buy:
        plan.execute(ledger)
        return

    print(f"{plan.summary().points} pairs to measure, {POINTS_PER_CHUNK} a chunk", flush=True)
    killed_while_buying(folder, n_points, seconds)
    before = device.runs()
    print(f"killed; the ledger has:\n{ledger.summary()}\nthe device ran {before.total()} pairs")

    run = resumed(plan, ledger)
    after = device.runs()
    print(f"resumed; the ledger has:\n{ledger.summary()}")
    print(
        f"the device ran {after.total() - before.total()} more pairs, {len(after)} different ones "
        f"in all, {sum(n > 1 for n in after.values())} of them twice"
    )
    print(
        "The ledger counts the lost chunk as spent, for nobody told it that it was not; this "
        "device\nwas killed before it ran it. Had it run it, resubmitting would have bought it "
        "twice."
    )
    exact = qk.FidelityKernel(qk.feature_maps.zz)(plan.points[0])
    estimate = run.estimate()
    low, high = estimate.interval(0.95)
    pairs = np.triu_indices(n_points, 1)
    inside = ((low <= exact) & (exact <= high))[pairs].mean()
    print(f"The matrix is complete; {inside:.0%} of its 95 % intervals hold the exact value.")
    print(f"ledger and bill: {folder}")


if __name__ == "__main__":
    main()
