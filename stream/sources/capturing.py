"""Captures as a source: which are there, from where each is read on, and its lines in order."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, NamedTuple

import aiofiles.os
from xxhash import xxh3_64_intdigest

from stream.chains import CaptureEntry
from stream.errors import BadInput, Unavailable
from stream.sources.captures import Capture, CaptureReader, Line, is_capture
from stream.sources.reading import signature_of, spelled

__all__ = ["Read", "captures_in", "continues", "passed", "read_capture", "unchanged"]

NOT_CAPTURES: Final = frozenset({"dead_letters.ndjson"})
CHUNK: Final = 1 << 20
ROOM: Final = 4
"""What a line may have beside its content: a mark before it, and a carriage return."""


class Read(NamedTuple):
    """What a capture was found to be, once all of it had been read."""

    signature: str
    sha256: str | None
    size: int


def captures_in(place: Path, source: str = "") -> list[Capture]:
    """Return the captures in a directory, or the one that ``place`` is, in the order of names.

    Raises:
        Unavailable: the directory cannot be read.
    """
    if not place.is_dir():
        return [captured(place, source)] if is_input(place.name) else []
    try:
        names = sorted(os.listdir(place))  # noqa: PTH208 -- only names are wanted
    except OSError as error:
        raise Unavailable(f"{place}: the directory cannot be read ({error.strerror})") from None
    return [captured(place / name, source) for name in names if is_input(name)]


def is_input(name: str) -> bool:
    """Tell whether a file of that name is a capture that is read."""
    return is_capture(name) and name not in NOT_CAPTURES and not name.startswith(".")


def captured(path: Path, source: str) -> Capture:
    """Name a capture; ``source`` is what its directory is known by."""
    name = spelled(path.name)
    return Capture(path, f"{source}/{name}" if source else name, name)


def unchanged(capture: Capture, known: CaptureEntry) -> bool:
    """Tell whether all of a capture has been read, and it is as it was then."""
    return known.done and known.signature == signature_of(capture.path)


def continues(capture: Capture, known: CaptureEntry) -> bool:
    """Tell whether a capture begins with what was read of it, so that the rest is read alone."""
    if not known.done:
        return trails(capture, known)
    digest, left = hashlib.sha256(), known.size
    try:
        with capture.path.open("rb") as file:
            while left and (chunk := file.read(min(left, CHUNK))):
                digest.update(chunk)
                left -= len(chunk)
    except OSError:
        return False
    return not left and digest.hexdigest() == known.sha256


def passed(entry: CaptureEntry, line: Line) -> None:
    """Note that a capture has been read behind a line."""
    entry.line, entry.offset, entry.unbroken = line.number, line.end, not line.complete
    entry.trail = xxh3_64_intdigest(line.content, entry.trail)
    entry.longest = max(entry.longest, len(line.content))


def trails(capture: Capture, known: CaptureEntry) -> bool:
    """Tell whether a capture that was not read to its end has the same lines as far as it was."""
    found = CaptureEntry(capture.name)
    try:
        with CaptureReader(capture.path, known.longest + ROOM) as reader:
            while found.line < known.line and (lines := reader.read_lines()):
                for line in lines:
                    if line.number <= known.line:
                        passed(found, line)
    except (BadInput, Unavailable):
        return False
    ended = found.offset - (known.unbroken and not found.unbroken)
    seen = found.line, ended, found.trail
    return known.line > 0 and seen == (known.line, known.offset, known.trail)


async def read_capture(
    capture: Capture, max_bytes: int, known: CaptureEntry | None
) -> AsyncIterator[Line | Read]:
    """Yield the lines of a capture, those after ``known``, and at last what the file is.

    Raises:
        BadInput: it is no regular file.
        Unavailable: it is gone, or may not be read.
    """
    offset, line = 0, 0
    if known is not None:  # a break that a line still has to get is no line of its own
        offset, line = known.offset, known.line - known.unbroken
    with CaptureReader(capture.path, max_bytes, offset=offset, line=line) as reader:
        read = aiofiles.os.wrap(reader.read_lines)
        while lines := await read():
            for one in lines:
                yield one
        yield Read(reader.signature, reader.sha256, reader.size)
