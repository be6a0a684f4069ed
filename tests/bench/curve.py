"""The cost curves: what more takes in CPU seconds and memory; ``python -m tests.bench.curve``.

More rows, unless ``--over`` names something else: one of ``axes``, which usage-stream has to itself
by default. Contenders take turns at each size, as in the benchmark. The points go to
out/bench/curve.json, or curve-windows.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from tests.bench.agreement import Disagreement
from tests.bench.axes import AXES, Axis
from tests.bench.lineup import CONTENDERS, US, Contender, versions
from tests.bench.rounds import Rounds, chosen, divide_readers, say, take_turns
from tests.bench.running import Failed
from tests.bench.workloads import CACHE, SEED, WORKLOADS, dataset
from tests.bench.written import PICTURE, put

__all__ = ["Point", "each_more", "main", "month"]

ROWS: Final = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
MONTH: Final = 100_000_000
MINUTES: Final = 30 * 24 * 60
PEERS_UP_TO: Final = 1_000_000


class Point(NamedTuple):
    """One contender at one size: medians of CPU and wall seconds, and of peak RSS in MiB.

    ``size`` is how many there are of what is varied.
    """

    name: str
    size: int
    bytes: int
    cpu: float
    wall: float
    peak: float


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("python -m tests.bench.curve", description=__doc__)
    sizes = ",".join(map(str, ROWS))
    parser.add_argument("--over", choices=("rows", *AXES), default="rows", help="what is varied")
    parser.add_argument(
        "--rows",
        "--counts",
        dest="counts",
        metavar="NUMBERS",
        help=f"sizes; by default those of the axis, of rows {sizes}",
    )
    parser.add_argument("--contenders", metavar="NAMES", help=f"by default all, or {US} alone")
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
    """Measure a curve, draw it, and of rows say what a month takes."""
    asked = parsed(arguments)
    axis = AXES.get(asked.over)
    names = asked.contenders or (US if axis else ",".join(CONTENDERS))
    here, absent = chosen(names.split(","))
    if absent:
        say(f"left out: {', '.join(absent)}")
    counts = tuple(map(int, asked.counts.split(","))) if asked.counts else sizes_of(axis)
    points: list[Point] = []
    try:
        for count in counts:
            points += (
                measure_axis(asked, axis, count, here) if axis else measure(asked, count, here)
            )
    except (Disagreement, Failed) as error:
        sys.exit(f"{error}; nothing that was measured counts")
    name = f"-{axis.name}" if axis else ""
    kept = asked.cache / f"curve{name}.json"
    kept.write_text(json.dumps([point._asdict() for point in points], indent=1), "utf-8")
    below = month(points) if axis is None else each_more(points, axis)
    text = f"{versions()}.\n\n{table(points, asked.over)}\n\n{below}"
    sys.stdout.write(f"{text}\n")
    picture = PICTURE.with_stem(f"{PICTURE.stem}{name}")
    draw(points, picture if asked.write else asked.cache / picture.name, asked.over)
    if asked.write:
        shown = f"![CPU seconds and peak RSS over {asked.over}]({picture.name})\n\n"
        put(f"curve{name}", f"{shown if picture.exists() else ''}{text}")


def sizes_of(axis: Axis | None) -> tuple[int, ...]:
    """Return the sizes at which a curve is measured."""
    return axis.counts if axis else ROWS


def measure(asked: argparse.Namespace, rows: int, here: list[Contender]) -> list[Point]:
    """Measure so many rows.

    Raises:
        Disagreement: a contender's figures are not the expected ones.
        Failed: a program did not end with 0.
    """
    readers, _ = divide_readers(here, asked.capture)
    contenders = [one for one in readers if rows <= asked.peers_up_to or not one.keeps_rows]
    say(f"{rows} rows: pages")
    data = dataset(WORKLOADS["fresh"], rows, seed=asked.seed, cache=asked.cache, kind=asked.capture)
    return points_of(take_turns(data, contenders, asked.runs), data.rows, data.size)


def measure_axis(
    asked: argparse.Namespace, axis: Axis, count: int, here: list[Contender]
) -> list[Point]:
    """Measure so many of something else.

    Raises:
        Disagreement: a contender's figures are not the expected ones.
        Failed: a program did not end with 0.
    """
    say(f"{count} {axis.name}")
    size, found = axis.measure(count, here, asked.runs, asked.cache)
    return points_of(found, count, size)


def points_of(found: Rounds, count: int, size: int) -> list[Point]:
    """Return each contender's point at one size."""
    return [
        Point(
            name,
            count,
            size,
            median(run.cpu for run in runs),
            median(run.wall for run in runs),
            median(run.peak for run in runs),
        )
        for name, runs in found.items()
    ]


def table(points: list[Point], over: str) -> str:
    """Write the points as a table: CPU seconds, and peak RSS behind a slash."""
    names = list(dict.fromkeys(point.name for point in points))
    sizes = sorted({point.size for point in points})
    at = {(point.name, point.size): point for point in points}
    head = [f"| {over} | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    return "\n".join(
        head
        + [
            f"| {size:,} | " + " | ".join(cell(at.get((name, size))) for name in names) + " |"
            for size in sizes
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
        known = sorted((point for point in points if point.name == name), key=lambda one: one.size)
        if len(known) > 1:
            cpu, wall, size = (extended(known, what) for what in ("cpu", "wall", "bytes"))
            said.append(
                f"- {name} ({CONTENDERS[name].what}): {size / 1e9:.0f} GB of pages, "
                f"{cpu / 60:.1f} CPU minutes, {wall / 60:.1f} minutes of wall time; peak RSS at "
                f"{known[-1].size:,} rows is {known[-1].peak:.0f} MiB."
            )
    large = f"{MINUTES:,} windows of {MONTH // MINUTES:,} rows, {MONTH:,} in all"
    return "\n".join(
        (f"A month of minute buckets of a large organization ({large}) takes:", "", *said)
    )


def each_more(points: list[Point], axis: Axis) -> str:
    """Say what is varied, and what each more takes, from one size to the next."""
    said = []
    for name in dict.fromkeys(point.name for point in points):
        known = sorted((point for point in points if point.name == name), key=lambda one: one.size)
        micros = ", ".join(
            f"{(after.cpu - before.cpu) / (after.size - before.size) * 1e6:.1f}"
            for before, after in pairwise(known)
        )
        if micros:
            said.append(f" Each more takes {name} {micros} µs of CPU, from one size to the next.")
    return f"{axis.what.capitalize()}.{''.join(said)}"


def extended(known: list[Point], what: str) -> float:
    """Go on in a straight line from the two largest sizes to a month."""
    before, last = known[-2:]
    slope = (getattr(last, what) - getattr(before, what)) / (last.size - before.size)
    value: float = getattr(last, what) + slope * (MONTH - last.size)
    return value


def draw(points: list[Point], path: Path, over: str) -> None:
    """Draw the curve, where matplotlib is installed."""
    try:
        from tests.bench.plot import plot  # noqa: PLC0415 -- large, and small is what measures
    except ImportError:
        say("no picture: the package matplotlib is not installed")
        return
    plot(points, path, over)
    say(f"wrote {path}")


if __name__ == "__main__":
    main()
