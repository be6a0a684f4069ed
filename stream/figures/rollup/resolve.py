"""Resolve an endpoint's snapshots into the records that count, a cluster of windows at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from msgspec import Struct

from stream.figures.rollup.grains import fill_dimensions
from stream.figures.rollup.table import (
    Cluster,
    Finding,
    LabelDifference,
    Overlap,
    Table,
    table_alone,
)
from stream.providers.endpoint import Endpoint
from stream.records.chains import Chain
from stream.records.windows import Slot, Snapshot, Window

__all__ = ["ChainWindow", "Resolution", "resolve_windows"]

ChainWindow: TypeAlias = tuple[Slot, Chain, Snapshot]
"""A window of some chain, and what it holds."""


class Resolution(Struct, frozen=True):
    """A cluster's records, from when to when its windows go, and what was found on the way."""

    table: Table
    span: Window
    findings: tuple[Finding, ...] = ()
    wider_windows: tuple[tuple[Window, int], ...] = ()
    overlaps: tuple[Overlap, ...] = ()
    label_differences: tuple[LabelDifference, ...] = ()


def resolve_windows(
    endpoint: Endpoint, windows: Iterable[ChainWindow], *, ordered: bool
) -> Iterator[Resolution]:
    """Yield the endpoint's records, clusters in the order of time, in which its windows come.

    ``ordered``: records in canonical order too, as the report's details want them; totals do not.
    """
    for cluster in clusters_of(windows):
        (slot, told), *more = cluster.items()
        if more or slot.rollup or len(told) > 1:
            from stream.figures.rollup.clusters import resolve_cluster  # noqa: PLC0415 -- 2 ms; few windows overlap

            yield resolve_cluster(endpoint, cluster)
        else:
            chain, snapshot = told[0]
            table = table_alone(slot.window, chain.label, snapshot, ordered=ordered)
            yield Resolution(table, slot.window)


def clusters_of(windows: Iterable[ChainWindow]) -> Iterator[Cluster]:
    """Group windows that overlap, rollups among them; rows have what filters say of them."""
    cluster: Cluster = {}
    end = 0
    for slot, chain, snapshot in windows:
        if cluster and slot.window.start >= end:
            yield cluster
            cluster = {}
        if chain.is_folded and is_told_by_all(cluster.get(slot, ())):
            continue
        known = fill_dimensions(chain, slot.window, snapshot) if chain.view else snapshot
        cluster.setdefault(slot, []).append((chain, known))
        end = max(end, slot.window.end)
    if cluster:
        yield cluster


def is_told_by_all(told: Iterable[tuple[Chain, Snapshot]]) -> bool:
    """Tell whether days of several labels were folded together, which then come first.

    What one of those labels comes to is in that.
    """
    return any(chain.is_folded and not chain.page_label for chain, _ in told)
