"""Reading pages from files: in order, a few small ones at a time, and nothing but regular files."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Final, NamedTuple

import aiofiles.os

from stream.decode.density import blame_page
from stream.decode.parse import BYTE_ORDER_MARK
from stream.records.errors import BadInput, Unavailable
from stream.sources.compression import compression_of, expand, join_pieces, too_many_bytes
from stream.sources.contents import is_envelope, is_page_file, pages_in, trim
from stream.sources.digests import CHEAP, Digests

__all__ = [
    "BATCH_FILES",
    "FLAGS",
    "FilePage",
    "PageFile",
    "open_regular",
    "read_batch",
    "read_pages",
    "read_regular",
    "several_pages",
    "signature_of",
    "status_signature_of",
]

BATCH_FILES: Final = 64
BATCH_BYTES: Final = 1024 * 1024
FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)  # Windows has neither of these two
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)  # and has this one, for bytes as they are
)
"""How a file is opened: no link is followed, no FIFO waited for."""


class FilePage(NamedTuple):
    """One page as it was read; ``error`` instead of content when the file cannot be a page.

    ``status`` is that of the file, if it is there, and ``seconds`` is how long reading took.
    ``is_page``: the content, expanded, is one page, or what was to be one; else it is left to who
    reads files of many pages.
    """

    file: PageFile
    content: bytes
    status: os.stat_result | None
    digest: bytes = b""
    error: BadInput | None = None
    seconds: float = 0.0
    is_page: bool = True

    @property
    def signature(self) -> str | None:
        """What changes when the file is written again; ``None`` when it is not there."""
        return None if self.status is None else status_signature_of(self.status)


class PageFile(NamedTuple):
    """Where a page is read from: there may be a great many, so that it holds little of its own.

    ``name`` is below the directory, and ``target`` where a link of that name leads.
    """

    page: int
    directory: Path
    name: str
    target: Path | None = None

    @property
    def path(self) -> Path:
        """The file."""
        return self.target or self.directory / self.name

    @property
    def place(self) -> str:
        """The file's path as a text, which takes less time to make."""
        if self.target is not None:
            return str(self.target)
        return os.path.join(self.directory, self.name)  # noqa: PTH118 -- a text


async def read_pages(
    files: Sequence[PageFile], max_bytes: int, digests: Digests = CHEAP
) -> AsyncIterator[FilePage]:
    """Read pages in order; small files share one hop to a thread.

    ``digests`` are taken of what is stored.

    Raises:
        Unavailable: a file is gone, or may not be read.
    """
    read = aiofiles.os.wrap(read_batch)
    position = 0
    while position < len(files):
        some = files[position : position + BATCH_FILES]
        batch: list[FilePage] = await read(some, max_bytes, digests)
        position += len(batch)
        while batch:
            yield batch.pop(0)


def read_batch(
    files: Sequence[PageFile], max_bytes: int, digests: Digests = CHEAP
) -> list[FilePage]:
    """Read files until they come to :data:`BATCH_BYTES`; at least one."""
    batch: list[FilePage] = []
    total = 0
    for file in files:
        batch.append(read_page(file, max_bytes, digests))
        total += len(batch[-1].content)
        if total >= BATCH_BYTES:
            break
    return batch


def read_page(file: PageFile, max_bytes: int, digests: Digests) -> FilePage:
    """Read a page.

    Raises:
        Unavailable: the file is gone, or may not be read; or memory ran out, and it is small.
    """
    try:
        return read_whole_page(file, max_bytes, digests)
    except BadInput as error:
        return FilePage(file, b"", status_of(file.path), error=error)
    except MemoryError:
        fault = blame_page(size_of(file.path), str(file.path))
        if isinstance(fault, Unavailable):
            raise fault from None
        return FilePage(file, b"", status_of(file.path), error=fault)


