"""A fixture directory replayed in event time: each page comes when its last window has ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import aiofiles.os
import anyio

from stream.daemon.config import Pace
from stream.decode import Decoder
from stream.intake.entries import ChainRun
from stream.providers.endpoint import Endpoint
from stream.records.chains import Origin
from stream.records.errors import BadInput, Unavailable
from stream.records.windows import DAY, MAX_TIME
from stream.sources.files import PageFile, read_batch
from stream.sources.fixtures import Delivery, FixtureChain, discover

__all__ = ["Paced"]

Send = Callable[[Delivery], Awaitable[None]]
NEVER: Final = -1


class Due(NamedTuple):
    """A page, and the event time at which it comes, in Unix seconds."""

    at: int
    chain: FixtureChain
    file: PageFile
    last: bool


class Schedule(NamedTuple):
    """The pages in order of event time, its start and end, and how far a loop moves windows."""

    pages: list[Due]
    start: int
    end: int
    span: int


class Paced:
    """Replays a directory once, or in a loop whose windows move on by the whole span.

    The span is rounded up to whole UTC days, so that days stay days.
    """

    def __init__(self, pace: Pace, max_page_bytes: int, runs: Mapping[Origin, ChainRun]) -> None:
        """Replay as ``pace`` says; ``runs`` is what the consumer has taken."""
        self.directory = pace.path
        self.name = pace.name
        self.rate = pace.rate
        self.loop = pace.loop
        self.max_page_bytes = max_page_bytes
        self.runs = runs

    async def replay(self, send: Send) -> None:
        """Deliver the pages at their times, from where state says that it stopped.

        Raises:
            Unavailable: the directory or a file in it cannot be read, or holds no fixtures.
        """
        plan = aiofiles.os.wrap(scheduled)
        schedule: Schedule = await plan(self.directory, self.name, self.max_page_bytes)
        loop, position = self._resumed(schedule)
        # After the last loop windows would end later than a date can show.
        last = (MAX_TIME - schedule.end) // schedule.span
        while (loop == 0 or self.loop) and loop <= last:
            await self._once(schedule, loop, position, send)
            loop, position = loop + 1, 0

    async def _once(self, schedule: Schedule, loop: int, position: int, send: Send) -> None:
        """Deliver one loop's pages from a position on."""
        read = aiofiles.os.wrap(read_batch)
        shift = loop * schedule.span
        before = schedule.pages[position - 1].at if position else schedule.start
        started = anyio.current_time()
        for due in schedule.pages[position:]:
            if shift and not isinstance(due.chain.entry, Endpoint):
                continue  # a list says the same in every loop
            await anyio.sleep_until(started + (due.at - before) / self.rate)
            (page,) = await read([due.file], self.max_page_bytes)
            await send(Delivery(due.chain, page, shift, loop))
            if due.last:
                await send(Delivery(due.chain, None))
        if self.loop:
            left = schedule.start + schedule.span - before
            await anyio.sleep_until(started + left / self.rate)

    def _resumed(self, schedule: Schedule) -> tuple[int, int]:
        """Return the loop to go on in, and the first of its pages that state does not have."""
        done = [self._loop_of(due) for due in schedule.pages]
        usage = [isinstance(due.chain.entry, Endpoint) for due in schedule.pages]
        loop = max((one for one, counts in zip(done, usage, strict=True) if counts), default=NEVER)
        loop = max(loop, 0)
        for position, one in enumerate(done):
            if one < loop and (usage[position] or one == NEVER):
                return loop, position
        return loop + 1, 0

    def _loop_of(self, due: Due) -> int:
        """Return the last loop in which state took a page in."""
        run = self.runs.get(due.chain.origin)
        entry = None if run is None else run.pages.get(due.file.page)
        return NEVER if entry is None else entry.loop


def scheduled(directory: Path, name: str, max_page_bytes: int) -> Schedule:
    """Read a directory's pages for their windows, and put them in the order of their ends.

    Raises:
        Unavailable: the directory or a file in it cannot be read, or holds no fixtures.
    """
    chains, _ = discover(directory, name)
    pages: list[Due] = []
    starts: list[int] = []
    for chain in chains:
        at = 0
        for index, file in enumerate(chain.files):
            starts_, end = windows_of(chain, file, max_page_bytes)
            starts += starts_
            at = max(at, end)
            pages.append(Due(at, chain, file, index == len(chain.files) - 1))
    if not pages:
        raise Unavailable(f"{directory}: found no fixtures to replay at a pace")
    start = min(starts, default=0)
    end = max(due.at for due in pages)
    span = max(-(-(end - start) // DAY) * DAY, DAY)
    order = sorted(range(len(pages)), key=lambda one: (max(pages[one].at, start), one))
    ordered = [pages[one]._replace(at=max(pages[one].at, start)) for one in order]
    return Schedule(ordered, start, end, span)


def windows_of(chain: FixtureChain, file: PageFile, max_page_bytes: int) -> tuple[list[int], int]:
    """Return a page's window starts and its last end; of what is no page, none."""
    (page,) = read_batch([file], max_page_bytes)
    if not isinstance(chain.entry, Endpoint) or page.error is not None:
        return [], 0
    try:
        buckets = Decoder(chain.entry).decode(page.payload, tolerant=True).buckets
    except BadInput:
        return [], 0
    windows = [bucket.window for bucket in buckets]
    return [one.start for one in windows], max((one.end for one in windows), default=0)
