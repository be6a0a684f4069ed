"""Evidence: what an API has answered, a capture for each UTC day, packed when the day is over.

``CHECKSUMS.sha256`` beside the days has the SHA-256 of each that is packed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from stream.records.digests import CHECKSUMS, listed_sums, spell_sum
from stream.records.windows import DAY
from stream.sinks.atomic import make_private
from stream.sinks.captures import Zstd, pack_lines
from stream.sinks.scratch import make_scratch_file

__all__ = ["DayFiles"]

NAME: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})\.ndjson(\.zst)?", re.ASCII)
OWNER: Final = 0o600
BLOCK: Final = 1 << 16
PACK_AFTER: Final = 600
"""Seconds after midnight at which the day before is packed: by then everybody has read it."""
FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND


class DayFiles:
    """Appends walks to the file of the day in ``directory``; ``clock`` is in Unix seconds."""

    def __init__(self, directory: Path, clock: Callable[[], float]) -> None:
        """Make the directory.

        Raises:
            OSError: it cannot be made.
        """
        self.directory = directory
        self.clock = clock
        make_private(directory)

    @property
    def size(self) -> int:
        """How many bytes the evidence takes."""
        total = 0
        with suppress(OSError), os.scandir(self.directory) as entries:
            total = sum(one.stat().st_size for one in entries if NAME.fullmatch(one.name))
        return total

    def append(self, lines: Sequence[bytes]) -> None:
        """Append lines, whole ones, and see that they are on the disk.

        A day that is packed is not begun anew, though the clock has gone back to it.

        Raises:
            OSError: they cannot be written; what was written of them is taken back.
        """
        moment = self.clock()
        while (self.directory / f"{day_of(moment)}.ndjson.zst").exists():
            moment += DAY
        append_synced(self.directory / f"{day_of(moment)}.ndjson", b"".join(lines))

    def tidy(self, keep_seconds: float | None) -> None:
        """Pack the days that are over, and remove those that are older than they are kept.

        ``CHECKSUMS.sha256`` lists the packed days. Whenever a process ends in here, each day that
        it lists is there and is as it says; the next call lists the others.

        Raises:
            OSError: a file cannot be read, written or removed.
        """
        now = self.clock()
        today = day_of(now)
        oldest = "" if keep_seconds is None else day_of(max(now - keep_seconds, 0))
        names = (one.name for one in self.directory.iterdir())
        days = [match for one in names if (match := NAME.fullmatch(one))]
        expired = [one[0] for one in days if one[1] < oldest]
        ripe = [
            one[0]
            for one in days
            if not one[2] and oldest <= one[1] < today and now % DAY > PACK_AFTER
        ]
        packed = {one[0] for one in days if one[2] and one[1] >= oldest}
        list_sums(self.directory, packed - {f"{name}.zst" for name in ripe}, is_whole=False)
        for name in expired:
            (self.directory / name).unlink(missing_ok=True)
        for name in ripe:
            pack_file(self.directory / name)
        list_sums(self.directory, packed | {f"{name}.zst" for name in ripe}, is_whole=True)


def day_of(moment: float) -> str:
    """Return the UTC day of a moment."""
    return f"{dt.datetime.fromtimestamp(moment, dt.UTC):%Y-%m-%d}"


def append_synced(path: Path, content: bytes) -> None:
    """Append to a file, which is made for its owner alone, and see that it is on the disk.

    Raises:
        OSError: it cannot be written; the file is then as it was.
    """
    is_new = not path.exists()
    descriptor = os.open(path, FLAGS, OWNER)
    try:
        size = whole_lines_in(path)
        os.ftruncate(descriptor, size)
        try:
            written = 0
            while written < len(content):
                written += os.write(descriptor, content[written:])
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)
    if is_new:
        sync_entries(path.parent)


def sync_entries(directory: Path) -> None:
    """See that the names in a directory are on the disk, where it can be opened for that.

    Raises:
        OSError: they are not.
    """
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def whole_lines_in(path: Path) -> int:
    """Return how many bytes of a file are whole lines: an end that was torn off is no line.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(end - BLOCK, 0)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0


def pack_file(path: Path) -> None:
    """Put a packed file in the place of a plain one.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("rb", 1 << 20) as plain, put_file(path.with_name(f"{path.name}.zst")) as file:
        for packed in pack_lines(Zstd(), plain):
            file.write(packed)
    path.unlink(missing_ok=True)


@contextmanager
def put_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that stands at ``path``, whole and on the disk, when the block ends well.

    Raises:
        OSError: it cannot be written; what stood there before is still there.
    """
    scratch = make_scratch_file(path.parent)
    try:
        with os.fdopen(scratch.descriptor, "wb", closefd=False) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch.path, path)  # noqa: PTH105 -- as elsewhere
    except BaseException:
        scratch.path.unlink(missing_ok=True)
        raise
    finally:
        scratch.let_go()
    sync_entries(path.parent)


def list_sums(directory: Path, names: AbstractSet[str], *, is_whole: bool) -> None:
    """Let ``CHECKSUMS.sha256`` list no other files than ``names``; ``is_whole``: all of them.

    A file that is listed keeps the sum that it was listed with.

    Raises:
        OSError: a file cannot be read, or the list not be written.
    """
    path = directory / CHECKSUMS
    stored = path.read_bytes() if path.exists() else b""
    sums = {one.name: one.digest for one in listed_sums(stored) if one.name in names}
    if is_whole:
        for name in names - sums.keys():
            with (directory / name).open("rb") as file:
                sums[name] = hashlib.file_digest(file, "sha256").digest()
    listed = "".join(spell_sum(name, sums[name]) for name in sorted(sums)).encode()
    if listed == stored:
        return
    if not listed:
        path.unlink()
        sync_entries(directory)
        return
    with put_file(path) as file:
        file.write(listed)
