"""Records as Parquet, which is typed, packed, and written some records at a time.

Counts are int64 and money is decimal128(38, 18). A figure that does not fit is null there, and
stands in the column ``exact_text`` with its name: nothing is rounded. The same records make the
same bytes: there is no time in a file but those of its windows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Final

import anyio.lowlevel
import msgspec
import pyarrow as pa
from pyarrow import parquet

from stream.figures.periods import name_period
from stream.records.money import Number, plain_text_of
from stream.sinks.atomic import atomic_file
from stream.sinks.directory import replace_directory
from stream.sinks.exports.counts import WrittenRecords, count_records
from stream.sinks.exports.days import days_of_batches
from stream.sinks.exports.records import RecordBatch
from stream.sinks.exports.schema import COLUMNS, Column, ColumnKind

__all__ = ["export_days", "export_parquet", "holds_days"]

EXACT_TEXT: Final = "exact_text"
GROUP: Final = 131_072
"""How many records a row group has."""
DIGITS: Final = 38
SCALE: Final = 18
MOST_COUNT: Final = 2**63
OWNER: Final = 0o600
MARK: Final = {b"usage_stream": b"records"}
"""By this a file is known to be one of ours."""
PART: Final = "part-0.parquet"
PLACES: Final = "day=????-??-??"
TYPES: Final[dict[ColumnKind, Any]] = {
    "text": pa.string(),
    "flag": pa.bool_(),
    "count": pa.int64(),
    "money": pa.decimal128(DIGITS, SCALE),
    "time": pa.timestamp("s", "UTC"),
    "texts": pa.list_(pa.string()),
    "json": pa.string(),
}
REPEATING: Final = {"text": "", "time": "", "texts": ".list.element"}
"""The kinds of which there are few different values, and how Parquet names what is in them."""
ENCODE: Final = msgspec.json.Encoder(order="deterministic").encode


async def export_parquet(
    batches: Iterable[RecordBatch], out: Path, on_records: Callable[[int], None]
) -> WrittenRecords:
    """Write records to one file; ``on_records`` is told of each batch.

    Raises:
        Unavailable: the file cannot be written; what stood there before is still there.
        BadInput, Unavailable: the records cannot be read.
    """
    written = WrittenRecords(str(out))
    async with atomic_file(out) as file:
        with os.fdopen(file.fileno(), "wb", closefd=False) as plain:
            await write_records(count_records(batches, written, on_records), plain, written)
    return written


async def export_days(
    endpoints: Iterable[Iterator[RecordBatch]], out: Path, on_records: Callable[[int], None]
) -> WrittenRecords:
    """Write a directory with a file for each day (UTC) that windows start in, as Hive names them.

    A directory that such an export has made is replaced.

    Raises:
        as :func:`export_parquet`; Unavailable: something else stands there.
    """
    written = WrittenRecords(str(out), files=0)
    async with replace_directory(out, holds_days) as inside:
        for day, batches in days_of_batches(endpoints):
            place = inside / f"day={name_period(day, 'day')}"
            place.mkdir(mode=0o700)
            descriptor = os.open(place / PART, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER)
            with os.fdopen(descriptor, "wb") as file:
                await write_records(count_records(batches, written, on_records), file, written)
                os.fsync(descriptor)
            written.files += 1
    return written


def holds_days(directory: Path) -> bool:
    """Tell whether a directory holds nothing but what :func:`export_days` has written.

    Raises:
        OSError: it cannot be read.
    """
    for place in directory.iterdir():
        if not place.match(PLACES) or not place.is_dir():
            return False
        if [one.name for one in place.iterdir()] != [PART]:
            return False
        try:
            metadata = parquet.read_schema(place / PART).metadata
        except pa.ArrowInvalid:
            return False
        if not MARK.items() <= (metadata or {}).items():
            return False
    return True


async def write_records(
    batches: Iterable[RecordBatch], file: IO[bytes], written: WrittenRecords
) -> None:
    """Write records behind each other, and count bytes, and figures that did not fit."""
    writer = TableWriter(COLUMNS, file)
    try:
        for batch in batches:
            await anyio.lowlevel.checkpoint()  # between batches it can be given up
            writer.write(batch.columns)
        writer.end()
    except BaseException:
        writer.give_up()
        raise
    file.flush()
    written.bytes += file.tell()
    written.exact_texts += writer.exact_texts


class TableWriter:
    """Writes columns to a file, a row group after another.

    ``exact_texts``: how many figures did not fit into their columns.
    """

    def __init__(self, columns: Sequence[Column], file: IO[bytes]) -> None:
        """Write the schema's beginning."""
        self.exact_texts = 0
        self._columns = columns
        fields = [(one.name, TYPES[one.kind]) for one in columns]
        self._schema = pa.schema([*fields, (EXACT_TEXT, pa.string())], MARK)
        self._writer = parquet.ParquetWriter(
            file,
            self._schema,
            compression="zstd",
            use_dictionary=[
                one.name + REPEATING[one.kind] for one in columns if one.kind in REPEATING
            ],
        )
        self._waiting: list[Any] = []
        self._rows = 0

    def write(self, values: dict[str, list[Any]]) -> None:
        """Take some rows, a column for each name; they are written when there are enough."""
        exact: dict[int, dict[str, str]] = {}
        arrays = [array_of(one, values[one.name], exact) for one in self._columns]
        rows = len(arrays[0])
        texts = [ENCODE(exact[row]).decode() if row in exact else None for row in range(rows)]
        arrays.append(pa.array(texts, pa.string()) if exact else pa.nulls(rows, pa.string()))
        self.exact_texts += sum(map(len, exact.values()))
        self._waiting.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._rows += rows
        if self._rows >= GROUP:
            self._write_groups(self._rows - self._rows % GROUP)

    def end(self) -> None:
        """Write what waits, and the schema's end."""
        if self._rows:
            self._write_groups(self._rows)
        self._writer.close()

    def give_up(self) -> None:
        """Write nothing more, also when the file is closed already."""
        self._writer.is_open = False  # or pyarrow would end the file, and complain, at some time

    def _write_groups(self, rows: int) -> None:
        """Write the first of the rows that wait."""
        table = pa.Table.from_batches(self._waiting, self._schema)
        self._writer.write_table(table.slice(0, rows), row_group_size=GROUP)
        self._waiting = table.slice(rows).to_batches()
        self._rows -= rows


