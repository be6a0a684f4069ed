"""State files of version 1 are moved on; a newer one is refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from stream.checkpoint.codec import checksum_of
from tests.running import replay


def as_version_1(state: Path) -> None:
    """Turn a state file back into what version 1 wrote."""
    with sqlite3.connect(state) as database:
        pages = database.execute("SELECT endpoint, label, page, entry FROM pages").fetchall()
        cursors = database.execute(
            "SELECT endpoint, label, next_page, window_start, window_end, last_synced_at,"
            " error_count FROM cursors"
        ).fetchall()
        database.executescript(
            "DROP TABLE pages; DROP TABLE cursors; DROP TABLE letters; DROP TABLE series;"
            "CREATE TABLE pages (endpoint TEXT, label TEXT, page INTEGER, checksum BLOB NOT NULL,"
            " entry BLOB NOT NULL, PRIMARY KEY (endpoint, label, page)) WITHOUT ROWID;"
            "CREATE TABLE cursors (endpoint TEXT, label TEXT, next_page TEXT, window_start INTEGER,"
            " window_end INTEGER, last_synced_at INTEGER NOT NULL, error_count INTEGER NOT NULL,"
            " PRIMARY KEY (endpoint, label)) WITHOUT ROWID; PRAGMA user_version = 1;"
        )
        database.executemany(
            "INSERT INTO pages VALUES (?, ?, ?, ?, ?)",
            [(*key, checksum_of(*key, entry), entry) for *key, entry in pages],
        )
        database.executemany("INSERT INTO cursors VALUES (?, ?, ?, ?, ?, ?, ?)", cursors)
    database.close()


def test_version_1_is_moved_on(pages: Path, state: Path) -> None:
    """A replay goes on with an older file, whose pages it need not read again."""
    first = replay(pages, state=state)
    as_version_1(state)
    for path in pages.iterdir():
        path.unlink()
    assert replay(pages, state=state).raw == first.raw
    with sqlite3.connect(state) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (2,)
    database.close()


def test_a_damaged_row_of_version_1_is_named(pages: Path, state: Path) -> None:
    """What is not as it was written is not moved on, and the file stays as it is."""
    replay(pages, state=state)
    as_version_1(state)
    with sqlite3.connect(state) as database:
        database.execute("UPDATE pages SET entry = entry || x'00'")
    database.close()
    before = state.read_bytes()
    replayed = replay(pages, state=state)
    assert (replayed.code, len(replayed.errors.splitlines())) == (65, 1)
    assert state.read_bytes() == before


def test_a_newer_version_is_refused(pages: Path, state: Path) -> None:
    """State of a version that is not known yet ends the run with 65."""
    replay(pages, state=state)
    with sqlite3.connect(state) as database:
        database.execute("PRAGMA user_version = 3")
    database.close()
    replayed = replay(pages, state=state)
    assert replayed.code == 65
    assert "version 3" in replayed.errors
