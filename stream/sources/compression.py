"""Bytes as they are meant: what gzip or zstd made of them, expanded, whatever a file is called.

Expansion is bounded in memory and in all: compressed bytes go in by so few at a time that what
comes out of them at once, at the format's own limit, is 32 MiB, and what grows beyond a
thousandfold is not read on.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Protocol

import zstandard
from msgspec import Struct

from stream.records.errors import BadInput

__all__ = ["Compression", "compression_of", "expand", "join_pieces", "too_many_bytes"]

ALLOWED: Final = 64 << 20
RATIO: Final = 1_000
WINDOW: Final = 1 << 27
GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
PLAIN: Final = (b"{", b"[", b"\xef\xbb\xbf")
"""How JSON starts, with a byte order mark or without."""
BLANK: Final = b"\0 \t\r\n\x0b\x0c"
"""What may stand before it; NUL bytes are the hole of a file that was emptied."""


class Expander(Protocol):
    """What zlib and zstandard make: expands one gzip member, or one zstd frame."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: Any, /) -> bytes: ...


class Compression(Struct, frozen=True):
    """How packed bytes expand; ``portion`` of them at once come to 32 MiB at the very most.

    Of one byte deflate makes 1,032 at most, and of four zstd makes a block of 128 KiB.
    """

    name: str
    expander: Callable[[], Expander]
    portion: int
    padding: bytes = b""


def compression_of(start: bytes, suffix: str = "") -> Compression | None:
    """Return how bytes expand that start so; ``None`` when they stand there as they are.

    What starts as neither, and no JSON does, is what its file's suffix says.
    """
    is_packed = start.startswith((GZIP, ZSTD))
    if not is_packed and start.lstrip(BLANK).startswith(PLAIN):
        return None
    if start.startswith(GZIP) or (suffix == ".gz" and not is_packed):
        return Compression("gzip", lambda: zlib.decompressobj(wbits=31), 1 << 13, b"\0")
    if start.startswith(ZSTD) or (suffix == ".zst" and not is_packed):
        zstd = zstandard.ZstdDecompressor(max_window_size=WINDOW)
        return Compression("zstd", zstd.decompressobj, 1 << 10)
    return None


def expand(chunks: Iterable[bytes], kind: Compression) -> Iterator[bytes]:
    """Yield the bytes of all members or frames, in a row.

    Raises:
        BadInput: they are broken, cut short, or grow without measure.
    """
    expander: Expander | None = None
    members = fed = made = 0
    for portion in portions_of(chunks, kind.portion):
        rest, fed = portion, fed + len(portion)
        while rest := rest if expander or not members else rest.lstrip(kind.padding):
            if expander is None:
                expander, members = kind.expander(), members + 1
            try:
                piece = expander.decompress(rest)
            except (zlib.error, zstandard.ZstdError) as error:
                if "not enough memory" in str(error):  # and not a window that nobody should ask for
                    raise MemoryError from None
                raise broken_file(kind, str(error)) from None
            rest = b""
            if expander.eof:
                rest, expander = expander.unused_data, None
            made += len(piece)
            if made > ALLOWED + RATIO * fed:
                expected = f"expected at most {ALLOWED} and {RATIO} times the bytes"
                raise BadInput("expansion", f"found {made} bytes packed into {fed}, {expected}")
            if piece:  # most portions only begin a block, or go on with one
                yield piece
                piece = b""  # not held while the next one is made
    if expander or not members:
        raise broken_file(kind, "it ends too early")


def join_pieces(pieces: Iterable[bytes], most: int) -> bytes:
    """Join expanded bytes, ``most`` at most.

    Raises:
        BadInput: they are broken, or come to more.
    """
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise too_many_bytes(size, most)
        held.append(piece)
    return b"".join(held)


def portions_of(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield bytes in small portions."""
    for chunk in chunks:
        for start in range(0, len(chunk), size):
            yield chunk[start : start + size]


def too_many_bytes(size: int, most: int) -> BadInput:
    """Say that a file has more bytes than a page may have."""
    return BadInput("size", f"found {size} bytes, expected at most {most} (--max-page-bytes)")


def broken_file(kind: Compression, why: str) -> BadInput:
    """Say that a file does not expand."""
    return BadInput("capture", f"found broken {kind.name} ({why}), expected a whole file")
