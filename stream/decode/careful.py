"""The careful path: older shapes, unknown fields, and the exact place of whatever is wrong.

It reads a page as plain JSON values and decides field by field. A row's ``metadata`` counts as the
row's own fields, where the row itself is silent. What the registry does not know is kept: numbers
as counters, texts and flags as dimensions; nested values and times are only listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from stream.decode.page import Page, Rejected
from stream.decode.parse import object_head, parsed
from stream.decode.values import (
    amount_of,
    bad,
    count_of,
    flag_of,
    member,
    text_of,
    time_of,
    unknown_number,
)
from stream.endpoints import DESCRIBING, ENDPOINTS, Endpoint
from stream.errors import BadInput
from stream.privacy import digest, is_private_name, masked_json, shielded
from stream.records import DAY, MAX_TIME, Bucket, Counters, Window, day_of

__all__ = ["careful_page"]

WIDTHS: Final = {
    "minute": 60,
    "1m": 60,
    "hour": 3600,
    "1h": 3600,
    "day": DAY,
    "1d": DAY,
}
BUCKET_FIELDS: Final = frozenset(
    {
        "object",
        "start_time",
        "start_time_iso",
        "end_time",
        "end_time_iso",
        "window",
        "results",
        "result",
    },
)
RESULTS: Final = {endpoint.result: key for key, endpoint in ENDPOINTS.items()}


class Row(NamedTuple):
    """A normalised row: known dimensions, unknown ones, and the counters that are present."""

    dimensions: dict[str, Any]
    others: dict[str, Any]
    counters: Counters


def careful_page(endpoint: Endpoint, payload: bytes, *, tolerant: bool) -> Page:
    """Decode a page of any known shape; see :meth:`stream.decode.pages.Decoder.decode`."""
    root = parsed(payload)
    elements, has_more = object_head(root, "a page of buckets")
    cursor = root.get("next_page")
    if cursor is not None and not isinstance(cursor, str):
        raise bad("type", "$.next_page", cursor, "a text or null")
    days = root.get("daily_costs") or []
    if not isinstance(days, list):
        raise bad("type", "$.daily_costs", days, "an array")
    reader = Reader(endpoint, tolerant=tolerant)
    for index, element in enumerate(elements):
        reader.cut(reader.bucket, element, f"$.data[{index}]")
    for index, element in enumerate(days):
        reader.cut(reader.day, element, f"$.daily_costs[{index}]")
    return Page(
        reader.buckets,
        sum(bucket.rows for bucket in reader.buckets) + sum(cut.rows for cut in reader.rejected),
        has_more,
        (cursor or "").strip() or None,
        len(elements),
        frozenset(reader.unknown),
        tuple(reader.rejected),
    )


class Reader:
    """Reads one page's buckets; tolerant, it sets bad records aside instead of raising."""

    def __init__(self, endpoint: Endpoint, *, tolerant: bool) -> None:
        """Start with nothing read."""
        self.endpoint = endpoint
        self.tolerant = tolerant
        self.buckets: list[Bucket] = []
        self.rejected: list[Rejected] = []
        self.unknown: set[str] = set()

    def cut(self, read: Callable[[Any, str], None], element: Any, path: str) -> None:
        """Read an element; tolerant, cut it out when it is bad."""
        try:
            read(element, path)
        except BadInput as error:
            if not self.tolerant:
                raise
            self.rejected.append(Rejected(error, rows_in(element), content_of(element)))

    def bucket(self, element: Any, path: str) -> None:
        """Read an element of ``data``."""
        if not isinstance(element, dict):
            raise bad("type", path, element, "a bucket")
        shape = element.get("object")
        if shape is not None and not (isinstance(shape, str) and shape.endswith("bucket")):
            raise bad("type", f"{path}.object", shape, '"bucket"')
        window = window_of(element, path)
        self.unknown.update(f"bucket.{shielded(name)}" for name in element.keys() - BUCKET_FIELDS)
        name = "result" if "result" in element and "results" not in element else "results"
        self._rows(window, element.get(name), f"{path}.{name}", rollup=False)

    def day(self, element: Any, path: str) -> None:
        """Read an element of ``daily_costs``: a UTC day's usage by model, of any key and project."""
        if not isinstance(element, dict):
            raise bad("type", path, element, "a day of line items")
        window = day_of(time_of(element.get("timestamp"), f"{path}.timestamp"))
        if window.end > MAX_TIME:
            raise bad(
                "window", f"{path}.timestamp", element["timestamp"], "a day that a date can show"
            )
        self._rows(window, element.get("line_items"), f"{path}.line_items", rollup=True)

    def _rows(self, window: Window, elements: Any, path: str, *, rollup: bool) -> None:
        """Normalise the rows of one window and add them as a bucket of columns."""
        if not isinstance(elements, list):
            raise bad("type", path, elements, "an array of rows")
        rows: list[Row] = []
        for index, element in enumerate(elements):
            try:
                rows.append(self._row(element, f"{path}[{index}]", rollup=rollup))
            except BadInput as error:
                if not self.tolerant:
                    raise
                self.rejected.append(Rejected(error, 1, content_of(element)))
        self.buckets.append(columns_of(self.endpoint, window, rows, rollup=rollup))

    def _row(self, element: Any, path: str, *, rollup: bool) -> Row:
        """Normalise one row: every field is a dimension, a counter, or listed."""
        if not isinstance(element, dict):
            raise bad("type", path, element, "a row")
        row = Row({}, {}, {})
        for name, (value, where, shown) in fields_of(element, path).items():
            if name == "amount" and (rollup or "amount_value" in self.endpoint.money):
                self._amount(row, value, where, "cost" if rollup else "amount_value")
            elif not self._known(row, name, value, where):
                self.unknown.update(shown)
                if value is not None:
                    unknown_field(row, name, value, where)
        return row

    def _amount(self, row: Row, value: Any, path: str, counter: str) -> None:
        """Take an amount: its value is a counter (``amount`` wins), its currency a dimension of costs.

        A rollup's currency is left out: no record of usage has one to agree with.
        """
        number, currency = amount_of(value, path)
        if number is not None and (path.endswith(".amount") or counter not in row.counters):
            row.counters[counter] = number
        if currency is not None and "currency" in self.endpoint.dimensions:
            row.dimensions["currency"] = currency

    def _known(self, row: Row, name: str, value: Any, path: str) -> bool:
        """Take a field that the registry knows; tell whether it does."""
        if name in self.endpoint.counts:
            if value is not None:
                row.counters[name] = count_of(value, path)
        elif name in self.endpoint.money:
            self._amount(row, value, path, name)
        elif name in self.endpoint.dimensions:
            if (dimension := dimension_of(name, value, path)) is not None:
                row.dimensions[name] = dimension
        elif (
            name == "object"
            and isinstance(value, str)
            and RESULTS.get(value, self.endpoint.key) != self.endpoint.key
        ):
            raise bad("type", path, value, f'"{self.endpoint.result}"')
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
            fields[name] = value, member(inner, name), (f"metadata.{shielded(name)}",)
    for name, value in element.items():
        if name == "metadata" and (value is None or isinstance(value, dict)):
            continue
        silent = value is None or (isinstance(value, str) and not value.strip())
        below, where, shown = fields.get(name, (None, "", ()))
        if silent and below is not None:
            fields[name] = below, where, (*shown, shielded(name))
        else:
            fields[name] = value, member(path, name), (*shown, shielded(name))
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
        raise bad("type", path, value, "a text or null")
    return text_of(value)


