"""Brings tables in PostgreSQL up to date with records: as often as somebody wants.

All of it is one transaction: whoever is killed has changed nothing, and whoever comes again goes on
from what is there. Only days that changed are sent; a state file tells which, without a look at
its records.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from stream import __version__
from stream.figures.breakdown import ALL_TIME
from stream.records.errors import BadConfiguration
from stream.records.privacy import show_label
from stream.records.windows import Window
from stream.sinks.exports.postgres.layout import (
    DEFAULT_SCHEMA,
    SCHEMA,
    layout_digest,
    layout_statements,
)
from stream.sinks.exports.postgres.transfer import PostgresExport, Transfer, WatchedRecords

if TYPE_CHECKING:
    from stream.sinks.exports.postgres.database import Database

__all__ = ["check_target", "export_postgres", "load_driver"]

EXTRA: Final = "PostgreSQL's driver is not installed: pip install 'usage-stream[postgres]'"
SERVICE: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")
SERVICE_WANTED: Final = (
    "found no name of a service; put what it takes to connect into pg_service.conf, a password "
    "into the file that PGPASSFILE names, and give the name"
)
SCHEMA_WANTED: Final = "expected up to 63 small letters, digits and _, no digit first, and not pg_"
LOCK_WAIT: Final = "60s"
"""How long another export is waited for."""


def check_target(schema: str, service: str | None) -> None:
    """See that there may be such a schema, and such a service.

    Raises:
        BadConfiguration: not so; a service is not shown, as there may be a password in it.
    """
    if not SCHEMA.fullmatch(schema):
        raise BadConfiguration(f"schema: {SCHEMA_WANTED}")
    if service is not None and not SERVICE.fullmatch(service):
        raise BadConfiguration(f"service: {SERVICE_WANTED}")


def load_driver() -> Callable[[str | None], AbstractContextManager[Database]]:
    """Return what connects.

    Raises:
        BadConfiguration: the driver is not installed.
    """
    try:
        from stream.sinks.exports.postgres.database import (  # noqa: PLC0415 -- an extra
            open_database,
        )
    except ImportError as error:  # of a driver without libpq too, which names no module
        if (error.name or "psycopg").partition(".")[0] != "psycopg":
            raise
        raise BadConfiguration(EXTRA) from None
    return open_database


def export_postgres(
    open_records: Callable[[], AbstractContextManager[WatchedRecords]],
    *,
    schema: str = DEFAULT_SCHEMA,
    service: str | None = None,
    span: Window = ALL_TIME,
) -> PostgresExport:
    """Export records whose windows start in a span; nothing outside of it is changed.

    Records are opened when no other export is under way, so that what is older never comes last.

    Raises:
        BadConfiguration: the driver is not installed, the database refuses what is asked for, or
            the schema holds tables of another layout.
        Unavailable: the database, or the records, cannot be reached.
        BadInput, Interrupted: the records cannot be read.
    """
    check_target(schema, service)
    with load_driver()(service) as database:
        database.rows("SELECT set_config('lock_timeout', %s, true)", LOCK_WAIT)
        database.run("SELECT pg_advisory_xact_lock(%s)", lock_number(schema))
        prepare_layout(database, schema)
        with open_records() as recorded:
            done = Transfer(database, schema, recorded, span).run()
    return done


def lock_number(schema: str) -> int:
    """Return the number of the lock that exports into a schema take."""
    digest = blake2b(f"usage-stream {schema}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def prepare_layout(database: Database, schema: str) -> None:
    """Make the schema and its tables, unless they are there.

    Raises:
        BadConfiguration: those that are there are of another layout.
    """
    if not database.rows("SELECT FROM pg_namespace WHERE nspname = %s", schema):
        database.run(f"CREATE SCHEMA {schema}")
    database.rows("SELECT set_config('search_path', %s, true)", schema)
    if database.rows("SELECT to_regclass('layout')") == [(None,)]:
        for statement in layout_statements():
            database.run(statement)
        made = "INSERT INTO layout (digest, made_by) VALUES (%s, %s)"
        database.run(made, layout_digest(), __version__)
        return
    found = database.rows("SELECT digest, made_by FROM layout")
    if [digest for digest, _ in found] != [layout_digest()]:
        made_by = show_label(", ".join(str(one) for _, one in found)) or "nobody"
        raise BadConfiguration(
            f"schema {schema}: found tables that usage-stream {made_by} made, "
            f"which {__version__} does not write; export into another schema (--schema), "
            f"or have them made anew: DROP SCHEMA {schema} CASCADE"
        )
