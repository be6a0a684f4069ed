"""A twin in a time of its own, and its pages walked to the end."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from stream.providers.openai import ENDPOINTS
from stream.recordings.twin import DEFAULT_KEY, Twin, TwinAnswer
from tests.support.generated import parsed

NOW = 1_782_000_000  # 2026-06-21T00:00:00Z
DAY = 86_400
KEY = {"authorization": f"Bearer {DEFAULT_KEY}"}

Row = dict[str, Any]
Asked = list[tuple[str, Any]]


class Moment:
    """A clock that stands where it is put."""

    def __init__(self, now: float = NOW) -> None:
        """Start at a moment."""
        self.now = now

    def __call__(self) -> float:
        """Return Unix seconds."""
        return self.now


def twin_at(now: float = NOW, seed: int = 1, **options: Any) -> Twin:
    """Make a twin whose time stands still."""
    return Twin(seed, Moment(now), **options)


def ask(twin: Twin, path: str, query: Asked | dict[str, Any] | None = None) -> TwinAnswer:
    """Ask for what is at a path below ``/v1/organization/``."""
    text = urlencode(query or [])
    return twin.answer("GET", f"/v1/organization/{path}" + (f"?{text}" if text else ""), KEY)


def page_of(twin: Twin, path: str, query: Asked | dict[str, Any] | None = None) -> Row:
    """Return a page, which there must be."""
    answer = ask(twin, path, query)
    assert answer.status == 200, answer.body
    page: Row = parsed(answer.body)
    return page


def walk(twin: Twin, path: str, query: Asked) -> Iterator[Row]:
    """Yield each bucket, or element, from the first page to the last."""
    cursor: Asked = []
    while True:
        page = page_of(twin, path, query + cursor)
        yield from page["data"]
        if not page["has_more"]:
            return
        after = ("after", page["last_id"]) if "last_id" in page else ("page", page["next_page"])
        assert cursor != [after]
        cursor = [after]


def counters_in(endpoint: str, row: Row) -> dict[str, Any]:
    """Return the counters of a row by the registry's names, exact; those that are null left out."""
    flat = {**row, "amount_value": exact(row.get("amount", {}).get("value"))}
    names = ENDPOINTS[endpoint].counters
    return {name: flat[name] for name in names if flat.get(name) is not None}


def exact(value: Any) -> Any:
    """Return an amount as a decimal, whether it came as a number or as a text."""
    return None if value is None else Decimal(value)


def dimensions_in(endpoint: str, row: Row) -> dict[str, Any]:
    """Return the dimensions of a row by name."""
    flat = {**row, "currency": row.get("amount", {}).get("currency")}
    return {name: flat[name] for name in ENDPOINTS[endpoint].grouped_by}


def sum_rows(endpoint: str, rows: list[Row]) -> dict[str, Any]:
    """Add up the counters of rows; a counter that is null everywhere is absent."""
    sums: dict[str, Any] = {}
    for row in rows:
        for name, value in counters_in(endpoint, row).items():
            sums[name] = sums.get(name, 0) + value
    return sums
