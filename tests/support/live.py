"""An account of the twin, asked in a time of its own: nothing sleeps, and all may be killed."""

from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from errno import ENOSPC
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import anyio

from stream.recordings.twin import DEFAULT_KEY, Twin
from stream.records.errors import Unavailable
from stream.sinks.evidence import DayFiles
from stream.sinks.journal import WalkJournal
from stream.sources.api.asking import Asker, Reply
from stream.sources.api.budget import Budget
from stream.sources.api.schedule import PollPlan
from stream.sources.api.source import Api
from tests.support.running import replay

__all__ = ["Killed", "LiveAccount", "TestClock", "check_truth", "figures_of", "settle"]

DAY = 86_400
HANG = 120.0


class Killed(BaseException):
    """The process is gone, in the middle of something."""


class TestClock:
    """Unix seconds that pass when somebody says so."""

    __test__ = False

    def __init__(self, now: float) -> None:
        """Begin at a moment."""
        self.now = now

    def __call__(self) -> float:
        """Return the moment."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass; others run meanwhile."""
        self.now += seconds
        await anyio.lowlevel.checkpoint()


class TwinTransport:
    """Carries requests to a twin in this process; what hangs or is cut is no whole reply."""

    def __init__(self, twin: Twin, clock: TestClock, key: str, strike: Callable[[], None]) -> None:
        """Ask with a key."""
        self.twin, self.clock, self.key, self.strike = twin, clock, key, strike

    async def get(self, path: str, parameters: list[tuple[str, str]]) -> Reply:
        """Ask the twin."""
        self.strike()
        target = f"/v1{path}?{urlencode(parameters)}"
        answer = self.twin.answer("GET", target, {"authorization": f"Bearer {self.key}"})
        await anyio.lowlevel.checkpoint()
        self.strike()
        if answer.hang is not None:
            await self.clock.sleep(min(answer.hang, HANG))
            raise Unavailable("no answer in time")
        if answer.cut:
            raise Unavailable("the answer ended early")
        body = answer.body
        if answer.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        return Reply(answer.status, answer.headers, body)

    async def aclose(self) -> None:
        """Hold nothing open."""


class FullFiles(DayFiles):
    """Evidence on a disk that may be full."""

    is_full: Callable[[], bool]

    def append(self, lines: Sequence[bytes]) -> None:
        """Append lines, unless the disk is full."""
        if self.is_full():
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        super().append(lines)


class KilledJournal(WalkJournal):
    """A journal in which the process may end before and after everything that is written."""

    strike: Callable[[], None]
    is_full: Callable[[], bool]

    async def keep_progress(self, saved: bytes) -> None:
        """Keep it, unless the process ends, or the disk is full."""
        self.strike()
        if self.is_full():
            raise Unavailable("no space")
        await super().keep_progress(saved)
        self.strike()

    async def keep_records(self, part: str, records: Sequence[bytes], *, anew: bool) -> None:
        """Keep them, unless the process ends, or the disk is full."""
        self.strike()
        if self.is_full():
            raise Unavailable("no space")
        await super().keep_records(part, records, anew=anew)
        self.strike()

    async def add_walk(self, lines: Sequence[bytes]) -> None:
        """Put it into the evidence, unless the process ends."""
        self.strike()
        await super().add_walk(lines)
        self.strike()


class LiveAccount:
    """One account: the twin, the plan, and what is kept of it in ``place``."""

    def __init__(
        self, place: Path, seed: int, plan: PollPlan, now: float, kill: float = 0.0, **twin: Any
    ) -> None:
        """Begin; ``kill`` is how likely each step is the last of its process."""
        self.place, self.plan, self.kill, self.full = place, plan, kill, 0.0
        self.clock = TestClock(now)
        self.twin = Twin(seed, self.clock, **twin)
        self.random = random.Random(seed)
        self.twin_key = self.key = DEFAULT_KEY
        self.death_times: list[float] = []
        """When processes ended."""
        self.open()

    @property
    def evidence(self) -> Path:
        """Where the answers are kept."""
        return self.place / "evidence"

    def open(self, *, patient: bool = True) -> None:
        """Begin as a process does, with what is kept; without patience no turn is waited for."""
        files = FullFiles(self.evidence / self.plan.label, self.clock)
        files.is_full = self.is_full
        journal = KilledJournal(self.evidence / ".walks" / self.plan.label, files)
        journal.strike, journal.is_full = self.strike, self.is_full
        self.files = files
        transport = TwinTransport(self.twin, self.clock, self.key, self.strike)
        rate, burst = (50, 10) if patient else (100_000_000, 10_000)
        budget = Budget(rate, burst, self.clock, self.clock.sleep)
        asker = Asker(transport, budget, self.clock)
        self.api = Api(self.plan.label, self.plan, asker, journal, self.clock)

    def strike(self) -> None:
        """End the process, as likely as was asked for.

        Raises:
            Killed: it ends here.
        """
        if self.random.random() < self.kill:
            raise Killed

    def is_full(self) -> bool:
        """Tell whether the disk is full just now."""
        return self.full > 0.0 and self.random.random() < self.full

    def run_until(self, end: float) -> int:
        """Ask for what is due until a moment; return how often the process ended meanwhile."""
        deaths = 0
        while self.clock.now < end:
            try:
                pause = anyio.run(self.api.look)
            except Unavailable:  # the disk is full; as the daemon, it tries again soon
                pause = 5.0
            except BaseException as error:
                if not is_kill(error):
                    raise
                deaths += 1
                self.death_times.append(self.clock.now)
                self.open()
                continue
            self.clock.now = min(end, self.clock.now + max(pause or 0.0, 1.0))
        return deaths

    def look(self) -> float | None:
        """Ask for all that is due now, and let no time pass but for the budget's."""
        return anyio.run(self.api.look)

    def truth(self, now: float) -> dict[str, dict[str, Any]]:
        """Return what is true of each endpoint at a moment, by counter."""
        ledger, since = self.twin.ledger, self.plan.start
        return {
            key: ledger.totals(key, since, int(now) + 1, now=now) for key in self.plan.endpoints
        }


def is_kill(error: BaseException) -> bool:
    """Tell whether a process was killed."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return isinstance(error, Killed)


def figures_of(live: LiveAccount) -> dict[str, Any]:
    """Replay the evidence, which must be whole; return its report."""
    replayed = replay(live.evidence, "--no-details", now=int(live.clock.now))
    assert replayed.code == 0, replayed.errors
    report: dict[str, Any] = json.loads(replayed.raw, parse_float=Decimal)
    return report


def settle(live: LiveAccount) -> None:
    """Let everything become final, and ask for it in one moment."""
    live.kill = 0.0
    live.twin.set_faults(())
    live.clock.now += 2 * DAY
    live.open()
    live.run_until(live.clock.now + 12 * 3_600)
    live.clock.now += 2 * DAY
    live.open(patient=False)
    for _ in range(30):
        live.look()


def check_truth(live: LiveAccount) -> None:
    """See that the figures are the ledger's, to the last digit."""
    report, truth = figures_of(live), live.truth(live.clock.now)
    for key, counters in truth.items():
        metrics = report["endpoints"].get(key, {}).get("metrics", {})
        shown = {name: Decimal(metrics.get(name) or 0) for name in counters}
        assert shown == {name: Decimal(value) for name, value in counters.items()}, key
