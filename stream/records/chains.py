"""Chains, and what they come to: what their pages delivered, and how their walks stand."""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

from msgspec import Struct

from stream.records.windows import Window

__all__ = [
    "FOLDED",
    "PRIMARY",
    "Chain",
    "ChainSummary",
    "Link",
    "Origin",
    "PageSums",
    "folded_chain",
    "span_of",
]

PRIMARY: Final = "primary"
"""The label of pages that name none."""
FOLDED: Final = " folded//"
"""What the labels of folded windows begin with, as no page's does: those of captures begin with no
blank, and those of directories have no two slashes."""


class Chain(NamedTuple):
    """Names a chain: the endpoint's key, the label, and the view.

    The view says by what groups and filters the chain was asked for, where that is known.
    """

    endpoint: str
    label: str
    view: str = ""

    def __str__(self) -> str:
        """Name it for people."""
        return f"{self.endpoint}, label {self.label}"

    @property
    def is_folded(self) -> bool:
        """Whether its windows are days that were folded."""
        return self.label.startswith(FOLDED)

    @property
    def page_label(self) -> str:
        """The label of the pages that it comes from; empty for days of several labels together."""
        return self.label.removeprefix(FOLDED)


class Origin(NamedTuple):
    """Where pages come from: a source's name (empty for the one of a replay), and the chain.

    State is one for all sources; which pages of a chain have been read is known for each of them.
    """

    source: str
    chain: Chain


class PageSums(Struct, array_like=True):
    """What pages delivered, added up; the window goes from the first start to the last end."""

    pages: int = 0
    rows: int = 0
    buckets: int = 0
    window: Window | None = None
    unknown_fields: frozenset[str] = frozenset()
    letters: int = 0

    def add(self, other: PageSums) -> None:
        """Add what other pages delivered."""
        self.pages += other.pages
        self.rows += other.rows
        self.buckets += other.buckets
        self.window = span_of(self.window, other.window)
        if other.unknown_fields:
            self.unknown_fields |= other.unknown_fields
        self.letters += other.letters


class Link(NamedTuple):
    """What a page says of its walk: cursors as numbers that tell them apart, or 0 for none.

    ``number`` is the page's place in its walk, or 0; ``given_mark`` the cursor of the next page,
    ``asked_mark`` that of this one, if it is known, ``digest`` is the page's. ``fault`` is why
    nobody knows where the walk goes on (the page was set aside, or its cursor cannot be used), and
    ``cursor`` the one of the next page as it may be shown.
    """

    revision: int
    number: int
    given_mark: int
    asked_mark: int
    digest: int
    fault: str = ""
    cursor: str | None = None


class ChainSummary(Struct):
    """What a chain delivered, its sources together, and how its walks stand.

    ``rewritten_files`` names captures that have said other things before, which still count, and
    ``falls`` says which figures of changed pages fell. ``incomplete`` is why a walk does not reach
    its end; ``is_waiting``: the next page has not arrived, and that is no error.
    """

    chain: Chain
    sums: PageSums
    has_more: bool = False
    next_page: str | None = None
    incomplete: str | None = None
    is_waiting: bool = False
    rewritten_files: list[str] = []
    falls: list[str] = []

    @property
    def partial(self) -> bool:
        """Tell whether something of the chain is not counted, or not there yet."""
        return bool(self.sums.letters) or self.is_waiting or self.incomplete is not None


@cache
def folded_chain(endpoint: str, label: str = "") -> Chain:
    """Return the chain of an endpoint's folded days that one label alone had windows in.

    Without a label it is that of the days which several had.
    """
    return Chain(endpoint, FOLDED + label)


def span_of(known: Window | None, window: Window | None) -> Window | None:
    """Return the span of both windows."""
    if known is None or window is None:
        return window if known is None else known
    if known.start <= window.start:  # as pages mostly come
        return known if window.end <= known.end else Window(known.start, window.end)
    return Window(window.start, max(known.end, window.end))
