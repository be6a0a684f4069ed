"""What a capture says beyond what is known of it: its lines, emitted with the place behind each.

The end of a file that is no whole line may still be written to, and waits until it is one, or the
file was left alone for long. A line that lies ahead of the clock is emitted, which sets it aside,
and once more when the clock has caught up.
"""

from __future__ import annotations

from collections.abc import Callable

import aiofiles.os
import anyio
from msgspec import Struct
from msgspec.msgpack import encode

from stream.records.delivery import Delivery, Page, Part, seconds_until
from stream.records.errors import BadInput
from stream.sources.capture_pages import page_of
from stream.sources.capture_parts import (
    CapturePlace,
    FirstLine,
    KnownParts,
    WaitingLine,
    inode_in,
)
from stream.sources.captures import Capture, has_lines
from stream.sources.documents import DocumentReader
from stream.sources.lines import CaptureReader, Line
from stream.sources.settling import Settling
from stream.sources.source import ReadOptions, Send

__all__ = ["Emission", "PartFile"]


class PartFile(Struct, frozen=True):
    """A capture, and the part that stands in it."""

    capture: Capture
    part: str


class Emission:
    """Emits the lines of captures, and keeps where each part stands."""

    def __init__(
        self,
        source: str,
        parts: KnownParts,
        options: ReadOptions,
        settling: Settling,
        clock: Callable[[], int] | None,
    ) -> None:
        """Go on where ``parts`` stand; without a ``clock`` no line is emitted again."""
        self.source = source
        self.parts = parts
        self.options = options
        self.settling = settling
        self.clock = clock
        self.seconds_until_due: float | None = None
        """How many seconds pass before the first line is due that lies ahead of the clock."""

    def open_capture(self, capture: Capture, place: CapturePlace) -> CaptureReader | DocumentReader:
        """Open a capture, to go on behind a place.

        Raises:
            BadInput: it is no regular file, or not what a list of checksums says.
            Unavailable: it is gone, or may not be read.
        """
        self._check_file(capture)
        return self._open(capture, place)

    async def open_reader(
        self, capture: Capture, place: CapturePlace
    ) -> CaptureReader | DocumentReader:
        """Open a capture as :meth:`open_capture` does; who is cancelled meanwhile leaves none open.

        Raises:
            BadInput, Unavailable: as there.
        """
        await aiofiles.os.wrap(self._check_file)(capture)
        with anyio.CancelScope(shield=True):
            reader = await aiofiles.os.wrap(self._open)(capture, place)
        return reader  # noqa: RET504 -- a scope may swallow what is raised in it, to a type checker

    def _check_file(self, capture: Capture) -> None:
        """See that a file is what a list of checksums says, before its first lines count.

        Raises:
            BadInput: it is not.
            Unavailable: it cannot be read.
        """
        if not capture.lines.start:
            self.options.digests.check_file(capture.path)

    def _open(self, capture: Capture, place: CapturePlace) -> CaptureReader | DocumentReader:
        """Open a capture that was checked.

        Raises:
            BadInput: it is no regular file.
            Unavailable: it is gone, or may not be read.
        """
        most, digests = self.options.max_page_bytes, self.options.digests
        path, lines = capture.path, capture.lines
        line = place.line - place.is_cut
        reader = CaptureReader(
            path, most, offset=place.offset, line=line, digests=digests, lines=lines
        )
        if place.offset or lines.start or not reader.holds_documents(is_lines=has_lines(path.name)):
            return reader
        reader.close()
        return DocumentReader(path, most, line, digests)

    async def deliver_part(
        self, file: PartFile, place: CapturePlace, send: Send, *, anew: bool
    ) -> bool:
        """Emit what stands behind a place; return whether that was all of it.

        Raises:
            Unavailable: the file cannot be read.
        """
        try:
            reader = await self.open_reader(file.capture, place)
        except BadInput as error:
            return await self.refuse(file, place, error, send)
        try:
            if not await aiofiles.os.wrap(reader.pass_over)(place.prefix):
                return False  # it has changed since somebody looked
            return await self.deliver_lines(file, reader, place, send, anew=anew)
        finally:
            reader.close()

    async def refuse(
        self, file: PartFile, place: CapturePlace, error: BadInput, send: Send
    ) -> bool:
        """Emit that something is no capture; return whether that is final."""
        if not self.settling.is_settled(file.capture.path, place.signature, sound=False):
            return False
        lost = Line(place.line + 1, place.offset, (), error, complete=False)
        await self._send(file, page_of(lost, file.capture), place, send)
        return True

    async def deliver_lines(
        self,
        file: PartFile,
        reader: CaptureReader | DocumentReader,
        place: CapturePlace,
        send: Send,
        *,
        anew: bool,
    ) -> bool:
        """Emit a reader's lines; return whether the last was whole, or will not become so.

        Raises:
            Unavailable: the file cannot be read.
        """
        read, inode = aiofiles.os.wrap(reader.read_lines), inode_in(reader.signature)
        place = place._replace(name=file.capture.name, inode=inode, signature=None)
        while lines := await read():
            for line in lines:
                if not line.complete and not self.settling.is_settled(
                    file.capture.path, reader.signature, sound=line.final
                ):
                    return False
                page = page_of(line, file.capture)
                bare = page.chain.endpoint, page.chain.view
                if page.is_bare and bare not in place.bare_views:
                    place = place._replace(bare_views=(*place.bare_views, bare))
                if not line.final:  # the last one: all of the file has been read
                    place = place._replace(signature=reader.signature)
                    await self._send(file, page, place, send, reader.digest, anew=anew)
                    return True
                place = self._move_on(place, line, page)
                await self._send(file, page, place, send, anew=anew)
                anew = False
        place = place._replace(signature=reader.signature)
        await self._send(file, None, place, send, reader.digest, anew=anew)
        return True

    def _move_on(self, place: CapturePlace, line: Line, page: Page) -> CapturePlace:
        """Return the place behind a line."""
        first, waiting = place.first_line, place.waiting_lines
        if not place.line and line.complete:
            first = FirstLine(line.end, line.prefix)
        if self.clock is not None and page.seconds_ahead(self.clock()):
            before = WaitingLine(
                place.line - place.is_cut, place.offset, place.prefix, page.revision
            )
            waiting = (*waiting, before)
        return place._replace(
            line=line.number,
            offset=line.end,
            prefix=line.prefix,
            is_cut=not line.complete,
            first_line=first,
            waiting_lines=waiting,
        )

    async def deliver_due(self, file: PartFile, send: Send) -> None:
        """Emit the lines once more that lay ahead of the clock, and do not any more.

        Raises:
            Unavailable: the file cannot be read.
        """
        place = self.parts.places.get(file.part)
        if self.clock is None or place is None:
            return
        for waiting in place.waiting_lines:
            seconds = seconds_until(waiting.revision, self.clock())
            if seconds:
                self.seconds_until_due = min(self.seconds_until_due or seconds, seconds)
                continue
            left = tuple(one for one in place.waiting_lines if one != waiting)
            line = await aiofiles.os.wrap(self._read_line)(file.capture, waiting)
            if line is not None:
                place = place._replace(waiting_lines=left)
                page = page_of(line, file.capture)
                await self._send(file, page, place, send, comes_again=True)

    def _read_line(self, capture: Capture, waiting: WaitingLine) -> Line | None:
        """Read one line again; ``None``: it does not stand there any more.

        Raises:
            Unavailable: the file cannot be read.
        """
        before = CapturePlace(waiting.line, waiting.offset, waiting.prefix)
        try:
            with self.open_capture(capture, before) as reader:
                found = reader.read_lines(1) if reader.pass_over(waiting.prefix) else []
        except BadInput:
            return None
        return found[0] if found and found[0].final else None

    async def _send(  # noqa: PLR0913 -- what a delivery is made of
        self,
        file: PartFile,
        page: Page | None,
        place: CapturePlace,
        send: Send,
        digest: bytes = b"",
        *,
        anew: bool = False,
        comes_again: bool = False,
    ) -> None:
        """Emit a page, or none, with the place behind it, and remember that place."""
        part = Part(self.source, file.part)
        name, position = file.capture.name, encode(place)
        await send(Delivery(part, name, page, position, digest, anew, comes_again=comes_again))
        self.parts.put(file.part, place)
