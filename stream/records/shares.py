"""Who counts what: work is shared out by ranges of pages, or by the days of their buckets.

A range is counted by one alone, who reads nothing else. Of days everybody reads all pages, and
counts the buckets of an (endpoint, UTC day) that is in the share, which no rule of figures crosses:
never by ``hash()``, which differs in each process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from zlib import crc32

from msgspec import Struct

from stream.records.windows import DAY

__all__ = ["ALL", "Share"]


class Share(Struct, frozen=True):
    """One share of so many, a range of pages or some of the days; ``rank`` counts from 0."""

    rank: int = 0
    total: int = 1
    by_days: bool = False

    @property
    def counts_pages(self) -> bool:
        """Whether what is whole of a page counts here; of days the first one speaks for all."""
        return not self.by_days or self.rank == 0

    def digests(self, page: int) -> bool:
        """Tell whether a page's file is digested in the share: each in one of them."""
        return not self.by_days or page % self.total == self.rank

    def days(self, endpoint: str) -> Callable[[int], bool] | None:
        """Return what tells whether a bucket that starts at a time is in the share; none: all."""
        if not self.by_days or self.total == 1:
            return None
        offset, of, rank = crc32(endpoint.encode()), self.total, self.rank
        return lambda start: (start // DAY + offset) % of == rank


ALL: Final = Share()
"""The range of all pages."""
