"""How the report writes a record, and the values in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import chain, islice, repeat
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct, defstruct
from msgspec.structs import asdict

from stream.figures.endpoint import EndpointFigures
from stream.figures.rollup import Table, resolve_windows
from stream.providers.endpoint import Endpoint
from stream.records.money import Number, plain_text_of
from stream.records.windows import Counters, timestamp

__all__ = [
    "ENCODER",
    "camel_name_of",
    "details_of",
    "plain_number_of",
    "show_all_counters",
    "show_project",
    "struct_of",
    "times_of",
    "window_place_of",
]

STANDARD: Final = {
    "model": "model",
    "project_id": "project_id",
    "api_key_id": "openai_api_key_id",
    "user_id": "openai_user_id",
    "service_tier": "service_tier",
    "batch": "batch",
}
"""The dimensions that every record shows by a member of its own, in order."""
COUNTED: Final = {
    "input_tokens": "tokens_in",
    "output_tokens": "tokens_out",
    "cost": "cost_estimate",
}
"""The counters that do so."""
AT_ONCE: Final = 256
"""How many records are encoded at once."""

ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def window_place_of(key: str, window: tuple[int, int]) -> dict[str, Any]:
    """Name an endpoint's window."""
    return {"endpoint": key, **times_of(window)}


def times_of(window: tuple[int, int]) -> dict[str, str]:
    """Write a window's start and end."""
    return {"bucketTimestamp": timestamp(window[0]), "windowEnd": timestamp(window[1])}


def camel_name_of(name: str) -> str:
    """Write a dimension's name as the report's own members are written."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def show_project(project: str | None, names: Mapping[str, str]) -> dict[str, str | None]:
    """Show a project's id, and what it is called, where that is known."""
    return {"projectId": project, "projectName": None if project is None else names.get(project)}


def plain_number_of(value: Number | None) -> Any:
    """Write money without an exponent; counts and absent values stay as they are."""
    return Raw(plain_text_of(value)) if isinstance(value, Decimal) else value


def show_all_counters(endpoint: Endpoint, counters: Counters) -> dict[str, Any]:
    """Show every counter of the endpoint, ``null`` where absent; unknown ones after them."""
    known = {name: plain_number_of(counters.get(name)) for name in endpoint.counters}
    return known | {
        name: plain_number_of(value)
        for name, value in sorted(counters.items())
        if name not in known
    }


def details_of(figures: EndpointFigures, between: bytes) -> Iterator[bytes]:
    """Yield an endpoint's records in canonical order: JSON objects, many at once.

    ``between`` stands between those of a piece.
    """
    windows = figures.windows.windows_of(figures.chains)
    layout = Layout(figures.endpoint)
    found = resolve_windows(figures.endpoint, windows, ordered=True)
    records = chain.from_iterable(layout.records(cluster.table) for cluster in found)
    while some := list(islice(records, AT_ONCE)):
        yield ENCODER.encode_lines(some)[:-1].replace(b"\n", between)


class ShownRecord(Struct, rename="camel", gc=False):
    """A record as the report shows it; the members are written in this order."""

    endpoint: str
    bucket_timestamp: str
    window_end: str
    model: Any
    project_id: Any
    openai_api_key_id: Any
    openai_user_id: Any
    service_tier: Any
    batch: Any
    tokens_in: Any
    tokens_out: Any
    cost_estimate: Any
    metrics: Any
    dimensions: Any
    sources: tuple[str, ...]


class Layout:
    """Where the report shows each column of an endpoint's records.

    Whole columns are put into structs, at C speed; what the registry does not know is added to the
    rows that have it.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        """Lay out one endpoint's records."""
        self.endpoint = endpoint
        self.added_dimensions = [name for name in endpoint.dimensions if name not in STANDARD]
        self._metrics: Callable[..., Struct] = struct_of(endpoint.counters)
        self._dimensions: Callable[..., Struct] = struct_of(
            map(camel_name_of, self.added_dimensions)
        )

    def records(self, table: Table) -> Iterator[ShownRecord]:
        """Yield the report's view of each record of a table."""
        known = self._known(table)
        if any(chain(table.dimensions[-1], table.counters[-1])):
            return self._with_unknown(known, table)
        return known

    def _known(self, table: Table) -> Iterator[ShownRecord]:
        """Show what the registry knows of each record."""
        endpoint, windows = self.endpoint, set(table.windows)
        columns: dict[str, Iterable[Any]] = dict(
            zip(endpoint.dimensions, table.dimensions[:-1], strict=True)
        )
        columns |= zip(endpoint.counters, table.counters[:-1], strict=True)
        for name in endpoint.money:
            columns[name] = list(map(plain_number_of, columns[name]))
        starts = {window: timestamp(window.start) for window in windows}
        ends = {window: timestamp(window.end) for window in windows}
        alike = [columns.get(name) or repeat(None) for name in (*STANDARD, *COUNTED)]
        metrics = map(self._metrics, *(columns[name] for name in endpoint.counters))
        dimensions = (
            map(self._dimensions, *(columns[name] for name in self.added_dimensions))
            if self.added_dimensions
            else repeat(self._dimensions())
        )
        return map(
            ShownRecord,
            repeat(endpoint.key),
            map(starts.__getitem__, table.windows),
            map(ends.__getitem__, table.windows),
            *alike,
            metrics,
            dimensions,
            table.sources,
        )

    def _with_unknown(self, known: Iterator[ShownRecord], table: Table) -> Iterator[ShownRecord]:
        """Show what the registry does not know too."""
        unknown = zip(table.dimensions[-1], table.counters[-1], strict=True)
        for record, (dimensions, counters) in zip(known, unknown, strict=True):
            if dimensions:
                self._show_dimensions(record, dimensions)
            if counters:
                show_counters(record, counters)
            yield record

    def _show_dimensions(self, record: ShownRecord, unknown: Iterable[tuple[str, Any]]) -> None:
        """Show dimensions that the registry does not know, or not of this endpoint."""
        members = asdict(record.dimensions)
        for name, value in unknown:
            if name in STANDARD:
                setattr(record, STANDARD[name], value)
            elif name in self.added_dimensions:
                members[camel_name_of(name)] = value
            else:
                while name in members:  # another name that is written like this one
                    name = f"_{name}"  # noqa: PLW2901 -- until it stands apart
                members[name] = value
        record.dimensions = members


def show_counters(record: ShownRecord, unknown: Iterable[tuple[str, Number]]) -> None:
    """Show counters that the registry does not know, or not of this endpoint."""
    members = asdict(record.metrics)
    for name, value in sorted(unknown):
        members[name] = plain_number_of(value)
        if name in COUNTED:
            setattr(record, COUNTED[name], members[name])
    record.metrics = members


def struct_of(names: Iterable[str]) -> Callable[..., Struct]:
    """Make a struct of members that are written in this order."""
    return defstruct("Members", [(name, Any) for name in names], gc=False)
