"""The rollups of ``daily_costs``: what the day's records do not cover becomes a residual record."""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from heapq import merge
from itertools import islice, product
from typing import Any, Final, TypeAlias

from stream.figures.rollup.table import Finding, Record, record_order_of
from stream.providers.endpoint import Endpoint
from stream.records.money import Number, exact_number
from stream.records.windows import canonical_order

__all__ = ["residuals_of"]

Index: TypeAlias = "defaultdict[tuple[Any, ...], Pile]"

ROUNDING: Final = Decimal("0.0000005")
"""Money that differs by less is rounding (from the design's rollup rule)."""


def residuals_of(
    endpoint: Endpoint, rollups: list[Record], details: list[Record]
) -> tuple[list[Record], list[Finding]]:
    """Compare one UTC day's rollups with its records.

    Finer rollups come first, and what remains of them counts as detail for the coarser. A rollup
    that is absorbed adds its sources to the records that cover it. Returns residuals and findings.
    """
    day = DayRecords(details)
    residuals: list[Record] = []
    findings: list[Finding] = []
    for rollup in sorted(
        rollups, key=lambda one: (-len(one.dimensions), canonical_order(one.identity))
    ):
        residual = Record(endpoint, rollup.window, rollup.identity, residual=True)
        residual.sources = set(rollup.sources)
        residual.revision = rollup.revision
        for finding, left in day.compare(rollup):
            findings.append(finding)
            if finding.status == "excess":
                residual.counters[finding.counter] = left
        if residual.counters:
            residuals.append(residual)
            day.add(residual)
    return residuals, findings


class Pile:
    """Records that are alike in some dimensions, in canonical order."""

    def __init__(self) -> None:
        """Start with none."""
        self.records: list[Record] = []
        self._spent: dict[str, int] = {}
        """Counter → how many of the first records have nothing of it left to give."""

    def add(self, record: Record) -> None:
        """Put a record in its place."""
        place = bisect(self.records, record_order_of(record), key=record_order_of)
        self.records.insert(place, record)
        self._spent = {name: min(count, place) for name, count in self._spent.items()}

    def givers(self, name: str) -> Iterator[Record]:
        """Yield the records that may still have something of a counter to give."""
        spent = self._spent.get(name, 0)
        while spent < len(self.records) and self.records[spent].spare.get(name, 0) <= 0:
            spent += 1
        self._spent[name] = spent
        yield from islice(self.records, spent, None)


class DayRecords:
    """One UTC day's records, found by the values that a rollup has."""

    def __init__(self, details: Iterable[Record]) -> None:
        """Start with the day's records; residuals are added as they arise."""
        self.records: list[Record] = []
        self.indexes: dict[tuple[str, ...], Index] = {}
        for record in details:
            self.add(record)

    def add(self, record: Record) -> None:
        """Count a record as detail from now on."""
        record.spare = dict(record.counters)
        self.records.append(record)
        for names, index in self.indexes.items():
            index[dimension_values_of(record, names)].add(record)

    def index(self, names: tuple[str, ...]) -> Index:
        """Return the records by their values of these dimensions, absent ones as ``None``."""
        if names not in self.indexes:
            index = self.indexes[names] = defaultdict(Pile)
            for record in sorted(self.records, key=record_order_of):
                index[dimension_values_of(record, names)].records.append(record)
        return self.indexes[names]

    def compare(self, rollup: Record) -> Iterator[tuple[Finding, Number]]:
        """Judge each counter of a rollup; yield the finding, and what no record covers of it."""
        names = tuple(sorted(rollup.dimensions))
        index = self.index(names)
        wanted = dimension_values_of(rollup, names)
        agreeing = index[wanted].records if wanted in index else []
        vague = [index[values] for values in vaguer_keys(index, wanted)]
        newest = max((record.revision for record in agreeing), default=0)
        coverers: list[Record] = []
        absorbed = False
        for name, value in sorted(rollup.counters.items()):
            shown = [record.counters[name] for record in agreeing if name in record.counters]
            difference = left = value - sum(shown)
            givers: list[Record] = []
            if left > 0:
                giving = merge(*(pile.givers(name) for pile in vague), key=record_order_of)
                left = cover_counter(name, left, giving, givers)
            coverers += givers
            latest = max((record.revision for record in givers), default=newest)
            status = status_of(left, stale=rollup.revision < max(newest, latest))
            absorbed |= status in {"absorbed", "rounding"}
            details = exact_number(sum(shown)) if shown else None
            yield (
                Finding(
                    status,
                    rollup.window,
                    rollup.dimensions,
                    name,
                    value,
                    details,
                    exact_number(difference),
                ),
                left,
            )
        if absorbed:
            for record in (*agreeing, *coverers):
                record.sources |= rollup.sources


def vaguer_keys(index: Index, wanted: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield the index's keys that agree with ``wanted`` or are null, and are null somewhere."""
    if 1 << len(wanted) <= len(index):
        choices = product(*((value, None) for value in wanted))
        yield from (values for values in choices if values != wanted and values in index)
        return
    for values in list(index):
        if values != wanted and all(
            value is None or value == want for value, want in zip(values, wanted, strict=True)
        ):
            yield values


def dimension_values_of(record: Record, names: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the record's values of these dimensions."""
    return tuple(map(record.dimensions.get, names))


def cover_counter(
    name: str, left: Number, vague: Iterable[Record], coverers: list[Record]
) -> Number:
    """Let records that are null where the rollup is not cover what is left, each figure once."""
    for record in vague:
        given = min(left, record.spare.get(name, 0))
        if given > 0:
            record.spare[name] -= given
            left -= given
            coverers.append(record)
        if not left:
            break
    return left


def status_of(left: Number, *, stale: bool) -> str:
    """Name what the comparison of one counter came to."""
    if not left:
        return "absorbed"
    if isinstance(left, Decimal) and abs(left) < ROUNDING:
        return "rounding"
    if left < 0:
        return "short"
    return "stale" if stale else "excess"
