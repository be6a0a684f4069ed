"""The tables of a state file, and how an older file is moved on to them."""

from __future__ import annotations

import sqlite3
from typing import Final

from stream.records.chains import Chain
from stream.records.windows import Slot, Window
from stream.state.sqlite.codec import checked, sealed, unpacked_v2
from stream.state.sqlite.letters import LETTERS
from stream.state.sqlite.table import SNAPSHOTS, StoredWindows

__all__ = ["APPLICATION", "TABLES", "VERSION", "create", "migrate"]

APPLICATION: Final = 0x75736773  # "usgs", in the header of every state file
VERSION: Final = 3

PAGES: Final = """
CREATE TABLE pages (
    source TEXT, endpoint TEXT, label TEXT, view TEXT, page INTEGER,
    checksum BLOB NOT NULL, entry BLOB NOT NULL,
    PRIMARY KEY (source, endpoint, label, view, page)
) WITHOUT ROWID;
CREATE TABLE cursors (
    source TEXT, endpoint TEXT, label TEXT, view TEXT, next_page TEXT,
    window_start INTEGER, window_end INTEGER,
    last_synced_at INTEGER NOT NULL, error_count INTEGER NOT NULL,
    PRIMARY KEY (source, endpoint, label, view)
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
CAPTURES: Final = """
CREATE TABLE captures (
    source TEXT, checksum BLOB NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (source)
) WITHOUT ROWID;
CREATE TABLE links (
    endpoint TEXT, label TEXT, view TEXT, revision INTEGER, source TEXT, line INTEGER,
    after INTEGER NOT NULL, asked INTEGER NOT NULL, digest INTEGER NOT NULL,
    checksum BLOB NOT NULL,
    PRIMARY KEY (endpoint, label, view, revision, source, line)
) WITHOUT ROWID;
CREATE TABLE shards (name TEXT PRIMARY KEY) WITHOUT ROWID;
"""
TABLES: Final = f"{PAGES}{COUNTS}{SNAPSHOTS}{LETTERS}{SERIES}{CAPTURES}"


def create(database: sqlite3.Connection) -> None:
    """Make the tables of a new file, all or none."""
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(
        f"BEGIN; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
        f"{TABLES} COMMIT;"
    )


def migrate(database: sqlite3.Connection, version: int) -> None:
    """Move an older file on; a file of version 1 has pages of a source without a name.

    Raises:
        ValueError: a row is not what was written.
    """
    database.execute("BEGIN IMMEDIATE")
    try:
        if version == 1:
            to_version_2(database)
        to_version_3(database)
        database.execute(f"PRAGMA user_version = {VERSION}")
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def to_version_2(database: sqlite3.Connection) -> None:
    """Name the source of pages: it has none; letters and series are new."""
    for table, columns in (("pages", "?, ?, ?, ?, ?, ?"), ("cursors", "'', ?, ?, ?, ?, ?, ?, ?")):
        rows = database.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 -- names from above
        database.execute(f"DROP TABLE {table}")
        for statement in without_view(PAGES).split(";"):
            if f"TABLE {table} " in statement:
                database.execute(statement)
        for row in rows:
            values = row
            if table == "pages":
                *key, checksum, entry = row
                checked(checksum, *key, entry)
                values = sealed(("", *key), entry)
            database.execute(f"INSERT INTO {table} VALUES ({columns})", values)  # noqa: S608 -- as above
    for statement in f"{without_view(LETTERS)}{SERIES}".split(";"):
        database.execute(statement)


def without_view(tables: str) -> str:
    """Return tables as version 2 has them."""
    return tables.replace(" view TEXT,", "").replace(", view", "")


def to_version_3(database: sqlite3.Connection) -> None:
    """Add the view to every key, and write snapshots anew."""
    before = {
        table: database.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 -- names from here
        for table in ("pages", "cursors", "letters")
    }
    database.execute("ALTER TABLE snapshots RENAME TO snapshots_2")
    for table in before:
        database.execute(f"DROP TABLE {table}")
    for statement in f"{PAGES}{LETTERS}{SNAPSHOTS}{CAPTURES}".split(";"):
        database.execute(statement)
    for source, endpoint, label, *cursor in before["cursors"]:
        row = (source, endpoint, label, "", *cursor)
        database.execute("INSERT INTO cursors VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    for table in ("pages", "letters"):
        for *key, checksum, body in before[table]:
            checked(checksum, *key, body)
            row = sealed((*key[:3], "", *key[3:]), body)
            marks = ", ".join("?" * len(row))
            database.execute(f"INSERT INTO {table} VALUES ({marks})", row)  # noqa: S608 -- as above
    windows = StoredWindows(database)
    for *place, checksum, body in database.execute("SELECT * FROM snapshots_2"):
        checked(checksum, *place, body)
        endpoint, label, start, end, rollup, revision = place
        slot = Slot(Window(start, end), bool(rollup))
        windows.put([((Chain(endpoint, label), slot), unpacked_v2(endpoint, revision, body))])
    database.execute("DROP TABLE snapshots_2")
