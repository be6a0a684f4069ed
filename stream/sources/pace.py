"""A fixture directory replayed in event time: each page comes when its last window has ended.

In a loop every window moves on by the whole span; pages are emitted with the moved times in them,
so that nobody behind the source knows of loops.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiofiles.os
import msgspec
from msgspec import Raw

from stream.decode import Decoder
from stream.decode.values import time_of
from stream.providers.openai import ENDPOINTS
from stream.records.delivery import Delivery, Page, Part
from stream.records.errors import BadInput, Unavailable
from stream.records.privacy import spell_name
from stream.records.windows import DAY, MAX_TIME
from stream.sources.discovery import FixtureChain, discover_chains
from stream.sources.files import FilePage, PageFile, read_batch, several_pages
from stream.sources.fixtures import part_name_of
from stream.sources.source import ReadOptions, Send

__all__ = ["Pace", "move_page"]

NEVER: Final = -1
TIMES: Final = ("start_time", "end_time", "timestamp")
"""The members of a bucket, or of a day of line items, that say when it is."""


class DuePage(NamedTuple):
    """A page, and the event time at which it comes, in Unix seconds."""

    time: int
    chain: FixtureChain
    file: PageFile

    @property
    def part(self) -> str:
        """The name of its part."""
        return part_name_of(self.chain.chain, self.file.page)

    @property
    def usage(self) -> bool:
        """Whether it has windows, which move on with every loop."""
        return self.chain.chain.endpoint in ENDPOINTS


class Schedule(NamedTuple):
    """The pages in order of event time, its start and end, and how far a loop moves windows."""

    pages: list[DuePage]
    start: int
    end: int
    span: int


class Pace:
    """Replays a directory once, or in a loop whose windows move on by the whole span.

    The span is rounded up to whole UTC days, so that days stay days. ``rate`` is how many seconds
    of event time pass in one of ``clock``. A part is a page, and its position the last loop in
    which it was emitted.
    """

    def __init__(  # noqa: PLR0913 -- a pace is a directory, a rate and whether it loops
        self,
        place: Path,
        name: str,
        positions: Mapping[str, bytes],
        options: ReadOptions,
        *,
        rate: float,
        loop: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin where ``positions`` say; ``name`` is what the parts are known by."""
        self.place = place
        self.name = name
        self.options = options
        self.rate = rate
        self.loops = loop
        self.clock = clock
        self.unreadable_files: dict[str, str] = {}
        """The file that could not be read, and why, when it was last looked at."""
        self._positions = positions
        self._schedule: Schedule | None = None
        self._loop = 0
        self._next = 0
        self._since = 0.0
        """When, by the clock, event time stood at ``_origin``."""
        self._origin = 0

    def follow(self, options: ReadOptions, _: object) -> None:
        """Go on by other settings."""
        self.options = options

    async def look(self, send: Send) -> float | None:
        """Emit the pages that are due; return after how many seconds the next is, ``None``: none.

        Raises:
            Unavailable: the directory or a file in it cannot be read, or holds no fixtures.
        """
        self.unreadable_files = {}
        if self._schedule is None:
            plan = aiofiles.os.wrap(schedule_pages)
            self._begin(await plan(self.place, self.options.max_page_bytes))
        schedule = self._schedule
        assert schedule is not None  # noqa: S101 -- made above
        loops = self.loops and any(due.usage for due in schedule.pages)
        # After the last loop windows would end later than a date can show.
        last = (MAX_TIME - schedule.end) // schedule.span if loops else 0
        while self._loop <= last:
            if self._next == len(schedule.pages):
                self._loop, self._next = self._loop + 1, 0
                continue
            due = schedule.pages[self._next]
            if self._loop and not due.usage:
                self._next += 1  # a list says the same in every loop
                continue
            at = self._loop * schedule.span + due.time
            wait = self._since + (at - self._origin) / self.rate - self.clock()
            if wait > 0:
                return wait
            await self._emit(due, self._loop * schedule.span, send)
            self._next += 1
        return None

    def _begin(self, schedule: Schedule) -> None:
        """Begin with the first page that was not emitted yet."""
        self._schedule, self._since = schedule, self.clock()
        self._loop, self._next = self._place_to_resume(schedule)
        before = schedule.pages[self._next - 1].time if self._next else schedule.start
        self._origin = self._loop * schedule.span + before

    async def _emit(self, due: DuePage, shift: int, send: Send) -> None:
        """Emit a page, its windows moved on by ``shift`` seconds.

        Raises:
            Unavailable: it cannot be read.
        """
        read = aiofiles.os.wrap(read_batch)
        try:
            found: list[FilePage] = await read(
                [due.file], self.options.max_page_bytes, self.options.digests
            )
        except Unavailable as error:
            self.unreadable_files[spell_name(due.file.name)] = str(error)
            raise
        page, number = found[0], due.file.page
        fault = page.error if page.is_page else several_pages()
        content = move_page(page.content, shift) if shift and fault is None else page.content
        await send(
            Delivery(
                Part(self.name, due.part),
                spell_name(due.file.name),
                # In the next loop it comes again, with other windows.
                Page(due.chain.chain, number, content, number, error=fault, final=False),
                b"%d" % self._loop,
                page.digest,
                begins_anew=not shift,
            )
        )

    def _place_to_resume(self, schedule: Schedule) -> tuple[int, int]:
        """Return the loop to go on in, and the first of its pages that was not emitted."""
        done = [int(self._positions.get(due.part, NEVER)) for due in schedule.pages]
        usage = [due.usage for due in schedule.pages]
        loop = max((one for one, counts in zip(done, usage, strict=True) if counts), default=NEVER)
        loop = max(loop, 0)
        for position, one in enumerate(done):
            if one < loop and (usage[position] or one == NEVER):
                return loop, position
        return loop + 1, 0


