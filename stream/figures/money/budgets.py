"""How budgets stand in a UTC month: spent, and what it may come to in the end; pure, by days.

**Spent** is what is billed, and the estimate of what is not billed yet. A day that has costs is
billed; while these may still come or change (``reasons.LATE`` after its end, and on the last day
that costs are known of), what is estimated beyond what was charged counts too. A day without costs
counts as estimated. A project's day has costs where costs name projects; where they do not, it is
named. Credits lower what is billed, and nothing else.

**The forecast** is what is spent on days that are over and known, and for each other day of the
month the mean of the last seven such days, or what is spent by then where that is more. A day is
known where it is billed for good, or its use is known and some of it has a price; it is not where
all its bills are in another currency. Seven days have each
day of the week once. Where there are not seven such days in the last fourteen there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from stream.figures.money.day_money import ALL, DayMoney, Scope
from stream.figures.money.months import month_of
from stream.figures.money.standings import (
    FINEST,
    ROUNDED,
    TROUBLES,
    ZERO,
    BudgetStanding,
    MonthlyBudget,
)
from stream.figures.money.sums import PricedUse
from stream.figures.series import label_value_of
from stream.records.money import MONEY
from stream.records.windows import DAY, Window, day_of

__all__ = ["judge_budget"]

MEAN_OF: Final = 7
"""Days that a forecast goes by; and below, how many days back they may be."""
LOOK_BACK: Final = 14
UNSAID: Final = label_value_of(None)
"""What a currency is called that nobody says."""


class DaySpending(NamedTuple):
    """What a scope has spent on some days, in one currency."""

    billed_amount: Decimal
    estimated_unbilled: Decimal
    is_known: bool

    @property
    def spent_amount(self) -> Decimal:
        """Both together."""
        return MONEY.add(self.billed_amount, self.estimated_unbilled)


def judge_budget(
    budget: MonthlyBudget,
    scope: Scope,
    days: Sequence[DayMoney],
    now: int,
    price_currency: str | None,
) -> BudgetStanding:
    """Return how a budget stands at a moment.

    ``days`` are those of the month and of the one before, in order; ``price_currency`` is ``None``
    without prices.
    """
    month = month_of(now)
    has_prices = price_currency == budget.currency
    spending = {
        one.days: spend(one, scope, budget.currency, now, has_prices=has_prices) for one in days
    }
    own = [one for one in days if month.start <= one.days.start < month.end]
    troubles = set(troubles_of(own, scope, budget.currency, has_prices=has_prices))
    if price_currency is None and any(is_used_unbilled(one, scope) for one in own):
        troubles.add("without_prices")
    unpriced = sum_unpriced(own, scope) if has_prices else {}
    if unpriced:
        troubles.add("no_price")
    if price_currency is not None and not has_prices:
        troubles.add("other_price_currency")
    billed = estimated = forecast = None
    if any(has_costs(one, scope) for one in own) and not is_billed_elsewhere(own, scope, budget):
        billed = sum_up(spending[one.days].billed_amount for one in own)
    if (
        has_prices
        and any(one.has_costs or one.usage_known for one in own)
        and not (unpriced and is_without_price(own, scope))
    ):
        estimated = sum_up(spending[one.days].estimated_unbilled for one in own)
    if billed is not None or estimated is not None:
        forecast = foresee(spending, month, now)
    named = tuple(one for one in TROUBLES if one in troubles)
    return BudgetStanding(budget, billed, estimated, forecast, named, unpriced)


def has_costs(money: DayMoney, scope: Scope) -> bool:
    """Tell whether days are billed: of a project only where costs name projects."""
    return money.has_costs if scope is ALL else money.costs_projects


def is_billed_elsewhere(days: Iterable[DayMoney], scope: Scope, budget: MonthlyBudget) -> bool:
    """Tell whether a scope has bills, and none of them is in the budget's currency."""
    currencies = {name for one in days for name in one.scope(scope).billed_amounts}
    return bool(currencies) and budget.currency not in currencies


