"""Scenarios: pages that a provider gave, and every way in which they can come to a report.

What is written down as fixtures can be written as a capture, come at a pace, or be read by an
engine. Each way is a function of the scenario, a scratch directory and options of a replay.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import anyio

from stream.intake.intake import Intake
from stream.intake.rules import Rules
from stream.pipeline import Outputs, finish_run, freeze_state
from stream.records.errors import BadInput
from stream.records.tally import Tally
from stream.sources.pace import Pace
from stream.sources.source import DEFAULT_PAGE_BYTES, ReadOptions
from tests.support.comparing import Json
from tests.support.engines import Engine, reported
from tests.support.envelopes import line, put_capture
from tests.support.pages import letters_in, put_all
from tests.support.running import NOW, replay
from tests.support.scripted import take_all
from tests.support.strategies import COMPLETIONS, file_name

__all__ = [
    "MODES",
    "Came",
    "Given",
    "Mode",
    "Way",
    "ways_of",
    "without_cursors",
    "without_names",
    "without_walks",
]

PACED: Final = "pace"
RATE: Final = 1e15
"""Seconds of event time in one second: every page is due at once."""


class Given(NamedTuple):
    """A page that a provider gave: which of its chain, and with which cursor it was asked for."""

    number: int
    content: Json
    asked: str | None = None
    endpoint: str = COMPLETIONS
    label: str = "primary"


class Came(NamedTuple):
    """What a scenario has come to: the exit code, the report where there is one, and letters."""

    code: int
    report: Json | None
    letters: list[Json]
    error: str = ""


class Mode(NamedTuple):
    """Whether bad input is set aside, and whether chains may go on."""

    set_aside: bool = False
    allowed: bool = False

    def options(self, scratch: Path) -> list[str]:
        """Write it as a command line does."""
        dead = ["--on-error", "dead-letter", "--dead-letters", str(scratch / "dead")]
        return ["--allow-incomplete"] * self.allowed + dead * self.set_aside

    def letters(self, scratch: Path) -> list[Json]:
        """Read the dead letters, where there are any."""
        return letters_in(scratch / "dead") if (scratch / "dead").is_dir() else []


MODES: Final = {
    "strict": Mode(),
    "allowed": Mode(allowed=True),
    "set aside": Mode(set_aside=True),
    "set aside, allowed": Mode(set_aside=True, allowed=True),
}

Way: TypeAlias = Callable[[Sequence[Given], Path, Mode], Came]


def put_fixtures(pages: Sequence[Given], place: Path) -> Path:
    """Write pages as fixtures."""
    return put_all(
        place, {file_name(one.endpoint, one.label, one.number): one.content for one in pages}
    )


def put_lines(pages: Sequence[Given], place: Path, *, asked: bool) -> Path:
    """Write pages as a capture, which tells what each was asked for with, or does not."""
    lines = [
        line(
            one.content,
            endpoint=one.endpoint,
            label=one.label,
            request={"page": one.asked} if asked else None,
        )
        for one in pages
    ]
    place.mkdir(parents=True)
    put_capture(place / "all.ndjson", lines)
    return place


def came(directory: Path, scratch: Path, mode: Mode, *options: str) -> Came:
    """Replay a directory."""
    found = replay(directory, *mode.options(scratch), *options)
    return Came(found.code, found.report, mode.letters(scratch), found.errors)


def as_fixtures(pages: Sequence[Given], scratch: Path, mode: Mode) -> Came:
    """Replay fixtures."""
    return came(put_fixtures(pages, scratch / "in"), scratch, mode)


def by_workers(pages: Sequence[Given], scratch: Path, mode: Mode) -> Came:
    """Replay fixtures in two worker processes."""
    return came(put_fixtures(pages, scratch / "in"), scratch, mode, "--workers", "2")


def as_capture(pages: Sequence[Given], scratch: Path, mode: Mode) -> Came:
    """Replay a capture that tells what was asked for."""
    return came(put_lines(pages, scratch / "in", asked=True), scratch, mode)


def backwards(pages: Sequence[Given], scratch: Path, mode: Mode) -> Came:
    """Replay such a capture with its last line first."""
    return came(put_lines(pages[::-1], scratch / "in", asked=True), scratch, mode)


def in_two_captures(pages: Sequence[Given], scratch: Path, mode: Mode) -> Came:
    """Replay two such captures, every other page in each, with state."""
    directory = put_lines(pages[::2], scratch / "in", asked=True)
    more = put_lines(pages[1::2], scratch / "more", asked=True)
    (more / "all.ndjson").rename(directory / "rest.ndjson")
    return came(directory, scratch, mode, "--state", str(scratch / "state.db"))


def on_flink(pages: Sequence[Given], scratch: Path, mode: Mode) -> Came:
    """Let an engine read such a capture."""
    return by_engine(put_lines(pages, scratch / "in", asked=True), scratch, mode)


def as_bare_capture(pages: Sequence[Given], scratch: Path, mode: Mode) -> Came:
    """Replay a capture that does not tell what was asked for."""
    return came(put_lines(pages, scratch / "in", asked=False), scratch, mode)


def bare_on_flink(pages: Sequence[Given], scratch: Path, mode: Mode) -> Came:
    """Let an engine read a capture that does not tell what was asked for."""
    return by_engine(put_lines(pages, scratch / "in", asked=False), scratch, mode)


def by_engine(directory: Path, scratch: Path, mode: Mode) -> Came:
    """Let an engine read a capture, and report what it says."""
    engine = Engine(scratch / "out")
    engine.take(directory, seed=1)
    engine.end()
    raw, code, errors = reported(directory, scratch / "out", *mode.options(scratch))
    report = json.loads(raw, parse_float=Decimal) if raw else None
    return Came(code, report, mode.letters(scratch), errors)


def paced(pages: Sequence[Given], scratch: Path, mode: Mode) -> Came:
    """Let fixtures come at a pace, faster than anyone can look."""
    directory = put_fixtures(pages, scratch / "in")
    rules = Rules(
        state=scratch / "state.db",
        dead_letters=scratch / "dead" if mode.set_aside else None,
        unfinished_walks="report" if mode.allowed else "refuse",
    )
    now = int(NOW)
    with closing(Intake(rules, Tally(), lambda: now)) as intake:
        positions, options = intake.account.positions(PACED), ReadOptions(DEFAULT_PAGE_BYTES)
        ticks = iter(range(1 << 20))
        clock = lambda: float(next(ticks))  # noqa: E731 -- each look at it is a second later
        source = Pace(directory, PACED, positions, options, rate=RATE, loop=False, clock=clock)
        try:
            take_all(source, intake)
            intake.judge()
        except BadInput as error:
            return Came(error.exit_code, None, [], f"{error}\n")
        intake.store()
        outputs = Outputs(scratch / "report.json", details=True, dead_letters=rules.dead_letters)
        view, letters = freeze_state(intake), list(intake.checkpoints.letters())
        written = anyio.run(finish_run, view, now, outputs, letters)
        issues = bool(written.outline.issues)
    report = json.loads((scratch / "report.json").read_bytes(), parse_float=Decimal)
    return Came(int(issues), report, mode.letters(scratch))


KNOWING: Final[dict[str, Way]] = {
    "two workers": by_workers,
    "pace": paced,
    "capture": as_capture,
    "capture, backwards": backwards,
    "two captures, with state": in_two_captures,
    "engine": on_flink,
    # A live source joins here: a function that serves the pages and pulls them.
}
"""Ways that know all that fixtures know: in which order pages follow each other."""

BARE: Final[dict[str, Way]] = {"bare capture": as_bare_capture, "bare engine": bare_on_flink}
"""Ways that know pages alone."""


def ways_of(*, bare: bool) -> dict[str, Way]:
    """Return the ways beside plain fixtures, those that know of cursors or those that do not."""
    return BARE if bare else KNOWING


# What may differ --------------------------------------------------------------------------

NAMES: Final = {"fixture", "page", "digest"}
"""What names the file in a dead letter."""
INCOMPLETE: Final = " is incomplete: "
"""Stands between the name of a chain and why it is not whole."""


def without_names(found: Came) -> Json:
    """Leave out what names files, and the place of a page in them."""
    report = found.report
    if report is not None:
        fixtures: Json = {"fixtures": None}
        endpoints = {name: one | fixtures for name, one in report["endpoints"].items()}
        issues = [one.partition(INCOMPLETE) for one in report["relationshipIssues"]]
        report = report | {
            "run": report["run"] | fixtures,
            "endpoints": endpoints,
            "relationshipIssues": [name + incomplete for name, incomplete, _ in issues],
        }
    letters = [{k: v for k, v in one.items() if k not in NAMES} for one in found.letters]
    key = lambda one: json.dumps(one, sort_keys=True, default=str)  # noqa: E731 -- an order
    return {"code": found.code, "report": report, "letters": sorted(letters, key=key)}


def without_cursors(found: Came) -> Json:
    """Leave out where walks would go on too."""
    plain = without_names(found)
    report, unknown = plain["report"], Json(nextPage=None)
    if report is None:
        return plain

    def summary(one: Json | None) -> Json | None:
        return one and one | {"cursor": one["cursor"] | unknown}

    variants = {label: summary(one) for label, one in report["usageVariants"].items()}
    endpoints = {name: one | unknown for name, one in report["endpoints"].items()}
    more = Json(usageSummary=summary(report["usageSummary"]), usageVariants=variants)
    return plain | {"report": report | more | {"endpoints": endpoints}}


def without_walks(found: Came) -> Json:
    """Leave out that walks are not whole too, and the exit code, which says so."""
    plain = without_cursors(found)
    report = plain["report"]
    assert report is not None, found.error
    issues = [one for one in report["relationshipIssues"] if INCOMPLETE not in one]
    return plain | {"code": None, "report": report | {"relationshipIssues": issues}}
