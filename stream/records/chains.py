"""TODO."""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec import Struct, field

from stream.records.windows import Window

__all__ = ["Delivered", "Link", "spanned", "Chain", "Origin"]


class Chain(NamedTuple):
    """Names a chain: the endpoint's key, the label, and the view.

    The view says by what groups and filters the chain was asked for, where that is known.
    """

    endpoint: str
    label: str
    view: str = ""


class Origin(NamedTuple):
    """Where pages come from: a source's name (empty for the directory of a replay), and the chain.

    State is one for all sources; which pages of a chain have been read is known for each of them.
    """

    source: str
    chain: Chain


class Delivered(Struct):
    """What a chain's pages delivered, added up."""

    pages: int = 0
    rows: int = 0
    buckets: int = 0
    window: Window | None = None
    unknown_fields: set[str] = field(default_factory=set)
    letters: int = 0

    def add(self, entry: Any) -> None:
        """Add what a page delivered."""
        self.pages += not entry.set_aside
        self.rows += entry.rows
        self.buckets += entry.buckets
        self.window = spanned(self.window, entry.window)
        self.unknown_fields.update(entry.unknown_fields)
        self.letters += entry.letters

    def joined(self, other: Delivered) -> Delivered:
        """Add what others delivered."""
        return Delivered(
            self.pages + other.pages,
            self.rows + other.rows,
            self.buckets + other.buckets,
            spanned(self.window, other.window),
            self.unknown_fields | other.unknown_fields,
            self.letters + other.letters,
        )


class Link(NamedTuple):
    """What a page of a capture says of its walk: cursors as numbers that tell them apart, or 0.

    ``after`` is the cursor of the next page, ``asked`` that of this one, ``digest`` is the page's.
    """

    revision: int
    after: int
    asked: int
    digest: int


def spanned(known: Window | None, window: Window | None) -> Window | None:
    """Return the span of both windows."""
    if known is None or window is None:
        return window if known is None else known
    return Window(min(known.start, window.start), max(known.end, window.end))
