"""Captures in a watched directory: lines are taken in as they are appended.

A look compares each capture with what was delivered of it. What was read before must still stand at
its start; then the rest is read alone, and otherwise all of it anew. The end of a file that is no
whole line may still be written to, and waits until it is one, or the file was left alone for long.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import aiofiles.os

from stream.intake.entries import CaptureEntry
from stream.records.errors import BadInput, Unavailable
from stream.sources.captures import Read, Start, captures_in
from stream.sources.files import open_elsewhere, signature_of
from stream.sources.lines import Capture, CaptureReader, Line
from stream.sources.watch import LOOK_AGAIN, Patience, aged

__all__ = ["Growing"]

Send = Callable[[Capture, Line | Read | Start], Awaitable[None]]


class Place(NamedTuple):
    """How far a capture was delivered; ``signature`` is the file's when that was all of it."""

    line: int = 0
    offset: int = 0
    prefix: int = 0
    signature: str | None = None


class Wait(NamedTuple):
    """A file whose end is no whole line: as it was seen, and since when; ``sound``: it is JSON."""

    signature: str | None
    since: float
    sound: bool


class Growing:
    """The captures of one directory; ``entries`` is what the consumer has taken of each."""

    def __init__(
        self,
        directory: Path,
        name: str,
        patience: Patience,
        entries: Mapping[str, CaptureEntry],
    ) -> None:
        """Watch the captures in ``directory`` as the source ``name``."""
        self.directory = directory
        self.name = name
        self.patience = patience
        self.entries = entries
        self.failed: Unavailable | None = None
        """What could not be read when the directory was last looked at."""
        self._sent: dict[str, Place] = {}
        self._waits: dict[str, Wait] = {}

    async def scan(self, send: Send) -> float:
        """Deliver what is new; return after how many seconds to look again at the latest.

        Raises:
            Unavailable: the directory cannot be read. A capture that cannot be is in ``failed``.
        """
        look = aiofiles.os.wrap(looked_at)
        self.failed, pause = None, self.patience.rescan
        found = await look(self.directory, self.name)
        await self._see_who_is_gone({capture.source for capture, _ in found}, send)
        for capture, signature in found:
            known = self._known(capture.source)
            if signature is None or (known is not None and known.signature == signature):
                continue
            try:
                done = not self._rests(capture, signature) and await self._read(
                    capture, known, send
                )
            except Unavailable as error:  # of one capture; the others go on
                self.failed = self.failed or error
                done = False
            pause = pause if done else min(pause, LOOK_AGAIN)
        return pause

    async def _see_who_is_gone(self, there: set[str], send: Send) -> None:
        """Say of captures that are gone that no broken end of them is there any more."""
        for source, entry in list(self.entries.items()):
            if entry.tail and source not in there and source.rpartition("/")[0] == self.name:
                capture = Capture(self.directory / entry.name, source, entry.name)
                await send(capture, Read(None, entry.sha256, entry.size))
                self._sent.pop(source, None)

    def _known(self, source: str) -> Place | None:
        """Return how far a capture was delivered; ``None``: it is new."""
        entry = self.entries.get(source)
        if source not in self._sent and entry is not None:
            signature = entry.signature if entry.done else None
            line = entry.line - entry.cut  # what follows a line without its end is still of it
            self._sent[source] = Place(line, entry.offset, entry.prefix, signature)
        return self._sent.get(source)

    async def _read(self, capture: Capture, known: Place | None, send: Send) -> bool:
        """Deliver what a capture says beyond what is known; return whether that was all of it.

        Raises:
            Unavailable: it cannot be read.
        """
        place = known or Place()
        try:
            reader = self._open(capture, place)
        except BadInput as error:
            lost = Line(place.line + 1, place.offset, b"", error, complete=False)
            return await self._refuse(capture, known, lost, send)
        try:
            if not await aiofiles.os.wrap(reader.passed)(place.prefix):
                if not self._settled(capture, reader.signature, sound=False):
                    return False
                reader.close()
                place = Place()
                reader = self._open(capture, place)
                known = await self._start(capture, send, anew=True)
            if known is None:
                await self._start(capture, send, anew=False)
            return await self._deliver(capture, reader, send)
        finally:
            reader.close()

    def _open(self, capture: Capture, place: Place) -> CaptureReader:
        most = self.patience.max_page_bytes
        return CaptureReader(capture.path, most, offset=place.offset, line=place.line)

    async def _start(self, capture: Capture, send: Send, *, anew: bool) -> Place:
        """Say that a capture is read from its start."""
        await send(capture, Start(anew))
        self._sent[capture.source] = place = Place()
        return place

    async def _refuse(self, capture: Capture, known: Place | None, lost: Line, send: Send) -> bool:
        """Deliver that something is no capture; return whether that is final."""
        signature = signature_of(capture.path)
        if not self._settled(capture, signature, sound=False):
            return False
        place = known or await self._start(capture, send, anew=False)
        await send(capture, lost)
        await send(capture, Read(signature, None, 0, broken=True))
        self._sent[capture.source] = place._replace(signature=signature)
        return True

    async def _deliver(self, capture: Capture, reader: CaptureReader, send: Send) -> bool:
        """Deliver a reader's lines; return whether the last was whole, or will not become so."""
        source, broken = capture.source, False
        read = aiofiles.os.wrap(reader.read_lines)
        while lines := await read():
            for line in lines:
                final = line.final
                if not line.complete and not self._settled(capture, reader.signature, sound=final):
                    return False
                await send(capture, line)
                broken = not final
                if final:
                    number = line.number if line.complete else line.number - 1
                    self._sent[source] = Place(number, line.end, line.prefix)
        await send(capture, Read(reader.signature, reader.sha256, reader.size, broken))
        self._sent[source] = self._sent[source]._replace(signature=reader.signature)
        self._waits.pop(source, None)
        return True

    def _rests(self, capture: Capture, signature: str) -> bool:
        """Tell whether a file with an end that is not whole is to be left alone for longer."""
        wait = self._waits.get(capture.source)
        return (
            wait is not None
            and wait.signature == signature
            and not self._settled(capture, signature, sound=wait.sound)
        )

    def _settled(self, capture: Capture, signature: str | None, *, sound: bool) -> bool:
        """Tell whether a file was left alone for long, and nobody has it open to write the rest."""
        now = time.monotonic()
        wait = self._waits.get(capture.source)
        since = now if wait is None or wait.signature != signature else wait.since
        self._waits[capture.source] = Wait(signature, since, sound)
        settle = self.patience.settle
        quiet = now - since >= settle or aged(capture.path) >= settle
        return quiet and (sound or not open_elsewhere(capture.path))


def looked_at(directory: Path, name: str) -> list[tuple[Capture, str | None]]:
    """Return the captures of a directory, each with its file's signature."""
    return [(capture, signature_of(capture.path)) for capture in captures_in(directory, name)]
