"""Dead letters by page, in a state file or in a database that lives as long as a run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from stream.records.chains import Chain, Origin
from stream.state.sqlite.codec import checked, sealed

__all__ = ["LETTERS", "PageKey", "letters_in", "paged_letters_in", "put_letters"]

PageKey = tuple[Origin, int]
"""A page: where it comes from, and its number."""

LETTERS: Final = """
CREATE TABLE letters (
    source TEXT, endpoint TEXT, label TEXT, view TEXT, page INTEGER, place INTEGER,
    checksum BLOB NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (source, endpoint, label, view, page, place)
) WITHOUT ROWID;
"""
ORDERED: Final = "SELECT * FROM letters ORDER BY endpoint, label, view, page, source, place"


def put_letters(database: sqlite3.Connection, letters: Mapping[PageKey, Iterable[bytes]]) -> None:
    """Put each page's letters in the place of what it had before."""
    for (origin, page), bodies in letters.items():
        key = (origin.source, *origin.chain, page)
        database.execute(
            "DELETE FROM letters WHERE (source, endpoint, label, view, page) = (?, ?, ?, ?, ?)", key
        )
        database.executemany(
            "INSERT INTO letters VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (sealed((*key, place), body) for place, body in enumerate(bodies)),
        )


def letters_in(database: sqlite3.Connection) -> Iterator[bytes]:
    """Yield the letters in the order of chains and pages.

    Raises:
        ValueError: one is not what was written.
    """
    for _, body in paged_letters_in(database):
        yield body


def paged_letters_in(database: sqlite3.Connection) -> Iterator[tuple[PageKey, bytes]]:
    """Yield the letters with their pages, in the order of chains and pages.

    Raises:
        ValueError: one is not what was written.
    """
    for *key, checksum, body in database.execute(ORDERED):
        checked(checksum, *key, body)
        source, endpoint, label, view, page, _ = key
        yield (Origin(source, Chain(endpoint, label, view)), page), body
