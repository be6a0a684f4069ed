"""The careful path: older shapes, unknown fields, and the exact place of whatever is wrong.

It reads a page as plain JSON values and decides field by field. A row's ``metadata`` counts as the
row's own fields, where the row itself is silent. What the registry does not know is kept: numbers
as counters, texts and flags as dimensions; nested values and times are only listed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from stream.decode.page import BucketPage, Rejection, masked_copy_of
from stream.decode.parse import object_head, parse_object
from stream.decode.rows import Row, columns_of, row_of
from stream.decode.values import ABSENT, bad_value, time_of
from stream.providers.endpoint import Endpoint
from stream.records.errors import BadInput
from stream.records.privacy import shield_value
from stream.records.windows import DAY, MAX_TIME, Bucket, Window, day_of

__all__ = ["careful_page"]

WIDTHS: Final = {"minute": 60, "1m": 60, "hour": 3600, "1h": 3600, "day": DAY, "1d": DAY}
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


def careful_page(endpoint: Endpoint, payload: bytes, *, tolerant: bool) -> BucketPage:
    """Decode a page of any known shape; see :meth:`stream.decode.pages.Decoder.decode`."""
    root = parse_object(payload)
    elements, has_more = object_head(root, "a page of buckets")
    cursor = root.get("next_page")
    if cursor is not None and not isinstance(cursor, str):
        raise bad_value("type", "$.next_page", cursor, "a text or null")
    days = root.get("daily_costs")
    if days is None:
        days = []
    if not isinstance(days, list):
        raise bad_value("type", "$.daily_costs", days, "an array")
    reader = BucketReader(endpoint, tolerant=tolerant)
    for index, element in enumerate(elements):
        reader.read_element(reader.read_bucket, element, f"$.data[{index}]")
    for index, element in enumerate(days):
        reader.read_element(reader.read_day, element, f"$.daily_costs[{index}]")
    return BucketPage(
        reader.buckets,
        sum(bucket.rows for bucket in reader.buckets) + sum(cut.rows for cut in reader.rejections),
        has_more,
        (cursor or "").strip() or None,
        len(elements),
        frozenset(reader.unknown),
        tuple(reader.rejections),
    )


class BucketReader:
    """Reads one page's buckets; tolerant, it sets bad records aside instead of raising."""

    def __init__(self, endpoint: Endpoint, *, tolerant: bool) -> None:
        """Start with nothing read."""
        self.endpoint = endpoint
        self.tolerant = tolerant
        self.buckets: list[Bucket] = []
        self.rejections: list[Rejection] = []
        self.unknown: set[str] = set()

    def read_element(self, read: Callable[[Any, str], None], element: Any, path: str) -> None:
        """Read an element; tolerant, cut it out when it is bad."""
        try:
            read(element, path)
        except BadInput as error:
            if not self.tolerant:
                raise
            self.rejections.append(
                Rejection(
                    error,
                    rows_in(element),
                    masked_copy_of(element),
                    start_in(element),
                    bucket=read == self.read_bucket,
                )
            )

    def read_bucket(self, element: Any, path: str) -> None:
        """Read an element of ``data``."""
        if not isinstance(element, dict):
            raise bad_value("type", path, element, "a bucket")
        shape = element.get("object")
        if shape is not None and not (isinstance(shape, str) and shape.endswith("bucket")):
            raise bad_value("type", f"{path}.object", shape, '"bucket"')
        window = window_of(element, path)
        others = element.keys() - BUCKET_FIELDS
        self.unknown.update(f"bucket.{shield_value(name)}" for name in others)
        name = "result" if element.get("results") is None and "result" in element else "results"
        rows = element.get(name)
        if rows is None:  # an idle window, unless its rows have another name
            is_nested = any(isinstance(element[name], list | dict) for name in others)
            rows = element.get(name, ABSENT) if is_nested else []
        if name == "results" and element.get("result") is not None:
            raise bad_value(
                "type", f"{path}.result", element["result"], "results alone, or result alone"
            )
        self._rows(window, rows, f"{path}.{name}", rollup=False)

    def read_day(self, element: Any, path: str) -> None:
        """Read an element of ``daily_costs``: a UTC day's usage, whoever caused it."""
        if not isinstance(element, dict):
            raise bad_value("type", path, element, "a day of line items")
        window = day_of(time_of(element.get("timestamp", ABSENT), f"{path}.timestamp"))
        if window.end > MAX_TIME:
            raise bad_value(
                "window", f"{path}.timestamp", element["timestamp"], "a day that a date can show"
            )
        self._rows(window, element.get("line_items", ABSENT), f"{path}.line_items", rollup=True)

    def _rows(self, window: Window, elements: Any, path: str, *, rollup: bool) -> None:
        """Normalise the rows of one window and add them as a bucket of columns."""
        if not isinstance(elements, list):
            raise bad_value("type", path, elements, "an array of rows")
        rows: list[Row] = []
        for index, element in enumerate(elements):
            try:
                rows.append(
                    row_of(self.endpoint, element, f"{path}[{index}]", self.unknown, rollup=rollup)
                )
            except BadInput as error:
                if not self.tolerant:
                    raise
                self.rejections.append(Rejection(error, 1, masked_copy_of(element), window.start))
        self.buckets.append(columns_of(self.endpoint, window, rows, rollup=rollup))


def window_of(element: dict[str, Any], path: str) -> Window:
    """Return a bucket's window from numbers, ISO texts, or a start and a width.

    Raises:
        BadInput: it ends before it starts, its end cannot be known, or its two starts disagree.
    """
    start = moment_of(element, "start_time", path)
    end = moment_of(element, "end_time", path)
    if start is None:
        raise bad_value(
            "window", f"{path}.start_time", element.get("start_time", ABSENT), "the bucket's start"
        )
    if end is None:
        width = element.get("window")
        if not isinstance(width, str) or width not in WIDTHS:
            raise bad_value(
                "window",
                f"{path}.end_time",
                element.get("end_time", ABSENT),
                "the bucket's end (or a window of a known width)",
            )
        end = start + WIDTHS[width]
    if not start < end <= MAX_TIME:
        raise bad_value("window", f"{path}.end_time", end, f"an end after the start, {start}")
    return Window(start, end)


def moment_of(element: dict[str, Any], name: str, path: str) -> int | None:
    """Return a time that stands as a number, as an ISO text, or as both when they agree."""
    found = [
        time_of(element[key], f"{path}.{key}")
        for key in (name, f"{name}_iso")
        if element.get(key) is not None
    ]
    if len(set(found)) > 1:
        raise bad_value(
            "window",
            f"{path}.{name}_iso",
            element[f"{name}_iso"],
            f"the same time as {name}, {found[0]}",
        )
    return found[0] if found else None


def start_in(element: Any) -> int:
    """Return the start that a bucket names, even if it is none; 0 when it names no number."""
    start = element.get("start_time") if isinstance(element, dict) else None
    return start if isinstance(start, int) else 0


def rows_in(element: Any) -> int:
    """Count the rows of a bucket or a day that cannot be placed."""
    if not isinstance(element, dict):
        return 0
    rows = [element.get(name) for name in ("results", "result", "line_items")]
    return sum(len(found) for found in rows if isinstance(found, list))
