"""Two months in money, this one and the one before: only days that changed are worked out again.

Memory has two months of days, each of them small, however long the history is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from stream.figures.days import COSTS, unpack_groups
from stream.figures.money.day_money import DayMoney, money_of_days
from stream.figures.money.reasons import Horizon
from stream.figures.money.rows import BillSums
from stream.figures.periods import name_period, read_days
from stream.figures.spans import widen_days
from stream.providers.openai import ENDPOINTS
from stream.providers.prices.price_list import PriceList
from stream.records.windows import Window, day_of
from stream.state.saved_series import DayStore, Span

__all__ = ["MoneyMonths", "month_before", "month_of", "sum_reasons"]


class MoneyMonths:
    """Keeps what days of two months came to in money; ``store`` has what was used and billed."""

    def __init__(self, store: DayStore, prices: PriceList | None) -> None:
        """Know no day yet."""
        self.prices = prices
        self._store = store
        self._wanted: frozenset[str] = frozenset()
        self._known: dict[int, DayMoney] = {}
        """When days begin → what they came to; those that a window joins begin with the first."""

    def follow(self, projects: frozenset[str]) -> None:
        """Tell these projects apart from now on."""
        if not projects <= self._wanted:
            self._known = {}
            self._wanted = projects

    def forget(self, spans: Iterable[Span]) -> None:
        """Work out anew what has days in common with these."""
        for span in spans:
            self._drop(span.window)

    def work_out(self, now: int, most: int) -> list[DayMoney] | None:
        """Return the days of both months at a moment, in order; ``None``: not all are worked out.

        At most so many are worked out at once. Days that a window joins are of the month in which
        the first of them is.

        Raises:
            BadInput, Unavailable: the store cannot be read.
        """
        month = month_of(now)
        span = Window(month_before(month).start, month.end)
        costs = self._store.last_day(COSTS)
        horizon = Horizon(now, now + 1 if costs is None else costs.span.window.end)
        for start, money in list(self._known.items()):
            is_past = money.days.end <= span.start
            if is_past or money.may_change == horizon.covers(money.days):
                del self._known[start]
        while (missing := self._first_missing(span)) is not None:
            if not most:
                return None
            most -= 1
            whole = self._whole_days(missing)
            self._drop(whole)
            found = (
                (ENDPOINTS[key], day.span.window, unpack_groups(ENDPOINTS[key], day.sums))
                for key in ENDPOINTS
                for day in self._store.days(key, whole)
            )
            self._known[whole.start] = money_of_days(
                whole, found, self.prices, self._wanted, horizon
            )
        return [self._known[at] for at in sorted(self._known) if span.start <= at < span.end]

    def _first_missing(self, span: Window) -> Window | None:
        """Return the first day that is not known."""
        end = span.start
        for start in sorted(self._known):
            if start > end:
                break
            end = max(end, self._known[start].days.end)
        return day_of(end) if end < span.end else None

    def _whole_days(self, days: Window) -> Window:
        """Widen days by those that windows of any endpoint join with them."""

        def joined(near: Window) -> Iterator[Window]:
            for key in ENDPOINTS:
                yield from (one.span.window for one in self._store.days(key, near))

        return widen_days(days, joined)

    def _drop(self, days: Window) -> None:
        """Forget what has days in common with some."""
        for start, money in list(self._known.items()):
            if start < days.end and days.start < money.days.end:
                del self._known[start]


def month_of(moment: int) -> Window:
    """Return the UTC month of a moment, in Unix seconds."""
    return read_days(name_period(day_of(moment).start, "month"))


def month_before(month: Window) -> Window:
    """Return the month before one."""
    return month_of(month.start - 1)


def sum_reasons(days: Iterable[DayMoney]) -> dict[tuple[str, str], BillSums]:
    """Return what the comparison of some days has, by currency and reason; exact."""
    found: dict[tuple[str, str], BillSums] = {}
    for money in days:
        for key, sums in money.reasons.items():
            found.setdefault(key, BillSums()).join(sums)
    return found
