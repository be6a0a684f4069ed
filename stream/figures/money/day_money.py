"""What some days came to in money: of all projects and of those with a budget, and by reason.

It is small, whatever was used: nothing in it grows with line items or rows, and with models only
where they have no price.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Final, TypeAlias

from msgspec import Struct

from stream.figures.days import COSTS, DayGroups
from stream.figures.money.bills import Charge, charges_in, reconcile
from stream.figures.money.estimates import Estimates
from stream.figures.money.reasons import Horizon
from stream.figures.money.rows import BillRow, BillSums
from stream.figures.money.sums import PricedUse
from stream.figures.series import label_value_of
from stream.providers.endpoint import Endpoint
from stream.providers.prices.price_list import PriceList
from stream.records.money import MONEY
from stream.records.windows import Window

__all__ = ["ALL", "DayMoney", "Scope", "ScopeMoney", "money_of_days"]

Scope: TypeAlias = str | None
"""A project's id, or all of them together."""
ALL: Final = None
ZERO: Final = Decimal(0)
Found: TypeAlias = tuple[Endpoint, Window, DayGroups]


class ScopeMoney(Struct):
    """What a scope has, exact: by currency what was billed, and of that what is no credit.

    The estimate is in the prices' currency; ``unpriced_counts`` has how many units have no price.
    ``is_used``: there is use of it. ``is_priced``: some of that has a price.
    """

    billed_amounts: dict[str, Decimal] = {}
    charged_amounts: dict[str, Decimal] = {}
    estimated_amount: Decimal = ZERO
    unpriced_counts: dict[PricedUse, int] = {}
    is_used: bool = False
    is_priced: bool = False

    @property
    def is_unpriced(self) -> bool:
        """Whether there is use, and nothing of it has a price."""
        return bool(self.unpriced_counts) and not self.is_priced


class DayMoney(Struct):
    """What some days came to, mostly one; several that a window joins are one.

    ``may_change``: costs may still come. Costs and usage are known where somebody asked for them,
    though nothing came of it; ``costs_projects`` and ``usage_projects`` say whether what there is
    names projects.
    """

    days: Window
    may_change: bool
    costs_known: bool = False
    usage_known: bool = False
    has_costs: bool = False
    has_usage: bool = False
    costs_projects: bool = False
    usage_projects: bool = False
    scopes: dict[Scope, ScopeMoney] = {}
    reasons: dict[tuple[str, str], BillSums] = {}
    """Currency and reason → what the comparison has of it; only with prices."""

    def scope(self, wanted: Scope) -> ScopeMoney:
        """Return what a scope has."""
        return self.scopes.get(wanted, ScopeMoney())

    def take_charge(self, charge: Charge, wanted: Collection[str]) -> None:
        """Count a charge."""
        self.has_costs = True
        self.costs_projects |= charge.project_id is not None
        currency = label_value_of(charge.currency).lower()
        for money in self._of(charge.project_id, wanted):
            money.billed_amounts[currency] = MONEY.add(
                money.billed_amounts.get(currency, ZERO), charge.amount
            )
            if charge.amount > 0:
                charged = money.charged_amounts.get(currency, ZERO)
                money.charged_amounts[currency] = MONEY.add(charged, charge.amount)

    def take_use(self, found: DayGroups, wanted: Collection[str]) -> None:
        """Note whose use there is."""
        self.usage_known = True
        self.has_usage |= bool(found.groups)
        projects = {
            dict(zip(found.names, one, strict=True)).get("project_id") for one in found.groups
        }
        self.usage_projects |= bool(projects - {None})
        for project in projects:
            for money in self._of(project, wanted):
                money.is_used = True

    def take_estimates(self, estimates: Estimates, wanted: Collection[str]) -> None:
        """Count estimates."""
        for key, one in estimates.by_key.items():
            for money in self._of(key.project_id, wanted):
                money.estimated_amount = MONEY.add(money.estimated_amount, one.amount)
                money.is_priced |= one.is_priced
                if one.without_price:
                    use = PricedUse(key.endpoint, key.model, key.tier, key.kind)
                    counts = money.unpriced_counts
                    counts[use] = counts.get(use, 0) + one.without_price

    def take_rows(self, rows: Iterable[BillRow]) -> None:
        """Count rows of the comparison."""
        for row in rows:
            key = label_value_of(row.place.currency), row.reason
            self.reasons.setdefault(key, BillSums()).take(row)

    def _of(self, project: str | None, wanted: Collection[str]) -> Iterable[ScopeMoney]:
        """Yield what a project counts in."""
        yield self.scopes.setdefault(ALL, ScopeMoney())
        if project is not None and project in wanted:
            yield self.scopes.setdefault(project, ScopeMoney())


def money_of_days(
    days: Window,
    found: Iterable[Found],
    prices: PriceList | None,
    wanted: Collection[str],
    horizon: Horizon,
) -> DayMoney:
    """Return what days came to, of all projects and of those that are wanted.

    ``found`` has what each endpoint's days came to; all of them lie within ``days``.
    """
    money = DayMoney(days, may_change=not horizon.covers(days))
    charges, estimates = list[Charge](), None if prices is None else Estimates(prices)
    for endpoint, own, groups in found:
        if endpoint.key == COSTS:
            money.costs_known = True
            charges += charges_in(own, groups)
            continue
        if endpoint.levels:
            continue
        money.take_use(groups, wanted)
        if estimates is not None:
            estimates.take(endpoint, own, groups)
    for one in charges:
        money.take_charge(one, wanted)
    if prices is not None and estimates is not None:
        money.take_estimates(estimates, wanted)
        money.take_rows(reconcile(charges, estimates.by_key, prices.currency, horizon))
    return money
