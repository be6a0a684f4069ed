"""Captures as a source: which are there, from where each is read on, and its lines in order."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, NamedTuple

import aiofiles.os

from stream.intake.entries import CaptureEntry
from stream.records.errors import BadInput, Unavailable
from stream.sources.files import signature_of, spelled
from stream.sources.fixtures import parse_name
from stream.sources.lines import Capture, CaptureReader, Line, is_capture

__all__ = [
    "Read",
    "Start",
    "captures_alone",
    "captures_in",
    "continues",
    "is_one",
    "read_capture",
    "unchanged",
]

NOT_CAPTURES: Final = frozenset({"dead_letters.ndjson"})


class Start(NamedTuple):
    """A capture is read on; ``anew``: from its start, since it says other things than before."""

    anew: bool = False


class Read(NamedTuple):
    """What a capture was found to be, once all of it had been read; ``broken``: its end is."""

    signature: str | None
    sha256: str | None
    size: int
    broken: bool = False


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


def captures_alone(place: Path) -> list[Capture]:
    """Return the captures in a directory, as :func:`captures_in`, for one who reads no fixtures.

    Raises:
        BadInput: there are fixtures too, which a replay would count.
        Unavailable: the directory cannot be read.
    """
    captures = captures_in(place)
    for name in sorted(os.listdir(place)) if place.is_dir() else ():  # noqa: PTH208 -- as above
        if parse_name(name) is not None:
            wanted = "expected captures alone: usage-stream capture makes one of fixtures"
            raise BadInput("captures", f"found {name}, which is a fixture; {wanted}").at(str(place))
    return captures


def is_one(place: Path) -> bool:
    """Tell whether a path is a capture, and not a directory that may hold some."""
    return is_capture(place.name) and not place.is_dir()


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
    try:
        with CaptureReader(capture.path, 0, offset=known.offset) as reader:
            return reader.passed(known.prefix)
    except (BadInput, Unavailable):
        return False


async def read_capture(
    capture: Capture, max_bytes: int, known: CaptureEntry | None
) -> AsyncIterator[Line | Read]:
    """Yield the lines of a capture, those after ``known``, and at last what the file is.

    Raises:
        BadInput: it is no regular file.
        Unavailable: it is gone, or may not be read.
    """
    offset, line = (0, 0) if known is None else (known.offset, known.line - known.cut)
    with CaptureReader(capture.path, max_bytes, offset=offset, line=line) as reader:
        read = aiofiles.os.wrap(reader.read_lines)
        broken = False
        while lines := await read():
            for one in lines:
                yield one
            broken = not lines[-1].final
        yield Read(reader.signature, reader.sha256, reader.size, broken)
