"""Accounts that are asked for their own usage: one task for each, beside those that read files.

What an account answers goes into evidence, which is a watched directory as any other: from there
it is taken in. So what counts is what can be replayed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import aiofiles.os
import anyio

from stream.daemon.config import PollSettings
from stream.daemon.health import Health
from stream.records.errors import BadConfiguration, BadInput, Unavailable, first_of
from stream.sinks.atomic import make_private, unwritable_file
from stream.sinks.evidence import DayFiles
from stream.sinks.journal import WalkJournal
from stream.sinks.metrics.status import PollStatus
from stream.sources.api.asking import Asker
from stream.sources.api.budget import Budget
from stream.sources.api.http import HttpTransport
from stream.sources.api.key import AdminKey
from stream.sources.api.source import Api, PartStatus

__all__ = ["Poller", "check_poll"]

RETRY: Final = 5.0
MOST_BYTES: Final = 64 << 20
"""How large an answer may be; the largest page has 1,440 buckets."""
LONGEST_PAUSE: Final = 60.0
"""Seconds after which evidence is looked after although nothing is asked."""
NAMED: Final = (Unavailable, BadInput, BadConfiguration, OSError)
"""What is named, and tried again."""
WALKS: Final = ".walks"
"""The directory beside the evidence of accounts where walks are kept that are under way."""


def check_poll(settings: PollSettings) -> None:
    """See that there is a key, and a place for evidence.

    Raises:
        BadConfiguration: there is no key, or it cannot be read.
        Unavailable: evidence cannot be written.
    """
    AdminKey.load(settings.key_file)
    try:
        for directory in (settings.directory, walks_of(settings)):
            make_private(directory)
    except OSError as error:
        raise unwritable_file(settings.directory, error) from None


def walks_of(settings: PollSettings) -> Path:
    """Return the directory of an account's walks that are under way."""
    return settings.evidence / WALKS / settings.name


class Poller:
    """Asks one account for as long as it runs; ``clock`` is in Unix seconds."""

    def __init__(
        self, settings: PollSettings, health: Health, clock: Callable[[], float] = time.time
    ) -> None:
        """Open what is kept of it.

        Raises:
            BadConfiguration: there is no key.
            Unavailable: evidence cannot be written.
        """
        check_poll(settings)
        self.settings = settings
        self.health = health
        self.files = DayFiles(settings.directory, clock)
        journal = WalkJournal(walks_of(settings), self.files)
        self._transport = HttpTransport(
            settings.base_url,
            AdminKey.load(settings.key_file),
            settings.organization,
            max_bytes=MOST_BYTES,
        )
        budget = Budget(settings.requests_per_minute, settings.burst, time.monotonic, anyio.sleep)
        self.asker = Asker(self._transport, budget, clock)
        self.api = Api(settings.name, settings.plan, self.asker, journal, clock)
        self.evidence_bytes = 0

    async def run(self) -> None:
        """Ask for what is due, again and again, until somebody cancels it."""
        try:
            while True:
                pause = await self._look()
                await anyio.sleep(min(pause, LONGEST_PAUSE))
        finally:
            with anyio.CancelScope(shield=True):
                await self._transport.aclose()

    async def _look(self) -> float:
        """Ask for what is due, and look after the evidence; return when to do so again."""
        name, pause = self.settings.name, RETRY
        troubles: dict[str, str] = {}
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._note_regularly)
                found = await self.api.look()
                tasks.cancel_scope.cancel()
            pause = LONGEST_PAUSE if found is None else found
            await aiofiles.os.wrap(self.files.tidy)(self.settings.keep)
            self.evidence_bytes = await aiofiles.os.wrap(lambda: self.files.size)()
        except BaseExceptionGroup as group:
            error = first_of(group)
            if not isinstance(error, NAMED):
                raise
            troubles = {str(self.settings.directory): str(error)}
        except OSError as error:
            troubles = {str(self.settings.directory): str(error)}
        self.health.note_troubles(name, "directory", troubles)
        self._note_statuses()
        return pause

    async def _note_regularly(self) -> None:
        """Note how everything stands while something is asked for."""
        while True:
            await anyio.sleep(1.0)
            self._note_statuses()

    def _note_statuses(self) -> None:
        """Note what is refused, and what fails."""
        api, name = self.api, self.settings.name
        key = {"key": f"{name}: {api.refusal}"} if api.refusal else {}
        self.health.note_troubles(name, "key", key)
        failing = {
            part: f"{name}, {part}: {progress.message}"
            for part, progress in api.wanted_progress()
            if progress.refusal and progress.refusal != "key"
        }
        self.health.note_troubles(name, "endpoint", failing)

    def statuses(self) -> list[PartStatus]:
        """Return how each endpoint and list stands."""
        return self.api.statuses()

    def status(self) -> PollStatus:
        """Return what is shown to Prometheus."""
        statuses = self.statuses()
        return PollStatus(
            requests=dict(self.asker.requests),
            waited_seconds=self.asker.waited_seconds,
            walks=dict(self.api.walks),
            last_walk={one.part: one.live_at for one in statuses if one.live_at},
            lag={one.part: one.lag for one in statuses if one.lag is not None},
            evidence_bytes=self.evidence_bytes,
            is_refused=bool(self.api.refusal),
        )
