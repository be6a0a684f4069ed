"""The tables of a state file."""

from __future__ import annotations

import sqlite3
from functools import cache
from typing import Any, Final

from stream.state.sqlite.checksums import FileMark, add_tables, start_mark
from stream.state.sqlite.days import DAYS
from stream.state.sqlite.letters import LETTERS
from stream.state.sqlite.links import LINKS
from stream.state.sqlite.replayed_days import REPLAYED_DAYS
from stream.state.sqlite.table import SNAPSHOTS

__all__ = [
    "APPLICATION",
    "FORMER_VERSION",
    "TABLES",
    "VERSION",
    "create_tables",
    "describe_tables",
    "expected_tables",
    "upgrade_tables",
]

APPLICATION: Final = 0x75736773  # "usgs", in the header of every state file
VERSION: Final = 6
FORMER_VERSION: Final = 5
"""A file of it has no days of replays; it is read as it is, and who writes to it adds the table."""

PARTS: Final = """
CREATE TABLE parts (
    source TEXT, part TEXT, checksum BLOB NOT NULL, entry BLOB NOT NULL,
    PRIMARY KEY (source, part)
) WITHOUT ROWID;
"""
COUNTS: Final = """
CREATE TABLE counts (
    name TEXT PRIMARY KEY, checksum BLOB NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
"""
SERIES: Final = """
CREATE TABLE series (
    family TEXT, labels TEXT, accepted TEXT NOT NULL, corrected TEXT NOT NULL,
    folded INTEGER NOT NULL, checksum BLOB NOT NULL,
    PRIMARY KEY (family, labels)
) WITHOUT ROWID;
"""
FORMER_TABLES: Final = f"{PARTS}{COUNTS}{SNAPSHOTS}{LETTERS}{SERIES}{LINKS}{DAYS}"
TABLES: Final = f"{FORMER_TABLES}{REPLAYED_DAYS}"

DESCRIBED: Final = "SELECT type, name, tbl_name, sql FROM main.sqlite_master ORDER BY name"


def create_tables(database: sqlite3.Connection) -> None:
    """Make the tables of a new file, all or none; it can give back what it does not need."""
    database.execute("PRAGMA auto_vacuum = INCREMENTAL")
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(
        f"BEGIN; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; {TABLES}"
    )
    start_mark(database)
    database.execute("COMMIT")


def upgrade_tables(database: sqlite3.Connection, mark: FileMark) -> FileMark:
    """Make a file of the former version one of this, in a transaction; return its mark."""
    database.execute(f"PRAGMA user_version = {VERSION}")
    database.execute(REPLAYED_DAYS)
    return add_tables(database, mark)


def describe_tables(database: sqlite3.Connection) -> list[Any]:
    """Return what a file says of its tables: one that is damaged may hold other types."""
    return database.execute(DESCRIBED).fetchall()


@cache
def expected_tables(version: int) -> list[Any]:
    """Return what a file of this version, or the former one, must say of its tables."""
    database = sqlite3.connect(":memory:")
    try:
        database.executescript(TABLES if version == VERSION else FORMER_TABLES)
        return describe_tables(database)
    finally:
        database.close()
