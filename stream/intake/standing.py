"""The walks of captures that have not come to their end: each is judged when lines of it come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from stream.intake.entries import ChainRun
from stream.intake.walks import judged
from stream.records.chains import Link, Origin
from stream.state.sqlite.links import Walk
from stream.state.sqlite.store import Store

__all__ = ["Walks"]


class Standing(NamedTuple):
    """The captures that a walk is in, and what is wrong with it; if that is nothing, it waits."""

    sources: frozenset[str]
    fault: str | None


class Walks:
    """Knows which walks wait for more pages, and which went back to where they had been."""

    def __init__(self, store: Store) -> None:
        """Judge all walks that ``store`` has.

        Raises:
            BadInput, Unavailable: it cannot be read.
        """
        self.store = store
        self.open: dict[Walk, Standing] = {}
        """Walks that are not whole."""
        self.touched: set[Walk] = set()
        """Walks of which lines have come, or are gone, since they were judged."""
        found = groupby(store.links(), key=lambda one: (one[0], one[1].revision))
        self.touched |= {walk for walk, links in found if next(judged(links), None) is not None}
        self.judge()

    def judge(self) -> None:
        """Judge the walks that were touched, by what the store has of them.

        Raises:
            BadInput, Unavailable: it cannot be read.
        """
        for walk in sorted(self.touched):
            found = list(self.store.links_of(walk))
            links = [link for _, link in found]
            if verdict_of(walk, links) is None:
                self.open.pop(walk, None)
                continue
            # Another walk of the same revision may have begun: it will have an end of its own.
            fault = verdict_of(walk, [*links, Link(walk[1], 0, 0, 0)])
            back = fault if fault is not None and fault[0] == "repeated_cursor" else None
            self.open[walk] = Standing(
                frozenset(source for source, _ in found), None if back is None else back[1]
            )
        self.touched = set()

    def mark(self, runs: Mapping[Origin, ChainRun]) -> None:
        """Let the chains of captures say how their walks stand."""
        standing = dict(self._by_origin())
        for origin, run in runs.items():
            if run.capture is not None:
                run.incomplete = standing.get(origin)
                run.waiting = origin in standing and run.incomplete is None

    def _by_origin(self) -> Iterator[tuple[Origin, str | None]]:
        """Yield each chain in a capture that has walks which are not whole; faults come last."""
        for (chain, _), (sources, fault) in sorted(
            self.open.items(), key=lambda one: one[1].fault or ""
        ):
            for source in sources:
                yield Origin(source, chain), fault


def verdict_of(walk: Walk, links: list[Link]) -> tuple[str, str] | None:
    """Return the reason and the words for what is wrong with a walk, if anything is."""
    found = next(judged((walk[0], link) for link in links), None)
    return None if found is None else (found.reason, found.message)
