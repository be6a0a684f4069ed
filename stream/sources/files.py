"""Reading pages from files: in order, a few small ones at a time."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Final

import aiofiles.os
from msgspec import Struct

from stream.decode.density import blame_page
from stream.decode.values import BYTE_ORDER_MARK
from stream.records.errors import BadInput, Unavailable
from stream.sources.compression import compression_of, expand, join_pieces
from stream.sources.contents import is_envelope, is_page_file, pages_in, trim
from stream.sources.digests import CHEAP, Digests
from stream.sources.regular_files import (
    NotAtHand,
    read_whole,
    size_of,
    status_of,
    status_signature_of,
)

__all__ = [
    "BATCH_FILES",
    "FilePage",
    "PageFile",
    "read_at_hand",
    "read_batch",
    "read_pages",
    "several_pages",
]

BATCH_FILES: Final = 64
BATCH_BYTES: Final = 1024 * 1024


class FilePage(Struct, frozen=True):
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


class PageFile(Struct, frozen=True):
    """Where a page is read from: there may be a great many, so that it holds little of its own.

    ``name`` is below the directory, and ``target`` where a link of that name leads.
    """

    page: int
    directory: str
    name: str
    target: Path | None = None

    @property
    def path(self) -> Path:
        """The file."""
        return self.target or Path(self.directory, self.name)

    @property
    def place(self) -> str:
        """The file's path as a text, which takes less time to make."""
        if self.target is not None:
            return str(self.target)
        return f"{self.directory}/{self.name}"


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


def read_at_hand(
    files: Sequence[PageFile], max_bytes: int, buffer: bytearray, digests: Digests = CHEAP
) -> list[FilePage]:
    """Read files as :func:`read_batch` does, up to one for which a disk would be waited for.

    So many small ones take less time than to ask a thread for them. Each goes by way of a
    ``buffer``: made for each batch, that would take longer than to look at a large file.
    """
    batch: list[FilePage] = []
    with suppress(NotAtHand):
        for file in files:
            batch.append(read_page(file, max_bytes, digests, buffer))  # noqa: PERF401 -- a list of those before
    return batch


def read_page(
    file: PageFile, max_bytes: int, digests: Digests, buffer: bytearray | None = None
) -> FilePage:
    """Read a page.

    Raises:
        Unavailable: the file is gone, or may not be read; or memory ran out, and it is small.
        NotAtHand: it is to be read at once, by way of a ``buffer``, and cannot be.
    """
    try:
        return read_whole_page(file, max_bytes, digests, buffer)
    except BadInput as error:
        return FilePage(file, b"", status_of(file.path), error=error)
    except MemoryError:
        fault = blame_page(size_of(file.path), str(file.path))
        if isinstance(fault, Unavailable):
            raise fault from None
        return FilePage(file, b"", status_of(file.path), error=fault)


def read_whole_page(
    file: PageFile, max_bytes: int, digests: Digests, buffer: bytearray | None
) -> FilePage:
    """Read a page.

    Raises:
        BadInput: it is no regular file, too large, or not what a list of checksums says.
        Unavailable: the file is gone, or may not be read.
        NotAtHand: as :func:`read_page`.
    """
    started, place = perf_counter(), file.place
    content, status = read_whole(place, max_bytes, buffer)
    digest = digests.take(place, file.page, content)
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
