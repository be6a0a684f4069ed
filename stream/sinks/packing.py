"""Compression by a file's name: the same bytes for the same content and library.

Expanded, the bytes are the same everywhere; another version of zlib or zstd may pack otherwise.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Final

__all__ = ["ENDINGS", "PIECE", "ending_of", "packed"]

ENDINGS: Final = (".ndjson", ".ndjson.gz", ".ndjson.zst")
PIECE: Final = 1 << 20
GZIP: Final = bytes.fromhex("1f8b08 00 00000000 04 ff")  # no name, no time, of no system
GZIP_LEVEL: Final = 1  # twice the size of level 6, and a fifth of its time
ZSTD_LEVEL: Final = 3


def ending_of(name: str) -> str | None:
    """Return how a capture's name ends; ``None`` when it is no capture's."""
    return next((one for one in ENDINGS if name.endswith(one)), None)


def packed(ending: str, lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines in pieces of about a MiB, compressed as the ending of the name says."""
    pieces = gathered(lines)
    match ending:
        case ".ndjson.gz":
            return gzipped(pieces)
        case ".ndjson.zst":
            return zstandard_frame(pieces)
    return pieces


def gathered(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines joined to pieces of about a MiB."""
    piece: list[bytes] = []
    size = 0
    for line in lines:
        piece.append(line)
        size += len(line)
        if size >= PIECE:
            yield b"".join(piece)
            piece.clear()
            size = 0
    yield b"".join(piece)


def gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield one gzip member whose header tells nothing of this machine."""
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    check = size = 0
    yield GZIP
    for piece in pieces:
        check = zlib.crc32(piece, check)
        size += len(piece)
        yield packer.compress(piece)
    yield packer.flush()
    yield check.to_bytes(4, "little") + (size % (1 << 32)).to_bytes(4, "little")


def zstandard_frame(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield one zstd frame with a checksum, packed by one thread so that its bytes are the same."""
    import zstandard  # noqa: PLC0415 -- 10 ms that only such files need

    packer = zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_checksum=True).compressobj()
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()