def array_of(column: Column, values: list[Any], exact: dict[int, dict[str, str]]) -> Any:
    """Return a column as Arrow has it; of a row's figures that do not fit, note the exact text."""
    kind = TYPES[column.kind]
    if values[0] is None and values.count(None) == len(values):
        return pa.nulls(len(values), kind)
    try:
        return pa.array(values, kind)
    except (OverflowError, pa.ArrowInvalid):
        if column.kind not in FITTING:
            raise
    fits = FITTING[column.kind]
    kept: list[Number | None] = []
    for row, value in enumerate(values):
        if value is None or fits(value):
            kept.append(value)
        else:
            kept.append(None)
            exact.setdefault(row, {})[column.name] = plain_text_of(value)
    return pa.array(kept, kind)


def fits_decimal(value: Number) -> bool:
    """Tell whether a number has as many digits as its type, or fewer."""
    exponent = value.as_tuple().exponent if isinstance(value, Decimal) else 0
    return abs(value) < 10 ** (DIGITS - SCALE) and isinstance(exponent, int) and exponent >= -SCALE


FITTING: Final[dict[ColumnKind, Callable[[Number], bool]]] = {
    "count": lambda value: -MOST_COUNT <= value < MOST_COUNT,
    "money": fits_decimal,
}
"""What tells whether a number fits into its column."""
