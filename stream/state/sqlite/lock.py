"""One process at a time: a lock that dies with its holder."""

from __future__ import annotations

import os
from pathlib import Path

from stream.records.errors import Unavailable

__all__ = ["Lock"]


class Lock:
    """Holds ``FILE.lock`` until it is released, or its process ends in whatever way."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            Unavailable: another process holds it (it is named), or the file cannot be made, or
                this platform has no such locks.
        """
        try:
            from fcntl import LOCK_EX, LOCK_NB, flock  # noqa: PLC0415 -- not there on Windows
        except ImportError:
            reason = "this platform has no flock, which keeps a second process out"
            raise Unavailable(f"{path}: cannot be locked ({reason})") from None
        place = path.with_name(f"{path.name}.lock")
        try:
            self._descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Unavailable(f"{place}: cannot be written ({error.strerror})") from None
        try:
            flock(self._descriptor, LOCK_EX | LOCK_NB)
        except OSError:
            holder = os.read(self._descriptor, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise Unavailable(f"{path}: in use by another process (pid {holder})") from None
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            self.release()
            raise Unavailable(f"{place}: cannot be written ({error.strerror})") from None

    def release(self) -> None:
        """Let others in."""
        os.close(self._descriptor)
