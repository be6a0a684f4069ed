"""Folding: what old windows come to, as one window for each span of days that none of them crosses.

Sums are by whatever a report totals, so that every total stays what it is to the last digit, and
batches, which are charged otherwise, are apart; who used it, by which key and at which hour is
gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import groupby
from typing import Final

from msgspec import Struct

from stream.figures.days import total_windows
from stream.figures.rollup.table import Record, identity_of, present_values, table_of
from stream.figures.totals import HAS_COST
from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS
from stream.records.chains import folded_chain
from stream.records.money import Number
from stream.records.windows import (
    MAX_COUNT,
    Slot,
    Snapshot,
    Window,
    canonical_order,
    day_of,
)
from stream.state.windows import Fold, HeldWindow, Windows, WindowStore

__all__ = ["FoldedDays", "find_folds", "fold_windows", "folded_days_of"]

GRAIN: Final[frozenset[str]] = frozenset()
"""Folded sums are compared with nothing on the way."""


class FoldedDays(Struct, frozen=True):
    """How many windows of folded days there are, and when the last of them ends (Unix seconds)."""

    end: int
    windows: int


def folded_days_of(windows: Windows) -> FoldedDays | None:
    """Say what of state is folded; ``None``: nothing."""
    end = count = 0
    for key in sorted({chain.endpoint for chain in windows.chains if chain.is_folded}):
        chains = [chain for chain in windows.chains_of(key) if chain.is_folded]
        for slot, _ in groupby(merge(*map(windows.slots, chains))):
            end, count = max(end, slot.window.end), count + 1
    return FoldedDays(end, count) if count else None


def find_folds(
    key: str, windows: Windows, store: WindowStore, within: Window, *, drops: bool = False
) -> Iterator[tuple[int, Fold | None]]:
    """Yield where an endpoint's days end and what their windows fold into, the oldest first.

    ``within`` goes to the start of a UTC day, in Unix seconds. What is there is folded days and
    windows that touch none of the windows that stay; ``None``: these cannot be one window.
    ``drops``: nothing is left of what they held.
    """
    begin = within.start
    while (first := first_start_of(key, windows, begin)) is not None and first < within.end:
        held, span = span_of_windows(key, windows, store, first)
        begin = span.end
        if span.end <= within.end:
            yield span.end, fold_windows(ENDPOINTS[key], span, held, drops=drops)


def first_start_of(key: str, windows: Windows, begin: int) -> int | None:
    """Return the start of the first window, from ``begin`` on, that is not folded."""
    found = []
    for chain in windows.chains_of(key):
        for slot in windows.slots(chain) if not chain.is_folded else ():
            if slot.window.start >= begin:
                found.append(slot.window.start)
                break
    return min(found, default=None)


def span_of_windows(
    key: str, windows: Windows, store: WindowStore, first: int
) -> tuple[list[HeldWindow], Window]:
    """Return the windows of the days around a moment that no window crosses, and those days."""
    chains = windows.chains_of(key)
    begin = day_of(first).start
    for chain in chains:
        days = store.last_window(chain, first) if chain.is_folded else None
        if days is not None and days.end > begin:
            begin = min(begin, days.start)
    held: list[HeldWindow] = []
    span, known = Window(begin, day_of(first).end), begin
    while known < span.end:
        held += windows.windows_of(chains, Window(known, span.end))
        known = span.end
        last = max((one.slot.window.end for one in held), default=known)
        span = Window(begin, max(known, day_of(last - 1).end))
    return held, span


def fold_windows(
    endpoint: Endpoint, span: Window, held: Sequence[HeldWindow], *, drops: bool = False
) -> Fold | None:
    """Return what the windows of a span of days fold into; ``None``: they cannot be one window.

    Of several labels each has its own sums, and all together have theirs, which count.
    """
    labels = sorted({one.chain.page_label for one in held} - {""})
    slot, folded = Slot(span, rollup=False), {}
    for label in labels if len(labels) == 1 else ["", *labels]:
        some = [one for one in held if label in {"", one.chain.page_label}]
        snapshot = empty_snapshot(endpoint) if drops else sum_windows(endpoint, span, some)
        if snapshot is None:
            return None
        folded[folded_chain(endpoint.key, label), slot] = snapshot
    replaced = [(one.chain, one.slot) for one in held if (one.chain, one.slot) not in folded]
    return Fold(sorted(folded.items()), replaced, sum(one.snapshot.rows for one in held))


def sum_windows(endpoint: Endpoint, span: Window, held: Sequence[HeldWindow]) -> Snapshot | None:
    """Add up windows as figures do; ``None``: a sum is too large, or only some rows have a cost."""
    totals = total_windows(endpoint, held)
    records, seen = [], set()
    for group, counters in sorted(totals.groups().items(), key=lambda one: canonical_order(one[0])):
        if any(not fits(value) for value in counters.values()):
            return None
        dimensions_of = dict(zip(totals.names, group, strict=True))
        dimensions_of.pop(HAS_COST, None)
        identity = identity_of(endpoint, dimensions_of)
        if identity in seen:
            return None  # in one sum nobody could tell what the cost is of
        seen.add(identity)
        known = present_values(endpoint.dimensions, identity)
        records.append(Record(span, identity, known, dict(counters), GRAIN, {}))
    table = table_of(endpoint, records)
    revision = max((one.snapshot.revision for one in held), default=0)
    return Snapshot(revision, table.dimensions, table.counters)


def fits(value: Number) -> bool:
    """Tell whether a sum is one that state can keep: a count of 63 bits, or money."""
    return not isinstance(value, int) or value <= MAX_COUNT


def empty_snapshot(endpoint: Endpoint) -> Snapshot:
    """Return a window that holds no row."""
    width, counters = len(endpoint.dimensions) + 1, len(endpoint.counters) + 1
    return Snapshot(0, ((),) * width, ((),) * counters)
