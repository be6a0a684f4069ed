"""Money while the daemon runs: estimates by its prices, bills beside them, and its budgets.

All of it is made of what days came to, and nothing of it is stored. It is worked out in steps, in a
thread, after checkpoints and while nothing comes: memory has two months of days, each of them
small, and what each series comes to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from stream.daemon.config import Settings
from stream.daemon.events import log_event
from stream.figures.ledger import Ledger
from stream.figures.money.budgets import judge_budget
from stream.figures.money.day_money import ALL, DayMoney, Scope
from stream.figures.money.months import MoneyMonths, month_of, sum_reasons
from stream.figures.money.rows import BillSums
from stream.figures.money.standings import (
    BudgetStanding,
    MonthlyBudget,
    describe_troubles,
    find_project,
)
from stream.providers.prices.price_list import PriceList
from stream.sinks.money_metrics import MoneyStatus, budget_labels
from stream.state.saved_series import Span

__all__ = ["MoneyFigures"]

MOST_DAYS: Final = 32
"""How many days of an endpoint are estimated in one step,"""
MOST_WHOLE_DAYS: Final = 8
"""and how many of all endpoints."""


class MoneyFigures:
    """Works out estimates, the comparison with bills, and budgets, as far as days have changed."""

    def __init__(self, ledger: Ledger, settings: Settings, prices: PriceList | None) -> None:
        """Go by the days of ``ledger``; nothing is known yet."""
        self._ledger = ledger
        self._logged: dict[MonthlyBudget, tuple[str, ...]] = {}
        self.follow(settings, prices)

    def follow(self, settings: Settings, prices: PriceList | None) -> None:
        """Go on by other settings; where prices are the same, so are estimates."""
        self.budgets = [one.budget for one in settings.budget]
        self._is_wanted = prices is not None or bool(self.budgets)
        self.is_behind = self._is_wanted
        """Whether something is to be worked out that is known already."""
        known = self._ledger.estimates
        is_same = known is not None and prices is not None and known.prices.title == prices.title
        if not is_same:
            self.prices = prices
            self._ledger.follow_prices(prices)
            self.months = MoneyMonths(self._ledger.store, prices)

    def note_changes(self, spans: Iterable[Span]) -> None:
        """Note that what days came to has changed in the store."""
        self.months.forget(spans)
        self.is_behind = self._is_wanted

    def work_out_some(self, now: int, names: Mapping[str, str]) -> MoneyStatus | None:
        """Work out some of what is behind; return how all stands, when all of it is worked out.

        ``names`` are those of projects, by id. It runs in a thread, and state stands still.

        Raises:
            BadInput, Unavailable: the store cannot be read.
        """
        estimates = self._ledger.estimates
        if estimates is not None and estimates.is_behind:
            estimates.take_some(MOST_DAYS)
        # An id that no list has is looked for too: figures may have it.
        wanted = {one.project for one in self.budgets if one.project is not None}
        found = {one: find_project(one, names, ())[0] for one in wanted}
        self.months.follow(frozenset(wanted | {one for one in found.values() if one is not None}))
        days = self.months.work_out(now, MOST_WHOLE_DAYS) if self._is_wanted else []
        self.is_behind = days is None or (estimates is not None and estimates.is_behind)
        if days is None:
            return None
        return MoneyStatus(self._judge(days, names, now), compare_months(days, now))

    def _judge(
        self, days: list[DayMoney], names: Mapping[str, str], now: int
    ) -> list[BudgetStanding]:
        """Say how each budget stands."""
        currency = None if self.prices is None else self.prices.currency
        seen = {project for one in days for project in one.scopes if project is not None}
        standings = []
        for budget in self.budgets:
            scope: Scope = ALL
            if budget.project is not None:
                scope, trouble = find_project(budget.project, names, seen)
                if trouble is not None:
                    standings.append(BudgetStanding(budget, troubles=(trouble,)))
                    continue
            standings.append(judge_budget(budget, scope, days, now, currency))
        return standings

    def log_troubles(self, status: MoneyStatus) -> None:
        """Log which budgets are not clear any more, and which are again."""
        for one in status.budgets:
            before = self._logged.get(one.budget, ())
            name, currency = budget_labels(one.budget)
            where = {"budget": name, "currency": currency}
            if one.troubles and one.troubles != before:
                said = "; ".join(describe_troubles(one))
                reason = ", ".join(one.troubles)
                log_event(
                    "warning", "budget_unclear", f"budget {name}: {said}", **where, reason=reason
                )
            elif before and not one.troubles:
                log_event("info", "budget_clear", f"budget {name}: all of it is known", **where)
        self._logged = {one.budget: one.troubles for one in status.budgets}


def compare_months(days: list[DayMoney], now: int) -> dict[tuple[str, str, str], BillSums]:
    """Return what bills and estimates come to, by month, currency and reason."""
    start = month_of(now).start
    months = {
        "current": [one for one in days if one.days.start >= start],
        "last": [one for one in days if one.days.start < start],
    }
    return {
        (name, *key): sums for name, own in months.items() for key, sums in sum_reasons(own).items()
    }
