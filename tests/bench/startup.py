"""What a start takes, on its own: ``python -m tests.bench.startup``.

From the start of the interpreter until the first page is taken in, beside a Python that does
nothing and one that imports what the floor does. All start from bytecode.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from tests.bench.lineup import replay, versions
from tests.bench.rounds import say
from tests.bench.running import Failed, Run, measured
from tests.bench.workloads import CACHE, SEED, Dataset, Options, Workload, dataset, shape
from tests.bench.written import publish

__all__ = ["AIM", "FIRST_PAGE", "main", "measure_starts", "table"]

AIM: Final = 105
"""CPU milliseconds until the first page: at most so many."""
FIRST_PAGE: Final = "usage-stream, until its first page"


def one_page(rows: int) -> Options:
    """One page with one bucket."""
    return shape(rows, rows, 1, 1)


ONE_PAGE: Final = Workload("one-page", "one page", 20, one_page)


def python(*arguments: str) -> Callable[[Dataset, Path], list[str]]:
    """Return how Python is started with these arguments, whatever the pages are."""
    return lambda _, __: [sys.executable, *arguments]


until_first_page: Final = replay(program="tests.bench.first_page")
"""How a replay is started that ends once its first page is taken in."""

PROGRAMS: Final = {
    "python, nothing": python("-c", "pass"),
    "the floor's imports": python("-c", "import tests.bench.contenders.floor"),
    FIRST_PAGE: until_first_page,
    "usage-stream, one page to the report": replay(),
}


def measure_starts(runs: int, cache: Path) -> dict[str, list[Run]]:
    """Start all programs in turn, so many rounds after one that only warms up.

    Raises:
        Failed: one did not end with 0.
    """
    data = dataset(ONE_PAGE, ONE_PAGE.rows, seed=SEED, cache=cache)
    found: dict[str, list[Run]] = {name: [] for name in PROGRAMS}
    with tempfile.TemporaryDirectory() as name:
        for turn in range(runs + 1):
            for program, command in PROGRAMS.items():
                run = measured(command(data, Path(name)))
                if turn:
                    found[program].append(run._replace(output=b""))
    say(f"starts: {runs} rounds")
    return found


def table(rounds: dict[str, list[Run]]) -> str:
    """Write the medians, in milliseconds, with the extremes behind them."""
    lines = ["| | CPU ms | wall ms | aim |", "|---|---|---|---|"]
    for name, runs in rounds.items():
        cpu = [1000 * run.cpu for run in runs]
        wall = [1000 * run.wall for run in runs]
        judged = "met" if median(cpu) <= AIM else "missed"
        aim = f"CPU ≤ {AIM} ms: {judged}" if name == FIRST_PAGE else ""
        lines.append(f"| {name} | {spread(cpu)} | {spread(wall)} | {aim} |")
    return "\n".join(lines)


def spread(values: list[float]) -> str:
    """Write a median with its extremes, whole."""
    return f"{median(values):.0f} ({min(values):.0f}–{max(values):.0f})"


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser("python -m tests.bench.startup", description=__doc__)
    parser.add_argument("--runs", type=int, default=21, help="rounds that count; one more warms up")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where generated pages are kept")
    parser.add_argument("--write", action="store_true", help="put the table into README.md too")
    asked = parser.parse_args(arguments)
    try:
        rounds = measure_starts(asked.runs, asked.cache)
    except Failed as error:
        sys.exit(f"{error}; nothing that was measured counts")
    text = f"{versions()}. Median of {asked.runs} (min–max).\n\n{table(rounds)}"
    publish("startup", text, write=asked.write)


if __name__ == "__main__":
    main()
