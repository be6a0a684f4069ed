"""Windows beside each other: those that contain others, and those that only overlap."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from stream.figures.rollup.layers import Layer
from stream.figures.rollup.table import Overlap
from stream.records.windows import Window

__all__ = ["leave_out_overlapping", "wider_windows_of"]


def wider_windows_of(windows: Iterable[Window]) -> list[tuple[Window, int]]:
    """Return the windows that contain others, and how many."""
    ordered = sorted(windows)
    found = []
    for window in ordered:
        first = bisect_left(ordered, (window.start,))
        last = bisect_left(ordered, (window.end,))
        inside = sum(map(window.contains, ordered[first:last]))
        if inside:
            found.append((window, inside))
    return found


def leave_out_overlapping(layers: list[Layer]) -> tuple[list[Layer], list[Overlap]]:
    """Leave out windows that overlap, where a wider one covers all of them and counts instead."""
    ordered = sorted({layer.window for layer in layers})
    pairs = list(overlapping_pairs(ordered))
    if not pairs:
        return layers, []
    groups: dict[Window, set[Window]] = {}
    for pair in pairs:
        one, other = (groups.setdefault(window, {window}) for window in pair)
        if one is not other:
            large, small = (one, other) if len(one) >= len(other) else (other, one)
            large |= small
            groups.update(dict.fromkeys(small, large))
    data = sorted({layer.window for layer in layers if not layer.rollup})
    counted: dict[int, Window | None] = {
        id(group): covering_window(group, data) for group in groups.values()
    }
    instead = {window: counted[id(group)] for window, group in groups.items()}
    kept = [layer for layer in layers if instead.get(layer.window) is None]
    return kept, [Overlap(one, other, instead[one]) for one, other in pairs]


def overlapping_pairs(ordered: list[Window]) -> Iterator[tuple[Window, Window]]:
    """Yield the windows that overlap without one containing the other, in order."""
    for place, window in enumerate(ordered):
        last = bisect_left(ordered, (window.end,))
        for other in ordered[place + 1 : last]:
            if window.start < other.start and other.end > window.end:
                yield window, other


def covering_window(group: Iterable[Window], windows: list[Window]) -> Window | None:
    """Return the narrowest window that contains each of a group."""
    some = list(group)
    span = Window(min(one.start for one in some), max(one.end for one in some))
    wider = [one for one in windows if one == span or one.contains(span)]
    return min(wider, key=lambda one: (one.end - one.start, one), default=None)
