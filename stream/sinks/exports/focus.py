"""What was billed, as FOCUS has it (FinOps Open Cost and Usage Specification): CSV or Parquet.

Costs alone are charges; usage is not billed as such, and is not in it. The sum of ``BilledCost`` is
what the report says was billed, to the last digit.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import anyio

from stream.figures.breakdown import ALL_TIME
from stream.records.errors import BadConfiguration, BadInput
from stream.records.money import plain_text_of
from stream.records.privacy import one_line, spell_name
from stream.records.windows import Window, timestamp
from stream.sinks.atomic import atomic_file, write_pieces
from stream.sinks.exports.breakdowns import guard_text
from stream.sinks.exports.charge_summary import FocusExport, count_charges
from stream.sinks.exports.charges import (
    CHARGE_COLUMNS,
    Charge,
    ChargeColumn,
    ChargeKind,
    charges_of,
)
from stream.sinks.exports.records import NamedWindows, batches_of

__all__ = ["FocusExport", "FocusFile", "export_focus"]

FocusForm: TypeAlias = Literal["csv", "parquet"]
ParquetPieces: TypeAlias = Callable[
    [Mapping[str, ChargeKind], int, Iterable[Sequence[Any]]], Iterator[bytes]
]
COSTS: Final = "costs"
DIGITS: Final = 38
SCALE: Final = 18
"""Digits of a decimal in Parquet, and how many of them are behind the point if that is enough."""
EXTRA: Final = "Parquet needs pyarrow; install usage-stream with its extra: usage-stream[parquet]"
AT_ONCE: Final = 1_024
"""How many charges are written together."""


class FocusFile(NamedTuple):
    """What is asked for: a version of the specification, a form, whose bill, and which days."""

    version: str
    form: FocusForm
    account: str
    span: Window = ALL_TIME


def export_focus(recorded: NamedWindows, asked: FocusFile, out: Path) -> FocusExport:
    """Write charges to a file, whole or not at all.

    Raises:
        BadInput: the windows are damaged, or an amount does not fit into Parquet.
        Unavailable: the windows cannot be read, or the file not written.
        BadConfiguration: what writes Parquet is not installed.
    """
    written = FocusExport(spell_name(str(out)), asked.version)
    columns = [one for one in CHARGE_COLUMNS if asked.version in one.versions]
    counted = count_charges(charges_in(recorded, asked), written)
    if asked.form == "csv":
        pieces = csv_pieces(columns, counted)
    else:
        parquet_pieces = load_parquet()
        kinds = {one.name: one.kind for one in columns}
        scale = scale_of(columns, charges_in(recorded, asked))
        rows = ([charge.get(one.name) for one in columns] for charge in counted)
        pieces = parquet_pieces(kinds, scale, rows)
    anyio.run(write_file, out, pieces)
    return written


def load_parquet() -> ParquetPieces:
    """Return what writes Parquet: it is an extra, and takes long to load.

    Raises:
        BadConfiguration: it is not installed.
    """
    try:
        from stream.sinks.exports.arrow import parquet_pieces  # noqa: PLC0415 -- an extra, 100 ms
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "pyarrow":
            raise
        raise BadConfiguration(EXTRA) from None
    return parquet_pieces


async def write_file(path: Path, pieces: Iterator[bytes]) -> None:
    """Write a file of pieces.

    Raises:
        Unavailable: it cannot be written.
    """
    async with atomic_file(path) as file:
        await write_pieces(file, pieces)


def charges_in(recorded: NamedWindows, asked: FocusFile) -> Iterator[Charge]:
    """Yield the charges of the days that are asked for, in canonical order."""
    for batch in batches_of(recorded, [COSTS], asked.span):
        yield from charges_of(batch, asked.account)


def csv_pieces(columns: list[ChargeColumn], charges: Iterator[Charge]) -> Iterator[bytes]:
    """Yield a file as RFC 4180 has it, in UTF-8; null is empty, and no cell is a formula."""
    yield csv_lines([[one.name for one in columns]])
    while some := list(islice(charges, AT_ONCE)):
        yield csv_lines(
            [[write_cell(column, charge.get(column.name)) for column in columns] for charge in some]
        )


def csv_lines(rows: list[list[str]]) -> bytes:
    """Write rows."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode(errors="backslashreplace")


def write_cell(column: ChargeColumn, value: Any) -> str:
    """Write a value of a column."""
    if value is None:
        return ""
    match column.kind:
        case "money":
            return plain_text_of(value)
        case "time":
            return timestamp(value)
        case _:
            return guard_text(value)


def scale_of(columns: list[ChargeColumn], charges: Iterator[Charge]) -> int:
    """Return how many digits behind the point hold all amounts of some charges, 18 at least.

    Raises:
        BadInput: some have too many digits for one column.
    """
    whole, behind = 0, SCALE
    names = [one.name for one in columns if one.kind == "money"]
    for charge in charges:
        for name in names:
            value = charge.get(name)
            if value:
                whole, behind = widen(whole, behind, Decimal(value))
                if whole + behind > DIGITS:
                    raise BadInput("digits", digits_missing(charge, name))
    return behind


def widen(whole: int, behind: int, value: Decimal) -> tuple[int, int]:
    """Return how many digits before and behind the point also hold another value."""
    return max(whole, value.adjusted() + 1), max(behind, -int(value.as_tuple().exponent))


def digits_missing(charge: Mapping[str, Any], name: str) -> str:
    """Say of which charge there is a value that does not fit."""
    value = plain_text_of(charge[name])
    place = f"{timestamp(charge['ChargePeriodStart'])}, project {charge['SubAccountId']}"
    return one_line(
        f"{name} of {place} is {value}: with the others it needs more than {DIGITS} digits, "
        "which is all that a decimal in Parquet has; --format csv has no such limit"
    )
