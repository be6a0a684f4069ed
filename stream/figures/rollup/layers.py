"""Layers: what chains say of one window at one grain, merged by identity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec import Struct

from stream.figures.rollup.grains import (
    Grain,
    Limits,
    View,
    grain_order_of,
    grain_shown,
    limits_order_of,
    query_of,
    share_limits,
)
from stream.figures.rollup.table import Cluster, LabelDifference, Record, present_values
from stream.providers.endpoint import Endpoint
from stream.records.chains import Chain
from stream.records.money import Number
from stream.records.windows import (
    Column,
    Identity,
    Slot,
    Snapshot,
    Window,
    canonical_order,
    larger_value,
    pair_rows,
)

__all__ = ["Layer", "layers_of"]


class Layer(Struct, frozen=True):
    """The rows of one window at one grain; ``limits`` are what its chains let through.

    ``is_filtered``: none of its chains shows everything. ``rollup``: they are of ``daily_costs``.
    """

    window: Window
    rollup: bool
    grain: Grain
    limits: Limits
    is_filtered: bool
    records: list[Record]

    @property
    def order(self) -> tuple[Any, ...]:
        """The order of layers, the finest first: by grain, then by width; equal for many windows.

        Rollups come behind records, and what is filtered behind what is not.
        """
        width = self.window.end - self.window.start
        return grain_order_of(self.grain), width, self.rollup, limits_order_of(self.limits)


class Statement(NamedTuple):
    """What one chain says of a window at one grain."""

    label: str
    revision: int
    query: View
    rows: list[tuple[Identity, Column]]


def layers_of(endpoint: Endpoint, cluster: Cluster) -> tuple[list[Layer], list[LabelDifference]]:
    """Merge chains that say the same by identity, with each counter's maximum.

    Returns layers with rows, and where labels differ that have no revision.
    """
    layers: list[Layer] = []
    differences: list[LabelDifference] = []
    for slot, told in cluster.items():
        alike: defaultdict[tuple[Any, ...], list[Statement]] = defaultdict(list)
        for chain, snapshot in told:
            for grain, statement in statements_of(endpoint, slot, chain, snapshot):
                alike[grain, statement.query.open_filters].append(statement)
        for (grain, _), statements in alike.items():
            layers.append(layer_of(endpoint, slot, grain, statements))
            differences += differences_between(endpoint, slot.window, statements)
    return layers, differences


def statements_of(
    endpoint: Endpoint, slot: Slot, chain: Chain, snapshot: Snapshot
) -> Iterator[tuple[Grain, Statement]]:
    """Yield what a chain says of a window: at one grain, or at that of each of its line items."""
    if not snapshot.rows:
        return
    query = query_of(chain)
    statement = Statement(chain.label, snapshot.revision, query, [])
    if not slot.rollup:
        statement.rows.extend(pair_rows(snapshot))
        yield query.grain | grain_shown(endpoint.dimensions, snapshot.dimensions), statement
        return
    grains: dict[Grain, Statement] = {}
    for row in pair_rows(snapshot):
        grain = frozenset(present_values(endpoint.dimensions, row[0]))
        grains.setdefault(grain, statement._replace(rows=[])).rows.append(row)
    yield from grains.items()


def layer_of(endpoint: Endpoint, slot: Slot, grain: Grain, statements: list[Statement]) -> Layer:
    """Merge what chains say at one grain."""
    limits = share_limits(statement.query for statement in statements)
    records: dict[Identity, Record] = {}
    for label, revision, _, rows in statements:
        source = f"daily_costs:{label}" if slot.rollup else f"bucket:data:{label}"
        for identity, row in rows:
            record = records.get(identity)
            counters = present_values(endpoint.counters, row)
            if record is None:
                named = present_values(endpoint.dimensions, identity)
                record = Record(slot.window, identity, named, counters, grain, limits)
                records[identity] = record
            else:
                for name, value in counters.items():
                    record.counters[name] = larger_value(record.counters.get(name), value)
            record.sources.add(source)
            record.revision = max(record.revision, revision)
    filtered = all(statement.query.limits for statement in statements)
    return Layer(slot.window, slot.rollup, grain, limits, filtered, list(records.values()))


def differences_between(
    endpoint: Endpoint, window: Window, statements: list[Statement]
) -> list[LabelDifference]:
    """Name the figures of one identity that labels without a revision do not agree on."""
    undated = [statement for statement in statements if not statement.revision]
    if len({statement.label for statement in undated}) < 2:  # noqa: PLR2004 -- it takes two to differ
        return []
    figures: defaultdict[tuple[Identity, str], dict[str, Number]] = defaultdict(dict)
    for label, _, _, rows in undated:
        for identity, row in rows:
            for name, value in present_values(endpoint.counters, row).items():
                known = figures[identity, name]
                known[label] = larger_value(known.get(label), value)
    return [
        LabelDifference(
            window, present_values(endpoint.dimensions, identity), name, dict(sorted(some.items()))
        )
        for (identity, name), some in sorted(
            figures.items(), key=lambda one: (canonical_order(one[0][0]), one[0][1])
        )
        if len(set(some.values())) > 1
    ]
