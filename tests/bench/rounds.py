"""Contenders take turns: one run each in a round, in another order each time."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.bench.agreement import check
from tests.bench.lineup import CONTENDERS, Contender
from tests.bench.running import Run, measured
from tests.bench.workloads import Dataset

__all__ = ["Rounds", "chosen", "divide_readers", "say", "take_turns"]

PIECE: Final = 1 << 20

Rounds = dict[str, list[Run]]
"""Each contender's runs; the runs at one place of the lists are of one round."""


def say(line: str) -> None:
    """Speak to whoever waits."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def chosen(names: list[str]) -> tuple[list[Contender], list[str]]:
    """Return those of the named contenders that are here, and why the others are not."""
    reasons = {name: CONTENDERS[name].missing() for name in names}
    absent = [f"{name} ({reason})" for name, reason in reasons.items() if reason]
    return [CONTENDERS[name] for name in names if not reasons[name]], absent


def divide_readers(contenders: list[Contender], kind: str) -> tuple[list[Contender], list[str]]:
    """Return those that read a kind of data, and why the others do not."""
    readers = [one for one in contenders if one.captures or not kind]
    return readers, [f"{one.name} (it reads no {kind})" for one in contenders if one not in readers]


def recall_pages(place: Path) -> None:
    """Read all that is to be read, so that nobody waits for the disk.

    Some machines let go of what has not been read for a few seconds, however much memory is free.
    """
    for path in [place] if place.is_file() else place.iterdir():
        with path.open("rb", buffering=0) as file:
            while file.read(PIECE):
                pass


def take_turns(data: Dataset, contenders: list[Contender], runs: int) -> Rounds:
    """Measure rounds, after one that only warms up; every run's figures are checked.

    Raises:
        Disagreement: a contender's figures are not the expected ones.
        Failed: a contender did not end with 0.
    """
    found: Rounds = {one.name: [] for one in contenders}
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        for turn in range(runs + 1):
            first = turn % len(contenders)
            for one in contenders[first:] + contenders[:first]:
                recall_pages(data.pages)
                run = measured(one.command(data, scratch))
                check(data, one, run.output, scratch)
                if turn:
                    found[one.name].append(run._replace(output=b""))
            say(f"{data.workload.name}: {f'round {turn} of {runs}' if turn else 'warmed up'}")
    return found
