"""When a run's state is stored, and what of it: nothing but what has changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stream.records.chains import Chain
from stream.records.delivery import Part
from stream.records.tally import Tally
from stream.records.windows import Snapshot
from stream.state.links import (
    HeldLinks,
    Letters,
    LinksOfWalk,
    PagePlace,
    WalkKey,
    group_links,
)
from stream.state.objects import Objects
from stream.state.saved_state import Checkpoint, SavedState
from stream.state.windows import KeyedState, Place

if TYPE_CHECKING:  # only runs that store something import them
    from stream.state.saved_series import SavedFigures, SavedSeries
    from stream.state.sqlite.store import Store

__all__ = ["Checkpoints", "open_state_file"]

LINKS_HELD: Final = 25_000
"""Links that are kept in memory where there is no state file."""


class Checkpoints:
    """Stores what pages have changed, every so many pages or seconds.

    Without a state file nothing lasts; what does not fit into memory, and dead letters, are in a
    scratch file all the same, which is made when there is something to put into it.
    """

    def __init__(
        self, store: Store | None, objects: Objects, tally: Tally, budget: int, *, lasting: bool
    ) -> None:
        """Put what ``store`` holds into ``state``, ``objects`` and ``tally``; ``None``: nothing.

        ``budget`` is how many bytes of memory windows may take.
        ``lasting``: there is a state file, and not only one that goes with the run.

        Raises:
            BadInput, Unavailable: it is damaged, or cannot be read.
        """
        self._store = store
        self.is_lasting = lasting
        self.objects = objects
        self.tally = tally
        self.state = KeyedState(store, budget)
        saved = SavedState() if store is None else store.load()
        self.parts = saved.parts
        """The entries that the file had when it was opened; who takes them clears this."""
        self.series: list[SavedSeries] = saved.series
        """The series that the file had when it was opened."""
        self.former_chains = saved.former_chains
        """The former chains when the days of the file were worked out."""
        self.state.chains |= saved.chains
        objects.restore(saved.objects)
        tally.restore(saved.tally)
        self.forgotten_parts: set[Part] = set()
        """Parts of whose pages the store knows more than is so."""
        self.pending_deliveries = 0
        """How many deliveries the next checkpoint will store."""
        self._letters: dict[PagePlace, Letters] = {}
        self.letter_places: dict[PagePlace, Chain] = {}
        """Pages whose dead letters are others than they were when this was made."""
        self.links = HeldLinks()
        """What pages say of their walks, and the store does not know."""
        self._since: float | None = None
        self.scratch: Path | None = None
        """Where a scratch file is, where somebody else will look into it."""

    @property
    def store(self) -> Store:
        """Where all is stored; a scratch file is made for whoever is the first to ask.

        Raises:
            Unavailable: it cannot be made.
        """
        if self._store is None:
            from stream.state.sqlite.store import Store  # noqa: PLC0415 -- 5 ms; most runs store nothing

            self._store = self.state.store = Store(self.scratch, outlives=False)
        return self._store

    @property
    def losses(self) -> list[str]:
        """What the store has lost of what had been stored in it."""
        return [] if self._store is None else self._store.losses

    @property
    def has_links(self) -> bool:
        """Whether links were put into the store by this process."""
        return self._store is not None and self._store.has_links

    def close(self) -> None:
        """Let go of the store."""
        if self._store is not None:
            self._store.close()

    def count(self) -> None:
        """Note that a delivery has changed something that lasts."""
        self.pending_deliveries += self.is_lasting

    def put_letters(self, part: Part, place: int, chain: Chain, letters: list[bytes]) -> None:
        """Store a page's dead letters with the next checkpoint, in the place of those it had."""
        self._letters[part, place] = chain, letters
        self.letter_places[part, place] = chain

    def letters_of(self, part: Part) -> dict[int, Letters]:
        """Return the dead letters of a part's pages, by their places.

        Raises:
            BadInput, Unavailable: the state file cannot be read.
        """
        found: dict[int, Letters] = {}
        for (owner, place), chain, body in self._stored_letters():
            if owner == part:
                found.setdefault(place, (chain, []))[1].append(body)
        held = {
            place: letters for (owner, place), letters in self._letters.items() if owner == part
        }
        return found | held

    def forget(self, part: Part) -> None:
        """Know nothing of what a part's pages said any more, with the next checkpoint."""
        self.forgotten_parts.add(part)
        self.links.forget(part)
        for key in [one for one in self._letters if one[0] == part]:
            del self._letters[key]

    def walks(self) -> set[WalkKey]:
        """Return the walks that the next checkpoint changes."""
        changed = set(self.links.packed_links)
        for part in self.forgotten_parts if self._store is not None else ():
            changed |= self.store.walks_in(part)
        return changed

    def links_by_walk(self) -> Iterator[LinksOfWalk]:
        """Yield every walk, in order, with what its pages say of it.

        Raises:
            BadInput, Unavailable: the state file cannot be read or written.
        """
        if self.is_lasting or self.has_links:
            self.flush_links()
            yield from group_links(self.store.links())
            return
        yield from self.links.by_walk()
        self.links = HeldLinks()  # nothing lasts, and nobody asks twice

    def flush_links(self) -> None:
        """Put links into the file outside of a checkpoint: pages say all of it again."""
        if self.forgotten_parts or self.links:  # a file that is only read has nothing to put
            self.store.put_links(self.forgotten_parts, self.links.rows())
            self.forgotten_parts, self.links = set(), HeldLinks()

    def is_due(self, now: float, pages: int, seconds: float) -> bool:
        """Tell whether so many pages or seconds have passed; ``now`` is monotonic."""
        if len(self.links) > LINKS_HELD:
            return True
        if self.pending_deliveries and self._since is None:
            self._since = now
        full = self.pending_deliveries >= pages
        return self._since is not None and (now - self._since >= seconds or full)

    def save(
        self,
        parts: Mapping[Part, bytes | None],
        figures: SavedFigures | None,
    ) -> None:
        """Store what has changed since the last checkpoint, in one transaction.

        ``figures`` are what moves with it; ``None``: nobody has worked out any.

        Raises:
            Unavailable: the file cannot be written; it holds the last checkpoint.
        """
        state, lasting = self.state, self.is_lasting
        due = (
            state.changed_places.copy()
            if lasting
            else state.changed_places.intersection(state.leaving_windows())
        )
        flushed = lasting or len(self.links) > LINKS_HELD
        if self._store is not None or due or flushed or self._letters:
            self.store.save(
                Checkpoint(
                    parts,
                    self._letters,
                    self.forgotten_parts,
                    self.links.rows() if flushed else (),
                    self._windows_held(due),
                    state.raised_revisions,
                    self.objects.saved_objects() if lasting and self.objects.has_changed else None,
                    self.tally.saved_counts(),
                    figures,
                )
            )
        self._since, self.pending_deliveries = None, 0
        self._letters = {}
        self.forgotten_parts = set()
        if flushed:
            self.links = HeldLinks()
        state.note_stored(due)
        self.objects.has_changed = self.objects.has_changed and not lasting

    def flush(self) -> None:
        """Put every window into the store, where all of them can be read.

        Raises:
            Unavailable: it cannot be written.
        """
        changed = self.state.changed_places.copy()
        self.store.put_windows(self._windows_held(changed), self.state.raised_revisions)
        self.state.note_stored(changed)

    def hand_over(self, places: Sequence[Place]) -> list[tuple[Place, Snapshot]]:
        """Return windows that somebody else counts from now on.

        Raises:
            Unavailable: the store cannot be read or written.
        """
        found = [(place, self.state.hand_over(place)) for place in places]
        if self._store is not None:
            self.store.drop_windows(places)
        return found

    def _windows_held(self, places: Iterable[Place]) -> Iterator[tuple[Place, Snapshot]]:
        """Yield windows in memory, in order."""
        return ((place, self.state.snapshots[place]) for place in sorted(places))

    def letters(self) -> Iterator[bytes]:
        """Yield the dead letters of every page, in order.

        Raises:
            BadInput, Unavailable: the state file cannot be read.
        """
        return (body for _, _, body in self._stored_letters())

    def _stored_letters(self) -> Iterator[tuple[PagePlace, Chain, bytes]]:
        return iter(()) if self._store is None else self._store.placed_letters()


def open_state_file(path: Path) -> Store:
    """Open a state file, and take over its shards: they could come later, over what is newer.

    Raises:
        Unavailable: it cannot be opened, or is in use.
        BadInput: it is damaged.
    """
    from stream.state.sqlite.store import Store  # noqa: PLC0415 -- 5 ms that only this run needs

    store = Store(path)
    try:
        store.take_shards([])
    except BaseException:
        store.close()
        raise
    return store
