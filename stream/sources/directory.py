"""A directory as a source: its fixtures and its captures, looked at once or again and again."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Final, NamedTuple

import aiofiles.os

from stream.records.errors import Unavailable
from stream.sources.captures import Capture, Captures, captures_in, is_one
from stream.sources.discovery import FixtureChain, discover_chains
from stream.sources.fixtures import Fixtures
from stream.sources.settling import Patience, Settling
from stream.sources.source import ReadOptions, Send
from stream.sources.watch import changes_in

__all__ = ["Directory", "Survey"]

LOOK_AGAIN: Final = 0.5
"""Seconds after which a file is looked at again that is not whole yet."""


class Survey(NamedTuple):
    """What stands in a directory; ``unknown`` are files that are no pages."""

    chains: list[FixtureChain]
    captures: list[Capture]
    unknown: frozenset[str]
    inode: tuple[int, int] | None


class Directory:
    """The pages of a directory, or of the one capture that ``place`` is.

    With ``patience`` a file that may still be written to is waited for; without, everything is
    taken as it stands.
    """

    def __init__(
        self,
        place: Path,
        name: str,
        positions: Mapping[str, bytes],
        options: ReadOptions,
        patience: Patience | None = None,
    ) -> None:
        """Begin where ``positions`` say; ``name`` is what the parts are known by."""
        self.place = place
        self.name = name
        self.options = options
        self.settling = Settling(patience)
        self.fixtures = Fixtures(name, positions, options, self.settling)
        self.captures = Captures(name, positions, options, self.settling)
        self.unknown: frozenset[str] = frozenset()
        """Files that are no pages, when it was last looked at."""
        self.has_survey = False
        """Whether it could be read once, if not each file in it."""
        self._inode: tuple[int, int] | None = None

    def follow(self, options: ReadOptions, patience: Patience) -> None:
        """Go on by other settings."""
        self.options = self.fixtures.options = self.captures.options = options
        self.settling.patience = patience

    def survey(self) -> Survey:
        """See what stands there.

        Raises:
            Unavailable: the directory cannot be read.
        """
        if is_one(self.place):
            return Survey([], captures_in(self.place), frozenset(), None)
        chains, unknown = discover_chains(self.place)
        try:
            status = self.place.stat()
        except OSError as error:
            raise Unavailable(f"{self.place}: cannot be read ({error.strerror})") from None
        inode = status.st_dev, status.st_ino
        return Survey(chains, captures_in(self.place), frozenset(unknown), inode)

    async def look(self, send: Send) -> float | None:
        """Emit what is news; return after how many seconds to look again, ``None``: never.

        Raises:
            Unavailable: the directory or a file in it cannot be read; all else was emitted.
        """
        return await self.deliver(await aiofiles.os.wrap(self.survey)(), send)

    async def deliver(self, survey: Survey, send: Send) -> float | None:
        """Emit what is news of what stands there; return as :meth:`look`.

        Raises:
            Unavailable: as :meth:`look`.
        """
        self.unknown, self._inode, self.has_survey = survey.unknown, survey.inode, True
        self.settling.forget_changed()
        failed, whole = None, True
        try:
            whole = await self.fixtures.deliver(survey.chains, send)
        except Unavailable as error:
            if self.settling.patience is None:
                raise
            failed = error
        whole = await self.captures.deliver(survey.captures, send) and whole
        if failed is not None:
            raise failed
        if self.settling.patience is None:
            return None
        rescan = self.settling.patience.rescan
        return rescan if whole else min(rescan, LOOK_AGAIN)

    async def changes(self) -> AsyncGenerator[None]:
        """Yield when the kernel tells of a change, and at times when nothing was told for long.

        Raises:
            Unavailable: the directory cannot be watched; it is looked at all the same.
        """
        patience = self.settling.patience
        assert patience is not None  # noqa: S101 -- who has no patience does not watch
        async with aclosing(changes_in(self.place, patience.rescan)) as told:
            async for changed in told:
                if changed:
                    yield
                if self._inode is not None and inode_of(self.place) != self._inode:
                    return  # another directory stands there: it has to be watched anew


def inode_of(place: Path) -> tuple[int, int] | None:
    """Return what tells a directory from another that stands in its place."""
    try:
        status = os.stat(place)  # noqa: PTH116 -- as short
    except OSError:
        return None
    return status.st_dev, status.st_ino
