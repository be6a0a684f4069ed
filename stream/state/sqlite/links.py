"""What each page says of its walk, in the order in which walks are judged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final

from stream.records.chains import Chain, Link
from stream.records.delivery import Part
from stream.state.links import WalkKey
from stream.state.sqlite.codec import check_row, checksum_of

__all__ = [
    "LINKS",
    "forget_pages",
    "forget_walks",
    "link_chains_in",
    "links_in",
    "links_of",
    "put_links",
    "walks_before",
    "walks_in",
]

LINKS: Final = """
CREATE TABLE links (
    endpoint TEXT, label TEXT, view TEXT, revision INTEGER, source TEXT, part TEXT, place INTEGER,
    number INTEGER NOT NULL, after INTEGER NOT NULL, asked INTEGER NOT NULL,
    digest INTEGER NOT NULL, fault TEXT NOT NULL, cursor TEXT, checksum BLOB NOT NULL,
    PRIMARY KEY (endpoint, label, view, revision, source, part, place)
) WITHOUT ROWID;
CREATE INDEX links_of_parts ON links (source, part);
"""
ORDERED: Final = "SELECT * FROM links ORDER BY endpoint, label, view, revision, source, part, place"
OF_WALK: Final = "SELECT * FROM links WHERE (endpoint, label, view, revision) = (?, ?, ?, ?)"
OF_PART: Final = (
    "SELECT DISTINCT endpoint, label, view, revision FROM links WHERE (source, part) = (?, ?)"
)
NEXT_CHAIN: Final = (
    "SELECT endpoint, label, view FROM links WHERE (endpoint, label, view) > (?, ?, ?) "
    "ORDER BY endpoint, label, view LIMIT 1"
)
BEFORE: Final = (
    "SELECT DISTINCT revision FROM links WHERE (endpoint, label, view) = (?, ?, ?) "
    "AND revision > 0 AND revision < ? ORDER BY revision"
)
FORGET: Final = "DELETE FROM links WHERE (endpoint, label, view, revision) = (?, ?, ?, ?)"


def put_links(database: sqlite3.Connection, links: Iterable[tuple[Chain, Part, int, Link]]) -> int:
    """Put what pages say in the place of what they said before; return how many links it were."""
    rows = ((*chain, link.revision, *part, place, *link[1:]) for chain, part, place, link in links)
    return database.executemany(
        "REPLACE INTO links VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ((*row, checksum_of(*row)) for row in rows),
    ).rowcount


def links_in(database: sqlite3.Connection) -> Iterator[tuple[Chain, Part, Link]]:
    """Yield all links in the order of chains and revisions.

    Raises:
        ValueError: one is not what was written.
    """
    yield from map(link_of, database.execute(ORDERED))


def links_of(database: sqlite3.Connection, walk: WalkKey) -> Iterator[tuple[Part, Link]]:
    """Yield the links of one walk, each with its page's part.

    Raises:
        ValueError: one is not what was written.
    """
    chain, revision = walk
    for _, part, link in map(link_of, database.execute(OF_WALK, (*chain, revision))):
        yield part, link


def link_of(found: tuple[object, ...]) -> tuple[Chain, Part, Link]:
    """Return what a row says."""
    *row, checksum = found
    check_row(checksum, *row)  # type: ignore[arg-type]  # as it was written
    endpoint, label, view, revision, source, part, _, *link = row
    return (
        Chain(endpoint, label, view),  # type: ignore[arg-type]  # the checksum says so
        Part(source, part),  # type: ignore[arg-type]  # as above
        Link(revision, *link),  # type: ignore[arg-type]  # as above
    )


def walks_in(database: sqlite3.Connection, part: Part) -> Iterator[WalkKey]:
    """Yield the walks of which a part has pages."""
    for *chain, revision in database.execute(OF_PART, part):
        yield Chain(*chain), revision


def forget_pages(database: sqlite3.Connection, parts: Iterable[Part]) -> None:
    """Forget what the pages of parts said of their walks, and their dead letters."""
    for part in parts:
        database.execute("DELETE FROM links WHERE (source, part) = (?, ?)", part)
        database.execute("DELETE FROM letters WHERE (source, part) = (?, ?)", part)


def link_chains_in(database: sqlite3.Connection) -> Iterator[Chain]:
    """Yield the chains that have links, each found without a look at its links."""
    row = database.execute(NEXT_CHAIN, ("", "", "")).fetchone()
    while row is not None:
        yield Chain(*row)
        row = database.execute(NEXT_CHAIN, row).fetchone()


def walks_before(database: sqlite3.Connection, chain: Chain, revision: int) -> Iterator[WalkKey]:
    """Yield the walks of a chain of which it is known that they were made before a revision."""
    for (found,) in database.execute(BEFORE, (*chain, revision)):
        yield chain, found


def forget_walks(database: sqlite3.Connection, walks: Iterable[WalkKey]) -> int:
    """Forget what the pages of walks said; return how many links that were."""
    rows = ((*chain, revision) for chain, revision in walks)
    return database.executemany(FORGET, rows).rowcount
