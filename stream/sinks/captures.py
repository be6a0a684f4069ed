"""Write a capture: a line for each page, packed as the file's name says.

A zstd capture is a sequence of frames, each of whole lines and with its size in its head: who reads
it can begin at any of them. A table is one frame: some who read tables know of no second one.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import aiofiles.os
import zstandard

from stream.sinks.atomic import atomic_file

if TYPE_CHECKING:
    from aiofiles.threadpool.binary import AsyncBufferedIOBase

__all__ = ["PACKED", "CaptureFile", "PackedAppender", "Zstd", "capture_file", "pack_lines"]

PACKED: Final = frozenset({".gz", ".zst"})
"""How the names of packed files end."""
BATCH: Final = 4 << 20
"""How many bytes of lines are packed at once; the last of them may go beyond that."""
CHUNK: Final = 1 << 20
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


class Zstd:
    """Makes a zstd frame of all that comes at once."""

    def __init__(self) -> None:
        """Start before the first frame."""
        self._pack = zstd_packer().compress
        self._is_empty = True

    def compress(self, content: bytes, /) -> bytes:
        """Return a frame, but of nothing none."""
        if not content:
            return b""
        self._is_empty = False
        return self._pack(content)

    def flush(self) -> bytes:
        """Return the frame of a file that has no content; one that has some is whole."""
        return self._pack(b"") if self._is_empty else b""


def zstd_packer() -> zstandard.ZstdCompressor:
    """Return what packs by zstd; each frame has a checksum of its content."""
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_checksum=True)


class Batch:
    """Lines that wait until they are so many that they are packed."""

    def __init__(self) -> None:
        """Start without any."""
        self._lines: list[bytes] = []
        self._size = 0

    def add(self, line: bytes) -> bytes:
        """Let a line wait; return all that wait, once they are enough."""
        self._lines.append(line)
        self._size += len(line)
        return self.take() if self._size >= BATCH else b""

    def take(self) -> bytes:
        """Return the lines that wait, which none does then."""
        lines = b"".join(self._lines)
        self._lines, self._size = [], 0
        return lines


def pack_lines(packer: Packer, lines: Iterable[bytes]) -> Iterator[bytes]:
    """Pack lines, to the end of a file."""
    batch = Batch()
    for line in lines:
        yield packer.compress(batch.add(line))
    yield packer.compress(batch.take())
    yield packer.flush()


def packer_for(suffix: str, *, in_frames: bool = True) -> Packer | None:
    """Return what packs a file whose name ends in that suffix; ``None``: bytes stay as they are.

    What is not ``in_frames`` is a single one.

    The same lines are packed to the same bytes, by one thread; another version of zlib or zstd may
    make others.
    """
    if suffix == ".gz":
        return Gzip()
    if suffix == ".zst":
        return Zstd() if in_frames else zstd_packer().compressobj()
    return None


class CaptureFile:
    """A capture that is being written; ``bytes`` is its size as it is stored."""

    def __init__(self, file: AsyncBufferedIOBase, packer: Packer | None) -> None:
        """Start before the first line."""
        self.bytes = 0
        self._file = file
        self._packer = packer
        self._batch = Batch()

    async def write(self, line: bytes) -> None:
        """Take a line, with its line break; it is packed with others, some MiB at once."""
        if full := self._batch.add(line):
            await self._pack(full)

    async def end(self) -> None:
        """Write all that is not written yet."""
        await self._pack(self._batch.take())
        if self._packer is not None:
            await self._store(await aiofiles.os.wrap(self._packer.flush)())

    async def _pack(self, lines: bytes) -> None:
        """Pack and write lines."""
        if self._packer is not None:
            lines = await aiofiles.os.wrap(self._packer.compress)(lines)
        await self._store(lines)

    async def _store(self, packed: bytes) -> None:
        """Write bytes as they are."""
        await self._file.write(packed)
        self.bytes += len(packed)


@asynccontextmanager
async def capture_file(path: Path, *, in_frames: bool = True) -> AsyncIterator[CaptureFile]:
    """Open a capture, or what else is packed alike, that appears when the block ends well.

    ``in_frames``: zstd makes a frame of some lines each time, and else a single one.

    Raises:
        Unavailable: the store cannot be written; what stood at ``path`` before is still there.
    """
    async with atomic_file(path) as file:
        capture = CaptureFile(file, packer_for(path.suffix, in_frames=in_frames))
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
        if packer is not None:  # in one frame, however long: half of one is no part of the file
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
        while chunk := file.read(CHUNK):
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
