"""Keyed state: the windows in use are in memory, the others in a store, and nobody can tell.

Past a budget of bytes the least recently used windows leave; they come back when a page for them
arrives. What is rendered goes through all windows in order, wherever they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from heapq import merge as in_order
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from msgspec import Struct

from stream.records.chains import Chain, folded_chain
from stream.records.windows import Bucket, Outcomes, Slot, Snapshot, Window
from stream.state.dedupe import merge_bucket
from stream.state.memory import estimate_bytes, share_texts

__all__ = [
    "SECOND",
    "Fold",
    "Glance",
    "HeldWindow",
    "KeyedState",
    "OrderedWindows",
    "Place",
    "WindowStore",
    "Windows",
]

SECOND: Final = 1_000_000
"""How many microseconds there are in a second: that is what revisions count."""
UNBOUNDED: Final = 1 << 62
KEPT: Final = 0.5
"""How much of the budget stays in memory when windows leave."""

Place: TypeAlias = tuple[Chain, Slot]


class Glance(Struct, frozen=True):
    """What can be said of a window without its rows."""

    revision: int
    rows: int
    digest: bytes


class Fold(Struct, frozen=True):
    """What takes the place of windows that are old: sums of the same days, and how it was.

    ``windows`` are the sums, of each label and of all; ``rows`` is how many rows the windows had
    that they replace.
    """

    windows: list[tuple[Place, Snapshot]]
    replaced_places: list[Place]
    rows: int


class HeldWindow(NamedTuple):
    """A window as it is gone through: its slot, its chain, and what it holds."""

    slot: Slot
    chain: Chain
    snapshot: Snapshot


class OrderedWindows(Protocol):
    """Windows that can be gone through in order."""

    def scan(
        self, chain: Chain, span: Window | None, but: Container[Slot]
    ) -> Iterator[tuple[Slot, Snapshot]]:
        """Yield a chain's windows in order; ``span`` limits their starts, ``but`` are left out."""

    def slots(self, chain: Chain) -> Iterator[Slot]:
        """Yield the slots of a chain's windows, in order."""


class WindowStore(OrderedWindows, Protocol):
    """Where windows are that are not in memory."""

    def glance(self, place: Place) -> Glance | None:
        """Return what is known of a window without reading its rows; ``None``: not there."""

    def recall(self, place: Place) -> Snapshot | None:
        """Return a window; ``None`` when it is not there."""

    def last_window(self, chain: Chain, moment: int) -> Window | None:
        """Return the last of a chain's windows that starts by a moment, in Unix seconds."""


class EmptyStore:
    """A store that holds nothing."""

    def glance(self, _: Place) -> Glance | None:
        """Return nothing."""
        return None

    def recall(self, _: Place) -> Snapshot | None:
        """Return nothing."""
        return None

    def last_window(self, _: Chain, __: int) -> Window | None:
        """Return nothing."""
        return None

    def scan(
        self, _: Chain, __: Window | None, ___: Container[Slot]
    ) -> Iterator[tuple[Slot, Snapshot]]:
        """Yield nothing."""
        return iter(())

    def slots(self, _: Chain) -> Iterator[Slot]:
        """Yield nothing."""
        return iter(())


class SpilledSums(Protocol):
    """What a chain's windows come to that have left memory."""

    def take(self, place: Place, snapshot: Snapshot) -> None:
        """Add up a window that leaves."""


