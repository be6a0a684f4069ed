"""Two months of days in money: the calendar, and bills beside estimates as a report has them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from stream.figures.days import DayGroups, unpack_groups
from stream.figures.money.billing import DayReaders, compare_bills
from stream.figures.money.months import MoneyMonths, month_before, month_of, sum_reasons
from stream.figures.series import label_value_of
from stream.providers.openai import ENDPOINTS
from stream.records.windows import DAY, Window
from stream.state.saved_series import SavedDay
from tests.support.estimating import OWN
from tests.support.money_days import MARCH, NOW, charge, day_of_march, made_day, made_store, use

PROJECTS: Final = st.sampled_from(["p", "q", None])
CURRENCIES: Final = st.sampled_from(["usd", "usd", "eur", None])
CHARGES: Final = st.lists(
    st.builds(charge, st.integers(-9, 9).map(Decimal), PROJECTS, CURRENCIES), max_size=3
)
USES: Final = st.lists(
    st.builds(use, st.integers(0, 900), PROJECTS, st.sampled_from("mn")), max_size=3
)
DAYS: Final = st.integers(-20, 12)
"""Days of March; the first are those of February."""


def test_months_are_those_of_the_calendar() -> None:
    """February has 28 days or 29, and January follows December."""
    assert month_of(NOW) == Window(MARCH, MARCH + 31 * DAY)
    assert month_before(month_of(NOW)) == Window(MARCH - 28 * DAY, MARCH)
    january = month_of(1_704_067_199 + 1)
    assert (january.start, month_before(january).end) == (1_704_067_200, 1_704_067_200)


def readers_of(days: list[SavedDay]) -> DayReaders:
    """Return what reads days for a report, which compares them in order."""

    def read(key: str) -> Iterator[tuple[Window, DayGroups]]:
        for span, packed, _ in sorted(days):
            if span.endpoint == key:
                yield span.window, unpack_groups(ENDPOINTS[key], packed)

    return {key: partial(read, key) for key in ("costs", "usage/completions")}


@given(st.dictionaries(DAYS, CHARGES, max_size=6), st.dictionaries(DAYS, USES, max_size=6))
def test_reasons_are_those_of_a_report(charges: dict[int, Any], uses: dict[int, Any]) -> None:
    """Day by day bills and estimates come to what they do in a report of the same days."""
    days = [made_day("costs", day_of_march(at), *rows) for at, rows in charges.items() if rows]
    days += [
        made_day("usage/completions", day_of_march(at), *rows) for at, rows in uses.items() if rows
    ]
    found = MoneyMonths(made_store(days), OWN).work_out(NOW, 1_000)
    assert found is not None
    assert sum_reasons(found) == {
        (label_value_of(currency), reason): sums
        for (currency, reason), sums in compare_bills(readers_of(days), OWN, NOW).sums.items()
    }
