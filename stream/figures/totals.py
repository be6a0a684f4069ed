"""Totals over resolved records: by key (project × service tier), model, and breakdown dimension.

Rows are added up once, in groups by every dimension that any total asks for; each total is then
a sum of groups. Sums are exact: counts as integers of any size, money under :data:`MONEY`.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, localcontext
from functools import cache, lru_cache, partial
from itertools import compress, repeat
from operator import itemgetter, not_
from typing import Any, Final, Literal, TypeAlias

from stream.providers.endpoint import Endpoint
from stream.records.money import MONEY, Number, exact_number
from stream.records.windows import Column, Columns, Counters, canonical_order

__all__ = ["AMOUNT", "HAS_COST", "Totals", "add_counters", "exact_column", "is_absent"]

Group: TypeAlias = tuple[Any, ...]
Names: TypeAlias = tuple[str, ...]

CURRENCY: Final = "currency"
AMOUNT: Final = "amount_value"
"""The dimension, and the counter that it is of."""
COST: Final = "cost"
HAS_COST: Final = "has_cost"
"""What may be grouped by beside dimensions: whether a row says what it cost itself."""
MOST: Final = 1 << 32
"""How many counts of 32 bits have a sum of 64."""
ORDER: Final = "little"
"""The order of bytes that most machines have, for which counts are packed the fastest."""
ORDERS: Final[repeat[Literal["little"]]] = repeat(ORDER)
"""The same for each row."""
SUMMED: Final = 1 << 14
"""How many rows wait in piles to be summed."""
LAYOUTS: Final = 64
"""How many ways are remembered in which rows have some counters and not the others."""


class Totals:
    """Adds up an endpoint's records."""

    def __init__(self, endpoint: Endpoint, more: Names = ()) -> None:
        """Start with no records; ``more`` are names to group by that only some endpoints have."""
        self.endpoint = endpoint
        self.records = 0
        places = {name: place for place, name in enumerate(endpoint.dimensions)}
        unknown = len(places)
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
        # What the endpoint does not have is among the unknown.
        found = [places.get(name, unknown) for name in self.names]
        self._grouping_of = columns_at(found)
        self._unplaced = [at for at, place in enumerate(found) if place == unknown]
        self._layout = layout_of(endpoint.counters, (True,) * len(endpoint.counters))
        """Which counters the last rows had, and mostly the next ones have too."""
        self._lanes: dict[Names, Lanes] = {}
        """Names of counters → the sums of rows that are small counts."""
        self._piles: dict[Names, defaultdict[Group, list[Column]]] = {}
        """The same for rows that are not; many of them are not summed yet."""
        self._piled = 0
        self._named: dict[Group, Counters] = {}
        """What else there is: counters that the registry does not know, and what was joined."""
        self._groups: Mapping[Group, Counters] | None = None

    def join(self, other: Totals) -> None:
        """Count what others have counted; they may group by more names, which come behind."""
        other.settle()
        self.records += other.records
        self._groups = None
        names = len(self.names)
        small = self.records <= MOST
        for counters, sums in other._lanes.items() if small else ():
            groups = (group[:names] for group in sums.numbers)
            self._lanes.setdefault(counters, Lanes()).add(groups, sums.sums)
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
        """Count resolved records, given as columns; their numbers are in canonical form."""
        unknown = counters[-1]
        if not unknown:
            return
        self.records += len(unknown)
        self._groups = None
        grouping = self._grouping_of(dimensions)
        if self._unplaced and not (self._cost is None and is_absent(dimensions[-1])):
            grouping = self._place(grouping, counters)
        packed = self._pack(counters)
        if packed is None:
            self._pile(grouping, counters)
        else:
            names = self._layout.names
            lanes = self._lanes.get(names)
            if lanes is None:
                lanes = self._lanes[names] = Lanes()
            lanes.add(zip(*grouping, strict=True), map(int.from_bytes, packed, ORDERS))
        if not is_absent(unknown):
            self._add_unknown(grouping, unknown)

    def _place(self, grouping: Columns, counters: Columns) -> Columns:
        """Put columns of names in their places that are no dimensions of the endpoint."""
        placed = [*grouping]
        for at in self._unplaced:
            name, unknown = self.names[at], grouping[at]
            if name == HAS_COST and self._cost is not None:
                placed[at] = tuple([value is not None for value in counters[self._cost]])
            elif not is_absent(unknown):
                placed[at] = tuple([dict(pairs or ()).get(name) for pairs in unknown])
        return tuple(placed)

    def _pack(self, counters: Columns) -> list[bytes] | None:
        """Return rows as :class:`Lanes` have them, as bytes; ``None``: not all are small counts.

        It is tried with the counters that the last rows had, before each is looked at.
        """
        packed, layout, rows = None, self._layout, len(counters[-1])
        if all(map(is_absent, layout.absent_of(counters))):
            packed = pack_rows(layout.present_of(counters), rows)
        if packed is None:
            present = tuple([not is_absent(column) for column in counters[:-1]])
            if present != layout.present:
                layout = self._layout = layout_of(self.endpoint.counters, present)
                packed = pack_rows(layout.present_of(counters), rows)
        return None if layout.names and self.records > MOST else packed

    def _pile(self, grouping: Columns, counters: Columns) -> None:
        """Put rows aside by their groups: a few cost as much to sum as many."""
        piles = self._piles.setdefault(self._layout.names, defaultdict(list))
        rows = zip(*self._layout.present_of(counters), strict=True)
        for group, row in zip(zip(*grouping, strict=True), rows, strict=True):
            piles[group].append(row)
        self._piled += len(counters[-1])
        if self._piled >= SUMMED:
            self.settle()

    def _add_unknown(self, grouping: Columns, column: Column) -> None:
        """Add the counters that the registry does not know."""
        with localcontext(MONEY):
            for group, pairs in zip(zip(*grouping, strict=True), column, strict=True):
                add_counters(self._named.setdefault(group, {}), pairs or ())

    def settle(self) -> None:
        """Sum each pile into one row."""
        with localcontext(MONEY):
            for piles in self._piles.values() if self._piled else ():
                for group, rows in piles.items():
                    if len(rows) > 1:
                        piles[group] = [sum_rows(rows)]
        self._piled = 0

    def columns(self) -> tuple[list[Group], dict[str, list[Number | None]]]:
        """Return the groups in any order, and a column for each counter that there is any of."""
        if self._named or len(self._lanes) + len(self._piles) != 1:
            groups = self.groups()
            names = tuple({name: None for counters in groups.values() for name in counters})
            columns = [[one.get(name) for one in groups.values()] for name in names]
            return [*groups], dict(zip(names, map(exact_column, columns), strict=True))
        for names, lanes in self._lanes.items():
            return [*lanes.numbers], dict(zip(names, lanes.columns(len(names)), strict=True))
        self.settle()
        ((names, piles),) = self._piles.items()
        columns = list(map(list, zip(*(row for (row,) in piles.values()), strict=True)))
        return [*piles], dict(zip(names, columns, strict=True))

    def groups(self) -> Mapping[Group, Counters]:
        """Return the sums by values of :attr:`names`; worked out once, until more is added."""
        if self._groups is None:
            self._groups = self._add_up(range(len(self.names)))
        return self._groups

    def metrics(self) -> Counters:
        """Return the sums over all records, of the counters that are present."""
        return self._sums(()).get((), {})

    def sums_by(self, *names: str) -> Iterator[tuple[Group, Counters]]:
        """Yield (values, sums) for each combination of these dimensions, in canonical order."""
        sums = self._sums([self.names.index(name) for name in names])
        for values in sorted(sums, key=canonical_order):
            yield values, sums[values]

    @property
    def currencies(self) -> set[Any]:
        """The currencies that there is money of."""
        return set[Any]().union(*self._currencies_by(()).values())

    def _currencies_by(self, places: Sequence[int]) -> dict[Group, set[Any]]:
        """Return the currencies that there is money of, by values of the names at these places."""
        currencies: defaultdict[Group, set[Any]] = defaultdict(set)
        if CURRENCY in self.names:
            place = self.names.index(CURRENCY)
            for group, found in self.groups().items():
                if AMOUNT in found:
                    currencies[tuple([group[one] for one in places])].add(group[place])
        return currencies

    def _sums(self, places: Sequence[int]) -> dict[Group, Counters]:
        """Add groups up; money of several currencies is never one number, and left out."""
        sums = self._add_up(places)
        for values, some in self._currencies_by(places).items():
            if len(some) > 1:
                del sums[values][AMOUNT]
        return {group: exact_counters(total) for group, total in sums.items()}

    def _add_up(self, places: Sequence[int]) -> dict[Group, Counters]:
        """Add groups up that have the same values at these places."""
        self.settle()
        sums: defaultdict[Group, Counters] = defaultdict(dict)
        with localcontext(MONEY):
            for group, counters in self._named.items():
                add_counters(sums[tuple([group[place] for place in places])], counters.items())
            for names, lanes in self._lanes.items():
                fewer = Lanes()
                groups = (tuple([group[place] for place in places]) for group in lanes.numbers)
                fewer.add(groups, lanes.sums)
                rows = zip(*fewer.columns(len(names)), strict=True) if names else repeat(())
                for values, row in zip(fewer.numbers, rows, strict=False):
                    add_counters(sums[values], zip(names, row, strict=True))
            for names, piles in self._piles.items():
                for group, (row,) in piles.items():
                    values = tuple([group[place] for place in places])
                    present = (pair for pair in zip(names, row, strict=True) if pair[1] is not None)
                    add_counters(sums[values], present)
        return sums


