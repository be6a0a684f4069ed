"""Captures as a source: read on from where they were left, whatever their files are called now.

What was read before must still stand at a capture's start; then the rest is read alone. Where it
does not, the file was turned over or written anew: its part is looked for among the other files,
by inode and by what was read, and goes on there. The lines that stand in its place are read at
once; only where they could still become what was read before they wait.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import aiofiles.os
from msgspec import Struct
from msgspec.msgpack import encode
from msgspec.structs import replace

from stream.records.delivery import Delivery, Part
from stream.records.errors import BadInput, Unavailable
from stream.sources.capture_emission import Emission, PartFile
from stream.sources.capture_parts import START, CapturePlace, FirstLine, KnownParts, inode_in
from stream.sources.captures import Capture, captures_in, is_packed, stem_of
from stream.sources.regular_files import signature_of
from stream.sources.settling import Settling
from stream.sources.source import ReadOptions, Send

__all__ = ["Captures"]


class Doubt(Struct, frozen=True):
    """A capture whose part does not stand in it; ``is_short``: it could still become so."""

    capture: Capture
    is_short: bool = False
    inode: str = ""
    first_line: FirstLine | None = None


class Look:
    """One look at the captures of a directory: what it has come to so far."""

    def __init__(self, captures: Sequence[Capture]) -> None:
        """Start without having looked."""
        self.paths = {capture.path for capture in captures}
        self.is_whole = True
        self.parts_there: set[str] = set()
        """Parts that stand in a file."""
        self.doubts: list[Doubt] = []
        self.failure: Unavailable | None = None


class Captures:
    """The captures of one directory; a part is a capture, named as its file was first called."""

    def __init__(
        self,
        source: str,
        positions: Mapping[str, bytes],
        options: ReadOptions,
        settling: Settling,
        clock: Callable[[], int] | None = None,
    ) -> None:
        """Go on where ``positions`` say."""
        self.source = source
        self.settling = settling
        self.parts = KnownParts(positions)
        self.emission = Emission(source, self.parts, options, settling, clock)
        self.unreadable_files: dict[str, str] = {}
        """Captures that could not be read, and why, when they were last looked at."""
        self._gone: set[str] = set()
        self._held: set[str] = set()
        """Captures that wait although no part stands in them."""

    def follow(self, options: ReadOptions) -> None:
        """Go on by other settings."""
        self.emission.options = options

    @property
    def seconds_until_due(self) -> float | None:
        """How many seconds pass before a line is due that lies ahead of the clock."""
        return self.emission.seconds_until_due

    async def deliver(self, captures: Sequence[Capture], send: Send) -> bool:
        """Emit lines that are new; return whether every capture was read to its end.

        Raises:
            Unavailable: a capture cannot be read; the others were.
        """
        look, is_new = Look(captures), not self.parts.places
        held, self._held = self._held, set()
        self.unreadable_files, self.emission.seconds_until_due = {}, None
        for capture in captures:
            await self._attempt(capture, look, self._go_on(capture, look, held, send, is_new))
        doubts, look.doubts = look.doubts, []
        for doubt in doubts:
            await self._attempt(doubt.capture, look, self._find_part(doubt, look, send))
        for doubt in look.doubts:
            await self._attempt(doubt.capture, look, self._begin(doubt, look, send))
        for capture in captures:
            part = self.parts.part_in(capture.name)
            if part is not None and part in look.parts_there:
                due = self._deliver_due(PartFile(capture, part), send)
                await self._attempt(capture, look, due)
        await self._deliver_gone(look.parts_there, send)
        if look.failure is not None:
            raise look.failure
        return look.is_whole

    async def _attempt(self, capture: Capture, look: Look, step: Awaitable[bool]) -> None:
        """Take a step with a capture; where it cannot be read the others are not held up.

        Raises:
            Unavailable: it cannot be read, and nobody will look again.
        """
        try:
            whole = await step
        except Unavailable as error:
            if self.settling.patience is None:
                raise
            if signature_of(capture.path) is None:
                return  # gone again
            self.unreadable_files[capture.name] = str(error)
            look.failure = look.failure or error
            look.parts_there.add(self.parts.part_in(capture.name) or capture.name)
        else:
            look.is_whole = look.is_whole and whole

    async def _go_on(
        self,
        capture: Capture,
        look: Look,
        held: set[str],
        send: Send,
        is_new: bool,  # noqa: FBT001 -- as the others
    ) -> bool:
        """Emit what was appended to a capture, where its part still stands; return if all of it.

        Raises:
            Unavailable: it cannot be read.
        """
        part = self.parts.part_in(capture.name)
        if signature_of(capture.path) is None and self.settling.patience is not None:
            return True  # gone again
        if part is None and is_new:
            return await self._deliver_fresh(capture, look, send)
        if capture.name not in held and self.settling.is_at_rest(capture.path):
            look.parts_there.update(() if part is None else (part,))
            return False
        if part is None:
            look.doubts.append(Doubt(capture))
            return True
        return await self._read_on(PartFile(capture, part), look, send)

    async def _read_on(self, file: PartFile, look: Look, send: Send) -> bool:
        """Emit what stands behind a part's place, unless its file does not have the part any more.

        Raises:
            Unavailable: it cannot be read.
        """
        place = self.parts.places[file.part]
        views = file.capture.views
        if any(views.get(key, "") != view for key, view in place.bare_views):
            look.parts_there.add(file.part)
            return await self._deliver_start(file, send)
        signature = signature_of(file.capture.path)
        if signature is not None and place.signature == signature:
            look.parts_there.add(file.part)
            return True
        try:
            reader = await self.emission.open_reader(file.capture, place)
        except BadInput as error:
            look.parts_there.add(file.part)
            place = place._replace(signature=signature)
            return await self.emission.refuse(file, place, error, send)
        try:
            # Of a part of which nothing was read the inode alone can tell.
            is_other = not place.line and place.inode not in {"", inode_in(reader.signature)}
            if is_other or not await aiofiles.os.wrap(reader.pass_over)(place.prefix):
                look.doubts.append(Doubt(file.capture, reader.is_short))
                return True
            look.parts_there.add(file.part)
            anew = not place.line
            return await self.emission.deliver_lines(file, reader, place, send, anew=anew)
        finally:
            reader.close()

    async def _find_part(self, doubt: Doubt, look: Look, send: Send) -> bool:
        """Find the part that stands in a capture, and emit what is new; return if that was all.

        Raises:
            Unavailable: it cannot be read.
        """
        doubt, part = await aiofiles.os.wrap(self._search)(doubt, look.parts_there)
        if part is None:
            look.doubts.append(doubt)
            return True
        look.parts_there.add(part)
        place = self.parts.places[part]
        return await self.emission.deliver_part(
            PartFile(doubt.capture, part), place, send, anew=False
        )

    def _search(self, doubt: Doubt, there: set[str]) -> tuple[Doubt, str | None]:
        """Learn how a capture begins, and which part stands in it.

        Raises:
            Unavailable: it cannot be read.
        """
        try:
            with self.emission.open_capture(doubt.capture, START) as reader:
                line = next(iter(reader.read_lines(1)), None)
                first = None
                if line is not None and line.complete:
                    first = FirstLine(line.end, line.prefix)
                doubt = replace(doubt, inode=inode_in(reader.signature), first_line=first)
            for part in self.parts.candidates(doubt.inode, doubt.first_line, there):
                place = self.parts.places[part]
                with self.emission.open_capture(doubt.capture, place) as reader:
                    if reader.pass_over(place.prefix):
                        return doubt, part
        except BadInput:
            pass  # it is no regular file
        return doubt, None

    async def _begin(self, doubt: Doubt, look: Look, send: Send) -> bool:
        """Read a capture from its start; return whether that was all of it.

        Raises:
            Unavailable: it cannot be read.
        """
        capture, part = doubt.capture, self.parts.part_in(doubt.capture.name)
        if part is None or part in look.parts_there:
            if self._is_copy(doubt, look):
                self._held.add(capture.name)
                return False
            return await self._deliver_fresh(capture, look, send)
        look.parts_there.add(part)
        if self._may_return(doubt, self.parts.places[part], look):
            self._held.add(capture.name)
            return False
        return await self._deliver_start(PartFile(capture, part), send)

    def _is_copy(self, doubt: Doubt, look: Look) -> bool:
        """Tell whether a capture may be the copy under way of one that is then emptied or gone."""
        if doubt.first_line is None or self.settling.is_quiet(doubt.capture.path):
            return False
        stem = stem_of(doubt.capture.name)
        files = self.parts.files_with(doubt.first_line, look.parts_there)
        return any(file != doubt.capture.name and stem_of(file) == stem for file in files)

    def _may_return(self, doubt: Doubt, place: CapturePlace, look: Look) -> bool:
        """Tell whether what was read may still come to stand in a capture, or in another file."""
        path = doubt.capture.path
        if self.settling.patience is None:
            return False
        if any(one.path not in look.paths for one in captures_in(path.parent)):
            return True  # its file may have got that name since the directory was listed
        if doubt.inode != place.inode and not is_packed(path.name):
            return False
        is_start = doubt.first_line is None or place.first_line in {
            doubt.first_line,
            START.first_line,
        }
        if not is_start or (doubt.first_line is not None and not doubt.is_short):
            return False
        return not self.settling.is_settled(path, signature_of(path), sound=False)

    async def _deliver_fresh(self, capture: Capture, look: Look, send: Send) -> bool:
        """Emit a capture of which nothing is known; return whether that was all of it."""
        part = self.parts.name_part(capture.name)
        look.parts_there.add(part)
        return await self._deliver_start(PartFile(capture, part), send)

    async def _deliver_start(self, file: PartFile, send: Send) -> bool:
        """Emit a capture from its start; return whether that was all of it."""
        signature = signature_of(file.capture.path)
        place = START._replace(name=file.capture.name, signature=signature)
        return await self.emission.deliver_part(file, place, send, anew=True)

    async def _deliver_due(self, file: PartFile, send: Send) -> bool:
        """Emit once more what lay ahead of the clock; return that nothing is left."""
        await self.emission.deliver_due(file, send)
        return True

    async def _deliver_gone(self, there: set[str], send: Send) -> None:
        """Emit which parts are not there any more."""
        for name in sorted(self.parts.places.keys() - there - self._gone):
            # A broken end is forgotten with its file, and read again when that returns.
            place = self.parts.places[name] = self.parts.places[name]._replace(signature=None)
            part = Part(self.source, name)
            await send(Delivery(part, place.name, None, encode(place), is_gone=True))
        self._gone = self.parts.places.keys() - there