class KeyedState:
    """The dedupe stage's state: one snapshot for each (endpoint, label, view, window)."""

    def __init__(self, store: WindowStore | None = None, budget: int = UNBOUNDED) -> None:
        """Start with what ``store`` holds; ``budget`` is how many bytes windows may take here."""
        self.store = store or EmptyStore()
        self.budget = budget
        self.chains: set[Chain] = set()
        self.snapshots: dict[Place, Snapshot] = {}
        """The windows in memory, the least recently used first."""
        self.changed_places: set[Place] = set()
        """Windows in memory that the store does not have as they are."""
        self.raised_revisions: dict[Place, int] = {}
        """Windows in the store whose content came again unchanged, with a later revision."""
        self.make_spilled_sums: Callable[[str], SpilledSums] | None = None
        """Makes what adds up the windows of an endpoint that leave; ``None``: nobody wants that."""
        self.spilled_sums: dict[Chain, SpilledSums | None] = {}
        """What has left of each chain; ``None`` where a window came back, and counts here again."""
        self.held_bytes = 0
        """About how much memory the windows take that are in it."""
        self.added_rows = 0
        """How many rows state has grown by (or shrunk) since it was opened."""

    @property
    def full(self) -> bool:
        """Tell whether windows must leave."""
        return self.held_bytes > self.budget

    def get(self, place: Place) -> Snapshot | None:
        """Return a window as it stands, without counting that as a use."""
        snapshot = self.snapshots.get(place)
        if snapshot is not None:
            return snapshot
        snapshot = self.store.recall(place)
        if snapshot is not None and place in self.raised_revisions:
            snapshot = snapshot._replace(revision=self.raised_revisions[place])
        return snapshot

    def rows_of(self, chain: Chain, window: Window, digest: bytes) -> int | None:
        """Return how many rows a bucket has whose digest is that of its window; else ``None``."""
        place = chain, Slot(window, rollup=False)
        seen = self.snapshots.get(place) or self.store.glance(place)
        return seen.rows if seen is not None and seen.digest == digest else None

    def take_again(self, chain: Chain, bucket: Bucket, revision: int) -> Outcomes | None:
        """Take a bucket that was not decoded, since its window held just what it says.

        Returns ``None`` when that is so no more, and it has to be decoded.
        """
        place = chain, Slot(bucket.window, bucket.rollup)
        snapshot = self.snapshots.get(place)
        seen = snapshot or self.store.glance(place)
        if seen is None or seen.digest != bucket.digest:
            return None
        known = max(seen.revision, self.raised_revisions.get(place, 0))
        if revision < known:
            return Outcomes(superseded=bucket.rows)
        if snapshot is not None:
            del self.snapshots[place]
            if revision > known:
                snapshot = snapshot._replace(revision=revision)
                self.changed_places.add(place)
            self.snapshots[place] = snapshot
        elif revision > known:
            self.raised_revisions[place] = revision
        return Outcomes(duplicate=bucket.rows)

    def take(self, chain: Chain, bucket: Bucket, revision: int = 0) -> Outcomes:
        """Merge a delivered bucket, and say what became of its rows."""
        place = chain, Slot(bucket.window, bucket.rollup)
        held = self.snapshots.get(place)
        before = self.get(place) if held is None else held
        if before is None and self.is_closed(chain, bucket.window):
            return Outcomes(superseded=bucket.rows)
        after, outcomes = merge_bucket(before, bucket, revision)
        if held is not None:
            del self.snapshots[place]  # it comes behind all others: it was used last
            if after is not held:
                self.held_bytes -= estimate_bytes(held)
        raised = before is not None and self.raised_revisions.pop(place, None) is not None
        if raised or after is not before:
            self.changed_places.add(place)
        if before is not None:
            self.added_rows -= before.rows
            if held is None:
                self.spilled_sums[chain] = None
                if after.dimensions is not bucket.dimensions:
                    after = after._replace(dimensions=share_texts(after.dimensions))
        self.snapshots[place] = after
        self.added_rows += after.rows
        if after is not held:
            self.held_bytes += estimate_bytes(after)
        return outcomes

    def join(self, place: Place, snapshot: Snapshot) -> Outcomes:
        """Merge a window that others have counted, and say what became of the rows that it has."""
        (chain, slot), columns = place, (snapshot.dimensions, snapshot.counters)
        bucket = Bucket(slot.window, snapshot.rows, *columns, slot.rollup, snapshot.digest)
        outcomes = self.take(chain, bucket, snapshot.revision)
        held = self.snapshots[place]
        if snapshot.collisions and held.revision == snapshot.revision:
            collisions = held.collisions | snapshot.collisions
            self.snapshots[place] = held._replace(collisions=collisions, digest=b"")
            self.changed_places.add(place)
        return outcomes

    def hand_over(self, place: Place) -> Snapshot:
        """Return a window that somebody else counts from now on; the store is to let go of it."""
        snapshot = self.get(place)
        assert snapshot is not None  # noqa: S101 -- whoever asks was told that it is there
        if self._let_go(place) is None:
            self.spilled_sums[place[0]] = None
        self.changed_places.discard(place)
        self.raised_revisions.pop(place, None)
        return snapshot

    def is_closed(self, chain: Chain, window: Window) -> bool:
        """Tell whether a window lies in days that were folded, with what its label said of them.

        Those are closed: what is delivered again of them is in their sums, which no page can mend.
        """
        folded = folded_chain(chain.endpoint, chain.label)
        if folded not in self.chains:
            return False
        days = self.store.last_window(folded, window.start)
        return days is not None and window.end <= days.end

    def folded_until(self, chain: Chain) -> int:
        """Return the end of the last day that was folded of a chain's label; 0: there is none."""
        days = self.store.last_window(folded_chain(chain.endpoint, chain.label), UNBOUNDED)
        return 0 if days is None else days.end

    def replace_windows(self, folds: Iterable[Fold]) -> None:
        """Note that the store has folded windows in the place of those that they were."""
        for fold in folds:
            for place, snapshot in fold.windows:
                self.chains.add(place[0])
                self.added_rows += snapshot.rows
            self.added_rows -= fold.rows
            for place in fold.replaced_places:
                self._let_go(place)

    def leaving_windows(self) -> list[Place]:
        """Return the windows that must leave, the least recently used ones; mostly none."""
        places: list[Place] = []
        held = self.held_bytes
        for place, snapshot in self.snapshots.items() if self.full else ():
            if held <= self.budget * KEPT:
                break
            places.append(place)
            held -= estimate_bytes(snapshot)
        return places

    def note_stored(self, places: AbstractSet[Place]) -> None:
        """Note that the store has these changed windows as they are, and all revisions."""
        self.changed_places -= places
        self.raised_revisions.clear()

    def shed_windows(self) -> None:
        """Let the least recently used windows go, all of which the store has as they are."""
        for place in list(self.snapshots) if self.full else ():
            if self.held_bytes <= self.budget * KEPT:
                break
            if place not in self.changed_places and (snapshot := self._let_go(place)) is not None:
                self._leave(place, snapshot)

    def _let_go(self, place: Place) -> Snapshot | None:
        """Take a window out of memory; return it, ``None`` if it is not there."""
        snapshot = self.snapshots.pop(place, None)
        if snapshot is not None:
            self.held_bytes -= estimate_bytes(snapshot)
        return snapshot

    def _leave(self, place: Place, snapshot: Snapshot) -> None:
        """Have a window added up that leaves."""
        chain, _ = place
        if self.make_spilled_sums is not None and chain not in self.spilled_sums:
            self.spilled_sums[chain] = self.make_spilled_sums(chain.endpoint)
        left = self.spilled_sums.get(chain)
        if left is not None:
            left.take(place, snapshot)

    def windows(self, store: OrderedWindows | None = None) -> Windows:
        """Return all windows as they stand at this moment; ``store`` is another view of it."""
        chains = frozenset(self.chains)
        return Windows(
            chains,
            dict(self.snapshots),
            dict(self.raised_revisions),
            store or self.store,
            self.spilled_sums,
        )