def unknown_field(row: Row, name: str, value: Any, path: str) -> None:
    """Keep what the registry does not know, so that rows that differ stay apart."""
    if isinstance(value, (dict, list)) or name.endswith("_at"):
        return
    kept = shielded(name)
    if is_private_name(name):
        row.others[kept] = digest(str(value))
    elif isinstance(value, (bool, str)):
        row.others[kept] = flag_of(value)
    else:
        row.counters[kept] = unknown_number(value, path)


def window_of(element: dict[str, Any], path: str) -> Window:
    """Return a bucket's window from numbers, ISO texts, or a start and a width.

    Raises:
        BadInput: it ends before it starts, its end cannot be known, or its two starts disagree.
    """
    start = moment(element, "start_time", path)
    end = moment(element, "end_time", path)
    if start is None:
        raise bad("window", f"{path}.start_time", None, "the bucket's start")
    if end is None:
        width = element.get("window")
        if not isinstance(width, str) or width not in WIDTHS:
            raise bad(
                "window",
                f"{path}.end_time",
                None,
                "the bucket's end (or a window of a known width)",
            )
        end = start + WIDTHS[width]
    if not start < end <= MAX_TIME:
        raise bad("window", f"{path}.end_time", end, f"an end after the start, {start}")
    return Window(start, end)


def moment(element: dict[str, Any], name: str, path: str) -> int | None:
    """Return a time that stands as a number, as an ISO text, or as both when they agree."""
    found = [
        time_of(element[key], f"{path}.{key}")
        for key in (name, f"{name}_iso")
        if element.get(key) is not None
    ]
    if len(set(found)) > 1:
        raise bad(
            "window",
            f"{path}.{name}_iso",
            element[f"{name}_iso"],
            f"the same time as {name}, {found[0]}",
        )
    return found[0] if found else None


def columns_of(endpoint: Endpoint, window: Window, rows: Iterable[Row], *, rollup: bool) -> Bucket:
    """Arrange normalised rows as columns."""
    rows = list(rows)
    known = frozenset(endpoint.counters)
    dimensions = tuple(
        tuple(row.dimensions.get(name) for row in rows) for name in endpoint.dimensions
    )
    counters = tuple(tuple(row.counters.get(name) for row in rows) for name in endpoint.counters)
    other_dimensions = tuple(pairs(row.others) for row in rows)
    other_counters = tuple(
        pairs({n: v for n, v in row.counters.items() if n not in known}) for row in rows
    )
    return Bucket(
        window, len(rows), (*dimensions, other_dimensions), (*counters, other_counters), rollup
    )


def pairs(values: dict[str, Any]) -> tuple[tuple[str, Any], ...] | None:
    """Return the present values as sorted pairs, ``None`` when there are none."""
    return (
        tuple(sorted((name, value) for name, value in values.items() if value is not None)) or None
    )


def rows_in(element: Any) -> int:
    """Count the rows of a bucket or a day that cannot be placed."""
    if not isinstance(element, dict):
        return 0
    rows = [element.get(name) for name in ("results", "result", "line_items")]
    return sum(len(found) for found in rows if isinstance(found, list))


def content_of(element: Any) -> Any:
    """Return a masked copy of what is set aside; nesting too deep to copy is named instead."""
    try:
        return masked_json(element)
    except RecursionError:
        return "nested too deeply to be copied"