def is_without_price(days: Iterable[DayMoney], scope: Scope) -> bool:
    """Tell whether nothing that is used, and not billed for good, has a price."""
    return not any(is_open(one, scope) and one.scope(scope).is_priced for one in days)


def is_used_unbilled(money: DayMoney, scope: Scope) -> bool:
    """Tell whether a scope has use on some days, and days of it have no costs."""
    return not has_costs(money, scope) and money.scope(scope).is_used


def is_open(money: DayMoney, scope: Scope) -> bool:
    """Tell whether some of what a scope used on some days may not be billed yet."""
    return money.may_change or not has_costs(money, scope)


def spend(
    money: DayMoney, scope: Scope, currency: str, now: int, *, has_prices: bool
) -> DaySpending:
    """Return what a scope has spent on some days."""
    own = money.scope(scope)
    billed = own.billed_amounts.get(currency, ZERO)
    beyond = own.estimated_amount
    if has_costs(money, scope):
        beyond = max(
            MONEY.subtract(own.estimated_amount, own.charged_amounts.get(currency, ZERO)), ZERO
        )
        beyond = beyond if money.may_change else ZERO
    is_billed = money.costs_known and (has_costs(money, scope) or not money.has_costs)
    is_final = is_billed and not money.may_change
    is_known = is_final or (has_prices and money.usage_known and not own.is_unpriced)
    if own.billed_amounts and currency not in own.billed_amounts:
        is_known = False
    return DaySpending(
        billed if has_costs(money, scope) else ZERO,
        beyond if has_prices else ZERO,
        is_known and money.days.end <= now,
    )


def troubles_of(
    days: Iterable[DayMoney], scope: Scope, currency: str, *, has_prices: bool
) -> Iterable[str]:
    """Yield why figures of a scope may not be all there is."""
    for money in days:
        own = money.scope(scope)
        others = own.billed_amounts.keys() - {currency}
        if others - {UNSAID}:
            yield "other_currency"
        if UNSAID in others:
            yield "no_currency"
        if scope is not ALL and (
            (money.has_costs and not money.costs_projects)
            or (
                has_prices
                and is_open(money, scope)
                and money.has_usage
                and not money.usage_projects
            )
        ):
            yield "without_project"


def sum_unpriced(days: Iterable[DayMoney], scope: Scope) -> dict[PricedUse, int]:
    """Return what has no price of what a scope used on days that are not billed for good."""
    found: dict[PricedUse, int] = {}
    for money in days:
        if is_open(money, scope):
            for use, count in money.scope(scope).unpriced_counts.items():
                found[use] = found.get(use, 0) + count
    return found


def foresee(spending: Mapping[Window, DaySpending], month: Window, now: int) -> Decimal | None:
    """Return what a month may come to; ``None``: too little is known."""
    by_day: dict[int, DaySpending] = {}
    for days, one in spending.items():  # days that a window joins count in the first
        for start in range(days.start, days.end, DAY):
            is_first = start == days.start
            by_day[start] = one if is_first else DaySpending(ZERO, ZERO, one.is_known)
    today = day_of(now).start
    past = (by_day.get(today - back * DAY) for back in range(1, LOOK_BACK + 1))
    known = [one.spent_amount for one in past if one is not None and one.is_known][:MEAN_OF]
    if len(known) < MEAN_OF:
        return None
    mean = ROUNDED.divide(sum_up(known), Decimal(MEAN_OF)).quantize(FINEST, context=ROUNDED)
    unknown = DaySpending(ZERO, ZERO, is_known=False)
    return sum_up(
        one.spent_amount if one.is_known else max(one.spent_amount, mean)
        for one in (by_day.get(start, unknown) for start in range(month.start, month.end, DAY))
    )


def sum_up(amounts: Iterable[Decimal]) -> Decimal:
    """Add amounts up, exactly."""
    total = ZERO
    for one in amounts:
        total = MONEY.add(total, one)
    return total
