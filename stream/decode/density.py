"""How much memory a page may take: a bound on rows that are read of hardly any bytes."""

from __future__ import annotations

from typing import Final

from stream.records.errors import BadInput, Unavailable
from stream.records.memory import ADVICE, no_memory

__all__ = ["SMALL", "blame_page", "check_density", "check_rows"]

SMALL: Final = 1 << 20
"""Bytes of a page that may hold what it will."""
ROW_BYTES: Final = 720
"""What a row takes in memory, of however few bytes it is read."""
MOST_TIMES: Final = 40
"""How many times its size a page may take."""


def check_density(payload: bytes | memoryview) -> None:
    """See that a page's rows take no more memory than its size allows.

    Raises:
        BadInput: it has so many objects that are nearly empty that they would.
    """
    if len(payload) > SMALL:
        check_rows(bytes(payload).count(b"{"), len(payload))


def check_rows(rows: int, size: int) -> None:
    """See that so many rows were not read of too few bytes.

    Raises:
        BadInput: they take more memory than a page of that size may.
    """
    if rows * ROW_BYTES > MOST_TIMES * size:
        least = ROW_BYTES // MOST_TIMES
        message = f"found objects of less than {least} bytes on average, expected rows"
        raise BadInput("density", message)


def blame_page(size: int, place: str) -> BadInput | Unavailable:
    """Say that memory ran out over a page; a small one is not to blame for that.

    ``size`` is how many bytes of it there are, and ``place`` names it where it is not named later.
    """
    if size <= SMALL:
        return no_memory(place)
    return BadInput("memory", f"memory ran out over these {size} bytes; {ADVICE}")