class RowLayout:
    """Which counters rows have: their names, and what takes their columns from those of all."""

    def __init__(self, counters: Names, present: tuple[bool, ...]) -> None:
        """Take these counters, of which some are ``present``."""
        self.present = present
        self.names = tuple(compress(counters, present))
        self.present_of = columns_at([*compress(range(len(present)), present)])
        self.absent_of = columns_at([*compress(range(len(present)), map(not_, present))])


@lru_cache(LAYOUTS)
def layout_of(counters: Names, present: tuple[bool, ...]) -> RowLayout:
    """Return the layout of rows with these counters, of which some are present."""
    return RowLayout(counters, present)


def columns_at(places: Sequence[int]) -> Callable[[Columns], Columns]:
    """Return what takes the columns at these places; it can be sent to another process."""
    return itemgetter(*places) if len(places) > 1 else partial(take_columns, places)


def take_columns(places: Sequence[int], columns: Columns) -> Columns:
    """Take the columns at these places."""
    return tuple([columns[place] for place in places])


class Lanes:
    """Sums of small counts by group: each group's are one integer, in which each has 64 bits."""

    def __init__(self) -> None:
        """Start with no groups."""
        self.numbers = Numbers()
        self.sums: list[int] = []
        """By the numbers of groups."""

    def add(self, groups: Iterable[Group], rows: Iterable[int]) -> None:
        """Add a row to each of these groups."""
        numbers, sums = list(map(self.numbers.__getitem__, groups)), self.sums
        sums.extend([0] * (len(self.numbers) - len(sums)))
        for number, row in zip(numbers, rows, strict=True):
            sums[number] += row

    def columns(self, counters: int) -> list[list[Number | None]]:
        """Return a column for each of so many counters, with a value for each group."""
        found = array("Q", b"".join([one.to_bytes(8 * counters, ORDER) for one in self.sums]))
        if sys.byteorder != ORDER:
            found.byteswap()
        return [[*found[place::counters]] for place in range(counters)]


