"""Totals over resolved records: by key (project × service tier), model, and breakdown dimension.

Rows are added up once, in groups by every dimension that any total asks for; each total is then
a sum of groups. Sums are exact: counts as integers of any size, money under :data:`MONEY`.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import localcontext
from itertools import compress, repeat
from typing import Any, Final, TypeAlias

from stream.providers.endpoint import Endpoint
from stream.records.money import MONEY, Number, exact_number
from stream.records.windows import Column, Columns, Counters, canonical_order

__all__ = ["AMOUNT", "HAS_COST", "Totals", "add_counters", "exact_counters"]

Group: TypeAlias = tuple[Any, ...]
Names: TypeAlias = tuple[str, ...]

CURRENCY: Final = "currency"
AMOUNT: Final = "amount_value"
"""The dimension, and the counter that it is of."""
COST: Final = "cost"
HAS_COST: Final = "has_cost"
"""What may be grouped by beside dimensions: whether a row says what it cost itself."""
PILED: Final = 1 << 9
"""How many rows wait as columns: a few cost as much as the calls, many leave the cache."""
MOST: Final = 1 << 32
"""How many counts of 32 bits have a sum of 64."""
SUMMED: Final = 1 << 14
"""How many rows wait in piles to be summed."""


class Totals:
    """Adds up an endpoint's records.

    Columns are put aside and summed many rows at a time: a few cost as much as the calls.
    """

    def __init__(self, endpoint: Endpoint, more: Names = ()) -> None:
        """Start with no records; ``more`` are names to group by that only some endpoints have."""
        self.endpoint = endpoint
        self.records = 0
        places = {name: place for place, name in enumerate(endpoint.dimensions)}
        self._cost = endpoint.counters.index(COST) if COST in endpoint.counters else None
        extra = (
            one for one in more if one in places or (one == HAS_COST and self._cost is not None)
        )
        self.names = tuple(
            dict.fromkeys(
                (
                    "project_id",
                    "service_tier",
                    "model",
                    *(name for _, name in endpoint.breakdowns),
                    *extra,
                )
            ),
        )
        self._places = tuple(map(places.get, self.names))
        self._grouping: list[list[Any]] = [[] for _ in self.names]
        self._counters: list[list[Any]] = [[] for _ in (*endpoint.counters, "unknown")]
        """The columns that wait."""
        self._lanes: dict[Names, defaultdict[Group, int]] = {}
        """Names of counters → group → their sums, side by side in one integer."""
        self._piles: dict[Names, defaultdict[Group, list[Column]]] = {}
        """The same for rows that are not all small counts; many of them are not summed yet."""
        self._piled = 0
        self._named: dict[Group, Counters] = {}
        """What else there is: counters that the registry does not know, and what was joined."""
        self._groups: dict[Group, Counters] | None = None

    def join(self, other: Totals) -> None:
        """Count what others have counted; they may group by more names, which come behind."""
        other.settle()
        self.records += other.records
        self._groups = None
        names = len(self.names)
        small = self.records <= MOST
        for counters, sums in other._lanes.items() if small else ():
            lanes = self._lanes.setdefault(counters, defaultdict(int))
            for group, number in sums.items():
                lanes[group[:names]] += number
        for counters, found in other._piles.items() if small else ():
            piles = self._piles.setdefault(counters, defaultdict(list))
            for group, rows in found.items():
                piles[group[:names]] += rows
                self._piled += len(rows)
        named = other._named if small else other.groups()
        with localcontext(MONEY):
            for group, known in named.items():
                add_counters(self._named.setdefault(group[:names], {}), known.items())

    def take(self, records: int, groups: Mapping[Group, Counters]) -> None:
        """Count so many records, whose sums are known by group."""
        self.records += records
        self._groups = None
        with localcontext(MONEY):
            for group, counters in groups.items():
                add_counters(self._named.setdefault(group, {}), counters.items())

    def add(self, dimensions: Columns, counters: Columns) -> None:
        """Count resolved records, given as columns."""
        rows = len(counters[-1])
        self.records += rows
        self._groups = None
        others = dimensions[-1]
        for name, place, waiting in zip(self.names, self._places, self._grouping, strict=True):
            if place is not None:
                waiting.extend(dimensions[place])
            elif name == HAS_COST and self._cost is not None:
                waiting.extend(value is not None for value in counters[self._cost])
            elif others.count(None) == rows:
                waiting.extend(others)
            else:
                waiting.extend(dict(pairs or ()).get(name) for pairs in others)
        for waiting, column in zip(self._counters, counters, strict=True):
            waiting.extend(column)
        if len(self._counters[-1]) >= PILED:
            self._pile()

    def _pile(self) -> None:
        """Add the columns that wait to their groups."""
        if not self._counters[-1]:
            return
        groups = list(zip(*self._grouping, strict=True))
        *known, unknown = self._counters
        present = [not is_absent(column) for column in known]
        names = tuple(compress(self.endpoint.counters, present))
        columns = list(compress(known, present))
        try:
            self._add_small(names, groups, columns)
        except struct.error:  # money, an absent value, or a large one
            piles = self._piles.setdefault(names, defaultdict(list))
            for group, row in zip(groups, zip(*columns, strict=True), strict=True):
                piles[group].append(row)
            self._piled += len(groups)
        if not is_absent(unknown):
            self._add_unknown(groups, unknown)
        for waiting in (*self._grouping, *self._counters):
            waiting.clear()
        if self._piled >= SUMMED:
            self._sum()

    def _add_small(self, names: Names, groups: list[Group], columns: list[list[Any]]) -> None:
        """Add counts of 32 bits: each row is one integer, in which every count has 64 bits.

        Raises:
            struct.error: a value is none; nothing has been added.
        """
        if columns and self.records > MOST:
            raise struct.error(self.records)
        pack = struct.Struct(">" + "4xI" * len(names)).pack
        rows = map(pack, *columns) if columns else repeat(b"", len(groups))
        numbers = list(map(int.from_bytes, rows))  # of big-endian bytes, if nobody says otherwise
        lanes = self._lanes.setdefault(names, defaultdict(int))
        for group, number in zip(groups, numbers, strict=True):
            lanes[group] += number

    def _sum(self) -> None:
        """Sum each pile into one row."""
        with localcontext(MONEY):
            for piles in self._piles.values():
                for group, rows in piles.items():
                    if len(rows) > 1:
                        piles[group] = [sum_rows(rows)]
        self._piled = 0

    def _add_unknown(self, groups: list[Group], column: list[Any]) -> None:
        """Add the counters that the registry does not know."""
        with localcontext(MONEY):
            for group, pairs in zip(groups, column, strict=True):
                add_counters(self._named.setdefault(group, {}), pairs or ())

    def settle(self) -> None:
        """Sum up all that waits."""
        self._pile()
        self._sum()

    def columns(self) -> tuple[list[Group], dict[str, list[Number | None]]]:
        """Return the groups in any order, and a column for each counter that there is any of."""
        self.settle()
        if len(self._lanes) == 1 and not self._piles and not self._named:
            ((names, lanes),) = self._lanes.items()
            width = len(names)
            packed = b"".join([number.to_bytes(8 * width, "big") for number in lanes.values()])
            numbers = array("Q", packed)
            if sys.byteorder == "little":
                numbers.byteswap()
            return [*lanes], {name: [*numbers[at::width]] for at, name in enumerate(names)}
        groups = self.groups()
        names = tuple({name: None for counters in groups.values() for name in counters})
        found = {group: exact_counters(counters) for group, counters in groups.items()}
        return [*found], {name: [one.get(name) for one in found.values()] for name in names}

    def groups(self) -> Mapping[Group, Counters]:
        """Return the sums by values of :attr:`names`; worked out once, until more is added."""
        if self._groups is not None:
            return self._groups
        self.settle()
        groups = {group: dict(counters) for group, counters in self._named.items()}
        for names, lanes in self._lanes.items():
            form = struct.Struct(f">{len(names)}Q")
            for group, number in lanes.items():
                row = form.unpack(number.to_bytes(form.size, "big"))
                add_counters(groups.setdefault(group, {}), zip(names, row, strict=True))
        with localcontext(MONEY):
            for names, piles in self._piles.items():
                for group, (row,) in piles.items():
                    present = (pair for pair in zip(names, row, strict=True) if pair[1] is not None)
                    add_counters(groups.setdefault(group, {}), present)
        self._groups = groups
        return groups

    def metrics(self) -> Counters:
        """Return the sums over all records, of the counters that are present."""
        return self._sums(()).get((), {})

    def sums_by(self, *names: str) -> Iterator[tuple[Group, Counters]]:
        """Yield (values, sums) for each combination of these dimensions, in canonical order."""
        sums = self._sums(tuple(self.names.index(name) for name in names))
        for values in sorted(sums, key=canonical_order):
            yield values, sums[values]

    @property
    def currencies(self) -> set[Any]:
        """The currencies that there is money of."""
        if CURRENCY not in self.names:
            return set()
        place = self.names.index(CURRENCY)
        return {group[place] for group, found in self.groups().items() if AMOUNT in found}

    def _sums(self, positions: tuple[int, ...]) -> dict[Group, Counters]:
        """Add groups up; money of several currencies is never one number, and left out."""
        sums: dict[Group, Counters] = {}
        currency = self.names.index(CURRENCY) if CURRENCY in self.names else None
        currencies: defaultdict[Group, set[Any]] = defaultdict(set)
        with localcontext(MONEY):
            for group, counters in self.groups().items():
                values = tuple(group[position] for position in positions)
                add_counters(sums.setdefault(values, {}), counters.items())
                if currency is not None and AMOUNT in counters:
                    currencies[values].add(group[currency])
        for values, some in currencies.items():
            if len(some) > 1:
                del sums[values][AMOUNT]
        return {group: exact_counters(total) for group, total in sums.items()}


def is_absent(column: list[Any]) -> bool:
    """Tell whether no row has a value."""
    return not column or (column[0] is None and column.count(None) == len(column))


def exact_counters(counters: Counters) -> Counters:
    """Return sums in canonical form."""
    return {name: exact_number(value) for name, value in counters.items()}


def add_counters(total: Counters, counters: Iterable[tuple[str, Number]]) -> None:
    """Add counters to a total, by name."""
    for name, value in counters:
        total[name] = total.get(name, 0) + value


def sum_rows(rows: list[Column]) -> Column:
    """Sum rows column by column; where every row is silent the sum is too."""
    try:
        return tuple(map(sum, zip(*rows, strict=True)))
    except TypeError:  # an absent value adds to nothing
        columns = ([value for value in column if value is not None] for column in zip(*rows))  # noqa: B905 -- as above, at C speed
        return tuple(sum(column) if column else None for column in columns)
