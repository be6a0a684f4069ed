"""Walks: where one ends is said by the API, or known from its range, and never guessed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from stream.records.errors import Unavailable
from stream.sources.api.asking import Asker, Reply
from stream.sources.api.budget import Budget
from stream.sources.api.journal import KeptPage
from stream.sources.api.progress import OpenWalk
from stream.sources.api.query import Query
from stream.sources.api.refusals import Refusal
from stream.sources.api.walks import go_on
from tests.support.live import TestClock

DAY = 86_400
START = 20_700 * DAY
Page = dict[str, Any]


class Script:
    """Answers with one page after another, the last one for ever, and keeps nothing."""

    def __init__(self, *pages: Page | None, date: str = "") -> None:
        """Take the pages; ``None``: there is no answer."""
        self.pages = pages
        self.asked: list[list[tuple[str, str]]] = []
        self.headers = {"content-type": "application/json", "date": date}

    async def get(self, _: str, parameters: list[tuple[str, str]]) -> Reply:
        """Answer."""
        page = self.pages[min(len(self.asked), len(self.pages) - 1)]
        self.asked.append(parameters)
        if page is None:
            raise Unavailable("nothing came")
        if page.get("next_page") == "more":
            page = page | {"next_page": f"page_{len(self.asked)}"}
        return Reply(200, self.headers, json.dumps(page).encode())

    async def aclose(self) -> None:
        """Hold nothing open."""

    async def load_progress(self) -> bytes | None:
        """Know nothing."""
        return None

    async def keep_progress(self, saved: bytes) -> None:
        """Keep nothing."""

    async def load_walks(self) -> dict[str, list[bytes]]:
        """Know nothing."""
        return {}

    async def keep_records(self, part: str, records: Sequence[bytes], *, anew: bool) -> None:
        """Keep nothing."""

    async def add_walk(self, lines: Sequence[bytes]) -> None:
        """Keep nothing."""


def page(*days: int, rows: bool = True, cursor: str | None = "more") -> Page:
    """Make a page with the buckets of some days; with a cursor more is said to follow."""
    row = {"object": "organization.usage.completions.result", "input_tokens": 1}
    buckets = [
        {
            "object": "bucket",
            "start_time": START + day * DAY,
            "end_time": START + (day + 1) * DAY,
            "results": [row] if rows else [],
        }
        for day in days
    ]
    return {"object": "page", "data": buckets, "has_more": bool(cursor), "next_page": cursor}


async def walk(
    script: Script, end: int | None = 3, now: float = START + 9.5 * DAY
) -> tuple[Refusal | None, list[KeptPage], OpenWalk]:
    """Walk from the first day to another one, or to now."""
    clock = TestClock(now)
    asker = Asker(script, Budget(6_000, 1_000, clock, clock.sleep), clock)
    closed = None if end is None else START + end * DAY
    query = Query("usage/completions", "acme", "", START, closed, "1d")
    pages: list[KeptPage] = []
    one = OpenWalk(query, 1, is_live=end is None, begun_at=now)
    return await go_on(asker, script, "usage/completions", one, pages, now), pages, one


@pytest.mark.parametrize("behind", [page(), page(3, rows=False), page(3, 4, rows=False)])
async def test_what_lies_behind_a_range_ends_it(behind: Page) -> None:
    """Pages without a row that go on behind the range, with or without buckets, end the walk."""
    script = Script(page(0, 1), page(2), behind)
    refusal, pages, _ = await walk(script)
    assert (refusal, len(pages), len(script.asked)) == (None, 3, 3)
    assert b'"ends_walk":true' in pages[-1].line.replace(b" ", b"") or pages[-1].next_cursor is None


@pytest.mark.parametrize("empty", [page(), page(1, rows=False)])
async def test_an_empty_page_in_the_middle_ends_nothing(empty: Page) -> None:
    """Before the end of a range an empty page is one of many: what follows it is asked for."""
    script = Script(page(0), empty, empty, page(2, cursor=None))
    refusal, pages, _ = await walk(script)
    assert (refusal, len(pages)) == (None, 4)


async def test_rows_behind_the_range_are_read() -> None:
    """A page with rows ends nothing, wherever they are: only the API says that it is the last."""
    script = Script(page(0, 1, 2), page(2), page(2), page(2, cursor=None))
    refusal, pages, _ = await walk(script)
    assert (refusal, len(pages)) == (None, 4)


async def test_empty_pages_before_the_end_are_no_walk() -> None:
    """A closed range that is never there as a whole is refused, after a few pages."""
    script = Script(page(0), page())
    refusal, _, _ = await walk(script)
    assert refusal is not None
    assert (refusal.kind, len(script.asked)) == ("endless", 5)


async def test_an_open_range_ends_with_now() -> None:
    """Up to now there are buckets without rows; behind it, or after two empty pages, is the end."""
    quiet = [page(day, rows=False) for day in range(1, 10)]
    script = Script(page(0), *quiet, page(10, rows=False))
    refusal, pages, _ = await walk(script, None)
    assert (refusal, len(pages)) == (None, 11)
    script = Script(page(0), page())
    refusal, pages, _ = await walk(script, None)
    assert (refusal, len(pages)) == (None, 3)


async def test_a_cursor_that_comes_again_is_a_circle() -> None:
    """The cursor that was asked with, or one from before, leads nowhere."""
    for cursors in (("a", "a"), ("a", "b", "a"), ("a", "b", "c", "b")):
        script = Script(*(page(0, cursor=one) for one in cursors))
        refusal, _, _ = await walk(script)
        assert refusal is not None
        assert (refusal.kind, len(script.asked)) == ("cursor_repeated", len(cursors))


async def test_what_fails_keeps_what_was_read() -> None:
    """A page that does not come leaves those before it, and the next one is asked for then."""
    script = Script(page(0), page(1), None)
    refusal, pages, _ = await walk(script)
    assert refusal is not None
    assert (refusal.kind, [one.next_cursor for one in pages]) == ("busy", ["page_1", "page_2"])


@pytest.mark.parametrize(
    ("date", "begun"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777.0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", START + 9.5 * DAY),
        ("soon", START + 9.5 * DAY),
        ("", START + 9.5 * DAY),
    ],
)
async def test_a_walk_begins_by_the_earlier_clock(date: str, begun: float) -> None:
    """A clock of ours that is ahead does not make windows older than the provider has them."""
    _, _, one = await walk(Script(page(0, 1, 2, cursor=None), date=date))
    assert one.begun_at == begun
