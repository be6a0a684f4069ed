"""Names in a sentence that may be too many for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = ["name_some"]

MOST: Final = 5
"""How many are named."""


def name_some(names: Sequence[str], between: str = ", ") -> str:
    """Name the first ones, and say how many more there are."""
    more = len(names) - MOST
    told = [*names[:MOST], f"and {more} more"] if more > 0 else names
    return between.join(told)
