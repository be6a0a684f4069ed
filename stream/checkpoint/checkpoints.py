"""When a run's state is stored, and what of it: nothing but what has changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping

from stream.checkpoint.letters import PageKey, letters_in, put_letters, scratch
from stream.checkpoint.store import Checkpoint, Store
from stream.config import Rules
from stream.dedupe import KeyedState
from stream.errors import Unavailable
from stream.figures import ChainRun, PageEntry
from stream.records import Origin
from stream.relations import Objects
from stream.series import SavedSeries
from stream.tally import Tally

__all__ = ["Checkpoints"]


class Checkpoints:
    """Stores what pages have changed, every so many pages or seconds; without a file, nothing.

    Dead letters are kept all the same: without a state file they are in one of SQLite's own.
    """

    def __init__(self, rules: Rules, state: KeyedState, objects: Objects, tally: Tally) -> None:
        """Open the state file, and put what it holds into ``state``, ``objects``, ``tally``.

        Raises:
            Unavailable: it cannot be opened, or is in use.
            BadInput: it is damaged.
        """
        self.rules = rules
        self.state = state
        self.objects = objects
        self.tally = tally
        self.known: dict[Origin, dict[int, PageEntry]] = {}
        """The pages that the file had when it was opened; they need not be read again."""
        self.series: list[SavedSeries] = []
        """The series that the file had when it was opened."""
        self._pending: dict[PageKey, PageEntry | None] = {}
        self._letters: dict[PageKey, list[bytes]] = {}
        self._since: float | None = None
        self._store = None if rules.state is None else Store(rules.state)
        self._scratch: sqlite3.Connection | None = None
        if self._store is None and rules.dead_letters is not None:
            self._scratch = scratch()
        if self._store is not None:
            try:
                self._restore(self._store)
            except BaseException:
                self._store.close()
                raise

    def _restore(self, store: Store) -> None:
        saved = store.load()
        self.known = saved.pages
        self.series = saved.series
        self.state.chains.update(saved.snapshots)
        self.objects.restore(saved.objects)
        self.tally.restore(saved.tally)

    def close(self) -> None:
        """Let go of the file; what has not been stored is read again by the next run."""
        if self._store is not None:
            self._store.close()
        if self._scratch is not None:
            self._scratch.close()

    @property
    def pending(self) -> int:
        """How many pages the next checkpoint will store."""
        return len(self._pending)

    @property
    def size(self) -> int:
        """How many bytes the state file has."""
        return 0 if self._store is None else self._store.size

    def add(self, origin: Origin, page: int, entry: PageEntry | None, letters: list[bytes]) -> None:
        """Store a page with the next checkpoint: all that it changed is in state by now."""
        self._pending[origin, page] = entry
        self._letters[origin, page] = letters

    def due(self, now: float) -> bool:
        """Tell whether enough pages or seconds have passed; ``now`` is monotonic."""
        if self._pending and self._since is None:
            self._since = now
        return self._since is not None and (
            now - self._since >= self.rules.checkpoint_seconds
            or len(self._pending) >= self.rules.checkpoint_pages
        )

    def store(
        self, runs: Mapping[Origin, ChainRun], now: int, series: Callable[[], list[SavedSeries]]
    ) -> None:
        """Store what has changed since the last checkpoint, in one transaction.

        ``series`` gives the series that move with it, and is asked after nothing else can change.

        Raises:
            Unavailable: the file cannot be written; it holds the last checkpoint.
        """
        if self._store is not None:
            touched = sorted({origin for origin, _ in self._pending})
            changed = sorted(self.state.changed)
            self._store.save(
                Checkpoint(
                    now,
                    self._pending,
                    self._letters,
                    [(origin, runs[origin].summary()) for origin in touched],
                    ((chain, slot, self.state.chains[chain][slot]) for chain, slot in changed),
                    self.objects.saved() if self.objects.changed else None,
                    self.tally.saved(),
                    series(),
                )
            )
        elif self._scratch is not None:
            try:
                put_letters(self._scratch, self._letters)
            except sqlite3.Error as error:
                raise Unavailable(f"dead letters cannot be kept on disk ({error})") from None
        self._since = None
        self._pending = {}
        self._letters = {}
        self.state.changed.clear()
        self.objects.changed = False

    def letters(self) -> Iterator[bytes]:
        """Yield the dead letters of every page, in order.

        Raises:
            BadInput, Unavailable: the state file cannot be read.
        """
        if self._store is not None:
            yield from self._store.letters()
        elif self._scratch is not None:
            yield from letters_in(self._scratch)
