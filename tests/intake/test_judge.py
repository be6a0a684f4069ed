"""The judge of walks: one verdict for what pages said, in any order, from any source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.intake.walks import LOST, PlacedLink, Verdict, judge_walk
from stream.records.chains import Link
from stream.records.delivery import Part

MANY: Final = settings(max_examples=300, deadline=None)
PARTS: Final = [Part("", name) for name in ("a.ndjson", "b.ndjson", "c.ndjson")]
FAULTS: Final = ["no_cursor", "cursor_url", LOST]
GAP: Final = {"gap", "incomplete"}


class Said(NamedTuple):
    """A page of a walk: its number, the cursor that it was asked for with, and where it leads."""

    number: int
    asked: int
    after: int
    fault: str = ""

    def numbered(self) -> PlacedLink:
        """What it says where pages are numbered, and nobody knows what was asked for."""
        link = Link(0, self.number, self.after, 0, 0, self.fault, self.shown)
        return Part("", f"usage/completions/primary/{self.number}"), link

    def asking(self, part: Part = PARTS[0]) -> PlacedLink:
        """What it says where it is known what was asked for, and pages are not numbered."""
        digest = 0 if self.fault == LOST else 100 + self.number
        return part, Link(0, 0, self.after, self.asked, digest, self.fault, self.shown)

    @property
    def shown(self) -> str | None:
        """The cursor of the next page, as it may be shown."""
        return f"c{self.after}" if self.after else None


def walk(pages: int) -> list[Said]:
    """Make a whole walk: each page leads to the next."""
    return [
        Said(number, number if number > 1 else 0, number + 1 if number < pages else 0)
        for number in range(1, pages + 1)
    ]


def known(pages: Sequence[Said]) -> Verdict | None:
    """Judge numbered pages."""
    return judge_walk(one.numbered() for one in pages)


def asked(pages: Sequence[Said]) -> Verdict | None:
    """Judge pages of which is known what they were asked for with."""
    return judge_walk(one.asking() for one in pages)


def gist(verdict: Verdict | None) -> tuple[str, bool, str | None] | None:
    """Leave of a verdict what does not depend on how pages are known."""
    return verdict and (verdict.reason, verdict.open, verdict.cursor)


@st.composite
def damaged(draw: st.DrawFn) -> list[Said]:
    """Make a walk with at most one thing wrong with it."""
    pages = walk(draw(st.integers(1, 5)))
    what = draw(st.sampled_from(["nothing", "missing", "cut", "longer", "again", *FAULTS]))
    place = draw(st.integers(0, len(pages) - 1))
    one = pages[place]
    if what == "missing" and len(pages) > 1:
        del pages[place]
    elif what == "cut":
        pages[-1] = pages[-1]._replace(after=9)
    elif what == "longer":
        pages.append(Said(len(pages) + 1, 9, 0))
    elif what == "again" and place > 0 and place < len(pages) - 1:
        # The page leads back to itself, and what follows was asked for all the same.
        pages[place] = one._replace(after=one.asked)
        pages[place + 1] = pages[place + 1]._replace(asked=one.asked)
    elif what in FAULTS:
        pages[place] = one._replace(after=0, fault=what)
    return pages


links = st.builds(
    Link,
    revision=st.just(0),
    number=st.sampled_from([0, 0, 0, 1, 2, 3]),
    given_mark=st.sampled_from([0, 0, 5, 6, 7]),
    asked_mark=st.sampled_from([0, 0, 5, 6]),
    digest=st.sampled_from([1, 2, 3]),
    fault=st.sampled_from(["", "", "", "", *FAULTS]),
    cursor=st.none(),
).map(lambda one: one._replace(cursor=f"c{one.given_mark}" if one.given_mark else None))
"""Anything that pages could say."""


def placed(found: Sequence[Link]) -> list[PlacedLink]:
    """Let each numbered page be a part, and the others stand in one."""
    seen: set[int] = set()
    made: list[PlacedLink] = []
    for link in found:
        if link.number in seen:
            continue
        if link.number:
            seen.add(link.number)
        made.append((Part("", str(link.number)) if link.number else PARTS[0], link))
    return made


@MANY
@given(found=st.lists(links, max_size=8), data=st.data())
def test_order_changes_no_verdict(found: list[Link], data: st.DataObject) -> None:
    """Whatever pages say, and in whatever order it comes, the verdict is the same."""
    pages = placed(found)
    assert judge_walk(data.draw(st.permutations(pages))) == judge_walk(pages)


@MANY
@given(pages=damaged(), data=st.data())
def test_repetition_changes_no_verdict(pages: list[Said], data: st.DataObject) -> None:
    """Pages that come again, as they were, change no verdict."""
    again = data.draw(st.lists(st.sampled_from(pages), max_size=5))
    assert asked(data.draw(st.permutations([*pages, *again]))) == asked(pages)
    assert known(data.draw(st.permutations([*pages, *again]))) == known(pages)


@MANY
@given(pages=damaged(), data=st.data())
def test_parts_change_no_verdict(pages: list[Said], data: st.DataObject) -> None:
    """Where pages stand in several captures, the verdict is that of one capture."""
    spread = [one.asking(data.draw(st.sampled_from(PARTS))) for one in pages]
    assert judge_walk(spread) == asked(pages)


@MANY
@given(pages=damaged())
def test_numbers_and_cursors_tell_the_same(pages: list[Said]) -> None:
    """Numbered, or with cursors that were asked for, a walk is wrong for one reason."""
    one, other = known(pages), asked(pages)
    assert (one and one.reason) == (other and other.reason)


@MANY
@given(pages=damaged())
def test_both_tell_where_a_walk_goes_on(pages: list[Said]) -> None:
    """Numbered, or with cursors that were asked for, a walk goes on at one place, or nowhere."""
    assert gist(known(pages)) == gist(asked(pages))


@MANY
@given(found=st.lists(links, max_size=8))
def test_a_walk_that_has_ended_goes_on_nowhere(found: list[Link]) -> None:
    """A verdict has a cursor only where no page says that the walk ends."""
    verdict = judge_walk(placed(found))
    assert verdict is None or verdict.open or verdict.cursor is None


@MANY
@given(pages=damaged(), data=st.data())
def test_what_more_pages_can_mend_is_mended(pages: list[Said], data: st.DataObject) -> None:
    """Some pages of a whole walk lack others and nothing worse, whichever came first."""
    whole = walk(max(one.number for one in pages))
    some = data.draw(st.lists(st.sampled_from(whole), min_size=1, unique=True))
    for verdict in (known(some), asked(some)):
        assert verdict is None or verdict.reason in GAP


@pytest.mark.parametrize("pages", range(1, 6))
def test_a_whole_walk_holds(pages: int) -> None:
    """A walk whose pages lead to each other, up to an end, has nothing wrong with it."""
    assert (known(walk(pages)), asked(walk(pages))) == (None, None)


TABLE: Final = {
    "no end": ([Said(1, 0, 2), Said(2, 2, 3)], ("incomplete", True, "c3")),
    "one page, no end": ([Said(1, 0, 2)], ("incomplete", True, "c2")),
    "a page after the end": ([Said(1, 0, 0), Said(2, 9, 0)], ("after_end", False, None)),
    "the first page is missing": ([Said(2, 2, 0)], ("gap", False, None)),
    "a page is missing": ([Said(1, 0, 2), Said(3, 3, 0)], ("gap", False, None)),
    "a cursor again": (
        [Said(1, 0, 2), Said(2, 2, 2), Said(3, 2, 0)],
        ("repeated_cursor", False, None),
    ),
    "no cursor": ([Said(1, 0, 0, "no_cursor"), Said(2, 9, 0)], ("no_cursor", False, None)),
    "no cursor, no end": ([Said(1, 0, 0, "no_cursor")], ("no_cursor", True, None)),
    "the last page is lost": ([Said(1, 0, 2), Said(2, 2, 0, LOST)], ("incomplete", True, "c2")),
    "the only page is lost": ([Said(1, 0, 0, LOST)], ("incomplete", True, None)),
    "a page amid others is lost": (
        [Said(1, 0, 2), Said(2, 2, 0, LOST), Said(3, 3, 0)],
        None,
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_numbered_walks_are_judged_as_the_table_says(name: str) -> None:
    """Each fault of a numbered walk has its reason, and the place where the walk goes on."""
    pages, wanted = TABLE[name]
    assert gist(known(pages)) == wanted


@pytest.mark.parametrize("name", TABLE)
def test_walks_by_cursors_are_judged_as_the_table_says(name: str) -> None:
    """Each fault of a walk whose cursors are known has the same reason, and the same place."""
    pages, wanted = TABLE[name]
    assert gist(asked(pages)) == wanted
