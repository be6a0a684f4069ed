"""Totals over resolved records: by key (project × service tier), model, and breakdown dimension.

Rows are added up once, in groups by every dimension that any total asks for; each total is then
a sum of groups. Sums are exact: counts as integers of any size, money under :data:`MONEY`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import localcontext
from itertools import compress
from typing import Any, Final, TypeAlias

from stream.endpoints import Endpoint
from stream.records import MONEY, Column, Columns, Counters, Number, canonical_order, exact

__all__ = ["Totals"]

Group: TypeAlias = tuple[Any, ...]
Names: TypeAlias = tuple[str, ...]

AT_ONCE: Final = 1 << 14
"""How many rows may wait to be summed."""


class Totals:
    """Adds up an endpoint's records.

    Columns are put aside and summed many rows at a time: a few cost as much as the calls.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        """Start with no records."""
        self.endpoint = endpoint
        self.records = 0
        self.names = tuple(
            dict.fromkeys(
                ("project_id", "service_tier", "model", *(name for _, name in endpoint.breakdowns))
            ),
        )
        places = {name: place for place, name in enumerate(endpoint.dimensions)}
        self._places = tuple(map(places.get, self.names))
        self._grouping: list[list[Any]] = [[] for _ in self.names]
        self._counters: list[list[Any]] = [[] for _ in (*endpoint.counters, "unknown")]
        """The rows that are not summed yet."""
        self._known: dict[Names, dict[Group, Column]] = {}
        """Names of counters → group → the sum of rows that have just these."""
        self._named: dict[Group, Counters] = {}
        """What else there is: counters that the registry does not know, and what was joined."""
        self._groups: dict[Group, Counters] | None = None

    def join(self, other: Totals) -> None:
        """Count what others have counted."""
        self.records += other.records
        self._groups = None
        with localcontext(MONEY):
            for group, counters in other._summed().items():
                added(self._named.setdefault(group, {}), counters.items())

    def add(self, dimensions: Columns, counters: Columns) -> None:
        """Count resolved records, given as columns."""
        rows = len(counters[-1])
        self.records += rows
        self._groups = None
        others = dimensions[-1]
        for name, place, waiting in zip(self.names, self._places, self._grouping, strict=True):
            if place is not None:
                waiting.extend(dimensions[place])
            elif others.count(None) == rows:
                waiting.extend(others)
            else:
                waiting.extend(dict(pairs or ()).get(name) for pairs in others)
        for waiting, column in zip(self._counters, counters, strict=True):
            waiting.extend(column)
        if len(self._counters[-1]) >= AT_ONCE:
            self._sum()

    def _sum(self) -> None:
        """Sum the rows that wait, each group's into one."""
        groups = list(zip(*self._grouping, strict=True))
        *known, unknown = self._counters
        present = [column.count(None) < len(groups) for column in known]
        sums = self._known.setdefault(tuple(compress(self.endpoint.counters, present)), {})
        piles: defaultdict[Group, list[Column]] = defaultdict(list)
        if any(present):
            rows = zip(*compress(known, present), strict=True)
            for group, row in zip(groups, rows, strict=True):
                piles[group].append(row)
        else:
            piles.update({group: [()] for group in groups})
        with localcontext(MONEY):
            for group, pile in piles.items():
                if group in sums:
                    pile.append(sums[group])
                sums[group] = summed(pile) if len(pile) > 1 else pile[0]
            if unknown.count(None) < len(groups):
                self._add_unknown(groups, unknown)
        for waiting in (*self._grouping, *self._counters):
            waiting.clear()

    def _add_unknown(self, groups: list[Group], column: list[Any]) -> None:
        """Add the counters that the registry does not know."""
        for group, pairs in zip(groups, column, strict=True):
            added(self._named.setdefault(group, {}), pairs or ())

    def _summed(self) -> dict[Group, Counters]:
        """Return each group's sums; they are worked out once, until more is added."""
        if self._groups is not None:
            return self._groups
        self._sum()
        groups = {group: dict(counters) for group, counters in self._named.items()}
        with localcontext(MONEY):
            for names, sums in self._known.items():
                for group, row in sums.items():
                    present = (pair for pair in zip(names, row, strict=True) if pair[1] is not None)
                    added(groups.setdefault(group, {}), present)
        self._groups = groups
        return groups

    def metrics(self) -> Counters:
        """Return the sums over all records, of the counters that are present."""
        return self._sums(()).get((), {})

    def by(self, *names: str) -> Iterator[tuple[Group, Counters]]:
        """Yield (values, sums) for each combination of these dimensions, in canonical order."""
        sums = self._sums(tuple(self.names.index(name) for name in names))
        for values in sorted(sums, key=canonical_order):
            yield values, sums[values]

    def _sums(self, positions: tuple[int, ...]) -> dict[Group, Counters]:
        sums: dict[Group, Counters] = {}
        with localcontext(MONEY):
            for group, counters in self._summed().items():
                values = tuple(group[position] for position in positions)
                added(sums.setdefault(values, {}), counters.items())
        return {
            group: {name: exact(value) for name, value in total.items()}
            for group, total in sums.items()
        }


def added(total: Counters, counters: Iterable[tuple[str, Number]]) -> None:
    """Add counters to a total, by name."""
    for name, value in counters:
        total[name] = total.get(name, 0) + value


def summed(rows: list[Column]) -> Column:
    """Sum rows column by column; where every row is silent the sum is too."""
    try:
        return tuple(map(sum, zip(*rows, strict=True)))
    except TypeError:  # an absent value adds to nothing
        columns = ([value for value in column if value is not None] for column in zip(*rows))  # noqa: B905 -- as above, at C speed
        return tuple(sum(column) if column else None for column in columns)
