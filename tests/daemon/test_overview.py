"""What the page says of usage and money, by the clock: periods, projects, days; and the chart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Iterator
from decimal import Decimal

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.daemon.calendar import calendar_at
from stream.daemon.chart import draw_charts
from stream.daemon.overview import Overview
from stream.daemon.overview_cache import OverviewCache
from stream.daemon.shown_projects import describe_days, describe_projects
from stream.figures.daybook import BookDay
from stream.records.money import Number
from stream.records.windows import DAY, MAX_TIME, Window
from stream.sinks.html.chart import Chart, end_of_axis
from stream.sinks.html.names import ProjectNames
from stream.sinks.html.notation import (
    group_digits,
    shorten_number,
    write_count,
    write_money,
    write_month,
)
from stream.state.saved_series import SavedDay
from tests.support.days import PlainDaybook
from tests.support.money_days import charge, made_day

NOON = 1_734_609_600  # 2024-12-19T12:00:00Z, a Thursday
TODAY = Window(NOON - DAY // 2, NOON + DAY // 2)


def day(back: int) -> Window:
    """Return a day, so many before today."""
    return Window(TODAY.start - back * DAY, TODAY.end - back * DAY)


def billed(project: str, amount: Number | str, back: int, currency: str = "usd") -> SavedDay:
    """Bill a project on a day."""
    return made_day("costs", day(back), charge(Decimal(amount), project, currency))


def tokens(project: str | None, tier: str, number: int, back: int) -> SavedDay:
    """Let a project use input tokens on a day."""
    row = (project, tier, "m", False, False), {"input_tokens": number}
    return made_day("usage/completions", day(back), row)


def seen(*days: SavedDay) -> Overview:
    """Work out what is seen at noon."""
    return Overview.from_daybook(PlainDaybook(days), calendar_at(NOON))


@given(st.integers(0, MAX_TIME))
def test_the_calendar_has_whole_days(now: int) -> None:
    """Every window is of whole days; the month begins on its first, and ends with today."""
    found = calendar_at(now)
    assert not [one for one in found if one.start % DAY or one.end % DAY]
    assert found.today.start <= now < found.today.end
    assert found.yesterday.end == found.today.start
    assert found.recent.end - found.recent.start == 30 * DAY
    assert found.last_month.end == found.month.start
    assert found.recent_days[-1] == found.today
    for start in (found.month.start, found.last_month.start):
        assert start < 0 or dt.datetime.fromtimestamp(start, dt.UTC).day == 1
    assert 28 * DAY <= found.last_month.end - found.last_month.start <= 31 * DAY


@given(st.lists(st.tuples(st.sampled_from("pq"), st.integers(-9, 99), st.integers(0, 60))))
def test_periods_are_the_plain_sums(paid: list[tuple[str, int, int]]) -> None:
    """Month to date, the month before, yesterday and thirty days have just their own days."""
    found = seen(*(billed(*one) for one in paid))
    first = {"month": 18, "yesterday": 1, "recent": 29, "last_month": 48}
    last = {"month": 0, "yesterday": 1, "recent": 0, "last_month": 19}
    for period, start in first.items():
        own = [one for one in paid if last[period] <= one[2] <= start]
        wanted = {"usd": sum(amount for _, amount, _ in own)} if own else {}
        figures = found.totals.get(period)
        assert (figures.cost if figures else {}) == wanted
    assert sum(len(one) for one in found.days.values()) == len(
        {(project, back) for project, _, back in paid if back < 30}
    )


def test_cost_stands_with_the_project_and_tokens_with_the_tier() -> None:
    """A project is all of it; each tier has tokens, and no money; the dearest comes first."""
    found = seen(
        billed("p", "0.5", 1),
        billed("q", "7", 1),
        tokens("p", "flex", 5, 1),
        tokens("p", "default", 6, 0),
        tokens("r", "flex", 9_000, 0),
    )
    assert [one.project_id for one in found.projects] == ["q", "p", "r"]
    project = found.projects[1]
    assert project.whole["month"].cost == {"usd": Decimal("0.5")}
    assert project.whole["month"].input == 11
    assert project.whole["yesterday"].input == 5
    assert {name: periods["month"].input for name, periods in project.tiers.items()} == {
        "flex": 5,
        "default": 6,
    }
    assert not [one for one in project.tiers.values() if one["month"].cost]


def test_a_window_that_crosses_days_counts_in_its_first() -> None:
    """As in what is shown elsewhere; it is named, unless it began before these days."""

    def crossing(first: int, last: int) -> Overview:
        long = Window(day(first).start, day(last).end)
        return seen(made_day("costs", long, charge(Decimal(1))))

    assert not seen(billed("p", 1, 3)).has_longer
    within = crossing(3, 1)
    assert within.totals["month"].cost == {"usd": 1}
    assert within.days[day(3)]["p"].cost == {"usd": 1}
    assert "yesterday" not in within.totals
    assert crossing(25, 1).totals.keys() == {"recent", "last_month"}
    before = crossing(49, 1)
    assert (before.has_longer, before.totals) == (False, {})
    assert within.has_longer


def test_names_are_shown_and_ids_beside_them() -> None:
    """A project has its name, and its id; without a name the id stands for it."""
    names = ProjectNames({"p": "Search", "unspecified": "Odd"})
    found = seen(
        tokens("p", "flex", 5, 0),
        tokens("p", "default", 5, 0),
        tokens("q", "flex", 4, 0),
        tokens(None, "flex", 3, 0),
        tokens("unspecified", "flex", 2, 0),
    )
    shown = describe_projects(found, names).rows
    assert [(one["name"], one["id"], one["tier"]) for one in shown] == [
        ("Search", "p", ""),
        ("q", "", "flex"),
        ("no project", "", "flex"),
        ("Odd", "_unspecified", "flex"),
    ]
    assert [tier for tier, _ in shown[0]["tiers"]] == ["default", "flex"]


def test_projects_beyond_a_hundred_are_added_up() -> None:
    """They are one line: how many they are, and what they come to."""
    found = seen(*(tokens(f"p{number:03}", "flex", 1_000 - number, 0) for number in range(103)))
    shown = describe_projects(found, ProjectNames({}))
    assert (len(shown.rows), shown.rest_count) == (100, 3)
    assert shown.rest["month"].input == 900 + 899 + 898


def test_days_are_listed_with_the_latest_first() -> None:
    """Each of the thirty is there, whether anything is known of it or not."""
    shown = describe_days(seen(billed("p", 3, 0), billed("q", 4, 0), billed("q", 5, 30)))
    assert [name for name, _ in shown[:2]] == ["2024-12-19", "2024-12-18"]
    assert len(shown) == 30
    assert shown[0][1].cost == {"usd": 7}
    assert {len(figures.cost) for _, figures in shown[1:]} == {0}


def charts(*days: SavedDay) -> list[Chart]:
    """Draw what is seen; projects are called in capitals."""
    return draw_charts(seen(*days), str.upper)


def test_a_chart_for_each_currency() -> None:
    """US dollars first; tokens are drawn only where nothing was billed."""
    paid = billed("p", 3, 1), billed("p", 4, 1, "eur"), tokens("p", "flex", 9, 1)
    assert [one.title for one in charts(*paid)] == [
        "Cost in USD, by day and project",
        "Cost in EUR, by day and project",
    ]
    assert [one.title for one in charts(paid[2])] == ["Tokens, by day and project"]
    assert charts() == charts(billed("p", 1, 99)) == []


def test_a_bar_is_as_high_as_its_figure() -> None:
    """Blocks stand on each other, in parts of the axis, the greatest project at the bottom."""
    (chart,) = charts(billed("p", 30, 1), billed("q", 10, 1), billed("q", 50, 2))
    assert chart.ticks == ("50", "25", "0")
    *_, before, bar, today = chart.bars
    assert [(one.rank, one.y, one.height) for one in bar.blocks] == [
        (0, "80.000", "20.000"),
        (1, "20.000", "60.000"),
    ]
    assert [(one.y, one.height) for one in before.blocks] == [("0.000", "100.000")]
    assert today.blocks == []
    assert bar.title == "2024-12-18: 40.00 USD (P 30.00, Q 10.00)"
    assert today.title == "2024-12-19: nothing known"
    assert [(one.rank, one.name, one.total) for one in chart.legends] == [
        (0, "Q", "60.00"),
        (1, "P", "30.00"),
    ]
    assert "2024-11-20 to 2024-12-19: 90.00 USD in all, most on 2024-12-17" in chart.description
    assert [one.name for one in chart.bars if one.name][-2:] == ["12-12", "12-19"]
    assert float(today.x) + float(chart.width) < 100


@pytest.mark.parametrize(("projects", "last"), [(5, "P4"), (6, "P5"), (7, "all others (2)")])
def test_few_projects_have_a_colour_of_their_own(projects: int, last: str) -> None:
    """The others share the last one, and are counted."""
    (chart,) = charts(*(billed(f"p{number}", 9 - number, 1) for number in range(projects)))
    assert (len(chart.legends), chart.legends[-1].name) == (min(projects, 6), last)
    assert len(chart.bars[-2].blocks) == min(projects, 6)


def test_a_credit_is_said_and_not_drawn() -> None:
    """What is less than zero has no block, and counts in what is said."""
    (chart,) = charts(billed("p", -5, 1), billed("q", 8, 1))
    assert chart.has_credits
    assert len(chart.bars[-2].blocks) == 1
    assert chart.bars[-2].title.startswith("2024-12-18: 3.00 USD")


@given(st.decimals("0.000000001", 10**30, places=9))
def test_an_axis_ends_at_a_round_number(most: Decimal) -> None:
    """It is not below the greatest bar, and not far above it."""
    end = end_of_axis(most)
    assert most <= end <= most * Decimal("1.35")
    assert len(end.normalize().as_tuple().digits) <= 2


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0", "0.00"),
        ("1234.565", "1,234.56"),
        ("1234.575", "1,234.58"),
        ("-0.125", "-0.12"),
        ("0.00123", "0.0012"),
        ("1e-40", "0." + "0" * 39 + "1"),
        ("9999999.99", "9,999,999.99"),
        ("-12345678.9", "-12.3 M"),
    ],
)
def test_money_is_rounded_to_what_it_says(value: str, shown: str) -> None:
    """To the cent, half to even; less than that to two digits, and very much to three."""
    assert write_money(Decimal(value)) == shown


def test_numbers_are_written_for_people() -> None:
    """Thousands stand apart, and long numbers are short."""
    assert group_digits(1_234_567) == "1,234,567"
    assert group_digits(Decimal("-1234.50")) == "-1,234.50"
    assert [write_count(one) for one in (9_999_999, 10_000_000)] == ["9,999,999", "10 M"]
    shorts = {999: "999", 1_500: "1.5 k", 12_345_678: "12.3 M", 2 * 10**9: "2 B", 0: "0"}
    assert {one: shorten_number(one) for one in shorts} == shorts
    assert shorten_number(Decimal("0.00125")) == "0.00125"
    assert write_month(NOON) == "December 2024"


class DearerDaybook:
    """Has a bill of yesterday that is higher each time that somebody looks at it."""

    def __init__(self) -> None:
        """Nobody has looked yet."""
        self.asked: list[Window] = []

    def read(self, endpoint: str, window: Window, wanted: Container[str]) -> Iterator[BookDay]:
        """Yield it."""
        if endpoint == "costs":
            self.asked.append(window)
            yield from PlainDaybook([billed("p", len(self.asked), 1)]).read(
                endpoint, window, wanted
            )


def test_it_is_worked_out_once_a_checkpoint() -> None:
    """It is asked for again when state, names or the day are others, and for what it shows."""
    book = DearerDaybook()
    names, others = {"p": "Search"}, {"p": "Find"}

    async def look() -> list[tuple[int, str]]:
        cache = OverviewCache(book)
        looks = [
            *((NOON, 1, names), (NOON + 9, 1, names), (NOON, 2, names), (NOON, 2, others)),
            *((NOON + DAY, 2, others), (NOON + DAY, 2, others)),
        ]
        found = [await cache.read(*one) for one in looks]
        return [
            (int(one.overview.totals["recent"].cost["usd"]), one.projects.rows[0]["name"])
            for one in found
        ]

    wanted = [(1, "Search"), (1, "Search"), (2, "Search"), (3, "Find"), (4, "Find"), (4, "Find")]
    assert anyio.run(look) == wanted
    assert book.asked[0] == Window(day(48).start, TODAY.end)
