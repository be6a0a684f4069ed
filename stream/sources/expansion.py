"""A file's bytes as they are meant, piece by piece: as stored, or expanded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from stream.records.errors import Unavailable
from stream.sources.compression import compression_of, expand, join_pieces
from stream.sources.digests import CHEAP, Digests
from stream.sources.regular_files import open_regular, status_signature_of

__all__ = ["ExpandedFile"]

CHUNK: Final = 1 << 20


class ExpandedFile:
    """A regular file that is read piece by piece; from its start on its digest is made, too."""

    def __init__(
        self, path: Path, digests: Digests = CHEAP, *, offset: int = 0, is_plain: bool = False
    ) -> None:
        """Open the file, to read from an offset of what is stored: where a member or frame begins.

        ``is_plain``: nothing is to be expanded, whatever stands there.

        Raises:
            BadInput: it is no regular file.
            Unavailable: it is gone, or may not be read.
        """
        try:
            descriptor = open_regular(path)
        except OSError as error:
            raise unreadable_file(path, error) from None
        status = os.fstat(descriptor)
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        self._file.seek(offset)
        self._path = path
        self._is_whole, self._is_plain = not offset, is_plain
        self._hash = digests.hasher_for(str(path))
        self._ended = False
        self.size = status.st_size
        self.signature = status_signature_of(status)
        self.bytes_read = 0
        """How many of the stored bytes were read."""
        self.pieces = self._expand()
        """The expanded bytes. The iterator may raise BadInput: the file is broken, or a bomb."""

    @property
    def digest(self) -> bytes:
        """The digest of the stored bytes, once all were read; none before."""
        return self._hash.digest() if self._ended and self._is_whole else b""

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def finish(self) -> None:
        """Read what is left, for the digest alone.

        Raises:
            Unavailable: it cannot be read.
        """
        for _ in self._stored_bytes():
            pass

    def _stored_bytes(self) -> Iterator[bytes]:
        """Yield the stored bytes that were not read yet.

        Raises:
            Unavailable: the file cannot be read.
        """
        while True:
            try:
                chunk = self._file.read(CHUNK)
            except OSError as error:
                raise unreadable_file(self._path, error) from None
            if not chunk:
                self._ended = True
                return
            self._hash.update(chunk)
            self.bytes_read += len(chunk)
            yield chunk

    def _expand(self) -> Iterator[bytes]:
        """Yield the expanded bytes.

        Raises:
            BadInput: they are broken, cut short, or grow without measure.
        """
        stored = self._stored_bytes()
        first = next(stored, b"")
        kind = None if self._is_plain else compression_of(first, self._path.suffix)
        whole = chain([first], stored)
        for piece in expand(whole, kind) if kind else filter(None, whole):
            if self._file.closed:  # whoever wanted it has gone: a thread reads for nobody
                raise ValueError("the file was closed")
            yield piece

    def read_whole(self, most: int) -> bytes:
        """Return all expanded bytes, ``most`` at most.

        Raises:
            BadInput: there are more, or the file is broken.
            Unavailable: it cannot be read.
        """
        return join_pieces(self.pieces, most)


def unreadable_file(path: Path, error: OSError) -> Unavailable:
    """Say that a file cannot be read."""
    return Unavailable(f"{path}: cannot be read ({error.strerror})")
