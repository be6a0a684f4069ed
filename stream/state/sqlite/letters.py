"""Dead letters by page, in a state file or in a database that lives as long as a run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Final

from stream.records.chains import Chain
from stream.records.delivery import Part
from stream.state.links import Letters, PagePlace
from stream.state.sqlite.codec import check_row, seal_row

__all__ = ["LETTERS", "placed_letters_in", "put_letters"]

LETTERS: Final = """
CREATE TABLE letters (
    source TEXT, part TEXT, page INTEGER, endpoint TEXT, label TEXT, view TEXT, place INTEGER,
    checksum BLOB NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (source, part, page, endpoint, label, view, place)
) WITHOUT ROWID;
"""
ORDERED: Final = "SELECT * FROM letters ORDER BY endpoint, label, view, page, source, part, place"


def put_letters(database: sqlite3.Connection, letters: Mapping[PagePlace, Letters]) -> None:
    """Put each page's letters in the place of what it had before."""
    for (part, page), (chain, bodies) in letters.items():
        key = (*part, page)
        database.execute("DELETE FROM letters WHERE (source, part, page) = (?, ?, ?)", key)
        database.executemany(
            "INSERT INTO letters VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (seal_row((*key, *chain, place), body) for place, body in enumerate(bodies)),
        )


def placed_letters_in(database: sqlite3.Connection) -> Iterator[tuple[PagePlace, Chain, bytes]]:
    """Yield the letters with their pages, in the order of chains and pages.

    Raises:
        ValueError: one is not what was written.
    """
    for *key, checksum, body in database.execute(ORDERED):
        check_row(checksum, *key, body)
        source, name, page, endpoint, label, view, _ = key
        yield (Part(source, name), page), Chain(endpoint, label, view), renew_letter(body)


def renew_letter(body: bytes) -> bytes:
    """Return a letter as it is written today: earlier versions had ``sha256`` for ``digest``."""
    head, mark, content = body.partition(b',"content":')  # in texts quotes are escaped
    before, key, digest = head.rpartition(b',"sha256":')
    if not key:
        return body
    return b"".join((before, b',"digest":', digest.replace(b'"', b'"sha256:', 1), mark, content))
