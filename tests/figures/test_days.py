"""Days added up: by what prices go by too, and the same series as without."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from stream.figures.day_totals import DayTotals
from stream.figures.days import group_totals, pack_groups, unpack_groups
from stream.figures.rollup.table import Table
from stream.figures.series import series_of
from stream.figures.totals import Totals
from stream.providers.openai import ENDPOINTS
from stream.records.money import Number
from stream.records.windows import DAY, Columns, Window, canonical_order

COMPLETIONS: Final = ENDPOINTS["usage/completions"]
HOURS: Final = st.sampled_from([Window(0, 3600), Window(DAY - 1, DAY), Window(DAY, 2 * DAY)])
ROWS: Final = st.lists(
    st.tuples(
        HOURS,
        st.sampled_from([None, "p"]),
        st.sampled_from([None, False, True]),
        st.integers(0, 2**40),
        st.none() | st.decimals(0, 9, places=3),
    ),
    min_size=1,
    max_size=9,
)


def table_of(rows: list[Any]) -> Table:
    """Return rows as columns: window, project, batch, input tokens and cost."""
    windows, projects, batches, tokens, costs = zip(*rows, strict=True)
    nothing = (None,) * len(rows)
    known = {"project_id": projects, "batch": batches}
    counted = {"input_tokens": tokens, "cost": costs}
    dimensions: Columns = tuple(known.get(name, nothing) for name in COMPLETIONS.dimensions)
    counters: Columns = tuple(counted.get(name, nothing) for name in COMPLETIONS.counters)
    return Table(windows, (*dimensions, nothing), (*counters, nothing), [()] * len(rows))


@given(ROWS, st.data())
def test_days_are_added_up_by_what_prices_go_by(rows: list[Any], data: st.DataObject) -> None:
    """Batches and rows with a cost of their own are apart; in any parts, and packed, the same."""
    wanted: dict[Any, dict[str, Any]] = {}
    for window, project, batch, tokens, cost in rows:
        day = Window(window.start // DAY * DAY, (window.start // DAY + 1) * DAY)
        sums = wanted.setdefault((day, project, batch, cost is not None), {"input_tokens": 0})
        sums["input_tokens"] += tokens
        if cost is not None:
            sums["cost"] = sums.get("cost", Decimal(0)) + cost
    cut = data.draw(st.integers(1, len(rows)))
    whole = DayTotals(COMPLETIONS, priced=True)
    for part in (rows[:cut], rows[cut:]):
        days = DayTotals(COMPLETIONS, priced=True)
        if part:
            for row in part:
                table = table_of([row])
                days.take(row[0], table.dimensions, table.counters)
        whole.join(days)
    found = {}
    for day, groups in whole.groups():
        assert unpack_groups(COMPLETIONS, pack_groups(groups)) == groups
        for values, sums in groups.groups.items():
            known = dict(zip(groups.names, values, strict=True))
            found[day, known["project_id"], known["batch"], known["has_cost"]] = sums
    assert found == wanted


@given(ROWS)
def test_series_have_the_same_sums(rows: list[Any]) -> None:
    """What prices go by makes no series, and takes nothing from one."""
    first = [row for row in rows if row[0].start < DAY] or rows[:1]
    table, plain, days = table_of(first), Totals(COMPLETIONS), DayTotals(COMPLETIONS, priced=True)
    plain.add(table.dimensions, table.counters)
    days.take(first[0][0], table.dimensions, table.counters)
    ((_, groups),) = days.groups()
    assert series_of(COMPLETIONS, groups) == series_of(
        COMPLETIONS, group_totals(COMPLETIONS, plain)
    )


@given(ROWS)
def test_days_are_in_canonical_order(rows: list[Any]) -> None:
    """By whatever dimensions a day is asked for, its groups are in order, each with its sums."""
    days = DayTotals(COMPLETIONS, priced=True)
    for row in rows:
        table = table_of([row])
        days.take(row[0], table.dimensions, table.counters)
    for names in (("project_id",), days.names):
        tokens: Number = 0
        for day in days.days_by(names):
            assert day.groups == sorted(day.groups, key=canonical_order)
            assert {*map(len, day.columns.values())} == {len(day.groups)}
            tokens += sum(one or 0 for one in day.columns["input_tokens"])
        assert tokens == sum(row[3] for row in rows)


def test_sums_of_days_are_written_canonically() -> None:
    """Amounts that add up to a whole number are kept as that, as are those that are not added."""
    days = DayTotals(COMPLETIONS)
    halves = [(Window(0, 3600), one, None, 1, Decimal("0.5")) for one in ("p", "p", "q")]
    table = table_of(halves)
    days.take(halves[0][0], table.dimensions, table.counters)
    (day,) = days.days_by(("project_id",))
    assert list(map(str, day.columns["cost"])) == ["1", "0.5"]
