"""Captures: many pages in one file, a line for each; which files are captures, and their pages."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, NamedTuple

from stream.records.chains import Chain
from stream.records.delivery import UNKNOWN_CHAIN, Page
from stream.records.errors import BadInput, Unavailable
from stream.records.privacy import spell_name
from stream.sources.envelope import decode_envelope
from stream.sources.files import EXPECTATIONS
from stream.sources.lines import Line

__all__ = [
    "Capture",
    "captures_in",
    "expectations_beside",
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
NOT_CAPTURES: Final = frozenset({"dead_letters.ndjson"})


class Capture(NamedTuple):
    """A capture file; ``name`` is what people are told."""

    path: Path
    name: str


def is_capture(name: str) -> bool:
    """Tell whether a file of that name is a capture."""
    return NAME.fullmatch(name) is not None


def is_input(name: str) -> bool:
    """Tell whether a file of that name is a capture that is read."""
    return is_capture(name) and name not in NOT_CAPTURES and not name.startswith(".")


def is_one(place: Path) -> bool:
    """Tell whether a path is a capture, and not a directory that may hold some."""
    return is_capture(place.name) and not place.is_dir()


def is_packed(name: str) -> bool:
    """Tell whether a capture of that name is packed."""
    return (match := NAME.fullmatch(name)) is not None and match["packed"] is not None


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
            one = decode_envelope(line.content.lstrip(b"\0"))
        except BadInput as bad:
            error = bad
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
                final=final,
                nul_bytes=line.nul_bytes,
            )
    chain = Chain(UNKNOWN_CHAIN, name)
    return Page(chain, line.number, b"", error=error, final=final, nul_bytes=line.nul_bytes)
