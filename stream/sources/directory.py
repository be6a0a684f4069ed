"""A directory as a source: its fixtures and its captures, looked at once or again and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import aiofiles.os

from stream.records.errors import Unavailable
from stream.sources.capture_source import Captures
from stream.sources.captures import Capture, captures_in, is_one
from stream.sources.discovery import FixtureChain, discover_chains
from stream.sources.fixtures import Fixtures
from stream.sources.settling import Patience, Settling
from stream.sources.source import ReadOptions, Send

__all__ = ["Directory", "Survey"]

LOOK_AGAIN: Final = 0.5
"""Seconds after which a file is looked at again that is not whole yet."""


class Survey(NamedTuple):
    """What stands in a directory; ``unknown`` are files that are no pages."""

    chains: list[FixtureChain]
    captures: list[Capture]
    unknown: frozenset[str]


class Directory:
    """The pages of a directory, or of the one capture that ``place`` is.

    With ``patience`` a file that may still be written to is waited for; without, everything is
    taken as it stands.
    """

    def __init__(  # noqa: PLR0913, PLR0917 -- a directory, and how it is looked at
        self,
        place: Path,
        name: str,
        positions: Mapping[str, bytes],
        options: ReadOptions,
        patience: Patience | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        """Begin where ``positions`` say; ``name`` is what the parts are known by.

        ``clock``, in Unix seconds, says when lines are due that lay ahead of it.
        """
        self.place = place
        self.name = name
        self.options = options
        self.settling = Settling(patience)
        self.fixtures = Fixtures(name, positions, options, self.settling)
        self.captures = Captures(name, positions, options, self.settling, clock)
        self.unknown: frozenset[str] = frozenset()
        """Files that are no pages, when it was last looked at."""
        self.unreadable_files: dict[str, str] = {}
        """Files that could not be read, and why, when it was last looked at."""
        self.has_survey = False
        """Whether it could be read once, if not each file in it."""

    def follow(self, options: ReadOptions, patience: Patience) -> None:
        """Go on by other settings."""
        self.options = self.fixtures.options = options
        self.captures.follow(options)
        self.settling.patience = patience

    def survey(self) -> Survey:
        """See what stands there.

        Raises:
            Unavailable: the directory cannot be read.
        """
        if is_one(self.place):
            return Survey([], captures_in(self.place), frozenset())
        chains, unknown = discover_chains(self.place)
        return Survey(chains, captures_in(self.place), frozenset(unknown))

    async def look(self, send: Send) -> float | None:
        """Emit what is news; return after how many seconds to look again, ``None``: never.

        Raises:
            Unavailable: the directory or a file in it cannot be read; all else was emitted.
        """
        self.unreadable_files = {}
        return await self.deliver(await aiofiles.os.wrap(self.survey)(), send)

    async def deliver(self, survey: Survey, send: Send) -> float | None:
        """Emit what is news of what stands there; return as :meth:`look`.

        Raises:
            Unavailable: as :meth:`look`.
        """
        self.unknown, self.has_survey = survey.unknown, True
        self.settling.forget_changed()
        failed, whole = None, True
        try:
            whole = await self.fixtures.deliver(survey.chains, send)
        except Unavailable as error:
            if self.settling.patience is None:
                raise
            failed = error
        try:
            whole = await self.captures.deliver(survey.captures, send) and whole
        finally:
            self.unreadable_files = {
                **self.fixtures.unreadable_files,
                **self.captures.unreadable_files,
            }
        if failed is not None:
            raise failed
        if self.settling.patience is None:
            return None
        rescan = self.settling.patience.rescan
        due = self.captures.seconds_until_due
        pause = rescan if due is None else min(rescan, max(due, LOOK_AGAIN))
        return pause if whole else min(rescan, LOOK_AGAIN)
