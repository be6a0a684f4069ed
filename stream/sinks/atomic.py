"""Files that are whole or not there: written beside their place, synced, and renamed into it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import aiofiles
import aiofiles.os

from stream.errors import Unavailable

if TYPE_CHECKING:
    from aiofiles.threadpool.binary import AsyncBufferedIOBase

__all__ = ["atomic_file", "prepare"]

fsync = aiofiles.os.wrap(os.fsync)


def prepare(path: Path) -> None:
    """Make the directory that ``path`` will stand in, and see that a file can be put there.

    Raises:
        Unavailable: the directory cannot be made or written to, or ``path`` is a directory.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from None
    if path.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
        raise Unavailable(
            f"{path}: cannot be written ({'a directory' if path.is_dir() else 'no permission'})"
        )


def unwritable(path: Path, error: OSError) -> Unavailable:
    """Say that a file could not be written, and why."""
    return Unavailable(f"{path}: cannot be written ({error.strerror or error})")


@asynccontextmanager
async def atomic_file(path: Path) -> AsyncIterator[AsyncBufferedIOBase]:
    """Open a file that appears at ``path`` when the block ends well, readable by its owner alone.

    Raises:
        Unavailable: the store cannot be written; what stood at ``path`` before is still there.
    """
    prepare(path)
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        try:
            async with aiofiles.open(descriptor, "wb") as file:
                yield file
                await file.flush()
                await fsync(descriptor)
            await aiofiles.os.replace(name, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)  # noqa: PTH108 -- also while cancelled, when nothing can be awaited
            raise
        await sync_directory(path.parent)
    except OSError as error:
        raise unwritable(path, error) from None


async def sync_directory(directory: Path) -> None:
    """Make a rename last through a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        await fsync(descriptor)
    finally:
        os.close(descriptor)
