"""Read a page: what it says of usage, or of the organization's objects, and of its walk.

Pure: replay, daemon, workers and engines all call :meth:`PageReader.read_page`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from msgspec import Struct

from stream.decode import (
    BucketPage,
    Decoder,
    KnownRows,
    ListPage,
    ShareTest,
    check_density,
    count_all,
    keep_own,
    know_nothing,
)
from stream.intake.walks import LOST
from stream.providers.cursors import cursor_of, mark_of, next_cursor, root_of
from stream.providers.openai import ENDPOINTS, LISTS
from stream.records.chains import Link
from stream.records.delivery import Page
from stream.records.errors import BadInput
from stream.records.privacy import shield_value
from stream.records.windows import timestamp

__all__ = ["PageReader", "Reading", "check_revision", "lost_link"]

MICRO: Final = 1_000_000
NO_LINK: Final = Link(0, 0, 0, 0, 0)


class Reading(Struct, frozen=True):
    """What a page says: of buckets or of a list, what of that is to be counted here, its walk."""

    content: BucketPage | ListPage
    own_content: BucketPage | ListPage
    link: Link


class PageReader:
    """Reads pages of every endpoint and list; one for each thread, as decoders have buffers."""

    def __init__(self, *, tolerant: bool, follows: bool = True) -> None:
        """Know no endpoint yet; ``tolerant``: what is bad in a page is cut out and named.

        Who does not follow walks leaves that to another one who reads the same pages.
        """
        self.tolerant = tolerant
        self.follows = follows
        self._decoders: dict[str, Decoder] = {}

    def decoder(self, endpoint: str) -> Decoder:
        """Return what decodes the pages of an endpoint."""
        found = self._decoders.get(endpoint)
        if found is None:
            found = self._decoders[endpoint] = Decoder(ENDPOINTS[endpoint])
        return found

    def read_page(
        self, page: Page, known: KnownRows | None = know_nothing, mine: ShareTest = count_all
    ) -> Reading:
        """Read a page; buckets that are ``known``, or not ``mine``, are not decoded.

        With ``None`` nobody asks what is known (:meth:`Decoder.decode`).

        Where bad input is set aside a page is decoded whole, as one bad enough goes as a whole;
        else a bad one ends the run, whoever comes upon it. There, and of a list in any case, a
        cursor that cannot be used is a fault of the walk, which is judged later.

        Raises:
            BadInput: it cannot be trusted.
        """
        if page.error is not None:
            raise page.error
        content: BucketPage | ListPage
        endpoint = page.chain.endpoint
        if endpoint in ENDPOINTS:
            content = own = self.decoder(endpoint).decode(
                page.content,
                tolerant=self.tolerant,
                known=known,
                mine=count_all if self.tolerant else mine,
            )
            if self.tolerant:
                own = keep_own(content, mine)
            return Reading(content, own, self._link(page, content))
        from stream.decode.lists import decode_list  # noqa: PLC0415 -- few runs have lists

        check_density(page.content)
        content = decode_list(LISTS[endpoint], page.content, tolerant=self.tolerant)
        return Reading(content, content, self._link(page, content))

    def _link(self, page: Page, content: BucketPage | ListPage) -> Link:
        """Return what a page says of its walk."""
        if not self.follows and page.asked_cursor is None:  # one that is known can be bad input
            return NO_LINK
        root = root_of(page.chain.endpoint)
        asked = 0 if page.asked_cursor is None else mark_of(cursor_of(page.asked_cursor, root))
        digest = 0 if page.number else mark_of(page.content)
        if page.ends_walk or (not content.has_more and content.next_page is None):
            return Link(page.revision, page.number, 0, asked, digest)
        try:
            cursor = next_cursor(content.has_more, content.next_page, root)
        except BadInput as error:
            if not self.tolerant and page.chain.endpoint in ENDPOINTS:
                raise
            return Link(page.revision, page.number, 0, asked, digest, error.reason)
        shown = None if cursor is None else shield_value(cursor)
        return Link(page.revision, page.number, mark_of(cursor), asked, digest, "", shown)


def lost_link(page: Page) -> Link:
    """Return what a page says of its walk that was set aside as a whole."""
    asked = 0
    with suppress(BadInput):  # a cursor that leads elsewhere is no cursor of the walk
        asked = mark_of(cursor_of(page.asked_cursor, root_of(page.chain.endpoint)))
    return Link(page.revision, page.number, 0, asked, 0, LOST)


def check_revision(page: Page, now: int) -> None:
    """See that a walk was not made in the future; ``now`` is in Unix seconds.

    Raises:
        BadInput: it was, by more than clocks may differ.
    """
    if page.seconds_ahead(now):
        observed = timestamp(page.revision // MICRO)
        raise BadInput(
            "observed_at",
            f"found a walk made at {observed}, which is more than five minutes ahead of the clock "
            f"({timestamp(now)}), expected an earlier one",
            path="$.observed_at",
        )
