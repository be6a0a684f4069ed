"""Run the benchmark: ``python -m tests.bench --help``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.bench.agreement import Disagreement
from tests.bench.lineup import CONTENDERS, versions
from tests.bench.rounds import chosen, divide_readers, say, take_turns
from tests.bench.running import Failed, own_peak
from tests.bench.table import table
from tests.bench.workloads import CACHE, SEED, WORKLOADS, dataset
from tests.bench.written import put

__all__ = ["main"]


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("python -m tests.bench", description=__doc__)
    for option, known in (("--workload", WORKLOADS), ("--contenders", CONTENDERS)):
        every = ",".join(known)
        parser.add_argument(option, default=every, metavar="NAMES", help=f"some of {every}")
    parser.add_argument("--rows", type=int, help="rows, where a workload's own number is not meant")
    parser.add_argument("--runs", type=int, default=5, help="rounds that count; one more warms up")
    parser.add_argument("--seed", type=int, default=SEED, help="what the pages are drawn from")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where generated pages are kept")
    parser.add_argument("--write", action="store_true", help="put the tables into README.md too")
    found = parser.parse_args(arguments)
    for option, known in (("workload", WORKLOADS), ("contenders", CONTENDERS)):
        names = getattr(found, option).split(",")
        setattr(found, option, names)
        unknown = [name for name in names if name not in known]
        if unknown:
            parser.error(f"--{option} {','.join(unknown)}: expected some of {','.join(known)}")
    return found


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print a table for each workload; exit with 1 when figures differ."""
    asked = parsed(arguments)
    contenders, absent = chosen(asked.contenders)
    head = f"{versions()}. Median of {asked.runs} (min–max)."
    show(head)
    if asked.write:
        put("machine", head)
    for name in asked.workload:
        workload = WORKLOADS[name]
        try:
            say(f"{name}: pages")
            data = dataset(
                workload, asked.rows or workload.rows, seed=asked.seed, cache=asked.cache
            )
            readers, others = divide_readers(contenders, workload.kind)
            rounds = take_turns(data, readers, asked.runs)
        except (Disagreement, Failed) as error:
            sys.exit(f"{name}: {error}; nothing that was measured counts")
        text = table(data, rounds, absent + others, own_peak())
        show(f"\n{text}")
        if asked.write:
            put(name, text)


def show(text: str) -> None:
    """Print a part of the answer."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
