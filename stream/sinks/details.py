"""How the report writes a record, and the values in it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Raw

from stream.endpoints import Endpoint
from stream.figures import Labels
from stream.records import Counters, Number, timestamp
from stream.rollup import Table, resolve

__all__ = ["ENCODER", "camel", "details_of", "number", "place", "shown"]

STANDARD: Final = ("project_id", "service_tier", "model", "api_key_id", "user_id", "batch")

ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def place(key: str, window: tuple[int, int]) -> dict[str, Any]:
    """Name an endpoint's window."""
    return {
        "endpoint": key,
        "bucketTimestamp": timestamp(window[0]),
        "windowEnd": timestamp(window[1]),
    }


def camel(name: str) -> str:
    """Write a dimension's name as the report's own members are written."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def number(value: Number | None) -> Any:
    """Write money without an exponent; counts and absent values stay as they are."""
    return Raw(format(value, "f").encode()) if isinstance(value, Decimal) else value


def shown(endpoint: Endpoint, counters: Counters) -> dict[str, Any]:
    """Show every counter of the endpoint, ``null`` where absent; unknown ones after them."""
    known = {name: number(counters.get(name)) for name in endpoint.counters}
    return known | {
        name: number(value) for name, value in sorted(counters.items()) if name not in known
    }


def details_of(endpoint: Endpoint, labels: Labels) -> Iterator[bytes]:
    """Yield an endpoint's records as JSON objects, in canonical order."""
    for found in resolve(endpoint, labels, ordered=True):
        for record in rows_of(endpoint, found.table):
            yield ENCODER.encode(record)


def rows_of(endpoint: Endpoint, table: Table) -> Iterator[dict[str, Any]]:
    """Yield the report's view of each record of a table."""
    added = [name for name in endpoint.dimensions if name not in STANDARD]
    rows = zip(zip(*table.dimensions, strict=True), zip(*table.counters, strict=True), strict=True)
    for window, sources, (values, figures) in zip(table.windows, table.sources, rows, strict=True):
        dimensions = dict(zip(endpoint.dimensions, values, strict=False))
        others = dict(values[-1] or ())
        counters = {n: v for n, v in zip(endpoint.counters, figures, strict=False) if v is not None}
        counters |= dict(figures[-1] or ())
        standard = {name: dimensions.get(name, others.pop(name, None)) for name in STANDARD}
        yield {
            **place(endpoint.key, window),
            "model": standard["model"],
            "projectId": standard["project_id"],
            "openaiApiKeyId": standard["api_key_id"],
            "openaiUserId": standard["user_id"],
            "serviceTier": standard["service_tier"],
            "batch": standard["batch"],
            "tokensIn": counters.get("input_tokens"),
            "tokensOut": counters.get("output_tokens"),
            "costEstimate": number(counters.get("cost")),
            "metrics": shown(endpoint, counters),
            "dimensions": {camel(name): dimensions[name] for name in added} | others,
            "sources": sources,
        }
