"""Every figure of a report, computed from state when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any, Final

from msgspec import Struct, field

from stream.figures.day_totals import DayTotals
from stream.figures.levels import Levels
from stream.figures.rollup import (
    Finding,
    LabelDifference,
    Overlap,
    Table,
    fill_dimensions,
    present_values,
    resolve_windows,
    table_alone,
)
from stream.figures.totals import AMOUNT, Totals, is_absent
from stream.providers.endpoint import REFERENCES, Endpoint, Kind
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain
from stream.records.windows import Columns, Snapshot, Window
from stream.state.windows import HeldWindow, Place, Windows

__all__ = ["Collision", "EndpointFigures", "SpilledFigures", "endpoint_figures"]

ALL_KINDS: Final = frozenset(REFERENCES.values())
Collision = tuple[str, Window, dict[str, Any]]


class EndpointFigures(Struct):
    """An endpoint's totals over all labels, and what was found while they were resolved."""

    endpoint: Endpoint
    windows: Windows
    chains: list[Chain]
    days: DayTotals
    """What each day came to, and all of them."""
    buckets: int = 0
    without_amount: int = 0
    """How many records of costs say no amount."""
    findings: list[Finding] = field(default_factory=list)
    wider_windows: list[tuple[Window, int]] = field(default_factory=list)
    overlaps: list[Overlap] = field(default_factory=list)
    label_differences: list[LabelDifference] = field(default_factory=list)
    collisions: list[Collision] = field(default_factory=list)
    kinds: AbstractSet[Kind] = ALL_KINDS
    """What of that which records refer to somebody asks for."""
    references: set[tuple[Kind, str]] = field(default_factory=set)
    label_totals: dict[str, Totals] = field(default_factory=dict)
    level_windows: Levels | None = None

    @property
    def totals(self) -> Totals:
        """What all records come to."""
        return self.days.whole

    @property
    def levels(self) -> Levels:
        """The endpoint's levels; most have none."""
        if self.level_windows is None:
            self.level_windows = Levels(self.endpoint)
        return self.level_windows

    @property
    def labels(self) -> set[str]:
        """The labels of all chains; days that were folded of several together have none."""
        return {chain.page_label for chain in self.chains} - {""}

    def windows_of(self, label: str) -> Iterator[HeldWindow]:
        """Yield the windows of one label alone, in order."""
        return self.windows.windows_of([one for one in self.chains if one.page_label == label])

    def totals_of_label(self, label: str) -> Totals:
        """Return the totals of one label alone, as if the others were not there; added up once."""
        if self.labels == {label}:
            return self.totals
        if label not in self.label_totals:
            totals = self.label_totals[label] = Totals(self.endpoint)
            for found in resolve_windows(self.endpoint, self.windows_of(label), ordered=False):
                totals.add(found.table.dimensions, found.table.counters)
        return self.label_totals[label]

    @classmethod
    def empty(cls, endpoint: Endpoint, *, priced: bool = False) -> EndpointFigures:
        """Return the figures of no windows, to which others are joined."""
        return cls(endpoint, Windows(), [], DayTotals(endpoint, priced=priced))

    def join(self, other: EndpointFigures) -> EndpointFigures:
        """Add what other windows of the endpoint come to, wherever those are."""
        self.days.join(other.days)
        self.buckets += other.buckets
        self.without_amount += other.without_amount
        self.findings = sorted(self.findings + other.findings, key=lambda one: one.window)
        self.wider_windows = sorted(self.wider_windows + other.wider_windows)
        self.overlaps = sorted(self.overlaps + other.overlaps, key=lambda one: one[:2])
        self.label_differences = sorted(
            self.label_differences + other.label_differences, key=lambda one: one.window
        )
        self.collisions = sorted(self.collisions + other.collisions, key=lambda one: one[:2])
        self.references |= other.references
        self.levels.join(other.levels)
        for label, totals in other.label_totals.items():
            self.label_totals.setdefault(label, Totals(self.endpoint)).join(totals)
        return self

    def resolve(self) -> None:
        """Add up all windows, which may say the same usage several times."""
        for found in resolve_windows(self.endpoint, self.tap_windows(), ordered=False):
            self.take(found.span, found.table)
            self.findings += found.findings
            self.wider_windows += found.wider_windows
            self.overlaps += found.overlaps
            self.label_differences += found.label_differences

    def tap_windows(self) -> Iterator[HeldWindow]:
        """Yield the windows that count, and note on the way what is found of each alone."""
        last: Window | None = None
        seen = References(self.endpoint, self.kinds)
        for held in self.windows.windows_of(self.chains):
            slot, chain, snapshot = held
            if not slot.rollup and slot.window != last:
                last = slot.window
                self.buckets += 1
            seen.take(fill_dimensions(chain, slot.window, snapshot).dimensions)
            if snapshot.collisions:
                self.collisions += collisions_in(self.endpoint, chain.label, slot.window, snapshot)
            yield held
        self.references = seen.found_objects()

    def add_up_apart(self) -> None:
        """Add up the windows of a chain none of which touches another one.

        What has left memory was added up then, and is not read again, while none of it came back.
        """
        (chain,) = self.chains
        left: SpilledFigures | None = self.windows.spilled_sums.get(chain)
        seen = References(self.endpoint, self.kinds)
        windows = self.windows.snapshots_of(chain, stored=left is None)
        if left is not None:
            seen = left.references
            self.join(left.figures)
        for slot, snapshot in windows:
            self.take_apart(chain, slot.window, snapshot, seen)
        self.references = seen.found_objects()

    def take_apart(
        self, chain: Chain, window: Window, snapshot: Snapshot, seen: References
    ) -> None:
        """Add up a window that touches no other, and note what it refers to."""
        if chain.view:
            snapshot = fill_dimensions(chain, window, snapshot)
        if snapshot.collisions:
            self.collisions += collisions_in(self.endpoint, chain.label, window, snapshot)
        self.buckets += 1
        self._add_up(window, snapshot.dimensions, snapshot.counters)
        if self.endpoint.levels:
            self._add_levels(table_alone(window, chain.label, snapshot, ordered=False))
        seen.take(snapshot.dimensions)

    def take(self, span: Window, table: Table) -> None:
        """Add up the records of windows that go over a span of time."""
        self._add_up(span, table.dimensions, table.counters)
        if self.endpoint.levels:
            self._add_levels(table)

    def _add_up(self, span: Window, dimensions: Columns, counters: Columns) -> None:
        """Add up records, which need no table for that: most windows are small, and many."""
        self.days.take(span, dimensions, counters)
        if AMOUNT in self.endpoint.money:
            self.without_amount += counters[self.endpoint.counters.index(AMOUNT)].count(None)

    def _add_levels(self, table: Table) -> None:
        """Add up how much there is, by windows."""
        self.days.take_levels(table)
        self.levels.take(table)


