"""Windows that overlap, rollups among them, resolved into the records that count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import localcontext
from itertools import groupby
from operator import attrgetter

from stream.figures.rollup.compare import Comparison
from stream.figures.rollup.layers import Layer, layers_of
from stream.figures.rollup.overlaps import leave_out_overlapping, wider_windows_of
from stream.figures.rollup.resolve import Resolution
from stream.figures.rollup.table import Cluster, table_of
from stream.providers.endpoint import Endpoint
from stream.records.money import MONEY
from stream.records.windows import Slot, Window

__all__ = ["resolve_cluster"]


def span_of_slots(slots: Iterable[Slot]) -> Window:
    """Return from when to when some windows go."""
    starts, ends = zip(*(slot.window for slot in slots), strict=True)
    return Window(min(starts), max(ends))


def resolve_cluster(endpoint: Endpoint, cluster: Cluster) -> Resolution:
    """Resolve windows that overlap: the finest layer counts whole, of others what it lacks."""
    with localcontext(MONEY):
        layers, differences = layers_of(endpoint, cluster)
        layers, overlaps = leave_out_overlapping(layers)
        layers.sort(key=lambda one: (one.order, one.window))
        comparison = Comparison(endpoint)
        for _, alike in groupby(layers, attrgetter("order")):
            hosted: defaultdict[Window, list[Layer]] = defaultdict(list)
            for layer in alike:
                hosted[comparison.finer.host_of(layer.window)].append(layer)
            for host in sorted(hosted):
                comparison.take(host, hosted[host])
        findings = sorted(comparison.findings, key=attrgetter("window"))
        wider = wider_windows_of(slot.window for slot in cluster if not slot.rollup)
        differences.sort(key=attrgetter("window"))
        return Resolution(
            table_of(endpoint, list(comparison.finer.records())),
            span_of_slots(cluster),
            tuple(findings),
            tuple(wider),
            tuple(overlaps),
            tuple(differences),
        )
