"""Directories that are whole or not there: filled beside their place, and renamed into it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiofiles.os
import anyio

from stream.sinks.atomic import prepare_parent, sync_directory, unwritable

__all__ = ["Drawer", "atomic_directory"]

BATCH = 1 << 20


class Drawer:
    """Takes files for a directory, and writes them some at a time."""

    def __init__(self, directory: Path) -> None:
        """Write into a directory that is there."""
        self.directory = directory
        self.bytes = 0
        self._waiting: list[tuple[str, bytes]] = []
        self._size = 0

    async def put(self, name: str, content: bytes) -> None:
        """Take a file; it is written with others, or by :meth:`flush`."""
        self._waiting.append((name, content))
        self._size += len(content)
        self.bytes += len(content)
        if self._size >= BATCH:
            await self.flush()

    async def flush(self) -> None:
        """Write what waits, in one hop to a thread."""
        await write_files(self.directory, self._waiting)
        self._waiting = []
        self._size = 0


def written_files(directory: Path, files: list[tuple[str, bytes]]) -> None:
    """Write new files, readable by their owner alone as the directory is."""
    for name, content in files:
        (directory / name).write_bytes(content)


write_files = aiofiles.os.wrap(written_files)
remove = aiofiles.os.wrap(shutil.rmtree)


@asynccontextmanager
async def atomic_directory(path: Path) -> AsyncIterator[Drawer]:
    """Open a directory that appears at ``path`` when the block ends well.

    What stands at ``path`` may be an empty directory, which is replaced. The files are not synced
    one by one: after a power cut they may be empty.

    Raises:
        Unavailable: the store cannot be written, or something stands at ``path`` by now.
    """
    path = prepare_parent(path)
    try:
        inside = Path(tempfile.mkdtemp(dir=path.parent, prefix=".", suffix=".tmp"))
        try:
            drawer = Drawer(inside)
            yield drawer
            await drawer.flush()
            await anyio.lowlevel.checkpoint()  # the last moment at which it can be given up
            os.rename(inside, path)  # noqa: PTH104 -- not awaited: a rename is done or not done
        except BaseException:
            with anyio.CancelScope(shield=True):
                await remove(inside, ignore_errors=True)
            raise
        with anyio.CancelScope(shield=True):
            await sync_directory(path.parent)
    except OSError as error:
        raise unwritable(path, error) from None
