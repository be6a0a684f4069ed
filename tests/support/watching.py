"""Captures in a directory, looked at when a test says so: the daemon's parts without its clock."""

from __future__ import annotations

from pathlib import Path

import anyio
from stream.sources.growing import Growing

from stream.intake.reading import Captured, LineDelivery
from stream.intake.rules import Rules
from stream.intake.standing import Walks
from stream.pipeline import render, view_of
from stream.records.tally import Tally
from stream.sinks.report import Outline
from stream.sources.captures import Read, Start
from stream.sources.lines import Capture, Line
from stream.sources.watch import Patience
from tests.support.running import NOW

LONG, NONE = 1e9, 0.0
"""How long a file has to rest: as if it were being written to, or had been left alone."""


class Watching:
    """Takes in what is in ``place/pages``; with state, from which :meth:`again` goes on."""

    def __init__(self, place: Path, budget: int = 100) -> None:
        """Begin."""
        self.place = place
        self.pages = place / "pages"
        self.pages.mkdir(exist_ok=True)
        self.rules = Rules(
            state=place / "state.db", dead_letters=place, unfinished="wait", row_budget=budget
        )
        self._open()

    def _open(self) -> None:
        self.intake = Captured(self.rules, Tally(), lambda: int(NOW))
        self.intake.recall_captures(())
        self.walks = Walks(self.intake.checkpoints.store)
        self.walks.mark(self.intake.runs)
        entries = self.intake.checkpoints.captures
        self.growing = Growing(self.pages, "", Patience(LONG, 60.0, 1 << 20), entries)
        self.sent: list[Line | Read | Start] = []

    def again(self) -> None:
        """Go on as after a kill: what is in no checkpoint is lost."""
        self.intake.close()
        self._open()

    def look(self, settle: float = LONG) -> list[Line | Read | Start]:
        """Take in what is new; return what that was."""
        self.sent = []
        self.growing.patience = self.growing.patience._replace(settle=settle)
        anyio.run(self.growing.scan, self._take)
        if self.growing.failed is not None:
            raise self.growing.failed
        return self.sent

    async def _take(self, capture: Capture, line: Line | Read | Start) -> None:
        self.sent.append(line)
        self.intake.take_line(LineDelivery(capture, line))

    def store(self) -> None:
        """Store a checkpoint, and judge the walks."""
        checkpoints = self.intake.checkpoints
        self.walks.touched |= checkpoints.walks()
        for source in checkpoints.forgotten:
            self.walks.touched |= checkpoints.store.walks_in(source)
        self.intake.store()
        self.walks.judge()
        self.walks.mark(self.intake.runs)

    @property
    def outline(self) -> Outline:
        """What the report would show."""
        return render(view_of(self.intake), int(NOW))

    def tokens(self) -> object:
        """Return the input tokens that count."""
        return sum(one.totals.metrics()["input_tokens"] for one in self.outline.figures.values())

    @property
    def letters(self) -> list[bytes]:
        """The dead letters."""
        self.store()
        return list(self.intake.checkpoints.letters())

    @property
    def waits(self) -> bool:
        """Whether a walk waits for its next page."""
        self.store()
        return any(run.waiting for run in self.outline.runs)
