"""The cost curve: what more rows take in CPU seconds and memory; ``python -m tests.bench.curve``.

Contenders take turns at each size, as in the benchmark. The points go to out/bench/curve.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from tests.bench.agreement import Disagreement
from tests.bench.lineup import CONTENDERS, US, Contender, versions
from tests.bench.rounds import chosen, say, take_turns
from tests.bench.running import Failed
from tests.bench.workloads import CACHE, SEED, WORKLOADS, dataset
from tests.bench.written import PICTURE, put

__all__ = ["Point", "main", "month"]

ROWS: Final = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
MONTH: Final = 100_000_000
MINUTES: Final = 30 * 24 * 60
PEERS_UP_TO: Final = 1_000_000


class Point(NamedTuple):
    """One contender at one size: medians of CPU and wall seconds, and of peak RSS in MiB."""

    name: str
    rows: int
    bytes: int
    cpu: float
    wall: float
    peak: float


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("python -m tests.bench.curve", description=__doc__)
    sizes = ",".join(map(str, ROWS))
    parser.add_argument("--rows", default=sizes, metavar="NUMBERS", help=f"by default {sizes}")
    parser.add_argument("--contenders", default=",".join(CONTENDERS), metavar="NAMES")
    parser.add_argument(
        "--peers-up-to",
        type=int,
        default=PEERS_UP_TO,
        metavar="ROWS",
        help="contenders that keep all rows stop there",
    )
    parser.add_argument("--runs", type=int, default=1, help="rounds that count; one more warms up")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument(
        "--capture",
        default="",
        choices=("", ".ndjson", ".ndjson.gz", ".ndjson.zst"),
        help="replay a capture instead of a directory; usage-stream alone can",
    )
    parser.add_argument("--cache", type=Path, default=CACHE, help="where pages and points are kept")
    parser.add_argument("--write", action="store_true", help="put picture and text into the docs")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Measure the curve, draw it, and say what a month takes."""
    asked = parsed(arguments)
    here, absent = chosen(asked.contenders.split(","))
    if absent:
        say(f"left out: {', '.join(absent)}")
    points: list[Point] = []
    try:
        for rows in map(int, asked.rows.split(",")):
            points += measure(asked, rows, here)
    except (Disagreement, Failed) as error:
        sys.exit(f"{error}; nothing that was measured counts")
    kept = asked.cache / "curve.json"
    kept.write_text(json.dumps([point._asdict() for point in points], indent=1), "utf-8")
    text = f"{versions()}.\n\n{table(points)}\n\n{month(points)}"
    sys.stdout.write(f"{text}\n")
    if asked.write:
        put("curve", f"![CPU seconds and peak RSS over rows]({PICTURE.name})\n\n{text}")
    draw(points, PICTURE if asked.write else asked.cache / PICTURE.name)


def measure(asked: argparse.Namespace, rows: int, here: list[Contender]) -> list[Point]:
    """Measure one size.

    Raises:
        Disagreement: a contender's figures are not the expected ones.
        Failed: a program did not end with 0.
    """
    contenders = [
        one
        for one in here
        if (one.captures or not asked.capture) and (rows <= asked.peers_up_to or not one.keeps_rows)
    ]
    say(f"{rows} rows: pages")
    data = dataset(WORKLOADS["fresh"], rows, seed=asked.seed, cache=asked.cache, kind=asked.capture)
    found = take_turns(data, contenders, asked.runs)
    return [
        Point(
            name,
            data.rows,
            data.size,
            median(run.cpu for run in runs),
            median(run.wall for run in runs),
            median(run.peak for run in runs),
        )
        for name, runs in found.items()
    ]


def table(points: list[Point]) -> str:
    """Write the points as a table: CPU seconds, and peak RSS behind a slash."""
    names = list(dict.fromkeys(point.name for point in points))
    sizes = sorted({point.rows for point in points})
    at = {(point.name, point.rows): point for point in points}
    head = ["| rows | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    return "\n".join(
        head
        + [
            f"| {rows:,} | " + " | ".join(cell(at.get((name, rows))) for name in names) + " |"
            for rows in sizes
        ]
    )


def cell(point: Point | None) -> str:
    """Write one point."""
    return f"{point.cpu:.2f} s / {point.peak:.0f} MiB" if point else ""


def month(points: list[Point]) -> str:
    """Say what a month of a large organization takes, from the curve's last stretch.

    Seconds go on as they did between the two largest sizes; memory is that of the largest.
    """
    said = []
    for name in (US, f"{US}-2"):
        known = sorted((point for point in points if point.name == name), key=lambda one: one.rows)
        if len(known) > 1:
            cpu, wall, size = (extended(known, what) for what in ("cpu", "wall", "bytes"))
            said.append(
                f"- {name} ({CONTENDERS[name].what}): {size / 1e9:.0f} GB of pages, "
                f"{cpu / 60:.1f} CPU minutes, {wall / 60:.1f} minutes of wall time; peak RSS at "
                f"{known[-1].rows:,} rows is {known[-1].peak:.0f} MiB."
            )
    large = f"{MINUTES:,} windows of {MONTH // MINUTES:,} rows, {MONTH:,} in all"
    return "\n".join(
        (f"A month of minute buckets of a large organization ({large}) takes:", "", *said)
    )


def extended(known: list[Point], what: str) -> float:
    """Go on in a straight line from the two largest sizes to a month."""
    before, last = known[-2:]
    slope = (getattr(last, what) - getattr(before, what)) / (last.rows - before.rows)
    value: float = getattr(last, what) + slope * (MONTH - last.rows)
    return value


def draw(points: list[Point], path: Path) -> None:
    """Draw the curve, where matplotlib is installed."""
    try:
        from tests.bench.plot import plot  # noqa: PLC0415 -- large, and small is what measures
    except ImportError:
        say("no picture: the package matplotlib is not installed")
        return
    plot(points, path)
    say(f"wrote {path}")


if __name__ == "__main__":
    main()
