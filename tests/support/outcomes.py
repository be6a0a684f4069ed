"""What a replay's metrics say of the rows and pages that came in."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

__all__ = ["outcomes_in"]


def outcomes_in(metrics: Path) -> Counter[str]:
    """Return the rows that came in of each endpoint, and those that were new."""
    found: Counter[str] = Counter()
    for text in metrics.read_text("utf-8").splitlines():
        name, _, value = text.rpartition(" ")
        if name.startswith("usage_stream_records_total"):
            endpoint = name.partition('endpoint="')[2].partition('"')[0]
            found[endpoint] += int(float(value))
            if 'outcome="new"' in name:
                found[f"new {endpoint}"] += int(float(value))
        elif name.startswith("usage_stream_page"):
            found[name] += int(float(value)) if name.endswith("_total") else 0
    return found
