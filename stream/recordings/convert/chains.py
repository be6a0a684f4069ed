"""What both directions share: the walk of each chain, expectations, and what was written."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct, field

from stream.intake.reading import Reader
from stream.intake.walks import fault_of
from stream.records.chains import Chain
from stream.records.delivery import Page
from stream.records.errors import BadInput
from stream.sources.files import DEFAULT_PAGE_BYTES, read_regular, spelled

__all__ = ["Chains", "Written", "expectations_at"]


class Written(Struct, rename="camel"):
    """What was written, and where; whether expectations stand beside it."""

    out: str
    chains: int
    pages: int
    expectations: bool


class Followed(Struct):
    """How far a chain was followed: its pages, the cursors that they handed out, and the last."""

    pages: int = 0
    seen: set[int] = field(default_factory=set)
    after: int = 0


class Chains:
    """Follows chains page by page: fixtures hold one walk of each, and so does what we write."""

    def __init__(self) -> None:
        """Start with no chain."""
        self._reader = Reader(tolerant=True)
        self._followed: dict[Chain, Followed] = {}

    def __len__(self) -> int:
        """How many chains there are."""
        return len(self._followed)

    @property
    def pages(self) -> int:
        """How many pages there were."""
        return sum(one.pages for one in self._followed.values())

    def add(self, chain: Chain, content: bytes, cursor: str | None = None) -> int:
        """Take the next page of a chain; return its number. Bad records are not our concern.

        Raises:
            BadInput: it is no page, or does not go on where the page before it led.
        """
        known = self._followed.setdefault(chain, Followed())
        number = known.pages + 1
        link = self._reader.read(Page(chain, number, content, number, asked=cursor)).link
        if known.pages and link.asked and link.asked != known.after:
            raise BadInput(
                "several_walks",
                "found a page that the page before it does not lead to, "
                "expected one walk of each endpoint and label",
                path="$.request.page",
            )
        ended = bool(known.pages) and not known.after
        fault = fault_of(link.after, link.fault, known.seen, ended=ended)
        if fault is not None:
            raise BadInput(*fault, path="$.next_page")
        known.pages, known.after = number, link.after
        known.seen.add(link.after)
        return number


def expectations_at(path: Path) -> bytes | None:
    """Return the expectations that stand beside pages, as they are; ``None`` without any.

    Raises:
        BadInput: they are no regular file.
        Unavailable: they cannot be read.
    """
    if not os.path.lexists(path):
        return None
    try:
        return read_regular(path, DEFAULT_PAGE_BYTES)
    except BadInput as error:
        raise error.at(spelled(path.name)) from None
