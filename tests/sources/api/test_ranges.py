"""Ranges that are whole, and what is between them, against sets of seconds."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stream.sources.api.ranges import add_range, gaps_in

SPANS = st.tuples(st.integers(0, 40), st.integers(0, 40))


@given(st.lists(SPANS, max_size=8), SPANS)
def test_ranges_are_sets_of_seconds(spans: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    """Whatever is added in any order, ranges do not touch, and gaps are what they lack."""
    ranges: list[tuple[int, int]] = []
    for start, end in spans:
        ranges = add_range(ranges, start, end)
    covered = {second for start, end in spans for second in range(start, end)}
    assert {second for start, end in ranges for second in range(start, end)} == covered
    assert all(one[1] < other[0] for one, other in pairwise(ranges))
    gaps = gaps_in(ranges, *asked)
    between = {second for start, end in gaps for second in range(start, end)}
    assert between == set(range(*asked)) - covered
    assert all(start < end for start, end in gaps)
