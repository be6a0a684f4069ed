"""Memory that has run out: a line that says so, and what to do, whoever comes upon it."""

from __future__ import annotations

import errno
from typing import Final

from stream.records.errors import Unavailable

__all__ = ["ADVICE", "lacks_memory", "no_memory"]

ADVICE: Final = (
    "give it more memory, fewer --workers, a smaller --memory, or smaller pages (--max-page-bytes)"
)
WORDS: Final = ("can't start new thread", "allocate memory", "not enough memory")
"""What those say of it who raise an error of another kind."""


def lacks_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError | ImportError) and any(word in said for word in WORDS)


def no_memory(place: str = "") -> Unavailable:
    """Say that memory ran out; ``place`` names the page that was read."""
    return Unavailable(f"{place}{': ' if place else ''}memory ran out; {ADVICE}")
