"""Write a capture: a line for each page, packed as the file's name says."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import aiofiles.os
import msgspec
import zstandard

from stream.records.errors import BadInput
from stream.sinks.atomic import atomic_file

if TYPE_CHECKING:
    from aiofiles.threadpool.binary import AsyncBufferedIOBase

__all__ = ["CaptureFile", "capture_file", "line_of"]

BATCH: Final = 1 << 20
GZIP: Final = bytes.fromhex("1f8b08 00 00000000 04 ff")  # no name, no time, of no system
GZIP_LEVEL: Final = 1  # half as large again as by level 6, in a third of its time
ZSTD_LEVEL: Final = 3
SECOND: Final = 1_000_000


class Packer(Protocol):
    """What zlib and zstandard make: packs bytes as they come."""

    def compress(self, content: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class Gzip:
    """Makes one gzip member, whose header tells nothing of this machine."""

    def __init__(self) -> None:
        """Start before the header."""
        self._deflate = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._head = GZIP
        self._check = self._size = 0

    def compress(self, content: bytes, /) -> bytes:
        """Return what can be written by now."""
        head, self._head = self._head, b""
        self._check = zlib.crc32(content, self._check)
        self._size += len(content)
        return head + self._deflate.compress(content)

    def flush(self) -> bytes:
        """Return the rest."""
        check, size = self._check, self._size % (1 << 32)
        end = check.to_bytes(4, "little") + size.to_bytes(4, "little")
        return self._head + self._deflate.flush() + end


def packer_for(suffix: str) -> Packer | None:
    """Return what packs a file whose name ends in that suffix; ``None``: bytes stay as they are.

    The same lines are packed to the same bytes, by one thread; another version of zlib or zstd may
    make others.
    """
    if suffix == ".gz":
        return Gzip()
    if suffix == ".zst":
        return zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_checksum=True).compressobj()
    return None


class CaptureFile:
    """A capture that is being written; ``bytes`` is its size as it is stored."""

    def __init__(self, file: AsyncBufferedIOBase, packer: Packer | None) -> None:
        """Start before the first line."""
        self.bytes = 0
        self._file = file
        self._packer = packer
        self._waiting: list[bytes] = []
        self._size = 0

    async def write(self, line: bytes) -> None:
        """Take a line, with its line break; it is packed with others, about a MiB at once."""
        self._waiting.append(line)
        self._size += len(line)
        if self._size >= BATCH:
            await self._pack()

    async def end(self) -> None:
        """Write all that is not written yet."""
        await self._pack()
        if self._packer is not None:
            await self._store(await aiofiles.os.wrap(self._packer.flush)())

    async def _pack(self) -> None:
        """Pack and write the lines that wait."""
        lines = b"".join(self._waiting)
        self._waiting, self._size = [], 0
        if self._packer is not None:
            lines = await aiofiles.os.wrap(self._packer.compress)(lines)
        await self._store(lines)

    async def _store(self, packed: bytes) -> None:
        """Write bytes as they are."""
        await self._file.write(packed)
        self.bytes += len(packed)


@asynccontextmanager
async def capture_file(path: Path) -> AsyncIterator[CaptureFile]:
    """Open a capture that appears at ``path`` when the block ends well.

    Raises:
        Unavailable: the store cannot be written; what stood at ``path`` before is still there.
    """
    async with atomic_file(path) as file:
        capture = CaptureFile(file, packer_for(path.suffix))
        yield capture
        await capture.end()


def line_of(
    endpoint: str, label: str, revision: int, request: Mapping[str, Any] | None, page: bytes
) -> bytes:
    """Write a page's line. Every value of the page stays as it is.

    Raises:
        BadInput: the page is no JSON that can be put on one line.
    """
    head = {
        "endpoint": endpoint,
        "label": label,
        "observed_at": observed_at(revision),
        "request": request,
    }
    return b'%s,"page":%s}\n' % (msgspec.json.encode(head)[:-1], on_one_line(page))


def observed_at(revision: int) -> str | None:
    """Write a revision (microseconds since 1970) as RFC 3339; ``None`` for revision 0."""
    if not revision:
        return None
    seconds, micros = divmod(revision, SECOND)
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{micros:06}Z"


def on_one_line(page: bytes) -> bytes:
    """Return a page without line breaks; they stand between its values, and never in one."""
    page = page.strip()
    if b"\n" not in page and b"\r" not in page:
        return page
    try:
        return msgspec.json.format(page, indent=-1)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BadInput("json", f"found broken JSON ({error}), expected a page") from None
