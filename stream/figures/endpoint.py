"""Every figure of a report, computed from state when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
from stream.figures.totals import AMOUNT, Totals
from stream.providers.endpoint import REFERENCES, Endpoint, Kind
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain
from stream.records.windows import Columns, Snapshot, Window
from stream.state.windows import HeldWindow, Place, Windows

__all__ = ["Collision", "EndpointFigures", "SpilledFigures", "endpoint_figures"]

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

    def tap_windows(self) -> Iterator[HeldWindow]:
        """Yield the windows that count, and note on the way what is found of each alone."""
        last: Window | None = None
        left = spilled_figures_of(self.chains, self.windows)
        windows = self.windows.windows_of(self.chains)
        seen = References(self.endpoint)
        if left is not None:
            windows = self.windows.in_memory(self.chains[0])
            seen = left.references
            self.join(left.figures)
        for held in windows:
            slot, chain, snapshot = held
            if not slot.rollup and slot.window != last:
                last = slot.window
                self.buckets += 1
            seen.take(fill_dimensions(chain, slot.window, snapshot).dimensions)
            if snapshot.collisions:
                self.collisions += collisions_in(self.endpoint, chain.label, slot.window, snapshot)
            yield held
        self.references = seen.found_objects()


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
        snapshot = fill_dimensions(chain, window, snapshot)
        figures = self.figures
        table = table_alone(window, chain.label, snapshot, ordered=False)
        figures.days.take(window, table)
        figures.without_amount += count_without_amount(figures.endpoint, table)
        figures.levels.take(table)
        figures.collisions += collisions_in(figures.endpoint, chain.label, window, snapshot)
        figures.buckets += 1
        self.references.take(snapshot.dimensions)


def spilled_figures_of(chains: list[Chain], windows: Windows) -> SpilledFigures | None:
    """Return what has left memory of an endpoint's chains, if its windows stand for themselves."""
    left: SpilledFigures | None = windows.spilled_sums.get(chains[0]) if len(chains) == 1 else None
    return left if left is not None and windows.stand_apart(chains[0]) else None


class References:
    """Finds what records refer to: projects, keys, users, accounts, certificates."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Start with nothing seen."""
        self._places = [
            (place, REFERENCES[name], set[Any]())
            for place, name in enumerate(endpoint.dimensions)
            if name in REFERENCES
        ]
        self._others: set[Any] = set()

    def take(self, dimensions: Columns) -> None:
        """Look at a snapshot's rows."""
        for place, _, seen in self._places:
            seen.update(dimensions[place])
        self._others.update(dimensions[-1])

    def found_objects(self) -> set[tuple[Kind, str]]:
        """Return everything that was referred to."""
        found = {(kind, value) for _, kind, seen in self._places for value in seen - {None}}
        return found | {
            (REFERENCES[name], value)
            for pairs in self._others
            for name, value in pairs or ()
            if name in REFERENCES and isinstance(value, str)
        }


def endpoint_figures(key: str, windows: Windows, *, priced: bool = False) -> EndpointFigures:
    """Compute an endpoint's figures from its windows; ``priced``: by what prices go by too."""
    endpoint = ENDPOINTS[key]
    days = DayTotals(endpoint, priced=priced)
    figures = EndpointFigures(endpoint, windows, windows.chains_of(key), days)
    for found in resolve_windows(endpoint, figures.tap_windows(), ordered=False):
        figures.days.take(found.span, found.table)
        figures.without_amount += count_without_amount(endpoint, found.table)
        figures.levels.take(found.table)
        figures.findings += found.findings
        figures.wider_windows += found.wider_windows
        figures.overlaps += found.overlaps
        figures.label_differences += found.label_differences
    figures.days.close()
    figures.collisions = unique_collisions(sorted(figures.collisions, key=lambda one: one[:2]))
    return figures


def count_without_amount(endpoint: Endpoint, table: Table) -> int:
    """Count the records that say no amount; of an endpoint that is not of costs, none."""
    if AMOUNT not in endpoint.counters:
        return 0
    return table.counters[endpoint.counters.index(AMOUNT)].count(None)


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
