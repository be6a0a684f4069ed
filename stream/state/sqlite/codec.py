"""A snapshot as bytes and back: columns in MessagePack, compressed; money as its digits.

A dimension's column is written as its distinct values, and which of them each row has: that is
small, and reading it makes one object for each value, not for each row.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final

import msgspec
import zstandard
from xxhash import xxh3_128_digest

from stream.providers.openai import ENDPOINTS
from stream.records.windows import Column, Columns, Snapshot

__all__ = ["LARGEST", "Codec", "check_row", "checksum_of", "row_mark_of", "seal_row"]

ENCODER: Final = msgspec.msgpack.Encoder(decimal_format="string")
WrittenColumns = tuple[tuple[Any, ...], ...]
DECODER: Final = msgspec.msgpack.Decoder(
    tuple[list[tuple[tuple[Any, ...], bytes]], WrittenColumns, WrittenColumns]
)
PLAIN_DECODER: Final = msgspec.msgpack.Decoder(
    tuple[WrittenColumns, WrittenColumns, WrittenColumns]
)
BYTE: Final = 256
LEVEL: Final = 1
SMALL: Final = 64
"""Rows below which neither distinct values nor compression pay."""
PLAIN: Final = b"\x00"
"""What a body begins with that is not compressed."""
LARGEST: Final = 1 << 31
"""Bytes that a row's body may have, expanded; more is damage."""


class Codec:
    """Packs snapshots and unpacks them; one for each thread, as its buffers are its own."""

    def __init__(self) -> None:
        """Make the buffers."""
        self._compress: Callable[[bytes], bytes] = zstandard.ZstdCompressor(level=LEVEL).compress
        self._expand = zstandard.ZstdDecompressor()

    def pack(self, snapshot: Snapshot) -> bytes:
        """Return a snapshot's rows and collisions as bytes; the rest of it stands beside them."""
        collisions = sorted(snapshot.collisions, key=repr)
        if snapshot.rows < SMALL:
            return PLAIN + ENCODER.encode((snapshot.dimensions, snapshot.counters, collisions))
        dimensions = list(map(index_column, snapshot.dimensions))
        return self._compress(ENCODER.encode((dimensions, snapshot.counters, collisions)))

    def unpack(self, endpoint: str, revision: int, digest: bytes, body: bytes) -> Snapshot:
        """Return the snapshot that :meth:`pack` wrote.

        Raises:
            ValueError: the bytes are not what was written.
        """
        try:
            if body[:1] == PLAIN:
                plain, counters, collisions = PLAIN_DECODER.decode(memoryview(body)[1:])
                return stored_snapshot_of(endpoint, revision, plain, counters, collisions, digest)
            expanded = self._expand.decompress(body, max_output_size=LARGEST)
            dimensions, counters, collisions = DECODER.decode(expanded)
        except (zstandard.ZstdError, msgspec.MsgspecError) as error:
            raise ValueError(f"a snapshot cannot be read: {error}") from None
        columns = tuple(map(column_of, dimensions))
        return stored_snapshot_of(endpoint, revision, columns, counters, collisions, digest)


def stored_snapshot_of(  # noqa: PLR0913, PLR0917 -- a snapshot has these parts
    endpoint: str,
    revision: int,
    dimensions: Columns,
    counters: Columns,
    collisions: Columns,
    digest: bytes,
) -> Snapshot:
    """Put a snapshot together as it is kept in state.

    Raises:
        ValueError: its columns are not those of its endpoint.
    """
    entry = ENDPOINTS[endpoint]
    if (len(dimensions), len(counters)) != (len(entry.dimensions) + 1, len(entry.counters) + 1):
        raise ValueError("columns of another registry")
    *known, others = counters
    columns = [
        tuple(map(counter_of, column)) if name in entry.money and any(column) else column
        for name, column in zip(entry.counters, known, strict=True)
    ]
    return Snapshot(
        revision,
        (*dimensions[:-1], plain_or(pairs_of, dimensions[-1])),
        (*columns, plain_or(number_pairs, others)),
        frozenset((*values[:-1], pairs_of(values[-1])) for values in collisions),
        digest,
    )


class Places(dict[Any, int]):
    """Numbers values in the order in which they are first asked for."""

    def __missing__(self, value: Any) -> int:
        """Give a new value the next number."""
        self[value] = place = len(self)
        return place


def index_column(column: Column) -> tuple[Column, bytes]:
    """Write a column as its distinct values, and each row's place among them."""
    places = Places()
    found = list(map(places.__getitem__, column))
    return tuple(places), bytes(found) if len(places) <= BYTE else array("I", found).tobytes()


def column_of(written: tuple[Column, bytes]) -> Column:
    """Return the column that :func:`index_column` wrote.

    Raises:
        ValueError: a place is none of a value.
    """
    values, raw = written
    places: Sequence[int] = raw if len(values) <= BYTE else array("I", raw)
    if len(values) == 1:
        return values * len(places)
    try:
        # Twice as fast as map(). Of one place it would not make a tuple, so it gets one more.
        column: Column = itemgetter(*places, 0)(values)[:-1]
    except IndexError:
        raise ValueError("a column refers to no value") from None
    return column


def plain_or(read: Callable[[Any], Column | None], column: Column) -> Column:
    """Return a column of unknown names and values as it is kept; mostly there are none."""
    return column if column.count(None) == len(column) else tuple(map(read, column))


def counter_of(value: Any) -> Any:
    """Return a counter's value; money was written as text."""
    return Decimal(value) if isinstance(value, str) else value


def pairs_of(value: Any) -> Column | None:
    """Return unknown names and their values as they are kept in state."""
    return None if value is None else tuple((name, inner) for name, inner in value)


def number_pairs(value: Any) -> Column | None:
    """Return unknown counters as they are kept in state."""
    return None if value is None else tuple((name, counter_of(inner)) for name, inner in value)


def checksum_of(*row: str | int | bytes | None) -> bytes:
    """Return 16 bytes that tell whether a stored row is whole, and in its place."""
    return hashlib.sha256(ENCODER.encode(row)).digest()[:16]


def row_mark_of(*row: str | int | bytes) -> bytes:
    """Return 16 bytes that tell whether a window's row is whole; damage is meant, not malice."""
    return xxh3_128_digest(ENCODER.encode(row))


def seal_row(key: tuple[str | int, ...], body: bytes) -> tuple[Any, ...]:
    """Return a table's row: its key, the checksum of key and body, and the body."""
    return (*key, checksum_of(*key, body), body)


def check_row(checksum: bytes, *row: str | int | bytes) -> None:
    """See that a row is what was written.

    Raises:
        ValueError: it is not.
    """
    if checksum != checksum_of(*row):
        raise ValueError("a row's checksum is wrong")
