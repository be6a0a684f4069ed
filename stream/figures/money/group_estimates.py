"""What groups of days should have cost, for those who show it beside other figures.

Estimates are linear in what was used: use is summed first, as long as prices hold, and the sums are
estimated. What must be said of them is kept on the way.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal, localcontext
from typing import Any, Final, NamedTuple

from stream.figures.daybook import BookDay
from stream.figures.days import PRICED_BY
from stream.figures.money.estimates import COST, GroupEstimate, estimate_group
from stream.figures.money.quantities import quantity_counters
from stream.figures.money.sums import PricedUse
from stream.figures.totals import HAS_COST, add_counters
from stream.providers.endpoint import Endpoint
from stream.providers.prices.price_list import PriceList
from stream.records.money import MONEY, Number
from stream.records.windows import Counters

__all__ = ["EstimateNotes", "GroupContradiction", "SummedUse", "priced_columns"]

BY: Final = ("service_tier", "model", *PRICED_BY)
"""What prices go by, beside the day."""


def priced_columns(endpoint: Endpoint) -> frozenset[str]:
    """Return the columns of an endpoint's days that estimates are made of; of no use, none."""
    counters = quantity_counters(endpoint)
    return counters | {COST} & {*endpoint.counters} | {*BY} if counters else counters


class GroupAmount(NamedTuple):
    """What a group came to in a period, and should have cost; ``None``: nothing has a price.

    ``number`` is the group's; ``is_whole``: all of it has a price.
    """

    period: int
    number: int
    counters: Counters
    amount: Decimal | None
    is_whole: bool


class GroupContradiction(NamedTuple):
    """Counters of a model that cannot all be right, and what is wrong."""

    endpoint: str
    model: str | None
    message: str


class EstimateNotes:
    """What must be said of estimates: what they leave out, and where they may be wrong."""

    def __init__(self, prices: PriceList) -> None:
        """Start with nothing; ``prices`` are what is charged."""
        self.prices = prices
        self.without_price: defaultdict[PricedUse, int] = defaultdict(int)
        """How much there was of what has no price."""
        self.contradictions: set[GroupContradiction] = set()
        self.models_by_length: set[str | None] = set()
        """The models whose long requests cost more."""
        self.is_vague = False
        """Whether some of it may have been a batch."""

    def add_up(
        self, endpoint: Endpoint, model: str | None, group: GroupEstimate
    ) -> tuple[Decimal | None, bool]:
        """Add up a group's kinds, and tell whether all have a price; note what must be said."""
        amount, is_whole = None, True
        for message in group.messages:
            self.contradictions.add(GroupContradiction(endpoint.key, model, message))
        for kind, estimate in group.by_kind:
            self.is_vague |= estimate.is_vague and bool(estimate.amount)
            if estimate.is_by_length:
                self.models_by_length.add(model)
            if estimate.without_price:
                use = PricedUse(endpoint.key, model, group.tier, kind)
                self.without_price[use] += estimate.without_price
                is_whole = False
            else:
                amount = MONEY.add(amount or Decimal(0), estimate.amount)
        return amount, is_whole


class UseGroups(dict[tuple[Any, ...], int]):
    """What use is told apart by, to be priced → numbers."""

    def __missing__(self, values: tuple[Any, ...]) -> int:
        """Give a group the next number."""
        self[values] = number = len(self)
        return number


class SummedUse:
    """An endpoint's use by period and group, each of one model, tier and price."""

    def __init__(self, endpoint: Endpoint, notes: EstimateNotes, more: frozenset[str]) -> None:
        """Start with none; ``more`` are counters to be summed that nothing is charged by."""
        self._endpoint = endpoint
        self._notes = notes
        self._wanted = priced_columns(endpoint) | more
        self._groups = UseGroups()
        self._sums: defaultdict[tuple[int, int], GroupSums] = defaultdict(GroupSums)
        """Period and the first day of a price → sums by group."""
        self._starts: dict[tuple[int, int], int] = {}

    @property
    def currency(self) -> str:
        """What estimates are in."""
        return self._notes.prices.currency

    def take(self, period: int, numbers: list[int], day: BookDay) -> None:
        """Count a day in a period; ``numbers`` are those of its groups."""
        if not numbers:
            return
        found = day.sums.dimensions
        absent = {name: [name == HAS_COST or None] * len(numbers) for name in BY}
        columns = (found.get(name) or absent[name] for name in BY)
        groups = list(map(self._groups.__getitem__, zip(numbers, *columns, strict=True)))
        start = day.days.start
        place = period, bisect_right(self._notes.prices.starts, start)
        self._starts.setdefault(place, start)
        counters = {name: one for name, one in day.sums.counters.items() if name in self._wanted}
        self._sums[place].add(groups, counters)

    def estimate(self) -> Iterator[GroupAmount]:
        """Yield what each group should have cost in a period; the same may come again."""
        by_number = list(self._groups)
        for place, sums in self._sums.items():
            for group, found in sums.by_group().items():
                number, *values = by_number[group]
                known = dict(zip(BY, values, strict=True))
                estimate = estimate_group(
                    self._notes.prices, self._endpoint, self._starts[place], known, found
                )
                total = self._notes.add_up(self._endpoint, known["model"], estimate)
                yield GroupAmount(place[0], number, found, *total)


class GroupSums:
    """Sums of columns by group: the counts of a row are one integer, where they are all counts."""

    def __init__(self) -> None:
        """Start with none."""
        self._lanes: dict[tuple[str, ...], defaultdict[int, int]] = {}
        """Names of counters → group → their sums, side by side in one integer."""
        self._others: defaultdict[int, Counters] = defaultdict(dict)

    def add(self, groups: list[int], columns: dict[str, list[Number | None]]) -> None:
        """Add a row to each of the groups."""
        if not columns:
            return
        names = tuple(columns)
        pack = struct.Struct(">" + "8xQ" * len(names)).pack
        try:
            numbers = list(map(int.from_bytes, map(pack, *columns.values())))
        except struct.error:  # money, an absent value, or a very large one
            self._add_others(groups, columns)
            return
        lanes = self._lanes.setdefault(names, defaultdict(int))
        for group, number in zip(groups, numbers, strict=True):
            lanes[group] += number

    def _add_others(self, groups: list[int], columns: dict[str, list[Number | None]]) -> None:
        """Add columns one by one."""
        with localcontext(MONEY):
            for name, column in columns.items():
                for group, value in zip(groups, column, strict=True):
                    if value is not None:
                        add_counters(self._others[group], ((name, value),))

    def by_group(self) -> dict[int, Counters]:
        """Return the sums."""
        found = {group: {**counters} for group, counters in self._others.items()}
        with localcontext(MONEY):
            for names, lanes in self._lanes.items():
                form = struct.Struct(">" + "QQ" * len(names))
                for group, number in lanes.items():
                    halves = form.unpack(number.to_bytes(form.size, "big"))
                    pairs = zip(halves[::2], halves[1::2], strict=True)
                    row = (high << 64 | low for high, low in pairs)
                    add_counters(found.setdefault(group, {}), zip(names, row, strict=True))
        return found