def move_page(content: bytes, shift: int) -> bytes:
    """Return a page with every window moved on by so many seconds; what is no page stays as it is.

    Everything but times keeps its bytes: an amount has more digits than a float.
    """
    try:
        page = msgspec.json.decode(content, type=dict[str, Raw])
        for name in ("data", "daily_costs"):
            written = bytes(page.get(name, b"null"))
            if written != b"null":
                elements = msgspec.json.decode(written, type=list[dict[str, Raw]])
                page[name] = Raw(
                    msgspec.json.encode([move_element(one, shift) for one in elements])
                )
        return msgspec.json.encode(page)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, BadInput):
        return content


def move_element(element: dict[str, Raw], shift: int) -> dict[str, Raw]:
    """Move the times of one element; a time in ISO is written in seconds.

    Raises:
        BadInput: a time is none.
    """
    found = dict(element)
    for name in TIMES:
        written = [found.pop(f"{name}_iso", None), found.pop(name, None)]
        for one in written:
            value: Any = None if one is None else msgspec.json.decode(one)
            if value is not None:
                found[name] = Raw(b"%d" % (time_of(value, name) + shift))
    return found


def schedule_pages(directory: Path, max_page_bytes: int) -> Schedule:
    """Read a directory's pages for their windows, and put them in the order of their ends.

    Raises:
        Unavailable: the directory or a file in it cannot be read, or holds no fixtures.
    """
    survey = discover_chains(directory)
    for fault in survey.request_faults:
        raise Unavailable(f"{directory}: {fault}")
    pages: list[DuePage] = []
    starts: list[int] = []
    for chain in survey.chains:
        at = 0
        for file in chain.files:
            starts_, end = windows_of(chain, file, max_page_bytes)
            starts += starts_
            at = max(at, end)
            pages.append(DuePage(at, chain, file))
    if not pages:
        raise Unavailable(f"{directory}: found no fixtures to replay at a pace")
    start = min(starts, default=0)
    end = max(due.time for due in pages)
    span = max(-(-(end - start) // DAY) * DAY, DAY)
    order = sorted(range(len(pages)), key=lambda one: (max(pages[one].time, start), one))
    ordered = [pages[one]._replace(time=max(pages[one].time, start)) for one in order]
    return Schedule(ordered, start, end, span)


def windows_of(chain: FixtureChain, file: PageFile, max_page_bytes: int) -> tuple[list[int], int]:
    """Return a page's window starts and its last end; of what is no page, none."""
    (page,) = read_batch([file], max_page_bytes)
    endpoint = ENDPOINTS.get(chain.chain.endpoint)
    if endpoint is None or page.error is not None:
        return [], 0
    try:
        buckets = Decoder(endpoint).decode(page.content, tolerant=True).buckets
    except BadInput:
        return [], 0
    windows = [bucket.window for bucket in buckets]
    return [one.start for one in windows], max((one.end for one in windows), default=0)
