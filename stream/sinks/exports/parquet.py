"""Parquet, which is typed, packed, and written some rows at a time: records, and other tables.

Counts are int64 and money is decimal128(38, 18). A figure that does not fit is null there, and
stands in the column ``exact_text`` with its name: nothing is rounded. The same records make the
same bytes: there is no time in a file but those of its windows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from stream.sinks.exports.records import BatchColumns, RecordBatch
from stream.sinks.exports.schema import COLUMNS, KINDS, Column, ColumnKind

__all__ = ["export_days", "export_parquet", "export_table", "holds_days"]

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


async def export_table(
    kinds: Mapping[str, ColumnKind], scale: int, batches: Iterable[BatchColumns], out: Path
) -> None:
    """Write columns of some kinds to one file; money has ``scale`` digits behind the point.

    Raises:
        Unavailable: the file cannot be written; what stood there before is still there.
    """
    types = TYPES | {"money": pa.decimal128(DIGITS, scale)}
    schema = pa.schema([(name, types[kind]) for name, kind in kinds.items()])
    async with atomic_file(out) as file:
        with os.fdopen(file.fileno(), "wb", closefd=False) as plain:
            await TableWriter(schema, repeating_names(kinds), plain).write_all(
                [pa.array(batch[field.name], field.type) for field in schema] for batch in batches
            )
            plain.flush()


async def write_records(
    batches: Iterable[RecordBatch], file: IO[bytes], written: WrittenRecords
) -> None:
    """Write records behind each other, and count bytes, and figures that did not fit."""
    fields = [(one.name, TYPES[one.kind]) for one in COLUMNS]
    schema = pa.schema([*fields, (EXACT_TEXT, pa.string())], MARK)
    await TableWriter(schema, repeating_names(KINDS), file).write_all(arrays_of(batches, written))
    file.flush()
    written.bytes += file.tell()


class TableWriter:
    """Writes columns to a file, a row group after another."""

    def __init__(self, schema: Any, repeating: list[str], file: IO[bytes]) -> None:
        """Write the schema's beginning; columns with few different values are named."""
        self._schema = schema
        self._writer = parquet.ParquetWriter(
            file, schema, compression="zstd", use_dictionary=repeating
        )
        self._waiting: list[Any] = []
        self._rows = 0

    async def write_all(self, batches: Iterable[list[Any]]) -> None:
        """Write rows, an array for each column; they are written when there are enough."""
        try:
            for arrays in batches:
                await anyio.lowlevel.checkpoint()  # between batches it can be given up
                self._write(arrays)
            if self._rows:
                self._write_groups(self._rows)
            self._writer.close()
        except BaseException:
            self._writer.is_open = False  # or pyarrow would end the file later, and complain
            raise

    def _write(self, arrays: list[Any]) -> None:
        """Take some rows."""
        self._waiting.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._rows += len(arrays[0])
        if self._rows >= GROUP:
            self._write_groups(self._rows - self._rows % GROUP)

    def _write_groups(self, rows: int) -> None:
        """Write the first of the rows that wait."""
        table = pa.Table.from_batches(self._waiting, self._schema)
        self._writer.write_table(table.slice(0, rows), row_group_size=GROUP)
        self._waiting = table.slice(rows).to_batches()
        self._rows -= rows


def repeating_names(kinds: Mapping[str, ColumnKind]) -> list[str]:
    """Name the columns that have few different values, as Parquet does."""
    return [name + REPEATING[kind] for name, kind in kinds.items() if kind in REPEATING]


def arrays_of(batches: Iterable[RecordBatch], written: WrittenRecords) -> Iterator[list[Any]]:
    """Yield the columns of records as Arrow has them, and count figures that did not fit."""
    for batch in batches:
        exact: dict[int, dict[str, str]] = {}
        arrays = [array_of(one, batch.columns[one.name], exact) for one in COLUMNS]
        texts = [ENCODE(exact[row]).decode() if row in exact else None for row in range(batch.rows)]
        arrays.append(pa.array(texts, pa.string()) if exact else pa.nulls(batch.rows, pa.string()))
        written.exact_texts += sum(map(len, exact.values()))
        yield arrays


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
