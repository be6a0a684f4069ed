"""Opening files: nothing but regular ones, and what tells a file from what it was before."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

from stream.records.errors import BadInput, Unavailable
from stream.sources.compression import too_many_bytes

__all__ = [
    "FLAGS",
    "NotAtHand",
    "make_buffer",
    "open_regular",
    "read_regular",
    "read_whole",
    "signature_of",
    "size_of",
    "status_of",
    "status_signature_of",
]

FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)  # Windows has neither of these two
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)  # and has this one, for bytes as they are
)
"""How a file is opened: no link is followed, no FIFO waited for."""
SMALL: Final = 1 << 16
"""How many bytes of a file are copied while others wait."""
WITHOUT_WAIT: Final = getattr(os, "RWF_NOWAIT", 0)
"""Linux alone reads only what is in memory."""


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


def read_whole(
    path: Path | str, max_bytes: int, buffer: bytearray | None = None
) -> tuple[bytes, os.stat_result]:
    """Read a file as :func:`read_regular` does; return its status before that too.

    With a ``buffer`` it is read by way of that, at once or not at all.

    Raises:
        NotAtHand: it does not fit into the ``buffer``, or a disk would be waited for.
    """
    try:
        descriptor, status = open_with_status(path)
        try:
            size, payload = status.st_size, b""
            if buffer is not None:
                payload = content_at_hand(descriptor, size, buffer)
            elif size <= max_bytes:
                payload = content_of(descriptor, size)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Unavailable(f"{Path(path)}: cannot be read ({error.strerror})") from None
    size = max(status.st_size, len(payload))
    if size > max_bytes:
        raise too_many_bytes(size, max_bytes)
    return payload, status


class NotAtHand(Exception):
    """A file is not in memory as a whole, or too large to be copied while others wait."""


def make_buffer() -> bytearray:
    """Return room for a file that is read at once, and for a byte to see whether it has grown."""
    return bytearray(SMALL + 1)


def content_at_hand(descriptor: int, size: int, buffer: bytearray) -> bytes:
    """Read a small file that the system has in memory: no disk is waited for.

    Raises:
        NotAtHand: it is large, or not in memory.
        OSError: it cannot be read.
    """
    if size >= len(buffer) or not WITHOUT_WAIT:
        raise NotAtHand
    try:
        found = os.preadv(descriptor, [buffer], 0, WITHOUT_WAIT)
    except OSError as error:
        if error.errno in {errno.EAGAIN, errno.EOPNOTSUPP}:
            raise NotAtHand from None
        raise
    if found != size:
        raise NotAtHand
    return bytes(memoryview(buffer)[:size])


def content_of(descriptor: int, size: int) -> bytes:
    """Read a file to its end: mostly one call, as it has the bytes that its status says."""
    payload = os.read(descriptor, size + 1)
    if len(payload) == size:
        return payload
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        return payload + file.readall()
