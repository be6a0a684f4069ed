"""Records arranged by the day that their windows start in, all endpoints together."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import chain

from stream.records.windows import DAY, day_of
from stream.sinks.exports.records import RecordBatch

__all__ = ["days_of_batches"]


class DayCutter:
    """Hands out an endpoint's records day by day; their windows come in the order of time."""

    def __init__(self, batches: Iterator[RecordBatch]) -> None:
        """Begin with the first batch."""
        self._batches = batches
        self._rest = next(batches, None)

    @property
    def day(self) -> int | None:
        """The start of the next day that has records; ``None``: there is no other."""
        rest = self._rest
        return None if rest is None else day_of(rest.columns["window_start"][0]).start

    def take(self, day: int) -> Iterator[RecordBatch]:
        """Yield the records of a day, which is the next one or is before it."""
        while self._rest is not None:
            rest = self._rest
            end = bisect_left(rest.columns["window_start"], day + DAY)
            if end < rest.rows:
                self._rest = rest.cut(end, rest.rows)
                if end:
                    yield rest.cut(0, end)
                return
            self._rest = next(self._batches, None)
            yield rest


def days_of_batches(
    endpoints: Iterable[Iterator[RecordBatch]],
) -> Iterator[tuple[int, Iterator[RecordBatch]]]:
    """Yield each day's start, and its records, endpoint by endpoint; they are read before the next.

    A batch of each endpoint is in memory.
    """
    cutters = [DayCutter(batches) for batches in endpoints]
    while days := [day for one in cutters if (day := one.day) is not None]:
        first = min(days)
        yield first, chain.from_iterable(one.take(first) for one in cutters)
