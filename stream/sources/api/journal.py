"""What is written while an API is asked: the source says what, somebody else where it goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from stream.sources.api.progress import OpenWalk

__all__ = ["Journal", "KeptPage", "StoredWalk", "keep_page", "load_walks"]


class KeptPage(NamedTuple):
    """A page of a walk under way: its line of a capture, and the cursor of the next one.

    The page itself begins at ``start`` in the line, and ends before the envelope does.
    """

    line: bytes
    start: int
    next_cursor: str | None

    @property
    def page(self) -> bytes:
        """The page alone, as JSON."""
        return self.line[self.start :].rstrip()[:-1]


class StoredWalk(NamedTuple):
    """What the first record of a walk under way says: of which part it is, and its query."""

    part: str
    walk: OpenWalk


class Journal(Protocol):
    """Where whole walks go as evidence, and where the others are kept until they are whole.

    Everything raises Unavailable where it cannot be read or written.
    """

    async def load_progress(self) -> bytes | None:
        """Return what :meth:`keep_progress` has kept last; ``None``: nothing."""

    async def keep_progress(self, saved: bytes) -> None:
        """Keep how far everything has been asked."""

    async def load_walks(self) -> dict[str, list[bytes]]:
        """Return the records of the walks that are kept."""

    async def keep_records(self, part: str, records: Sequence[bytes], *, anew: bool) -> None:
        """Keep more records of a part's walk; ``anew``: in the place of all before."""

    async def add_walk(self, lines: Sequence[bytes]) -> None:
        """Put a whole walk into the evidence, where it is safe when this returns."""


ENCODE: Final = msgspec.msgpack.Encoder().encode
WALK: Final = msgspec.msgpack.Decoder(StoredWalk).decode
PAGE: Final = msgspec.msgpack.Decoder(KeptPage).decode


async def keep_page(
    journal: Journal, part: str, walk: OpenWalk, page: KeptPage, *, first: bool
) -> None:
    """Keep another page of a walk; with the ``first`` it is said which walk that is."""
    records = [ENCODE(StoredWalk(part, walk)), ENCODE(page)] if first else [ENCODE(page)]
    await journal.keep_records(part, records, anew=first)


async def load_walks(journal: Journal) -> list[tuple[StoredWalk, list[KeptPage]]]:
    """Return the walks that are kept; what cannot be read of them is asked for again."""
    found = []
    for head, *pages in (await journal.load_walks()).values():
        try:
            found.append((WALK(head), [PAGE(page) for page in pages]))
        except msgspec.MsgspecError:
            continue
    return found
