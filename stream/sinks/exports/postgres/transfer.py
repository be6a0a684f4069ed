"""One export into PostgreSQL, inside its transaction: what has changed is sent, and merged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from stream import __version__
from stream.figures.breakdown import ALL_TIME
from stream.providers.openai import ENDPOINTS
from stream.records.privacy import show_label
from stream.records.windows import Window, timestamp
from stream.sinks.exports.postgres import statements
from stream.sinks.exports.postgres.layout import RECORD_COLUMNS
from stream.sinks.exports.postgres.lines import lines_of, write_time
from stream.sinks.exports.postgres.spans import SentSpan, SpanChanges, changes_in, source_spans
from stream.sinks.exports.records import NamedWindows, batches_in

if TYPE_CHECKING:
    from stream.sinks.exports.postgres.database import Database

__all__ = ["PostgresExport", "Transfer", "WatchedRecords", "Watermark"]

KEPT: Final = 1_000
"""How many exports are remembered in the tables."""


class WatchedRecords(NamedTuple):
    """The records of a source, and who is told of each span of days that was sent."""

    windows: NamedWindows
    on_days: Callable[[], object] = lambda: None


class Watermark(Struct, rename="camel"):
    """What is in the tables now: the number of the export, when it was, and of what.

    ``source_digest`` is of what a state file holds; pages have none.
    """

    number: int
    exported_at: str
    source_digest: str | None
    latest_window_end: str | None


class PostgresExport(Struct, rename="camel"):
    """What an export has changed, in records, and what it has not."""

    schema: str
    inserted_rows: int
    updated_rows: int
    deleted_rows: int
    unchanged_rows: int
    watermark: Watermark


class Transfer:
    """One export, inside its transaction."""

    def __init__(
        self, database: Database, schema: str, records: WatchedRecords, span: Window
    ) -> None:
        """Begin; nothing is sent yet."""
        self.database = database
        self.schema = schema
        self.records, self._on_days = records
        self.span = span
        self._digest = blake2b(digest_size=16)
        self._is_known = True
        """Whether all days of the source have digests."""
        self._days: list[SentSpan] = []
        """What is to be known of days that were sent, or that parts remain of."""
        self._sent = 0

    def run(self) -> PostgresExport:
        """Send what has changed, merge it, and note what was done."""
        database = self.database
        for statement in statements.TEMPORARY_TABLES:
            database.run(statement)
        changes = dict(self._find_changes())
        database.copy(statements.SENT, RECORD_COLUMNS, self._send(changes))
        self._send_regions(changes)
        deleted = database.run(statements.DELETE_GONE_RECORDS)
        updated = database.run(statements.UPDATE_RECORDS)
        inserted = database.run(statements.INSERT_NEW_RECORDS)
        database.run(statements.DROP_DAYS)
        days = [*self._days, *(one for found in changes.values() for one in found.rests)]
        database.copy("days", statements.DAYS_COLUMNS, map(line_of_span, days))
        renamed, renamed_outside = self._name_projects()
        unsent = sum(found.unchanged_rows for found in changes.values())
        done = {
            "inserted_rows": inserted,
            "updated_rows": updated + renamed + renamed_outside,
            "deleted_rows": deleted,
            "unchanged_rows": unsent + self._sent - updated - inserted - renamed,
        }
        return PostgresExport(schema=self.schema, **done, watermark=self._note_export(done))

    def _send_regions(self, changes: Mapping[str, SpanChanges]) -> None:
        """Send where there is nothing but what was sent; and have all that be planned with."""
        regions = (
            f"{key}\t{write_time(region.start)}\t{write_time(region.end)}\n".encode()
            for key, found in changes.items()
            for region in found.regions
        )
        self.database.copy(statements.REGIONS, ("endpoint", "first", "last"), regions)
        for table in (statements.SENT, statements.REGIONS):
            self.database.run(f"ANALYZE {table}")

    def _name_projects(self) -> tuple[int, int]:
        """Bring names of projects up to date, in all records too.

        Return how many of these have changed in the span, and how many outside.
        """
        database = self.database
        held: dict[str, str] = dict(database.rows("SELECT project_id, name FROM projects"))
        named: Mapping[str, str] = {
            show_label(one): show_label(name) for one, name in self.records.project_names.items()
        }
        gone = [one for one in held if one not in named]
        changed = [one for one, name in named.items() if held.get(one) != name]
        if gone:
            database.run("DELETE FROM projects WHERE project_id = ANY(%s)", gone)
        names = [named[one] for one in changed]
        if changed:
            database.run(statements.NAME_PROJECTS, changed, names)
        if not (gone or changed):
            return 0, 0
        lists = [*changed, *gone], [*names, *[None] * len(gone)]
        span = write_time(self.span.start), write_time(self.span.end)
        inside = database.run(statements.RENAME_IN_SPAN, *lists, *span)
        return inside, database.run(statements.RENAME_OUTSIDE, *lists, *span)

    def _find_changes(self) -> Iterator[tuple[str, SpanChanges]]:
        """Yield what is to be done of each endpoint."""
        span = write_time(self.span.start), write_time(self.span.end)
        rows = self.database.rows(statements.READ_DAYS, *span)
        stored = {
            key: [
                SentSpan(key, Window(first, last), digest, records)
                for _, first, last, digest, records in found
            ]
            for key, found in groupby(rows, key=itemgetter(0))
        }
        for key in sorted(ENDPOINTS.keys() | stored.keys()):
            spans = list(source_spans(self.records, key))
            for one in spans:
                self._digest.update(repr(one).encode())
                self._is_known = self._is_known and one.digest is not None
            yield key, changes_in(spans, stored.get(key, []), self.span)

    def _send(self, changes: Mapping[str, SpanChanges]) -> Iterator[bytes]:
        """Yield the lines of all records that may have changed."""
        for key, found in changes.items():
            for source in found.sent_spans:
                part = Window(
                    max(source.days.start, self.span.start), min(source.days.end, self.span.end)
                )
                records = 0
                for batch in batches_in(self.records, key, source.days, part):
                    records += batch.rows
                    yield lines_of(batch)
                digest = source.digest if part == source.days else None
                self._days.append(SentSpan(key, part, digest, records))
                self._sent += records
                self._on_days()

    def _note_export(self, done: Mapping[str, int]) -> Watermark:
        """Note what was done in the tables; return the watermark."""
        database = self.database
        start, end = self.span
        digest = self._digest.hexdigest() if self._is_known else None
        ((latest,),) = database.rows(statements.READ_LATEST, list(ENDPOINTS))
        ((number, moment),) = database.rows(
            statements.NOTE_EXPORT,
            __version__,
            digest,
            write_time(start) if start != ALL_TIME.start else None,
            write_time(end) if end != ALL_TIME.end else None,
            latest,
            *done.values(),
        )
        database.run("DELETE FROM exports WHERE number <= %s", number - KEPT)
        shown = None if latest is None else timestamp(latest)
        return Watermark(number, timestamp(moment), digest, shown)


def line_of_span(span: SentSpan) -> bytes:
    """Write what is known of days as COPY reads it."""
    digest = "\\N" if span.digest is None else f"\\\\x{span.digest.hex()}"
    first, last = write_time(span.days.start), write_time(span.days.end)
    return f"{span.endpoint}\t{first}\t{last}\t{digest}\t{span.records}\n".encode()
