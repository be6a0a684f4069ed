"""A wider window beside narrower ones of its endpoint: only its excess over their sum counts."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

from stream.figures.rollup.table import Record
from stream.records.windows import Counters, Identity, Window

__all__ = ["ByWindow", "excess_of_wider"]

ByWindow: TypeAlias = Mapping[Window, list[Record]]


def excess_of_wider(records: ByWindow) -> tuple[dict[Window, list[Record]], dict[Window, int]]:
    """Reduce each window that contains others to what those do not show.

    Returns the records that are left by window, and for each wider window how many narrower ones it
    contains. Narrower windows are resolved first, so that a day is compared with what its hours
    count after their minutes.
    """
    ordered = sorted(records)
    left: dict[Window, list[Record]] = {}
    wider: dict[Window, int] = {}
    for window in sorted(records, key=lambda one: (one.end - one.start, one)):
        first = bisect_left(ordered, (window.start,))
        last = bisect_left(ordered, (window.end,))
        inside = [other for other in ordered[first:last] if window.contains(other)]
        if inside:
            wider[window] = len(inside)
            sums = sum_identities(left, inside)
            left[window] = [kept for kept in records[window] if reduce_to_excess(kept, sums)]
        else:
            left[window] = records[window]
    return left, wider


def sum_identities(records: ByWindow, windows: list[Window]) -> dict[Identity, Counters]:
    """Add up what each identity counts in the windows."""
    sums: defaultdict[Identity, Counters] = defaultdict(dict)
    for window in windows:
        for record in records[window]:
            total = sums[record.identity]
            for name, value in record.counters.items():
                total[name] = total.get(name, 0) + value
    return sums


def reduce_to_excess(record: Record, sums: Mapping[Identity, Counters]) -> bool:
    """Reduce a record to its excess over the narrower windows; tell whether anything is left.

    A record or counter that no narrower window shows stays whole.
    """
    covered = sums.get(record.identity)
    if covered is None:
        return True
    record.counters = {
        name: value - covered.get(name, 0)
        for name, value in record.counters.items()
        if name not in covered or value > covered[name]
    }
    return bool(record.counters)
