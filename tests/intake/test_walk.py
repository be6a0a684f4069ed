"""The rules of a numbered walk: which cursor leads on, and where the walk ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.intake.walks import LOST, Verdict, judge_walk
from stream.records.chains import Link
from stream.records.delivery import Part

MARKS = st.integers(1, 9)
END = 0


def link(number: int, after: int, fault: str = "") -> tuple[Part, Link]:
    """Make the link of a page that hands out the cursor ``after``, or ends the walk."""
    found = Link(0, number, after, 0, 0, fault, f"c{after}" if after else None)
    return Part("", f"page {number}"), found


def judged(*after: int) -> Verdict | None:
    """Judge a walk by what each of its pages hands out."""
    return judge_walk(link(number, one) for number, one in enumerate(after, 1))


@given(st.lists(MARKS, unique=True, max_size=6))
def test_a_chain_leads_from_cursor_to_cursor(marks: list[int]) -> None:
    """Different cursors lead on one after the other, until a page says that nothing follows."""
    assert judged(*marks, END) is None
    if marks:
        verdict = judged(*marks)
        assert verdict is not None
        assert (verdict.reason, verdict.open, verdict.mendable) == ("incomplete", True, True)
        assert verdict.cursor == f"c{marks[-1]}"


@given(st.lists(MARKS, unique=True, min_size=1, max_size=6), st.data())
def test_a_cursor_that_returns_is_a_fault(marks: list[int], data: st.DataObject) -> None:
    """A cursor seen before, at any distance, is a fault of the page that hands it out."""
    verdict = judged(*marks, data.draw(st.sampled_from(marks)), END)
    assert verdict is not None
    assert (verdict.reason, verdict.number) == ("repeated_cursor", len(marks) + 1)
    assert (verdict.open, verdict.mendable) == (False, False)


def test_nothing_comes_after_the_end() -> None:
    """A page after the one that ended the chain is a fault."""
    verdict = judged(1, END, END)
    assert verdict is not None
    assert (verdict.reason, verdict.number) == ("after_end", 3)


def test_a_missing_page_is_a_gap() -> None:
    """A number that no page has is missing while later pages are there, and can still come."""
    verdict = judge_walk([link(1, 5), link(3, END)])
    assert verdict is not None
    assert (verdict.reason, verdict.mendable) == ("gap", True)
    assert verdict.message.startswith("page 2 is missing")


def test_a_page_that_was_set_aside_is_no_gap() -> None:
    """Nobody knows where it led; the pages behind it go on."""
    assert judge_walk([link(1, 5), link(2, 0, LOST), link(3, END)]) is None
    verdict = judge_walk([link(1, 5), link(2, 0, LOST)])
    assert verdict is not None
    assert "page 1 says that more follows, and no page 2 could be counted" in verdict.message


@pytest.mark.parametrize("fault", ["no_cursor", "cursor_url"])
def test_a_walk_goes_on_after_a_page_without_a_cursor(fault: str) -> None:
    """A page whose cursor cannot be used is the fault, and not the pages that follow it."""
    verdict = judge_walk([link(1, 5), link(2, 0, fault), link(3, END)])
    assert verdict is not None
    assert (verdict.reason, verdict.number, verdict.open) == (fault, 2, False)


def test_sources_walk_apart() -> None:
    """Pages of one number in two sources are of two walks."""
    other = Part("other", "page 1"), link(1, END)[1]
    assert judge_walk([link(1, 5), link(2, END), other]) is None
    assert judge_walk([link(1, 5), other]) is not None
