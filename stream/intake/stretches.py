"""Windows in a row, written as one: a page of a day's minutes is a line, and not 1,440 of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from stream.records.windows import Slot, Window

__all__ = ["Stretch", "slots_of", "stretches_of"]


class Stretch(NamedTuple):
    """The slot of a window, and of how many of its width from there on, each behind the other.

    Written without ``length`` it is the slot alone, as older state files have it.
    """

    window: Window
    rollup: bool
    length: int = 1


def stretches_of(slots: Iterable[Slot]) -> list[Stretch]:
    """Write slots as stretches, each slot once."""
    found: list[Stretch] = []
    first, rollup, length = Window(0, 0), False, 0
    for slot in sorted(set(slots)):
        if length and slot == slot_behind(first, rollup, length):
            length += 1
            continue
        if length:
            found.append(Stretch(first, rollup, length))
        (first, rollup), length = slot, 1
    return [*found, Stretch(first, rollup, length)] if length else []


def slots_of(stretches: Iterable[Stretch]) -> Iterator[Slot]:
    """Yield the slots that stretches stand for."""
    for window, rollup, length in stretches:
        for place in range(length):
            yield slot_behind(window, rollup, place)


def slot_behind(first: Window, rollup: bool, windows: int) -> Slot:  # noqa: FBT001 -- half of a slot
    """Return the slot that comes so many windows after the first."""
    shift = (first.end - first.start) * windows
    return Slot(Window(first.start + shift, first.end + shift), rollup)
