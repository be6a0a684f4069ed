"""What is kept of an API that is being asked: walks under way, how far it was asked, and evidence.

A walk under way has a file of its own, and goes on from it after any end of the process. Records
have a checksum, and what follows a torn one is forgotten: it is asked for again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import aiofiles.os
import anyio
from xxhash import xxh3_64_digest

from stream.records.errors import Unavailable
from stream.sinks.atomic import atomic_file, make_private, prepare_parent, unwritable_file

__all__ = ["Appender", "WalkJournal"]

LENGTH: Final = 4
CHECK: Final = 8
OWNER: Final = 0o600
PROGRESS: Final = "progress.json"
WALK: Final = ".walk"


class Appender(Protocol):
    """Where whole walks go."""

    def append(self, lines: Sequence[bytes]) -> None:
        """Write lines, and see that they are on the disk.

        Raises:
            OSError: they cannot be written.
        """


class WalkJournal:
    """Keeps walks under way in ``directory``; whole ones go to ``evidence``."""

    def __init__(self, directory: Path, evidence: Appender) -> None:
        """See that the directory can be written.

        Raises:
            Unavailable: it cannot.
        """
        self.directory = directory
        self.evidence = evidence
        self._turn = anyio.Lock()
        try:
            make_private(directory)
        except OSError as error:
            raise unwritable_file(directory, error) from None
        prepare_parent(directory / PROGRESS)

    async def load_progress(self) -> bytes | None:
        """Return what was kept last; ``None``: nothing.

        Raises:
            Unavailable: it cannot be read.
        """
        return await aiofiles.os.wrap(read_if_there)(self.directory / PROGRESS)

    async def keep_progress(self, saved: bytes) -> None:
        """Keep how far everything has been asked.

        Raises:
            Unavailable: it cannot be written.
        """
        async with self._turn:
            with anyio.CancelScope(shield=True):
                async with atomic_file(self.directory / PROGRESS) as file:
                    await file.write(saved)

    async def load_walks(self) -> dict[str, list[bytes]]:
        """Return the records of each walk under way, by the first of them.

        Raises:
            Unavailable: they cannot be read.
        """
        return await aiofiles.os.wrap(self._load_walks)()

    def _load_walks(self) -> dict[str, list[bytes]]:
        found = {}
        for path in sorted(self.directory.glob(f"*{WALK}")):
            written = read_if_there(path) or b""
            records = list(records_in(written))
            whole = sum(LENGTH + CHECK + len(one) for one in records)
            if whole < len(written):  # or what comes next would stand behind a torn record
                try:
                    os.truncate(path, whole)
                except OSError as error:
                    raise unwritable_file(path, error) from None
            if records:
                found[path.name] = records
        return found

    async def keep_records(self, part: str, records: Sequence[bytes], *, anew: bool) -> None:
        """Keep more records of a part's walk; ``anew``: in the place of all before.

        A thread that writes is not broken off, and so who waits for it is not, either.

        Raises:
            Unavailable: they cannot be written.
        """
        path = self.directory / f"{xxh3_64_digest(part.encode()).hex()}{WALK}"
        with anyio.CancelScope(shield=True):
            await aiofiles.os.wrap(write_records)(path, records, anew=anew)

    async def add_walk(self, lines: Sequence[bytes]) -> None:
        """Put a whole walk into the evidence, where it is safe when this returns.

        Raises:
            Unavailable: it cannot be written.
        """
        async with self._turn:
            with anyio.CancelScope(shield=True):
                try:
                    await aiofiles.os.wrap(self.evidence.append)(lines)
                except OSError as error:
                    raise unwritable_file(self.directory.parent, error) from None

    def forget_progress(self) -> None:
        """Forget how far everything has been asked, but for the walks.

        Raises:
            OSError: it cannot be removed.
        """
        (self.directory / PROGRESS).unlink(missing_ok=True)

    def remove_unused(self) -> None:
        """Remove all that is kept, unless some walk is under way, or was whole."""
        if not any(self.directory.glob(f"*{WALK}")):
            self.remove()

    def remove(self) -> None:
        """Remove all that is kept, but for the evidence: everything has been asked."""
        with suppress(OSError):
            for path in self.directory.iterdir():
                path.unlink()
            self.directory.rmdir()


def read_if_there(path: Path) -> bytes | None:
    """Read a file; ``None`` when it is not there.

    Raises:
        Unavailable: it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable(f"{path}: cannot be read ({error.strerror})") from None


def write_records(path: Path, records: Sequence[bytes], *, anew: bool) -> None:
    """Write records at a file's end, or in the place of all that it has; none at all: remove it.

    Raises:
        Unavailable: they cannot be written; the file is then as it was, or empty.
    """
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if anew else os.O_APPEND)
    packed = b"".join(
        len(one).to_bytes(LENGTH, "little") + xxh3_64_digest(one) + one for one in records
    )
    try:
        if anew and not records:
            path.unlink(missing_ok=True)
            return
        with os.fdopen(os.open(path, flags, OWNER), "wb", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            try:
                rest = memoryview(packed)
                while rest:
                    rest = rest[file.write(rest) :]
            except OSError:
                file.truncate(size)
                raise
    except OSError as error:
        raise unwritable_file(path, error) from None


def records_in(written: bytes) -> Iterator[bytes]:
    """Yield the records of a file, up to the first that is torn."""
    at = 0
    while at + LENGTH + CHECK <= len(written):
        start = at + LENGTH + CHECK
        end = start + int.from_bytes(written[at : at + LENGTH], "little")
        record = written[start:end]
        if end > len(written) or xxh3_64_digest(record) != written[at + LENGTH : start]:
            return
        yield record
        at = end
