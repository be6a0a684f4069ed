"""One run of a program: what the operating system counted of it, and what it printed."""

from __future__ import annotations

import os
import resource
import select
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from tests.support.places import ROOT

__all__ = ["MIB", "Failed", "Run", "measured", "own_peak"]

PAGE_BYTES: Final = resource.getpagesize()
LOOK_EVERY: Final = 50  # milliseconds; a look costs some 50 µs
MIB: Final = 1 << 20
NO_BYTECODE: Final = "PYTHONDONTWRITEBYTECODE"
ENVIRONMENT: Final = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
"""Programs in Python start from bytecode, as installed ones do; the first round writes it."""


class Failed(Exception):
    """Raised when a program did not end with 0; its own words are on stderr."""


class Run(NamedTuple):
    """CPU seconds (user and system, threads and children too), wall seconds, and peak RSS in MiB.

    ``peak`` of one process is exact. Of several it is the largest sum that was seen: pages that
    they share count for each, and what came and went between two looks is missed.
    """

    cpu: float
    wall: float
    peak: float
    output: bytes = b""


def measured(command: list[str]) -> Run:
    """Run a program to its end.

    Raises:
        Failed: it did not end with 0.
    """
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        child = subprocess.Popen(
            command, cwd=ROOT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=output
        )
        together = largest_sum(child.pid)
        # Children count here once their parent has waited for them.
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise Failed(f"{' '.join(command)} ended with {child.returncode}")
        output.seek(0)
        peak = max(usage.ru_maxrss * 1024, together) / MIB
        return Run(usage.ru_utime + usage.ru_stime, wall, peak, output.read())


def largest_sum(pid: int) -> int:
    """Watch a process until it ends; return the most bytes that it and its children had."""
    ends = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(ends, select.POLLIN)
        most = 0
        while not poll.poll(LOOK_EVERY):
            most = max(most, resident(pid))
        return most
    finally:
        os.close(ends)


def resident(pid: int) -> int:
    """Return the bytes in memory of a process and those below it; of what has just ended, 0."""
    total = 0
    with suppress(OSError):
        total = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * PAGE_BYTES
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text("ascii").split():
                total += resident(int(child))
    return total


def own_peak() -> float:
    """Return this process' own peak RSS in MiB.

    A child is born as a copy of its parent, and the system counts the parent's peak as the child's:
    a peak of no more than this says nothing. So this process stays small.
    """
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB
