"""The state file: one SQLite database, locked, checked, and moved on by whole transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from msgspec.msgpack import decode, encode
from msgspec.structs import replace

from stream.records.chains import Chain, Link
from stream.records.delivery import Part
from stream.records.errors import BadInput, Unavailable
from stream.records.tally import SavedTally
from stream.records.windows import Snapshot, days_of
from stream.state.links import PagePlace, WalkKey
from stream.state.saved_series import SavedFigures, SavedSeries, Span
from stream.state.saved_state import Checkpoint, SavedState
from stream.state.sqlite.codec import check_row, checksum_of, seal_row
from stream.state.sqlite.day_file import FORMER, NOBODY, DayFile, checked_body_of
from stream.state.sqlite.letters import placed_letters_in, put_letters
from stream.state.sqlite.links import (
    forget_pages,
    forget_walks,
    link_chains_in,
    links_in,
    links_of,
    put_links,
    walks_before,
    walks_in,
)
from stream.state.sqlite.replayed_days import forget_replayed_of
from stream.state.windows import Fold, Place

__all__ = ["Store"]


class Store(DayFile):
    """A state file that this process alone works on, or a scratch file that goes with it."""

    has_links = False
    """Whether links were put into it by this process."""

    def load(self) -> SavedState:
        """Return everything that the file holds but its windows, links and letters, all checked.

        Raises:
            BadInput: something in it is not what was written.
            Unavailable: it cannot be read.
        """
        saved = self.load_but_series()
        with self.read_errors:
            return replace(saved, series=list(self._series()))

    def load_but_series(self) -> SavedState:
        """Return the same without series, which are many, and shown to Prometheus alone.

        Raises:
            BadInput, Unavailable: as :meth:`load`.
        """
        with self.read_errors:
            rows = self._database.execute("SELECT * FROM counts")
            counts = {row[0]: checked_body_of(*row) for row in rows}
            return SavedState(
                dict(self._parts()),
                set(self._windows.chains()),
                counts.get("objects", b""),
                decode(counts["tally"], type=SavedTally) if "tally" in counts else SavedTally(),
                [],
                decode(counts.get(FORMER, NOBODY), type=frozenset[Chain]),
            )

    def _parts(self) -> Iterator[tuple[Part, bytes]]:
        for source, name, checksum, entry in self._database.execute("SELECT * FROM parts"):
            check_row(checksum, source, name, entry)
            yield Part(source, name), entry

    def _series(self) -> Iterator[SavedSeries]:
        for *row, checksum in self._database.execute("SELECT * FROM series"):
            check_row(checksum, *row)
            yield SavedSeries(*row)

    def placed_letters(self) -> Iterator[tuple[PagePlace, Chain, bytes]]:
        """Yield the dead letters with their pages, in the order of chains and pages.

        Raises:
            BadInput, Unavailable: as :meth:`load`.
        """
        with self.read_errors:
            yield from placed_letters_in(self._database)

    def take_shards(self, names: Sequence[str], *, counted: bool = False) -> None:
        """Take over the windows of the shards that the file names; then name others.

        A shard stands beside the file. Its windows alone are taken: whatever pages they are of can
        be read again, and change nothing. So one that is damaged is as good as gone, unless its
        pages are ``counted``, and nobody will read them again.

        Raises:
            Unavailable: a file cannot be read or written, or a shard is gone that counts.
            BadInput: a shard that counts is damaged.
        """
        assert self.path is not None  # noqa: S101 -- a scratch file has no shards
        with self.read_errors:
            row = self._database.execute("SELECT * FROM counts WHERE name = 'shards'").fetchone()
            found = [] if row is None else decode(checked_body_of(*row), type=list[str])
        if not found and not names:
            return
        for name in found:
            shard = self.path.with_name(name)
            if counted:
                check_shard(shard)
            if counted or (shard.exists() and is_sound(shard)):
                self.take_from(shard, ("snapshots", "links", "stale_days"))
        with self.transaction():
            self._put_counts({"shards": encode(list(names))})
        for name in {*found, *names}:
            for end in ("", "-wal", "-shm", ".lock"):
                self.path.with_name(f"{name}{end}").unlink(missing_ok=True)
        self.look()

    def take_from(self, shard: Path, tables: Sequence[str]) -> None:
        """Copy what a shard has of windows, or of what pages say of their walks.

        Raises:
            Unavailable: a file cannot be read or written.
        """
        try:
            self._database.execute("ATTACH DATABASE ? AS shard", (str(shard),))
        except sqlite3.Error as error:
            raise Unavailable(f"{shard}: cannot be opened ({error})") from None
        try:
            with self.transaction():
                for table in tables:
                    copy = f"REPLACE INTO main.{table} SELECT * FROM shard.{table}"  # noqa: S608 -- names from here
                    self._database.execute(copy)
                    if table == "stale_days":
                        forget_replayed_of(self._database)
        finally:
            self._database.execute("DETACH DATABASE shard")
        self.has_links = True

    def links(self) -> Iterator[tuple[Chain, Part, Link]]:
        """Yield what pages say of their walks, in the order of walks.

        Raises:
            BadInput, Unavailable: as :meth:`load`.
        """
        with self.read_errors:
            yield from links_in(self._database)

    def links_of(self, walk: WalkKey) -> Iterator[tuple[Part, Link]]:
        """Yield what the pages of one walk say, each with its part.

        Raises:
            BadInput, Unavailable: as :meth:`load`.
        """
        with self.read_errors:
            yield from links_of(self._database, walk)

    def walks_in(self, part: Part) -> set[WalkKey]:
        """Return the walks of which a part has pages.

        Raises:
            BadInput, Unavailable: as :meth:`load`.
        """
        with self.read_errors:
            return set(walks_in(self._database, part))

    def put_links(
        self, forgotten: Iterable[Part], links: Iterable[tuple[Chain, Part, int, Link]]
    ) -> None:
        """Put links into the file outside of a checkpoint: they say nothing that is not in pages.

        Raises:
            Unavailable: the file cannot be written.
        """
        with self.transaction():
            forget_pages(self._database, forgotten)
            put_links(self._database, links)
        self.has_links = True

    def put_windows(
        self, windows: Iterable[tuple[Place, Snapshot]], raised: Mapping[Place, int]
    ) -> None:
        """Put windows into the file outside of a checkpoint.

        Raises:
            Unavailable: the file cannot be written.
        """
        with self.transaction():
            self._mark_stale(self._write_windows(windows, raised))

    def drop_windows(self, places: Iterable[Place]) -> None:
        """Let go of windows that somebody else has.

        Raises:
            Unavailable: the file cannot be written.
        """
        with self.transaction():
            self._windows.drop(places)

    def _write_windows(
        self, windows: Iterable[tuple[Place, Snapshot]], raised: Mapping[Place, int]
    ) -> set[Span]:
        """Put windows into the tables; return the days that they are of."""
        touched = {span_of(place) for place in raised}

        def follow() -> Iterator[tuple[Place, Snapshot]]:
            for place, snapshot in windows:
                touched.add(span_of(place))
                yield place, snapshot

        self._windows.put(follow())
        self._windows.raise_revisions(raised)
        return touched

    def fold(self, folds: Iterable[Fold]) -> None:
        """Put folded windows in the place of those that they were, in one transaction.

        Raises:
            Unavailable: the file cannot be written.
        """
        self.see_place()
        with self.transaction():
            for fold in folds:
                self._windows.drop(fold.replaced_places)
                self._windows.put(fold.windows)
                places = [*fold.replaced_places, *(place for place, _ in fold.windows)]
                self._forget_replayed({span_of(place) for place in places})

    def link_chains(self) -> list[Chain]:
        """Return the chains of whose walks something is known.

        Raises:
            BadInput, Unavailable: as :meth:`load`.
        """
        with self.read_errors:
            return list(link_chains_in(self._database))

    def walks_before(self, chain: Chain, revision: int) -> Iterator[WalkKey]:
        """Yield a chain's walks that were made before a revision; plain pages tell of none.

        Raises:
            BadInput, Unavailable: as :meth:`load`.
        """
        with self.read_errors:
            yield from walks_before(self._database, chain, revision)

    def forget_walks(self, walks: Iterable[WalkKey]) -> int:
        """Forget what the pages of walks said of them; return of how many pages.

        Raises:
            Unavailable: the file cannot be written.
        """
        with self.transaction():
            return max(forget_walks(self._database, walks), 0)

    def save(self, checkpoint: Checkpoint) -> None:
        """Store a checkpoint in one transaction.

        Raises:
            Unavailable: it cannot be written; what the last checkpoint stored is still there.
        """
        self.see_place()
        with self.transaction():
            self._write(checkpoint)

    def _write(self, checkpoint: Checkpoint) -> None:
        """Put a checkpoint's rows into the tables."""
        forget_pages(self._database, checkpoint.forgotten_parts)
        put_letters(self._database, checkpoint.letters)
        if put_links(self._database, checkpoint.links) > 0:
            self.has_links = True
        touched = self._write_windows(checkpoint.snapshots, checkpoint.raised_revisions)
        if self.path is None:
            return  # nobody will ask for the rest
        if checkpoint.figures is None:
            self._mark_stale(touched)
        else:
            self._forget_replayed(touched)
            self._put_figures(checkpoint.figures)
        many = self._database.executemany
        many(
            "DELETE FROM parts WHERE (source, part) = (?, ?)",
            (part for part, entry in checkpoint.parts.items() if entry is None),
        )
        many(
            "REPLACE INTO parts VALUES (?, ?, ?, ?)",
            (
                seal_row(part, entry)
                for part, entry in checkpoint.parts.items()
                if entry is not None
            ),
        )
        counts = {"tally": encode(checkpoint.tally)}
        if checkpoint.objects is not None:
            counts["objects"] = checkpoint.objects
        self._put_counts(counts)

    def _put_figures(self, figures: SavedFigures) -> None:
        """Put what was worked out of days into the tables."""
        self._put_days(figures)
        self._database.executemany(
            "REPLACE INTO series VALUES (?, ?, ?, ?, ?, ?)",
            ((*row, checksum_of(*row)) for row in figures.series),
        )


def span_of(place: Place) -> Span:
    """Return the days that a window is of."""
    chain, slot = place
    return Span(chain.endpoint, days_of(slot.window))


def is_sound(shard: Path) -> bool:
    """Tell whether all of a shard that nobody writes to any more is what was written."""
    try:
        check_shard(shard)
    except (BadInput, Unavailable):
        return False
    return True


def check_shard(shard: Path) -> None:
    """See that all of a shard is what was written.

    Raises:
        BadInput: it is damaged.
        Unavailable: it is gone, or cannot be read.
    """
    with closing(Store(shard, read_only=True)) as store:
        store.check_windows()
