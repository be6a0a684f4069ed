"""Run a daemon under load for some minutes: ``python -m tests.faults.soak [SECONDS]``.

Pages grow, break, are mended and come again while the daemon is scraped; memory, descriptors,
threads and tasks are read as it goes. It ends by itself, with 1 when something grew.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.support.daemons import Daemon, daemon
from tests.support.pages import bucket, page, put, used

CHAINS = 20
SETTLED = 0.4  # of the time: what is allocated until then is the working set
GROWTH = 1.1


class Reading(NamedTuple):
    """What the process has: MiB of memory, descriptors, threads, CPU seconds."""

    rss: float
    descriptors: int
    threads: int
    cpu: float


def read(found: Daemon) -> Reading:
    """Read a process as the kernel sees it."""
    proc = Path(f"/proc/{found.process.pid}")
    status = dict(
        line.split(":", 1) for line in (proc / "status").read_text("ascii").splitlines() if line
    )
    fields = (proc / "stat").read_text("ascii").rpartition(")")[2].split()
    rss = int(status["VmRSS"].split()[0]) / 1024
    cpu = (int(fields[11]) + int(fields[12])) / 100
    return Reading(rss, len(list((proc / "fd").iterdir())), int(status["Threads"]), cpu)


def disturb(pages: Path, turn: int) -> None:
    """Write a page anew: mostly grown, sometimes broken."""
    chain = random.randrange(CHAINS)
    rows = [used(turn + index, project_id=f"p{index % 5}", model="m") for index in range(200)]
    broken = random.random() < 0.1
    content = '{"object"' if broken else page(bucket(*rows, day=chain))
    put(pages, f"usage_completions_chain{chain}.json", content)


def main(seconds: float = 180.0) -> int:
    """Print readings as it goes, and what grew; return the exit code."""
    random.seed(1)
    readings: list[Reading] = []
    with tempfile.TemporaryDirectory() as name, daemon(Path(name), "--log-level", "error") as found:
        started, turn, shown = time.monotonic(), 0, 0.0
        while (elapsed := time.monotonic() - started) < seconds:
            turn += 1
            disturb(Path(name) / "pages", turn)
            for path in ("/metrics", "/", "/report", "/readyz"):
                found.ask(path)
            time.sleep(0.05)
            if elapsed > SETTLED * seconds:
                readings.append(read(found))
            if elapsed - shown > seconds / 10:
                shown = elapsed
                sys.stdout.write(f"{elapsed:6.0f} s, turn {turn}: {read(found)}\n")
        idle = read(found).cpu
        time.sleep(10)
        idle = (read(found).cpu - idle) / 10
        code = found.stop()
    first, last = readings[: len(readings) // 4], readings[-len(readings) // 4 :]
    grown = [
        name
        for name in ("rss", "descriptors", "threads")
        if max(getattr(one, name) for one in last)
        > GROWTH * max(getattr(one, name) for one in first)
    ]
    sys.stdout.write(f"{turn} turns; grew: {', '.join(grown) or 'nothing'}; idle {idle:.1%}\n")
    return int(bool(grown) or code != 0)


if __name__ == "__main__":
    sys.exit(main(*map(float, sys.argv[1:])))
