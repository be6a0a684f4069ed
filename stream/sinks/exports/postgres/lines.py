"""Records as the text that PostgreSQL's COPY reads: a line each, its columns apart by tabs.

Columns are written one by one, and each distinct value once: most of a record's columns are empty,
and most of its texts stand in many records.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final

import msgspec

from stream.providers.endpoint import IDENTITY_ORDER
from stream.records.money import plain_text_of
from stream.records.privacy import show_label
from stream.records.windows import MAX_TIME
from stream.sinks.exports.records import RecordBatch
from stream.sinks.exports.schema import COLUMNS, OTHER_DIMENSIONS

__all__ = ["IDENTITY_BYTES", "lines_of", "write_time"]

NOTHING: Final = "\\N"
IDENTITY_BYTES: Final = 16
IDENTIFYING: Final = ("provider", *IDENTITY_ORDER, OTHER_DIMENSIONS)
"""What a record's identity is made of, beside its endpoint and window."""
ENCODE: Final = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode


def lines_of(batch: RecordBatch) -> bytes:
    """Write a batch: the columns of the schema, the identity, and the ordinal."""
    written = {one.name: write_column(one.kind, batch.columns[one.name]) for one in COLUMNS}
    dimensions = list(zip(*(written[name] for name in IDENTIFYING), strict=True))
    windows = zip(written["window_start"], written["window_end"], strict=True)
    written["identity"] = map_distinct(write_identity, dimensions)
    written["ordinal"] = list(count_alike(zip(windows, dimensions, strict=True)))
    return "".join("\t".join(row) + "\n" for row in zip(*written.values(), strict=True)).encode()


def write_column(kind: str, values: list[Any]) -> list[str]:
    """Write the values of a column."""
    write = WRITERS[kind]
    if kind in {"count", "money"}:  # hardly any value stands there twice
        return [NOTHING if one is None else write(one) for one in values]
    return map_distinct(lambda value: NOTHING if value is None else write(value), values)


def map_distinct(write: Callable[[Any], str], values: list[Any]) -> list[str]:
    """Write values, each distinct one once."""
    known: dict[Any, str] = {}
    found = []
    for value in values:
        text = known.get(value)
        if text is None:
            text = known[value] = write(value)
        found.append(text)
    return found


def write_identity(texts: tuple[str, ...]) -> str:
    """Write the digest of dimensions, which are written already: a tab is in none of them."""
    digest = blake2b("\t".join(texts).encode(), digest_size=IDENTITY_BYTES)
    return f"\\\\x{digest.hexdigest()}"


def count_alike(keys: Iterable[Any]) -> Iterator[str]:
    """Yield for each record how many had its key before; those that are alike are in one batch."""
    seen: Counter[Any] = Counter()
    for key in keys:
        yield str(seen[key])
        seen[key] += 1


def write_text(text: str) -> str:
    """Write a text, which has no control characters: PostgreSQL has no NUL at all."""
    return text.replace("\\", "\\\\")


def write_flag(value: bool) -> str:  # noqa: FBT001 -- the value itself is what is written
    """Write true or false."""
    return "t" if value else "f"


def write_time(seconds: int) -> str:
    """Write Unix seconds; the last day that there may be ends where no date is any more."""
    if seconds > MAX_TIME:
        return "10000-01-01 00:00:00+00:00"
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(" ")


def write_texts(values: Iterable[str]) -> str:
    """Write texts as an array."""
    quoted = (one.replace("\\", "\\\\").replace('"', '\\"') for one in values)
    return ("{" + ",".join(f'"{one}"' for one in quoted) + "}").replace("\\", "\\\\")


def write_json(text: str) -> str:
    """Write an object; texts in it are shown as elsewhere, for those that PostgreSQL refuses."""
    if "\\" in text:
        found = json.loads(text, parse_float=Decimal)
        text = ENCODE(
            {
                show_label(name): show_label(value) if isinstance(value, str) else value
                for name, value in found.items()
            }
        ).decode()
    return text.replace("\\", "\\\\")


WRITERS: Final[dict[str, Callable[[Any], str]]] = {
    "text": write_text,
    "flag": write_flag,
    "count": str,
    "money": plain_text_of,
    "time": write_time,
    "texts": write_texts,
    "json": write_json,
}
