"""What is asked for: the query of a usage endpoint or of costs, read or refused as the API does."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from stream.providers.endpoint import FILTERS, Endpoint
from stream.records.windows import DAY, timestamp

__all__ = ["Parameters", "TwinRefusal", "UsageQuery", "cursor_at", "group_parameters", "read_query"]

SECONDS: Final = {"1m": 60, "1h": 3600, "1d": 86_400}
SINGLE: Final = ("start_time", "end_time", "bucket_width", "limit", "page")
FLAGS: Final = {"true": True, "false": False}
STAMP: Final = 8
"""Bytes of a cursor that say where it goes on, and as many that say for which query."""

Parameters = dict[str, list[str]]
"""A query's parameters by name, without ``[]`` behind it."""


class TwinRefusal(NamedTuple):
    """An error as the API answers with it: the body's members, and the status."""

    status: int
    message: str
    param: str | None = None
    code: str | None = None
    kind: str = "invalid_request_error"

    def body(self) -> bytes:
        """Write the body."""
        error = {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }
        return msgspec.json.encode({"error": error})


class UsageQuery(NamedTuple):
    """A query that can be answered; ``page`` is where its page starts, ``None`` for the first.

    Times are Unix seconds, ``end`` is exclusive and ``None`` for now; ``filters`` are the values
    that a dimension may have.
    """

    endpoint: Endpoint
    start: int
    end: int | None
    width: int
    limit: int
    groups: frozenset[str]
    filters: tuple[tuple[str, frozenset[Any]], ...]
    page: int | None = None


def group_parameters(pairs: list[tuple[str, str]]) -> Parameters:
    """Gather the values of each parameter; ``name[]`` is ``name``, also with a number inside."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in pairs:
        found[name.partition("[")[0]].append(value)
    return dict(found)


def wrong(param: str, message: str, code: str = "invalid_request_error") -> TwinRefusal:
    """Refuse a parameter."""
    return TwinRefusal(400, message, param, code)


def read_query(
    endpoint: Endpoint, parameters: Parameters, seed: int, now: float, lookback: float
) -> UsageQuery | TwinRefusal:
    """Read a query, or say why it is refused; ``lookback`` is how many seconds back it may go."""
    reader = QueryReader(endpoint, parameters)
    start, end = reader.read_times(int(now - lookback) // DAY * DAY)
    width, limit = reader.read_limit()
    groups = reader.read_groups(start)
    query = UsageQuery(endpoint, start, end, width, limit, groups, tuple(reader.read_filters()))
    if "page" in reader.single and reader.refusal is None:
        page = read_cursor(query, seed, reader.single["page"])
        if page is None:
            message = "The page token does not belong to this query."
            reader.refuse("page", message, "invalid_page_token")
        query = query._replace(page=page)
    return reader.refusal or query


class QueryReader:
    """Reads one parameter after another; ``refusal`` is the first that is wrong."""

    def __init__(self, endpoint: Endpoint, parameters: Parameters) -> None:
        """Look at the names, and at what may be there once."""
        self.endpoint = endpoint
        self.parameters = parameters
        self.refusal: TwinRefusal | None = None
        self.single: dict[str, str] = {}
        known = {*SINGLE, "group_by", *endpoint.filters}
        for name, values in parameters.items():
            if name not in known:
                self.refuse(name, f"Unknown parameter: '{name}'.", "unknown_parameter")
            elif name in SINGLE:
                self.single[name] = values[0]
                if len(values) > 1:
                    self.refuse(name, f"Duplicate parameter: '{name}'.", "duplicate_parameter")

    def refuse(self, param: str, message: str, code: str = "invalid_request_error") -> None:
        """Say what is wrong, unless something was before."""
        self.refusal = self.refusal or wrong(param, message, code)

    def read_number(self, name: str) -> int | None:
        """Read a whole number."""
        text = self.single.get(name)
        if text is None or (text.isascii() and text.isdecimal()):
            return None if text is None else int(text)
        self.refuse(name, f"Invalid '{name}': expected a whole number.")
        return None

    def read_times(self, earliest: int) -> tuple[int, int | None]:
        """Read start and end, in Unix seconds; none may start before the earliest."""
        start, end = self.read_number("start_time"), self.read_number("end_time")
        if start is None:
            self.refuse("start_time", "Missing required parameter: 'start_time'.")
            return 0, None
        if end is not None and end <= start:
            self.refuse("end_time", "'end_time' must be after 'start_time'.")
        if start < earliest:
            message = f"Earliest supported start date: {timestamp(earliest)[:10]} (UTC)."
            self.refuse("start_time", message, "reporting_lookback_exceeded")
        return start, end

    def read_limit(self) -> tuple[int, int]:
        """Read the width, in seconds, and how many buckets a page has; a day unless it is said."""
        limits = {one.width: one for one in self.endpoint.limits}
        width = self.single.get("bucket_width", "1d")
        if width not in limits:
            self.refuse("bucket_width", f"Invalid 'bucket_width': expected {', '.join(limits)}.")
            return 1, 1
        limit = self.read_number("limit")
        if limit is None:
            limit = limits[width].default
        if limit < 1:
            self.refuse("limit", "Invalid 'limit': must be greater than or equal to 1.")
        if limit > limits[width].maximum:
            most = limits[width].maximum
            self.refuse("limit", f"Invalid 'limit': must be less than or equal to {most}.")
        return SECONDS[width], limit

    def read_groups(self, start: int) -> frozenset[str]:
        """Read ``group_by``: repeated, with brackets, or with commas."""
        texts = self.parameters.get("group_by", [])
        groups = frozenset(name for text in texts for name in text.split(","))
        if not groups.issubset(self.endpoint.groups):
            known = ", ".join(self.endpoint.groups)
            self.refuse("group_by", f"Invalid 'group_by': expected {known}.")
        for name, since in self.endpoint.group_floors:
            if name in groups and start < since:
                message = f"{self.endpoint.name} grouped by {name} are available from {since} on"
                self.refuse("start_time", message)
        return groups

    def read_filters(self) -> Iterator[tuple[str, frozenset[Any]]]:
        """Read the filters, in the registry's order."""
        for name in self.endpoint.filters:
            values = self.parameters.get(name, [])
            if name != "batch":
                if values:
                    yield FILTERS[name], frozenset(values)
            elif len(values) > 1 or not FLAGS.keys() >= set(values):
                self.refuse(name, "Invalid 'batch': expected true or false.")
            elif values:
                yield FILTERS[name], frozenset([FLAGS[values[0]]])


def stamp_of(query: UsageQuery, seed: int) -> bytes:
    """Return what tells a query from every other."""
    said = (
        seed,
        query.endpoint.key,
        *query[1:5],
        sorted(query.groups),
        [(name, sorted(map(str, values))) for name, values in query.filters],
    )
    return hashlib.blake2b(repr(said).encode(), digest_size=STAMP).digest()


def cursor_at(query: UsageQuery, seed: int, start: int) -> str:
    """Make the cursor of the page that starts there; no other query may use it."""
    said = start.to_bytes(STAMP, "big") + stamp_of(query, seed)
    return f"page_{base64.urlsafe_b64encode(said).decode()}"


def read_cursor(query: UsageQuery, seed: int, cursor: str) -> int | None:
    """Return where a cursor's page starts; ``None``: it is no cursor of this query."""
    try:
        said = base64.urlsafe_b64decode(cursor.removeprefix("page_"))
    except (binascii.Error, ValueError):
        return None
    start = int.from_bytes(said[:STAMP], "big")
    return start if cursor_at(query, seed, start) == cursor else None
