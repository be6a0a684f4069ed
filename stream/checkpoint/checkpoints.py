"""When a run's state is stored, and what of it: nothing but what has changed."""

from __future__ import annotations

from collections.abc import Mapping

from stream.checkpoint.store import Checkpoint, Store
from stream.config import Replay
from stream.dedupe import KeyedState
from stream.figures import ChainRun, PageEntry
from stream.records import Chain
from stream.relations import Objects
from stream.tally import Tally

__all__ = ["Checkpoints"]


class Checkpoints:
    """Stores what pages have changed, every so many pages or seconds; without a file, nothing."""

    def __init__(self, run: Replay, state: KeyedState, objects: Objects, tally: Tally) -> None:
        """Open the run's state file, and put what it holds into ``state``, ``objects``, ``tally``.

        Raises:
            Unavailable: it cannot be opened, or is in use.
            BadInput: it is damaged.
        """
        self.run = run
        self.state = state
        self.objects = objects
        self.tally = tally
        self.known: dict[Chain, dict[int, PageEntry]] = {}
        """The pages that the file has; they need not be read again."""
        self._pending: list[tuple[Chain, PageEntry]] = []
        self._due = 0.0
        self._store = None if run.state is None else Store(run.state)
        if self._store is not None:
            try:
                self._restore(self._store)
            except BaseException:
                self._store.close()
                raise

    def _restore(self, store: Store) -> None:
        saved = store.load()
        self.known = saved.pages
        self.state.chains.update(saved.snapshots)
        self.objects.restore(saved.objects)
        self.tally.restore(saved.tally)

    def close(self) -> None:
        """Let go of the file; what has not been stored is read again by the next run."""
        if self._store is not None:
            self._store.close()

    def add(self, chain: Chain, entry: PageEntry) -> None:
        """Store a page with the next checkpoint: all that it changed is in state by now."""
        self._pending.append((chain, entry))

    def store_if_due(self, runs: Mapping[Chain, ChainRun], now: float) -> None:
        """Store a checkpoint when enough pages or seconds have passed; ``now`` is monotonic.

        Raises:
            Unavailable: as :meth:`store`.
        """
        if not self._pending:
            self._due = now + self.run.checkpoint_seconds
        elif now >= self._due or len(self._pending) >= self.run.checkpoint_pages:
            self.store(runs)
            self._due = now + self.run.checkpoint_seconds

    def store(self, runs: Mapping[Chain, ChainRun]) -> None:
        """Store what has changed since the last checkpoint, in one transaction.

        Raises:
            Unavailable: the file cannot be written; it holds the last checkpoint.
        """
        if self._store is not None:
            touched = sorted({chain for chain, _ in self._pending})
            changed = sorted(self.state.changed)
            self._store.save(
                Checkpoint(
                    self.run.now,
                    self._pending,
                    [runs[chain] for chain in touched],
                    ((chain, slot, self.state.chains[chain][slot]) for chain, slot in changed),
                    self.objects.saved(),
                    self.tally.saved(),
                )
            )
        self._pending = []
        self.state.changed.clear()
