"""The command line: chooses works and packages, measures, prints, and saves what was found."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from . import fresh, outcomes, picture, report, runner, scale, wide, wide_report
from .outcomes import Outcome
from .peers import GROWTH_PEERS, OURS, PEERS
from .works import FRESH, GROUPS, GROWTH, SCALE, WIDE, works


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the command line by default.

    Returns
    -------
    int
        0, or 1 if qkernels failed or disagreed somewhere.
    """
    options = _parse(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    run = Run(options)
    run.say(f"Results go to {options.output}\n")
    run.measure_beside_others()
    run.measure_fresh()
    run.measure_scale()
    run.measure_wide()
    run.save()
    return int(run.failed())


class Run:
    """One run: what was chosen, and what has been found so far.

    Parameters
    ----------
    options : argparse.Namespace
        From the command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._settings = runner.Settings(
            threads=options.threads,
            repetitions=options.repetitions or (3 if options.quick else 7),
            budget=options.budget,
            limit=options.limit,
            output=options.output,
        )
        self._variables = runner.thread_variables(options.threads)
        self._checked: list[Outcome] = []
        self._measured: list[Outcome] = []
        self._fresh: dict[str, Any] = {}
        self._tables: list[report.Table] = []

    def say(self, text: str) -> None:
        """Print at once."""
        print(text, flush=True)

    def measure_beside_others(self) -> None:
        """Check agreement, then time every chosen work on every chosen package."""
        chosen = works(self._options.works, quick=self._options.quick)
        if not chosen:
            return
        with runner.Team(self._settings) as team:
            self._checked = runner.check(team, self._options.peers, chosen)
            self._show(report.agreement(self._checked))
            for work in chosen:
                if work.group not in GROWTH:
                    self._time(team, work)
            for group in GROWTH:
                self._time_growth(team, [work for work in chosen if work.group == group])

    def measure_fresh(self) -> None:
        """Measure new processes, if chosen."""
        quick = self._options.quick
        chosen = set(self._options.works) & set(FRESH)
        if chosen and not PEERS[OURS].installed():
            self.say("qkernels is not installed: no new processes to measure.")
            return
        if "first" in chosen:
            self._fresh["first"] = fresh.first_grams(self._variables, 2 if quick else 5)
            self._show(report.first_gram(self._fresh["first"]))
        if "memory" in chosen:
            self._fresh["memory"] = fresh.memory(self._variables, quick=quick)
            self._show(report.memory(self._fresh["memory"]))
        if "training" in chosen:
            self._fresh["training"] = fresh.training(self._variables, quick=quick)
            self._show(report.training(self._fresh["training"]))

    def measure_scale(self) -> None:
        """Measure Gram matrices past one memory, if chosen."""
        for group in (group for group in SCALE if group in self._options.works):
            if missing := scale.missing(group):
                self.say(f"{group}: not measured, as {missing} is not installed.\n")
                continue
            self._fresh[group] = scale.GROUPS[group](self._conditions())
            self._show(report.SCALE[group](self._fresh[group]))

    def measure_wide(self) -> None:
        """Measure wide circuits, if chosen."""
        if not set(self._options.works) & set(WIDE):
            return
        if missing := wide.missing():
            self.say(f"wide: not measured, as {missing} is not installed.\n")
            return
        self._fresh["wide"] = wide.measure(self._conditions())
        for table in wide_report.tables(self._fresh["wide"]):
            self._show(table)

    def save(self) -> None:
        """Write JSON, Markdown and pictures."""
        output = self._options.output
        found = {
            "environment": self._environment(),
            "agreement": [report.as_json(outcome) for outcome in self._checked],
            "works": [report.as_json(outcome) for outcome in self._measured],
            **self._fresh,
        }
        (output / "benchmarks.json").write_text(json.dumps(found, indent=1))
        text = "\n\n".join(table.markdown() for table in self._tables)
        (output / "benchmarks.md").write_text(f"{self._heading()}\n\n{text}\n")
        names = ["benchmarks.json", "benchmarks.md"]
        names += ["works.png"] * picture.draw_works(self._measured, output / "works.png")
        names += ["growth.png"] * picture.draw_growth(self._measured, output / "growth.png")
        names += ["wide.png"] * wide_report.draw(self._fresh.get("wide", []), output / "wide.png")
        self.say(f"{self._heading()}\nSaved in {output}: {', '.join(names)}")

    def failed(self) -> bool:
        """Return whether qkernels failed or disagreed somewhere."""
        records = [r for o in [*self._checked, *self._measured] for r in o.records]
        troubled = any(r.peer == OURS and r.status != outcomes.TIMED for r in records)
        entries = (e for name in ("memory", *SCALE, *WIDE) for e in self._fresh.get(name, ()))
        return troubled or any("error" in entry for entry in entries)

    def _conditions(self) -> scale.Conditions:
        options, repetitions = self._options, self._settings.repetitions
        return scale.Conditions(self._variables, options.scratch, repetitions, options.quick)

    def _time(self, team: runner.Team, work: Any) -> None:
        outcome = runner.measure(team, self._options.peers, work, self._settings, self._checked)
        self._measured.append(outcome)
        self._show(report.timing(outcome))

    def _time_growth(self, team: runner.Team, series: list[Any]) -> None:
        keys = [key for key in self._options.peers if key in GROWTH_PEERS]
        arguments = (team, keys, series, self._settings, self._checked)
        for outcome in runner.measure_growth(*arguments):
            self._measured.append(outcome)
            self._show(report.timing(outcome))

    def _show(self, table: report.Table) -> None:
        self._tables.append(table)
        self.say(table.text() + "\n")

    def _heading(self) -> str:
        found = self._environment()
        versions = ", ".join(f"{PEERS[k].label} {v}" for k, v in found["versions"].items())
        processor = f"{found['processor']}, {found['threads']} threads for each package"
        return f"{found['date']}, {processor}, Python {found['python']}.\n{versions}."

    def _environment(self) -> dict[str, Any]:
        versions = {k: PEERS[k].version() for k in self._options.peers if PEERS[k].installed()}
        return {
            "date": time.strftime("%Y-%m-%d"),
            "processor": _processor(),
            "processors": os.cpu_count(),
            "threads": self._settings.threads,
            "repetitions": self._settings.repetitions,
            "python": platform.python_version(),
            "quick": self._options.quick,
            "versions": versions,
        }


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=_ABOUT)
    parser.add_argument("--works", type=_work_names, default=GROUPS, help=_WORKS)
    parser.add_argument("--peers", type=_names(PEERS), default=tuple(PEERS), help=", ".join(PEERS))
    parser.add_argument("--quick", action="store_true", help="small sizes and few repetitions")
    parser.add_argument("--threads", type=int, default=_processor_count(), help="for each package")
    parser.add_argument("--repetitions", type=int, help="rounds of each work: 7, quick 3")
    parser.add_argument("--budget", type=float, default=20.0, help="seconds of a package on a work")
    parser.add_argument(
        "--limit", type=float, default=300.0, help="seconds until a call is given up"
    )
    parser.add_argument("--scratch", type=_existing_folder, help=_SCRATCH)
    parser.add_argument("--output", type=Path, help="a directory; by default a new temporary one")
    options = parser.parse_args(arguments)
    options.output = options.output or Path(tempfile.mkdtemp(prefix="qkernels-benchmarks-"))
    # Ratios need our own times, and the first turn of each round.
    options.peers = tuple(dict.fromkeys((OURS, *options.peers)))
    return options


_WORKS = (
    f"{', '.join(GROUPS)}, or single works such as zz-1000x10; only if named, as they take up to "
    f"30 GB of disk, or half an hour beside quimb: {', '.join((*SCALE, *WIDE))}"
)
_SCRATCH = "a folder for what is written and deleted again; by default that of temporary files"
_ABOUT = "Times qkernels beside other packages, in one run, taking turns."


def _work_names(text: str) -> tuple[str, ...]:
    single = tuple(work.name for quick in (False, True) for work in works(quick=quick))
    return _names((*GROUPS, *SCALE, *WIDE, *single))(text)


def _existing_folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"expected a folder that exists, got {text}")
    return Path(text)


def _names(known: Any):
    def names(text: str) -> tuple[str, ...]:
        chosen = tuple(name.strip() for name in text.split(",") if name.strip())
        unknown = [name for name in chosen if name not in known]
        if unknown or not chosen:
            wrong = ", ".join(unknown) or "nothing"
            raise argparse.ArgumentTypeError(f"expected some of {', '.join(known)}; got {wrong}")
        return chosen

    return names


def _processor_count() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())


if __name__ == "__main__":
    sys.exit(main())
