"""Pages that were read before and have changed: what they no longer say, and still counts.

A plain file has no revision, so nobody can tell a correction from an older copy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from stream.intake.account import Account
from stream.intake.stretches import Stretch, slots_of
from stream.records.chains import Chain
from stream.records.windows import Bucket, Slot, timestamp
from stream.state.dedupe import has_fallen
from stream.state.windows import KeyedState

__all__ = ["Changes"]


class Changes:
    """Compares a page that was read again with the windows that it delivered before."""

    def __init__(self, state: KeyedState, account: Account) -> None:
        """Look into ``state``; ``account`` has the pages that were read."""
        self._state = state
        self._account = account
        self._times: dict[Chain, Counter[Slot]] = {}
        """How many pages delivered each window of a chain, once a page of it has changed."""

    def note(self, chain: Chain, now: Iterable[Stretch], before: Iterable[Stretch]) -> None:
        """Count which windows a page delivered, in the place of those that it had ``before``."""
        if chain in self._times:
            self._times[chain].update(slots_of(now))
            self._times[chain].subtract(slots_of(before))

    def name_falls(
        self,
        chain: Chain,
        name: str,
        known: Iterable[Stretch],
        buckets: list[Bucket],
        mine: Callable[[int], bool],
    ) -> list[str]:
        """Name what a changed file no longer says, of the windows that are ``mine`` to count."""
        if chain not in self._times:
            self._times[chain] = self._account.count_deliveries(chain)
        times = self._times[chain]
        again: dict[Slot, Bucket] = {}
        for bucket in buckets:
            slot = Slot(bucket.window, bucket.rollup)
            again[slot] = append_rows(again[slot], bucket) if slot in again else bucket
        found = []
        for slot in slots_of(known):
            held = self._state.get((chain, slot)) if mine(slot.window.start) else None
            if held is not None and has_fallen(held, again.get(slot), sole=times[slot] == 1):
                found.append(
                    f"{name} has changed, and figures of {timestamp(slot.window.start)} in it "
                    "fell or are gone: what had been counted still counts."
                )
        return found


def append_rows(first: Bucket, more: Bucket) -> Bucket:
    """Put the rows of two buckets of one window into one."""
    dimensions = zip(first.dimensions, more.dimensions, strict=True)
    counters = zip(first.counters, more.counters, strict=True)
    return first._replace(
        rows=first.rows + more.rows,
        dimensions=tuple(one + other for one, other in dimensions),
        counters=tuple(one + other for one, other in counters),
    )
