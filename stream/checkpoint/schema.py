"""The tables of a state file, and how an older file is moved on to them."""

from __future__ import annotations

import sqlite3
from typing import Final

from stream.checkpoint.codec import checked, sealed
from stream.checkpoint.letters import LETTERS

__all__ = ["APPLICATION", "VERSION", "create", "migrate"]

APPLICATION: Final = 0x75736773  # "usgs", in the header of every state file
VERSION: Final = 2

PAGES: Final = """
CREATE TABLE pages (
    source TEXT, endpoint TEXT, label TEXT, page INTEGER,
    checksum BLOB NOT NULL, entry BLOB NOT NULL,
    PRIMARY KEY (source, endpoint, label, page)
) WITHOUT ROWID;
CREATE TABLE cursors (
    source TEXT, endpoint TEXT, label TEXT, next_page TEXT,
    window_start INTEGER, window_end INTEGER,
    last_synced_at INTEGER NOT NULL, error_count INTEGER NOT NULL,
    PRIMARY KEY (source, endpoint, label)
) WITHOUT ROWID;
"""
SNAPSHOTS: Final = """
CREATE TABLE snapshots (
    endpoint TEXT, label TEXT, window_start INTEGER, window_end INTEGER, rollup INTEGER,
    revision INTEGER NOT NULL, checksum BLOB NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (endpoint, label, window_start, window_end, rollup)
) WITHOUT ROWID;
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


def create(database: sqlite3.Connection) -> None:
    """Make the tables of a new file, all or none."""
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript(
        f"BEGIN; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
        f"{PAGES}{SNAPSHOTS}{LETTERS}{SERIES} COMMIT;"
    )


def migrate(database: sqlite3.Connection) -> None:
    """Move a file of version 1 on: its pages come from a source without a name.

    Raises:
        ValueError: a row is not what was written.
    """
    database.execute("BEGIN IMMEDIATE")
    try:
        pages = database.execute("SELECT * FROM pages").fetchall()
        cursors = database.execute("SELECT * FROM cursors").fetchall()
        database.execute("DROP TABLE pages")
        database.execute("DROP TABLE cursors")
        for statement in f"{PAGES}{LETTERS}{SERIES}".split(";"):
            database.execute(statement)
        for endpoint, label, page, checksum, entry in pages:
            checked(checksum, endpoint, label, page, entry)
            row = sealed(("", endpoint, label, page), entry)
            database.execute("INSERT INTO pages VALUES (?, ?, ?, ?, ?, ?)", row)
        database.executemany("INSERT INTO cursors VALUES ('', ?, ?, ?, ?, ?, ?, ?)", cursors)
        database.execute(f"PRAGMA user_version = {VERSION}")
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
