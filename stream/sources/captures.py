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

from stream.records.chains import Chain
from stream.records.delivery import UNKNOWN_CHAIN, Delivery, Page, Part
from stream.records.errors import BadInput, Unavailable
from stream.records.privacy import spell_name
from stream.sources.envelope import decode_envelope
from stream.sources.files import EXPECTATIONS, signature_of
from stream.sources.lines import CaptureReader, Line
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

NAME: Final = re.compile(r"(?P<stem>.+)\.ndjson(?:\.gz|\.zst)?", re.DOTALL)
NOT_CAPTURES: Final = frozenset({"dead_letters.ndjson"})


class Capture(NamedTuple):
    """A capture file; ``name`` is what people are told."""

    path: Path
    name: str


class CapturePlace(NamedTuple):
    """How far a capture was read: the ``line``, the ``offset`` behind it, and what tells the bytes.

    ``is_cut``: what follows is still of that line, which had no line break. ``signature`` is the
    file's when that was all of it.
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
    """Tell whether a path is a capture, and not a directory that may hold some."""
    return is_capture(place.name) and not place.is_dir()


def stem_of(name: str) -> str:
    """Return a capture's name without what says that it is one."""
    match = NAME.fullmatch(name)
    return match["stem"] if match else name


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


def page_of(line: Line, name: str) -> Page:
    """Return the page that a capture's line holds, or why there is none."""
    error, final = line.error, line.final
    if error is None:
        try:
            one = decode_envelope(line.content)
        except BadInput as bad:
            error = bad
        else:
            chain = Chain(one.entry.key, one.label, one.view)
            return Page(
                chain, line.number, one.payload, 0, one.revision, one.cursor, None, final=final
            )
    chain = Chain(UNKNOWN_CHAIN, name)
    return Page(chain, line.number, b"", error=error, final=final)


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
            if is_capture(name) and "/" not in name
        }
        self._gone: set[str] = set()

    async def deliver(self, captures: Sequence[Capture], send: Send) -> bool:
        """Emit lines that are new; return whether every capture was read to its end.

        Raises:
            Unavailable: a capture cannot be read; the others were.
        """
        await self._deliver_gone({capture.name for capture in captures}, send)
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
            await send(Delivery(part, name, None, encode(place), is_gone=True))
        self._gone = self.known_places.keys() - there

    async def _deliver_one(self, capture: Capture, send: Send) -> bool:
        """Emit what a capture says beyond what is known; return whether that was all of it.

        Raises:
            Unavailable: it cannot be read.
        """
        known, signature = self.known_places.get(capture.name), signature_of(capture.path)
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
        part = Part(self.source, capture.name)
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
        position, part = encode(place), Part(self.source, capture.name)
        page = page_of(line, capture.name)
        await send(Delivery(part, capture.name, page, position, digest, anew))
        self._note(capture, place)

    def _note(self, capture: Capture, place: CapturePlace) -> bytes:
        """Remember how far a capture was read; return that as a position."""
        if self.settling.patience is not None:
            self.known_places[capture.name] = place
        return encode(place)
