"""How much memory windows may take, and what one takes."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from sys import intern
from typing import Final

from stream.records.windows import Columns, Snapshot

__all__ = [
    "LARGE_PAGE",
    "SMALL_BUDGET",
    "choose_budget",
    "estimate_bytes",
    "keep_freed_memory",
    "pause_collector",
    "resume_collector",
    "share_texts",
]

SMALL_BUDGET: Final = 16_000_000
"""Bytes of windows where months matter more than a burst, and others want memory too."""
UNKNOWN_BUDGET: Final = 256_000_000
"""Bytes of windows where nobody says what the machine has."""
LARGEST_BUDGET: Final = 1_000_000_000
MALLOC: Final = ((-1, 64 << 20), (-3, 32 << 20))
"""M_TRIM_THRESHOLD, M_MMAP_THRESHOLD: from how many free bytes on memory is given back, and from
how many that are asked for in one it is given back at once."""
LARGE_PAGE: Final = 1 << 17
"""Bytes of a page that the system is asked for, and given back, unless memory is kept."""
PARTS: Final = 4
"""Into how many parts memory is cut: one is for windows, the rest for everybody else."""

WINDOW_BYTES: Final = 1_000
"""What a window takes without its columns: its names, and its places in tables and views."""
COLUMN_BYTES: Final = 56
"""What a column takes without its values; each of those is pointed at by 8 bytes."""
POINTER_BYTES: Final = 8
COUNT_BYTES: Final = 32
MONEY_BYTES: Final = 112
"""What a counter's value takes; texts of dimensions are shared."""
PAIRS_BYTES: Final = 256
"""What names and values take that the registry does not know."""
SHARED: Final = 257
"""Counts below this are shared too: Python has each of them once."""


def estimate_bytes(snapshot: Snapshot) -> int:
    """Return about how many bytes of memory a window takes that holds this.

    Columns are judged by their first and last values, since this is asked of every bucket: one of
    which only some values take memory is mostly held for larger than it is.
    """
    dimensions, counters = snapshot.dimensions, snapshot.counters
    rows = len(counters[0])
    columns = len(dimensions) + len(counters)
    found = WINDOW_BYTES + columns * COLUMN_BYTES
    if not rows:
        return found
    row = columns * POINTER_BYTES
    for column in (*counters, dimensions[-1]):
        value = column[-1] or column[0]
        if not value:
            continue
        if type(value) is int:
            row += COUNT_BYTES if value >= SHARED else 0
        else:
            row += MONEY_BYTES if type(value) is Decimal else PAIRS_BYTES
    return found + rows * row


def share_texts(columns: Columns) -> Columns:
    """Have columns share their texts with others: what is read from a store has its own."""
    return tuple(
        column
        if column.count(None) == len(column)
        else tuple([intern(value) if type(value) is str else value for value in column])
        for column in columns
    )


def choose_budget(limit: int | None) -> int:
    """Return how many bytes of windows a run may keep in memory that may have ``limit`` of it.

    ``None``: nobody says how many those are.
    """
    return UNKNOWN_BUDGET if limit is None else min(limit // PARTS, LARGEST_BUDGET)


def keep_freed_memory() -> None:
    """Keep what pages have left for the next ones, rather than give it back and ask for it anew.

    Of pages that have a MB or more a twentieth of a run goes into that. It is a setting of glibc,
    and of nobody else.
    """
    with suppress(ImportError, OSError, AttributeError, TypeError):
        from ctypes import CDLL  # noqa: PLC0415 -- 3 ms, and not there in every Python

        mallopt = CDLL(None).mallopt
        for setting, size in MALLOC:
            mallopt(setting, size)


@contextmanager
def pause_collector() -> Iterator[None]:
    """Look for no cycles until this ends, or until the collector is resumed.

    Windows have none, nor has anything that a sound page leaves, and as long as all windows stay,
    going through them again and again takes up to a tenth of a run.
    """
    gc.disable()
    try:
        yield
    finally:
        resume_collector()


def resume_collector() -> None:
    """Look for cycles again, in what is made from now on first, rather than in all there is."""
    if not gc.isenabled():
        gc.freeze()  # and back: what there is counts as old, without a look at it
        gc.unfreeze()
        gc.enable()
