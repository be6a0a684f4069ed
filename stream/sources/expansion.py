"""A file's bytes as they are meant: as stored, or what gzip or zstd made of them, expanded.

Expansion is bounded in memory and in all: compressed bytes go in by so few at a time that what
comes out of them at once, at the format's own limit, is 32 MiB, and a file that grows beyond a
thousandfold is not read on.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import zstandard

from stream.records.errors import BadInput, Unavailable
from stream.sources.files import open_regular, status_signature_of

__all__ = ["ExpandedFile"]

CHUNK: Final = 1 << 20
ALLOWED: Final = 64 << 20
RATIO: Final = 1_000
WINDOW: Final = 1 << 27


class Expander(Protocol):
    """What zlib and zstandard make: expands one gzip member, or one zstd frame."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: Any, /) -> bytes: ...


class Compression(NamedTuple):
    """How a kind of file expands; ``portion`` bytes at once come to 32 MiB at the very most."""

    name: str
    expander: Callable[[], Expander]
    portion: int
    padding: bytes = b""


def expander_for(suffix: str) -> Compression | None:
    """Return how a file with that suffix expands, ``None`` when it stands there as it is.

    Of one byte deflate makes 1,032 at most, and of four zstd makes a block of 128 KiB.
    """
    if suffix == ".gz":
        return Compression("gzip", lambda: zlib.decompressobj(wbits=31), 1 << 13, b"\0")
    if suffix == ".zst":
        zstd = zstandard.ZstdDecompressor(max_window_size=WINDOW)
        return Compression("zstd", zstd.decompressobj, 1 << 10)
    return None


class ExpandedFile:
    """A regular file that is read from its start, piece by piece; its digest is made on the way."""

    def __init__(self, path: Path) -> None:
        """Open the file.

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
        self._path = path
        self._hash = hashlib.sha256()
        self._ended = False
        self.size = status.st_size
        self.signature = status_signature_of(status)
        self.bytes_read = 0
        """How many of the stored bytes were read."""
        kind = expander_for(path.suffix)
        self.pieces = self._expand(kind) if kind else self._stored_bytes()
        """The expanded bytes. The iterator may raise BadInput: the file is broken, or a bomb."""

    @property
    def sha256(self) -> str | None:
        """The digest of the stored bytes, once all were read."""
        return self._hash.hexdigest() if self._ended else None

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

    def _expand(self, kind: Compression) -> Iterator[bytes]:
        """Yield the bytes of all members or frames, in a row.

        Raises:
            BadInput: they are broken, cut short, or grow without measure.
        """
        expander: Expander | None = None
        members = fed = made = 0
        for portion in self._portions(kind.portion):
            rest, fed = portion, fed + len(portion)
            while rest := rest if expander or not members else rest.lstrip(kind.padding):
                if expander is None:
                    expander, members = kind.expander(), members + 1
                try:
                    piece = expander.decompress(rest)
                except (zlib.error, zstandard.ZstdError) as error:
                    raise broken_file(kind, str(error)) from None
                rest = b""
                if expander.eof:
                    rest, expander = expander.unused_data, None
                made += len(piece)
                if made > ALLOWED + RATIO * fed:
                    raise too_large_file(made, fed)
                yield piece
                piece = b""  # not held while the next one is made
        if expander or not members:
            raise broken_file(kind, "it ends too early")

    def _portions(self, size: int) -> Iterator[bytes]:
        """Yield the stored bytes in small portions."""
        for chunk in self._stored_bytes():
            for start in range(0, len(chunk), size):
                if self._file.closed:  # whoever wanted it has gone: a thread reads for nobody
                    raise ValueError("the file was closed")
                yield chunk[start : start + size]


def broken_file(kind: Compression, why: str) -> BadInput:
    """Say that a file does not expand."""
    return BadInput("capture", f"found broken {kind.name} ({why}), expected a whole file")


def too_large_file(made: int, fed: int) -> BadInput:
    """Say that a file expands to more than anybody would have written."""
    expected = f"at most {ALLOWED} and {RATIO} times the bytes"
    return BadInput("expansion", f"found {made} bytes packed into {fed}, expected {expected}")


def unreadable_file(path: Path, error: OSError) -> Unavailable:
    """Say that a file cannot be read."""
    return Unavailable(f"{path}: cannot be read ({error.strerror})")
