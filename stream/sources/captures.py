"""Captures: many pages in one file, a line for each, read on from where they were left.

What was read before must still stand at a capture's start; then the rest is read alone, and
otherwise all of it anew. The end of a file that is no whole line may still be written to, and waits
until it is one, or the file was left alone for long.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import aiofiles.os
from msgspec.msgpack import decode, encode

from stream.decode.foreign import foreign_bytes
from stream.providers.endpoint import Endpoint, ObjectList
from stream.records.chains import PRIMARY, Chain
from stream.records.delivery import UNKNOWN_CHAIN, Delivery, Page, Part
from stream.records.errors import BadInput, Unavailable
from stream.sources.contents import entry_in, is_bare
from stream.sources.documents import read_documents
from stream.sources.envelope import decode_envelope
from stream.sources.files import signature_of, spell_name
from stream.sources.lines import CaptureReader, Line
from stream.sources.names import EXPECTATIONS, NAMES_WANTED, stem_of_name
from stream.sources.settling import Settling
from stream.sources.source import ReadOptions, Send

__all__ = [
    "Capture",
    "Captures",
    "captures_in",
    "expectations_beside",
    "is_capture",
    "is_input",
    "is_one",
    "page_of",
    "stem_of",
]

NAME: Final = re.compile(r".+\.ndjson(?:\.gz|\.zst)?", re.DOTALL)
UNNAMED: Final = "found a page whose rows do not say of which endpoint they are"
NOT_CAPTURES: Final = frozenset({"dead_letters.ndjson"})


class Capture(NamedTuple):
    """A file of many pages; ``name`` is what people are told.

    ``entry`` and ``label`` are those of pages without an envelope whose rows do not say it.
    """

    path: Path
    name: str
    entry: Endpoint | ObjectList | None = None
    label: str = PRIMARY

    @property
    def part(self) -> str:
        """The name of its part; a fixture's has a slash too, and never begins so."""
        return f"./{self.name}" if "/" in self.name else self.name


class CapturePlace(NamedTuple):
    """How far a capture was read: the ``line``, the ``offset`` behind it, and what tells the bytes.

    A file that is read as a whole has pages in the place of lines, and no offset. ``is_cut``: what
    follows is still of that line, which had no line break. ``signature`` is the file's when that
    was all of it.
    """

    line: int = 0
    offset: int = 0
    prefix: int = 0
    is_cut: bool = False
    signature: str | None = None


START: Final = CapturePlace()


def is_capture(name: str) -> bool:
    """Tell whether a file of that name is a capture."""
    return NAME.fullmatch(name) is not None


def is_input(name: str) -> bool:
    """Tell whether a file of that name is a capture that is read."""
    return is_capture(name) and name not in NOT_CAPTURES and not name.startswith(".")


def is_one(place: Path) -> bool:
    """Tell whether a path is a file of pages, and not a directory that may hold some."""
    return place.is_file() or (is_capture(place.name) and not place.is_dir())


def stem_of(name: str) -> str:
    """Return a file's name without what says that it holds pages."""
    return stem_of_name(name)


def expectations_beside(path: Path) -> Path:
    """Return where the expectations for a capture stand."""
    return path.with_name(f"{stem_of(path.name)}.{EXPECTATIONS}")


def captures_in(place: Path) -> list[Capture]:
    """Return the captures in a directory, or the one that ``place`` is, in the order of names.

    Raises:
        Unavailable: the directory cannot be read.
    """
    if not place.is_dir():
        return [Capture(place, spell_name(place.name))] if is_input(place.name) else []
    try:
        names = sorted(os.listdir(place))  # noqa: PTH208 -- only names are wanted
    except OSError as error:
        raise Unavailable(f"{place}: the directory cannot be read ({error.strerror})") from None
    return [Capture(place / name, spell_name(name)) for name in names if is_input(name)]