class SpilledFigures:
    """What windows of a chain come to that left memory: added up then, and not read again.

    That holds while none of them comes back, and each stands for itself.
    """

    def __init__(self, key: str, *, priced: bool = False) -> None:
        """Start with none; ``priced``: days are added up by what prices go by too."""
        self.figures = EndpointFigures.empty(ENDPOINTS[key], priced=priced)
        self.references = References(self.figures.endpoint)

    def take(self, place: Place, snapshot: Snapshot) -> None:
        """Add up a window that leaves."""
        chain, (window, _) = place
        self.figures.take_apart(chain, window, snapshot, self.references)


class References:
    """Finds what records refer to: projects, keys, users, accounts, certificates."""

    def __init__(self, endpoint: Endpoint, kinds: AbstractSet[Kind] = ALL_KINDS) -> None:
        """Start with nothing seen; nobody asks for others than these ``kinds``."""
        self._wanted = {name: kind for name, kind in REFERENCES.items() if kind in kinds}
        unknown = len(endpoint.dimensions)
        places = [*map(endpoint.dimensions.index, self._wanted.keys() & {*endpoint.dimensions})]
        self._values: dict[int, set[Any]] = {place: set() for place in (*places, unknown)}
        """By the place of a column; what the registry does not know comes last."""
        self._endpoint = endpoint

    def take(self, dimensions: Columns) -> None:
        """Look at a snapshot's rows."""
        for place, values in self._values.items():
            column = dimensions[place]
            if column and not is_absent(column):
                values.update(column)

    def found_objects(self) -> set[tuple[Kind, str]]:
        """Return everything that was referred to."""
        *known, others = self._values.items()
        found = {
            (REFERENCES[self._endpoint.dimensions[place]], value)
            for place, values in known
            for value in values - {None}
        }
        return found | {
            (self._wanted[name], value)
            for pairs in others[1]
            for name, value in pairs or ()
            if name in self._wanted and isinstance(value, str)
        }


def endpoint_figures(
    key: str, windows: Windows, *, priced: bool = False, kinds: AbstractSet[Kind] = ALL_KINDS
) -> EndpointFigures:
    """Compute an endpoint's figures from its windows; ``priced``: by what prices go by too.

    ``kinds`` are those of what records refer to that somebody asks for.
    """
    endpoint = ENDPOINTS[key]
    days = DayTotals(endpoint, priced=priced)
    figures = EndpointFigures(endpoint, windows, windows.chains_of(key), days, kinds=kinds)
    if len(figures.chains) == 1 and windows.stand_apart(figures.chains[0]):
        figures.add_up_apart()
    else:
        figures.resolve()
    figures.days.close()
    figures.collisions = unique_collisions(sorted(figures.collisions, key=lambda one: one[:2]))
    return figures


def unique_collisions(collisions: list[Collision]) -> list[Collision]:
    """Name each once: a label's chains of two views may have the same."""
    found = {
        (label, window, *dims.items()): (label, window, dims) for label, window, dims in collisions
    }
    return list(found.values())


def collisions_in(
    endpoint: Endpoint, label: str, window: Window, snapshot: Snapshot
) -> list[Collision]:
    """List the identities that one bucket gave different figures for, in canonical order."""
    named = [present_values(endpoint.dimensions, identity) for identity in snapshot.collisions]
    named.sort(key=lambda one: sorted((name, str(value)) for name, value in one.items()))
    return [(label, window, dimensions) for dimensions in named]
