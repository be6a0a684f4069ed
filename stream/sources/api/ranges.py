"""Ranges of time that do not touch each other, in order: which are whole, and what is between."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

__all__ = ["Range", "add_range", "gaps_in"]

Range: TypeAlias = tuple[int, int]
"""From a start to an end that is not in it, in Unix seconds."""


def add_range(ranges: Iterable[Range], start: int, end: int) -> list[Range]:
    """Return ranges with another one among them; those that touch become one."""
    joined: list[Range] = []
    for one in sorted([*ranges, (start, end)] if start < end else ranges):
        if joined and one[0] <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], one[1])
        else:
            joined.append(one)
    return joined


def gaps_in(ranges: Sequence[Range], start: int, end: int) -> list[Range]:
    """Return what of a range no other one has, in order."""
    gaps: list[Range] = []
    for one in ranges:
        if one[1] <= start:
            continue
        if one[0] >= end:
            break
        if start < one[0]:
            gaps.append((start, one[0]))
        start = max(start, one[1])
    if start < end:
        gaps.append((start, end))
    return gaps
