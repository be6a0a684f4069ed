"""Figures by any dimensions and periods are those of the oracle, from whatever has the days."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import localcontext
from itertools import combinations
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream.figures.breakdown import (
    DIMENSIONS,
    Breakdown,
    Choice,
    Measure,
    add_breakdown,
    add_breakdowns,
)
from stream.figures.daybook import FiguresDaybook, StoredDaybook
from stream.figures.endpoint import endpoint_figures
from stream.figures.ledger import Ledger
from stream.figures.periods import PERIODS, Per, name_period, read_days, start_of_period
from stream.figures.ranks import rank_rows
from stream.providers.openai import ENDPOINTS
from stream.records.money import MONEY
from stream.records.windows import DAY, Window, days_of
from stream.state.saved_series import Span
from stream.state.windows import KeyedState
from tests.oracle import Delivery
from tests.support.days import HeldDays, book_of, take_pages
from tests.support.pages import FIRST, bucket, page, used
from tests.support.plain_sums import LEVEL, Sums, plain_sums
from tests.support.strategies import chains, deliveries

SOME = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
BYS: Final = [by for count in range(len(DIMENSIONS) + 1) for by in combinations(DIMENSIONS, count)]


def spread(found: Breakdown) -> Sums:
    """Write a breakdown in the plain way; levels do not add up, and have a test of their own."""
    return {
        (
            f"{one.name} {one.currency}".strip(),
            name_first(start, found.choice.period),
            values,
        ): value
        for one, periods in found.sums.items()
        for start, groups in periods.items()
        for values, value in groups.items()
        if one.name != "usage_bytes"
    }


def name_first(start: int, per: Per) -> str:
    """Write the first day of a period."""
    return "" if per == "total" else datetime.fromtimestamp(start, UTC).date().isoformat()


def without_levels(sums: Sums) -> Sums:
    """Leave out what does not add up."""
    return {key: value for key, value in sums.items() if key[0] != "usage_bytes"}


@pytest.mark.parametrize("per", PERIODS)
@SOME
@given(chains(), st.sampled_from(BYS), st.data())
def test_every_sum_is_the_oracles(
    per: Per,
    made: dict[tuple[str, str], list[dict[str, object]]],
    by: tuple[str, ...],
    data: st.DataObject,
) -> None:
    """Whatever is asked for, each figure is that of the records that count, to the last digit."""
    pages = deliveries(made)
    keys = data.draw(st.lists(st.sampled_from(sorted(ENDPOINTS)), unique=True, max_size=3))
    choice = Choice(
        dimensions=by, period=per, endpoints=tuple(key for key in ENDPOINTS if key in keys)
    )
    found = spread(add_breakdown(book_of(pages), choice))
    assert found == without_levels(plain_sums(pages, by, per, keys))


@SOME
@given(chains(), st.sampled_from(BYS), st.sampled_from(PERIODS), st.integers(0, 20), st.data())
def test_days_that_were_kept_and_days_that_changed_are_one(
    made: dict[tuple[str, str], list[dict[str, object]]],
    by: tuple[str, ...],
    per: Per,
    cut: int,
    data: st.DataObject,
) -> None:
    """Some days stand in a store, others have changed since: all is as if nobody had kept any."""
    pages = data.draw(st.permutations(deliveries(made)))
    state, store = KeyedState(), HeldDays()
    ledger = Ledger([], 100, store)
    take_pages(state, pages[:cut])
    draft = ledger.draft(state.windows(), state.changed_places)
    ledger.commit(draft)
    store.put(draft.figures)
    state.changed_places.clear()
    take_pages(state, pages[cut:])
    store.stale |= {
        Span(chain.endpoint, days_of(slot.window)) for chain, slot in state.changed_places
    }
    choice = Choice(dimensions=by, period=per)
    found = spread(add_breakdown(StoredDaybook(store, state.windows()), choice))
    assert found == spread(add_breakdown(book_of(pages), choice)) == plain_sums(pages, by, per)


@SOME
@given(
    chains(),
    st.lists(st.tuples(st.sampled_from(BYS), st.sampled_from(PERIODS)), min_size=1, max_size=3),
    st.integers(0, 3),
    st.booleans(),
)
def test_days_of_a_report_s_figures_are_the_same(
    made: dict[tuple[str, str], list[dict[str, object]]],
    asked: list[tuple[tuple[str, ...], Per]],
    first: int,
    priced: bool,  # noqa: FBT001 -- hypothesis passes by position
) -> None:
    """Whatever is asked for at once, of all days and of some, is what it is from anywhere else."""
    pages, state = deliveries(made), KeyedState()
    take_pages(state, pages)
    windows = state.windows()
    keys = {chain.endpoint for chain in windows.chains}
    book = FiguresDaybook({key: endpoint_figures(key, windows, priced=priced) for key in keys})
    some = Choice(period="day", span=Window(FIRST + first * DAY, FIRST + (first + 2) * DAY))
    choices = [*(Choice(dimensions=by, period=per) for by, per in asked), some]
    *whole, part = add_breakdowns(book, choices)
    for (by, per), found in zip(asked, whole, strict=True):
        assert spread(found) == plain_sums(pages, by, per)
    other = add_breakdown(book_of(pages), some)
    assert (spread(part), part.long_spans) == (spread(other), other.long_spans)
    assert spread(add_breakdown(book, some)) == spread(other)


@SOME
@given(chains(), st.sampled_from(BYS), st.sampled_from(PERIODS), st.integers(1, 4))
def test_rows_add_up_to_the_total(
    made: dict[tuple[str, str], list[dict[str, object]]], by: tuple[str, ...], per: Per, top: int
) -> None:
    """The greatest groups, what the others come to, and the total are one sum."""
    found = add_breakdown(book_of(deliveries(made)), Choice(dimensions=by, period=per))
    whole, ranked = rank_rows(found), rank_rows(found, top)
    assert ranked.total == whole.total
    for measure in ranked.measures:
        for rows in (whole.rows, ranked.rows):
            values = [row.figures[measure] for row in rows if measure in row.figures]
            with localcontext(MONEY):
                assert sum(values) == whole.total[measure]
    shown = {row.values for row in ranked.rows if not row.other_groups}
    assert len(shown) <= top + 1
    assert {row.values for row in whole.rows} >= shown


def level_page(*values: int, day: int = 0, project: str = "p") -> Delivery:
    """Make a page in which a vector store grows by the hour."""
    start = FIRST + day * DAY
    hours = [
        bucket(
            {"usage_bytes": value, "project_id": project},
            start_time=start + hour * 3600,
            end_time=start + (hour + 1) * 3600,
        )
        for hour, value in enumerate(values)
    ]
    return Delivery(LEVEL, f"day{day}", page(*hours))


@pytest.mark.parametrize(("per", "expected"), [("day", [20, 5]), ("month", [5]), ("total", [5])])
def test_a_level_is_what_a_period_ends_with(per: Per, expected: list[int]) -> None:
    """Bytes in vector stores do not add up over time: a period has what its last window holds."""
    book = book_of([level_page(10, 20), level_page(7, 5, day=1)])
    found = add_breakdown(book, Choice(period=per, endpoints=(LEVEL,)))
    ranked = rank_rows(found)
    assert [row.figures[Measure("usage_bytes")] for row in ranked.rows] == expected
    assert ranked.total == {Measure("usage_bytes"): 5}


def test_a_project_that_is_gone_has_nothing_at_the_end() -> None:
    """Whose vector store was deleted in a period, has none of it in its end."""
    book = book_of([level_page(10), level_page(7, day=1, project="q")])
    found = add_breakdown(book, Choice(endpoints=(LEVEL,)))
    assert [row.values for row in rank_rows(found).rows] == [("q",)]
    mine = Choice(endpoints=(LEVEL,), projects=frozenset({"p"}))
    assert rank_rows(add_breakdown(book, mine)).rows == []


def test_only_the_days_of_a_span_count() -> None:
    """A span begins with its first day and ends before its end; projects are chosen by id."""
    days = page(*(bucket(used(10**day, project_id="p"), used(7), day=day) for day in range(4)))
    book = book_of([Delivery("usage/completions", "primary", days)])
    span = Window(FIRST + DAY, FIRST + 3 * DAY)
    for projects, wanted in ((None, 110 + 14), ({"p"}, 110), ({"unspecified"}, 14), ({"x"}, None)):
        chosen = None if projects is None else frozenset(projects)
        found = add_breakdown(book, Choice(dimensions=("model",), span=span, projects=chosen))
        assert rank_rows(found).total.get(Measure("input_tokens")) == wanted


def test_windows_across_midnight_count_in_their_first_day() -> None:
    """Days that a window joins are one, which is named; a span that begins later has none of it."""
    wide = bucket(used(5), start_time=FIRST + DAY - 3600, end_time=FIRST + DAY + 3600)
    book = book_of([Delivery("usage/completions", "primary", page(wide))])
    found = add_breakdown(book, Choice(period="day"))
    assert [row.period for row in rank_rows(found).rows] == [FIRST]
    assert found.long_spans == {Window(FIRST, FIRST + 2 * DAY)}
    later = Choice(span=Window(FIRST + DAY, FIRST + 2 * DAY))
    assert rank_rows(add_breakdown(book, later)).rows == []


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026", "2026-01-01", "2026-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2026-12", "2026-12-01", "2026-12-31"),
        ("2026-10-05", "2026-10-05", "2026-10-05"),
        ("2026-W01", "2025-12-29", "2026-01-04"),
        ("2026-W53", "2026-12-28", "2027-01-03"),
        ("9999", "9999-01-01", "9999-12-31"),
        ("9999-12", "9999-12-01", "9999-12-31"),
    ],
)
def test_days_are_read_by_the_calendar(text: str, first: str, last: str) -> None:
    """A year, a month, a day and an ISO week are the days that they have."""
    start, end = read_days(text)
    days = [datetime.fromtimestamp(at, UTC).isoformat() for at in (start, end - DAY)]
    assert days == [f"{first}T00:00:00+00:00", f"{last}T00:00:00+00:00"]


@pytest.mark.parametrize("text", ["2024-11-01T00:00:00Z", "2024-11-01T02:00+02:00", str(FIRST)])
def test_a_moment_is_where_a_day_begins(text: str) -> None:
    """A moment in RFC 3339 or Unix seconds ends what is before, and begins what follows."""
    assert read_days(text) == (FIRST, FIRST)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "2026-13",
        "2026-02-30",
        "2026-W54",
        "1969",
        "2026-10-05T12:00Z",
        "1",
        "0000",
        "-5",
        "0001-01-01T00:00+14:00",
        "9999-12-31T23:00-14:00",
        "99999999999999999999",
    ],
)
def test_what_names_no_days_is_refused(text: str) -> None:
    """No such day, or a moment within one: figures are by UTC day."""
    with pytest.raises(ValueError, match=r".+"):
        read_days(text)


@given(st.integers(4, 2_900_000).map(lambda day: day * DAY))
def test_a_day_is_in_the_period_that_is_named(day: int) -> None:
    """What a period is called names the days from its start to its end, this one among them."""
    for per in ("day", "week", "month"):
        start = start_of_period(day, per)
        days = read_days(name_period(start, per))
        assert days.start == start
        assert days.start <= day < days.end
