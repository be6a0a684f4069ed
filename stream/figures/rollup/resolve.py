"""Resolve an endpoint's snapshots into the records that count, a cluster of windows at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import localcontext
from typing import NamedTuple, TypeAlias

from stream.figures.rollup.daily import residuals_of
from stream.figures.rollup.table import (
    Finding,
    Record,
    Table,
    merged_records,
    record_order_of,
    table_alone,
    table_of,
)
from stream.figures.rollup.windows import excess_of_wider
from stream.providers.endpoint import Endpoint
from stream.records.money import MONEY
from stream.records.windows import Slot, Snapshot, Window, day_of

__all__ = ["LabelledWindow", "Resolution", "resolve_windows"]

LabelledWindow: TypeAlias = tuple[Slot, str, Snapshot]
"""A window of some label, and what it holds."""
Cluster: TypeAlias = dict[Slot, list[tuple[str, Snapshot]]]


class Resolution(NamedTuple):
    """A cluster's records, and what was found on the way to them."""

    table: Table
    findings: tuple[Finding, ...] = ()
    wider_windows: tuple[tuple[Window, int], ...] = ()


def resolve_windows(
    endpoint: Endpoint, windows: Iterable[LabelledWindow], *, ordered: bool
) -> Iterator[Resolution]:
    """Yield the endpoint's records, clusters in the order of time, in which its windows come.

    ``ordered``: records in canonical order too, as the report's details want them; totals do not.
    """
    for cluster in clusters_of(windows):
        (slot, snapshots), *more = cluster.items()
        if more or slot.rollup or len(snapshots) > 1:
            yield resolve_cluster(endpoint, cluster)
        else:
            label, snapshot = snapshots[0]
            yield Resolution(table_alone(slot.window, label, snapshot, ordered=ordered))


def clusters_of(windows: Iterable[LabelledWindow]) -> Iterator[Cluster]:
    """Group windows that overlap, and rollups with the windows of their day."""
    cluster: Cluster = {}
    end = 0
    for slot, label, snapshot in windows:
        if cluster and slot.window.start >= end:
            yield cluster
            cluster = {}
        cluster.setdefault(slot, []).append((label, snapshot))
        end = max(end, slot.window.end)
    if cluster:
        yield cluster


def resolve_cluster(endpoint: Endpoint, cluster: Cluster) -> Resolution:
    """Resolve windows that overlap: labels, then wider windows, then the rollups of each day."""
    with localcontext(MONEY):
        by_window: dict[Window, list[Record]] = {}
        by_day: dict[Window, list[Record]] = {}
        for slot, snapshots in cluster.items():
            (by_day if slot.rollup else by_window)[slot.window] = merged_records(
                endpoint, slot, snapshots
            )
        left, wider = excess_of_wider(by_window)
        records = [record for kept in left.values() for record in kept]
        details: defaultdict[Window, list[Record]] = defaultdict(list)
        for record in records:
            day = day_of(record.window.start)
            if record.window.end <= day.end:
                details[day].append(record)
        findings: list[Finding] = []
        for day in sorted(by_day):
            residuals, found = residuals_of(endpoint, by_day[day], details[day])
            records += residuals
            findings += found
        records.sort(key=record_order_of)
        return Resolution(
            table_of(endpoint, records), tuple(findings), tuple(sorted(wider.items()))
        )
