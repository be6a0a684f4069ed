"""Which capture is which part: captures are renamed, copied and emptied while they are written to.

A part is the lines of a file, and goes where they go. It is named as its file was first called, and
its position says what the file is called now, which inode it has, and what its first line is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from msgspec.msgpack import Decoder, encode

from stream.sources.captures import BELOW, is_capture_part

__all__ = [
    "START",
    "CapturePlace",
    "FirstLine",
    "KnownParts",
    "WaitingLine",
    "inode_in",
    "restart_position",
    "unsigned_place",
]


class FirstLine(NamedTuple):
    """What tells the first line of a file from others: the offset behind it, and its digest."""

    end: int = 0
    digest: int = 0


class WaitingLine(NamedTuple):
    """A line that lies ahead of the clock: the place that it follows, and its revision."""

    line: int
    offset: int
    prefix: int
    revision: int


class CapturePlace(NamedTuple):
    """How far a capture was read: the ``line``, the ``offset`` behind it, and what tells the bytes.

    A file that is read as a whole has pages in the place of lines, and no offset. ``is_cut``: what
    follows is still of that line, which had no line break. ``signature`` is the file's when that
    was all of it. ``name`` is what the file is called, ``inode`` and ``first_line`` tell it from
    others, and ``waiting_lines`` are read again when it is time. ``bare_views`` are the views
    that pages without an envelope were read with, by the keys of endpoints.
    """

    line: int = 0
    offset: int = 0
    prefix: int = 0
    is_cut: bool = False
    signature: str | None = None
    name: str = ""
    inode: str = ""
    first_line: FirstLine = FirstLine()
    waiting_lines: tuple[WaitingLine, ...] = ()
    bare_views: tuple[tuple[str, str], ...] = ()


START: Final = CapturePlace()
DECODE: Final = Decoder(CapturePlace).decode


class KnownParts:
    """The parts of a directory's captures, and where each stands."""

    def __init__(self, positions: Mapping[str, bytes]) -> None:
        """Take those of ``positions`` that are of captures."""
        self.places: dict[str, CapturePlace] = {}
        self._parts: dict[str, str] = {}
        for part, position in positions.items():
            if is_capture_part(part):
                place = DECODE(position)
                if not place.name:  # as earlier versions had it
                    place = place._replace(name=part, inode=inode_in(place.signature))
                self.put(part, place)

    def put(self, part: str, place: CapturePlace) -> None:
        """Note where a part stands; whatever stood in its file before does not any more."""
        self.places[part] = place
        self._parts[place.name] = part

    def part_in(self, file: str) -> str | None:
        """Return the part that stood in a file when it was last looked at."""
        return self._parts.get(file)

    def name_part(self, file: str) -> str:
        """Return a name for the part of a file that is new."""
        name = first = f"{BELOW}{file}" if "/" in file else file
        number = 1
        while name in self.places:
            number += 1
            name = f"{first} ({number})"
        return name

    def candidates(self, inode: str, first_line: FirstLine | None, there: set[str]) -> list[str]:
        """Return which parts may stand in a file, the likeliest first; not those that are there."""
        found = [
            (place.inode != inode, -place.offset, -place.line, part)
            for part, place in self.places.items()
            if part not in there
            and place.line
            and (place.inode == inode or place.first_line == first_line)
        ]
        return [part for *_, part in sorted(found)]

    def files_with(self, first_line: FirstLine, there: set[str]) -> Iterator[str]:
        """Yield the files of parts that are there and begin in that way."""
        for part in there:
            if part in self.places and self.places[part].first_line == first_line:
                yield self.places[part].name


def restart_position(part: str, position: bytes) -> bytes:
    """Return a part's position as if nothing of it had been read; a page of fixtures has none."""
    if not is_capture_part(part):
        return b""
    return encode(START._replace(name=DECODE(position).name or part))


def unsigned_place(position: bytes) -> bytes:
    """Return a capture's position as if its file was touched."""
    return encode(DECODE(position)._replace(signature=None))


def inode_in(signature: str | None) -> str:
    """Return what of a file's signature stays when it is renamed, or written to."""
    return signature.split(":", 3)[-1] if signature else ""
