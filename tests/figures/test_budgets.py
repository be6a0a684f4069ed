"""Budgets of a month, worked out by hand: billed, estimated where it is not billed, and a forecast.

A token costs a cent. It is noon of March 10th 2026.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.figures.money.budgets import judge_budget
from stream.figures.money.months import MoneyMonths
from stream.figures.money.standings import BudgetStanding, MonthlyBudget
from stream.providers.prices.own_prices import read_own_prices
from stream.providers.prices.price_list import LayeredPrices, PriceList
from stream.records.windows import DAY
from stream.state.saved_series import SavedDay
from tests.support.money_days import MARCH, NOW, charge, day_of_march, made_day, made_store, use

CENT: Final = LayeredPrices(
    read_own_prices(
        b'default = false\n[[price]]\nmodel = "m"\ninput = "10000"\n', "prices.toml", "own"
    )
)
EUROS: Final = LayeredPrices(read_own_prices(b'default = false\ncurrency = "eur"', "p", "own"))
WHOLE: Final = 1_000
AT: Final = ("usage/completions",)


def judged(  # noqa: PLR0913 -- what a test may want to be different
    days: Iterable[SavedDay],
    project: str | None = "p",
    *,
    prices: PriceList | None = CENT,
    now: int = NOW,
    monthly: int = 100,
    currency: str = "usd",
) -> BudgetStanding:
    """Return how a budget of a hundred stands."""
    budget = MonthlyBudget(project, Decimal(monthly), currency, (Decimal("0.5"), Decimal(1)))
    months = MoneyMonths(made_store(days), prices)
    months.follow(frozenset({"p", "q"}))
    found = months.work_out(now, WHOLE)
    assert found is not None
    return judge_budget(budget, project, found, now, None if prices is None else prices.currency)


def sums_of(found: BudgetStanding) -> tuple[Any, Any]:
    """Return what is billed, and what is estimated of what is not."""
    return found.billed_amount, found.estimated_unbilled


def billed(number: int, *amounts: int, project: str | None = "p") -> SavedDay:
    """Return what was billed for a day of March."""
    rows = [charge(Decimal(one), project) for one in amounts]
    return made_day("costs", day_of_march(number), *rows)


def used(number: int, tokens: int, project: str | None = "p", model: str = "m") -> SavedDay:
    """Return what was used on a day of March."""
    return made_day("usage/completions", day_of_march(number), use(tokens, project, model))


def test_what_is_billed_for_good_is_not_estimated() -> None:
    """On a day that is long over its costs count, whatever was estimated of it."""
    found = judged([billed(1, 3), used(1, 900), billed(6, 4), used(6, 100), billed(9, 1)])
    assert sums_of(found) == (8, 0)
    assert found.troubles == ()


def test_a_day_without_costs_counts_as_estimated() -> None:
    """Where no costs have come, however long ago that was, use times price is what was spent."""
    found = judged([billed(1, 3), used(2, 250), used(8, 100), billed(9, 1), used(10, 50)])
    assert sums_of(found) == (4, Decimal(4))
    assert found.spent_amount == 8
    assert found.share_of(found.spent_amount) == Decimal("0.08")


def test_a_day_whose_costs_may_still_come_counts_what_is_estimated_beyond_them() -> None:
    """Of the last three days, and the last that costs are known of, the greater of both counts."""
    found = judged([billed(7, 3), used(7, 500), billed(8, 6), used(8, 500)])
    assert sums_of(found) == (9, Decimal(2))
    old = judged([billed(1, 3), used(1, 500)])  # the last day of which costs are known
    assert sums_of(old) == (3, Decimal(2))
    closed = judged([billed(1, 3), used(1, 500), billed(2, 1)])
    assert sums_of(closed) == (4, 0)


def test_the_end_of_the_three_days_is_exact() -> None:
    """A day may change until three days after its end, and not a second longer."""
    days = [billed(6, 3), used(6, 500), billed(7, 1), used(8, 0)]
    last = day_of_march(6).end + 3 * DAY
    assert judged(days, now=last - 1).estimated_unbilled == 2
    assert judged(days, now=last).estimated_unbilled == 0


def test_a_credit_lowers_what_is_billed_and_nothing_else() -> None:
    """What is not billed yet is measured by what was charged."""
    made = made_day(
        "costs",
        day_of_march(9),
        charge(Decimal(4)),
        ((("p", "credit", "usd")), {"amount_value": Decimal(-9)}),
    )
    found = judged([made, used(9, 500)])
    assert sums_of(found) == (-5, 1)


def test_of_all_projects_each_counts() -> None:
    """A budget without a project has those that have none, too."""
    days = [
        made_day(
            "costs",
            day_of_march(2),
            charge(Decimal(1)),
            charge(Decimal(2), "q"),
            charge(Decimal(4), None),
        ),
        billed(5, 1),
        made_day("usage/completions", day_of_march(8), use(100), use(200, "q"), use(400, None)),
    ]
    found = judged(days, None)
    assert sums_of(found) == (8, 7)
    own = judged(days, "q")
    assert sums_of(own) == (2, 2)


def test_a_month_begins_and_ends_at_midnight() -> None:
    """Days of other months are in none of its figures, and windows are where they begin."""
    across = made_day("usage/completions", day_of_march(31, 2), use(100))
    days = [billed(0, 50), billed(1, 3), billed(31, 7), used(32, 900), billed(33, 1)]
    found = judged(days, now=day_of_march(31).end - 1)
    assert found.billed_amount == 10
    april = judged(days, now=day_of_march(31).end)
    assert sums_of(april) == (1, 9)
    assert judged([across], now=day_of_march(31).start).estimated_unbilled == 1
    assert judged([across], now=day_of_march(32).start).estimated_unbilled is None


def test_what_nobody_knows_is_absent() -> None:
    """Without days there is nothing, without costs no bill, and without prices no estimate."""
    assert judged([])[1:] == (None, None, None, (), {})
    assert judged([]).has_reached(Decimal(1)) is None
    assert judged([used(8, 100)])[1:4] == (None, Decimal(1), None)
    assert judged([billed(2, 1), used(8, 100)], prices=None)[1:4] == (Decimal(1), None, None)
    assert judged([billed(2, 1, project="q")]).billed_amount == 0


CHARGED: Final = {
    name: made_day("costs", day_of_march(2), charge(Decimal(1), project, currency))
    for name, project, currency in (
        ("eur of p", "p", "eur"),
        ("eur of q", "q", "eur"),
        ("nothing of p", "p", None),
    )
}


@pytest.mark.parametrize(
    ("days", "project", "currency", "prices", "troubles"),
    [
        ([CHARGED["eur of p"]], "p", "usd", CENT, ("other_currency",)),
        ([CHARGED["eur of q"]], "p", "usd", CENT, ()),
        ([CHARGED["nothing of p"]], None, "usd", CENT, ("no_currency",)),
        ([billed(2, 1)], "p", "usd", EUROS, ("other_price_currency",)),
        ([used(8, 1, model="n")], "p", "usd", CENT, ("no_price",)),
        ([used(8, 1, model="n")], "q", "usd", CENT, ()),
        ([used(2, 1, model="n"), billed(2, 1), billed(5, 1)], "p", "usd", CENT, ()),
        ([billed(2, 1, project=None)], "p", "usd", CENT, ("without_project",)),
        ([billed(2, 1, project=None)], None, "usd", CENT, ()),
        ([used(8, 1, project=None)], "p", "usd", CENT, ("without_project",)),
        ([used(8, 1, project=None)], "p", "usd", None, ()),
    ],
)  # fmt: skip
def test_what_figures_leave_out_is_named(
    days: list[SavedDay],
    project: str | None,
    currency: str,
    prices: PriceList | None,
    troubles: tuple[str, ...],
) -> None:
    """Nothing is converted, guessed or passed over without a name for it."""
    assert judged(days, project, currency=currency, prices=prices).troubles == troubles


def test_models_without_a_price_are_named() -> None:
    """With how much there is of each, on days that are not billed for good."""
    days = [used(8, 5, model="n"), used(9, 1_200, model="n"), billed(2, 1)]
    days += [used(2, 7, model="old"), billed(4, 1), used(7, 9, model="o", project="q")]
    assert judged(days).unpriced_counts == {(*AT, "n", "default", "input"): 1_205}
    assert judged(days, None).unpriced_counts == {
        (*AT, "n", "default", "input"): 1_205,
        (*AT, "o", "default", "input"): 9,
    }


def test_a_budget_in_another_currency_has_none_of_the_bills() -> None:
    """Bills in dollars are not euros: what was spent of these, and will be, nobody knows."""
    days = [billed(number, 30) for number in range(-3, 8)]
    found = judged([*days, billed(9, 1, project="q")], currency="eur", prices=None)
    assert (found.billed_amount, found.spent_amount, found.forecast) == (None, None, None)
    assert found.troubles == ("other_currency",)


def test_use_without_a_price_is_not_nothing() -> None:
    """Where all use has no price, nothing is spent or foreseen that anybody knows of."""
    days = [used(number, 5, model="n") for number in range(-3, 11)]
    found = judged(days)
    assert (found.estimated_unbilled, found.spent_amount, found.forecast) == (None, None, None)
    assert found.troubles == ("no_price",)
    beside = judged([*days[:-1], made_day("usage/completions", day_of_march(10), use(100))])
    assert beside.estimated_unbilled == 1
    assert beside.forecast is None


def test_without_prices_use_that_is_not_billed_is_named() -> None:
    """It is of whom it is of, and until there are costs of the day."""
    days = [billed(2, 1), used(2, 5), used(8, 5), used(9, 5, project="q")]
    assert judged(days, prices=None).troubles == ("without_prices",)
    assert judged(days, None, prices=None).troubles == ("without_prices",)
    assert judged([*days, billed(8, 1)], prices=None).troubles == ()
    assert judged([*days, billed(8, 1)], "q", prices=None).troubles == ("without_prices",)


def test_thresholds_are_reached_exactly() -> None:
    """Half of it is reached by half of it, and by no less."""
    assert judged([billed(2, 50)], prices=None).has_reached(Decimal("0.5")) is True
    assert judged([billed(2, 49)], prices=None).has_reached(Decimal("0.5")) is False


def test_a_forecast_is_what_is_known_and_the_mean_for_the_rest() -> None:
    """Six days at 2 and three at 3 are known; the mean of the last seven is 17/7, for 22 days."""
    days = [billed(number, 2) for number in range(1, 7)]
    days += [used(number, 300) for number in range(7, 10)] + [used(10, 100), billed(8, 0)]
    mean = Decimal("2.4285714286")
    assert judged(days).forecast == 12 + 9 + 22 * mean
    today = [*days[:-2], used(10, 900), billed(8, 0)]  # more than a mean day by now
    assert judged(today).forecast == 12 + 9 + 9 + 21 * mean


def test_there_is_no_forecast_before_seven_days_are_known() -> None:
    """Six do not suffice, and neither do days of more than two weeks ago."""
    assert judged([used(number, 1) for number in range(4, 10)]).forecast is None
    assert judged([used(number, 1) for number in range(3, 10)]).forecast is not None
    old = [*range(-9, -3), -5, 9]
    assert judged([used(number, 1) for number in old]).forecast is None


def test_without_prices_a_forecast_goes_by_days_that_are_billed_for_good() -> None:
    """Days whose costs may still come are as the mean, as they are not known."""
    days = [billed(number, 7) for number in range(7)] + [billed(7, 1), billed(8, 9)]
    found = judged(days, prices=None)
    assert found.forecast == 6 * 7 + 7 + 9 + 23 * 7


def test_the_first_of_a_month_has_a_forecast_by_the_month_before() -> None:
    """Seven days of February and none of March are a forecast of 31 of their mean."""
    days = [used(number, 200) for number in range(-6, 1)]
    assert judged(days, now=MARCH).forecast is None  # nothing is known of March yet
    days.append(made_day("usage/completions", day_of_march(1)))
    assert judged(days, now=MARCH + 60).forecast == 62


AMOUNTS: Final = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 900)), max_size=12)


@given(AMOUNTS, AMOUNTS, st.integers(0, 12))
def test_days_add_up_however_they_are_worked_out(
    charges: list[tuple[int, int]], uses: list[tuple[int, int]], at: int
) -> None:
    """What is spent is the sum over days, added up plainly, also when days come one by one."""
    bills, tokens = dict(charges), dict(uses)
    days = [billed(one, amount) for one, amount in bills.items()]
    days += [used(one, count) for one, count in tokens.items()]
    last = max(bills, default=0)
    spent = Decimal(0)
    for one in range(1, 10):
        estimate = Decimal(tokens.get(one, 0)) / 100
        if one not in bills:
            spent += estimate
        elif one > 6 or one == last:
            spent += max(Decimal(bills[one]), estimate)
        else:
            spent += bills[one]
    expected = spent if days else None
    assert judged(days).spent_amount == expected
    store = made_store(days[:at])
    months = MoneyMonths(store, CENT)
    months.follow(frozenset({"p"}))
    months.work_out(NOW, WHOLE)
    for day in days[at:]:
        store.known[day.span.endpoint, day.span.window.start] = day
        months.forget([day.span])
        while (found := months.work_out(NOW, 1)) is None:
            pass
    found = months.work_out(NOW, WHOLE)
    assert found is not None
    budget = MonthlyBudget("p", Decimal(100), "usd", ())
    assert judge_budget(budget, "p", found, NOW, "usd").spent_amount == expected
