"""Walks under way: what was written of them is there again, whole, whatever broke off."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import anyio
import pytest

from stream.records.errors import Unavailable
from stream.sinks.journal import WalkJournal, records_in


class Nowhere:
    """Takes no evidence."""

    def append(self, lines: Sequence[bytes]) -> None:
        """Take lines."""


def journal_in(place: Path) -> WalkJournal:
    """Open a journal."""
    return WalkJournal(place / "above" / "walks", Nowhere())


async def kept(journal: WalkJournal) -> list[bytes]:
    """Return the records of the only walk."""
    (records,) = (await journal.load_walks()).values()
    return records


def modes_in(place: Path) -> set[tuple[bool, int]]:
    """Return who may read what is in a directory."""
    return {(one.is_dir(), one.stat().st_mode & 0o777) for one in place.rglob("*")}


async def test_what_follows_a_torn_record_is_kept(tmp_path: Path) -> None:
    """A torn end is cut off when it is read, so that what is written then is read again."""
    journal = journal_in(tmp_path)
    await journal.keep_records("costs", [b"one", b"two"], anew=True)
    (path,) = journal.directory.glob("*.walk")
    for cut in range(1, 15):
        path.write_bytes(path.read_bytes()[:-cut] if cut < 14 else path.read_bytes() + b"\0" * 9)
        assert (await kept(journal))[0] == b"one"
        await journal.keep_records("costs", [b"two"], anew=False)
        assert (await kept(journal))[:2] == [b"one", b"two"]
        await journal.keep_records("costs", [b"one", b"two"], anew=True)


async def test_a_full_disk_leaves_no_torn_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be written whole is taken back, and the next record stands in its place."""
    journal = journal_in(tmp_path)
    await journal.keep_records("costs", [b"one"], anew=True)
    (path,) = journal.directory.glob("*.walk")
    whole = path.read_bytes()

    class FullFile:
        """Takes five bytes, and then no more."""

        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def write(self, rest: memoryview) -> int:
            if self.file.tell() > len(whole):
                raise OSError(28, "No space left on device")
            written: int = self.file.write(rest[:5])
            return written

    plain = os.fdopen
    monkeypatch.setattr("os.fdopen", lambda *one, **more: FullFile(plain(*one, **more)))
    with pytest.raises(Unavailable, match="No space left"):
        await journal.keep_records("costs", [b"two"], anew=False)
    monkeypatch.undo()
    assert path.read_bytes() == whole
    await journal.keep_records("costs", [b"three"], anew=False)
    assert list(records_in(path.read_bytes())) == [b"one", b"three"]


async def test_who_is_cancelled_has_written_all_or_nothing(tmp_path: Path) -> None:
    """Whoever is cancelled while a record is written knows that it was."""
    journal = journal_in(tmp_path)
    done: list[int] = []
    with anyio.CancelScope() as scope:
        for number in range(1_000):
            if number == 3:
                scope.cancel()
            await journal.keep_records("costs", [b"%d" % number], anew=not number)
            done.append(number)
            await anyio.lowlevel.checkpoint()
    assert await kept(journal) == [b"%d" % number for number in done]


async def test_a_part_that_is_gone_leaves_no_file(tmp_path: Path) -> None:
    """No records in the place of all before are no file; and that once more is no error."""
    journal = journal_in(tmp_path)
    await journal.keep_records("api_keys/p", [b"one"], anew=True)
    for _ in range(2):
        await journal.keep_records("api_keys/p", [], anew=True)
    assert not list(journal.directory.iterdir())


async def test_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Directories that are made, and the files in them, nobody else may read."""
    before = os.umask(0)
    try:
        journal = journal_in(tmp_path)
        await journal.keep_records("costs", [b"one"], anew=True)
        await journal.keep_progress(b"{}")
    finally:
        os.umask(before)
    assert modes_in(tmp_path) == {(True, 0o700), (False, 0o600)}


def test_something_in_its_way_is_named(tmp_path: Path) -> None:
    """A file where its directory should be cannot be written to."""
    (tmp_path / "above").write_bytes(b"")
    with pytest.raises(Unavailable, match="cannot be written"):
        journal_in(tmp_path)
