"""State files of versions 1 and 2 are moved on; a newer one is refused."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from stream.state.sqlite.codec import ENCODER, Codec, checksum_of
from tests.support.running import replay


def packed_2(endpoint: str, revision: int, digest: bytes, body: bytes) -> bytes:
    """Write a snapshot as version 2 did."""
    snapshot = Codec().unpacked(endpoint, revision, digest, body)
    written = snapshot.dimensions, snapshot.counters, sorted(snapshot.collisions, key=repr)
    return zlib.compress(ENCODER.encode(written), 1)


def as_version_2(state: Path) -> None:
    """Turn a state file back into what version 2 wrote."""
    with sqlite3.connect(state) as database:
        pages = database.execute(
            "SELECT source, endpoint, label, page, entry FROM pages"
        ).fetchall()
        cursors = database.execute(
            "SELECT source, endpoint, label, next_page, window_start, window_end, last_synced_at,"
            " error_count FROM cursors"
        ).fetchall()
        snapshots = database.execute(
            "SELECT endpoint, label, window_start, window_end, rollup, revision, digest, body"
            " FROM snapshots"
        ).fetchall()
        database.executescript(
            "DROP TABLE pages; DROP TABLE cursors; DROP TABLE letters; DROP TABLE captures;"
            "DROP TABLE links; DROP TABLE shards;"
            "DROP TABLE snapshots; CREATE TABLE pages (source TEXT, endpoint TEXT, label TEXT,"
            " page INTEGER, checksum BLOB NOT NULL, entry BLOB NOT NULL,"
            " PRIMARY KEY (source, endpoint, label, page)) WITHOUT ROWID;"
            "CREATE TABLE cursors (source TEXT, endpoint TEXT, label TEXT, next_page TEXT,"
            " window_start INTEGER, window_end INTEGER, last_synced_at INTEGER NOT NULL,"
            " error_count INTEGER NOT NULL, PRIMARY KEY (source, endpoint, label)) WITHOUT ROWID;"
            "CREATE TABLE letters (source TEXT, endpoint TEXT, label TEXT, page INTEGER,"
            " place INTEGER, checksum BLOB NOT NULL, body BLOB NOT NULL,"
            " PRIMARY KEY (source, endpoint, label, page, place)) WITHOUT ROWID;"
            "CREATE TABLE snapshots (endpoint TEXT, label TEXT, window_start INTEGER,"
            " window_end INTEGER, rollup INTEGER, revision INTEGER NOT NULL,"
            " checksum BLOB NOT NULL, body BLOB NOT NULL, PRIMARY KEY"
            " (endpoint, label, window_start, window_end, rollup)) WITHOUT ROWID;"
            "PRAGMA user_version = 2;"
        )
        database.executemany(
            "INSERT INTO pages VALUES (?, ?, ?, ?, ?, ?)",
            [(*key, checksum_of(*key, entry), entry) for *key, entry in pages],
        )
        database.executemany("INSERT INTO cursors VALUES (?, ?, ?, ?, ?, ?, ?, ?)", cursors)
        for *key, digest, body in snapshots:
            old = packed_2(key[0], key[5], digest, body)
            database.execute(
                "INSERT INTO snapshots VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*key, checksum_of(*key, old), old),
            )
    database.close()


def as_version_1(state: Path) -> None:
    """Turn a state file back into what version 1 wrote."""
    as_version_2(state)
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


@pytest.mark.parametrize("turned_back", [as_version_1, as_version_2])
def test_an_older_version_is_moved_on(
    pages: Path, state: Path, turned_back: Callable[[Path], None]
) -> None:
    """A replay goes on with an older file, whose pages it need not read again."""
    first = replay(pages, state=state)
    turned_back(state)
    for path in pages.iterdir():
        path.unlink()
    assert replay(pages, state=state).raw == first.raw
    with sqlite3.connect(state) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (3,)
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
        database.execute("PRAGMA user_version = 4")
    database.close()
    replayed = replay(pages, state=state)
    assert replayed.code == 65
    assert "version 4" in replayed.errors
