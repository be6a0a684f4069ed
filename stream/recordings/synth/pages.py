"""Pages in the order of delivery, and what was counted on the way."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, pairwise, zip_longest
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from stream.providers.endpoint import Endpoint
from stream.recordings.synth.draws import is_chosen, share_limit_of
from stream.recordings.synth.expected_sums import ExpectedSums
from stream.recordings.synth.plan import Plan, plans_of, walk_order
from stream.recordings.synth.rollups import daily_costs
from stream.recordings.synth.rows import Rows
from stream.recordings.synth.shape import Shape
from stream.records.chains import PRIMARY

__all__ = ["DeliveryCounts", "Generator", "SynthPage"]

QUERYLESS = frozenset({"currency", "quantity_unit"})  # dimensions that cannot be asked for


class SynthPage(NamedTuple):
    """A page: its chain's endpoint, its number in the chain from 1, and its JSON.

    ``request`` and ``observed_at``, in whole microseconds, are what a capture says of it.
    """

    endpoint: Endpoint
    number: int
    observed_at: int
    request: dict[str, Any]
    payload: bytes


class DeliveryCounts(Struct, rename="camel"):
    """What was delivered.

    Of pages ``repeated`` and ``out_of_order`` are counted, of buckets ``redelivered`` and
    ``revised``, of rows ``late`` and ``corrected``.
    """

    pages: int = 0
    buckets: int = 0
    rows: int = 0
    repeated: int = 0
    out_of_order: int = 0
    redelivered: int = 0
    revised: int = 0
    late: int = 0
    corrected: int = 0


class Generator:
    """Makes every page of a shape once, in order; afterwards it knows what must come out.

    In a capture each walk is a chain of cursors of its own; in fixtures they are one.
    """

    def __init__(self, shape: Shape) -> None:
        """Plan a shape that ``refusals`` has nothing against."""
        self.shape = shape
        self.counts = DeliveryCounts()
        self.walks = walk_order(shape)
        self.chains = [SynthChain(plan, self.counts) for plan in plans_of(shape)]

    def pages(self) -> Iterator[SynthPage]:
        """Make the pages: walk by walk, the endpoints in turn."""
        for place, walk in enumerate(self.walks):
            if walk != place:
                self.counts.out_of_order += sum(one.plan.pages for one in self.chains)
            ends = self.shape.capture or walk == self.walks[-1]
            turns = zip_longest(*(one.walk(walk, ends=ends) for one in self.chains))
            yield from (page for page in chain.from_iterable(turns) if page is not None)

    @property
    def most_pages(self) -> int:
        """About how many pages there will be, to show how far it has come."""
        pages = sum(one.plan.pages for one in self.chains) * self.shape.walks
        return round(pages * (1 + self.shape.repeated))

    @property
    def last_observed(self) -> int:
        """When the last walk was made, in whole microseconds."""
        return max(one.plan.observed_at(self.shape.walks - 1) for one in self.chains)

    @property
    def records(self) -> int:
        """How many records must come out."""
        return sum(one.expected_sums.records for one in self.chains)

    def expectations(self) -> bytes:
        """Write ``expectations.json``."""
        found: dict[str, list[Any]] = {"chains": [], "endpoints": [], "keys": []}
        for one in self.chains:
            for name, entries in one.expected_sums.entries(PRIMARY).items():
                found[name] += entries
        encoded = msgspec.json.Encoder(decimal_format="number").encode(found)
        return msgspec.json.format(encoded, indent=1) + b"\n"


class SynthChain:
    """Makes one endpoint's pages."""

    def __init__(self, plan: Plan, counted: DeliveryCounts) -> None:
        """Start before the first page."""
        self.plan = plan
        self.counts = counted
        self.rows = Rows(plan)
        self.expected_sums = ExpectedSums(plan.endpoint)
        self.number = 0
        self.cursor: str | None = None
        shape = plan.shape
        self._rolled = shape.rollups and plan.endpoint.key == "usage/completions"
        self._repeated = share_limit_of(shape.repeated)
        self._moved = share_limit_of(shape.out_of_order)
        self._groups = [name for name in plan.endpoint.grouped_by if name not in QUERYLESS]

    def walk(self, walk: int, *, ends: bool) -> Iterator[SynthPage]:
        """Make a walk's pages; where it ``ends`` nothing follows the last one."""
        observed_at = self.plan.observed_at(walk)
        before = -1
        for page, after in pairwise(chain(self._turns(walk), (-1,))):
            body = self._body(walk, page, again=page == before)
            yield self._page(walk, observed_at, body, last=ends and after < 0)
            before = page

    def _turns(self, walk: int) -> Iterator[int]:
        """Yield the pages of a walk in the order of delivery, repeated ones twice in a row."""
        phase = self.plan.draw_number("repeated", walk)
        for page in self._order(walk):
            yield page
            if is_chosen(page, self._repeated, phase):
                self.counts.repeated += 1
                yield page

    def _order(self, walk: int) -> Iterator[int]:
        """Yield the pages of a walk; neighbours change places where no walks do."""
        pages, phase = self.plan.pages, self.plan.draw_number("order", walk)
        apart = walk % 4 > 1 or (walk % 4 == 0 and walk + 1 == self.plan.walks.count)
        for first in range(0, pages, 2):
            pair = range(first, min(first + 2, pages))
            swapped = len(pair) > 1 and apart and is_chosen(first // 2, self._moved, phase)
            self.counts.out_of_order += 2 * swapped
            yield from reversed(pair) if swapped else pair

    def _body(self, walk: int, page: int, *, again: bool) -> bytes:
        """Write a page up to where it says what follows."""
        buckets = self.plan.buckets_of(walk, page)
        written = [self._bucket(walk, bucket, again=again) for bucket in buckets]
        rollups = b""
        if self._rolled:
            rollups, left = daily_costs(self.rows, buckets, walk)
            for metrics in left if not again else ():
                self.expected_sums.add_left(metrics)
        self.counts.pages += 1
        return b'{"object":"page","data":[%s],%s' % (b",".join(written), rollups)

    def _bucket(self, walk: int, bucket: int, *, again: bool) -> bytes:
        """Write a bucket; its records are counted where they come for the last time."""
        walks, counted = self.plan.walks, self.counts
        made = self.rows.bucket(bucket, walk)
        counted.buckets += 1
        counted.rows += len(made.records)
        if not again:
            first = walks.first(bucket)
            if walk == walks.last(bucket):
                keys = map(self.rows.dimensions.keys.__getitem__, made.records)
                self.expected_sums.add(keys, self.rows.sum_of(made))
            if walk > first:
                counted.redelivered += 1
                counted.revised += self.plan.has_grown(bucket, walk)
                counted.corrected += made.corrections
            elif len(made.records) < self.plan.rows:
                counted.late += self.plan.rows - len(made.records)
        return self.rows.text(bucket, made)

    def _page(self, walk: int, observed_at: int, body: bytes, *, last: bool) -> SynthPage:
        """End a page with its cursor, and say what was asked for."""
        plan, asked = self.plan, self.cursor
        self.number += 1
        self.cursor = None if last else f"page_{plan.draw_number('cursor', self.number):016x}"
        more = b"false" if last else b"true"
        cursor = b'"%s"' % self.cursor.encode() if self.cursor else b"null"
        payload = b'%s"has_more":%s,"next_page":%s}' % (body, more, cursor)
        first = walk * plan.walks.step
        request = {
            "start_time": plan.time_of(first),
            "end_time": plan.time_of(first + plan.walks.buckets),
            "bucket_width": plan.width_name,
            "group_by": self._groups,
            "limit": plan.shape.buckets_per_page,
            **({"page": asked} if asked else {}),
        }
        return SynthPage(plan.endpoint, self.number, observed_at, request, payload)
