"""Totals over resolved records: by key (project × service tier), model, and breakdown dimension.

Rows are added up once, in groups by every dimension that any total asks for; each total is then
a sum of groups. Sums are exact: counts as integers of any size, money under :data:`MONEY`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import localcontext
from typing import Any, TypeAlias

from stream.endpoints import Endpoint
from stream.records import MONEY, Column, Columns, Counters, Number, canonical_order, exact

__all__ = ["Totals"]

Group: TypeAlias = tuple[Any, ...]


class Totals:
    """Adds up an endpoint's records."""

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

    def add(self, dimensions: Columns, counters: Columns) -> None:
        """Count resolved records, given as columns."""
        rows = len(counters[-1])
        self.records += rows
        if not rows:
            return
        groups = self._groups_of(dimensions, rows)
        named = list(zip(self.endpoint.counters, counters, strict=False))
        full = [one for one in named if one[1][0] is not None]
        with localcontext(MONEY):
            sparse = [one for one in named if one[1][0] is None and one[1].count(None) < rows]
            if not self._add_full(groups, full):
                sparse += full
                full = []
            if not full:  # rows without figures are groups too
                self._groups.update({group: {} for group in groups if group not in self._groups})
            for name, column in sparse:
                self._add_sparse(groups, name, column)
            if counters[-1].count(None) < rows:
                for group, pairs in zip(groups, counters[-1], strict=True):
                    for name, value in pairs or ():
                        self._add_one(group, name, value)

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

    def _add_full(self, groups: list[Group], named: list[tuple[str, Column]]) -> bool:
        """Add counters that every row has; tell whether that was so, nothing is added if not."""
        rows: defaultdict[Group, list[Column]] = defaultdict(list)
        columns = (column for _, column in named)
        for group, row in zip(groups, zip(*columns, strict=True), strict=False):
            rows[group].append(row)
        try:
            sums = {group: list(map(sum, zip(*some, strict=True))) for group, some in rows.items()}
        except TypeError:  # an absent value adds to nothing
            return False
        for group, total in sums.items():
            for (name, _), value in zip(named, total, strict=True):
                self._add_one(group, name, value)
        return True

    def _add_sparse(self, groups: list[Group], name: str, column: Iterable[Any]) -> None:
        """Add a counter that only some rows have."""
        for group, value in zip(groups, column, strict=True):
            if value is not None:
                self._add_one(group, name, value)

    def _add_one(self, group: Group, name: str, value: Number) -> None:
        total = self._groups.setdefault(group, {})
        total[name] = total.get(name, 0) + value

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
            for group, counters in self._groups.items():
                total = sums.setdefault(tuple(group[position] for position in positions), {})
                for name, value in counters.items():
                    total[name] = total.get(name, 0) + value
        return {
            group: {name: exact(value) for name, value in total.items()}
            for group, total in sums.items()
        }
