"""The one schema of records, for all endpoints and all files for others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final, Literal, NamedTuple, TypeAlias

from stream.providers.endpoint import IDENTITY_ORDER
from stream.providers.openai import ENDPOINTS

__all__ = ["COLUMNS", "KINDS", "OTHER_COUNTERS", "OTHER_DIMENSIONS", "Column", "ColumnKind"]

ColumnKind: TypeAlias = Literal["text", "flag", "count", "money", "time", "texts", "json"]


class Column(NamedTuple):
    """A column of the schema: its name, what it holds, and what it means.

    ``text`` is text, ``flag`` true or false, ``count`` a whole number of any size, ``money`` an
    exact decimal, ``time`` Unix seconds, ``texts`` a sequence of texts in order, ``json`` an object
    as text. Any may be null, but for ``provider``, ``endpoint``, the window and ``sources``.
    """

    name: str
    kind: ColumnKind
    explanation: str


OTHER_DIMENSIONS: Final = "other_dimensions"
OTHER_COUNTERS: Final = "other_counters"


def schema_columns() -> Iterator[Column]:
    """Yield the columns in order: place, dimensions, counters, and what is not known."""
    yield Column("provider", "text", "Whose API it was read from")
    yield Column("endpoint", "text", "The endpoint, as the report names it")
    yield Column("window_start", "time", "When the window starts")
    yield Column("window_end", "time", "When it ends, which is not part of it")
    for name in IDENTITY_ORDER:
        kind: ColumnKind = "flag" if name == "batch" else "text"
        yield Column(name, kind, f"Dimension of {name_endpoints(name)}")
        if name == "project_id":
            yield Column("project_name", "text", "What the project is called")
    yield Column(OTHER_DIMENSIONS, "json", "Other dimensions, by name")
    for name in unique_names(one.counts for one in ENDPOINTS.values()):
        yield Column(name, "count", f"Counter of {name_endpoints(name)}")
    for name in unique_names(one.money for one in ENDPOINTS.values()):
        yield Column(name, "money", f"Counter of {name_endpoints(name)}")
    yield Column(OTHER_COUNTERS, "json", "Other counters, by name, as exact numbers")
    yield Column("sources", "texts", "What told of it, as `bucket:data:primary`")


def unique_names(found: Iterable[Iterable[str]]) -> list[str]:
    """Return names once each, in the order in which they first stand."""
    return list(dict.fromkeys(chain.from_iterable(found)))


def name_endpoints(name: str) -> str:
    """Name the endpoints that have a dimension or a counter of that name."""
    having = [one for one in ENDPOINTS.values() if name in {*one.dimensions, *one.counters}]
    return "all endpoints" if len(having) == len(ENDPOINTS) else ", ".join(o.name for o in having)


COLUMNS: Final = tuple(schema_columns())
"""The schema of records, for all endpoints and all formats."""
KINDS: Final = {one.name: one.kind for one in COLUMNS}
"""The kind of each column."""
