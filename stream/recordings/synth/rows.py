"""The rows of a bucket as one walk delivers it."""

from __future__ import annotations

from typing import NamedTuple

from stream.recordings.synth.dimensions import Dimensions
from stream.recordings.synth.draws import chosen_places, draw_words, share_limit_of
from stream.recordings.synth.figures import Figures, draw_starts
from stream.recordings.synth.plan import Plan

__all__ = ["Rows", "SynthBucket"]


class SynthBucket(NamedTuple):
    """A bucket's rows: the record of each, and its figure; and how many of them fell."""

    records: list[int]
    figures: list[int]
    corrections: int = 0


class Rows:
    """Draws one endpoint's buckets; any of them, in any walk, at any time."""

    def __init__(self, plan: Plan) -> None:
        """Take the endpoint's plan."""
        self.plan = plan
        self.dimensions = Dimensions(plan.shape, plan.endpoint)
        self.figures = Figures(plan.shape.seed, plan.endpoint)
        self._late = share_limit_of(plan.shape.late)
        self._corrected = share_limit_of(plan.shape.corrected)

    def bucket(self, bucket: int, walk: int) -> SynthBucket:
        """Return a bucket as a walk delivers it."""
        plan = self.plan
        first, *drawn = draw_words(plan.rows + 1, plan.shape.seed, plan.endpoint.key, bucket)
        figures = list(map(draw_starts().__getitem__, drawn))
        version = plan.version(bucket, walk)
        if version:
            figures = [figure + version for figure in figures]
        corrected = self._correct(figures, bucket, walk) if self._corrected else 0
        records = self._records(bucket * plan.rows + first)
        if self._late and walk == plan.walks.first(bucket) < plan.walks.last(bucket):
            late = self.late_rows(bucket)
            on_time = [place for place in range(plan.rows) if place not in late]
            if not on_time:
                return SynthBucket([], [])
            records = [records[place] for place in on_time]
            figures = [figures[place] for place in on_time]
        return SynthBucket(records, figures, corrected)

    def late_rows(self, bucket: int) -> set[int]:
        """Return the rows that only the bucket's second walk brings."""
        return set(chosen_places(self.plan.rows, self._late, self.plan.draw_number("late", bucket)))

    def _records(self, first: int) -> list[int]:
        """Return records in a row, as many as a bucket has; after the last comes the first."""
        have, count = self.dimensions.records, self.plan.rows
        first %= have
        return [*range(first, min(first + count, have)), *range(first + count - have)]

    def _correct(self, figures: list[int], bucket: int, walk: int) -> int:
        """Take back steps of rows that fell in a walk up to this one; count those of this one.

        A row that falls does not take part in the bucket's growth, and loses one step more.
        """
        plan, corrected = self.plan, 0
        first = plan.walks.first(bucket)
        for one in range(first + 1, walk + 1):
            fallen = self.fallen_rows(bucket, one)
            steps = 2 if plan.has_grown(bucket, one) else 1
            for place in fallen:
                figures[place] -= steps
            corrected = len(fallen)
        return corrected if walk > first else 0

    def fallen_rows(self, bucket: int, walk: int) -> list[int]:
        """Return the rows whose figures a walk takes back in part; a row that is new is not one."""
        phase = self.plan.draw_number("corrected", bucket, walk)
        places = chosen_places(self.plan.rows, self._corrected, phase)
        if self._late and walk == self.plan.walks.first(bucket) + 1:
            late = self.late_rows(bucket)
            return [place for place in places if place not in late]
        return places

    def text(self, bucket: int, rows: SynthBucket) -> bytes:
        """Write a bucket as the API does."""
        start = self.plan.time_of(bucket)
        head = b'{"object":"bucket","start_time":%d,"end_time":%d,"results":[' % (
            start,
            start + self.plan.width,
        )
        if not rows.records:
            return head + b"]}"
        texts = self.figures.quoted_texts if self.is_quoted(bucket) else self.figures.texts
        parts = [b""] * (2 * len(rows.records))
        parts[0::2] = map(texts.__getitem__, rows.figures)
        parts[1::2] = map(self.dimensions.texts.__getitem__, rows.records)
        parts[-1] = parts[-1][:-1]  # the last row has no comma behind it
        return b"".join((head, *parts, b"]}"))

    def is_quoted(self, bucket: int) -> bool:
        """Tell whether a bucket's amounts are quoted: a stretch of eight buckets in each 128."""
        return "amount_value" in self.plan.endpoint.money and bucket // 8 % 16 == 1

    def sum_of(self, rows: SynthBucket) -> list[tuple[int, ...]]:
        """Return the rows' counters."""
        return list(map(self.figures.vectors.__getitem__, rows.figures))
