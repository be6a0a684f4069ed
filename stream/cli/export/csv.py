"""``usage-stream export csv``."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import click

from stream.cli.basics import EXIT_CODES, FILE
from stream.cli.export.options import (
    export_file,
    open_batches,
    read_choice,
    source_argument,
    tell_nothing,
)
from stream.cli.outputs import refuse_input
from stream.cli.selection import selection_options
from stream.cli.standard_input import DASH
from stream.cli.streams import print_pieces
from stream.records.errors import Interrupted
from stream.sinks.atomic import prepare_file
from stream.sinks.exports.counts import WrittenRecords
from stream.sinks.exports.records import RecordBatch

__all__ = ["csv_command"]


@click.command("csv", epilog=EXIT_CODES)
@source_argument
@click.option(
    "--out",
    metavar="FILE",
    type=FILE,
    default=DASH,
    help="Where it goes, packed when it ends in .gz or .zst; - or nothing is stdout.",
)
@selection_options
def csv_command(source: Path, out: Path, **options: Any) -> None:
    """Write every record that counts as CSV, for spreadsheets and whatever else reads tables.

    SOURCE is a state file (which may be in use), a capture, or a directory of pages. A record is a
    line: its endpoint and window, a column for each dimension and counter of any endpoint, and the
    project's name; README.md lists them. They are the records of the report (dedupedUsage), in its
    order. Numbers are exact, times are RFC 3339 in UTC, what is absent is empty, and no cell is
    one that a spreadsheet runs.

    \b
    Examples:
      usage-stream export csv state.db --since 2026-10 --until 2026-10 --out october.csv
      usage-stream export csv state.db --endpoint costs --project Alpha | head
      usage-stream export csv fixtures --out records.csv.zst
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    from stream.sinks.exports.csv import export_csv, lines_of  # noqa: PLC0415 -- only this command needs it

    choice = read_choice(**options)
    if str(out) == DASH:
        with open_batches(source, choice) as batches:
            try:
                print_pieces(lines_of(tell_nothing(chain.from_iterable(batches))))
            except KeyboardInterrupt as error:
                number = error.args[0] if error.args else signal.SIGINT
                raise Interrupted(number, "not all was written") from None
        return
    refuse_input(out, prepare_file(out), source)

    async def write(
        batches: list[Iterator[RecordBatch]], on_records: Callable[[int], None]
    ) -> WrittenRecords:
        return await export_csv(chain.from_iterable(batches), out, on_records)

    export_file(source, choice, write)