class Windows:
    """All windows at one moment: those in memory, and those in a store that does not change.

    Pages of ``former_chains`` were read anew under another view of their label: what that says of a
    window stands in the place of what they said.
    """

    former_chains: AbstractSet[Chain] = frozenset()

    def __init__(
        self,
        chains: AbstractSet[Chain] = frozenset(),
        held: Mapping[Place, Snapshot] | None = None,
        raised: Mapping[Place, int] | None = None,
        store: OrderedWindows | None = None,
        left: Mapping[Chain, Any] | None = None,
    ) -> None:
        """Hold nothing but what is given."""
        self.chains = chains
        self.spilled_sums = left or {}
        self.raised_revisions = raised or {}
        self.store = store or EmptyStore()
        self._held: defaultdict[Chain, dict[Slot, Snapshot]] = defaultdict(dict)
        for (chain, slot), snapshot in (held or {}).items():
            self._held[chain][slot] = snapshot

    def chains_of(self, endpoint: str) -> list[Chain]:
        """Return an endpoint's chains, in order."""
        return sorted(chain for chain in self.chains if chain.endpoint == endpoint)

    def windows_of(self, chains: list[Chain], span: Window | None = None) -> Iterator[HeldWindow]:
        """Yield the windows of some chains, in the order of time, then of chains.

        ``span`` limits the windows to those that start in it.
        """
        if len(chains) == 1:
            yield from self._of_one(chains[0], span)
            return
        found = [self._of_one(chain, span) for chain in chains]
        held = in_order(*found, key=lambda held: (held.slot, held.chain))
        yield from self._leave_replaced(held) if self.former_chains else held

    def slots(self, chain: Chain) -> Iterator[Slot]:
        """Yield the slots of a chain's windows, in order."""
        held = self._held.get(chain, {})
        stored = (slot for slot in self.store.slots(chain) if slot not in held)
        return in_order(sorted(held), stored)

    def _leave_replaced(self, windows: Iterable[HeldWindow]) -> Iterator[HeldWindow]:
        """Leave out windows of former chains that another view of their label has as well."""
        former = self.former_chains
        for _, found in groupby(windows, key=lambda held: held.slot):
            alike = list(found)
            labels = {one.chain.label for one in alike if one.chain not in former}
            for one in alike:
                if one.chain not in former or one.chain.label not in labels:
                    yield one

    def stand_apart(self, chain: Chain) -> bool:
        """Tell whether no window of a chain touches another one, and none is a rollup."""
        end = 0
        for window, rollup in self.slots(chain):
            if rollup or window.start < end:
                return False
            end = window.end
        return True

    def snapshots_of(
        self, chain: Chain, span: Window | None = None, *, stored: bool = True
    ) -> Iterator[tuple[Slot, Snapshot]]:
        """Yield what a chain's windows hold, in order; without ``stored`` those in memory alone."""
        held = self._held.get(chain, {})
        found = (
            (slot, held[slot])
            for slot in sorted(held)
            if span is None or span.start <= slot.window.start < span.end
        )
        if not stored:
            return found
        scanned = (
            (slot, self._raise(chain, slot, snapshot))
            for slot, snapshot in self.store.scan(chain, span, held)
        )
        return in_order(found, scanned, key=itemgetter(0))

    def _of_one(self, chain: Chain, span: Window | None) -> Iterator[HeldWindow]:
        return (HeldWindow(slot, chain, one) for slot, one in self.snapshots_of(chain, span))

    def _raise(self, chain: Chain, slot: Slot, snapshot: Snapshot) -> Snapshot:
        revision = self.raised_revisions.get((chain, slot)) if self.raised_revisions else None
        return snapshot if revision is None else snapshot._replace(revision=revision)
