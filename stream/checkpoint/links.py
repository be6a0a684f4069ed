"""What each line of a capture says of its walk, in the order in which walks are judged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping

from stream.chains import Link
from stream.checkpoint.codec import checked, checksum_of
from stream.checkpoint.letters import PageKey
from stream.records import Chain

__all__ = ["links_in", "put_links"]


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
