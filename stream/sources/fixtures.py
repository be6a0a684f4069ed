"""Fixtures as a source: a page in each file, emitted when it is new or has changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

import aiofiles.os
import anyio
from xxhash import xxh3_64_digest, xxh3_64_intdigest

from stream.providers.endpoint import Endpoint, ObjectList
from stream.providers.openai import ENDPOINTS, LISTS
from stream.records.chains import Chain
from stream.records.delivery import Delivery, Page, Part
from stream.records.errors import BadInput, Unavailable
from stream.records.privacy import spell_name
from stream.sources.captures import Capture, is_capture_part
from stream.sources.contents import entry_in
from stream.sources.discovery import FixtureChain
from stream.sources.files import BATCH_FILES, FilePage, PageFile, read_at_hand, read_batch
from stream.sources.regular_files import make_buffer, signature_of
from stream.sources.settling import Settling, is_whole
from stream.sources.source import ReadOptions, Send

__all__ = ["Fixtures", "part_name_of", "unsigned_position"]

CHAINS_AT_ONCE: Final = 4
FAULTY: Final = b"-"
"""What the position of a part has in the place of its content that could not be read."""
MARK: Final = 8
"""How many bytes of a position tell a file's signature, and how many its content."""


class Fixtures:
    """The fixtures of one directory; a part is a page, named by its chain and number."""

    def __init__(
        self, source: str, positions: Mapping[str, bytes], options: ReadOptions, settling: Settling
    ) -> None:
        """Know what ``positions`` say; what could not be read then is read again."""
        self.source = source
        self.options = options
        self.settling = settling
        self.unreadable_files: dict[str, str] = {}
        """Files that could not be read, and why, when they were last looked at."""
        self.other_files: dict[str, tuple[bytes, Capture]] = {}
        """Part → a file that is no page, though its name says so, and its signature's mark."""
        self.known_pages = {
            name: position
            for name, position in positions.items()
            if not is_capture_part(name) and len(position) > MARK + len(FAULTY)
        }

    async def deliver(self, chains: Sequence[FixtureChain], send: Send) -> bool:
        """Emit pages that are new or have changed; return whether all of them were whole.

        Raises:
            Unavailable: a file cannot be read; the others were emitted.
        """
        turns = anyio.Semaphore(CHAINS_AT_ONCE)
        outcomes: list[bool] = []
        self.unreadable_files = {}
        failed: list[Unavailable] = []

        async def take_turn(chain: FixtureChain) -> None:
            try:
                outcomes.append(await self._deliver_chain(chain, send))
            except Unavailable as error:
                if self.settling.patience is None:
                    raise
                failed.append(error)
            finally:
                turns.release()

        await self._deliver_gone(chains, send)
        self._forget_others(chains)
        async with anyio.create_task_group() as tasks:
            for chain in chains:
                await turns.acquire()
                tasks.start_soon(take_turn, chain)
        if failed:
            raise failed[0]
        return all(outcomes)

    async def _deliver_gone(self, chains: Sequence[FixtureChain], send: Send) -> None:
        """Emit which parts are not there any more."""
        if not self.known_pages:
            return
        there = {
            part_name_of(chain.chain, number)
            for chain in chains
            for number in (file.page for file in chain.files)
        } | {
            rival_of(chain.chain, number, name)
            for chain in chains
            for number, found in chain.faults.items()
            for name, _ in found
        }
        for name in sorted(self.known_pages.keys() - there):
            position = self.known_pages[name]
            await send(Delivery(Part(self.source, name), name, None, position, is_gone=True))
            del self.known_pages[name]  # what returns is news

    def _forget_others(self, chains: Sequence[FixtureChain]) -> None:
        """Forget files that are gone, or that have changed, and may be pages now."""
        if self.other_files:
            there = {
                part_name_of(chain.chain, file.page): (file.path, chain.chain.view)
                for chain in chains
                for file in chain.files
            }
            self.other_files = {
                part: (mark, capture)
                for part, (mark, capture) in self.other_files.items()
                if part in there and mark == file_mark_of(*there[part])
            }

    async def _deliver_chain(self, chain: FixtureChain, send: Send) -> bool:
        """Emit the pages of one chain in order; return whether all of them were whole.

        Raises:
            Unavailable: a file cannot be read; the others were emitted.
        """
        for number in sorted(chain.faults):
            for name, error in chain.faults[number]:
                await self._deliver_fault(chain, number, name, error, send)
        files = chain.files
        if self.known_pages or self.other_files:
            files = await aiofiles.os.wrap(self._changed_files)(chain)
        whole, failed = True, None
        async for page in self._read(files):
            if isinstance(page, Unavailable):
                failed = failed or page
            elif page is None or not self._is_settled(page):
                whole = False
            elif not page.is_page or is_of_another(chain.chain, page.content):
                self._give_away(chain, page)
            else:
                await self._send(chain, page, send)
        if failed is not None:
            raise failed
        return whole

    def _give_away(self, chain: FixtureChain, page: FilePage) -> None:
        """Note that a file is to be read by its content, and not as a page of its chain."""
        name, (endpoint, label, view) = spell_name(page.file.name), chain.chain
        capture = Capture(page.file.path, name, entry_of_key(endpoint), label, chain.views)
        part = part_name_of(chain.chain, page.file.page)
        self.other_files[part] = mark_of(page.signature, view), capture

    async def _deliver_fault(
        self, chain: FixtureChain, number: int, name: str, error: BadInput, send: Send
    ) -> None:
        """Emit a file that is one of several for its page, or that has an impossible number."""
        part = rival_of(chain.chain, number, name)
        position = file_mark_of(chain.directory / name, chain.chain.view) + FAULTY
        if self.known_pages.get(part) != position:
            page = Page(chain.chain, number, b"", number, error=error)
            await send(
                Delivery(
                    Part(self.source, part), spell_name(name), page, position, begins_anew=True
                )
            )
            self._note(part, position)

    def _changed_files(self, chain: FixtureChain) -> list[PageFile]:
        """Return the files that are not as they were when they were read."""
        return [
            file
            for file in chain.files
            if (part := part_name_of(chain.chain, file.page)) not in self.other_files
            and (
                (known := self.known_pages.get(part)) is None
                or known[:MARK] != file_mark_of(file.path, chain.chain.view)
            )
        ]

    async def _read(
        self, files: Sequence[PageFile]
    ) -> AsyncIterator[FilePage | Unavailable | None]:
        """Read pages in order, some at a time; ``None`` where one is gone again.

        Raises:
            Unavailable: one cannot be read, and nobody will look again.
        """
        at_hand = self.settling.patience is None  # else others are answered meanwhile
        read, buffer = aiofiles.os.wrap(read_batch), make_buffer() if at_hand else bytearray()
        max_bytes, digests = self.options.max_page_bytes, self.options.digests
        position, width = 0, BATCH_FILES
        while position < len(files):
            some = files[position : position + width]
            batch: list[FilePage | Unavailable | None] = []
            try:
                if at_hand:
                    batch += read_at_hand(some, max_bytes, buffer, digests)
                if not batch:
                    batch += await read(some, max_bytes, digests)
            except Unavailable as error:
                if self.settling.patience is None:
                    raise
                if len(some) > 1:
                    width = 1
                    continue
                is_gone = signature_of(some[0].path) is None
                batch = [None if is_gone else error]
                if not is_gone:
                    self.unreadable_files[spell_name(some[0].name)] = str(error)
            position += len(batch)
            while batch:
                yield batch.pop(0)

    def _is_settled(self, page: FilePage) -> bool:
        """Tell whether a file is whole, or broken and was left alone for long."""
        if self.settling.patience is None or not page.is_page:
            return True
        if page.error is not None:  # what does not expand may not be whole yet
            packed = page.error.reason == "capture"
            return not packed or self.settling.is_settled(
                page.file.path, page.signature, sound=False
            )
        if is_whole(page.content):
            return True
        ending = page.content.rstrip().endswith(b"}")
        return self.settling.is_settled(page.file.path, page.signature, sound=ending)

    async def _send(self, chain: FixtureChain, read: FilePage, send: Send) -> None:
        """Emit a page; one whose content is what it was brings a position alone."""
        number, error = read.file.page, read.error
        name = part_name_of(chain.chain, number)
        position, page = b"", None
        if self.options.has_positions:
            position = position_of(read, chain.chain.view)
        known = self.known_pages.get(name) if self.known_pages else None
        if known is None or error is not None or not known.endswith(position[-MARK:]):
            page = Page(
                chain.chain, number, read.content, number, 0, None, error, seconds=read.seconds
            )
        part, anew = Part(self.source, name), page is not None
        await send(Delivery(part, spell_name(read.file.name), page, position, read.digest, anew))
        self._note(name, position)

    def _note(self, name: str, position: bytes) -> None:
        """Remember what was emitted, where somebody will look again."""
        if self.settling.patience is not None:
            self.known_pages[name] = position


