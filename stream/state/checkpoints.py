"""When a run's state is stored, and what of it: nothing but what has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from stream.figures.relations import Objects
from stream.intake.entries import CaptureEntry, ChainRun, Pages
from stream.intake.rules import Rules
from stream.records.chains import Chain, Link, Origin
from stream.records.tally import Tally
from stream.records.windows import Snapshot
from stream.state.keyed import KeyedState, Place
from stream.state.saved import SavedSeries
from stream.state.sqlite.letters import PageKey
from stream.state.sqlite.links import Walk
from stream.state.sqlite.store import Checkpoint, Store

__all__ = ["Checkpoints"]


class Checkpoints:
    """Stores what pages have changed, every so many pages or seconds.

    Without a state file nothing lasts; what does not fit into memory, and dead letters, are in a
    scratch file all the same.
    """

    def __init__(
        self, rules: Rules, objects: Objects, tally: Tally, store: Store | None = None
    ) -> None:
        """Open the state file, and put what it holds into ``state``, ``objects``, ``tally``.

        ``store`` is another file than the rules' own.

        Raises:
            Unavailable: it cannot be opened, or is in use.
            BadInput: it is damaged.
        """
        self.rules = rules
        self.objects = objects
        self.tally = tally
        self.lasting = rules.state is not None
        """Whether there is a state file."""
        self.store = store or Store(rules.state)
        self.state = KeyedState(self.store, rules.row_budget)
        self.known: dict[Origin, Pages] = {}
        """The pages that the file had when it was opened; they need not be read again."""
        self.captures: dict[str, CaptureEntry] = {}
        """How far each capture has been read, by its source."""
        self.series: list[SavedSeries] = []
        """The series that the file had when it was opened."""
        self._pending: dict[PageKey, bytes | None] = {}
        self._letters: dict[PageKey, list[bytes]] = {}
        self._links: dict[PageKey, Link] = {}
        self._touched: set[str] = set()
        self._moved: set[Origin] = set()
        """Chains of captures that lines were added to."""
        self.forgotten: set[str] = set()
        """Captures of whose lines the store knows more than is so."""
        self._since: float | None = None
        if self.lasting:
            try:
                if store is None:
                    self.store.take_shards([])  # or they could come later, over what is newer
                self._restore()
            except BaseException:
                self.store.close()
                raise

    def _restore(self) -> None:
        saved = self.store.load()
        self.known = saved.pages
        self.captures = saved.captures
        self.series = saved.series
        self.state.chains |= saved.chains
        self.objects.restore(saved.objects)
        self.tally.restore(saved.tally)

    def close(self) -> None:
        """Let go of the file; what has not been stored is read again by the next run."""
        self.store.close()

    @property
    def pending(self) -> int:
        """How many pages the next checkpoint will store; a capture that was read counts as one."""
        return len(self._pending) + len(self._links) + len(self._touched)

    @property
    def size(self) -> int:
        """How many bytes the state file has."""
        return self.store.size

    def add(self, origin: Origin, run: ChainRun, page: int, letters: list[bytes]) -> None:
        """Store a page with the next checkpoint: all that it changed is in state by now."""
        if self.lasting:
            self._pending[origin, page] = run.pages.packed.get(page)
        if letters or self.lasting:
            self._letters[origin, page] = letters

    def touch(self, source: str) -> None:
        """Store how far a capture has been read with the next checkpoint."""
        self._touched.add(source)

    def add_line(self, origin: Origin, line: int, link: Link | None, letters: list[bytes]) -> None:
        """Store a line of a capture with the next checkpoint."""
        self._moved.add(origin)
        if link is not None:
            self._links[origin, line] = link
        if letters or self.lasting:
            self._letters[origin, line] = letters

    def forget_lines(self, source: str) -> None:
        """Know nothing of a capture's lines any more, with the next checkpoint."""
        self.forgotten.add(source)
        for found in (self._links, self._letters):
            for key in [one for one in found if one[0].source == source]:
                del found[key]

    def walks(self) -> set[Walk]:
        """Return the walks of which the next checkpoint stores lines."""
        return {(origin.chain, link.revision) for (origin, _), link in self._links.items()}

    def links(self) -> Iterator[tuple[Chain, Link]]:
        """Yield what the lines of captures say of their walks, in the order of walks.

        Raises:
            BadInput, Unavailable: the state file cannot be read or written.
        """
        self.store.forget_lines(self.forgotten)
        self.store.put_links(self._links)
        self.forgotten, self._links = set(), {}
        yield from self.store.links()

    def due(self, now: float) -> bool:
        """Tell whether enough pages or seconds have passed; ``now`` is monotonic."""
        if self.pending and self._since is None:
            self._since = now
        return self._since is not None and (
            now - self._since >= self.rules.checkpoint_seconds
            or self.pending >= self.rules.checkpoint_pages
        )

    def save(
        self, runs: Mapping[Origin, ChainRun], now: int, series: Callable[[], list[SavedSeries]]
    ) -> None:
        """Store what has changed since the last checkpoint, in one transaction.

        ``series`` gives the series that move with it, and is asked after nothing else can change.

        Raises:
            Unavailable: the file cannot be written; it holds the last checkpoint.
        """
        state = self.state
        due = state.changed.copy() if self.lasting else state.changed.intersection(state.leaving())
        touched = sorted({origin for origin, _ in self._pending} | self._moved)
        self.store.save(
            Checkpoint(
                now,
                self._pending,
                self._letters,
                self.forgotten,
                self._links,
                {source: self.captures[source] for source in self._touched},
                [(origin, runs[origin].summary()) for origin in touched if origin in runs],
                self._held(due),
                state.raised,
                self.objects.saved() if self.objects.changed else None,
                self.tally.saved(),
                series(),
            )
        )
        self._since = None
        self._pending = {}
        self._letters = {}
        self._links = {}
        self._touched = set()
        self._moved = set()
        self.forgotten = set()
        state.stored(due)
        self.objects.changed = False

    def flush(self) -> None:
        """Put every window into the store, where all of them can be read.

        Raises:
            Unavailable: it cannot be written.
        """
        changed = self.state.changed.copy()
        self.store.put_windows(self._held(changed), self.state.raised)
        self.state.stored(changed)

    def _held(self, places: Iterable[Place]) -> Iterator[tuple[Place, Snapshot]]:
        """Yield windows in memory, in order."""
        return ((place, self.state.held[place]) for place in sorted(places))

    def letters(self) -> Iterator[bytes]:
        """Yield the dead letters of every page, in order.

        Raises:
            BadInput, Unavailable: the state file cannot be read.
        """
        yield from self.store.letters()
