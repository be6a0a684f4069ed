"""Files that may still be written to: how long they are waited for, and when they rest."""

from __future__ import annotations

import errno
import os
import signal
import time
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Raw

from stream.sources.regular_files import FLAGS, signature_of

try:
    import fcntl
except ImportError:  # Windows
    LEASES = False
else:
    LEASES = hasattr(fcntl, "F_SETLEASE")  # only Linux tells who has a file open

__all__ = ["LEASES", "Patience", "Settling", "is_open_elsewhere", "is_whole"]

ANY_JSON: Final = msgspec.json.Decoder(Raw)


class Patience(msgspec.Struct, frozen=True):
    """Seconds: how long a broken file may be written to, and until directories are seen again."""

    settle: float
    rescan: float


class Wait(msgspec.Struct, frozen=True):
    """A file whose end is not whole: as it was seen, and since when; ``sound``: it could be."""

    signature: str | None
    start: float
    sound: bool


class Settling:
    """Tells whether a file that is not whole will become so: it was left alone, or it was not.

    Without ``patience`` every file is taken as it stands.
    """

    def __init__(self, patience: Patience | None) -> None:
        """Wait for no file yet."""
        self.patience = patience
        self._waits: dict[Path, Wait] = {}

    def is_settled(self, path: Path, signature: str | None, *, sound: bool) -> bool:
        """Tell whether a file was left alone for long, and nobody has it open to write the rest.

        Whether somebody has is not asked of a file whose end is ``sound``.
        """
        if self.patience is None:
            return True
        now = time.monotonic()
        wait = self._waits.get(path)
        since = now if wait is None or wait.signature != signature else wait.start
        settle = self.patience.settle
        quiet = now - since >= settle or seconds_since_written(path) >= settle
        settled = quiet and (sound or not is_open_elsewhere(path))
        if settled:
            self._waits.pop(path, None)
        else:
            self._waits[path] = Wait(signature, since, sound)
        return settled

    def is_quiet(self, path: Path) -> bool:
        """Tell whether nothing has happened to a file for long, its name and its links included."""
        if self.patience is None:
            return True
        try:
            status = path.lstat()
        except OSError:
            return False
        return time.time() - max(status.st_mtime, status.st_ctime) >= self.patience.settle

    def forget_changed(self) -> None:
        """Forget files that are not as they were when they were waited for."""
        self._waits = {
            path: wait
            for path, wait in self._waits.items()
            if wait.signature is not None and wait.signature == signature_of(path)
        }

    def is_at_rest(self, path: Path) -> bool:
        """Tell whether a file that is waited for is to be left alone for longer."""
        wait = self._waits.get(path)
        return (
            wait is not None
            and wait.signature == signature_of(path)
            and not self.is_settled(path, wait.signature, sound=wait.sound)
        )


def is_whole(content: bytes) -> bool:
    """Tell whether something is JSON from end to end."""
    try:
        ANY_JSON.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def seconds_since_written(path: Path) -> float:
    """Return how many seconds ago a file was written to; one that is gone is not old."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def is_open_elsewhere(path: Path) -> bool:
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
