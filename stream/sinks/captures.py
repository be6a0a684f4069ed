"""Write a capture: a line for each page, packed as the file's name says."""

from __future__ import annotations

import os
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import aiofiles.os
import zstandard

from stream.sinks.atomic import atomic_file

if TYPE_CHECKING:
    from aiofiles.threadpool.binary import AsyncBufferedIOBase

__all__ = ["PACKED", "ZSTD_LEVEL", "CaptureFile", "PackedAppender", "capture_file"]

PACKED: Final = frozenset({".gz", ".zst"})
"""How the names of packed files end."""
BATCH: Final = 1 << 20
GZIP: Final = bytes.fromhex("1f8b08 00 00000000 04 ff")  # no name, no time, of no system
GZIP_LEVEL: Final = 1  # half as large again as by level 6, in a third of its time
ZSTD_LEVEL: Final = 3
OWNER: Final = 0o600


class Packer(Protocol):
    """What zlib and zstandard make: packs bytes as they come."""

    def compress(self, content: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class Unpacker(Protocol):
    """What zlib and zstandard make: unpacks one member, or one frame."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, content: Any, /) -> bytes: ...


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
    """Open a capture, or what else is packed alike, that appears when the block ends well.

    Raises:
        Unavailable: the store cannot be written; what stood at ``path`` before is still there.
    """
    async with atomic_file(path) as file:
        capture = CaptureFile(file, packer_for(path.suffix))
        yield capture
        await capture.end()


class PackedAppender:
    """Appends lines to a capture, packed as its name says: each time whole lines, and whole frames.

    What a process that was killed has left of a frame is taken off.
    """

    def __init__(self, path: Path) -> None:
        """Go on behind what is whole in the file, if it is there; the first lines make it.

        Raises:
            OSError: it cannot be read or written.
        """
        self.path = path
        self.bytes = 0
        if path.exists():
            self.bytes = whole_frames_in(path)
            os.truncate(path, self.bytes)

    def append(self, lines: Sequence[bytes]) -> None:
        """Append lines, and see that they are on the disk.

        Raises:
            OSError: they cannot be written; the file is then as it was.
        """
        packer, packed = packer_for(self.path.suffix), b"".join(lines)
        if packer is not None:
            packed = packer.compress(packed) + packer.flush()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, OWNER)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            file.seek(self.bytes)
            try:
                rest = memoryview(packed)
                while rest:
                    rest = rest[file.write(rest) :]
                os.fsync(file.fileno())
            except OSError:
                file.truncate(self.bytes)
                raise
        self.bytes += len(packed)


def whole_frames_in(path: Path) -> int:
    """Return how many bytes of a capture are whole frames, or whole lines where it is not packed.

    Raises:
        OSError: it cannot be read.
    """
    whole = at = 0
    unpacker = None
    with path.open("rb") as file:
        while chunk := file.read(BATCH):
            if path.suffix not in PACKED:
                found = chunk.rfind(b"\n")
                whole = at + found + 1 if found >= 0 else whole
                at += len(chunk)
                continue
            at, rest = at + len(chunk), chunk
            while rest:
                unpacker = unpacker or unpacker_for(path.suffix)
                try:
                    unpacker.decompress(rest)
                except (zlib.error, zstandard.ZstdError):
                    return whole
                rest = unpacker.unused_data if unpacker.eof else b""
                if unpacker.eof:
                    whole, unpacker = at - len(rest), None
    return whole


def unpacker_for(suffix: str) -> Unpacker:
    """Return what unpacks one frame, or member, of a file whose name ends in that suffix."""
    if suffix == ".gz":
        return zlib.decompressobj(wbits=31)
    return zstandard.ZstdDecompressor().decompressobj()