def page_of(
    line: Line, name: str, entry: Endpoint | ObjectList | None = None, label: str = PRIMARY
) -> Page:
    """Return the page that a capture's line holds, or why there is none.

    A page without an envelope is of the endpoint that its rows name, or else of ``entry``.
    """
    fault, final = line.error, line.final
    if fault is None:
        try:
            one = decode_envelope(line.content)
        except BadInput as error:
            found = (entry_in(line.content) or entry) if is_bare(line.content) else None
            if found is not None:
                return Page(Chain(found.key, label), line.number, line.content, final=final)
            fault = name_fault(line.content, error)
        else:
            chain = Chain(one.entry.key, one.label, one.view)
            return Page(
                chain, line.number, one.payload, 0, one.revision, one.cursor, None, final=final
            )
    chain = Chain(UNKNOWN_CHAIN, name)
    return Page(chain, line.number, b"", error=fault, final=final)


def name_fault(content: bytes, fault: BadInput) -> BadInput:
    """Say better what is wrong with a line that is no envelope, where that is known."""
    if is_bare(content):
        return BadInput("envelope", f"{UNNAMED}, expected a name as {NAMES_WANTED}")
    return fault if content.startswith(b"{") else foreign_bytes(content) or fault


class Captures:
    """The captures of one directory; a part is a capture, named as its file is."""

    def __init__(
        self, source: str, positions: Mapping[str, bytes], options: ReadOptions, settling: Settling
    ) -> None:
        """Go on where ``positions`` say."""
        self.source = source
        self.options = options
        self.settling = settling
        self.known_places = {
            name: CapturePlace(*decode(position))
            for name, position in positions.items()
            if "/" not in name or name.startswith("./")
        }
        self._gone: set[str] = set()

    async def deliver(self, captures: Sequence[Capture], send: Send) -> bool:
        """Emit lines that are new; return whether every capture was read to its end.

        Raises:
            Unavailable: a capture cannot be read; the others were.
        """
        await self._deliver_gone({capture.part for capture in captures}, send)
        whole, failed = True, None
        for capture in captures:
            try:
                whole = await self._deliver_one(capture, send) and whole
            except Unavailable as error:
                if self.settling.patience is None:
                    raise
                failed = failed or error
        if failed is not None:
            raise failed
        return whole

    async def _deliver_gone(self, there: set[str], send: Send) -> None:
        """Emit which captures are not there any more."""
        for name in sorted(self.known_places.keys() - there - self._gone):
            # A broken end is forgotten with its file, and read again when that returns.
            place = self.known_places[name] = self.known_places[name]._replace(signature=None)
            part = Part(self.source, name)
            shown = name.removeprefix("./")
            await send(Delivery(part, shown, None, encode(place), is_gone=True))
        self._gone = self.known_places.keys() - there

    async def _deliver_one(  # noqa: PLR0911 -- a file can be in as many states
        self, capture: Capture, send: Send
    ) -> bool:
        """Emit what a capture says beyond what is known; return whether that was all of it.

        Raises:
            Unavailable: it cannot be read.
        """
        known, signature = self.known_places.get(capture.part), signature_of(capture.path)
        if signature is None and self.settling.patience is not None:
            return True  # gone again
        if signature is not None and known is not None and known.signature == signature:
            return True
        if self.settling.is_at_rest(capture.path):
            return False
        place = known or START
        try:
            reader = self._open(capture, place)
        except BadInput as error:
            lost = Line(place.line + 1, place.offset, b"", error, complete=False)
            return await self._refuse(capture, place._replace(signature=signature), lost, send)
        try:
            anew = known is None
            if not place.offset:
                many = aiofiles.os.wrap(reader.holds_documents)
                if await many(is_lines=is_capture(capture.path.name)):
                    reader.close()
                    return await self._deliver_documents(capture, place, send, anew=anew)
                if place.line:  # it was read as a whole, and has lines now
                    place, anew = START, True
            if not await aiofiles.os.wrap(reader.pass_over)(place.prefix):
                if not self.settling.is_settled(capture.path, reader.signature, sound=False):
                    return False
                reader.close()
                place, anew = START, True
                reader = self._open(capture, place)
            return await self._deliver_lines(capture, reader, place, send, anew=anew)
        finally:
            reader.close()

    def _open(self, capture: Capture, place: CapturePlace) -> CaptureReader:
        most, line = self.options.max_page_bytes, place.line - place.is_cut
        return CaptureReader(capture.path, most, offset=place.offset, line=line)

    async def _refuse(self, capture: Capture, place: CapturePlace, lost: Line, send: Send) -> bool:
        """Emit that something is no capture; return whether that is final."""
        if not self.settling.is_settled(capture.path, place.signature, sound=False):
            return False
        await self._send(capture, lost, place, send)
        return True

    async def _deliver_documents(
        self, capture: Capture, place: CapturePlace, send: Send, *, anew: bool
    ) -> bool:
        """Emit the pages of a file that is read as a whole; return as :meth:`_deliver_lines`."""
        read = aiofiles.os.wrap(read_documents)
        try:
            found = await read(capture.path, self.options.max_page_bytes)
        except BadInput as error:
            lost = Line(place.line + 1, place.offset, b"", error, complete=False)
            known = place._replace(signature=signature_of(capture.path))
            return await self._refuse(capture, known, lost, send)
        if not found.is_whole and not self.settling.is_settled(
            capture.path, found.signature, sound=False
        ):
            return False
        if found.mark_of(place.line) != place.prefix:
            place, anew = START, anew or place != START
        for number, page in enumerate(found.pages[place.line :], place.line + 1):
            is_last = number == len(found.pages)
            place = CapturePlace(
                number, 0, found.mark_of(number), signature=found.signature if is_last else None
            )
            digest = found.sha256 if is_last else None
            await self._send(capture, Line(number, 0, page), place, send, digest, anew=anew)
            anew = False
        place = place._replace(signature=found.signature)
        position, part = self._note(capture, place), Part(self.source, capture.part)
        await send(Delivery(part, capture.name, None, position, found.sha256, anew))
        return True

    async def _deliver_lines(
        self,
        capture: Capture,
        reader: CaptureReader,
        place: CapturePlace,
        send: Send,
        *,
        anew: bool,
    ) -> bool:
        """Emit a reader's lines; return whether the last was whole, or will not become so."""
        read = aiofiles.os.wrap(reader.read_lines)
        while lines := await read():
            for line in lines:
                final = line.final
                if not line.complete and not self.settling.is_settled(
                    capture.path, reader.signature, sound=final
                ):
                    return False
                if not final:  # the last one: all of the file has been read
                    place = place._replace(signature=reader.signature)
                    await self._send(capture, line, place, send, reader.sha256, anew=anew)
                    return True
                place = CapturePlace(line.number, line.end, line.prefix, not line.complete)
                await self._send(capture, line, place, send, anew=anew)
                anew = False
        place = place._replace(signature=reader.signature)
        position = self._note(capture, place)
        part = Part(self.source, capture.part)
        await send(Delivery(part, capture.name, None, position, reader.sha256, anew))
        return True

    async def _send(  # noqa: PLR0913 -- what a delivery is made of
        self,
        capture: Capture,
        line: Line,
        place: CapturePlace,
        send: Send,
        digest: str | None = None,
        *,
        anew: bool = False,
    ) -> None:
        """Emit a line, with the place behind it."""
        position, part = encode(place), Part(self.source, capture.part)
        page = page_of(line, capture.name, capture.entry, capture.label)
        await send(Delivery(part, capture.name, page, position, digest, anew))
        self._note(capture, place)

    def _note(self, capture: Capture, place: CapturePlace) -> bytes:
        """Remember how far a capture was read; return that as a position."""
        if self.settling.patience is not None:
            self.known_places[capture.part] = place
        return encode(place)
