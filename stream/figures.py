"""Every figure of a report, computed from state when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from stream.endpoints import ENDPOINTS, REFERENCES, Endpoint, Kind
from stream.records import Chain, Columns, Origin, Slot, Snapshot, Window
from stream.rollup import Finding, Labels, present, resolve
from stream.totals import Totals

__all__ = [
    "ChainRun",
    "ChainSummary",
    "Collision",
    "EndpointFigures",
    "PageEntry",
    "State",
    "by_endpoint",
    "endpoint_figures",
    "spanned",
    "summaries",
]

State = Mapping[str, Labels]
Collision = tuple[str, Window, dict[str, Any]]


class PageEntry(Struct, frozen=True):
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
    slots: list[Slot] = []
    fell: list[str] = []
    letters: int = 0
    set_aside: bool = False
    fault: str | None = None
    loop: int = 0


class ChainRun(Struct):
    """What has been read of a chain, and where its walk stands."""

    chain: Chain
    pages: dict[int, PageEntry] = field(default_factory=dict)
    has_more: bool = False
    next_page: str | None = None
    incomplete: str | None = None
    """Why the chain does not reach its end, if it does not."""
    waiting: bool = False
    """The next page has not arrived, and that is no error."""

    def entries(self) -> list[PageEntry]:
        """Return every page that was read, in order."""
        return [self.pages[page] for page in sorted(self.pages)]

    def summary(self) -> ChainSummary:
        """Add up what the pages delivered."""
        entries = self.entries()
        window: Window | None = None
        for entry in entries:
            window = spanned(window, entry.window)
        return ChainSummary(
            self.chain,
            [entry for entry in entries if not entry.set_aside],
            sum(entry.rows for entry in entries),
            sum(entry.buckets for entry in entries),
            self.has_more,
            self.next_page,
            window,
            {name for entry in entries for name in entry.unknown_fields},
            self.incomplete,
            dead_letters=any(entry.letters for entry in entries),
            waiting=self.waiting,
        )


class ChainSummary(Struct):
    """What a chain delivered, its sources together, as the report shows it.

    ``fixtures`` are the pages that count, ``window`` goes from the first bucket's start to the last
    one's end.
    """

    chain: Chain
    fixtures: list[PageEntry]
    rows: int
    buckets: int
    has_more: bool
    next_page: str | None
    window: Window | None
    unknown_fields: set[str]
    incomplete: str | None
    dead_letters: bool
    waiting: bool

    def joined(self, other: ChainSummary) -> ChainSummary:
        """Add what another source delivered of the same chain."""
        pending = self if self.has_more else other
        return ChainSummary(
            self.chain,
            self.fixtures + other.fixtures,
            self.rows + other.rows,
            self.buckets + other.buckets,
            pending.has_more,
            pending.next_page,
            spanned(self.window, other.window),
            self.unknown_fields | other.unknown_fields,
            self.incomplete or other.incomplete,
            self.dead_letters or other.dead_letters,
            self.waiting or other.waiting,
        )

    @property
    def partial(self) -> bool:
        """Tell whether something of the chain is not counted, or not there yet."""
        return self.dead_letters or self.waiting or self.incomplete is not None


def summaries(runs: Mapping[Origin, ChainRun]) -> list[ChainSummary]:
    """Return each chain's summary, in order; what several sources have of one is added up."""
    found: dict[Chain, ChainSummary] = {}
    for origin in sorted(runs):
        known, summary = found.get(origin.chain), runs[origin].summary()
        found[origin.chain] = summary if known is None else known.joined(summary)
    return [found[chain] for chain in sorted(found)]


def spanned(known: Window | None, window: Window | None) -> Window | None:
    """Return the span of both windows."""
    if known is None or window is None:
        return window if known is None else known
    return Window(min(known.start, window.start), max(known.end, window.end))


class EndpointFigures(Struct):
    """An endpoint's totals over all labels, and what was found while they were resolved."""

    endpoint: Endpoint
    labels: Labels
    totals: Totals
    buckets: int
    findings: list[Finding]
    wider: list[tuple[Window, int]]
    collisions: list[Collision]
    references: set[tuple[Kind, str]]
    label_totals: dict[str, Totals] = field(default_factory=dict)

    def of_label(self, label: str) -> Totals:
        """Return the totals of one label alone, as if the others were not there; added up once."""
        if len(self.labels) == 1:
            return self.totals
        if label not in self.label_totals:
            totals = self.label_totals[label] = Totals(self.endpoint)
            for found in resolve(self.endpoint, {label: self.labels[label]}, ordered=False):
                totals.add(found.table.dimensions, found.table.counters)
        return self.label_totals[label]


def by_endpoint(chains: Mapping[Chain, Mapping[Slot, Snapshot]]) -> State:
    """Arrange state by endpoint, and each endpoint's by label."""
    state: dict[str, dict[str, Mapping[Slot, Snapshot]]] = {}
    for chain, slots in chains.items():
        state.setdefault(chain.endpoint, {})[chain.label] = slots
    return state


def endpoint_figures(key: str, labels: Labels) -> EndpointFigures:
    """Compute an endpoint's figures from its state."""
    endpoint = ENDPOINTS[key]
    figures = EndpointFigures(
        endpoint, labels, Totals(endpoint), 0, [], [], collisions_of(endpoint, labels), set()
    )
    figures.buckets = len(
        {slot.window for slots in labels.values() for slot in slots if not slot.rollup}
    )
    for found in resolve(endpoint, labels, ordered=False):
        figures.totals.add(found.table.dimensions, found.table.counters)
        figures.findings += found.findings
        figures.wider += found.wider
    for slots in labels.values():
        for snapshot in slots.values():
            figures.references |= references_of(endpoint, snapshot.dimensions)
    return figures


def collisions_of(endpoint: Endpoint, labels: Labels) -> list[Collision]:
    """List the identities that one bucket gave different figures for, in canonical order."""
    return [
        (label, slot.window, dimensions)
        for label, slots in sorted(labels.items())
        for slot, snapshot in sorted(slots.items(), key=lambda one: one[0])
        if snapshot.collisions
        for dimensions in sorted(
            (present(endpoint.dimensions, identity) for identity in snapshot.collisions),
            key=lambda named: sorted((name, str(value)) for name, value in named.items()),
        )
    ]


def references_of(endpoint: Endpoint, dimensions: Columns) -> set[tuple[Kind, str]]:
    """Find what a snapshot's rows refer to: projects, keys, users, accounts, certificates."""
    found = {
        (REFERENCES[name], value)
        for name, column in zip(endpoint.dimensions, dimensions, strict=False)
        if name in REFERENCES
        for value in set(column)
        if value is not None
    }
    for pairs in set(dimensions[-1]) if dimensions and dimensions[-1] else ():
        found |= {
            (REFERENCES[name], value)
            for name, value in pairs or ()
            if name in REFERENCES and isinstance(value, str)
        }
    return found
