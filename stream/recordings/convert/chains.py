"""What both directions share: the walk of each chain, expectations, and what was written."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

from stream.decode import Decoder, decode_list
from stream.providers.cursors import Walk, root_of
from stream.providers.endpoint import Endpoint, ObjectList
from stream.records.chains import Chain
from stream.records.errors import BadInput
from stream.sources.files import DEFAULT_PAGE_BYTES, read_regular, spelled

__all__ = ["Walks", "Written", "expectations_at"]


class Written(Struct, rename="camel"):
    """What was written, and where; whether expectations stand beside it."""

    out: str
    chains: int
    pages: int
    expectations: bool


class Walks:
    """Follows chains page by page: fixtures hold one walk of each, and so does what we write."""

    def __init__(self) -> None:
        """Start with no chain."""
        self.walks: dict[Chain, Walk] = {}
        self._decoders: dict[str, Decoder] = {}

    @property
    def pages(self) -> int:
        """How many pages there were."""
        return sum(walk.page for walk in self.walks.values())

    def step(
        self,
        entry: Endpoint | ObjectList,
        chain: Chain,
        payload: bytes,
        cursor: str | None = None,
    ) -> int:
        """Follow the next page of a chain; return its number.

        Raises:
            BadInput: it is no page, or does not go on where the page before it led.
        """
        has_more, next_page = self._ending(entry, payload)
        walk = self.walks.setdefault(chain, Walk(root_of(entry)))
        if walk.page and cursor is not None and cursor != walk.cursor:
            raise BadInput(
                "several_walks",
                "found a page that the page before it does not lead to, "
                "expected one walk of each endpoint and label",
                path="$.request.page",
            )
        walk.step(has_more=has_more, next_page=next_page)
        walk.page += 1
        return walk.page

    def _ending(self, entry: Endpoint | ObjectList, payload: bytes) -> tuple[bool, str | None]:
        """Return a page's word on where its chain goes; bad records in it are not our concern.

        Raises:
            BadInput: it is no page.
        """
        if isinstance(entry, ObjectList):
            listed = decode_list(entry, payload, tolerant=True)
            return listed.has_more, listed.next_page
        decoder = self._decoders.get(entry.key) or Decoder(entry)
        self._decoders[entry.key] = decoder
        page = decoder.decode(payload, tolerant=True)
        return page.has_more, page.next_page


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
