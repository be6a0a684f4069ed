"""What a run counted, in plain numbers; :mod:`stream.metrics` shows them to Prometheus.

Counting costs an addition, and the core never imports the metrics library.
"""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

__all__ = ["SavedTally", "Tally"]


Pairs = list[tuple[tuple[str, str], int]]
Singles = list[tuple[str, int]]


class SavedTally(Struct, array_like=True):
    """A tally as a state file keeps it."""

    page_bytes: int = 0
    pages: Pairs = []
    records: Pairs = []
    dead_letters: Pairs = []
    anomalies: Singles = []
    unknown_fields: Singles = []


class Tally:
    """Counts pages, bytes, and what became of each record; keys are label values."""

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
        self.channel_capacity = 0
        self.channel_blocked_seconds = 0.0

    def saved(self) -> SavedTally:
        """Return the counts that must not fall, for a state file."""
        return SavedTally(
            self.page_bytes,
            sorted(self.pages.items()),
            sorted(self.records.items()),
            sorted(self.dead_letters.items()),
            sorted(self.anomalies.items()),
            sorted(self.unknown_fields.items()),
        )

    def restore(self, saved: SavedTally) -> None:
        """Go on counting from what :meth:`saved` returned."""
        self.page_bytes += saved.page_bytes
        self.pages.update(dict(saved.pages))
        self.records.update(dict(saved.records))
        self.dead_letters.update(dict(saved.dead_letters))
        self.anomalies.update(dict(saved.anomalies))
        self.unknown_fields.update(dict(saved.unknown_fields))
