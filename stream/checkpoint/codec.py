"""A snapshot as bytes and back: columns in MessagePack, compressed; money as its digits."""

from __future__ import annotations

import hashlib
import zlib
from decimal import Decimal
from typing import Any, Final

import msgspec

from stream.endpoints import ENDPOINTS
from stream.records import Column, Snapshot

__all__ = ["checked", "checksum_of", "packed", "sealed", "unpacked"]

ENCODER: Final = msgspec.msgpack.Encoder(decimal_format="string")
Columns = tuple[tuple[Any, ...], ...]
DECODER: Final = msgspec.msgpack.Decoder(tuple[Columns, Columns, Columns])


def packed(snapshot: Snapshot) -> bytes:
    """Return a snapshot's rows and collisions as bytes; its revision stands beside them."""
    collisions = sorted(snapshot.collisions, key=repr)
    return zlib.compress(ENCODER.encode((snapshot.dimensions, snapshot.counters, collisions)), 1)


def unpacked(endpoint: str, revision: int, body: bytes) -> Snapshot:
    """Return the snapshot that :func:`packed` wrote.

    Raises:
        ValueError, zlib.error, msgspec.MsgspecError: the bytes are not what was written.
    """
    entry = ENDPOINTS[endpoint]
    dimensions, counters, collisions = DECODER.decode(zlib.decompress(body))
    if (len(dimensions), len(counters)) != (len(entry.dimensions) + 1, len(entry.counters) + 1):
        raise ValueError("columns of another registry")
    *known, others = counters
    columns = [
        tuple(map(number, column)) if name in entry.money else column
        for name, column in zip(entry.counters, known, strict=True)
    ]
    return Snapshot(
        revision,
        (*dimensions[:-1], tuple(map(pairs, dimensions[-1]))),
        (*columns, tuple(map(number_pairs, others))),
        frozenset((*values[:-1], pairs(values[-1])) for values in collisions),
    )


def number(value: Any) -> Any:
    """Return a counter's value; money was written as text."""
    return Decimal(value) if isinstance(value, str) else value


def pairs(value: Any) -> Column | None:
    """Return unknown names and their values as they are kept in state."""
    return None if value is None else tuple((name, inner) for name, inner in value)


def number_pairs(value: Any) -> Column | None:
    """Return unknown counters as they are kept in state."""
    return None if value is None else tuple((name, number(inner)) for name, inner in value)


def checksum_of(*row: str | int | bytes) -> bytes:
    """Return 16 bytes that tell whether a stored row is whole, and in its place."""
    return hashlib.sha256(ENCODER.encode(row)).digest()[:16]


def sealed(key: tuple[str | int, ...], body: bytes) -> tuple[Any, ...]:
    """Return a table's row: its key, the checksum of key and body, and the body."""
    return (*key, checksum_of(*key, body), body)


def checked(checksum: bytes, *row: str | int | bytes) -> None:
    """See that a row is what was written.

    Raises:
        ValueError: it is not.
    """
    if checksum != checksum_of(*row):
        raise ValueError("a row's checksum is wrong")
