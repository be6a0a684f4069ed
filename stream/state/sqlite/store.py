"""The state file: one SQLite database, locked, checked, and moved on by whole transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from msgspec.msgpack import decode, encode

from stream.figures.relations import SavedObjects
from stream.intake.entries import CaptureEntry, ChainSummary, Pages
from stream.providers.openai import ENDPOINTS, LISTS
from stream.records.chains import Chain, Link, Origin
from stream.records.errors import Unavailable
from stream.records.tally import SavedTally
from stream.records.windows import Snapshot
from stream.state.keyed import Place
from stream.state.saved import SavedSeries
from stream.state.sqlite.codec import checked, checksum_of, sealed
from stream.state.sqlite.file import StateFile
from stream.state.sqlite.letters import PageKey, letters_in, paged_letters_in, put_letters
from stream.state.sqlite.links import Walk, forget_lines, links_in, links_of, put_links, walks_in

__all__ = ["Checkpoint", "Saved", "Store"]


TABLE_THERE: Final = "SELECT 1 FROM shard.sqlite_master WHERE name = ?"


class Checkpoint(NamedTuple):
    """What has changed since the last checkpoint; it is stored whole, or not at all.

    A page without an entry is forgotten, and so is what lines of captures that are ``forgotten``
    said before. ``objects`` is ``None`` when no list has changed.
    ``raised`` are windows whose revision alone has changed.
    """

    now: int
    pages: Mapping[PageKey, bytes | None]
    letters: Mapping[PageKey, list[bytes]]
    forgotten: Iterable[str]
    links: Mapping[PageKey, Link]
    captures: Mapping[str, CaptureEntry]
    runs: Iterable[tuple[Origin, ChainSummary]]
    snapshots: Iterable[tuple[Place, Snapshot]]
    raised: Mapping[Place, int]
    objects: SavedObjects | None
    tally: SavedTally
    series: Iterable[SavedSeries] = ()


class Saved(NamedTuple):
    """What a state file holds beside its windows; ``chains`` are those that it knows of."""

    pages: dict[Origin, Pages]
    chains: set[Chain]
    captures: dict[str, CaptureEntry]
    objects: SavedObjects
    tally: SavedTally
    series: list[SavedSeries]


class Store(StateFile):
    """A state file that this process alone works on, or a scratch file that goes with it."""

    def load(self) -> Saved:
        """Return everything that the file holds but its windows and letters, each row checked.

        Raises:
            BadInput: something in it is not what was written.
            Unavailable: it cannot be read.
        """
        with self.reading:
            counts: dict[str, bytes] = {}
            for name, checksum, body in self._database.execute("SELECT * FROM counts"):
                checked(checksum, name, body)
                counts[name] = body
            named = self._database.execute("SELECT DISTINCT endpoint, label, view FROM cursors")
            chains = {Chain(*chain) for chain in named if chain[0] in ENDPOINTS}
            for chain in set(self._windows.chains()) - chains:  # stopped workers have left them
                for slot in self._windows.slots(chain):
                    self._windows.glance((chain, slot))  # which looks at the row
                chains.add(chain)
            return Saved(
                self._pages(),
                chains,
                dict(self._captures()),
                decode(counts["objects"], type=SavedObjects) if "objects" in counts else [],
                decode(counts["tally"], type=SavedTally) if "tally" in counts else SavedTally(),
                list(self._series()),
            )

    def _pages(self) -> dict[Origin, Pages]:
        pages: dict[Origin, dict[int, bytes]] = {}
        rows = self._database.execute("SELECT * FROM pages")
        for source, endpoint, label, view, page, checksum, entry in rows:
            checked(checksum, source, endpoint, label, view, page, entry)
            if endpoint not in ENDPOINTS and endpoint not in LISTS:
                raise ValueError(f"{endpoint} is not registered")
            found = pages.setdefault(Origin(source, Chain(endpoint, label, view)), {})
            found[page] = entry
        return {origin: Pages(found) for origin, found in pages.items()}

    def _captures(self) -> Iterator[tuple[str, CaptureEntry]]:
        for source, checksum, body in self._database.execute("SELECT * FROM captures"):
            checked(checksum, source, body)
            yield source, decode(body, type=CaptureEntry)

    def _series(self) -> Iterator[SavedSeries]:
        for *row, checksum in self._database.execute("SELECT * FROM series"):
            checked(checksum, *row)
            yield SavedSeries(*row)

    def letters(self) -> Iterator[bytes]:
        """Yield the dead letters in the order of chains and pages.

        Raises:
            BadInput, Unavailable: as :meth:`load`.
        """
        with self.reading:
            yield from letters_in(self._database)

    def paged_letters(self) -> Iterator[tuple[PageKey, bytes]]:
        """Yield the dead letters with their pages, in order.

        Raises:
            BadInput, Unavailable: as :meth:`load`.
        """
        with self.reading:
            yield from paged_letters_in(self._database)

    def take_shards(self, names: Sequence[str]) -> None:
        """Take over the windows of the shards that the file names; then name others.

        A shard stands beside the file. Its windows alone are taken: whatever pages they are of can
        be read again, and change nothing.

        Raises:
            Unavailable: a file cannot be read or written.
        """
        assert self.path is not None  # noqa: S101 -- a scratch file has no shards
        with self.reading:
            found = [name for (name,) in self._database.execute("SELECT name FROM shards")]
        if not found and not names:
            return
        for name in found:
            shard = self.path.with_name(name)
            if shard.exists():
                self._take_shard(shard)
        with self.writing():
            self._database.execute("DELETE FROM shards")
            self._database.executemany("INSERT INTO shards VALUES (?)", ((one,) for one in names))
        for name in {*found, *names}:
            for end in ("", "-wal", "-shm", ".lock"):
                self.path.with_name(f"{name}{end}").unlink(missing_ok=True)
        self.look()

    def _take_shard(self, shard: Path) -> None:
        """Copy a shard's windows, and what its captures' lines say."""
        try:
            self._database.execute("ATTACH DATABASE ? AS shard", (str(shard),))
        except sqlite3.Error as error:
            raise Unavailable(f"{shard}: cannot be opened ({error})") from None
        try:
            with self.writing():
                for table in ("snapshots", "links"):
                    copy = f"REPLACE INTO main.{table} SELECT * FROM shard.{table}"  # noqa: S608 -- names from here
                    if self._database.execute(TABLE_THERE, (table,)).fetchone():
                        self._database.execute(copy)
        finally:
            self._database.execute("DETACH DATABASE shard")

    def links(self) -> Iterator[tuple[Chain, Link]]:
        """Yield what lines of captures say of their walks, in the order of walks.

        Raises:
            BadInput, Unavailable: as :meth:`load`.
        """
        with self.reading:
            yield from links_in(self._database)

    def put_windows(
        self, windows: Iterable[tuple[Place, Snapshot]], raised: Mapping[Place, int]
    ) -> None:
        """Put windows into the file outside of a checkpoint.

        Raises:
            Unavailable: the file cannot be written.
        """
        with self.writing():
            self._write_windows(windows, raised)

    def _write_windows(
        self, windows: Iterable[tuple[Place, Snapshot]], raised: Mapping[Place, int]
    ) -> None:
        self._windows.put(windows)
        self._windows.raise_revisions(raised)

    def put_links(self, links: Mapping[PageKey, Link]) -> None:
        """Add lines of captures outside of a checkpoint: they say nothing that is not in pages.

        Raises:
            Unavailable: the file cannot be written.
        """
        with self.writing():
            put_links(self._database, links)

    def links_of(self, walk: Walk) -> Iterator[tuple[str, Link]]:
        """Yield what lines of captures say of one walk, each with its capture's source.

        Raises:
            BadInput, Unavailable: as :meth:`load`.
        """
        with self.reading:
            yield from links_of(self._database, walk)

    def walks_in(self, source: str) -> set[Walk]:
        """Return the walks of which a capture has lines; each line is looked at.

        Raises:
            BadInput, Unavailable: as :meth:`load`.
        """
        with self.reading:
            return set(walks_in(self._database, source))

    def forget_lines(self, sources: Iterable[str]) -> None:
        """Forget what the lines of captures said, and their dead letters.

        Raises:
            Unavailable: the file cannot be written.
        """
        with self.writing():
            forget_lines(self._database, sources)

    def save(self, checkpoint: Checkpoint) -> None:
        """Store a checkpoint in one transaction.

        Raises:
            Unavailable: it cannot be written; what the last checkpoint stored is still there.
        """
        self.see_place()
        with self.writing():
            self._write(checkpoint)

    def _write(self, checkpoint: Checkpoint) -> None:
        """Put a checkpoint's rows into the tables."""
        self._write_pages(checkpoint.pages)
        forget_lines(self._database, checkpoint.forgotten)
        put_letters(self._database, checkpoint.letters)
        put_links(self._database, checkpoint.links)
        self._write_windows(checkpoint.snapshots, checkpoint.raised)
        if self.path is None:
            return  # nobody will ask for the rest
        many = self._database.executemany
        many(
            "REPLACE INTO cursors VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    *(origin.source, *origin.chain, run.next_page),
                    *(run.delivered.window or (None, None)),
                    *(checkpoint.now, int(bool(run.delivered.letters))),
                )
                for origin, run in checkpoint.runs
            ),
        )
        many(
            "REPLACE INTO captures VALUES (?, ?, ?)",
            (sealed((source,), encode(entry)) for source, entry in checkpoint.captures.items()),
        )
        counts = {"tally": encode(checkpoint.tally)}
        if checkpoint.objects is not None:
            counts["objects"] = encode(checkpoint.objects)
        many(
            "REPLACE INTO counts VALUES (?, ?, ?)",
            (sealed((name,), body) for name, body in counts.items()),
        )
        many(
            "REPLACE INTO series VALUES (?, ?, ?, ?, ?, ?)",
            ((*row, checksum_of(*row)) for row in checkpoint.series),
        )

    def _write_pages(self, pages: Mapping[PageKey, bytes | None]) -> None:
        keys = {
            (origin.source, *origin.chain, page): entry for (origin, page), entry in pages.items()
        }
        self._database.executemany(
            "DELETE FROM pages WHERE (source, endpoint, label, view, page) = (?, ?, ?, ?, ?)",
            (key for key, entry in keys.items() if entry is None),
        )
        self._database.executemany(
            "REPLACE INTO pages VALUES (?, ?, ?, ?, ?, ?, ?)",
            (sealed(key, entry) for key, entry in keys.items() if entry is not None),
        )
