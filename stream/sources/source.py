"""What a source is: it looks once, or again and again, and emits what is news."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from msgspec import Struct

from stream.records.delivery import Delivery
from stream.sources.digests import CHEAP, Digests

__all__ = ["DEFAULT_PAGE_BYTES", "ReadOptions", "Send", "Source"]

DEFAULT_PAGE_BYTES = 256 * 1024 * 1024
"""How large a page may be, unless somebody says otherwise."""
Send: TypeAlias = Callable[[Delivery], Awaitable[None]]
"""Puts a delivery into the channel, waiting for room."""


class ReadOptions(Struct, frozen=True):
    """How files are read: the most bytes of a page, and what digests are taken.

    Without ``has_positions`` nobody will go on from them, and they are left empty.
    """

    max_page_bytes: int
    digests: Digests = CHEAP
    has_positions: bool = True


class Source(Protocol):
    """Where pages come from: a directory, a pace, a live API.

    A source is built from the positions that state has of its parts, and never looks into the
    consumer. What a delivery has not reached the state with is emitted again by the next process.
    """

    name: str
    """What its parts are known by."""

    async def look(self, send: Send) -> float | None:
        """Emit what is news; return after how many seconds to look again, ``None``: never.

        Raises:
            Unavailable: something cannot be read; everything else was emitted.
        """
