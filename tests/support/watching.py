"""A directory, looked at when a test says so: the daemon's parts without its clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio

from stream.figures.outline import outline_of
from stream.intake.intake import Intake
from stream.intake.rules import Rules
from stream.pipeline import freeze_state
from stream.records.delivery import Delivery
from stream.records.tally import Tally
from stream.sinks.report import Report
from stream.sources.directory import Directory
from stream.sources.settling import Patience
from stream.sources.source import ReadOptions
from tests.support.running import NOW

LONG, NONE = 1e9, 0.0
"""How long a file has to rest: as if it were being written to, or had been left alone."""
OPTIONS = ReadOptions(1 << 20)


class Watching:
    """Takes in what is in ``place/pages``; with state, from which :meth:`again` goes on."""

    def __init__(self, place: Path, budget: int = 1_000_000) -> None:
        """Begin."""
        self.place = place
        self.now = int(NOW)
        self.pages = place / "pages"
        self.pages.mkdir(exist_ok=True)
        self.rules = Rules(
            state=place / "state.db", dead_letters=place, unfinished_walks="wait", memory=budget
        )
        self._open()

    def _open(self) -> None:
        self.intake = Intake(self.rules, Tally(), lambda: self.now)
        self.intake.standing.judge_all()
        self.look_from(self.intake.account.positions(""))

    def look_from(self, positions: dict[str, bytes]) -> None:
        """Look with a source that knows these positions."""
        self.source = Directory(
            self.pages, "", positions, OPTIONS, Patience(LONG, 60.0), clock=lambda: self.now
        )
        self.sent: list[Delivery] = []
        self.pause: float | None = None

    def again(self) -> None:
        """Go on as after a kill: what is in no checkpoint is lost."""
        with self.rest():
            pass

    @contextmanager
    def rest(self) -> Iterator[None]:
        """Let others have the state meanwhile; go on as after a kill."""
        self.intake.close()
        try:
            yield
        finally:
            self._open()

    def look(self, settle: float = LONG) -> list[Delivery]:
        """Take in what is new; return what that was."""
        self.sent = []
        self.source.follow(OPTIONS, Patience(settle, 60.0))
        self.pause = anyio.run(self.source.look, self._take)
        return self.sent

    async def _take(self, delivery: Delivery) -> None:
        self.sent.append(delivery)
        self.intake.take(delivery)

    def store(self) -> None:
        """Store a checkpoint, and judge the walks."""
        self.intake.store()
        self.intake.judge_touched()

    @property
    def report(self) -> Report:
        """What the report would show."""
        return Report(outline_of(freeze_state(self.intake), self.now))

    @property
    def issues(self) -> list[str]:
        """What does not hold."""
        return self.report.outline.issues

    def tokens(self) -> object:
        """Return the input tokens that count."""
        figures = self.report.outline.figures.values()
        return sum(one.totals.metrics().get("input_tokens", 0) for one in figures)

    @property
    def letters(self) -> list[bytes]:
        """The dead letters."""
        self.store()
        return list(self.intake.checkpoints.letters())

    @property
    def waits(self) -> bool:
        """Whether a walk waits for its next page."""
        self.store()
        return any(run.is_waiting for run in self.report.outline.runs)


def lines(sent: list[Delivery]) -> list[int]:
    """Return which lines were sent; 0 is a place alone."""
    return [one.page.place if one.page is not None else 0 for one in sent]
