"""Files that are whole or not there: written beside, synced, and renamed into place."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiofiles
import aiofiles.os
import anyio
import anyio.lowlevel

from stream.records.errors import Unavailable
from stream.records.interruption import INTERRUPTION
from stream.sinks.scratch import make_scratch_file

if TYPE_CHECKING:
    from aiofiles.threadpool.binary import AsyncBufferedIOBase

__all__ = [
    "atomic_file",
    "make_private",
    "open_together",
    "prepare_file",
    "prepare_parent",
    "sync_directory",
    "unwritable_file",
    "write_pieces",
]

CHUNK: Final = 1 << 18

fsync = aiofiles.os.wrap(os.fsync)


def prepare_file(path: Path) -> Path:
    """Make the directory that ``path`` will stand in, and see that a file can be put there.

    Returns the path with its symbolic links followed.

    Raises:
        Unavailable: the directory cannot be made or written to, or something stands at ``path``
            that is no regular file (a device, a pipe, a directory) and would be lost.
    """
    try:
        path = prepare_parent(path)
        if path.exists() and not path.is_file():
            raise Unavailable(f"{path}: cannot be written (no regular file stands there)")
    except OSError as error:
        raise unwritable_file(path, error) from None
    return path


def prepare_parent(path: Path) -> Path:
    """Make the directory that ``path`` will stand in; return it with symbolic links followed.

    Raises:
        Unavailable: the directory cannot be made or written to.
    """
    try:
        path = path.resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise Unavailable(f"{path}: cannot be written (no permission)")
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError
        raise unwritable_file(path, error) from None
    return path


def make_private(directory: Path) -> None:
    """Make a directory, and those above it that are not there, for their owner alone.

    Raises:
        OSError: it cannot be made.
    """
    missing = [one for one in directory.parents if not one.exists()]
    for one in (*reversed(missing), directory):
        one.mkdir(mode=0o700, exist_ok=True)


def unwritable_file(path: Path, error: OSError | RuntimeError) -> Unavailable:
    """Say that a file could not be written, and why."""
    return Unavailable(f"{path}: cannot be written ({getattr(error, 'strerror', None) or error})")


@asynccontextmanager
async def atomic_file(path: Path) -> AsyncIterator[AsyncBufferedIOBase]:
    """Open a file that appears at ``path`` when the block ends well, readable by its owner alone.

    A symbolic link stays one: what it points to is replaced.

    Raises:
        Unavailable: the store cannot be written; what stood at ``path`` before is still there.
    """
    path = prepare_file(path)
    try:
        scratch = make_scratch_file(path.parent)
        try:
            with anyio.CancelScope(shield=True):
                file = await aiofiles.open(scratch.descriptor, "wb", closefd=False)
            try:
                yield file
                await file.flush()
                await fsync(scratch.descriptor)
            finally:
                with anyio.CancelScope(shield=True):  # also a file that is given up is closed
                    await file.close()
            await anyio.lowlevel.checkpoint()  # the last moment at which the file can be given up
            os.replace(scratch.path, path)  # noqa: PTH105 -- not awaited: a rename is done or not done
        except BaseException:
            with suppress(OSError):
                scratch.path.unlink()  # also while cancelled, when nothing can be awaited
            raise
        finally:
            scratch.let_go()
        with anyio.CancelScope(shield=True):
            await sync_directory(path.parent)
    except OSError as error:
        raise unwritable_file(path, error) from None


@asynccontextmanager
async def open_together() -> AsyncIterator[AsyncExitStack]:
    """Open files on a stack; when the block ends well all of them appear, and otherwise none.

    One that cannot be put in its place gives up those that were opened before it.
    """
    async with AsyncExitStack() as files:
        yield files
        await anyio.lowlevel.checkpoint()  # the last moment at which they can be given up
        with anyio.CancelScope(shield=True):
            await files.aclose()


async def write_pieces(file: AsyncBufferedIOBase, pieces: Iterable[bytes]) -> None:
    """Write many small pieces in few hops to a thread."""
    rest = iter(pieces)
    while chunk := join_some(rest):
        await file.write(chunk)


def join_some(pieces: Iterator[bytes]) -> bytes:
    """Join the next pieces to a large one; working out what is in them may take long.

    Raises:
        Interrupted: a signal has come.
    """
    chunk = bytearray()
    with INTERRUPTION.allow():
        for piece in pieces:
            chunk += piece
            if len(chunk) > CHUNK:
                break
    return bytes(chunk)


async def sync_directory(directory: Path) -> None:
    """Make a rename last through a power cut, where a directory can be opened for that."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        await fsync(descriptor)
    finally:
        os.close(descriptor)
