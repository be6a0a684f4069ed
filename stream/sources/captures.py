"""Captures: files of many pages, mostly a line for each; which files they are, and their pages."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from stream.decode.foreign import foreign_bytes
from stream.providers.endpoint import Endpoint, ObjectList
from stream.records.chains import PRIMARY, Chain
from stream.records.delivery import UNKNOWN_CHAIN, Page
from stream.records.errors import BadInput, Unavailable
from stream.records.privacy import spell_name
from stream.sources.contents import entry_in, is_bare
from stream.sources.envelope import decode_envelope, foreign_line
from stream.sources.lines import Line
from stream.sources.names import (
    EXPECTATIONS,
    NAMES_WANTED,
    label_below,
    label_told,
    parse_stem,
    stem_of_name,
)

__all__ = [
    "Capture",
    "capture_named",
    "captures_in",
    "expectations_beside",
    "has_lines",
    "is_capture",
    "is_input",
    "is_one",
    "is_packed",
    "page_of",
    "stem_of",
]

NAME: Final = re.compile(
    r"(?P<stem>.+)\.ndjson(?:\.[0-9]+|-[0-9]{8,}(?:-[0-9]+)?)?(?P<packed>\.gz|\.zst)?", re.DOTALL
)
"""A capture, packed or not; what turns logs over puts a number or a date behind the suffix."""
LINES: Final = re.compile(r"\.(?:ndjson|jsonl)(?:[.-]|$)", re.IGNORECASE)
UNNAMED: Final = "found a page whose rows do not say of which endpoint they are"
NOT_CAPTURES: Final = frozenset({"dead_letters.ndjson"})


class Capture(Struct, frozen=True):
    """A file of many pages; ``name`` is what people are told.

    ``entry`` and ``label`` are those of pages without an envelope whose rows do not say it, and
    ``views`` what such pages were asked with, by the keys of endpoints.
    """

    path: Path
    name: str
    entry: Endpoint | ObjectList | None = None
    label: str = PRIMARY
    views: Mapping[str, str] = MappingProxyType({})


def is_capture(name: str) -> bool:
    """Tell whether a file of that name is a capture."""
    return NAME.fullmatch(name) is not None


def has_lines(name: str) -> bool:
    """Tell whether a file's name says that there is a page on each line."""
    return LINES.search(name) is not None


def is_input(name: str) -> bool:
    """Tell whether a file of that name is a capture that is read."""
    return is_capture(name) and name not in NOT_CAPTURES and not name.startswith(".")


def is_one(place: Path) -> bool:
    """Tell whether a path is a file of pages, and not a directory that may hold some."""
    return place.is_file() or (is_capture(place.name) and not place.is_dir())


def is_packed(name: str) -> bool:
    """Tell whether a capture of that name is packed."""
    return (match := NAME.fullmatch(name)) is not None and match["packed"] is not None


def stem_of(name: str) -> str:
    """Return a file's name without what says that it holds pages."""
    match = NAME.fullmatch(name)
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


def page_of(line: Line, capture: Capture) -> Page:
    """Return the page that a capture's line holds, or why there is none.

    A page without an envelope is of the endpoint that its rows name, or else of the capture's.
    """
    pieces, fault = line.pieces, line.error
    if fault is None:
        if not pieces or not pieces[0].startswith(b"{"):
            pieces = (line.content.lstrip(b"\0"),)
        try:
            one = decode_envelope(*pieces)
        except BadInput as error:
            content = b"".join(pieces)
            found = (entry_in(content) or capture.entry) if is_bare(content) else None
            if found is not None:
                chain = Chain(found.key, capture.label, capture.views.get(found.key, ""))
                page = Page(chain, line.number, content, final=line.final, is_bare=True)
                return replace(page, nul_bytes=line.nul_bytes)
            fault = fault_in(content, error)
        else:
            chain = Chain(one.entry.key, one.label, one.view)
            return Page(
                chain,
                line.number,
                one.payload,
                0,
                one.revision,
                one.cursor,
                None,
                line.final,
                nul_bytes=line.nul_bytes,
                ends_walk=one.ends_walk,
            )
    chain = Chain(UNKNOWN_CHAIN, capture.name)
    return Page(chain, line.number, b"", error=fault, final=line.final, nul_bytes=line.nul_bytes)


def fault_in(content: bytes, fault: BadInput) -> BadInput:
    """Say better what is wrong with a line that is no envelope, where that is known."""
    if is_bare(content):
        unnamed = BadInput("envelope", f"{UNNAMED}, expected a name as {NAMES_WANTED}")
        return foreign_line(content) or unnamed
    return foreign_bytes(content) or fault
