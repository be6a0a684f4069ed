"""What a budget of memory does: ``python -m tests.bench.budgets``.

One capture whose windows take more than any of the budgets, replayed with each. The reports have
to be the same bytes, and their figures those that the generator expects.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from stream.records.sizes import bytes_in
from tests.bench.agreement import Disagreement, check
from tests.bench.lineup import CONTENDERS, REPORT, US, replay, versions
from tests.bench.rounds import say
from tests.bench.running import MIB, Failed, Run, measured
from tests.bench.workloads import CACHE, SEED, Dataset, Workload, dataset, small_buckets
from tests.bench.written import publish

__all__ = ["BUDGETS", "BudgetRuns", "main", "measure_budgets", "table"]

BUDGETS: Final = ("4MB", "16MB", "64MB", "256MB", "1GB")
BESIDE: Final = 60_000_000
"""Bytes that a process takes beside its windows: at most so many."""
NOW: Final = "1800000000"
LARGE: Final = Workload(
    "budgets", "50 rows a bucket, once, in a capture", 4_000_000, small_buckets, ".ndjson.zst"
)


class BudgetRuns(NamedTuple):
    """The runs with one budget, and the digest of the report that they all wrote."""

    budget: str
    runs: list[Run]
    report: str


def measure_budgets(data: Dataset, budgets: list[str], rounds: int) -> list[BudgetRuns]:
    """Replay with each budget in turn.

    Raises:
        Disagreement: a report is another, or does not have the figures that are expected.
        Failed: a replay did not end with 0.
    """
    found: dict[str, list[Run]] = {budget: [] for budget in budgets}
    reports: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        for turn in range(rounds):
            for budget in budgets:
                run = measured(replay("--memory", budget, "--now", NOW)(data, scratch))
                check(data, CONTENDERS[US], b"", scratch)
                report = hashlib.sha256((scratch / REPORT).read_bytes()).hexdigest()
                if report != reports.setdefault(budget, report):
                    raise Disagreement(f"--memory {budget} wrote two reports")
                found[budget].append(run._replace(output=b""))
            say(f"{data.rows} rows: round {turn + 1} of {rounds}")
    if len(set(reports.values())) > 1:
        raise Disagreement(f"reports differ by budget: {reports}")
    return [BudgetRuns(budget, runs, reports[budget]) for budget, runs in found.items()]


def table(data: Dataset, measurements: list[BudgetRuns]) -> str:
    """Write a line for each budget, and that all wrote the same report."""
    lines = [
        f"{data.rows:,} rows, {data.size / 1e6:,.0f} MB; {data.workload.what}",
        "",
        "| `--memory` | CPU s | wall s | peak RSS, MB | peak beside the budget, MB | aim |",
        "|---|---|---|---|---|---|",
    ]
    for one in measurements:
        peak = median(run.peak for run in one.runs) * MIB
        beside = peak - bytes_in(one.budget)
        cells = [
            one.budget,
            f"{median(run.cpu for run in one.runs):.2f}",
            f"{median(run.wall for run in one.runs):.2f}",
            f"{peak / 1e6:.0f}",
            f"{beside / 1e6:.0f}",
            f"≤ {BESIDE / 1e6:.0f}: {'met' if beside <= BESIDE else 'missed'}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    report = measurements[0].report[:16]
    return "\n".join((*lines, "", f"All wrote the same report, byte for byte (SHA-256 {report}…)."))


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print the table; exit with 1 when reports differ."""
    parser = argparse.ArgumentParser("python -m tests.bench.budgets", description=__doc__)
    some = ",".join(BUDGETS)
    parser.add_argument("--budgets", default=some, metavar="SIZES", help=f"by default {some}")
    parser.add_argument("--rows", type=int, default=LARGE.rows)
    parser.add_argument("--runs", type=int, default=1, help="rounds; none of them warms up")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where generated pages are kept")
    parser.add_argument("--write", action="store_true", help="put the table into README.md too")
    asked = parser.parse_args(arguments)
    try:
        data = dataset(LARGE, asked.rows, seed=SEED, cache=asked.cache)
        found = measure_budgets(data, asked.budgets.split(","), asked.runs)
    except (Disagreement, Failed) as error:
        sys.exit(f"{error}; nothing that was measured counts")
    text = f"{versions()}. Median of {asked.runs}.\n\n{table(data, found)}"
    publish("budgets", text, write=asked.write)


if __name__ == "__main__":
    main()
