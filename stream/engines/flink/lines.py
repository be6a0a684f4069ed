"""Lines of captures, read by the same rules as in a replay, and cut into what each part is to take.

A line is looked at alone: bad input is set aside as a dead letter, and what it would have broken is
judged later, by the part that knows.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from msgspec.msgpack import encode

from stream.decode import BucketPage, ListPage, Rejection
from stream.engines.flink.facts import key_of
from stream.engines.flink.parts import LineCounts, PackedBucket
from stream.intake.letters import letter_of, mask_page
from stream.intake.reading import PageReader, check_revision, lost_link
from stream.records.chains import Chain
from stream.records.delivery import UNKNOWN_CHAIN, Page
from stream.records.errors import BadInput
from stream.records.windows import DAY, Bucket, Snapshot
from stream.sources.capture_pages import page_of
from stream.sources.captures import capture_named
from stream.sources.lines import Line, too_long_line
from stream.state.sqlite.codec import Codec

__all__ = ["CutLine", "Lines"]


class CutLine(NamedTuple):
    """What a line comes to: for each part by its key what it is to take, and dead letters."""

    parts: list[tuple[str, bytes]]
    letters: list[bytes]

    def set_aside(self, capture: str, chain: Chain, rejected: Rejection) -> None:
        """Set something aside; an engine does not know which line of a capture it reads."""
        self.letters.append(letter_of(chain, (0, capture, b""), rejected))


class Lines:
    """Reads lines of captures; one for each thread."""

    def __init__(self, clock: Callable[[], int], max_line_bytes: int) -> None:
        """Know no endpoint yet; ``clock`` is in Unix seconds."""
        self.clock = clock
        self.longest = max_line_bytes
        self.codec = Codec()
        self.reader = PageReader(tolerant=True)

    def read_line(self, capture: str, content: bytes) -> CutLine:
        """Read a line of a capture, without its line break."""
        cut, paged = CutLine([], []), LineCounts(0, 0, 0, 0, [], [])
        error = too_long_line(len(content), self.longest) if len(content) > self.longest else None
        named = capture_named(Path(capture), capture)
        page = page_of(Line(0, 0, (content,), error), named)
        link = lost_link(page)
        try:
            check_revision(page, self.clock())
            reading = self.reader.read_page(page)
            link = reading.link
            if isinstance(reading.content, BucketPage):
                paged = self._buckets(cut, capture, page, reading.content)
            else:
                paged = elements_of(cut, capture, page, reading.content)
        except BadInput as bad:
            masked = mask_page(page.content) if page.content else None
            cut.set_aside(capture, page.chain, Rejection(bad, 0, masked))
        if page.chain.endpoint != UNKNOWN_CHAIN:
            cut.parts.append((key_of(("walk", *page.chain, page.revision)), encode(link)))
        key = key_of(("pages", *page.chain, capture))
        cut.parts.append((key, encode(paged._replace(letters=len(cut.letters)))))
        return cut

    def _buckets(self, cut: CutLine, capture: str, page: Page, found: BucketPage) -> LineCounts:
        """Cut a page of buckets into those of each day."""
        chain = page.chain
        for bucket in found.buckets:
            key = key_of(("day", chain.endpoint, bucket.window.start // DAY))
            cut.parts.append((key, self._pack_bucket(chain, bucket, page.revision)))
        for rejected in found.rejections:
            cut.set_aside(capture, chain, rejected)
        return LineCounts(1, found.rows, found.data_buckets, 0, sorted(found.unknown_fields), [])

    def _pack_bucket(self, chain: Chain, bucket: Bucket, revision: int) -> bytes:
        """Pack a bucket for its day."""
        columns = Snapshot(revision, bucket.dimensions, bucket.counters)
        return encode(
            PackedBucket(
                chain.label,
                chain.view,
                bucket.window,
                bucket.rollup,
                revision,
                bucket.digest,
                bucket.rows,
                self.codec.pack(columns),
            )
        )


def elements_of(cut: CutLine, capture: str, page: Page, found: ListPage) -> LineCounts:
    """Note what a page of a list defines, and what it calls that."""
    for rejected in found.rejections:
        cut.set_aside(capture, page.chain, rejected)
    elements = [
        (
            one.id,
            sorted((str(kind), to) for kind, to in one.references),
            None if one.name is None else (page.revision, one.name),
        )
        for one in found.elements
    ]
    return LineCounts(1, 0, 0, 0, [], elements)
