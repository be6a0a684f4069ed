"""One process at a time: a lock on the state file itself, that dies with its holder."""

from __future__ import annotations

import os
import stat
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from xxhash import xxh3_64_hexdigest

from stream.records.errors import Unavailable

__all__ = ["Lock"]

FAR: Final = 1 << 62
"""A byte that no file has; SQLite's own locks are on others."""
BESIDE: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
MOST: Final = 256
MADE: Final = b"\nnew\n"
"""What the file beside it ends with until the tables of a new state file are there."""


class Lock:
    """Holds a state file until it is released, or its process ends in whatever way.

    ``FILE.lock`` beside it says who holds it, and which transaction was the last that was stored:
    a file that knows less has lost some. It can be deleted; then nobody knows that. While a new
    state file is made it says so: one without a byte that nobody was making is not new.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock; a new file is made, that its owner alone can read.

        Raises:
            Unavailable: another process holds it (it is named), or one of the files cannot be
                opened, or this platform has no such locks.
        """
        try:
            import fcntl  # noqa: F401, PLC0415 -- not there on Windows
        except ImportError:
            reason = "this platform has no flock, which keeps a second process out"
            raise Unavailable(f"{path}: cannot be locked ({reason})") from None
        self._beside = self._state = -1
        named = path
        try:
            self._state = open_state(path)
            named = path.with_name(f"{path.name}.lock")
            self._beside = open_beside(named)
            if self._state < 0:
                os.ftruncate(self._beside, os.pwrite(self._beside, MADE, 0))
                self._state = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            self._take(path)
            self.is_new = not os.fstat(self._state).st_size and self._is_made()
            self.last_stored = None if self.is_new else self._read()
            self._write()
        except OSError as error:
            self.release()
            raise Unavailable(f"{named}: cannot be written ({error.strerror})") from None
        except Unavailable:
            self.release()
            raise

    @property
    def descriptor(self) -> int:
        """The open state file."""
        return self._state

    def _take(self, path: Path) -> None:
        """Take the lock, or name who has it."""
        try:
            lock_descriptor(self._state, self._beside)
        except OSError:
            text = os.pread(self._beside, MOST, 0).decode(errors="replace").partition("\n")[0]
            holder = text if text.isascii() and text.isdigit() else "unknown"
            raise Unavailable(f"{path}: in use by another process (pid {holder})") from None

    def _read(self) -> tuple[bytes, int] | None:
        """Return which file it was that stood here, and its last transaction; ``None``: unknown."""
        _, _, line = os.pread(self._beside, MOST, 0).partition(b"\n")
        text, _, check = line.strip().rpartition(b" ")
        if xxh3_64_hexdigest(text).encode() != check:
            return None
        name, _, number = text.partition(b" ")
        return bytes.fromhex(name.decode()), int(number)

    def _is_made(self) -> bool:
        """Tell whether somebody was making the state file, and has stored nothing in it yet."""
        return os.pread(self._beside, MOST, 0).endswith(MADE)

    def note(self, name: bytes, number: int) -> None:
        """Say which transaction was stored last."""
        self.last_stored, self.is_new = (name, number), False
        with suppress(OSError):  # it may know less than the file, and not more
            self._write()

    def _write(self) -> None:
        content = f"{os.getpid()}{MADE.decode() if self.is_new else chr(10)}"
        if self.last_stored is not None:
            name, number = self.last_stored
            text = f"{name.hex()} {number}"
            content += f"{text} {xxh3_64_hexdigest(text.encode())}\n"
        os.pwrite(self._beside, content.encode(), 0)
        os.ftruncate(self._beside, len(content))

    def release(self) -> None:
        """Let others in."""
        for descriptor in (self._beside, self._state):
            if descriptor >= 0:
                os.close(descriptor)
        self._beside = self._state = -1


def open_state(path: Path) -> int:
    """Open a state file; return -1 where there is none.

    Raises:
        OSError: it cannot be opened.
    """
    try:
        return os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return -1


def open_beside(place: Path) -> int:
    """Open the file beside it; what it was linked to is somebody else's.

    Raises:
        Unavailable: something stands there that is no regular file.
        OSError: it cannot be opened.
    """
    if place.is_symlink():
        raise Unavailable(f"{place}: cannot be written (a symbolic link stands there)")
    descriptor = os.open(place, BESIDE, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unavailable(f"{place}: cannot be written (no regular file stands there)")
    return descriptor


def lock_descriptor(state: int, beside: int) -> None:
    """Lock a state file; where only whole files can be locked, the one beside it.

    Raises:
        OSError: somebody else has the lock.
    """
    import fcntl  # noqa: PLC0415 -- not there on Windows

    if sys.platform == "linux":
        wanted = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, FAR, 1, 0)
        fcntl.fcntl(state, fcntl.F_OFD_SETLK, wanted)
    else:
        fcntl.flock(beside, fcntl.LOCK_EX | fcntl.LOCK_NB)
