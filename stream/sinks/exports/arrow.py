"""Parquet by pyarrow, written as a stream: some rows at a time are in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["ArrowKind", "parquet_pieces"]

ArrowKind: TypeAlias = Literal["text", "money", "time"]
DIGITS: Final = 38
"""How many digits a decimal has in all; more of them most readers cannot read."""
GROUP: Final = 1 << 15
"""How many rows a row group has at most."""


class PieceFile:
    """A file that is written to, and gives away what was written."""

    closed = False

    def __init__(self) -> None:
        """Start with nothing."""
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        """Take bytes."""
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Have nothing to flush."""

    def take(self) -> bytes:
        """Return what was written since it was last asked for."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def parquet_pieces(
    kinds: Mapping[str, ArrowKind], scale: int, rows: Iterable[Sequence[Any]]
) -> Iterator[bytes]:
    """Yield a Parquet file of these columns, piece by piece; rows have a value for each.

    ``time`` is Unix seconds, ``money`` has so many digits behind the point, 38 in all.
    """
    types = {
        "text": pa.string(),
        "money": pa.decimal128(DIGITS, scale),
        "time": pa.timestamp("ms", tz="UTC"),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in kinds.items()])
    moments = [kind == "time" for kind in kinds.values()]
    file = PieceFile()
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for group in groups_of(rows):
            columns = zip(*group, strict=True)
            arrays = [
                pa.array([1000 * one for one in column] if is_moment else column, type=field.type)
                for column, field, is_moment in zip(columns, schema, moments, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            yield file.take()
    yield file.take()


def groups_of(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    """Yield rows together."""
    group: list[Sequence[Any]] = []
    for row in rows:
        group.append(row)
        if len(group) == GROUP:
            yield group
            group = []
    if group:
        yield group
