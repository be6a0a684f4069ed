"""``usage-stream export postgres``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stream.cli.basics import EXIT_CODES, show_json
from stream.cli.export.options import source_argument
from stream.cli.figure_source import open_recorded
from stream.cli.progress import show_advance
from stream.cli.selection import read_span, span_options
from stream.records.errors import BadConfiguration

if TYPE_CHECKING:
    from stream.sinks.exports.postgres.transfer import WatchedRecords

__all__ = ["postgres_command"]


@click.command("postgres", epilog=EXIT_CODES)
@source_argument
@click.option(
    "--schema",
    metavar="NAME",
    default="usage_stream",
    show_default=True,
    help="Where the tables are; it is made if it is not there.",
)
@click.option(
    "--service",
    metavar="NAME",
    help="The connection of that name in pg_service.conf; PGSERVICE does the same.",
)
@span_options
def postgres_command(
    source: Path, *, schema: str, service: str | None, since: str | None, until: str | None
) -> None:
    """Bring tables in PostgreSQL up to date: each record that counts, once.

    SOURCE is a state file (which may be in use), a capture, or a directory of pages. All is one
    transaction, so it may run each minute, be killed, and be run again: what was corrected is
    corrected, what vanished is gone, and what is as it was is not written. Of a state file only
    days that changed are sent. With --since and --until nothing outside of these days changes.

    Where the database is, is said in libpq's own ways: PGHOST, PGDATABASE, PGUSER, PGSSLMODE, or a
    service; the password stands in the file that PGPASSFILE names (~/.pgpass), never here.

    \b
    Examples:
      PGHOST=db.example PGDATABASE=billing usage-stream export postgres state.db
      usage-stream export postgres state.db --service billing --since 2026-10
      psql service=billing -c 'SELECT * FROM usage_stream.usage_by_day'

    Tables: records (keys, all dimensions and counters, numbers exact), projects, days and exports
    (what was exported when). Views: usage_by_day and cost_by_day. It needs the extra postgres.
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    from stream.sinks.exports.postgres.export import check_target, export_postgres  # noqa: PLC0415 -- only this command needs it

    span = read_span(since, until)
    try:
        check_target(schema, service)
    except BadConfiguration as error:
        raise click.UsageError(f"--{error}") from None
    records = partial(open_watched, source)
    show_json(export_postgres(records, schema=schema, service=service, span=span))


@contextmanager
def open_watched(source: Path) -> Iterator[WatchedRecords]:
    """Open records; on a terminal their days are shown as they are sent.

    Raises:
        BadInput, Unavailable, Interrupted: they cannot be read.
    """
    from stream.sinks.exports.postgres.transfer import WatchedRecords  # noqa: PLC0415 -- as above

    with open_recorded(source) as windows, show_advance(None, "days sent") as on_days:
        yield WatchedRecords(windows, on_days)
