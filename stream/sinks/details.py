"""How the report writes a record, and the values in it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Raw

from stream.endpoints import Endpoint
from stream.figures import EndpointFigures
from stream.records import Counters, Number, plain, timestamp
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
    return Raw(plain(value).encode()) if isinstance(value, Decimal) else value


def shown(endpoint: Endpoint, counters: Counters) -> dict[str, Any]:
    """Show every counter of the endpoint, ``null`` where absent; unknown ones after them."""
    known = {name: number(counters.get(name)) for name in endpoint.counters}
    return known | {
        name: number(value) for name, value in sorted(counters.items()) if name not in known
    }


def details_of(figures: EndpointFigures) -> Iterator[bytes]:
    """Yield an endpoint's records as JSON objects, in canonical order."""
    windows = figures.windows.of(figures.chains)
    for found in resolve(figures.endpoint, windows, ordered=True):
        for record in rows_of(figures.endpoint, found.table):
            yield ENCODER.encode(record)


def rows_of(endpoint: Endpoint, table: Table) -> Iterator[dict[str, Any]]:
    """Yield the report's view of each record of a table."""
    added = [name for name in endpoint.dimensions if name not in STANDARD]
    for window, sources, dimensions, counters in table.rows(endpoint):
        others = {
            name: value
            for name, value in dimensions.items()
            if name not in STANDARD and name not in added
        }
        yield {
            **place(endpoint.key, window),
            "model": dimensions.get("model"),
            "projectId": dimensions.get("project_id"),
            "openaiApiKeyId": dimensions.get("api_key_id"),
            "openaiUserId": dimensions.get("user_id"),
            "serviceTier": dimensions.get("service_tier"),
            "batch": dimensions.get("batch"),
            "tokensIn": number(counters.get("input_tokens")),
            "tokensOut": number(counters.get("output_tokens")),
            "costEstimate": number(counters.get("cost")),
            "metrics": shown(endpoint, counters),
            "dimensions": {camel(name): dimensions.get(name) for name in added} | others,
            "sources": sources,
        }
