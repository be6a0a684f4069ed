"""What has been read of each chain: its pages, what they said, and where its walk stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Final

import msgspec
from msgspec import Struct, field

from stream.intake.stretches import Stretch
from stream.records.chains import Chain, Delivered, Origin
from stream.records.privacy import shielded
from stream.records.windows import Window

__all__ = ["ChainRun", "ChainSummary", "PageEntry", "Pages", "summaries"]


class PageEntry(Struct, omit_defaults=True):
    """What a page delivered, and what it said of its chain; durable state keeps one for each page.

    ``signature`` tells whether the file is the one that was read (size, times, inode), ``fell``
    what a changed file no longer says and still counts, ``slots`` the windows that it delivered.
    ``letters`` counts its dead letters; ``set_aside``: it is one as a whole, and does not count.
    ``fault`` is what was wrong with its cursor, ``loop`` how often it had been replayed before.
    """

    page: int
    name: str
    sha256: str | None
    signature: str | None
    has_more: bool
    next_page: str | None
    rows: int = 0
    buckets: int = 0
    window: Window | None = None
    unknown_fields: list[str] = []
    slots: list[Stretch] = []
    fell: list[str] = []
    letters: int = 0
    set_aside: bool = False
    fault: str | None = None
    loop: int = 0


ENCODE: Final = msgspec.msgpack.Encoder().encode
DECODE: Final = msgspec.msgpack.Decoder(PageEntry).decode


class Pages(MutableMapping[int, PageEntry]):
    """The pages of a chain by number, as bytes: there may be a great many."""

    def __init__(self, packed: dict[int, bytes] | None = None) -> None:
        """Start with pages as :attr:`packed` has them."""
        self.packed = packed or {}
        self.last = max(self.packed, default=0)
        """The greatest number that it has had."""

    def __getitem__(self, page: int) -> PageEntry:
        return DECODE(self.packed[page])

    def __setitem__(self, page: int, entry: PageEntry) -> None:
        self.packed[page] = ENCODE(entry)
        self.last = max(self.last, page)

    def __delitem__(self, page: int) -> None:
        del self.packed[page]

    def __iter__(self) -> Iterator[int]:
        return iter(self.packed)

    def __len__(self) -> int:
        return len(self.packed)

    def __contains__(self, page: object) -> bool:
        return page in self.packed

    def find(self, page: int) -> PageEntry | None:
        """Return a page, or ``None``: most are new, and a miss costs nothing here."""
        packed = self.packed.get(page)
        return None if packed is None else DECODE(packed)

    def copy(self) -> Pages:
        """Return pages that do not change when these do."""
        return Pages(dict(self.packed))


class CaptureEntry(Struct):
    """How far a capture has been read, and what it delivered; durable state keeps it.

    ``offset`` is behind the last ``line``, in expanded bytes, ``prefix`` tells those bytes from
    others, and ``cut``: no line break followed. ``size`` and ``sha256`` are of the file as it was
    stored when all of it had been read. ``rewritten``: it has said other things before, which still
    count. ``tail`` has the dead letters of what stands behind ``offset``: chain, line, how many.
    """

    name: str
    line: int = 0
    offset: int = 0
    done: bool = False
    signature: str | None = None
    sha256: str | None = None
    size: int = 0
    rewritten: bool = False
    prefix: int = 0
    cut: bool = False
    tail: tuple[Chain, int, int] | None = None
    chains: list[tuple[Chain, Delivered]] = field(default_factory=list)

    def named(self) -> tuple[str, str | None, bool]:
        """Return what the report says of it."""
        return self.name, self.sha256, self.rewritten


class ChainRun(Struct):
    """What has been read of a chain, and where its walk stands."""

    chain: Chain
    pages: Pages = field(default_factory=Pages)
    has_more: bool = False
    cursor: str | None = None
    """Where it goes on, as the page says it; it may be secret."""
    incomplete: str | None = None
    """Why the chain does not reach its end, if it does not."""
    waiting: bool = False
    """The next page has not arrived, and that is no error."""
    delivered: Delivered | None = field(default_factory=Delivered)
    """``None`` when pages have changed since it was added up."""
    capture: CaptureEntry | None = None
    """The capture that it is in; then it has no pages of its own."""

    @property
    def next_page(self) -> str | None:
        """Where it goes on, as it may be shown."""
        return self.cursor and shielded(self.cursor)

    def put(self, entry: PageEntry) -> None:
        """Take a page, in the place of what was known of it."""
        if entry.page in self.pages:
            self.delivered = None
        elif self.delivered is not None:
            self.delivered.add(entry)
        self.pages[entry.page] = entry

    def forget(self, page: int) -> None:
        """Know nothing of a page any more."""
        if self.pages.pop(page, None) is not None:
            self.delivered = None

    def entries(self) -> Iterator[PageEntry]:
        """Yield every page that was read, in order."""
        for page in sorted(self.pages):
            yield self.pages[page]

    def summary(self) -> ChainSummary:
        """Say what the chain has come to."""
        if self.delivered is None:
            self.delivered = Delivered()
            for entry in self.entries():
                self.delivered.add(entry)
        return ChainSummary(
            self.chain,
            [self.pages],
            [] if self.capture is None else [self.capture.named()],
            self.delivered.joined(Delivered()),
            self.has_more,
            self.next_page,
            self.incomplete,
            self.waiting,
        )


class ChainSummary(Struct):
    """What a chain delivered, its sources together, as the report shows it.

    The window goes from the first bucket's start to the last one's end.
    """

    chain: Chain
    pages: list[Pages]
    captures: list[tuple[str, str | None, bool]]
    """The captures that have pages of it: name, digest, and whether it has said other things."""
    delivered: Delivered
    has_more: bool
    next_page: str | None
    incomplete: str | None
    waiting: bool

    def entries(self) -> Iterator[PageEntry]:
        """Yield the pages that count, each source's in order."""
        for pages in self.pages:
            for page in sorted(pages):
                entry = pages[page]
                if not entry.set_aside:
                    yield entry

    def names(self) -> Iterator[str]:
        """Yield the names of the files that count: each fixture, and each capture."""
        for entry in self.entries():
            yield entry.name
        yield from (name for name, *_ in self.captures)

    def joined(self, other: ChainSummary) -> ChainSummary:
        """Add what another source delivered of the same chain."""
        pending = self if self.has_more else other
        return ChainSummary(
            self.chain,
            self.pages + other.pages,
            self.captures + other.captures,
            self.delivered.joined(other.delivered),
            pending.has_more,
            pending.next_page,
            self.incomplete or other.incomplete,
            self.waiting or other.waiting,
        )

    @property
    def partial(self) -> bool:
        """Tell whether something of the chain is not counted, or not there yet."""
        return bool(self.delivered.letters) or self.waiting or self.incomplete is not None


def summaries(runs: Mapping[Origin, ChainRun]) -> list[ChainSummary]:
    """Return each chain's summary, in order; what several sources have of one is added up.

    Nothing in it changes when the runs go on.
    """
    found: dict[Chain, ChainSummary] = {}
    for origin in sorted(runs):
        known, summary = found.get(origin.chain), runs[origin].summary()
        summary.pages = [pages.copy() for pages in summary.pages if pages]
        found[origin.chain] = summary if known is None else known.joined(summary)
    return [found[chain] for chain in sorted(found)]
