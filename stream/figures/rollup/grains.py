"""Grains: which dimensions the rows of a chain can tell apart, and what its filters let through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import msgspec

from stream.decode.values import flag_of
from stream.providers.endpoint import FILTERS
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain
from stream.records.windows import Bucket, Columns, Snapshot, Window
from stream.state.dedupe import merge_bucket

__all__ = [
    "Grain",
    "Limits",
    "View",
    "fill_dimensions",
    "grain_order_of",
    "grain_shown",
    "limits_order_of",
    "query_of",
    "share_limits",
]

Grain: TypeAlias = frozenset[str]
"""Dimensions that rows can tell apart."""
Limits: TypeAlias = Mapping[str, frozenset[Any]]
"""The values that filters let through, by dimension."""

GROUPS: Final = "group_by"


class View(msgspec.Struct, frozen=True):
    """What a chain was asked for; without a view nothing is known, and nothing is in it.

    ``fixed_values`` are those of filters with a single one: each row of the chain has it.
    """

    groups: Grain = frozenset()
    fixed_values: tuple[tuple[str, Any], ...] = ()
    limits: Limits = MappingProxyType({})

    @property
    def grain(self) -> Grain:
        """The dimensions that every row is known to have, if null."""
        return self.groups.union(name for name, _ in self.fixed_values)

    @property
    def open_filters(self) -> frozenset[tuple[str, frozenset[Any]]]:
        """The filters that do not fill their dimension."""
        return frozenset((name, some) for name, some in self.limits.items() if len(some) > 1)


UNKNOWN: Final = View()


def query_of(chain: Chain) -> View:
    """Return what a chain was asked for."""
    return read_view(chain.endpoint, chain.view) if chain.view else UNKNOWN


@lru_cache(maxsize=256)
def read_view(key: str, view: str) -> View:
    """Read a view: the groups and filters that the endpoint has dimensions for."""
    known = ENDPOINTS[key].dimensions
    asked: dict[str, list[str]] = msgspec.json.decode(view)
    limits = {
        name: frozenset(map(flag_of, values) if name == "batch" else values)
        for filtering, name in FILTERS.items()
        if (values := asked.get(filtering)) and name in known
    }
    fixed = [(name, next(iter(some))) for name, some in limits.items() if len(some) == 1]
    return View(frozenset(asked.get(GROUPS, ())) & frozenset(known), tuple(fixed), limits)


def fill_dimensions(chain: Chain, window: Window, snapshot: Snapshot) -> Snapshot:
    """Return a snapshot whose rows have what the chain's filters say of all of them."""
    query = query_of(chain)
    if not query.fixed_values or not snapshot.rows:
        return snapshot
    names = ENDPOINTS[chain.endpoint].dimensions
    columns = list(snapshot.dimensions)
    mixed = False
    for name, value in query.fixed_values:
        place = names.index(name)
        column = columns[place]
        mixed |= 0 < column.count(None) < snapshot.rows
        columns[place] = tuple(value if one is None else one for one in column)
    filled = snapshot._replace(dimensions=tuple(columns))
    if not mixed:
        return filled
    bucket = Bucket(window, snapshot.rows, filled.dimensions, snapshot.counters)
    united, _ = merge_bucket(None, bucket, snapshot.revision)
    return united._replace(collisions=snapshot.collisions)


def grain_shown(names: Iterable[str], dimensions: Columns) -> Grain:
    """Return the dimensions that any row has."""
    rows = len(dimensions[-1])
    shown = {
        name for name, column in zip(names, dimensions, strict=False) if column.count(None) < rows
    }
    for pairs in dimensions[-1] if dimensions[-1].count(None) < rows else ():
        shown.update(name for name, _ in pairs or ())
    return frozenset(shown)


def grain_order_of(grain: Grain) -> tuple[Any, ...]:
    """Give the order of grains, the finest first: most dimensions, then project, then tier."""
    return -len(grain), "project_id" not in grain, "service_tier" not in grain, sorted(grain)


def limits_order_of(limits: Limits) -> list[tuple[str, list[str]]]:
    """Give an order of limits: none first."""
    return sorted((name, sorted(map(str, some))) for name, some in limits.items())


def share_limits(queries: Iterable[View]) -> Limits:
    """Return what several chains let through together, in the dimensions that all of them limit."""
    first, *others = [query.limits for query in queries]
    return {
        name: some.union(*(other[name] for other in others))
        for name, some in first.items()
        if all(name in other for other in others)
    }
