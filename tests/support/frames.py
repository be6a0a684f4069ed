"""The frames that a zstd file is a sequence of: each expands by itself, without those before it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Final, NamedTuple

import zstandard

from stream.records.errors import BadInput
from stream.sources.regular_files import open_regular

__all__ = ["Frame", "frames_of"]

MAGIC: Final = 0xFD2FB528
SKIPPABLE: Final = 0x184D2A50
"""What a frame starts with that has no content; its last four bits may be any."""
LONGEST_HEAD: Final = 18
SHORTEST_HEAD: Final = 6
ONE_BYTE: Final = 1
RESERVED: Final = 3
"""Kinds of a block: one byte, repeated; and what is no block."""
BLOCK: Final = 1 << 17
"""How many bytes a block expands to at most."""
MOST_STEPS: Final = 1 << 20
"""Of how many frames and blocks the heads are read; those of 128 GiB, when they are full."""


class Frame(NamedTuple):
    """A frame: the offset and the size that it is stored with, and what it says to expand to."""

    offset: int
    size: int
    expanded_size: int


def frames_of(path: Path) -> list[Frame] | None:
    """List the frames of a zstd file, by their heads alone; ``None``: that cannot be told.

    So it is where a frame does not say what it expands to, where the file is not whole, or nothing
    but frames, or can not be read. What is listed may still turn out broken when it is expanded.
    """
    try:
        with os.fdopen(open_regular(path), "rb", buffering=0) as file:
            return list_frames(file, os.fstat(file.fileno()).st_size)
    except (OSError, BadInput, zstandard.ZstdError):
        return None


def list_frames(file: IO[bytes], size: int) -> list[Frame] | None:
    """List the frames of a file of a size, as :func:`frames_of` does.

    Raises:
        OSError: it cannot be read.
        ZstdError: the head of a frame is broken.
    """
    frames: list[Frame] = []
    at, steps = 0, 0
    while at < size and steps < MOST_STEPS:
        head = read_at(file, at, LONGEST_HEAD)
        magic = int.from_bytes(head[:4], "little")
        if magic & ~0xF == SKIPPABLE and len(head) >= 8:
            at, steps = at + 8 + int.from_bytes(head[4:8], "little"), steps + 1
            continue
        if magic != MAGIC or len(head) < SHORTEST_HEAD:
            return None
        said = zstandard.get_frame_parameters(head)
        end, blocks = at + zstandard.frame_header_size(head), 0
        is_last = False
        while not is_last:
            word = int.from_bytes(read_at(file, end, 3), "little")
            is_last, kind, stored = bool(word & 1), word >> 1 & 3, word >> 3
            end, blocks = end + 3 + (1 if kind == ONE_BYTE else stored), blocks + 1
            if kind == RESERVED or end > size or steps + blocks > MOST_STEPS:
                return None
        end += 4 * said.has_checksum
        if said.content_size > blocks * BLOCK:  # also if it is not known
            return None
        frames.append(Frame(at, end - at, said.content_size))
        at, steps = end, steps + 1 + blocks
    return frames if at == size and frames else None


def read_at(file: IO[bytes], offset: int, length: int) -> bytes:
    """Read a few bytes; fewer where the file ends."""
    file.seek(offset)
    return file.read(length)
