"""``usage-stream export parquet``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import click

from stream.cli.basics import EXIT_CODES, PLAIN_FILE, show_warning
from stream.cli.export.options import export_file, load_parquet, read_choice, source_argument
from stream.cli.outputs import refuse_input
from stream.cli.selection import selection_options
from stream.sinks.atomic import prepare_file
from stream.sinks.directory import prepare_replacement
from stream.sinks.exports.counts import WrittenRecords
from stream.sinks.exports.records import RecordBatch

__all__ = ["parquet_command"]


@click.command("parquet", epilog=EXIT_CODES)
@source_argument
@click.option("--out", metavar="PATH", type=PLAIN_FILE, required=True, help="Where it goes.")
@click.option(
    "--partition",
    type=click.Choice(["day"]),
    help="Make PATH a directory with a file for each day (UTC) that windows start in.",
)
@selection_options
def parquet_command(source: Path, out: Path, partition: str | None, **options: Any) -> None:
    """Write every record that counts as Parquet, for DuckDB, Polars, Spark and others.

    SOURCE is a state file (which may be in use), a capture, or a directory of pages. A record has
    its endpoint and window, a column for each dimension and counter of any endpoint, and the
    project's name; README.md lists them. They are the records of the report (dedupedUsage), in its
    order. Counts are int64 and money is decimal128(38, 18); figures with more digits are null
    there, and exact in the column exact_text.

    With --partition day, PATH/day=2026-10-05/part-0.parquet has a day's records, as Hive names
    them. A directory that such an export made is replaced as a whole, and no other.

    Needs pyarrow: pip install 'usage-stream[parquet]'.

    \b
    Examples:
      usage-stream export parquet state.db --out usage.parquet
      usage-stream export parquet state.db --since 2026 --partition day --out usage
      duckdb -c "SELECT model, sum(input_tokens) FROM 'usage/*/*.parquet' GROUP BY 1"
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    parquet = load_parquet()
    place = prepare_replacement(out, parquet.holds_days) if partition else prepare_file(out)
    refuse_input(out, place, source)

    async def write(
        batches: list[Iterator[RecordBatch]], on_records: Callable[[int], None]
    ) -> WrittenRecords:
        found: WrittenRecords = (
            await parquet.export_days(batches, out, on_records)
            if partition
            else await parquet.export_parquet(chain.from_iterable(batches), out, on_records)
        )
        return found

    written = export_file(source, read_choice(**options), write)
    if written.exact_texts:
        show_warning(
            f"{written.exact_texts} figures have more digits than their columns, and stand in "
            "exact_text alone"
        )
