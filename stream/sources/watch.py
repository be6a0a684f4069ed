"""Watched directories: pages are taken in as they land, whatever told that they did.

A look at the directory decides what is new, by comparing each file with what was delivered; what
the kernel tells only says when to look. So an event that is lost costs time, and no page.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final, NamedTuple

import aiofiles.os
import anyio
from watchfiles import Change, awatch

from stream.intake.entries import ChainRun
from stream.records.chains import Origin
from stream.records.errors import Unavailable
from stream.sources.files import (
    Fixture,
    PageFile,
    open_elsewhere,
    read_batch,
    signature_of,
    spelled,
)
from stream.sources.fixtures import Delivery, FixtureChain, discover, entry_named
from stream.sources.lines import whole

__all__ = ["Patience", "Watched"]

LOOK_AGAIN: Final = 0.5
TELLING: Final = 1000  # milliseconds after which the watcher reports that nothing happened
DEBOUNCE: Final = 200
STEP: Final = 50

Send = Callable[[Delivery], Awaitable[None]]


class Patience(NamedTuple):
    """How long, in seconds, a broken file may be written to, and until directories are seen again.

    ``max_page_bytes`` is how large a page may be.
    """

    settle: float
    rescan: float
    max_page_bytes: int


class Watched:
    """One directory, and what has been delivered of it; ``runs`` is what the consumer has taken."""

    def __init__(
        self, directory: Path, name: str, patience: Patience, runs: Mapping[Origin, ChainRun]
    ) -> None:
        """Watch ``directory`` as the source ``name``."""
        self.directory = directory
        self.name = name
        self.patience = patience
        self.runs = runs
        self.unknown: frozenset[str] = frozenset()
        """Files that have no fixture's name."""
        self.failed: Unavailable | None = None
        """What could not be read when the directory was last looked at."""
        self.wake = anyio.Event()
        """Set when it is time to look; whoever waits for it puts a new one there."""
        self._sent: dict[tuple[Origin, int], str | None] = {}
        self._seen: dict[Path, tuple[str | None, float]] = {}
        self._ended: set[Origin] = set()
        self._place: tuple[int, int] | None = None
        self._telling: anyio.CancelScope | None = None

    async def scan(self, send: Send) -> float:
        """Deliver what is new; return after how many seconds to look again at the latest.

        Raises:
            Unavailable: the directory cannot be read. A file that cannot be is in ``failed``.
        """
        look = aiofiles.os.wrap(looked_at)
        chains, self.unknown, signatures, place = await look(self.directory, self.name)
        if place != self._place and self._telling is not None:
            self._telling.cancel()  # another directory stands there: it has to be watched anew
        self._place, self.failed = place, None
        pause = self.patience.rescan
        there = {chain.origin for chain in chains}
        chains += [
            FixtureChain(entry_named(origin.chain.endpoint), origin)
            for origin, run in self.runs.items()
            if origin.source == self.name and origin not in there and self._gone_of(run)
        ]
        for chain in chains:
            try:
                whole = await self._walk(chain, signatures, send)
            except Unavailable as error:  # of one chain's file; the others go on
                self.failed = self.failed or error
                whole = False
            pause = pause if whole else min(pause, LOOK_AGAIN)
        return pause

    async def _walk(
        self, chain: FixtureChain, signatures: Mapping[Path, str | None], send: Send
    ) -> bool:
        """Deliver a chain's new pages in order, up to one that is not there or not whole yet."""
        origin = chain.origin
        sent = whole = False
        for page in self._gone(chain):
            self._sent.pop((origin, page.page), None)
            await send(Delivery(chain, page, gone=True))
        rivals = self._rivals(chain)
        fresh = [
            file
            for file in self._in_reach(chain)
            if file.path is not None and signatures.get(file.path) != self._known(origin, file.page)
        ]
        for rival in rivals:
            sent = True
            self._sent[origin, rival.page] = rival.signature
            await send(Delivery(chain, rival))
        async for fixture in self._read(fresh):
            if fixture is None:
                break
            sent = True
            self._sent[origin, fixture.page] = fixture.signature
            await send(Delivery(chain, fixture))
        else:
            whole = True
        if sent or origin not in self._ended:
            self._ended.add(origin)
            await send(Delivery(chain, None))
        return whole

    def again(self, origin: Origin, page: int) -> None:
        """Deliver a page once more, with the next look."""
        self._sent[origin, page] = None
        self.wake.set()

    def _known(self, origin: Origin, page: int) -> str | None:
        """Return the signature of what was delivered of a page."""
        if (origin, page) in self._sent:
            return self._sent[origin, page]
        run = self.runs.get(origin)
        return run.pages[page].signature if run is not None and page in run.pages else None

    def _gone(self, chain: FixtureChain) -> list[Fixture]:
        """Find pages that were set aside, and whose files are gone."""
        run = self.runs.get(chain.origin)
        there = {file.page for file in chain.files} | chain.faults.keys()
        return [] if run is None else self._gone_of(run, there)

    @staticmethod
    def _gone_of(run: ChainRun, there: AbstractSet[int] = frozenset()) -> list[Fixture]:
        """Find them among a chain's pages; ``there`` are the numbers that have files."""
        return [
            Fixture(entry.name, entry.page, b"", None)
            for entry in run.pages.values()
            if entry.set_aside and entry.page not in there
        ]

    def _rivals(self, chain: FixtureChain) -> list[Fixture]:
        """Make a page of two files for one, or of a page 0, to be set aside."""
        found = []
        for number, named in sorted(chain.faults.items()):
            names = [name for name, _ in named]
            marks = " ".join(str(signature_of(self.directory / name)) for name in names)
            if marks != self._known(chain.origin, number):
                found.append(Fixture(spelled(names[0]), number, b"", None, named[0][1], marks))
        return found

    def _in_reach(self, chain: FixtureChain) -> list[PageFile]:
        """Return the files up to the first page that nobody has seen; those behind it wait."""
        run = self.runs.get(chain.origin)
        known = run.pages.keys() if run is not None else set[int]()
        there = {file.page for file in chain.files} | chain.faults.keys() | known
        last = 0
        while last + 1 in there:
            last += 1
        return [file for file in chain.files if file.page <= last]

    async def _read(self, files: list[PageFile]) -> AsyncIterator[Fixture | None]:
        """Read pages in order; ``None`` where one is still being written, or is gone again."""
        read = aiofiles.os.wrap(read_batch)
        position, width = 0, len(files)
        while position < len(files):
            some = files[position : position + width]
            try:
                batch: list[Fixture] = await read(some, self.patience.max_page_bytes)
            except Unavailable:
                if len(some) > 1:
                    width = 1
                    continue
                if some[0].path is not None and signature_of(some[0].path) is not None:
                    raise
                yield None
                return
            for fixture in batch:
                path = files[position].path
                position += 1
                if path is not None and not self._settled(fixture, path):
                    yield None
                    return
                yield fixture

    def _settled(self, fixture: Fixture, path: Path) -> bool:
        """Tell whether a file is whole, or broken and was left alone for long."""
        if fixture.error is not None:
            return True
        now = time.monotonic()
        signature, since = self._seen.get(path, (None, now))
        if signature != fixture.signature:
            since = now
        self._seen[path] = (fixture.signature, since)
        quiet = now - since >= self.patience.settle or aged(path) >= self.patience.settle
        ending = fixture.payload.rstrip().endswith(b"}")
        settled = quiet or whole(fixture.payload) if ending else quiet and not open_elsewhere(path)
        if settled:
            self._seen.pop(path, None)
        return settled

    async def told(self) -> AsyncIterator[None]:
        """Yield when the kernel tells of a change, and when nothing was told for long.

        Raises:
            Unavailable: the directory cannot be watched; it is looked at all the same.
        """
        with anyio.move_on_after(self.patience.rescan) as self._telling:
            first = True
            try:
                async for changes in awatch(
                    self.directory,
                    watch_filter=is_visible,
                    debounce=DEBOUNCE,
                    step=STEP,
                    rust_timeout=TELLING,
                    yield_on_timeout=True,
                    recursive=False,
                ):
                    if changes or first:
                        yield
                    first = False
            except (OSError, RuntimeError) as error:
                raise Unavailable(f"{self.directory}: cannot be watched ({error})") from None


def is_visible(_: Change, path: str) -> bool:
    """Tell whether a file may be a page; hidden ones are being written."""
    return not os.path.basename(path).startswith(".")  # noqa: PTH119 -- called for every event


def looked_at(
    directory: Path, name: str
) -> tuple[list[FixtureChain], frozenset[str], dict[Path, str | None], tuple[int, int]]:
    """Look at a directory: its chains, files that are no fixtures, signatures, and its inode."""
    chains, unknown = discover(directory, name)
    paths = [file.path for chain in chains for file in chain.files if file.path is not None]
    signatures = {path: signature_of(path) for path in paths}
    try:
        status = directory.stat()
    except OSError as error:
        raise Unavailable(f"{directory}: cannot be read ({error.strerror})") from None
    return chains, frozenset(unknown), signatures, (status.st_dev, status.st_ino)


def aged(path: Path) -> float:
    """Return how many seconds ago a file was written to; one that is gone is not old."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0
