"""One row of any shape, field by field: known, unknown, or in its ``metadata``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from stream.decode.values import (
    amount_of,
    bad_value,
    code_of,
    count_of,
    flag_of,
    member_path,
    text_of,
    unknown_number,
)
from stream.providers.endpoint import CODES, DESCRIBING, Endpoint
from stream.providers.openai import ENDPOINTS
from stream.records.privacy import digest_text, is_private_name, shield_value
from stream.records.windows import Bucket, Counters, Window

__all__ = ["Row", "columns_of", "row_of"]

RESULTS: Final = {endpoint.result: key for key, endpoint in ENDPOINTS.items()}


class Row(Struct, frozen=True):
    """A normalised row: known dimensions, unknown ones, and the counters that are present."""

    dimensions: dict[str, Any]
    unknown_dimensions: dict[str, Any]
    counters: Counters


def row_of(endpoint: Endpoint, element: Any, path: str, unknown: set[str], *, rollup: bool) -> Row:
    """Normalise one row: every field is a dimension, a counter, or listed in ``unknown``.

    Raises:
        BadInput: a field is not of its type, or the row is another endpoint's.
    """
    if not isinstance(element, dict):
        raise bad_value("type", path, element, "a row")
    row = Row({}, {}, {})
    for name, (value, where, shown) in fields_of(element, path).items():
        if name == "amount" and (rollup or "amount_value" in endpoint.money):
            take_amount(endpoint, row, value, where, "cost" if rollup else "amount_value")
        elif not take_known(endpoint, row, name, value, where):
            unknown.update(shown)
            if value is not None:
                unknown_field(row, name, value, where)
    return row


def take_amount(endpoint: Endpoint, row: Row, value: Any, path: str, counter: str) -> None:
    """Take an amount: its value is a counter (``amount`` wins), its currency a dimension.

    Where the endpoint has no currency (a rollup's amount) it is left out: no record of usage
    has one to agree with.
    """
    number, currency = amount_of(value, path)
    if number is not None and (path.endswith(".amount") or counter not in row.counters):
        row.counters[counter] = number
    if currency is not None and "currency" in endpoint.dimensions:
        row.dimensions["currency"] = currency


def take_known(endpoint: Endpoint, row: Row, name: str, value: Any, path: str) -> bool:
    """Take a field that the registry knows; tell whether it does."""
    if name in endpoint.counts:
        if value is not None:
            row.counters[name] = count_of(value, path)
    elif name in endpoint.money:
        take_amount(endpoint, row, value, path, name)
    elif name in endpoint.dimensions:
        if (dimension := dimension_of(name, value, path)) is not None:
            row.dimensions[name] = dimension
    elif (
        name == "object"
        and isinstance(value, str)
        and RESULTS.get(value, endpoint.key) != endpoint.key
    ):
        raise bad_value("type", path, value, f'"{endpoint.result}"')
    else:
        return name in DESCRIBING
    return True


def fields_of(element: dict[str, Any], path: str) -> dict[str, tuple[Any, str, tuple[str, ...]]]:
    """Join a row with its ``metadata``: name → (value, JSON path, shown names); the row wins."""
    metadata = element.get("metadata")
    fields: dict[str, tuple[Any, str, tuple[str, ...]]] = {}
    if isinstance(metadata, dict):
        inner = f"{path}.metadata"
        for name, value in metadata.items():
            fields[name] = value, member_path(inner, name), (f"metadata.{shield_value(name)}",)
    for name, value in element.items():
        if name == "metadata" and (value is None or isinstance(value, dict)):
            continue
        silent = value is None or (isinstance(value, str) and not value.strip())
        below, where, shown = fields.get(name, (None, "", ()))
        if silent and below is not None:
            fields[name] = below, where, (*shown, shield_value(name))
        else:
            fields[name] = value, member_path(path, name), (*shown, shield_value(name))
    return fields


def dimension_of(name: str, value: Any, path: str) -> Any:
    """Return a known dimension's canonical value.

    Raises:
        BadInput: it is neither text (for ``batch`` also a boolean) nor null.
    """
    if value is None:
        return None
    if name == "batch" and isinstance(value, (bool, str)):
        return flag_of(value)
    if not isinstance(value, str):
        wanted = "true, false, a text or null" if name == "batch" else "a text or null"
        raise bad_value("type", path, value, wanted)
    return code_of(value) if name in CODES else text_of(value)


def unknown_field(row: Row, name: str, value: Any, path: str) -> None:
    """Keep what the registry does not know, so that rows that differ stay apart."""
    if isinstance(value, (dict, list)) or name.endswith("_at"):
        return
    kept = shield_value(name)
    if isinstance(value, str) and not value.strip():
        return
    if is_private_name(name):
        row.unknown_dimensions[kept] = digest_text(str(value).strip())
    elif isinstance(value, (bool, str)):
        row.unknown_dimensions[kept] = flag_of(value)
    else:
        row.counters[kept] = unknown_number(value, path)


def columns_of(endpoint: Endpoint, window: Window, rows: Sequence[Row], *, rollup: bool) -> Bucket:
    """Arrange normalised rows as columns."""
    known = frozenset(endpoint.counters)
    dimensions = tuple(
        tuple(row.dimensions.get(name) for row in rows) for name in endpoint.dimensions
    )
    counters = tuple(tuple(row.counters.get(name) for row in rows) for name in endpoint.counters)
    other_dimensions = tuple(pairs_of(row.unknown_dimensions) for row in rows)
    other_counters = tuple(
        pairs_of({n: v for n, v in row.counters.items() if n not in known}) for row in rows
    )
    return Bucket(
        window, len(rows), (*dimensions, other_dimensions), (*counters, other_counters), rollup
    )


def pairs_of(values: dict[str, Any]) -> tuple[tuple[str, Any], ...] | None:
    """Return the present values as sorted pairs, ``None`` when there are none."""
    return (
        tuple(sorted((name, value) for name, value in values.items() if value is not None)) or None
    )
