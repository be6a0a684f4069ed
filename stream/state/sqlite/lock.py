"""One process at a time: a lock that dies with its holder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from stream.records.errors import Unavailable

__all__ = ["Lock"]


class Lock:
    """Holds ``FILE.lock`` until it is released, or its process ends in whatever way."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            Unavailable: another process holds it (it is named), or the file cannot be made.
        """
        place = path.with_name(f"{path.name}.lock")
        try:
            self._descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unavailable(f"{place}: cannot be written ({error.strerror})") from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
