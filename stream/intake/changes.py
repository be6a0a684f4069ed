"""Pages that were read before and have changed: what they no longer say, and still counts.

A plain file has no revision, so nobody can tell a correction from an older copy.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from stream.intake.account import Account
from stream.records.chains import Chain
from stream.records.delivery import Delivery, Part
from stream.records.windows import Bucket, Slot, Window, timestamp
from stream.state.dedupe import has_fallen
from stream.state.windows import KeyedState

__all__ = ["Changes"]


class Changes:
    """Compares a page that was read again with what its chain's windows hold where it was before.

    A window in which no other page of the chain could stand is the page's alone.
    """

    def __init__(self, state: KeyedState, account: Account) -> None:
        """Look into ``state``; ``account`` has the pages that were read."""
        self._state = state
        self._account = account
        self._spans: dict[Chain, dict[Part, Window]] = {}
        """From where to where each part has windows of a chain, once a page of it has changed."""

    def note(self, part: Part, chain: Chain, span: Window | None) -> None:
        """Note from where to where a part has windows now; ``None``: it has none any more."""
        if chain in self._spans:
            self._spans[chain].pop(part, None)
            if span is not None:
                self._spans[chain][part] = span

    def name_falls(
        self,
        delivery: Delivery,
        chain: Chain,
        span: Window | None,
        buckets: list[Bucket],
        mine: Callable[[int], bool],
    ) -> list[str]:
        """Name what a changed file no longer says, of the windows that are ``mine`` to count.

        ``span`` is from where to where the file had windows before.
        """
        if span is None:
            return []
        if chain not in self._spans:
            self._spans[chain] = self._account.spans_of(chain)
        others = [one for other, one in self._spans[chain].items() if other != delivery.part]
        again: dict[Slot, Bucket] = {}
        for bucket in buckets:
            slot = Slot(bucket.window, bucket.rollup)
            again[slot] = append_rows(again[slot], bucket) if slot in again else bucket
        found = []
        for slot, _, held in self._state.windows().windows_of([chain], span):
            window, now = slot.window, again.get(slot)
            if not mine(window.start) or not has_fallen(held, now, sole=True):
                continue
            shared = any(one.start <= window.start and window.end <= one.end for one in others)
            if not shared or has_fallen(held, now, sole=False):
                found.append(
                    f"{delivery.name} has changed, and figures of {timestamp(window.start)} in it "
                    "fell or are gone: what had been counted still counts."
                )
        return found


def append_rows(first: Bucket, more: Bucket) -> Bucket:
    """Put the rows of two buckets of one window into one."""
    dimensions = zip(first.dimensions, more.dimensions, strict=True)
    counters = zip(first.counters, more.counters, strict=True)
    return replace(
        first,
        rows=first.rows + more.rows,
        dimensions=tuple(one + other for one, other in dimensions),
        counters=tuple(one + other for one, other in counters),
    )
