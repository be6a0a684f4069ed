"""How the report writes a record, and the values in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import chain, islice, repeat
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct, defstruct

from stream.endpoints import Endpoint
from stream.figures import EndpointFigures
from stream.records import Counters, Number, plain, timestamp
from stream.rollup import Table, resolve

__all__ = ["ENCODER", "camel", "details_of", "number", "place", "shown"]

STANDARD: Final = ("model", "project_id", "api_key_id", "user_id", "service_tier", "batch")
"""The dimensions that each record shows beside the endpoint's own, and below counters likewise."""
COUNTED: Final = ("input_tokens", "output_tokens", "cost")
AT_ONCE: Final = 256
"""How many records are encoded at once."""

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


def details_of(figures: EndpointFigures, between: bytes) -> Iterator[bytes]:
    """Yield an endpoint's records in canonical order: JSON objects, many at once.

    ``between`` stands between those of a piece.
    """
    windows = figures.windows.of(figures.chains)
    layout = Layout(figures.endpoint)
    found = resolve(figures.endpoint, windows, ordered=True)
    records = chain.from_iterable(layout.records(cluster.table) for cluster in found)
    while some := list(islice(records, AT_ONCE)):
        yield ENCODER.encode_lines(some)[:-1].replace(b"\n", between)


class Shown(Struct, rename="camel", gc=False):
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


PLACES: Final = Shown.__struct_fields__[3:12]
"""Where the standard dimensions and counters stand."""


class Layout:
    """Where the report shows each column of an endpoint's records.

    Whole columns are put into structs, at C speed; a row with something that the registry does not
    know is shown by its names instead.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        """Lay out one endpoint's records."""
        self.endpoint = endpoint
        self.added = [name for name in endpoint.dimensions if name not in STANDARD]
        self._metrics: Callable[..., Struct] = struct_of(endpoint.counters)
        self._dimensions: Callable[..., Struct] = struct_of(map(camel, self.added))

    def records(self, table: Table) -> Iterator[Shown]:
        """Yield the report's view of each record of a table."""
        known = self._known(table)
        if any(chain(table.dimensions[-1], table.counters[-1])):
            return self._with_unknown(known, table)
        return known

    def _known(self, table: Table) -> Iterator[Shown]:
        """Show what the registry knows of each record."""
        endpoint, rows = self.endpoint, len(table.windows)
        columns: dict[str, Iterable[Any]] = dict(
            zip(endpoint.dimensions, table.dimensions[:-1], strict=True)
        )
        columns |= zip(endpoint.counters, table.counters[:-1], strict=True)
        for name in endpoint.money:
            columns[name] = list(map(number, columns[name]))
        times = {window: tuple(map(timestamp, window)) for window in set(table.windows)}
        shown = [columns.get(name) or repeat(None) for name in STANDARD + COUNTED]
        metrics = map(self._metrics, *(columns[name] for name in endpoint.counters))
        dimensions: Iterable[Any] = repeat({})
        if self.added:
            dimensions = map(self._dimensions, *(columns[name] for name in self.added))
        starts, ends = (
            zip(*map(times.__getitem__, table.windows), strict=True) if rows else ((), ())
        )
        return map(
            Shown,
            repeat(endpoint.key),
            starts,
            ends,
            *shown,
            metrics,
            dimensions,
            table.sources,
        )

    def _with_unknown(self, known: Iterator[Shown], table: Table) -> Iterator[Shown]:
        """Show what the registry does not know too."""
        for record, (_, _, dimensions, counters), *unknown in zip(
            known,
            table.rows(self.endpoint),
            table.dimensions[-1],
            table.counters[-1],
            strict=True,
        ):
            if any(unknown):
                own = self.endpoint.dimensions
                for place, name in zip(PLACES, STANDARD + COUNTED, strict=True):
                    value = counters.get(name) if name in COUNTED else dimensions.get(name)
                    setattr(record, place, number(value))
                record.metrics = shown(self.endpoint, counters)
                record.dimensions = {camel(name): dimensions.get(name) for name in self.added} | {
                    name: value
                    for name, value in dimensions.items()
                    if name not in STANDARD and name not in own
                }
            yield record


def struct_of(names: Iterable[str]) -> Callable[..., Struct]:
    """Make a struct of members that are written in this order."""
    return defstruct("Members", [(name, Any) for name in names], gc=False)
