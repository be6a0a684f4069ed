"""What a run counted, in plain numbers; :mod:`stream.sinks.metrics` shows them to Prometheus.

Counting costs an addition, and the core never imports the metrics library.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Final

from msgspec import Struct

__all__ = ["Counts", "Histogram", "SavedTally", "Tally"]


Pairs = list[tuple[tuple[str, str], int]]
Singles = list[tuple[str, int]]

SECONDS: Final = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)


class SavedTally(Struct, array_like=True):
    """A tally as a state file keeps it."""

    page_bytes: int = 0
    pages: Pairs = []
    records: Pairs = []
    dead_letters: Pairs = []
    anomalies: Singles = []
    unknown_fields: Singles = []
    cursor_updated: Singles = []
    last_success: Singles = []
    source_success: Pairs = []


TABLES: Final = SavedTally.__struct_fields__[1:]
"""The counts that have keys."""


class Counts:
    """Counts that must not fall: they are kept in the state file. Keys are label values."""

    def __init__(self) -> None:
        """Start at zero."""
        self.pages: Counter[tuple[str, str]] = Counter()
        """(endpoint, outcome: ``ok`` or ``dead_lettered``) → pages read."""
        self.page_bytes = 0
        self.records: Counter[tuple[str, str]] = Counter()
        """(endpoint, outcome) → records; the outcomes add up to the rows that came in."""
        self.dead_letters: Counter[tuple[str, str]] = Counter()
        """(endpoint, reason) → dead letters."""
        self.anomalies: Counter[str] = Counter()
        """Kind → faults of a chain."""
        self.unknown_fields: Counter[str] = Counter()
        """Endpoint → fields that the registry does not know."""
        self.cursor_updated: dict[str, int] = {}
        """Endpoint → when the cursor of one of its chains last moved, in Unix seconds."""
        self.last_success: dict[str, int] = {}
        """Endpoint → when one of its pages was last taken in, in Unix seconds."""
        self.source_success: dict[tuple[str, str], int] = {}
        """(source, endpoint) → when a page of it last came from there, in Unix seconds."""

    def saved_counts(self) -> SavedTally:
        """Return the counts for a state file."""
        tables = (sorted(getattr(self, name).items()) for name in TABLES)
        return SavedTally(self.page_bytes, *tables)

    def restore(self, saved: SavedTally) -> None:
        """Go on counting from what :meth:`saved_counts` returned."""
        self.page_bytes += saved.page_bytes
        for name in TABLES:
            getattr(self, name).update(dict(getattr(saved, name)))


class Histogram:
    """How long something took: observations by upper bound, in seconds, and their sum."""

    def __init__(self) -> None:
        """Start without observations."""
        self.counts = [0] * (len(SECONDS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count an observation."""
        self.counts[bisect_left(SECONDS, seconds)] += 1
        self.sum += seconds

    def join(self, other: Histogram) -> None:
        """Take the observations of another."""
        self.counts = [one + more for one, more in zip(self.counts, other.counts, strict=True)]
        self.sum += other.sum

    def buckets(self) -> list[tuple[str, float]]:
        """Return (upper bound, observations up to it) for each bound, the last one infinite."""
        found, total = [], 0
        for bound, count in zip((*map(str, SECONDS), "+Inf"), self.counts, strict=True):
            total += count
            found.append((bound, float(total)))
        return found


class Tally(Counts):
    """Counts pages, bytes, and what became of each record; and what only this process knows."""

    def __init__(self) -> None:
        """Start at zero."""
        super().__init__()
        self.channel_capacity = 0
        self.channel_depth = 0
        self.channel_blocked_seconds = 0.0
        self.page_read = Histogram()
        self.page_decode = Histogram()
        self.checkpoint = Histogram()
        self.report_write = Histogram()
        self.checkpoint_failures = 0
        self.checkpointed_at: int | None = None
        self.report_failures = 0
        self.reported_at: int | None = None
        """When a report was last written, in Unix seconds."""
        self._stored: Counts | None = None

    def clear(self) -> None:
        """Start at zero again."""
        vars(self).update(vars(Tally()))

    def join(self, other: Tally) -> None:
        """Count what another has counted of pages and their records."""
        self.restore(other.saved_counts())
        self.page_read.join(other.page_read)
        self.page_decode.join(other.page_decode)
        self.channel_capacity = max(self.channel_capacity, other.channel_capacity)
        self.channel_blocked_seconds += other.channel_blocked_seconds

    def counts_of_rows(self) -> Tally:
        """Return what was counted of rows alone, and not of pages."""
        found = Tally()
        found.records, found.dead_letters = self.records, self.dead_letters
        return found

    @property
    def lasting_counts(self) -> Counts:
        """What a checkpoint holds, once there is one: no count shown falls when a process dies."""
        return self._stored or self

    def seal(self) -> None:
        """Note that everything counted so far is in a checkpoint."""
        stored = Counts()
        stored.restore(self.saved_counts())
        self._stored = stored  # whole: somebody may look while a thread stores
