"""A coarser layer beside finer records: what they do not cover of it becomes residual records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from stream.figures.rollup.details import Details
from stream.figures.rollup.finer import FinerRecords
from stream.figures.rollup.grains import Grain, Limits, grain_order_of
from stream.figures.rollup.layers import Layer
from stream.figures.rollup.sums import sum_rows
from stream.figures.rollup.table import Finding, Record, record_order_of
from stream.providers.endpoint import Endpoint
from stream.records.money import exact_number
from stream.records.windows import Window

__all__ = ["Comparison"]

APART: Final = frozenset({"currency"})
KEPT: Final = 16
"""How many arrangements of details are kept while a cluster is resolved."""


class Comparison:
    """Compares an endpoint's layers, the finest first, with what counts of those before them."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Start without records."""
        self.endpoint = endpoint
        self.finer = FinerRecords()
        self.findings: list[Finding] = []
        self._details: dict[tuple[Window, tuple[str, ...]], Details] = {}
        """What was found for a whole window; layers of as many line items ask for the same."""

    def take(self, host: Window, layers: list[Layer]) -> None:
        """Compare layers of one order with the finer records in a window; count what is left.

        Several layers are windows inside ``host``, of which only that window has finer records:
        they are compared with it by their sum. What no record says anything of counts whole.
        """
        rollup = layers[0].rollup
        rows = [record for layer in layers for record in layer.records]
        details = self._details_of(host, layers)
        if details is None:
            self._count_whole(rows, rollup=rollup)
            return
        is_told_whole = not any(layer.is_filtered for layer in layers) and is_covered(host, layers)
        unnamed = set[str]() if rollup else {"zero", "absorbed"}
        kept = {"excess"} if rollup else {"excess", "zero"}
        wanted = frozenset(details.names) - APART
        sums = sum_rows(self.endpoint, host, rows, details.names)
        details.begin()
        for one in sums:
            details.match(one)
        residuals: list[Record] = []
        alone: list[Record] = []
        for one in sums:
            verdicts = details.cover(one)
            if not one.matches and not one.coverers:
                alone += one.rows
                continue
            # A record that does not know a compared dimension may be of other rows than this one.
            is_told = is_told_whole and all(wanted <= record.grain for record in one.matches)
            self.findings += [
                one.finding_of(v)
                for v in verdicts
                if v.status not in unnamed and (is_told or v.status != "short")
            ]
            if any(verdict.status in {"absorbed", "rounding"} for verdict in verdicts):
                one.absorb()
            one.record.counters = {v.counter: v.rest for v in verdicts if v.status in kept}
            residuals += [one.record] if one.record.counters else []
        self._count(residuals)
        self._count_whole(alone, rollup=rollup)

    def _count_whole(self, rows: list[Record], *, rollup: bool) -> None:
        """Let rows count of which no finer record says anything; rollups do as residuals."""
        if rollup:
            for row in rows:
                row.residual = True
            rows = sorted(rows, key=record_order_of)
            self.findings += [one for row in rows for one in findings_alone(row)]
            for row in rows:
                row.counters = {name: value for name, value in row.counters.items() if value}
            rows = [row for row in rows if row.counters]
        self._count(rows)

    def _count(self, records: list[Record]) -> None:
        self.finer.add(records)
        for (host, _), details in self._details.items():
            for record in records:
                if record.window == host or host.contains(record.window):
                    details.add(record)

    def _details_of(self, host: Window, layers: list[Layer]) -> Details | None:
        """Return the finer records, by the dimensions to compare in; ``None``: there are none."""
        grain, limits = layers[0].grain, layers[0].limits
        windows = self.finer.windows_near(host, layers)
        if limits:
            some = self.finer.records_in(windows)
            finer = [record for record in some if lets_through(limits, record)]
            grains = {record.grain for record in finer}
            return Details(finer, compared_dimensions(grain, grains)) if finer else None
        if not windows:
            return None
        names = compared_dimensions(grain, self.finer.grains_in(windows))
        if layers[0].window != host:
            return Details(self.finer.records_in(windows), names)
        known = self._details.get((host, names))
        if known is None:
            if len(self._details) >= KEPT:
                self._details.clear()
            known = Details(self.finer.records_in(windows), names)
            self._details[host, names] = known
        return known


def compared_dimensions(grain: Grain, others: Iterable[Grain]) -> tuple[str, ...]:
    """Return the dimensions to compare in: the most that the grain shares with any other.

    Money of different currencies is never added up, whether the other knows them or not.
    """
    most: Grain = min({grain & other for other in others}, key=grain_order_of)
    return tuple(sorted(most | (grain & APART)))


def lets_through(limits: Limits, record: Record) -> bool:
    """Tell whether filters let a record through; what is not known passes."""
    for name, some in limits.items():
        value = record.dimensions.get(name)
        if value is None:
            if name in record.limits and some.isdisjoint(record.limits[name]):
                return False
        elif value not in some:
            return False
    return True


def is_covered(host: Window, layers: list[Layer]) -> bool:
    """Tell whether the windows of the layers cover the host."""
    end = host.start
    for start, last in sorted({layer.window for layer in layers}):
        if start > end:
            return False
        end = max(end, last)
    return end >= host.end


def findings_alone(rollup: Record) -> Iterator[Finding]:
    """Say what becomes of a rollup of which no record says anything."""
    for name, value in sorted(rollup.counters.items()):
        status, number = "excess" if value else "absorbed", exact_number(value)
        yield Finding(status, rollup.window, rollup.dimensions, name, number, None, number)
