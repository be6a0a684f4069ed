"""Where captures can be cut: at any byte of a plain one, or between frames of a zstd file.

Those have to say what they expand to, as frames do that this program packs. A gzip file does not
say where its members begin.
"""

from __future__ import annotations

import os
from itertools import accumulate
from typing import Final, NamedTuple

from stream.records.chains import Chain
from stream.records.errors import BadInput, Unavailable
from stream.sources.capture_pages import page_of
from stream.sources.captures import ALL_LINES, Capture, LineRange, has_lines
from stream.sources.compression import RATIO, compression_of
from stream.sources.frames import frames_of
from stream.sources.lines import CaptureReader
from stream.sources.regular_files import open_regular, size_of

__all__ = ["CapturePiece", "chains_at", "cut_capture"]

PIECE: Final = 1 << 20
"""How many bytes a piece of a plain file has."""
EXPANDED: Final = 12
"""How many times its bytes a packed file is taken for that does not say what it expands to."""
HEAD: Final = 1 << 16
"""How many bytes are looked at to see how a file is packed, and which chains lines are of."""


class CapturePiece(NamedTuple):
    """A piece of a capture: how many bytes it expands to, and the range from it on.

    A capture that cannot be cut is one piece.
    """

    size: int
    lines: LineRange


def cut_capture(capture: Capture, longest_line: int) -> list[CapturePiece]:
    """Return the pieces of a capture, in order; what is wrong with it is for who reads it."""
    size, whole = size_of(capture.path), ALL_LINES
    try:
        with CaptureReader(capture.path, longest_line) as reader:
            is_whole = reader.holds_documents(is_lines=has_lines(capture.path.name))
        is_plain = not is_packed(capture)
    except (BadInput, Unavailable, OSError):
        is_whole = is_plain = True
    if is_whole or not size:
        return [CapturePiece(size, whole)]
    if is_plain:
        return [
            CapturePiece(min(PIECE, size - at), LineRange(at, at, is_plain=True))
            for at in range(0, size, PIECE)
        ]
    frames = [one for one in frames_of(capture.path) or () if one.expanded_size]
    # Who expands a range does not see how much those before it have grown.
    if not frames or any(one.expanded_size > RATIO * one.size for one in frames):
        return [CapturePiece(size * EXPANDED, whole)]
    starts = accumulate((one.expanded_size for one in frames), initial=0)
    return [
        CapturePiece(one.expanded_size, LineRange(one.offset if start else 0, start))
        for one, start in zip(frames, starts, strict=False)
    ]


def is_packed(capture: Capture) -> bool:
    """Tell whether a capture is to be expanded.

    Raises:
        BadInput: it is no regular file.
        OSError: it cannot be read.
    """
    with os.fdopen(open_regular(capture.path), "rb", buffering=0) as file:
        return compression_of(file.read(HEAD), capture.path.suffix) is not None


def chains_at(capture: Capture, longest_line: int) -> set[Chain]:
    """Return which chains the first lines are of that are read of a capture."""
    try:
        with CaptureReader(capture.path, longest_line, lines=capture.lines) as reader:
            if not capture.lines.start and reader.holds_documents(
                is_lines=has_lines(capture.path.name)
            ):
                return set()
            return {page_of(line, capture).chain for line in reader.read_lines(HEAD)}
    except (BadInput, Unavailable):
        return set()
