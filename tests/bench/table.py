"""What was measured, as a table in Markdown: medians, spread, ratios, and what was aimed at."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Final

from tests.bench.lineup import CONTENDERS, US
from tests.bench.rounds import Rounds
from tests.bench.running import Run
from tests.bench.workloads import Dataset

__all__ = ["table"]

AIMS: Final = {
    ("fresh", "floor"): 2.4,
    ("fresh", "node"): 0.5,
    ("fresh", "polars"): 0.7,
    ("re-poll", "floor"): 0.95,
    ("small-pages", "floor"): 3.1,
    ("small-pages", "node"): 0.8,
    ("small-pages", "polars"): 1.1,
    ("small-buckets", "floor"): 3.0,
    ("small-buckets", "polars"): 1.0,
    ("small-buckets-again", "floor"): 1.7,
    ("wide", "floor"): 3.2,
    ("wide", "node"): 0.65,
    ("wide", "polars"): 1.0,
}
"""CPU seconds of one worker over the contender's: at most so much."""
ROW_AIMS: Final = {"capture": 2.8}
"""CPU microseconds of one worker for a row: at most so many."""
WALL_AIM: Final = 0.65
"""Wall seconds of two workers over one's."""
WORKERS_FROM: Final = 990_000
"""Rows from which on workers are to pay: a million, as near as the generator comes to it."""
NEARLY: Final = 0.98
"""A data set that has this share of a workload's rows is of its size."""


def table(data: Dataset, rounds: Rounds, absent: list[str], own_peak: float) -> str:
    """Write one workload's table, with what has to be said about it below."""
    size = f"{data.rows:,} rows, {data.size / 1e6:,.0f} MB"
    return "\n".join(
        (
            f"**{data.workload.name}**: {size}; {data.workload.what}",
            "",
            "| | CPU s | wall s | peak RSS, MiB | CPU, ours over it | aim |",
            "|---|---|---|---|---|---|",
            *(line(data, rounds, name) for name in rounds),
            "",
            *remarks(data, rounds, absent, own_peak),
        )
    )


def line(data: Dataset, rounds: Rounds, name: str) -> str:
    """Write one contender's line."""
    runs = rounds[name]
    cells = [
        f"{name} ({CONTENDERS[name].what})",
        spread([run.cpu for run in runs]),
        spread([run.wall for run in runs]),
        f"{median(run.peak for run in runs):,.0f}",
    ]
    ratios = [ours.cpu / run.cpu for ours, run in zip(rounds.get(US, ()), runs, strict=False)]
    aim = AIMS.get((data.workload.name, name))
    cells.append(spread(ratios) if ratios and name != US else "")
    cells.append(verdict(data, median(ratios), aim) if ratios and aim else "")
    return f"| {' | '.join(cells)} |"


def spread(values: list[float]) -> str:
    """Write a median with its extremes."""
    return f"{median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def verdict(data: Dataset, value: float, aim: float) -> str:
    """Say what was aimed at, and whether it was met; aims are for a workload's own size."""
    if data.rows < data.workload.rows * NEARLY:
        return f"≤ {aim} with {data.workload.rows:,} rows"
    return f"≤ {aim}: {'met' if value <= aim else 'missed'}"


def remarks(data: Dataset, rounds: Rounds, absent: list[str], own_peak: float) -> Iterator[str]:
    """Say what the lines cannot: workers, memory, who was left out, what cannot be trusted."""
    aim = ROW_AIMS.get(data.workload.name)
    if aim:
        yield from row_costs(data, rounds, aim)
    ours, two = rounds.get(US), rounds.get(f"{US}-2")
    if ours and two:
        walls = [both.wall / one.wall for both, one in zip(two, ours, strict=True)]
        judged = f" ({verdict(data, median(walls), WALL_AIM)})" if data.rows >= WORKERS_FROM else ""
        yield f"- Two workers' wall over one's: {spread(walls)}{judged}."
    if ours:
        yield from memory(rounds, median(run.peak for run in ours))
    if absent:
        yield f"- Left out: {', '.join(absent)}."
    small = [name for name, runs in rounds.items() if min(map(peak_of, runs)) <= own_peak]
    if small:
        yield f"- Peaks up to {own_peak:.0f} MiB are the benchmark's own: {', '.join(small)}."


def row_costs(data: Dataset, rounds: Rounds, aim: float) -> Iterator[str]:
    """Say what a row costs everybody, and whether one worker's is what was aimed at."""
    micros = {
        name: median(run.cpu for run in runs) / data.rows * 1e6 for name, runs in rounds.items()
    }
    said = ", ".join(f"{name} {cost:.2f}" for name, cost in micros.items())
    judged = f" ({US} {verdict(data, micros[US], aim)})" if US in micros else ""
    yield f"- CPU µs a row: {said}{judged}."


def memory(rounds: Rounds, ours: float) -> Iterator[str]:
    """Say whether our peak is below that of every contender that keeps all rows."""
    peaks = {
        name: median(map(peak_of, runs))
        for name, runs in rounds.items()
        if CONTENDERS[name].keeps_rows
    }
    above = [name for name, peak in peaks.items() if peak <= ours]
    if peaks:
        said = f"missed beside {', '.join(above)}" if above else "met"
        yield f"- Peak RSS below every contender that keeps all rows ({', '.join(peaks)}): {said}."


def peak_of(run: Run) -> float:
    """Return a run's peak."""
    return run.peak
