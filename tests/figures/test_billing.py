"""Bills of a whole history: compared some days at a time, and never held all at once."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.figures.days import DayGroups
from stream.figures.money.billing import DayReaders, compare_bills, sum_by_currency
from stream.figures.money.bills import Charge, charges_in, reconcile
from stream.figures.money.estimates import Estimates
from stream.figures.money.reasons import Horizon
from stream.figures.money.rows import BillSums
from stream.figures.spans import join_days
from stream.providers.openai import ENDPOINTS
from stream.records.money import MONEY
from stream.records.windows import DAY, Counters, Window
from tests.support.estimating import OWN

COSTS: Final = ("project_id", "line_item", "currency")
USAGE: Final = ("project_id", "service_tier", "model")
NOW: Final = 200 * DAY
History = dict[str, list[tuple[Window, DayGroups]]]


def readers_of(history: History) -> DayReaders:
    """Return what reads made days."""
    return {key: days.__iter__ for key, days in history.items()}


def days_of(names: tuple[str, ...], groups: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw an endpoint's days, of which none overlap."""
    windows = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 3)), max_size=5).map(
        lambda found: [
            days for days, _ in join_days((Window(a * DAY, (a + b) * DAY), a) for a, b in found)
        ]
    )
    return windows.flatmap(
        lambda found: st.tuples(*(st.tuples(st.just(days), groups) for days in found))
    ).map(lambda found: [(days, DayGroups(names, groups)) for days, groups in found])


PROJECTS: Final = st.sampled_from([None, "p", "q"])
HISTORIES: Final = st.fixed_dictionaries(
    {
        "costs": days_of(
            COSTS,
            st.dictionaries(
                st.tuples(
                    PROJECTS,
                    st.sampled_from([None, "m, input", "m", "usage.images", "m, x"]),
                    st.sampled_from(["usd", "eur", None]),
                ),
                st.one_of(
                    st.fixed_dictionaries({"amount_value": st.decimals(-9, 9, places=7)}),
                    st.just({"quantity": Decimal(1)}),
                ),
                max_size=4,
            ),
        ),
        **{
            key: days_of(
                USAGE,
                st.dictionaries(
                    st.tuples(
                        PROJECTS,
                        st.sampled_from([None, "scale"]),
                        st.sampled_from([None, "m", "n"]),
                    ),
                    st.fixed_dictionaries({counter: st.integers(0, 10**9)}),
                    max_size=4,
                ),
            )
            for key, counter in (
                ("usage/completions", "output_tokens"),
                ("usage/images", "images"),
                ("usage/vector_stores", "usage_bytes"),
            )
        },
    }
)


def flat(rows: Any) -> list[tuple[Any, ...]]:
    """Return all that rows say."""
    return [
        (
            one.place,
            one.line_items,
            one.billed_amount,
            one.estimate,
            sorted(one.usage, key=str),
            one.reason,
        )
        for one in rows
    ]


@given(HISTORIES)
def test_days_compared_apart_come_to_what_all_do_together(history: History) -> None:
    """Each row is as if all days had been compared at once; sums are of the rows, exactly."""
    estimates, charges = Estimates(OWN), list[Charge]()
    for key, of_endpoint in history.items():
        for days, groups in of_endpoint:
            if key == "costs":
                charges += charges_in(days, groups)
            else:
                estimates.take(ENDPOINTS[key], days, groups)
    last = max((one.days.end for one in charges), default=NOW + 1)
    rows = reconcile(charges, estimates.by_key, "usd", Horizon(NOW, last))

    found = compare_bills(readers_of(history), OWN, NOW)
    assert flat(found.rows()) == flat(rows)
    expected: dict[Any, BillSums] = {}
    for row in rows:
        expected.setdefault((row.place.currency, row.reason), BillSums()).take(row)
    assert found.sums == expected
    assert found.line_items == {one.line for one in charges}
    whole = Decimal(0)
    for use, one in estimates.by_key.items():
        whole = MONEY.add(whole, one.amount)
        assert use.days in found.estimates.by_days
    assert found.estimates.amount == whole
    for parts in (found.estimates.by_days, found.estimates.by_project):
        assert sum(parts.values()) == whole
    for currency, sums in sum_by_currency(found.sums).items():
        assert sums.billed_amount == sum(one.amount for one in charges if one.currency == currency)


def long_history(days: int) -> DayReaders:
    """Return a history that is made while it is read."""

    def read(names: tuple[str, ...], counter: str) -> Iterator[tuple[Window, DayGroups]]:
        for day in range(days):
            groups: dict[tuple[Any, ...], Counters] = {
                ("p", f"m{model}, input", "usd")[: len(names)]: {counter: model}
                for model in range(1, 101)
            }
            yield Window(day * DAY, (day + 1) * DAY), DayGroups(names, groups)

    return {
        "costs": lambda: read(COSTS, "amount_value"),
        "usage/completions": lambda: read(("project_id", "model"), "input_tokens"),
    }


def peak_of(days: int) -> int:
    """Return how many bytes a comparison took at most."""
    tracemalloc.start()
    try:
        found = compare_bills(long_history(days), OWN, NOW)
        assert sum(1 for _ in found.rows()) == days * 200
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.no_cover
def test_memory_does_not_follow_the_number_of_days() -> None:
    """A history four times as long takes hardly more memory: a day's rows are let go."""
    peak_of(1)  # what is made once, and stays
    assert peak_of(24) < 1.2 * peak_of(6)
