"""What a source emits, whatever it reads: a page, the part that it stands in, and where that leads.

A **part** is what a source keeps its place in: a file, or a live chain. A **position** is that
place, as bytes that only the source reads; it is stored with the records that it brought, in one
transaction, and given back to the source when it is built again.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import Struct

from stream.records.chains import Chain
from stream.records.errors import BadInput

__all__ = ["UNKNOWN_CHAIN", "Delivery", "LeftOut", "Page", "Part", "seconds_until", "size_of"]

UNKNOWN_CHAIN = "capture"
"""The endpoint of a page of which nobody can tell what it is of: its label names the file."""

AHEAD: Final = 300
"""Seconds that a walk may be ahead of the clock."""
MICRO: Final = 1_000_000


class LeftOut(NamedTuple):
    """A file, a directory or a link that stands where pages are read, and is not: its reason."""

    name: str
    reason: str


class Part(NamedTuple):
    """What a source keeps its place in; ``source`` is empty for the one of a replay."""

    source: str
    name: str


class Page(Struct, frozen=True):
    """One answer of an API: its bytes, or why there are none.

    ``place`` is where it stands in its part, from 1 on: the number of a fixture, or the line of a
    capture. ``number`` is its place in its walk, from 1 on, or 0 where pages are not numbered;
    ``asked_cursor`` the cursor that it was asked for with, as far as that is known. ``revision`` is
    when its walk was made, in microseconds since 1970, or 0.

    A page that is not ``final`` may come again as something else, in the place of what it was:
    the end of a file that is still written to. ``seconds`` is how long reading it took, and
    ``nul_bytes`` is how many NUL bytes stood in front of it, and were passed over. ``ends_walk``:
    whoever asked ended the walk there, whatever the page says. One that ``is_bare`` has no envelope
    in its capture: what it was asked with is said elsewhere.
    """

    chain: Chain
    place: int
    content: bytes
    number: int = 0
    revision: int = 0
    asked_cursor: str | None = None
    error: BadInput | None = None
    final: bool = True
    seconds: float = 0.0
    nul_bytes: int = 0
    ends_walk: bool = False
    is_bare: bool = False

    def seconds_ahead(self, now: int) -> int:
        """Return how many seconds before its walk may be taken in; ``now`` is in Unix seconds.

        A walk is not made in the future, but for the five minutes by which clocks may differ.
        """
        return seconds_until(self.revision, now)


class Delivery(Struct, frozen=True):
    """A page on the channel, with its part and the position behind it.

    Without a page it brings a position alone. ``name`` is what people are told of the part, and
    ``digest`` that of the bytes that it is stored as, once those are known. ``begins_anew``:
    what the part said before does not stand in it any more, and this is its first page.
    ``is_gone``: the part is not there any more; what it brought still counts, and what was set
    aside is forgotten. ``comes_again``: the page was set aside as a whole, and may be sound now.
    """

    part: Part
    name: str
    page: Page | None
    position: bytes
    digest: bytes = b""
    begins_anew: bool = False
    is_gone: bool = False
    comes_again: bool = False


def size_of(delivery: object) -> int:
    """Return how many bytes what comes through a channel carries."""
    page = delivery.page if isinstance(delivery, Delivery) else None
    return 0 if page is None else len(page.content)


def seconds_until(revision: int, now: int) -> int:
    """Return how many seconds before a walk of that revision may be taken in; 0: at once."""
    return max(-(-revision // MICRO) - now - AHEAD, 0)
