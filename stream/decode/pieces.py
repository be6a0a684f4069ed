"""Cut a page into its buckets without decoding it: what is old news is not paid for.

The borders are found by their text, and nothing is trusted that way: a page counts as cut only if
its outside, without the buckets, is a page, and each bucket is decoded, or is byte for byte one
that was. A page of any other shape is not cut, and is decoded as a whole.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from stream.records.windows import Window

__all__ = ["CutPage", "Piece", "cut_page"]

S: Final = rb"[ \t\r\n]*"
"""What JSON allows between its tokens."""


def join_tokens(*parts: bytes) -> bytes:
    """Join tokens with the white space that JSON allows between them."""
    return S.join(parts)


OPENING: Final = re.compile(
    S + join_tokens(rb"\{", rb'"object"', b":", rb'"page"', b",", rb'"data"', b":", rb"\[") + S
)
BUCKET: Final = re.compile(
    join_tokens(
        *(rb"\{", rb'"object"', b":", rb'"bucket"', b","),
        *(rb'"start_time"', b":", rb"([0-9]{1,12})", b","),
        *(rb'"end_time"', b":", rb"([0-9]{1,12})", b","),
        *(rb'"results"', b":", rb"\["),
    )
)
CLOSING: Final = re.compile(
    join_tokens(rb"\]", rb"(\})", rb"(?:(,)" + S + rb"(?=\{)|(?=\]" + S + rb",))")
)


class BucketsTail(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What stands behind a page's buckets; a second ``data`` would be another page."""

    has_more: bool
    next_page: str | None = None


TAIL: Final = msgspec.json.Decoder(BucketsTail)


class Piece(msgspec.Struct, frozen=True):
    """A bucket as it stands in its page: its window, and its JSON."""

    window: Window
    content: memoryview


class CutPage(msgspec.Struct, frozen=True):
    """A page's buckets, and what the page says beside them."""

    pieces: list[Piece]
    has_more: bool
    next_page: str | None


def cut_page(payload: bytes) -> CutPage | None:
    """Find a page's buckets; ``None`` when it does not look as today's pages do."""
    opening = OPENING.match(payload)
    if opening is None:
        return None
    view, at, pieces = memoryview(payload), opening.end(), []
    closing: re.Match[bytes] | None = None
    while closing is None or closing[2]:
        bucket = BUCKET.match(payload, at)
        closing = bucket and closing_of(payload, bucket.end())
        if bucket is None or closing is None:
            return None
        window = Window(int(bucket[1]), int(bucket[2]))
        if window.end <= window.start:
            return None
        pieces.append(Piece(window, view[at : closing.end(1)]))
        at = closing.end()
    try:
        tail = TAIL.decode(b"{" + payload[payload.index(b",", at) + 1 :])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return CutPage(pieces, tail.has_more, tail.next_page)


def closing_of(payload: bytes, at: int) -> re.Match[bytes] | None:
    """Find where a bucket ends; a bracket in some text is passed over."""
    while (at := payload.find(b"]", at)) >= 0:
        closing = CLOSING.match(payload, at)
        if closing is not None:
            return closing
        at += 1
    return None
