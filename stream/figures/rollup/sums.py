"""What rows of a coarser layer come to in the dimensions that they are compared in."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any, Final, TypeAlias

from msgspec import Struct

from stream.figures.rollup.table import Finding, Record, identity_of, present_values
from stream.providers.endpoint import Endpoint
from stream.records.money import Number, exact_number
from stream.records.windows import Counters, Window, canonical_order

__all__ = [
    "ComparedSum",
    "CounterVerdict",
    "Values",
    "dimension_values_of",
    "status_alone",
    "status_of",
    "sum_rows",
]

Values: TypeAlias = tuple[Any, ...]
"""A record's values of the compared dimensions."""

SHOWN_AS: Final = {"zero": "absorbed"}
"""A rollup's zero of a counter that no record has reads as what it is: nothing is left."""
ROUNDING: Final = Decimal("0.0000005")
"""Money that differs by less is rounding (from the design's rollup rule)."""


class CounterVerdict(Struct, frozen=True):
    """What one counter of a sum came to, and what no record covers of it."""

    status: str
    counter: str
    value: Number
    rest: Number


class ComparedSum(Struct, eq=False):
    """The rows of a coarser layer that are alike in the compared dimensions, added up.

    ``matches`` are the records that agree, ``match_sums`` what they have of each counter, and
    ``coverers`` others that cover some of what is left.
    """

    record: Record
    values: Values
    rows: list[Record]
    matches: list[Record] = []
    coverers: list[Record] = []
    match_sums: Counters = {}
    newest: int = 0

    def absorb(self) -> None:
        """Let the records that say the same name its sources too."""
        for record in (*self.matches, *self.coverers):
            record.sources |= self.record.sources

    def finding_of(self, verdict: CounterVerdict) -> Finding:
        """Say what became of a counter."""
        details = self.match_sums.get(verdict.counter)
        return Finding(
            SHOWN_AS.get(verdict.status, verdict.status),
            self.record.window,
            self.record.dimensions,
            verdict.counter,
            exact_number(verdict.value),
            None if details is None else exact_number(details),
            exact_number(verdict.value - (details or 0)),
        )


def sum_rows(
    endpoint: Endpoint, host: Window, rows: list[Record], names: tuple[str, ...]
) -> list[ComparedSum]:
    """Add up the rows that are alike in the compared dimensions; in canonical order."""
    alike: defaultdict[Values, list[Record]] = defaultdict(list)
    for row in rows:
        alike[dimension_values_of(row, names)].append(row)
    grain, found = frozenset(names), []
    for values, some in alike.items():
        identity = identity_of(endpoint, dict(zip(names, values, strict=True)))
        named = present_values(endpoint.dimensions, identity)
        record = Record(host, identity, named, {}, grain, some[0].limits, residual=True)
        record.revision = max(row.revision for row in some)
        for row in some:
            record.sources |= row.sources
            for name, value in row.counters.items():
                record.counters[name] = record.counters.get(name, 0) + value
        found.append(ComparedSum(record, values, some))
    found.sort(key=lambda one: canonical_order(one.record.identity))
    return found


def dimension_values_of(record: Record, names: tuple[str, ...]) -> Values:
    """Return the record's values of these dimensions."""
    return tuple(map(record.dimensions.get, names))


def status_of(left: Number, *, stale: bool) -> str:
    """Name what the comparison of one counter came to."""
    if not left:
        return "absorbed"
    if isinstance(left, Decimal) and abs(left) < ROUNDING:
        return "rounding"
    if left < 0:
        return "short"
    return "stale" if stale else "excess"


def status_alone(value: Number, *, stale: bool) -> str:
    """Name what becomes of a counter that no finer record has: it counts, credits too."""
    if not value:
        return "zero"
    return "stale" if stale else "excess"
