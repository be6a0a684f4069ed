"""The plan that comes of a shape: walks, their buckets, and what changes in those."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from msgspec import Struct

from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS
from stream.recordings.synth.dimensions import axes_of
from stream.recordings.synth.draws import draw_number, is_chosen, share_limit_of
from stream.recordings.synth.shape import Shape
from stream.records.windows import DAY

__all__ = ["Plan", "WalkPlan", "plans_of", "walk_order"]

WIDTHS: Final = {"1m": 60, "1h": 3600, "1d": DAY}


class WalkPlan(Struct, frozen=True):
    """``count`` walks of ``buckets`` each; the next one starts ``step`` buckets later."""

    count: int
    buckets: int
    step: int

    @property
    def distinct(self) -> int:
        """How many different buckets there are."""
        return self.step * (self.count - 1) + self.buckets

    @property
    def most_deliveries(self) -> int:
        """How many walks the buckets in the middle are in."""
        return min(self.count, -(-self.buckets // self.step)) if self.step else self.count

    def first(self, bucket: int) -> int:
        """Return the first walk that a bucket is in."""
        return 0 if bucket < self.buckets else (bucket - self.buckets) // self.step + 1

    def last(self, bucket: int) -> int:
        """Return the last walk that a bucket is in."""
        return min(self.count - 1, bucket // self.step) if self.step else self.count - 1


class Plan:
    """One endpoint's part: its buckets' times, rows and versions."""

    def __init__(self, shape: Shape, endpoint: Endpoint, walks: WalkPlan) -> None:
        """Take the shape, and what it comes to for this endpoint."""
        self.shape = shape
        self.endpoint = endpoint
        self.walks = walks
        self.rows = rows_of(shape, endpoint)
        self.width_name = "1d" if endpoint.key == "costs" else shape.width
        self.width = WIDTHS[self.width_name]
        self.start = shape.start - shape.start % self.width
        self.pages = -(-walks.buckets // shape.buckets_per_page)
        self._revised = share_limit_of(shape.revised)

    def draw_number(self, *place: object) -> int:
        """Draw a number for a place of this endpoint."""
        return draw_number(self.shape.seed, self.endpoint.key, *place)

    def time_of(self, bucket: int) -> int:
        """Return a bucket's start, in Unix seconds."""
        return self.start + bucket * self.width

    def buckets_of(self, walk: int, page: int) -> range:
        """Return the buckets of one page of a walk."""
        first = walk * self.walks.step
        start = first + page * self.shape.buckets_per_page
        return range(start, min(start + self.shape.buckets_per_page, first + self.walks.buckets))

    def has_grown(self, bucket: int, walk: int) -> bool:
        """Tell whether a bucket's figures grew since the walk before, which had it too."""
        place = bucket - walk * self.walks.step
        return is_chosen(place, self._revised, self.draw_number("revised", walk))

    def version(self, bucket: int, walk: int) -> int:
        """Return how often a bucket's figures have grown by then."""
        if not self._revised:
            return 0
        return sum(
            self.has_grown(bucket, one) for one in range(self.walks.first(bucket) + 1, walk + 1)
        )

    def observed_at(self, walk: int) -> int:
        """Return when a walk was made, in whole microseconds: after its last bucket's end."""
        end = self.time_of(walk * self.walks.step + self.walks.buckets)
        return (end + 300 + walk) * 1_000_000 + draw_number(
            self.shape.seed, "walk", walk
        ) % 1_000_000


def rows_of(shape: Shape, endpoint: Endpoint) -> int:
    """Return the rows of a bucket: as asked for, or all the records that there can be."""
    return min(shape.rows_per_bucket, axes_of(shape, endpoint).universe)


def plans_of(shape: Shape) -> list[Plan]:
    """Turn a shape that :func:`fault_in` has nothing against into each endpoint's plan.

    All endpoints have the same walks, so that those with few records have few rows.
    """
    entries = [ENDPOINTS[key] for key in shape.endpoints]
    rows = sum(rows_of(shape, entry) for entry in entries) * (1 + shape.repeated)
    buckets = max(1, round(shape.rows / rows / shape.walks))
    shared = min(buckets, int(shape.overlap * buckets + 0.5)) if shape.walks > 1 else 0
    walks = WalkPlan(shape.walks, buckets, buckets - shared)
    return [Plan(shape, entry, walks) for entry in entries]


def walk_order(shape: Shape) -> list[int]:
    """Return the walks in the order of delivery: some of them change places with the next one.

    Every other pair is left alone here; its pages change places among themselves instead.
    """
    order = list(range(shape.walks))
    share, phase = share_limit_of(shape.out_of_order), draw_number(shape.seed, "walks")
    for first, second in pairwise(order[:]):
        if first % 4 == 0 and is_chosen(first // 4, share, phase):
            order[first], order[second] = second, first
    return order
