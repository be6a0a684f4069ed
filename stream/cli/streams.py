"""What the process prints to: a stream that cannot be written ends in a code, never in a traceback.

Python itself writes what is left in its buffers when it ends, and where that fails its exit code
is 120, whatever the command said. So failures are met where bytes leave the process.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TextIO

import click

from stream.records.errors import Unavailable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["guard_stream", "guard_streams", "print_pieces"]


def guard_streams() -> None:
    """Guard stdout, whose failure is the command's, and stderr, where a line may be lost."""
    sys.stdout = guard_stream(sys.stdout, vital=True)
    sys.stderr = guard_stream(sys.stderr, vital=False)


def guard_stream(stream: TextIO | None, *, vital: bool) -> TextIO:
    """Return a stream that writes the same text to the same place, through an :class:`Outlet`."""
    outlet = io.BufferedWriter(Outlet(stream, vital=vital))
    if not isinstance(stream, io.TextIOWrapper):
        return io.TextIOWrapper(outlet, "utf-8", "backslashreplace")
    return io.TextIOWrapper(
        outlet, stream.encoding, stream.errors, line_buffering=stream.line_buffering
    )


def print_pieces(pieces: Iterable[bytes]) -> None:
    """Write pieces to stdout, until all are written or a reader has gone away.

    Raises:
        Unavailable: stdout is closed or full.
    """
    outlet = getattr(sys.stdout.buffer, "raw", None)
    for piece in pieces:
        click.echo(piece, nl=False)
        if isinstance(outlet, Outlet) and outlet.has_failed:
            return


class Outlet(io.RawIOBase):
    """Writes bytes to a stream's place; what cannot be written is lost."""

    def __init__(self, stream: TextIO | None, *, vital: bool) -> None:
        """Write where ``stream`` does, ``None`` for one that is closed.

        ``vital``: the first failure is raised, unless a reader has only gone away, and is the end.
        Otherwise each write is tried: a disk that is full has room again some day.
        """
        buffer = None if stream is None else stream.buffer
        self._raw: Any = getattr(buffer, "raw", buffer)  # unbuffered, it is the raw stream already
        self._vital = vital
        self.has_failed = False
        """Whether nobody gets what is written, and that is vital."""

    def write(self, data: ReadableBuffer) -> int:
        """Write some of the bytes, and return how many; or all, into nothing.

        Raises:
            Unavailable: the place cannot be written; only once, and only where that is vital.
        """
        if not self.has_failed:
            try:
                return self._write_raw(data)
            except OSError as error:
                self.has_failed = self._vital
                if self._vital and not isinstance(error, BrokenPipeError):
                    reason = f"standard output cannot be written ({error.strerror})"
                    raise Unavailable(reason) from None
        return memoryview(data).nbytes

    def _write_raw(self, data: ReadableBuffer) -> int:
        if self._raw is None:
            raise OSError(errno.EBADF, "it is closed")
        count: int | None = self._raw.write(data)
        if count is None:  # somebody made it non-blocking, and it is full for now
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return count

    def writable(self) -> bool:
        """Tell that it can be written, always."""
        return True

    def fileno(self) -> int:
        """Return the descriptor of the place.

        Raises:
            OSError: it is closed.
        """
        return super().fileno() if self._raw is None else int(self._raw.fileno())

    def isatty(self) -> bool:
        """Tell whether a person sees the place."""
        return self._raw is not None and bool(self._raw.isatty())
