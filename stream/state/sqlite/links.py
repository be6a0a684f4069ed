"""What each line of a capture says of its walk, in the order in which walks are judged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from stream.records.chains import Chain, Link
from stream.state.sqlite.codec import checked, checksum_of
from stream.state.sqlite.letters import PageKey

__all__ = ["Walk", "forget_lines", "links_in", "links_of", "put_links", "walks_in"]

Walk: TypeAlias = tuple[Chain, int]
"""One pass over a chain: the chain, and its revision."""

OF_WALK: Final = "(endpoint, label, view, revision) = (?, ?, ?, ?)"


def put_links(database: sqlite3.Connection, links: Mapping[PageKey, Link]) -> None:
    """Put what lines say in the place of what they said before."""
    rows = (
        (*origin.chain, link.revision, origin.source, line, *link[1:])
        for (origin, line), link in links.items()
    )
    database.executemany(
        "REPLACE INTO links VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ((*row, checksum_of(*row)) for row in rows),
    )


def links_in(database: sqlite3.Connection) -> Iterator[tuple[Chain, Link]]:
    """Yield all links in the order of chains and revisions.

    Raises:
        ValueError: one is not what was written.
    """
    order = "endpoint, label, view, revision, source, line"
    for *row, checksum in database.execute(f"SELECT * FROM links ORDER BY {order}"):  # noqa: S608 -- a constant
        checked(checksum, *row)
        endpoint, label, view, revision, _, _, *link = row
        yield Chain(endpoint, label, view), Link(revision, *link)


def links_of(database: sqlite3.Connection, walk: Walk) -> Iterator[tuple[str, Link]]:
    """Yield the links of one walk, each with its capture's source.

    Raises:
        ValueError: one is not what was written.
    """
    chain, revision = walk
    found = database.execute(f"SELECT * FROM links WHERE {OF_WALK}", (*chain, revision))  # noqa: S608 -- a constant
    for *row, checksum in found:
        checked(checksum, *row)
        yield row[4], Link(revision, *row[6:])


def walks_in(database: sqlite3.Connection, source: str) -> Iterator[Walk]:
    """Yield the walks of which a capture has lines."""
    found = "SELECT DISTINCT endpoint, label, view, revision FROM links WHERE source = ?"
    for *chain, revision in database.execute(found, (source,)):
        yield Chain(*chain), revision


def forget_lines(database: sqlite3.Connection, sources: Iterable[str]) -> None:
    """Forget what the lines of captures said, and their dead letters."""
    for source in sources:
        database.execute("DELETE FROM links WHERE source = ?", (source,))
        database.execute("DELETE FROM letters WHERE source = ?", (source,))
