"""What series of estimates Prometheus is shown: made of days, and never stored.

A state file has what days came to, and prices may be others tomorrow. So all days are gone through
once, some at a time, and from then on only what changed is worked out again: memory has what each
series comes to, and nothing for each day.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import localcontext
from itertools import islice
from typing import Final, TypeAlias

from stream.figures.admission import Admission
from stream.figures.days import COSTS, LEVELS, DayGroups, unpack_groups
from stream.figures.money.estimates import Estimates
from stream.figures.series import Series, label_value_of
from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS
from stream.providers.prices.price_list import PriceList
from stream.records.money import MONEY, Number
from stream.records.windows import MAX_TIME, Window
from stream.state.saved_series import DayReader, SavedDay

__all__ = ["EstimatedSeries", "estimated_series_of"]

USED: Final = tuple(key for key in ENDPOINTS if key not in {COSTS, LEVELS})
"""The endpoints whose use may have a price."""
Sums: TypeAlias = dict[Series, Number]


class EstimatedSeries:
    """Keeps what each series of estimates comes to, over all days that a store has."""

    def __init__(self, store: DayReader, prices: PriceList, admission: Admission) -> None:
        """Start with no day counted; ``admission`` says which series there may be."""
        self.prices = prices
        self.is_behind = True
        """Whether there are days that were not counted yet: nothing is shown until then."""
        self._store = store
        self._admission = admission
        self._sums: Sums = {}
        self._place = (0, 0)
        """Up to where days are counted: endpoints before it, and days of it that begin before."""

    @property
    def sums(self) -> Sums:
        """What each series comes to; nothing while some days are not counted."""
        return {} if self.is_behind else self._sums

    def take_some(self, most: int) -> None:
        """Count at most so many days more.

        Raises:
            BadInput, Unavailable: the store cannot be read.
        """
        found: Sums = {}
        at, start = self._place
        while most > 0 and at < len(USED):
            touched = self._store.days(USED[at], Window(start, MAX_TIME + 1))
            days = list(islice((one for one in touched if one.span.window.start >= start), most))
            most -= len(days)
            for day in days:
                self._count(day, found, 1)
            if days:
                start = days[-1].span.window.start + 1
            if most > 0:
                at, start = at + 1, 0
        self._place = at, start
        self.add(found)
        self.is_behind = at < len(USED)

    def differences(self, day: SavedDay, befores: Iterable[SavedDay]) -> Sums:
        """Return what series move by when a day is worked out again; of days to come, nothing."""
        found: Sums = {}
        if day.span.endpoint in USED:
            for one, sign in ((day, 1), *((before, -1) for before in befores)):
                if (USED.index(one.span.endpoint), one.span.window.start) < self._place:
                    self._count(one, found, sign)
        return found

    def add(self, found: Sums) -> None:
        """Move series, those that move most first."""
        with localcontext(MONEY):
            for series, value in sorted(
                found.items(), key=lambda one: (-max(one[1], -one[1]), one[0])
            ):
                if value:
                    target = self._admission.admit(series)
                    self._sums[target] = self._sums.get(target, 0) + value

    def _count(self, day: SavedDay, found: Sums, sign: int) -> None:
        """Add what a day's series come to, or take it away."""
        endpoint = ENDPOINTS[day.span.endpoint]
        groups = unpack_groups(endpoint, day.sums)
        with localcontext(MONEY):
            for series, value in estimated_series_of(
                endpoint, day.span.window, groups, self.prices
            ).items():
                found[series] = found.get(series, 0) + sign * value


def estimated_series_of(
    endpoint: Endpoint, days: Window, found: DayGroups, prices: PriceList
) -> Sums:
    """Return what some days of an endpoint come to in each series; of what is zero there is none.

    What rows themselves say that they cost is an estimate too; what has no price adds nothing to
    any amount, and counts as unpriced usage.
    """
    estimates = Estimates(prices)
    estimates.take(endpoint, days, found)
    currency = label_value_of(prices.currency)
    sums: Sums = {}
    with localcontext(MONEY):
        for key, one in estimates.by_key.items():
            project, tier, model = map(label_value_of, (key.project_id, key.tier, key.model))
            counted: list[tuple[str, tuple[str, ...], Number]] = [
                ("openai_api_estimated_cost", (project, tier, model, currency), one.amount),
                ("openai_project_estimated_cost", (project, currency), one.amount),
                (
                    "openai_api_unpriced_usage",
                    (endpoint.key, model, tier, key.kind),
                    one.without_price,
                ),
            ]
            for family, labels, value in counted:
                if value:
                    series = Series(family, labels)
                    sums[series] = sums.get(series, 0) + value
    return sums
