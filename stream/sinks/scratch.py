"""Scratch files and directories, which a later run clears where their owner was killed.

Each is locked as long as a process works in it. What is not locked belongs to nobody.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

from stream.records.errors import Unavailable

__all__ = [
    "Scratch",
    "clear_leftovers",
    "make_scratch_directory",
    "make_scratch_file",
    "make_temporary_scratch",
]

PREFIX: Final = ".usage-stream-"
SUFFIX: Final = ".tmp"
HAS_LOCKS: Final = hasattr(os, "fork")
"""Windows has none, and nothing is cleared there."""
NOBODY: Final = -1


class Scratch(Struct, frozen=True):
    """A scratch file or directory, and the open descriptor that holds its lock."""

    path: Path
    descriptor: int

    def let_go(self) -> None:
        """Give up the lock: it has become something else, or is gone."""
        if self.descriptor != NOBODY:
            os.close(self.descriptor)

    def remove(self) -> None:
        """Remove it, with all that is in it."""
        remove_path(self.path)
        self.let_go()


def make_scratch_file(directory: Path) -> Scratch:
    """Make a file in ``directory`` that its owner alone can read.

    Raises:
        OSError: it cannot be made.
    """
    clear_leftovers(directory)
    while True:
        descriptor, name = tempfile.mkstemp(dir=directory, prefix=PREFIX, suffix=SUFFIX)
        if is_held(name, descriptor):
            return Scratch(Path(name), descriptor)
        os.close(descriptor)  # somebody took it for a leftover, in the moment before it was locked


def make_scratch_directory(directory: Path) -> Scratch:
    """Make a directory in ``directory`` that its owner alone can enter.

    Raises:
        OSError: it cannot be made.
    """
    clear_leftovers(directory)
    while True:
        name = tempfile.mkdtemp(dir=directory, prefix=PREFIX, suffix=SUFFIX)
        if not HAS_LOCKS:  # nor can a directory be opened
            return Scratch(Path(name), NOBODY)
        with suppress(FileNotFoundError):
            descriptor = os.open(name, os.O_RDONLY)
            if is_held(name, descriptor):
                return Scratch(Path(name), descriptor)
            os.close(descriptor)


def make_temporary_scratch() -> Scratch:
    """Make a directory where temporary files go, for what goes with the run.

    Raises:
        Unavailable: it cannot be made.
    """
    try:
        return make_scratch_directory(Path(tempfile.gettempdir()))
    except OSError as error:
        place = error.filename or "a temporary directory"
        raise Unavailable(f"{place}: cannot be written ({error.strerror})") from None


def is_held(name: str, descriptor: int) -> bool:
    """Lock what was made; tell whether it is still there."""
    try:
        lock(descriptor)
    except BlockingIOError:
        return False
    except OSError:  # a store without locks, where nobody clears either
        return True
    try:
        return os.path.samestat(Path(name).stat(), os.fstat(descriptor))
    except OSError:
        return False


def lock(descriptor: int) -> None:
    """Lock something that is open, until its last descriptor is closed.

    Raises:
        OSError: somebody else works in it, or it cannot be locked.
    """
    if HAS_LOCKS:
        from fcntl import LOCK_EX, LOCK_NB, flock  # noqa: PLC0415 -- not there on Windows

        flock(descriptor, LOCK_EX | LOCK_NB)


def clear_leftovers(directory: Path) -> None:
    """Remove scratch files and directories that no living process works in."""
    for path in leftovers_in(directory) if HAS_LOCKS else ():
        with suppress(OSError), open_leftover(path) as descriptor:
            lock(descriptor)
            remove_path(path)


def leftovers_in(directory: Path) -> list[Path]:
    """Return what may be left over in a directory."""
    try:
        with os.scandir(directory) as found:
            return [
                Path(one.path)
                for one in found
                if one.name.startswith(PREFIX) and one.name.endswith(SUFFIX)
            ]
    except OSError:
        return []


@contextmanager
def open_leftover(path: Path) -> Iterator[int]:
    """Open something of this user's, without following a link or waiting for a FIFO.

    Raises:
        OSError: it cannot be opened, or is somebody else's.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            raise PermissionError
        yield descriptor
    finally:
        os.close(descriptor)


def remove_path(path: Path) -> None:
    """Remove a file, or a directory with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
