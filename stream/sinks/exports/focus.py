"""What was billed, as FOCUS has it (FinOps Open Cost and Usage Specification): CSV or Parquet.

Costs alone are charges; usage is not billed as such, and is not in it. The sum of ``BilledCost`` is
what the report says was billed, to the last digit.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from stream.figures.breakdown import ALL_TIME
from stream.records.errors import BadInput
from stream.records.interruption import INTERRUPTION
from stream.records.money import plain_text_of
from stream.records.privacy import one_line, spell_name
from stream.records.windows import Window, timestamp
from stream.sinks.captures import capture_file
from stream.sinks.exports.breakdowns import guard_text
from stream.sinks.exports.charge_summary import FocusExport, count_charges
from stream.sinks.exports.charges import (
    CHARGE_COLUMNS,
    Charge,
    ChargeColumn,
    ChargeKind,
    charges_of,
)
from stream.sinks.exports.records import BatchColumns, NamedWindows, batches_of

__all__ = ["FocusExport", "FocusFile", "export_focus"]

WriteTable: TypeAlias = Callable[
    [Mapping[str, ChargeKind], int, Iterable[BatchColumns], Path], Awaitable[None]
]
"""Writes columns of some kinds, whose money has so many digits behind the point, to a file."""
COSTS: Final = "costs"
DIGITS: Final = 38
SCALE: Final = 18
"""Digits of a decimal in Parquet, and how many of them are behind the point if that is enough."""
AT_ONCE: Final = 1_024
"""How many charges are written together."""


class FocusFile(NamedTuple):
    """What is asked for: a version of the specification, whose bill, and which days."""

    version: str
    account: str
    span: Window = ALL_TIME


async def export_focus(
    recorded: NamedWindows,
    asked: FocusFile,
    out: Path,
    on_records: Callable[[int], None],
    write_table: WriteTable | None = None,
) -> FocusExport:
    """Write charges to a file, whole or not at all: as ``write_table`` does, or as CSV.

    CSV is packed as the file's name says.

    ``on_records`` is told how many records were read, now and then.

    Raises:
        BadInput: the windows are damaged, or an amount has too many digits for a table.
        Unavailable: the windows cannot be read, or the file not written.
        Interrupted: a signal came.
    """
    written = FocusExport(spell_name(str(out)), asked.version)
    columns = [one for one in CHARGE_COLUMNS if asked.version in one.versions]
    counted = count_charges(charges_in(recorded, asked, on_records), written)
    if write_table is None:
        async with capture_file(out, in_frames=False) as file:
            for piece in csv_pieces(columns, counted):
                await file.write(piece)
        return written
    with INTERRUPTION.allow():
        scale = scale_of(columns, charges_in(recorded, asked))
    kinds = {one.name: one.kind for one in columns}
    await write_table(kinds, scale, batches_of_charges(columns, counted), out)
    return written


def charges_in(
    recorded: NamedWindows, asked: FocusFile, on_records: Callable[[int], None] | None = None
) -> Iterator[Charge]:
    """Yield the charges of the days that are asked for, in canonical order."""
    for batch in batches_of(recorded, [COSTS], asked.span):
        yield from charges_of(batch, asked.account)
        if on_records is not None:
            on_records(batch.rows)


def batches_of_charges(
    columns: list[ChargeColumn], charges: Iterator[Charge]
) -> Iterator[BatchColumns]:
    """Yield columns of some charges at a time."""
    while some := list(islice(charges, AT_ONCE)):
        yield {one.name: [charge.get(one.name) for charge in some] for one in columns}


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
