"""The lines of a capture, for contenders in Python whose tools do not unpack it themselves."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import zstandard

__all__ = ["lines_of"]

READ_AT_ONCE = 1 << 20


def lines_of(capture: Path) -> Iterator[bytes]:
    """Yield the lines of a capture that is packed with zstd, in one frame or in many."""
    with (
        capture.open("rb") as file,
        zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as unpacked,
    ):
        yield from io.BufferedReader(unpacked, READ_AT_ONCE)
