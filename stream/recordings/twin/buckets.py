"""The answers of usage and costs: buckets in order, and in each the sums by group."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from decimal import Decimal, localcontext
from itertools import islice
from typing import Any, Final

import msgspec

from stream.providers.endpoint import Endpoint
from stream.recordings.twin.charges import COSTS, Charges
from stream.recordings.twin.query import UsageQuery, cursor_at
from stream.recordings.twin.traffic import UsageEvent
from stream.records.money import MONEY

__all__ = ["Buckets", "encode_page"]

encode_page: Final = msgspec.json.Encoder(decimal_format="number").encode
PLACES: Final = 28
"""Fraction digits of an amount that is sent as a text."""

Page = dict[str, Any]
Sums = dict[tuple[Any, ...], list[Any]]


class Buckets:
    """Answers queries of usage and costs, as they are at a moment.

    ``most_costs`` is how many buckets a page of costs has at most, whatever limit was asked for
    and accepted; seen at the API. The first bucket starts at ``start_time`` itself and the last
    ends at ``end_time``, also inside a day; with ``snap`` they are whole.
    """

    def __init__(self, charges: Charges, *, most_costs: int = 31, snap: bool = False) -> None:
        """Answer with these charges, and their traffic."""
        self.charges = charges
        self.traffic = charges.traffic
        self.most_costs = most_costs
        self.snap = snap

    def page(self, query: UsageQuery, now: float) -> Page:
        """Return the page that a query asks for; one behind the last is empty."""
        limit = min(query.limit, self.most_costs) if query.endpoint is COSTS else query.limit
        chosen = list(islice(self.times_of(query, now), limit + 1))
        more = len(chosen) > limit
        return {
            "object": "page",
            "data": [self.bucket(query, start, end, now) for start, end in chosen[:limit]],
            "has_more": more,
            "next_page": cursor_at(query, self.traffic.seed, chosen[limit][0]) if more else None,
        }

    def times_of(self, query: UsageQuery, now: float) -> Iterator[tuple[int, int]]:
        """Yield start and end of each bucket of a query, up to the one that is open now."""
        width = query.width
        begin = query.start if query.page is None else query.page
        start = begin // width * width if self.snap else begin
        while start <= now and (query.end is None or start < query.end):
            end = (start // width + 1) * width
            cut = end if self.snap or query.end is None else min(end, query.end)
            yield start, cut
            start = end

    def bucket(self, query: UsageQuery, start: int, end: int, now: float) -> Page:
        """Return a bucket with its rows."""
        sums = sum_events(query, self.events(query.endpoint, start, end), now)
        rows = [
            self.row(query, start, values, counters)
            for values, counters in sorted(sums.items(), key=lambda one: order_of(one[0]))
        ]
        return {"object": "bucket", "start_time": start, "end_time": end, "results": rows}

    def events(self, endpoint: Endpoint, start: int, end: int) -> Iterator[UsageEvent]:
        """Yield an endpoint's events, whether they have arrived or not."""
        if endpoint is COSTS:
            return self.charges.events(start, end)
        return self.traffic.events(endpoint, start, end)

    def row(self, query: UsageQuery, start: int, values: tuple[Any, ...], sums: list[Any]) -> Page:
        """Write a row: its object, the counters, then every dimension."""
        endpoint = query.endpoint
        dimensions = dict(zip(endpoint.grouped_by, values, strict=True))
        if endpoint is not COSTS:
            return {
                "object": endpoint.result,
                **dict(zip(endpoint.counts, sums, strict=True)),
                **dimensions,
            }
        amount, quantity = sums
        currency = dimensions.pop("currency")
        place = f"{self.traffic.seed}/{start}/{values}".encode()
        value = spell_amount(amount, zlib.crc32(place))
        row = {
            "object": endpoint.result,
            "amount": {"value": value, "currency": currency},
            **dimensions,
            "quantity": quantity if "line_item" in query.groups else None,
        }
        if user := dimensions["user_id"]:
            users = self.traffic.organization.users
            row["user_email"] = next((one["email"] for one in users if one["id"] == user), None)
        return row


def sum_events(query: UsageQuery, events: Iterable[UsageEvent], now: float) -> Sums:
    """Add up the events that have arrived, by the groups asked for; null where not grouped by."""
    endpoint = query.endpoint
    shown = {*query.groups, "currency"}
    if "line_item" in shown:
        shown.add("quantity_unit")
    mask = [name in shown for name in endpoint.grouped_by]
    tests = [(endpoint.grouped_by.index(name), values) for name, values in query.filters]
    found: Sums = {}
    with localcontext(MONEY):
        for event in events:
            counters = event.counters_at(now)
            if counters is None or any(event.values[at] not in allowed for at, allowed in tests):
                continue
            values = tuple(
                value if kept else None for value, kept in zip(event.values, mask, strict=True)
            )
            if values not in found:
                found[values] = list(counters)
                continue
            sums = found[values]
            for at, counter in enumerate(counters):
                if counter is not None:
                    sums[at] = counter if sums[at] is None else sums[at] + counter
    return found


def order_of(values: tuple[Any, ...]) -> list[str]:
    """Order rows by their dimensions, null first."""
    return ["" if value is None else f"{value}" for value in values]


def spell_amount(amount: Decimal, place: int) -> Decimal | str:
    """Spell an amount as the API does: a number, or a text with many zeros behind it."""
    if place % 3:
        return amount
    return f"{amount:.{PLACES}f}" if amount else "0E-6176"