def read_whole_page(file: PageFile, max_bytes: int, digests: Digests) -> FilePage:
    """Read a page.

    Raises:
        BadInput: it is no regular file, too large, or not what a list of checksums says.
        Unavailable: the file is gone, or may not be read.
    """
    started = perf_counter()
    content, status = read_whole(file.place, max_bytes)
    digest = digests.take(file.place, file.page, content)
    fault, is_page = None, True
    if not is_page_file(content):
        try:
            content, is_page = page_in(content, max_bytes)
        except BadInput as error:
            content, fault = b"", error
    seconds = perf_counter() - started
    return FilePage(file, content, status, digest, fault, seconds, is_page)


def several_pages() -> BadInput:
    """Say that a file has more than a page, for those who read a page a file."""
    return BadInput("file", "found several pages, or buckets alone, expected one page")


def page_in(stored: bytes, max_bytes: int) -> tuple[bytes, bool]:
    """Return a file's page, expanded, and whether it is one alone; of several there is none.

    Raises:
        BadInput: the file cannot be expanded, or is an empty array.
    """
    kind = compression_of(stored)
    content = join_pieces(expand([stored], kind), max_bytes) if kind else stored
    if content.startswith(BYTE_ORDER_MARK):
        content = trim(content)
    if is_page_file(content):
        return content, True
    pages = pages_in(content)
    several = len(pages) > 1 or (len(pages) == 1 and pages[0] != trim(content))
    if several or (pages and is_envelope(pages[0])):
        return b"", False
    return content, True


def signature_of(path: Path) -> str | None:
    """Return what changes when a file is written again; ``None`` when it is not there."""
    status = status_of(path)
    return None if status is None else status_signature_of(status)


def status_of(path: Path) -> os.stat_result | None:
    """Return the status of a file, or of a link; ``None`` when it is not there."""
    try:
        return path.lstat()
    except OSError:
        return None


def size_of(path: Path) -> int:
    """Return how many bytes a file has; 0 when it is not there."""
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def status_signature_of(status: os.stat_result) -> str:
    """Return the signature of a file whose status is known."""
    times = f"{status.st_mtime_ns}:{status.st_ctime_ns}"
    return f"{status.st_size}:{times}:{status.st_dev}:{status.st_ino}"


def open_regular(path: Path) -> int:
    """Open a regular file for reading; a link is not followed, and a FIFO not waited for.

    Raises:
        BadInput: it is no regular file.
        OSError: it is gone, or may not be read.
    """
    return open_with_status(path)[0]


def open_with_status(path: Path | str) -> tuple[int, os.stat_result]:
    """Open a file as :func:`open_regular` does; return its status too."""
    try:
        descriptor = os.open(path, FLAGS)
    except OSError as error:
        if error.errno == errno.ELOOP and Path(path).is_symlink():
            raise BadInput("file", "found a symbolic link, expected a regular file") from None
        raise
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise BadInput("file", "found no regular file, expected one")
    return descriptor, status


def read_regular(path: Path, max_bytes: int) -> bytes:
    """Read a regular file of at most ``max_bytes``; a link is not followed, a FIFO not waited for.

    Raises:
        BadInput: it is no regular file, or too large.
        Unavailable: it is gone, or may not be read.
    """
    return read_whole(path, max_bytes)[0]


def read_whole(path: Path | str, max_bytes: int) -> tuple[bytes, os.stat_result]:
    """Read a file as :func:`read_regular` does; return its status before that too."""
    try:
        descriptor, status = open_with_status(path)
        try:
            payload = content_of(descriptor, status.st_size) if status.st_size <= max_bytes else b""
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Unavailable(f"{Path(path)}: cannot be read ({error.strerror})") from None
    size = max(status.st_size, len(payload))
    if size > max_bytes:
        raise too_many_bytes(size, max_bytes)
    return payload, status


def content_of(descriptor: int, size: int) -> bytes:
    """Read a file to its end: mostly one call, as it has the bytes that its status says."""
    payload = os.read(descriptor, size + 1)
    if len(payload) == size:
        return payload
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        return payload + file.readall()
