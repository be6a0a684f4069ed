"""An engine in a few lines: parts in dicts, sums in a dict, rows as Flink writes them.

And what its report must be: that of a replay.
"""

from __future__ import annotations

import base64
import json
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

from stream.engines.flink.facts import GROUP, Fact, Facts, changes_between, limbs_of
from stream.engines.flink.lines import Lines
from stream.engines.flink.parts import DayPart, engine_part_of
from stream.sources.captures import captures_in
from stream.sources.lines import CaptureReader
from stream.state.sqlite.codec import Codec
from tests.support.running import NOW, Replayed, replay, run

LONGEST = 1 << 28


class Entries(dict[str, bytes]):
    """Where a part's byte strings are: in a dict."""

    def put(self, name: str, entry: bytes) -> None:
        """Put one in its place."""
        self[name] = entry


class Engine:
    """Takes lines in any order, says what changed whenever it is told to, and sums."""

    def __init__(self, place: Path, *, details: bool = True) -> None:
        self.place, self.details = place, details
        self.codec = Codec()
        self.entries: defaultdict[str, Entries] = defaultdict(Entries)
        self.said: defaultdict[str, Facts] = defaultdict(dict)
        self.changed: defaultdict[str, set[str]] = defaultdict(set)
        self.figures: dict[Fact, list[int]] = {}
        self.totals: dict[tuple[Any, ...], list[int]] = {}
        self.before: dict[str, set[str]] = {"figures": set(), "totals": set()}
        self.version = 0

    def take(self, captures: Path, seed: int | None = None, told: float = 0.0) -> None:
        """Read captures; with a seed parts take what is theirs in that order, and say it early."""
        lines = Lines(lambda: int(NOW), LONGEST)
        work: list[tuple[str, bytes]] = []
        for capture in captures_in(captures):
            with CaptureReader(capture.path, LONGEST) as reader:
                while found := reader.read_lines():
                    for line in found:
                        parts, letters = lines.read_line(capture.name, line.content)
                        work += parts
                        self.append("letters", letters)
        chance = random.Random(seed)
        if seed is not None:
            chance.shuffle(work)
        for key, body in work:
            part = engine_part_of(key, self.entries[key], self.codec)
            _, name = part.take(body)
            if name is not None:
                self.changed[key].add(name)
            if chance.random() < told:
                self.tell(key)

    def tell(self, key: str) -> None:
        """Let a part say what it comes to."""
        part = engine_part_of(key, self.entries[key], self.codec)
        facts = part.facts()
        for fact, was, now in changes_between(self.said[key], facts):
            for one, sign in (was, -1), (now, 1):
                if one is not None:
                    limbs = [sign * limb for limb in limbs_of(one.value)]
                    self.add(self.figures, fact, sign, sign * one.times, *limbs)
                    if fact.kind == GROUP:
                        total = fact.endpoint, fact.view, *fact[5:], fact.counter
                        self.add(self.totals, total, sign, *limbs)
        self.said[key] = facts
        if self.details and isinstance(part, DayPart):
            self.version += 1
            self.append("windows", [self.window(part, key, name) for name in self.changed[key]])
            self.changed[key].clear()

    @staticmethod
    def add(sums: dict[Any, list[int]], key: Any, *values: int) -> None:
        """Add to a sum; what no row is left of is gone."""
        now = [a + b for a, b in zip(sums.get(key, [0] * len(values)), values, strict=True)]
        sums[key] = now
        if not now[0]:
            del sums[key]

    def window(self, part: DayPart, key: str, name: str) -> bytes:
        """Write a window's row."""
        entry = base64.b64encode(self.entries[key][name]).decode()
        row = {"endpoint": part.endpoint, "name": name, "version": self.version, "entry": entry}
        return json.dumps(row).encode() + b"\n"

    def rows(self) -> dict[str, set[str]]:
        """Write the rows of both sums."""
        figures, totals = set(), set()
        for fact, (_, times, *limbs) in self.figures.items():
            figures.add(json.dumps({**fact._asdict(), "times": times, **parts(*limbs)}))
        for total, (_, *limbs) in self.totals.items():
            names = ("endpoint", "view", "project_id", "service_tier", "counter")
            row = dict(zip(names, total, strict=True))
            totals.add(json.dumps({**row, **parts(*limbs)}))
        return {"figures": figures, "totals": totals}

    def end(self) -> None:
        """Let all parts say what they come to, and write the sums once."""
        for key in list(self.entries):
            self.tell(key)
        for name, rows in self.rows().items():
            self.append(name, [row.encode() + b"\n" for row in rows])

    def commit(self) -> None:
        """Let all parts say what they come to, and write what has changed."""
        for key in list(self.entries):
            self.tell(key)
        for name, rows in self.rows().items():
            gone, come = self.before[name] - rows, rows - self.before[name]
            self.append(
                name, [change(row, "d") for row in gone] + [change(row, "c") for row in come]
            )
            self.before[name] = rows

    def append(self, name: str, rows: list[bytes]) -> None:
        """Add lines to a file."""
        (self.place / name).mkdir(parents=True, exist_ok=True)
        with (self.place / name / "part-0").open("ab") as file:
            file.writelines(rows)


def parts(whole: int, fraction: int, rest: int) -> dict[str, int]:
    """Name the parts of a sum."""
    return {"whole": whole, "fraction": fraction, "rest": rest}


def change(row: str, op: str) -> bytes:
    """Write a row that comes or goes as Debezium's format has it."""
    before, after = (row, "null") if op == "d" else ("null", row)
    return f'{{"before":{before},"after":{after},"op":"{op}"}}\n'.encode()


def reported(captures: Path, out: Path, *arguments: str) -> tuple[bytes, int, str]:
    """Make the report of what an engine has written; return it, the exit code and stderr."""
    report = out.with_suffix(".json")
    report.unlink(missing_ok=True)
    command = ["flink", "report", str(captures), str(out), "--report", str(report), "--now", NOW]
    code, _, errors = run([*command, *arguments])
    return report.read_bytes() if report.exists() else b"", code, errors


def same(captures: Path, out: Path, *arguments: str) -> Replayed:
    """See that an engine's report is that of a replay."""
    wanted = replay(captures, *arguments)
    raw, code, errors = reported(captures, out, *arguments)
    assert (code, raw) == (wanted.code, wanted.raw)
    assert errors.count("\n") == wanted.errors.count("\n")
    return wanted
