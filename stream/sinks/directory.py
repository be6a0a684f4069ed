"""Directories that are whole or not there: filled beside their place, and renamed into it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiofiles.os
import anyio
import anyio.lowlevel

from stream.records.digests import CHECKSUMS, spell_sum
from stream.records.errors import Unavailable
from stream.sinks.atomic import prepare_parent, sync_directory, unwritable_file
from stream.sinks.scratch import make_scratch_directory

__all__ = ["CHECKSUMS", "Drawer", "atomic_directory", "prepare_replacement", "replace_directory"]

BATCH: Final = 1 << 20


class Drawer:
    """Takes files for a directory, and writes them some at a time; ``bytes`` is their size."""

    def __init__(self, directory: Path) -> None:
        """Write into a directory that is there."""
        self.bytes = 0
        self._directory = directory
        self._sums: dict[str, bytes] = {}
        self._waiting: list[tuple[str, bytes]] = []
        self._size = 0

    async def put(self, name: str, content: bytes) -> None:
        """Take a file of a new name; it is written with others, or when the directory is done."""
        self._waiting.append((name, content))
        self._size += len(content)
        if self._size >= BATCH:
            await self._flush()

    async def end(self) -> None:
        """Write what waits, and the checksums of all files as ``sha256sum`` writes them."""
        await self._flush()
        listed = "".join(spell_sum(name, digest) for name, digest in sorted(self._sums.items()))
        await self.put(CHECKSUMS, listed.encode())
        await self._flush()

    async def _flush(self) -> None:
        """Write what waits, in one hop to a thread."""
        await anyio.lowlevel.checkpoint()
        with anyio.CancelScope(shield=True):  # no thread writes where nothing is any more
            self._sums |= await write_files(self._directory, self._waiting)
        self.bytes += self._size
        self._waiting, self._size = [], 0


def write_new_files(directory: Path, files: list[tuple[str, bytes]]) -> dict[str, bytes]:
    """Write new files, readable by their owner alone; return their digests."""
    sums = {}
    for name, content in files:
        descriptor = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        sums[name] = hashlib.sha256(content).digest()
    return sums


write_files = aiofiles.os.wrap(write_new_files)
remove = aiofiles.os.wrap(shutil.rmtree)


@asynccontextmanager
async def atomic_directory(path: Path) -> AsyncIterator[Drawer]:
    """Fill a directory that appears at ``path`` when the block ends well, for its owner alone.

    It has ``CHECKSUMS.sha256`` beside what was put there, and takes the place of an empty
    directory. Its files are not synced: that takes ten times as long for thousands of them, and
    what they were made of is still there. After a power cut some may be empty, which the checksums
    tell.

    Raises:
        Unavailable: the store cannot be written, or something stands at ``path`` already that is
            no empty directory.
    """
    path = prepare_directory(path)
    try:
        inside = make_scratch_directory(path.parent)
        try:
            drawer = Drawer(inside.path)
            yield drawer
            await drawer.end()
            await anyio.lowlevel.checkpoint()  # the last moment at which it can be given up
            os.rename(inside.path, path)  # noqa: PTH104 -- not awaited: a rename is done or not done
        except BaseException:
            with anyio.CancelScope(shield=True):
                await remove(inside.path, ignore_errors=True)
            raise
        finally:
            inside.let_go()
    except OSError as error:
        raise unwritable_file(path, error) from None


def prepare_directory(path: Path) -> Path:
    """Make the directory that ``path`` will stand in; return the path, its links followed.

    Raises:
        Unavailable: it cannot be made, or what stands at ``path`` is no empty directory.
    """
    try:
        path = prepare_parent(path)
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise Unavailable(f"{path}: cannot be written (no empty directory stands there)")
    except OSError as error:
        raise unwritable_file(path, error) from None
    return path


@asynccontextmanager
async def replace_directory(
    path: Path, is_replaceable: Callable[[Path], bool]
) -> AsyncIterator[Path]:
    """Make a directory that takes the place of one at ``path`` when the block ends well.

    It is for its owner alone. A kill between the two renames leaves none.

    Raises:
        Unavailable: the store cannot be written, or what stands at ``path`` is not replaceable.
    """
    path = prepare_replacement(path, is_replaceable)
    try:
        scratch = make_scratch_directory(path.parent)
        made, former = scratch.path / "made", scratch.path / "former"
        try:
            made.mkdir(mode=0o700)
            yield made
            await anyio.lowlevel.checkpoint()  # the last moment at which it can be given up
            exchange_directories(made, path, former)
        finally:
            with anyio.CancelScope(shield=True):
                await remove(scratch.path, ignore_errors=True)
            scratch.let_go()
        with anyio.CancelScope(shield=True):
            await sync_directory(path.parent)
    except OSError as error:
        raise unwritable_file(path, error) from None


def exchange_directories(made: Path, path: Path, former: Path) -> None:
    """Put a directory in its place, and what stood there elsewhere; or leave it as it was.

    Raises:
        OSError: it cannot be done.
    """
    if path.exists():
        path.rename(former)
    try:
        made.rename(path)
    except OSError:
        if former.exists():
            former.rename(path)
        raise


def prepare_replacement(path: Path, is_replaceable: Callable[[Path], bool]) -> Path:
    """Make the directory that ``path`` will stand in; return the path, its links followed.

    Raises:
        Unavailable: it cannot be made, or what stands at ``path`` is not replaceable.
    """
    try:
        path = prepare_parent(path)
        if path.exists() and not (path.is_dir() and is_replaceable(path)):
            raise Unavailable(f"{path}: cannot be written (something else stands there)")
    except OSError as error:
        raise unwritable_file(path, error) from None
    return path
