"""Numbers from a seed: the same on every machine and in every version of Python.

They come from hashes of the place that they are for, so that any of them can be drawn again, in
any order. Shares are kept by counting and not by chance: of 100 places a tenth is 10 of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from struct import unpack
from typing import Final, TypeVar

__all__ = [
    "Memo",
    "ShareLimit",
    "chosen_places",
    "draw_number",
    "draw_words",
    "is_chosen",
    "share_limit_of",
]

Drawn = TypeVar("Drawn")

ONE: Final = 1 << 32
ShareLimit = int
"""A share of something, from 0 to :data:`ONE`."""


class Memo(dict[int, Drawn]):
    """A number → what is made of it when it is first asked for; of so many at ``most``."""

    def __init__(self, make: Callable[[int], Drawn], most: int | None = None) -> None:
        """Start with none."""
        super().__init__()
        self._make = make
        self._most = most

    def __missing__(self, number: int) -> Drawn:
        """Make one."""
        if len(self) == self._most:
            self.clear()
        self[number] = found = self._make(number)
        return found


def draw_number(*place: object) -> int:
    """Draw 64 bits for a place."""
    named = "/".join(map(str, place)).encode()
    return int.from_bytes(hashlib.blake2b(named, digest_size=8).digest(), "little")


def draw_words(count: int, *place: object) -> tuple[int, ...]:
    """Draw ``count`` numbers of 16 bits for a place."""
    named = "/".join(map(str, place)).encode()
    return unpack(f"<{count}H", hashlib.shake_128(named).digest(2 * count))


def share_limit_of(share: float) -> ShareLimit:
    """Return a share from 0.0 to 1.0 as it is counted with."""
    return round(share * ONE)


def is_chosen(place: int, share: ShareLimit, phase: int) -> bool:
    """Tell whether a place is among the share that is chosen; ``phase`` moves the choice."""
    start = phase % ONE + place * share
    return (start + share) // ONE > start // ONE


def chosen_places(count: int, share: ShareLimit, phase: int) -> list[int]:
    """List the places below ``count`` that :func:`is_chosen` would choose."""
    phase %= ONE
    if not share:
        return []
    many = (phase + count * share) // ONE
    return [-((phase - one * ONE) // share) - 1 for one in range(1, many + 1)]
