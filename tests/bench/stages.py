"""Where the CPU time of a replay goes, stage by stage: ``python -m tests.bench.stages``."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median

from tests.bench.lineup import replay, versions
from tests.bench.rounds import say
from tests.bench.running import Failed, measured
from tests.bench.workloads import CACHE, WORKLOADS, Dataset, dataset
from tests.bench.written import publish

__all__ = ["main", "measure_stages", "table"]

WANTED = ("fresh", "re-poll", "small-pages", "small-buckets", "small-buckets-again", "wide")


def measure_stages(data: Dataset, runs: int) -> dict[str, float]:
    """Return the median CPU seconds of each stage.

    Raises:
        Failed: a replay did not end with 0.
    """
    with tempfile.TemporaryDirectory() as name:
        command = replay(program="tests.bench.staged_replay")(data, Path(name))
        outputs = [measured(command).output for _ in range(runs)]
    found: list[dict[str, float]] = [json.loads(one.splitlines()[-1]) for one in outputs]
    say(f"{data.workload.name}: {runs} runs")
    return {stage: median(one.get(stage, 0.0) for one in found) for stage in found[0]}


def table(found: dict[str, dict[str, float]]) -> str:
    """Write a line for each stage, the longest first, and a column for each workload."""
    stages = {stage: None for one in found.values() for stage in one}
    order = sorted(stages, key=lambda stage: -sum(one.get(stage, 0.0) for one in found.values()))
    lines = [f"| CPU s | {' | '.join(found)} |", f"|---|{'---|' * len(found)}"]
    for stage in order:
        cells = (f"{one.get(stage, 0.0):.2f}" for one in found.values())
        lines.append(f"| {stage} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser("python -m tests.bench.stages", description=__doc__)
    parser.add_argument("--workload", default=",".join(WANTED), help="some, with commas")
    parser.add_argument("--rows", type=int, help="how many rows, instead of each one's own number")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=CACHE, help="where generated pages are kept")
    parser.add_argument("--write", action="store_true", help="put the table into README.md too")
    asked = parser.parse_args(arguments)
    try:
        found = {}
        for name in asked.workload.split(","):
            workload = WORKLOADS[name]
            data = dataset(workload, asked.rows or workload.rows, cache=asked.cache)
            found[name] = measure_stages(data, asked.runs)
    except Failed as error:
        sys.exit(f"{error}; nothing that was measured counts")
    text = f"{versions()}. Median of {asked.runs}.\n\n{table(found)}"
    publish("stages", text, write=asked.write)


if __name__ == "__main__":
    main()