@cache
def entry_of_key(key: str) -> Endpoint | ObjectList:
    """Return the registry's entry of a chain."""
    return ENDPOINTS.get(key) or LISTS[key]


@cache
def kind_of_key(key: str) -> bytes:
    """Return what the rows of an endpoint, or the elements of a list, call themselves."""
    entry = entry_of_key(key)
    return (entry.result if isinstance(entry, Endpoint) else entry.element).encode()


def is_of_another(chain: Chain, page: bytes) -> bool:
    """Tell whether all rows of a page name one endpoint, and another one than its file's name."""
    kind = kind_of_key(chain.endpoint)
    if kind in page:  # as what is empty is in all
        return False
    found = entry_in(page, alone=True)
    return found is not None and found != entry_of_key(chain.endpoint)


def part_name_of(chain: Chain, number: int) -> str:
    """Return the name of a page's part."""
    return f"{chain.endpoint}/{chain.label}/{number}"


def position_of(read: FilePage, view: str) -> bytes:
    """Return a file as it was read: what tells its signature, and its content, from others.

    What was asked for in another way is other content.
    """
    seen = mark_of(read.signature, view)
    if read.error is not None:
        return seen + FAULTY
    return seen + xxh3_64_digest(read.content, seed_of(view))


def unsigned_position(part: str, position: bytes) -> bytes:
    """Return a part's position as if its file was touched: it is read, and its content no news."""
    if is_capture_part(part):
        from stream.sources.capture_parts import unsigned_place  # noqa: PLC0415 -- captures alone need it

        return unsigned_place(position)
    return bytes(MARK) + position[MARK:]


def file_mark_of(path: Path, view: str) -> bytes:
    """Return the mark of a file as it is now."""
    return mark_of(signature_of(path), view)


def mark_of(signature: str | None, view: str) -> bytes:
    """Return eight bytes that tell a signature, of a page of a view, from others."""
    return xxh3_64_digest(str(signature).encode(), seed_of(view))


@lru_cache(maxsize=64)
def seed_of(view: str) -> int:
    """Return what digests begin with: 0 where nobody knows the view."""
    return xxh3_64_intdigest(view.encode()) if view else 0


def rival_of(chain: Chain, number: int, name: str) -> str:
    """Return the name of the part of a file that cannot be a page, as another has its number."""
    return f"{part_name_of(chain, number)}/{spell_name(name)}"
