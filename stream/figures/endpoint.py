"""Every figure of a report, computed from state when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field

from stream.figures.rollup import Finding, present, resolve
from stream.figures.totals import Totals
from stream.figures.views import counting, others
from stream.providers.endpoint import REFERENCES, Endpoint, Kind
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain
from stream.records.windows import Columns, Snapshot, Window
from stream.state.keyed import Held, Place, Windows

__all__ = ["Collision", "EndpointFigures", "Left", "endpoint_figures"]

Collision = tuple[str, Window, dict[str, Any]]


class EndpointFigures(Struct):
    """An endpoint's totals over all labels, and what was found while they were resolved.

    ``chains`` are those that count, ``others`` are other views of the same usage.
    """

    endpoint: Endpoint
    windows: Windows
    chains: list[Chain]
    others: list[Chain]
    totals: Totals
    buckets: int = 0
    findings: list[Finding] = field(default_factory=list)
    wider: list[tuple[Window, int]] = field(default_factory=list)
    collisions: list[Collision] = field(default_factory=list)
    references: set[tuple[Kind, str]] = field(default_factory=set)
    label_totals: dict[str, Totals] = field(default_factory=dict)

    @property
    def labels(self) -> set[str]:
        """The labels of all chains."""
        return {chain.label for chain in (*self.chains, *self.others)}

    def of(self, label: str) -> Iterator[Held]:
        """Yield the windows of one label alone, in order."""
        mine = [one for one in (*self.chains, *self.others) if one.label == label]
        return self.windows.of(counting(mine))

    def of_label(self, label: str) -> Totals:
        """Return the totals of one label alone, as if the others were not there; added up once."""
        if self.labels == {label}:
            return self.totals
        if label not in self.label_totals:
            totals = self.label_totals[label] = Totals(self.endpoint)
            for found in resolve(self.endpoint, self.of(label), ordered=False):
                totals.add(found.table.dimensions, found.table.counters)
        return self.label_totals[label]

    @classmethod
    def nothing(cls, endpoint: Endpoint) -> EndpointFigures:
        """Return the figures of no windows, to which others are joined."""
        return cls(endpoint, Windows(), [], [], Totals(endpoint))

    def join(self, other: EndpointFigures) -> EndpointFigures:
        """Add what other windows of the endpoint come to, wherever those are."""
        self.totals.join(other.totals)
        self.buckets += other.buckets
        self.findings = sorted(self.findings + other.findings, key=lambda one: one.window)
        self.wider = sorted(self.wider + other.wider)
        self.collisions = sorted(self.collisions + other.collisions, key=lambda one: one[:2])
        self.references |= other.references
        for label, totals in other.label_totals.items():
            self.label_totals.setdefault(label, Totals(self.endpoint)).join(totals)
        return self

    def tapped(self) -> Iterator[Held]:
        """Yield the windows that count, and note on the way what is found of each alone."""
        last: Window | None = None
        left = left_of(self.chains, self.windows)
        windows = self.windows.of(self.chains)
        seen = References(self.endpoint)
        if left is not None:
            windows = self.windows.in_memory(self.chains[0])
            seen = left.references
            self.join(left.figures)
        for held in windows:
            slot, label, snapshot = held
            if not slot.rollup and slot.window != last:
                last = slot.window
                self.buckets += 1
            seen.take(snapshot.dimensions)
            if snapshot.collisions:
                self.collisions += collisions_in(self.endpoint, label, slot.window, snapshot)
            yield held
        self.references = seen.found()


class Left:
    """What windows of a chain come to that left memory: added up then, and not read again.

    That holds while none of them comes back, and each stands for itself.
    """

    def __init__(self, key: str) -> None:
        """Start with none."""
        self.figures = EndpointFigures.nothing(ENDPOINTS[key])
        self.references = References(self.figures.endpoint)

    def take(self, place: Place, snapshot: Snapshot) -> None:
        """Add up a window that leaves."""
        (_, label, _), (window, _) = place
        figures = self.figures
        figures.totals.add(snapshot.dimensions, snapshot.counters)
        figures.collisions += collisions_in(figures.endpoint, label, window, snapshot)
        figures.buckets += 1
        self.references.take(snapshot.dimensions)


def left_of(chains: list[Chain], windows: Windows) -> Left | None:
    """Return what has left memory of an endpoint's chains, if its windows stand for themselves."""
    left: Left | None = windows.left.get(chains[0]) if len(chains) == 1 else None
    return left if left is not None and windows.apart(chains[0]) else None


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

    def found(self) -> set[tuple[Kind, str]]:
        """Return everything that was referred to."""
        found = {(kind, value) for _, kind, seen in self._places for value in seen - {None}}
        return found | {
            (REFERENCES[name], value)
            for pairs in self._others
            for name, value in pairs or ()
            if name in REFERENCES and isinstance(value, str)
        }


def endpoint_figures(key: str, windows: Windows) -> EndpointFigures:
    """Compute an endpoint's figures from its windows."""
    endpoint = ENDPOINTS[key]
    chains = windows.chains_of(key)
    figures = EndpointFigures(endpoint, windows, counting(chains), others(chains), Totals(endpoint))
    for found in resolve(endpoint, figures.tapped(), ordered=False):
        figures.totals.add(found.table.dimensions, found.table.counters)
        figures.findings += found.findings
        figures.wider += found.wider
    figures.collisions = unique(sorted(figures.collisions, key=lambda one: one[:2]))
    return figures


def unique(collisions: list[Collision]) -> list[Collision]:
    """Name each once: a label's chains of two views may have the same."""
    found = {
        (label, window, *dims.items()): (label, window, dims) for label, window, dims in collisions
    }
    return list(found.values())


def collisions_in(
    endpoint: Endpoint, label: str, window: Window, snapshot: Snapshot
) -> list[Collision]:
    """List the identities that one bucket gave different figures for, in canonical order."""
    named = [present(endpoint.dimensions, identity) for identity in snapshot.collisions]
    named.sort(key=lambda one: sorted((name, str(value)) for name, value in one.items()))
    return [(label, window, dimensions) for dimensions in named]
