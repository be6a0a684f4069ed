"""What a scrape takes after a checkpoint: ``python -m tests.bench.scrapes``.

A daemon's core with many series is served over HTTP, and scraped right after a checkpoint. A probe
sleeps on the same event loop all the while: how late it wakes is what everybody else waits.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from stream.daemon import logs
from stream.daemon.app import make_app
from stream.daemon.config import Http, Log, Settings
from stream.daemon.consumer import Consumer
from stream.daemon.core import Core
from stream.daemon.http_server import open_socket, serve_app
from stream.figures.series import Series

__all__ = ["LoopProbe", "measure_scrapes"]

SERIES: Final = 10_000
ROUNDS: Final = 9
PAUSE: Final = 0.001
CODINGS: Final = ("gzip", "identity")
ACCEPT: Final = "application/openmetrics-text;version=1.0.0"


class LoopProbe:
    """Notes how late it wakes, in seconds at most, while it runs."""

    def __init__(self) -> None:
        """Start in time."""
        self.lag = 0.0

    async def run(self) -> None:
        """Sleep, and look at the clock."""
        while True:
            before = time.perf_counter()
            await anyio.sleep(PAUSE)
            self.lag = max(self.lag, time.perf_counter() - before - PAUSE)


@contextmanager
def probing(tasks: TaskGroup) -> Iterator[LoopProbe]:
    """Run a probe, until the block ends."""
    probe, scope = LoopProbe(), anyio.CancelScope()

    async def run() -> None:
        with scope:
            await probe.run()

    tasks.start_soon(run)
    try:
        yield probe
    finally:
        scope.cancel()


def fetch(port: int, coding: str) -> float:
    """Scrape; return the seconds it took."""
    headers = {"Accept": ACCEPT, "Accept-Encoding": coding}
    before = time.perf_counter()
    with urllib.request.urlopen(
        urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers=headers)
    ) as answer:
        answer.read()
    return time.perf_counter() - before


def put_series(core: Core, number: int, count: int) -> None:
    """Have tokens of so many series come to other numbers with the next checkpoint."""
    for one in range(count):
        project, model = f"proj_{one // 40:024d}", f"gpt-4o-mini-2024-{one % 40:02d}"
        labels = ("usage/completions", project, "default", model, "input")
        core.ledger.counts[Series("openai_api_tokens", labels)] = number * one, one


class ScrapeTimes(NamedTuple):
    """Seconds, at most or in the middle: a checkpoint's lag, and a scrape's wall time and lag."""

    checkpoint_lag: float
    wall: float
    lag: float


async def measure_scrapes(place: Path, coding: str, series: int, rounds: int) -> ScrapeTimes:
    """Store checkpoints, and scrape once after each of them; return the medians."""
    settings = Settings(state=place / "state.db", report=place / "report.json", dead_letters=place)
    opened = open_socket(Http(listen="127.0.0.1:0"))
    found: list[ScrapeTimes] = []

    async def reload() -> None:
        """Load nothing."""

    with closing(opened), closing(Core(settings, lambda: 1_800_000_000)) as core:
        consumer, port = Consumer(core), opened.getsockname()[1]
        async with anyio.create_task_group() as tasks:
            server = await tasks.start(serve_app, make_app(core, reload), opened)
            for number in range(rounds):
                put_series(core, number, series)
                with probing(tasks) as checkpoint:
                    await consumer.checkpoint()
                with probing(tasks) as scrape:
                    wall = await anyio.to_thread.run_sync(fetch, port, coding)
                found.append(ScrapeTimes(checkpoint.lag, wall, scrape.lag))
            server.stop_event.set()
    return ScrapeTimes(*map(median, zip(*found, strict=True)))


def main(arguments: list[str] | None = None) -> None:
    """Print a line for each coding."""
    parser = argparse.ArgumentParser("python -m tests.bench.scrapes", description=__doc__)
    parser.add_argument("--series", type=int, default=SERIES)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="checkpoints")
    parser.add_argument("--coding", choices=CODINGS, action="append", help="by default both")
    asked = parser.parse_args(arguments)
    logs.set_up(Log(level="error"))
    for coding in asked.coding or CODINGS:
        with tempfile.TemporaryDirectory() as name:
            found = anyio.run(measure_scrapes, Path(name), coding, asked.series, asked.rounds)
        stored, wall, lag = (f"{1000 * seconds:.1f} ms" for seconds in found)
        line = f"{coding:8} a scrape {wall}, lag {lag}; lag of a checkpoint {stored}"
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
