"""Text in sections that are packed each on its own, and are one gzip member together.

A section that does not change is packed once, whatever stands before it and after it. As RFC 1951
and RFC 1952 have it: a section ends at a byte (a full flush), and looks back at none before it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import Final, NamedTuple

__all__ = ["LEVEL", "Section", "join_sections", "pack_section"]

LEVEL: Final = 1
"""Metrics and reports repeat themselves: a higher one takes three times as long for little."""
HEAD: Final = b"\x1f\x8b\x08\0\0\0\0\0\x04\xff"
"""A gzip member without a name or a time, packed fast, on no system in particular."""
END: Final = b"\x03\0"
"""The last block, which is empty."""
WORD: Final = 0xFFFF_FFFF


class Section(NamedTuple):
    """Some bytes, and the blocks of deflate that say the same; none of these is the last."""

    plain: bytes
    blocks: bytes


def pack_section(plain: bytes) -> Section:
    """Pack some bytes; what comes of them is the same for the same bytes."""
    compressor = zlib.compressobj(LEVEL, wbits=-zlib.MAX_WBITS)
    return Section(plain, compressor.compress(plain) + compressor.flush(zlib.Z_FULL_FLUSH))


def join_sections(sections: Iterable[Section]) -> bytes:
    """Return the gzip member that sections are together."""
    found, checksum, size = [HEAD], 0, 0
    for plain, blocks in sections:
        found.append(blocks)
        checksum = zlib.crc32(plain, checksum)
        size += len(plain)
    return b"".join([*found, END, struct.pack("<2L", checksum, size & WORD)])
