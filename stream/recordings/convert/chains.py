"""What both directions share: the walk of each chain, expectations, and what was written."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

from stream.intake.reading import PageReader
from stream.intake.walks import NumberedWalk
from stream.records.chains import Chain
from stream.records.delivery import Page, Part
from stream.records.errors import BadInput
from stream.records.privacy import spell_name
from stream.sources.opening import read_regular
from stream.sources.source import DEFAULT_PAGE_BYTES

__all__ = ["Chains", "Conversion", "expectations_at"]


class Conversion(Struct, rename="camel"):
    """What was written, and where; whether expectations stand beside it."""

    out: str
    chains: int
    pages: int
    expectations: bool


class ChainProgress(Struct):
    """How far a chain was followed: its walk, its pages, and the cursor that the last hands out.

    ``cursor`` is that one as its page has it, ``None`` where no page follows.
    """

    walk: NumberedWalk
    pages: int = 0
    last_mark: int = 0
    cursor: str | None = None


class Chains:
    """Follows chains page by page: fixtures hold one walk of each, and so does what we write."""

    def __init__(self) -> None:
        """Start with no chain."""
        self._reader = PageReader(tolerant=True)
        self._followed: dict[Chain, ChainProgress] = {}

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
        known = self._followed.setdefault(chain, ChainProgress(NumberedWalk()))
        number = known.pages + 1
        reading = self._reader.read_page(Page(chain, number, content, number, asked_cursor=cursor))
        link = reading.link
        if known.pages and link.asked_mark and link.asked_mark != known.last_mark:
            raise BadInput(
                "several_walks",
                "found a page that the page before it does not lead to, "
                "expected one walk of each endpoint and label",
                path="$.request.page",
            )
        known.walk.add(Part("", ""), link)
        if known.walk.fault is not None:
            raise BadInput(*known.walk.fault[:2], path="$.next_page")
        known.pages, known.last_mark = number, link.given_mark
        known.cursor = reading.content.next_page if link.given_mark else None
        return number

    def cursor_to(self, chain: Chain) -> str | None:
        """Return the cursor that leads to the next page of a chain; ``None`` to its first."""
        known = self._followed.get(chain)
        return None if known is None else known.cursor


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
        raise error.name_place(spell_name(path.name)) from None
