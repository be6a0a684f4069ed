"""What a run counted, in plain numbers; :mod:`stream.metrics` shows them to Prometheus.

Counting costs an addition, and the core never imports the metrics library.
"""

from __future__ import annotations

from collections import Counter

__all__ = ["Tally"]


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
