"""Facts of figures: written by one task, summed by the engine, and read again."""

from __future__ import annotations

from stream.engines.flink.kinds import count_facts, read_counts
from stream.figures.endpoint import EndpointFigures
from stream.providers.openai import ENDPOINTS


def test_counts_are_read_as_they_were_written() -> None:
    """Records, buckets, and costs without an amount."""
    figures = EndpointFigures.empty(ENDPOINTS["costs"])
    figures.totals.take(7, {})
    figures.buckets, figures.without_amount = 2, 3
    again = EndpointFigures.empty(ENDPOINTS["costs"])
    read_counts(again, [*count_facts(figures)])
    assert (again.totals.records, again.buckets, again.without_amount) == (7, 2, 3)
