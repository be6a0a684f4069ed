"""Records as CSV: RFC 4180 in UTF-8, and no cell that a spreadsheet runs.

Numbers are exact texts without an exponent, times are RFC 3339 in UTC, flags ``true`` and
``false``, and nothing stands where there is nothing. Sources are a JSON array.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from stream.records.money import plain_text_of
from stream.records.windows import timestamp
from stream.sinks.captures import capture_file
from stream.sinks.exports.breakdowns import guard_text
from stream.sinks.exports.counts import WrittenRecords, count_records
from stream.sinks.exports.records import RecordBatch
from stream.sinks.exports.schema import COLUMNS, ColumnKind

__all__ = ["export_csv", "lines_of"]

QUOTED: Final = re.compile('[",\r\n]')
NEXT: Final = ","
END: Final = "\r\n"
HOLE: Final = "%s"


async def export_csv(
    batches: Iterable[RecordBatch], out: Path, on_records: Callable[[int], None]
) -> WrittenRecords:
    """Write records to a file, packed as its name says; ``on_records`` is told of each batch.

    Raises:
        Unavailable: the file cannot be written; what stood there before is still there.
        BadInput, Unavailable: the records cannot be read.
    """
    written = WrittenRecords(str(out))
    async with capture_file(out, in_frames=False) as file:
        for piece in lines_of(count_records(batches, written, on_records)):
            await file.write(piece)
    written.bytes = file.bytes
    return written


def lines_of(batches: Iterable[RecordBatch]) -> Iterator[bytes]:
    """Yield the header, then the lines of each batch."""
    yield (NEXT.join(one.name for one in COLUMNS) + END).encode()
    for batch in batches:
        yield write_batch(batch)


def write_batch(batch: RecordBatch) -> bytes:
    """Write a line for each record: a text with holes for what records of the batch have.

    That takes half as long as the csv module for so many columns of which most are empty.
    """
    holes, cells = [], []
    for name, kind, _ in COLUMNS:
        column = batch.columns[name]
        is_empty = column[0] is None and column.count(None) == batch.rows
        holes.append("" if is_empty else HOLE)
        if not is_empty:
            cells.append(CELLS[kind](column))
    line = NEXT.join(holes) + END
    return "".join(map(line.__mod__, zip(*cells, strict=True))).encode()


def quote_text(text: str) -> str:
    """Return a text as a cell, in quotes where it needs them."""
    return '"' + text.replace('"', '""') + '"' if QUOTED.search(text) else text


def write_distinct(write: Callable[[Any], str]) -> Callable[[list[Any]], list[Any]]:
    """Return what writes a column of few different values."""

    def write_column(column: list[Any]) -> list[Any]:
        cells = {value: "" if value is None else quote_text(write(value)) for value in set(column)}
        return list(map(cells.__getitem__, column))

    return write_column


def write_counts(column: list[Any]) -> list[Any]:
    """Write a column of counts."""
    return ["" if value is None else value for value in column] if None in column else column


def write_money(column: list[Any]) -> list[Any]:
    """Write a column of money."""
    return ["" if value is None else plain_text_of(value) for value in column]


CELLS: Final[dict[ColumnKind, Callable[[list[Any]], list[Any]]]] = {
    "text": write_distinct(guard_text),
    "flag": write_distinct(lambda value: "true" if value else "false"),
    "count": write_counts,
    "money": write_money,
    "time": write_distinct(timestamp),
    "texts": write_distinct(lambda value: msgspec.json.encode(value).decode()),
    "json": write_distinct(str),
}
"""How the columns of each kind are written."""
