"""Series of estimates: worked out in steps, moved by what changes, and always those of all days."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.figures.admission import Admission
from stream.figures.money.estimated_series import EstimatedSeries
from stream.figures.series import Series
from stream.records.money import Number
from stream.state.saved_series import SavedDay, SavedFigures
from tests.support.days import HeldDays
from tests.support.estimating import OWN
from tests.support.money_days import day_of_march, made_day, use

ENOUGH = 10_000
ROWS = st.lists(
    st.builds(use, st.integers(0, 900), st.sampled_from(["p", "q", None]), st.sampled_from("mn")),
    max_size=3,
)
DAYS = st.builds(
    lambda at, length, rows: made_day("usage/completions", day_of_march(at, length), *rows),
    st.integers(1, 6),
    st.integers(1, 2),
    ROWS,
)


def taken(store: HeldDays, limit: int = ENOUGH) -> dict[Series, Number]:
    """Return what series come to when all days are counted at once."""
    found = EstimatedSeries(store, OWN, Admission(limit))
    assert found.sums == {}
    found.take_some(ENOUGH)
    assert not found.is_behind
    return {series: value for series, value in found.sums.items() if value}


def change(store: HeldDays, found: EstimatedSeries, day: SavedDay) -> None:
    """Put a day in the place of those that it has something in common with."""
    befores = list(store.days("usage/completions", day.span.window))
    moved = found.differences(day, befores)
    dropped = [one.span for one in befores if one.span.window.start != day.span.window.start]
    store.put(SavedFigures([], [day], dropped, frozenset()))
    found.add(moved)


@given(st.lists(DAYS, max_size=8), st.integers(1, 3), st.integers(0, 8))
def test_what_changes_meanwhile_counts_once(days: list[SavedDay], most: int, begun: int) -> None:
    """However days change between steps, in the end each counts as it is by then."""
    store = HeldDays()
    found = EstimatedSeries(store, OWN, Admission(ENOUGH))
    for at, day in enumerate(days):
        earlier = list(store.days("usage/completions", day.span.window))
        if any(one.span.window.start < day.span.window.start for one in earlier):
            continue  # what is worked out again has the days of what it takes the place of
        if any(one.span.window.end > day.span.window.end for one in earlier):
            continue
        change(store, found, day)
        if at >= begun:
            found.take_some(most)
    while found.is_behind:
        found.take_some(most)
    assert {one: value for one, value in found.sums.items() if value} == taken(store)


def test_series_fold_as_others_do() -> None:
    """With no room models are added up first, and totals stay what they are."""
    store = HeldDays()
    rows = [use(100, "p", "m"), use(50, "q", "m")]
    store.put(
        SavedFigures([], [made_day("usage/completions", day_of_march(1), *rows)], [], frozenset())
    )
    whole, folded = taken(store), taken(store, 1)
    family = "openai_api_estimated_cost"
    assert {one.labels[2] for one in folded if one.family == family} == {"m", "__other__"}
    for name in (family, "openai_project_estimated_cost"):
        sums = [sum(v for one, v in some.items() if one.family == name) for some in (whole, folded)]
        assert sums[0] == sums[1]
    projects = {one.labels[0] for one in folded if one.family == "openai_project_estimated_cost"}
    assert projects == {"p", "q"}
