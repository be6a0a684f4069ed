"""What is varied beside rows, one at a time: windows, files, series and distinct identities.

All but series are replayed. Series are a daemon's: its core stores checkpoints in which all of them
have changed, and each checkpoint is scraped once (``tests.bench.scrapes``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from tests.bench.lineup import US, Contender
from tests.bench.rounds import Rounds, take_turns
from tests.bench.running import measured
from tests.bench.workloads import Options, Workload, dataset, shape

__all__ = ["AXES", "Axis"]

Measure = Callable[[int, list[Contender], int, Path], tuple[int, Rounds]]
ROWS: Final = 1_000_000
CHECKPOINTS: Final = 3


class Axis(NamedTuple):
    """What is varied, what there is of everything else, so many points, and how one is measured.

    ``measure`` returns the bytes of the pages, and the runs.
    """

    name: str
    what: str
    counts: tuple[int, ...]
    measure: Measure


def windows(count: int) -> Options:
    """Pages of an hour of minutes, with five rows each, each delivered once."""
    return (*shape(5 * count, 5, 60, 1), "--width", "1m")


def files(count: int) -> Options:
    """Pages of one minute with five rows, each delivered once."""
    return (*shape(5 * count, 5, 1, 1), "--width", "1m")


def identities(count: int) -> Options:
    """The same windows again and again, and each time all figures in them grew."""
    a_bucket, walks = min(1000, count), round(max(ROWS, count) / count)
    grown = ("--overlap", 1, "--revised", 1) if walks > 1 else ()
    return (*shape(walks * count, a_bucket, 5, walks), *grown)


def replay_of(workload: Workload) -> Measure:
    """Return how a point is measured whose pages are generated, for so many."""

    def measure(
        count: int, contenders: list[Contender], runs: int, cache: Path
    ) -> tuple[int, Rounds]:
        data = dataset(workload, count, cache=cache)
        return data.size, take_turns(data, contenders, runs)

    return measure


def measure_series(
    count: int, contenders: list[Contender], runs: int, cache: Path
) -> tuple[int, Rounds]:
    """Measure a daemon's core with so many series; after a round that only warms up."""
    del contenders, cache
    program = [sys.executable, "-m", "tests.bench.scrapes", "--coding", "gzip"]
    command = [*program, "--series", str(count), "--rounds", str(CHECKPOINTS)]
    return 0, {US: [measured(command) for _ in range(runs + 1)][1:]}


AXES: Final = {
    one.name: one
    for one in (
        Axis(
            "windows",
            "windows of 5 rows, each once, 60 a page, in a capture packed with zstd",
            (10_000, 30_000, 100_000, 300_000, 1_000_000),
            replay_of(Workload("windows", "5 rows a window, once", 0, windows, ".ndjson.zst")),
        ),
        Axis(
            "files",
            "files of one window with 5 rows, in one directory",
            (1_000, 3_000, 10_000, 30_000, 100_000),
            replay_of(Workload("files", "5 rows a file", 0, files)),
        ),
        Axis(
            "series",
            f"series of tokens in a daemon: {CHECKPOINTS} checkpoints in which all have changed, "
            "each scraped once",
            (1_000, 3_000, 10_000, 30_000, 100_000),
            measure_series,
        ),
        Axis(
            "identities",
            "identities in about a million rows: each comes again so often, and grew, in a capture "
            "packed with zstd",
            (10_000, 30_000, 100_000, 300_000, 1_000_000),
            replay_of(
                Workload("identities", "a million rows of so many", 0, identities, ".ndjson.zst")
            ),
        ),
    )
}
