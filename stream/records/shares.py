"""Who counts what: buckets are shared out by endpoint and UTC day, which no rule crosses.

Never by ``hash()``, which differs in each process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple
from zlib import crc32

from stream.records.windows import DAY

__all__ = ["ALL", "Share"]


class Share(NamedTuple):
    """One share of so many; ``rank`` counts from 0, and the first one speaks for whole pages."""

    rank: int = 0
    total: int = 1

    @property
    def first(self) -> bool:
        """Tell whether this is the first share."""
        return self.rank == 0

    def digests(self, page: int) -> bool:
        """Tell whether a page's file is digested in the share: each in one of them."""
        return page % self.total == self.rank

    def days(self, endpoint: str) -> Callable[[int], bool] | None:
        """Return what tells whether a bucket that starts at a time is in the share; none: all."""
        if self.total == 1:
            return None
        offset, of, rank = crc32(endpoint.encode()), self.total, self.rank
        return lambda start: (start // DAY + offset) % of == rank


ALL: Final = Share()
