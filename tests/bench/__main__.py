"""Run the benchmark: ``python -m tests.bench [ROWS [RUNS]]``; the contenders take turns."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.bench.pages import write_pages


class Run(NamedTuple):
    """One process: CPU seconds (user and system), and peak RSS in MiB."""

    cpu: float
    peak: float


def timed(command: list[str]) -> tuple[Run, bytes]:
    """Run a command to its end; return what the operating system counted, and its stdout."""
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(command, stdout=output)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            sys.exit(f"{command} ended with {child.returncode}")
        output.seek(0)
        return Run(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024), output.read()


def main(total: int = 200_000, runs: int = 7) -> None:
    """Print CPU seconds and peak RSS of each contender, and their ratio pair by pair."""
    with tempfile.TemporaryDirectory() as name:
        write_pages(Path(name), total)
        report = f"{name}/out/report.json"
        replay = [sys.executable, "-m", "stream", "replay", name, "--no-details"]
        floor = [sys.executable, "-m", "tests.bench.floor", name]
        ours: list[Run] = []
        floors: list[Run] = []
        for turn in range(runs + 1):
            run, summary = timed([*replay, "--report", report])
            decoded, rows = timed(floor)
            usage = json.loads(summary)["usageSummary"]
            if int(rows) != total or usage["totalRawEvents"] != total:
                sys.exit("the contenders did not see the same rows")
            if turn:  # the first is a warm-up
                ours.append(run)
                floors.append(decoded)
    ratios = [run.cpu / decoded.cpu for run, decoded in zip(ours, floors, strict=True)]
    cores, python = os.cpu_count(), platform.python_version()
    say(f"{total} rows, half of them re-deliveries that grew; {runs} runs in turn")
    say(f"{cores} cores, Python {python}; CPU seconds of whole processes, median (min to max)\n")
    for what, found in (
        ("usage-stream replay --no-details", ours),
        ("read and decode alone", floors),
    ):
        peak = statistics.median(run.peak for run in found)
        say(f"{what:34}{spread([run.cpu for run in found])}   peak {peak:.0f} MiB")
    say(f"{'ratio':34}{spread(ratios)}")


def spread(values: list[float]) -> str:
    """Write a median with its extremes."""
    return f"{statistics.median(values):5.2f} ({min(values):.2f} to {max(values):.2f})"


def say(line: str) -> None:
    """Print a line of the table."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
