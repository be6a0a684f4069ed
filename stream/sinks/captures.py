"""Write a capture: a line for each page, packed as the file's name says."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import aiofiles.os
import msgspec
import zstandard

from stream.errors import BadInput
from stream.sinks.atomic import atomic_file

if TYPE_CHECKING:
    from aiofiles.threadpool.binary import AsyncBufferedIOBase

__all__ = ["CaptureFile", "capture_file", "line_of"]

GZIP: Final = 31
SECOND: Final = 1_000_000


class Packer(Protocol):
    """What zlib and zstandard make: packs bytes as they come."""

    def compress(self, content: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class Plain:
    """Leaves bytes as they are."""

    def compress(self, content: bytes, /) -> bytes:
        """Return the bytes."""
        return content

    def flush(self) -> bytes:
        """Return what is left: nothing."""
        return b""


class CaptureFile:
    """A capture that is being written."""

    def __init__(self, file: AsyncBufferedIOBase, suffix: str) -> None:
        """Pack by the suffix of the file's name; same lines, same bytes."""
        packer: Packer = Plain()
        if suffix == ".gz":
            packer = zlib.compressobj(wbits=GZIP)
        elif suffix == ".zst":
            packer = zstandard.ZstdCompressor(write_checksum=True).compressobj()
        self._file = file
        self._pack = aiofiles.os.wrap(packer.compress)
        self._flush = aiofiles.os.wrap(packer.flush)

    async def write(self, lines: bytes) -> None:
        """Add lines, each with its line break; some hundred kB at once need few hops."""
        await self._file.write(await self._pack(lines))

    async def end(self) -> None:
        """Write what the packing still holds."""
        await self._file.write(await self._flush())


@asynccontextmanager
async def capture_file(path: Path) -> AsyncIterator[CaptureFile]:
    """Open a capture that appears at ``path`` when the block ends well.

    Raises:
        Unavailable: the store cannot be written; what stood at ``path`` before is still there.
    """
    async with atomic_file(path) as file:
        capture = CaptureFile(file, path.suffix)
        yield capture
        await capture.end()


def line_of(endpoint: str, label: str, revision: int, page: bytes) -> bytes:
    """Write a page's line; the request is not known. Every value of the page stays as it is.

    Raises:
        BadInput: the page is no JSON that can be put on one line.
    """
    head: dict[str, Any] = {
        "endpoint": endpoint,
        "label": label,
        "observed_at": observed_at(revision),
        "request": None,
    }
    return msgspec.json.encode(head)[:-1] + b',"page":' + on_one_line(page) + b"}\n"


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
