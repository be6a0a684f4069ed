"""Which days to send: those that are not what they were when they were sent.

Days that a window joins are one span, as everywhere. A span that was sent is known by a digest of
all windows in it; an export of a part of it leaves what is outside as a span of its own, without a
digest, so that spans in the tables never overlap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from heapq import merge
from operator import itemgetter
from typing import Final, NamedTuple

from stream import __version__
from stream.records.chains import Chain
from stream.records.windows import Slot, Window, days_of
from stream.sinks.exports.records import NamedWindows
from stream.state.sqlite.inspection import Inspection

__all__ = ["SentSpan", "SourceSpan", "SpanChanges", "changes_in", "source_spans"]

BYTES: Final = 16


class SourceSpan(NamedTuple):
    """Days of an endpoint, and a digest of what they are made from; ``None``: nobody knows."""

    endpoint: str
    days: Window
    digest: bytes | None


class SentSpan(NamedTuple):
    """What was sent: records of an endpoint whose windows start there, and how many."""

    endpoint: str
    days: Window
    digest: bytes | None
    records: int


class SpanChanges(NamedTuple):
    """What an endpoint's export has to do.

    ``sent_spans`` are those whose records go; in ``regions`` all other records are gone. ``rests``
    are what remains of spans that were sent before, outside of what is exported, and
    ``unchanged_rows`` is how many records nobody has to look at.
    """

    sent_spans: list[SourceSpan]
    regions: list[Window]
    rests: list[SentSpan]
    unchanged_rows: int


def source_spans(recorded: NamedWindows, endpoint: str) -> Iterator[SourceSpan]:
    """Yield the spans of an endpoint, in order.

    Raises:
        BadInput, Unavailable: the windows cannot be read.
    """
    former = recorded.windows.former_chains
    ordered = merge(
        *(chain_marks(recorded, chain) for chain in recorded.windows.chains_of(endpoint)),
        key=itemgetter(0, 1),
    )
    span, digest, known = None, blake2b(digest_size=BYTES), True
    for slot, chain, mark in ordered:
        days = days_of(slot.window)
        if span is not None and days.start >= span.end:
            yield SourceSpan(endpoint, span, digest.digest() if known else None)
            span, digest, known = None, blake2b(digest_size=BYTES), True
        if span is None:
            span = days
            digest.update(__version__.encode())  # another one may have other rules
        span = Window(span.start, max(span.end, days.end))
        known = known and bool(mark)
        digest.update(repr((slot, chain, chain in former, mark)).encode())
    if span is not None:
        yield SourceSpan(endpoint, span, digest.digest() if known else None)


def chain_marks(recorded: NamedWindows, chain: Chain) -> Iterator[tuple[Slot, Chain, bytes]]:
    """Yield a chain's slots with what tells whether they changed; nothing where nobody knows."""
    store = recorded.windows.store
    if isinstance(store, Inspection):
        for slot, mark in store.marks(chain):
            yield slot, chain, mark
    else:
        for slot in recorded.windows.slots(chain):
            yield slot, chain, b""


def changes_in(
    source: Iterable[SourceSpan], sent: Iterable[SentSpan], limit: Window
) -> SpanChanges:
    """Compare the spans of an endpoint in the source with those that were sent, in a limit."""
    stored: Mapping[Window, SentSpan] = {one.days: one for one in sent}
    changes = SpanChanges([], [], [], 0)
    unchanged: dict[Window, SentSpan] = {}
    for one in source:
        part = common_part(one.days, limit)
        if part is None:
            continue
        known = stored.get(one.days)
        if part == one.days and known and known.digest and known.digest == one.digest:
            unchanged[one.days] = known
            continue
        changes.sent_spans.append(one)
        changes.regions.append(part)
    for days, known in stored.items():
        part = common_part(days, limit)
        if part is None or days in unchanged:
            continue
        changes.regions.append(part)
        rests = (Window(days.start, part.start), Window(part.end, days.end))
        changes.rests.extend(
            SentSpan(known.endpoint, rest, None, 0) for rest in rests if rest.start < rest.end
        )
    return changes._replace(unchanged_rows=sum(one.records for one in unchanged.values()))


def common_part(one: Window, other: Window) -> Window | None:
    """Return what two spans have in common; ``None``: nothing."""
    part = Window(max(one.start, other.start), min(one.end, other.end))
    return part if part.start < part.end else None
