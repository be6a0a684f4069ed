"""Captures: files of many pages, mostly a line for each; which files and parts they are."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from stream.providers.endpoint import Endpoint, ObjectList
from stream.records.chains import PRIMARY
from stream.records.errors import Unavailable
from stream.records.privacy import spell_name
from stream.sources.names import (
    EXPECTATIONS,
    label_below,
    label_told,
    parse_stem,
    stem_of_name,
)

__all__ = [
    "ALL_LINES",
    "BELOW",
    "Capture",
    "LineRange",
    "capture_named",
    "captures_in",
    "expectations_beside",
    "has_lines",
    "is_capture",
    "is_capture_part",
    "is_input",
    "is_one",
    "is_packed",
    "stem_of",
]

NAME: Final = r"(?s)(?P<stem>.+)\.ndjson(?:\.[0-9]+|-[0-9]{8,}(?:-[0-9]+)?)?(?P<packed>\.gz|\.zst)?"
"""A capture, packed or not; what turns logs over puts a number or a date behind the suffix.
Compiled by ``re`` when a name is asked for first, as pages need not be; the start is quicker so."""
LINES: Final = r"(?i)\.(?:ndjson|jsonl)(?:[.-]|$)"  # as above
BELOW: Final = "./"
"""What the part of a file begins with that stands in a directory below."""
NOT_CAPTURES: Final = frozenset({"dead_letters.ndjson"})


class LineRange(Struct, frozen=True):
    """The lines of a capture that start behind an offset, and not behind another one.

    ``start`` and ``end`` count expanded bytes; without ``end`` it goes to the file's.
    ``stored_start`` is where a frame begins that expands to what stands from ``start`` on; it is
    the same of a file that ``is_plain``. The first range, from 0 on, has the first line too.
    """

    stored_start: int = 0
    start: int = 0
    end: int | None = None
    is_plain: bool = False


ALL_LINES: Final = LineRange()


class Capture(Struct, frozen=True):
    """A file of many pages; ``name`` is what people are told.

    ``entry`` and ``label`` are those of pages without an envelope whose rows do not say it, and
    ``views`` what such pages were asked with, by the keys of endpoints. ``lines`` are those that
    are read: mostly all of them.
    """

    path: Path
    name: str
    entry: Endpoint | ObjectList | None = None
    label: str = PRIMARY
    views: Mapping[str, str] = MappingProxyType({})
    lines: LineRange = ALL_LINES


def is_capture(name: str) -> bool:
    """Tell whether a file of that name is a capture."""
    return re.fullmatch(NAME, name) is not None


def is_capture_part(part: str) -> bool:
    """Tell whether a part is a capture's: a fixture's has a slash too, and never begins so."""
    return "/" not in part or part.startswith(BELOW)


def has_lines(name: str) -> bool:
    """Tell whether a file's name says that there is a page on each line."""
    return re.search(LINES, name) is not None


def is_input(name: str) -> bool:
    """Tell whether a file of that name is a capture that is read."""
    return is_capture(name) and name not in NOT_CAPTURES and not name.startswith(".")


def is_one(place: Path) -> bool:
    """Tell whether a path is a file of pages, and not a directory that may hold some."""
    return place.is_file() or (not place.is_dir() and is_capture(place.name))


def is_packed(name: str) -> bool:
    """Tell whether a capture of that name is packed."""
    return (match := re.fullmatch(NAME, name)) is not None and match["packed"] is not None


def stem_of(name: str) -> str:
    """Return a file's name without what says that it holds pages."""
    match = re.fullmatch(NAME, name)
    return match["stem"] if match else stem_of_name(name)


def expectations_beside(path: Path) -> Path:
    """Return where the expectations for a capture stand."""
    return path.with_name(f"{stem_of(path.name)}.{EXPECTATIONS}")


def capture_named(path: Path, name: str) -> Capture:
    """Return the capture of that name, below the directory that is read, as its name says it."""
    folder, _, base = name.rpartition("/")
    stem = stem_of(base)
    named = parse_stem(stem)
    label = label_below(folder, named.label if named else label_told(stem))
    return Capture(path, spell_name(name), named.entry if named else None, label)


def captures_in(place: Path) -> list[Capture]:
    """Return the captures in a directory, or the one that ``place`` is, in the order of names.

    Raises:
        Unavailable: the directory cannot be read.
    """
    if not place.is_dir():
        return [capture_named(place, place.name)] if is_input(place.name) else []
    try:
        names = sorted(os.listdir(place))  # noqa: PTH208 -- only names are wanted
    except OSError as error:
        raise Unavailable(f"{place}: the directory cannot be read ({error.strerror})") from None
    return [capture_named(place / name, name) for name in names if is_input(name)]
