"""Adding up what workers found: each has counted other days, so nothing is counted twice."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from stream.figures.endpoint import EndpointFigures
from stream.records.tally import Tally
from stream.state.windows import Windows

__all__ = ["join_figures", "join_tallies"]


def join_tallies(tally: Tally, parts: Sequence[Tally]) -> None:
    """Count in ``tally`` what workers counted: pages once, and each one's own records."""
    first, *others = parts
    tally.restore(first.saved_counts())
    for other in others:
        tally.records.update(other.records)
        tally.dead_letters.update(other.dead_letters)
    tally.page_read, tally.page_decode = first.page_read, first.page_decode
    tally.channel_capacity = first.channel_capacity
    tally.channel_blocked_seconds = first.channel_blocked_seconds


def join_figures(
    parts: Sequence[dict[str, EndpointFigures]], windows: Windows
) -> dict[str, EndpointFigures]:
    """Add up the figures of each endpoint; ``windows`` are those of all workers."""
    found = {key: reduce(EndpointFigures.join, [part[key] for part in parts]) for key in parts[0]}
    for figures in found.values():
        figures.windows = windows
    return found
