"""The frames that a zstd file is a sequence of: each expands by itself, without those before it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

import zstandard

from stream.records.errors import BadInput
from stream.sources.regular_files import open_regular

__all__ = ["Frame", "frames_of"]

MAGIC: Final = 0xFD2FB528
SKIPPABLE: Final = 0x184D2A50
"""What a frame starts with that has no content; its last four bits may be any."""
SKIPPABLE_HEAD: Final = 8
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
        descriptor = open_regular(path)
        try:
            return list_frames(descriptor, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)
    except (OSError, BadInput, zstandard.ZstdError):
        return None


def list_frames(descriptor: int, size: int) -> list[Frame] | None:
    """List the frames of a file of a size, as :func:`frames_of` does.

    Raises:
        OSError: it cannot be read.
        ZstdError: the head of a frame is broken.
    """
    frames: list[Frame] = []
    at, steps = 0, 0
    while at < size and steps < MOST_STEPS:
        head = os.pread(descriptor, LONGEST_HEAD, at)
        magic = int.from_bytes(head[:4], "little")
        if magic & ~0xF == SKIPPABLE and len(head) >= SKIPPABLE_HEAD:
            at, steps = at + SKIPPABLE_HEAD + int.from_bytes(head[4:8], "little"), steps + 1
            continue
        if magic != MAGIC or len(head) < SHORTEST_HEAD:
            return None
        said = zstandard.get_frame_parameters(head)
        end, blocks = at + zstandard.frame_header_size(head), 0
        is_last = False
        while not is_last:
            word = int.from_bytes(os.pread(descriptor, 3, end), "little")
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
