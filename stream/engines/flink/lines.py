"""Lines of captures, read by the same rules as in a replay, and cut into what each part is to take.

A line is looked at alone: bad input is set aside as a dead letter, and what it would have broken is
judged later, by the part that knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec.msgpack import encode

from stream.decode import Decoder, decode_list
from stream.engines.flink.facts import key_of
from stream.engines.flink.parts import Delivered, Paged
from stream.intake.letters import letter_of, masked_page
from stream.intake.reading import asked_in, link_of
from stream.providers.cursors import onward
from stream.providers.endpoint import Endpoint
from stream.records.chains import Chain
from stream.records.errors import BadInput
from stream.records.windows import DAY, Bucket, Snapshot
from stream.sources.envelope import Envelope, decode_envelope
from stream.sources.lines import too_long
from stream.state.sqlite.codec import Codec

__all__ = ["Lines", "Read"]


class Read(NamedTuple):
    """What a line comes to: for each part by its key what it is to take, and dead letters."""

    parts: list[tuple[str, bytes]]
    letters: list[bytes]


class Lines:
    """Reads lines of captures; one for each thread."""

    def __init__(self, clock: Callable[[], int], max_line_bytes: int) -> None:
        """Know no endpoint yet; ``clock`` is in Unix seconds."""
        self.clock = clock
        self.longest = max_line_bytes
        self.codec = Codec()
        self.decoders: dict[str, Decoder] = {}

    def read(self, capture: str, line: bytes) -> Read:
        """Read a line of a capture, without its line break."""
        read = Read([], [])
        chain, content = Chain("capture", capture), None
        paged = Paged(0, 0, 0, 0, [], [])
        try:
            if len(line) > self.longest:
                raise too_long(len(line), self.longest)
            envelope = decode_envelope(line)
            content = envelope.payload
            chain = Chain(envelope.entry.key, envelope.label, envelope.view)
            asked = asked_in(envelope, self.clock())
            take = self._buckets if isinstance(envelope.entry, Endpoint) else self._elements
            more, paged = take(read, capture, chain, envelope)
            link = link_of(envelope, asked, more)
            read.parts.append((key_of(("walk", *chain, envelope.revision)), encode(link)))
        except BadInput as error:
            masked = None if content is None else masked_page(content)
            letter(read, capture, chain, error, 0, masked)
        key = key_of(("pages", *chain, capture))
        read.parts.append((key, encode(paged._replace(letters=len(read.letters)))))
        return read

    def _buckets(
        self, read: Read, capture: str, chain: Chain, envelope: Envelope
    ) -> tuple[str | None, Paged]:
        """Cut a page of buckets into those of each day; return where its walk goes on too.

        Raises:
            BadInput: it cannot be trusted.
        """
        decoder = self.decoders.get(chain.endpoint)
        if decoder is None:
            assert isinstance(envelope.entry, Endpoint)  # noqa: S101 -- the caller has seen to it
            decoder = self.decoders[chain.endpoint] = Decoder(envelope.entry)
        page = decoder.decode(envelope.payload, tolerant=True)
        more = onward(page, envelope.entry)
        for bucket in page.buckets:
            key = key_of(("day", chain.endpoint, bucket.window.start // DAY))
            read.parts.append((key, self._delivered(chain, bucket, envelope.revision)))
        for rejected in page.rejected:
            letter(read, capture, chain, rejected.error, rejected.rows, rejected.content)
        paged = Paged(1, page.rows, page.data_buckets, 0, sorted(page.unknown_fields), [])
        return more, paged

    def _elements(
        self, read: Read, capture: str, chain: Chain, envelope: Envelope
    ) -> tuple[str | None, Paged]:
        """Note what a page of a list defines; return where its walk goes on too.

        Raises:
            BadInput: it cannot be trusted.
        """
        assert not isinstance(envelope.entry, Endpoint)  # noqa: S101 -- the caller has seen to it
        page = decode_list(envelope.entry, envelope.payload, tolerant=True)
        more = onward(page, envelope.entry)
        for rejected in page.rejected:
            letter(read, capture, chain, rejected.error, 1, rejected.content)
        elements = [
            (one, sorted((str(kind), to) for kind, to in found)) for one, found in page.elements
        ]
        return more, Paged(1, 0, 0, 0, [], elements)

    def _delivered(self, chain: Chain, bucket: Bucket, revision: int) -> bytes:
        """Pack a bucket for its day."""
        columns = Snapshot(revision, bucket.dimensions, bucket.counters)
        return encode(
            Delivered(
                chain.label,
                chain.view,
                bucket.window,
                bucket.rollup,
                revision,
                bucket.digest,
                bucket.rows,
                self.codec.packed(columns),
            )
        )


def letter(  # noqa: PLR0913, PLR0917 -- a letter says where, why and what
    read: Read, capture: str, chain: Chain, error: BadInput, rows: int, content: Any
) -> None:
    """Set something aside; an engine does not know which line of a capture it reads."""
    read.letters.append(letter_of(chain, (0, capture, None), error, rows, content))
