"""All that a report says of money: estimates and bills, compared day by day, and summed.

Of the days no more are held at once than windows join; what is kept of them are sums.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import merge
from typing import NamedTuple, TypeAlias

from stream.figures.days import COSTS, DayGroups
from stream.figures.money.bills import Charge, charges_in, reconcile
from stream.figures.money.estimates import Contradiction, Estimates
from stream.figures.money.reasons import Horizon
from stream.figures.money.rows import BillRow, BillSums
from stream.figures.money.sums import EstimateSums
from stream.figures.spans import join_sorted_days
from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS
from stream.providers.prices.price_list import PriceList
from stream.records.windows import Window

__all__ = ["BilledDays", "Bills", "DayReaders", "compare_bills", "horizon_of", "sum_by_currency"]

DayReaders: TypeAlias = Mapping[str, Callable[[], Iterator[tuple[Window, DayGroups]]]]
"""Endpoint → what yields its days in order, from the first on whenever it is called."""


class ComparedDays(NamedTuple):
    """Days that windows join, compared: what was used, and each bill beside what it should be."""

    estimates: Estimates
    rows: list[BillRow]


class BilledDays:
    """Estimates what was used and compares it with what was billed, some days at a time."""

    def __init__(self, readers: DayReaders, prices: PriceList, horizon: Horizon) -> None:
        """Compare the days that are read."""
        self.prices = prices
        self._readers = {ENDPOINTS[key]: read for key, read in readers.items()}
        self._horizon = horizon

    def compare(self) -> Iterator[ComparedDays]:
        """Yield days in order, compared."""
        for _, some in join_sorted_days(merge(*map(self._read, self._readers), key=first_of)):
            estimates, charges = Estimates(self.prices), list[Charge]()
            for endpoint, days, groups in some:
                if endpoint.key == COSTS:
                    charges += charges_in(days, groups)
                else:
                    estimates.take(endpoint, days, groups)
            known = estimates.by_key
            rows = reconcile(charges, known, self.prices.currency, self._horizon)
            yield ComparedDays(estimates, rows)

    def _read(self, endpoint: Endpoint) -> Iterator[tuple[Window, DaySums]]:
        """Yield an endpoint's days; of levels, which are no use, none."""
        if not endpoint.levels:
            for days, found in self._readers[endpoint]():
                yield days, DaySums(endpoint, days, found)


class DaySums(NamedTuple):
    """What an endpoint's days came to."""

    endpoint: Endpoint
    days: Window
    groups: DayGroups


def first_of(one: tuple[Window, DaySums]) -> Window:
    """Return what orders days."""
    return one[0]


class Bills(NamedTuple):
    """What the prices are, what was used and billed by them, and what line items there are.

    ``sums`` are by currency and reason.
    """

    days: BilledDays
    estimates: EstimateSums
    contradictions: list[Contradiction]
    sums: dict[tuple[str | None, str], BillSums]
    line_items: set[str | None]

    @property
    def prices(self) -> PriceList:
        """What use is charged by."""
        return self.days.prices

    def rows(self) -> Iterator[BillRow]:
        """Yield what was billed, and beside it what was estimated, in order; compared anew."""
        for one in self.days.compare():
            yield from one.rows


def compare_bills(readers: DayReaders, prices: PriceList, now: int) -> Bills:
    """Estimate what was used, and compare it with what was billed; ``now`` is in Unix seconds."""
    costs = readers[COSTS]() if COSTS in readers else ()
    days = BilledDays(readers, prices, horizon_of(costs, now))
    found = Bills(days, EstimateSums(), [], defaultdict(BillSums), set())
    for estimates, rows in found.days.compare():
        found.estimates.take(estimates.by_key)
        found.contradictions.extend(estimates.contradictions)
        for row in rows:
            found.sums[row.place.currency, row.reason].take(row)
            if row.line_items:
                found.line_items.update(row.line_items)
    found.contradictions.sort(key=str)
    return found


def horizon_of(costs: Iterable[tuple[Window, DayGroups]], now: int) -> Horizon:
    """Return until when bills are known, of all days of costs; ``now`` is in Unix seconds."""
    ends = (days.end for days, found in costs if any(charges_in(days, found)))
    return Horizon(now, max(ends, default=now + 1))


def sum_by_currency(
    found: Mapping[tuple[str | None, str], BillSums],
) -> dict[str | None, BillSums]:
    """Add up sums by currency and reason."""
    sums: defaultdict[str | None, BillSums] = defaultdict(BillSums)
    for (currency, _), one in found.items():
        sums[currency].join(one)
    return sums
