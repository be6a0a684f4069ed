"""Reading pages from files: in order, a few small ones at a time, and nothing but regular files."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import stat
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from types import MappingProxyType
from typing import Final, NamedTuple

import aiofiles.os

from stream.chains import PageEntry
from stream.errors import BadInput, Unavailable
from stream.privacy import masked_text
from stream.shares import ALL

try:
    import fcntl
except ImportError:  # Windows
    LEASES = False
else:
    LEASES = hasattr(fcntl, "F_SETLEASE")  # only Linux tells who has a file open

__all__ = [
    "LEASES",
    "Fixture",
    "PageFile",
    "open_elsewhere",
    "open_regular",
    "read_batch",
    "read_pages",
    "read_regular",
    "signature_of",
    "signed",
    "spelled",
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


class Fixture(NamedTuple):
    """One page as it was read; ``error`` instead of a payload when the file cannot be a page."""

    name: str
    page: int
    payload: bytes
    sha256: str | None
    error: BadInput | None = None
    signature: str | None = None
    known: PageEntry | None = None
    seconds: float = 0.0
    """Where ``known``, what durable state has of the page, comes without a payload and an error,
    it is all there is to know. ``seconds`` is how long reading took."""


class PageFile(NamedTuple):
    """Where a page is read from: there may be a great many, so that it holds little of its own.

    There is no ``directory`` for a page that only durable state still has, in ``pages``.
    """

    page: int
    directory: Path | None
    name: str
    pages: Mapping[int, PageEntry] = MappingProxyType({})

    @property
    def path(self) -> Path | None:
        """The file, if there is one."""
        return None if self.directory is None else self.directory / self.name

    @property
    def known(self) -> PageEntry | None:
        """What durable state has of the page."""
        return self.pages.get(self.page)


async def read_pages(
    files: Sequence[PageFile], max_bytes: int, digests: Callable[[int], bool] = ALL.digests
) -> AsyncIterator[Fixture]:
    """Read pages in order; small files share one hop to a thread.

    A page that nobody knew has a digest only where ``digests`` says so of its number.

    Raises:
        Unavailable: a file is gone, or may not be read.
    """
    read = aiofiles.os.wrap(read_batch)
    position = 0
    while position < len(files):
        some = files[position : position + BATCH_FILES]
        batch: list[Fixture] = await read(some, max_bytes, digests)
        position += len(batch)
        while batch:
            yield batch.pop(0)


def spelled(name: str) -> str:
    """Return a file name as it may be written: bytes that are no UTF-8 escaped, secrets masked."""
    return masked_text(os.fsencode(name).decode(errors="backslashreplace"))


def read_batch(
    files: Sequence[PageFile], max_bytes: int, digests: Callable[[int], bool] = ALL.digests
) -> list[Fixture]:
    """Read files until they come to :data:`BATCH_BYTES`; at least one."""
    batch: list[Fixture] = []
    total = 0
    for file in files:
        batch.append(read_page(file, max_bytes, digests))
        total += len(batch[-1].payload)
        if total >= BATCH_BYTES:
            break
    return batch


def read_page(file: PageFile, max_bytes: int, digests: Callable[[int], bool]) -> Fixture:
    """Read a page, unless durable state has it as it is."""
    number, path, known = file.page, file.path, file.known
    if known is not None and (
        path is None or (not known.letters and signature_of(path) == known.signature)
    ):
        return Fixture(known.name, number, b"", known.sha256, None, known.signature, known)
    if path is None:
        raise Unavailable(f"page {number} is gone")
    started = perf_counter()
    name = spelled(file.name)
    try:
        payload, status = read_whole(path, max_bytes)
    except BadInput as error:
        return Fixture(name, number, b"", None, error, signature_of(path), known)
    signature = signed(status)
    wanted = known is not None or digests(number)
    digest = hashlib.sha256(payload).hexdigest() if wanted else None
    if known is not None and not known.letters and known.sha256 == digest:
        payload = b""
    seconds = perf_counter() - started
    return Fixture(name, number, payload, digest, None, signature, known, seconds)


def open_elsewhere(path: Path) -> bool:
    """Tell whether some process has a file open for writing, as far as the kernel says.

    A read lease is refused while that is so. Where leases cannot be had (another owner's file, a
    network's file system, any system but Linux) nobody knows, and the answer is no.
    """
    if not LEASES:
        return False
    try:
        descriptor = os.open(path, FLAGS)
    except OSError:
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)  # ignored, where SIGIO would kill
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    finally:
        os.close(descriptor)
    return False


def signature_of(path: Path) -> str | None:
    """Return what changes when a file is written again; ``None`` when it is not there."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return signed(status)


def signed(status: os.stat_result) -> str:
    """Return the signature of a file whose status is known."""
    times = f"{status.st_mtime_ns}:{status.st_ctime_ns}"
    return f"{status.st_size}:{times}:{status.st_dev}:{status.st_ino}"


def open_regular(path: Path) -> int:
    """Open a regular file for reading; a link is not followed, and a FIFO not waited for.

    Raises:
        BadInput: it is no regular file.
        OSError: it is gone, or may not be read.
    """
    return opened(path)[0]


def opened(path: Path) -> tuple[int, os.stat_result]:
    """Open a file as :func:`open_regular` does; return its status too."""
    try:
        descriptor = os.open(path, FLAGS)
    except OSError as error:
        if error.errno == errno.ELOOP and path.is_symlink():
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


def read_whole(path: Path, max_bytes: int) -> tuple[bytes, os.stat_result]:
    """Read a file as :func:`read_regular` does; return its status before that too."""
    try:
        descriptor, status = opened(path)
        try:
            payload = content_of(descriptor, status.st_size) if status.st_size <= max_bytes else b""
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Unavailable(f"{path}: cannot be read ({error.strerror})") from None
    size = max(status.st_size, len(payload))
    if size > max_bytes:
        raise BadInput(
            "size", f"found {size} bytes, expected at most {max_bytes} (--max-page-bytes)"
        )
    return payload, status


def content_of(descriptor: int, size: int) -> bytes:
    """Read a file to its end: mostly one call, as it has the bytes that its status says."""
    payload = os.read(descriptor, size + 1)
    if len(payload) == size:
        return payload
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        return payload + file.readall()