class Numbers(dict[Group, int]):
    """Numbers groups, in the order in which they are asked for."""

    def __missing__(self, group: Group) -> int:
        """Give a group the next number."""
        self[group] = number = len(self)
        return number


def pack_rows(columns: Columns, rows: int) -> list[bytes] | None:
    """Return rows as :class:`Lanes` have them, as bytes; ``None``: not all are small counts.

    Those are counts of 32 bits: neither money, nor absent, nor large.
    """
    try:
        return list(map(row_packer(len(columns)), *columns)) if columns else [b""] * rows
    except struct.error:
        return None


@cache
def row_packer(counters: int) -> Callable[..., bytes]:
    """Return what packs a row of so many counters."""
    return struct.Struct("<" + "I4x" * counters).pack


def is_absent(column: Column) -> bool:
    """Tell whether no row has a value; there are rows."""
    return column[0] is None and column.count(None) == len(column)


def exact_column(column: list[Number | None]) -> list[Number | None]:
    """Return sums in canonical form."""
    if Decimal not in set(map(type, column)):
        return column
    return [value if value is None else exact_number(value) for value in column]


def exact_counters(counters: Counters) -> Counters:
    """Return sums in canonical form."""
    return {name: exact_number(value) for name, value in counters.items()}


def add_counters(total: Counters, counters: Iterable[tuple[str, Number]]) -> None:
    """Add counters to a total, by name."""
    for name, value in counters:
        total[name] = total.get(name, 0) + value


def sum_rows(rows: list[Column]) -> Column:
    """Sum rows column by column, in canonical form; where every row is silent the sum is too."""
    sums: list[Number | None]
    try:
        sums = list(map(sum, zip(*rows, strict=True)))
    except TypeError:  # an absent value adds to nothing
        columns = ([value for value in column if value is not None] for column in zip(*rows))  # noqa: B905 -- as above, at C speed
        sums = [sum(column) if column else None for column in columns]
    return tuple(exact_column(sums))
