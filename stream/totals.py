"""Totals over resolved records: by key (project × service tier), model, and breakdown dimension.

Rows are added up once, in groups by every dimension that any total asks for; each total is then
a sum of groups. Sums are exact: counts as integers of any size, money under :data:`MONEY`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import localcontext
from typing import Any, Final, TypeAlias

from stream.endpoints import Endpoint
from stream.records import MONEY, Column, Columns, Counters, canonical_order, exact

__all__ = ["Totals"]

Group: TypeAlias = tuple[Any, ...]
Names: TypeAlias = tuple[str, ...]

AT_ONCE: Final = 1 << 14
"""How many rows may wait to be summed."""


class Totals:
    """Adds up an endpoint's records.

    Rows are put aside by group and summed many at a time: a sum of a few costs as much as the call.
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
        self._groups: dict[Group, Counters] = {}
        self._rows: dict[Names, defaultdict[Group, list[Column]]] = {}
        """Names of counters → group → rows of just these, which are not summed yet."""
        self._waiting = 0

    def join(self, other: Totals) -> None:
        """Count what others have counted."""
        self.records += other.records
        for names, rows in other._rows.items():
            waiting = self._rows.setdefault(names, defaultdict(list))
            for group, some in rows.items():
                waiting[group] += some
        with localcontext(MONEY):
            for group, counters in other._groups.items():
                total = self._groups.setdefault(group, {})
                for name, value in counters.items():
                    total[name] = total.get(name, 0) + value
        self._sum()

    def add(self, dimensions: Columns, counters: Columns) -> None:
        """Count resolved records, given as columns."""
        rows = len(counters[-1])
        self.records += rows
        if not rows:
            return
        groups = self._groups_of(dimensions, rows)
        named = [
            (name, column)
            for name, column in zip(self.endpoint.counters, counters, strict=False)
            if column[0] is not None or column.count(None) < rows
        ]
        names = tuple(name for name, _ in named)
        waiting = self._rows.get(names)
        if waiting is None:
            waiting = self._rows[names] = defaultdict(list)
        if named:
            for group, row in zip(groups, zip(*(column for _, column in named)), strict=True):  # noqa: B905 -- columns are of one length
                waiting[group].append(row)
        else:
            waiting.update({group: [()] for group in groups})
        if counters[-1].count(None) < rows:
            self._add_unknown(groups, counters[-1])
        self._waiting += rows
        if self._waiting > AT_ONCE:
            self._sum()

    def _add_unknown(self, groups: list[Group], column: Column) -> None:
        """Add the counters that the registry does not know."""
        with localcontext(MONEY):
            for group, pairs in zip(groups, column, strict=True):
                total = self._groups.setdefault(group, {})
                for name, value in pairs or ():
                    total[name] = total.get(name, 0) + value

    def _groups_of(self, dimensions: Columns, rows: int) -> list[Group]:
        """Return each row's group; unknown dimensions stand in the last column."""
        known = dict(zip(self.endpoint.dimensions, dimensions, strict=False))
        others = dimensions[-1]
        columns = []
        for name in self.names:
            column = known.get(name)
            if column is None:
                column = (
                    (None,) * rows
                    if others.count(None) == rows
                    else tuple(dict(pairs or ()).get(name) for pairs in others)
                )
            columns.append(column)
        return list(zip(*columns, strict=True))

    def _sum(self) -> None:
        """Sum the rows that wait, each group's into one."""
        with localcontext(MONEY):
            for waiting in self._rows.values():
                for group, rows in waiting.items():
                    if len(rows) > 1:
                        waiting[group] = [summed(rows)]
        self._waiting = 0

    def _summed(self) -> dict[Group, Counters]:
        """Return each group's sums."""
        self._sum()
        groups = {group: dict(counters) for group, counters in self._groups.items()}
        with localcontext(MONEY):
            for names, waiting in self._rows.items():
                for group, (row,) in waiting.items():
                    total = groups.setdefault(group, {})
                    for name, value in zip(names, row, strict=True):
                        if value is not None:
                            total[name] = total.get(name, 0) + value
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
                total = sums.setdefault(tuple(group[position] for position in positions), {})
                for name, value in counters.items():
                    total[name] = total.get(name, 0) + value
        return {
            group: {name: exact(value) for name, value in total.items()}
            for group, total in sums.items()
        }


def summed(rows: list[Column]) -> Column:
    """Sum rows column by column; where every row is silent the sum is too."""
    try:
        return tuple(map(sum, zip(*rows, strict=True)))
    except TypeError:  # an absent value adds to nothing
        columns = ([value for value in column if value is not None] for column in zip(*rows))  # noqa: B905 -- as above, at C speed
        return tuple(sum(column) if column else None for column in columns)
