"""What a process has while it is under load, and what of that has grown."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tests.support.daemons import Daemon, daemon
from tests.support.pages import DAY
from tests.support.twin_processes import TwinServer, poll_table, twin_server

__all__ = ["GROWTH", "SETTLED", "Reading", "find_growth", "read_process", "soak_account"]

SETTLED: Final = 0.4  # of the time: what is allocated until then is the working set
GROWTH: Final[Mapping[str, float]] = {"rss": 1.1, "descriptors": 1.1, "threads": 1.1}
SLACK: Final[Mapping[str, int]] = {"rss": 0, "descriptors": 4, "threads": 4}
"""What comes and goes: a connection and a thread for each of four walks at once."""
PATHS: Final = ("/metrics", "/", "/report", "/readyz")
PAUSE: Final = 0.05

FAULTS: Final = (
    "429/none:0.02,500/none:0.03,503/none:0.01,cut:0.02,html:0.02,error:0.01,type:0.01,"
    "expired:0.02,repeat:0.01,gzip:0.2"
)
ACCOUNT: Final = ("--volume", "20", "--projects", "2", "--late", "1", "--faults", FAULTS)
POLL: Final = (
    'every = "1s"',
    'costs_every = "5s"',
    'lists_every = "5s"',
    "requests_per_minute = 10000",
    "burst = 100",
)


class Reading(NamedTuple):
    """What the process has: MiB of memory, descriptors, threads, CPU seconds."""

    rss: float
    descriptors: int
    threads: int
    cpu: float


def read_process(pid: int) -> Reading:
    """Read a process as the kernel sees it."""
    proc = Path(f"/proc/{pid}")
    status = dict(
        line.split(":", 1) for line in (proc / "status").read_text("ascii").splitlines() if line
    )
    fields = (proc / "stat").read_text("ascii").rpartition(")")[2].split()
    rss = int(status["VmRSS"].split()[0]) / 1024
    cpu = (int(fields[11]) + int(fields[12])) / 100
    return Reading(rss, len(list((proc / "fd").iterdir())), int(status["Threads"]), cpu)


def find_growth(readings: Sequence[Reading], most: Mapping[str, float] = GROWTH) -> list[str]:
    """Name what was more in the last quarter than in the first, by more than it may be."""
    quarter = max(len(readings) // 4, 1)
    first, last = readings[:quarter], readings[-quarter:]
    found = []
    for name, growth in most.items():
        before, after = (max(getattr(one, name) for one in part) for part in (first, last))
        if after > growth * before + SLACK[name]:
            found.append(name)
    return found


def soak_account(
    place: Path, seconds: float, show: Callable[[str], object] = lambda _: None
) -> tuple[list[Reading], int]:
    """Ask an account with faults for so long, as fast as it can be; return readings, and the exit.

    Afterwards the account is well, and everything of it has to come to its end once more.
    """
    since = dt.datetime.fromtimestamp(time.time() - DAY, dt.UTC).date().isoformat()
    real = {"SOURCE_DATE_EPOCH": ""}
    readings: list[Reading] = []
    with (
        twin_server(*ACCOUNT) as twin,
        daemon(
            place,
            "--log-level",
            "error",
            sources=poll_table(place, twin, since, *POLL),
            variables=real,
        ) as found,
    ):
        started, shown = time.monotonic(), 0.0
        while (elapsed := time.monotonic() - started) < seconds:
            for path in PATHS:
                found.ask(path)
            time.sleep(PAUSE)
            if elapsed > SETTLED * seconds:
                readings.append(read_process(found.process.pid))
            if elapsed - shown > seconds / 10:
                shown = elapsed
                walks = found.value("usage_stream_api_walks_total")
                show(f"{elapsed:6.0f} s, walk {walks:.0f}: {read_process(found.process.pid)}\n")
        heal_account(found, twin)
        return readings, found.stop()


def heal_account(found: Daemon, twin: TwinServer) -> None:
    """Take the faults away, and wait until whatever is asked for is whole again."""
    twin.set_faults("")
    name = "usage_stream_api_last_walk_timestamp_seconds"
    now = time.time()
    found.until(lambda: all(one >= now for one in found.metrics()[name].values()), "whole walks")
