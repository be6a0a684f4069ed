"""One walk: a page is asked for with what the page before it handed out, until one says the end.

Every page is kept as it comes, so that a walk that was broken off goes on. What leads nowhere, or
in a circle, fails; nothing is concluded from how many buckets a page has.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from stream.records.capture_line import line_of
from stream.sources.api.answers import Answer
from stream.sources.api.asking import Asker
from stream.sources.api.journal import Journal, KeptPage, keep_page
from stream.sources.api.masks import mask_page
from stream.sources.api.progress import OpenWalk
from stream.sources.api.query import Query
from stream.sources.api.refusals import Refusal

__all__ = ["go_on"]

MOST_PAGES: Final = 100_000
"""A walk of more pages than that goes in a circle of which nobody sees the end."""
MOST_EMPTY: Final = 3
"""How many pages in a row may have nothing in them, although more is said to follow."""


class BucketEnd(Struct, gc=False):
    """A bucket, of which only the end is looked at."""

    end_time: int | None = None


class BucketEnds(Struct, gc=False):
    """A page's buckets."""

    buckets: list[BucketEnd] = msgspec.field(name="data", default_factory=list)


ENDS: Final = msgspec.json.Decoder(BucketEnds)


async def go_on(  # noqa: PLR0913, PLR0917 -- a walk, how far it is, and whom to ask
    asker: Asker, journal: Journal, part: str, walk: OpenWalk, pages: list[KeptPage], now: float
) -> Refusal | None:
    """Go on with a walk to its end, adding to its ``pages``; return what it was refused with.

    ``now`` is when this began, in Unix seconds.

    Raises:
        Unavailable: a page cannot be kept.
    """
    handed_out = {page.next_cursor for page in pages}
    empty, last = 0, last_end(pages)
    while not pages or pages[-1].next_cursor is not None:
        cursor = pages[-1].next_cursor if pages else None
        answer = await asker.ask(walk.query, cursor)
        if answer.refusal is not None:
            return answer.refusal
        if not pages and answer.moment is not None:
            walk.begun_at = min(walk.begun_at, answer.moment)
        empty = 0 if has_content(walk.query, answer) else empty + 1
        following = answer.next_cursor
        if following is not None and answer.is_empty and is_behind(walk.query, last, empty, now):
            following = None
        elif following in handed_out and following is not None:
            return Refusal("cursor_repeated", "the walk came back to a cursor that it had before")
        elif empty > MOST_EMPTY or len(pages) >= MOST_PAGES:
            return Refusal("endless", "the walk has pages without an end, and nothing in them")
        page = kept_page_of(walk, cursor, answer, following)
        await keep_page(journal, part, walk, page, first=not pages)
        pages.append(page)
        last = max(last, end_of(page.page))
        handed_out.add(following)
    return None


def is_behind(query: Query, last: int, empty: int, now: float) -> bool:
    """Tell whether a page without a row that says that more follows lies behind its range's end.

    ``last`` is the end of the last bucket before it, and ``empty`` how many pages in a row had no
    bucket. A closed range has to be there as a whole; of an open one nobody knows what is still to
    come, and the second page in a row without a bucket ends it.
    """
    wanted = now if query.end is None else query.end
    return last >= wanted or (query.end is None and not query.is_list and empty > 1)


def last_end(pages: list[KeptPage]) -> int:
    """Return the end of the last bucket of some pages, in Unix seconds; 0: they have none."""
    return max((end_of(page.page) for page in pages), default=0)


def has_content(query: Query, answer: Answer) -> bool:
    """Tell whether a page has a bucket, of which the rows may be none, or an element."""
    if not answer.is_empty or answer.page is None:
        return True
    return not query.is_list and bool(ENDS.decode(answer.page).buckets)


def end_of(page: bytes) -> int:
    """Return the end of a page's last bucket, in Unix seconds; 0: it has none."""
    try:
        return max((one.end_time or 0 for one in ENDS.decode(page).buckets), default=0)
    except msgspec.MsgspecError:
        return 0  # intake says what is wrong with it


def kept_page_of(
    walk: OpenWalk, cursor: str | None, answer: Answer, following: str | None
) -> KeptPage:
    """Return a page as evidence has it: what it says of persons is masked."""
    query = walk.query
    assert answer.page is not None  # noqa: S101 -- or it would have been refused
    page = mask_page(answer.page.strip())
    ends = following is None and answer.next_cursor is not None
    line = line_of(
        query.entry, query.label, walk.revision, query.request(cursor), page, ends_walk=ends
    )
    return KeptPage(line, len(line) - len(b"}\n") - len(page), following)
