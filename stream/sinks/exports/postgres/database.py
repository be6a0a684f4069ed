"""PostgreSQL, by psycopg: one connection and one transaction, and errors that say what to do.

Whom to speak to, and with which password, is libpq's own affair: its variables and files.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg

from stream.records.errors import BadConfiguration, Unavailable, UsageStreamError
from stream.records.privacy import one_line, register_secret

__all__ = ["Database", "open_database"]

PASSWORD: Final = "PGPASSWORD"  # noqa: S105 -- the name of a variable
REFUSED: Final = frozenset({"25006", "42501"})
"""What PostgreSQL says of a transaction that may only read, and of missing privileges."""
LAYOUT: Final = frozenset({"42P01", "42P07", "42703", "42704", "42804"})
"""What it says of tables, views and columns that are not there, are so already, or are others."""
NO_SCHEMA: Final = "3F000"
"""What it says where none of the schemas that are searched can be used by the role."""
TAKEN: Final = "55P03"

logging.getLogger("psycopg").addHandler(logging.NullHandler())
"""Or what it passes over while it ends stands on stderr, before the line that says why."""


class Database:
    """A transaction; each method raises as :func:`open_database` says."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Speak through a connection."""
        self._connection = connection

    def run(self, statement: str, *values: Any) -> int:
        """Run a statement; return how many rows it changed."""
        return self._connection.execute(statement.encode(), values or None).rowcount

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """Run a query; return its rows."""
        return self._connection.execute(statement.encode(), values or None).fetchall()

    def copy(self, table: str, columns: Sequence[str], blocks: Iterable[bytes]) -> None:
        """Send lines into a table, as COPY reads them."""
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        with self._connection.cursor().copy(statement.encode()) as copy:
            for block in blocks:
                copy.write(block)


@contextmanager
def open_database(service: str | None) -> Iterator[Database]:
    """Connect, and do all that is done meanwhile in one transaction, or nothing of it.

    Raises:
        Unavailable: the database cannot be reached, or does not do it now.
        BadConfiguration: it refuses what is asked for.
    """
    if password := os.environ.get(PASSWORD):
        register_secret(password)
    try:
        with psycopg.connect(
            f"service={service}" if service is not None else "",
            fallback_application_name="usage-stream",
            client_encoding="UTF8",
            prepare_threshold=None,  # a pooler may stand between
        ) as connection:
            encoding = connection.info.parameter_status("server_encoding")
            if encoding != "UTF8":
                raise BadConfiguration(
                    f"PostgreSQL: found a database in {encoding}, expected one in UTF8: "
                    "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
                )
            yield Database(connection)
    except psycopg.Error as error:
        raise error_of(error) from None


def error_of(error: psycopg.Error) -> UsageStreamError:
    """Return an error of ours for one of PostgreSQL's; values of rows are not in it."""
    text = error.diag.message_primary or str(error)
    said = "; ".join(line.strip() for line in text.splitlines() if line.strip())
    told = f"PostgreSQL: {one_line(said)}"
    if error.sqlstate in REFUSED:
        return BadConfiguration(f"{told}; grant it to the role, or connect as another one")
    if error.sqlstate == NO_SCHEMA:
        return BadConfiguration(
            f"{told}: the role has no rights on the schema; GRANT USAGE, CREATE ON SCHEMA to it, "
            "or connect as another one"
        )
    if error.sqlstate in LAYOUT:
        return BadConfiguration(
            f"{told}; the schema does not hold what this program makes: choose another one, "
            "or drop it and export again"
        )
    if error.sqlstate == TAKEN:
        return Unavailable(f"{told}; another export is under way: try again when it is done")
    return Unavailable(f"{told}; PGHOST, PGSERVICE and PGPASSFILE say where and how to connect")
