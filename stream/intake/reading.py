"""Captures on the consumer's side: each line is a page of some chain and some walk.

A capture may hold many walks of a chain, in any order. So a walk is not followed page by page, but
judged when everything has been read (:mod:`stream.intake.walks`).
"""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import Any, Final, NamedTuple

from stream.decode import decode_list
from stream.intake.account import Opened
from stream.intake.entries import CaptureEntry
from stream.intake.letters import masked_page
from stream.intake.walks import judged, refused
from stream.providers.cursors import cursor_of, mark_of, onward, root_of
from stream.providers.endpoint import Endpoint, ObjectList
from stream.records.chains import Chain, Link, Origin, spanned
from stream.records.errors import BadInput
from stream.sources.captures import Read, Start
from stream.sources.envelope import Envelope, decode_envelope
from stream.sources.lines import Capture, Line

__all__ = ["Captured", "LineDelivery", "asked_in", "link_of"]

AHEAD: Final = 300
"""Seconds that a walk may be ahead of the clock."""
MICRO: Final = 1_000_000


class LineDelivery(NamedTuple):
    """A line of a capture on the channel, or its start or its end."""

    capture: Capture
    line: Line | Read | Start


class Captured(Opened):
    """The consumer of fixtures and captures."""

    def judge(self) -> None:
        """Judge the walks of all captures.

        Raises:
            BadInput: one is not whole, unless that is allowed, or what is bad is set aside.
        """
        origins = {origin.chain: origin for origin in sorted(self.runs, reverse=True)}
        for verdict in judged(self.checkpoints.links()):
            run = self.runs[origins[verdict.chain]]
            if self.rules.unfinished == "wait":
                run.waiting = True
            elif error := refused(verdict, self.rules):
                self.anomaly(origins[verdict.chain], error)
            else:
                run.incomplete = run.incomplete or verdict.message

    def take_line(self, delivery: LineDelivery) -> None:
        """Take one line, or the start or the end of a capture; a line that comes twice counts once.

        Raises:
            BadInput: the line cannot be trusted, unless bad input is set aside.
        """
        capture, line = delivery
        self.letters = []
        if isinstance(line, Start):
            self.start_capture(capture, anew=line.anew)
        elif isinstance(line, Read):
            self.end_capture(capture, line)
        else:
            entry = self.checkpoints.captures[capture.source]
            if line.number > entry.line or line.end > entry.offset:
                self.count_line(capture, line, entry)

    def end_capture(self, capture: Capture, read: Read) -> None:
        """Note what a capture was found to be."""
        entry = self.checkpoints.captures[capture.source]
        self.checkpoints.touch(capture.source)
        if not read.broken:
            self.forget_tail(capture.source)
        entry.done = True
        entry.signature, entry.sha256, entry.size, _ = read

    def count_line(self, capture: Capture, line: Line, entry: CaptureEntry) -> None:
        """Count a line that has not been counted yet, or set it aside.

        Raises:
            BadInput: as :meth:`take_line`.
        """
        self.checkpoints.touch(capture.source)
        self.forget_tail(capture.source)
        entry.done = False
        self.tally.page_bytes += len(line.content)
        chain, link, broken, content = Chain("capture", capture.name), None, False, None
        try:
            if line.error is not None:
                raise line.error
            envelope = decode_envelope(line.content)
            content = envelope.payload
            chain = Chain(envelope.entry.key, envelope.label, envelope.view)
            link = self.take_envelope(capture, line, chain, envelope)
        except BadInput as error:
            masked = None if content is None else masked_page(content)
            if self.speaks or not self.tolerant:
                self.line_letter(capture, line, chain, error, 0, masked)
            self.tally.pages[chain.endpoint, "dead_lettered"] += 1
            broken = not line.final or line.end <= entry.offset
        if self.letters:
            self.run_of(capture, chain)[1].letters += len(self.letters)
            self.letters_changed = True
        if broken:
            entry.tail = chain, line.number, len(self.letters)
        else:
            read_to(entry, line)
        self.checkpoints.add_line(Origin(capture.source, chain), line.number, link, self.letters)

    def take_envelope(self, capture: Capture, line: Line, chain: Chain, envelope: Envelope) -> Link:
        """Take the page in an envelope; return what it says of its walk.

        Raises:
            BadInput: it cannot be trusted.
        """
        asked = asked_in(envelope, self.clock())
        if isinstance(envelope.entry, Endpoint):
            self.run_of(capture, chain)
            more = self.take_buckets(capture, line, chain, envelope)
        else:
            more = self.take_objects(capture, line, chain, envelope)
        self.run_of(capture, chain)[1].pages += 1
        self.tally.pages[chain.endpoint, "ok"] += 1
        self.tally.last_success[chain.endpoint] = self.clock()
        return link_of(envelope, asked, more)

    def take_buckets(
        self, capture: Capture, line: Line, chain: Chain, envelope: Envelope
    ) -> str | None:
        """Merge a page of buckets when all of it has been read; return where its walk goes on."""
        started = perf_counter()
        known = partial(self.state.rows_of, chain)
        _, decoded = self.decoded(chain.endpoint, envelope.payload, known)
        self.tally.page_decode.observe(perf_counter() - started)
        more = onward(decoded, envelope.entry)
        window = self.merge(chain, decoded.buckets, envelope.revision)
        for rejected in decoded.rejected:
            self.tally.records[chain.endpoint, "dead_lettered"] += rejected.rows
            self.line_letter(capture, line, chain, rejected.error, rejected.rows, rejected.content)
        _, delivered = self.run_of(capture, chain)
        delivered.rows += decoded.rows
        delivered.buckets += decoded.data_buckets
        delivered.window = spanned(delivered.window, window)
        delivered.unknown_fields |= decoded.unknown_fields
        self.tally.unknown_fields[chain.endpoint] += len(decoded.unknown_fields)
        return more

    def take_objects(
        self, capture: Capture, line: Line, chain: Chain, envelope: Envelope
    ) -> str | None:
        """Remember what a page of a list defines and refers to; return where its walk goes on."""
        assert isinstance(envelope.entry, ObjectList)  # noqa: S101 -- take_envelope tells them apart
        listed = decode_list(envelope.entry, envelope.payload, tolerant=self.tolerant)
        more = onward(listed, envelope.entry)
        place = (chain.endpoint, f"{capture.source}:{chain.label}", line.number)
        self.objects.take(place, listed.elements)
        for rejected in listed.rejected if self.speaks else ():
            self.line_letter(capture, line, chain, rejected.error, 1, rejected.content)
        return more

    def line_letter(  # noqa: PLR0913, PLR0917 -- a letter says where, why and what
        self,
        capture: Capture,
        line: Line,
        chain: Chain,
        error: BadInput,
        rows: int,
        content: Any,
    ) -> None:
        """Set something of a line aside, or end the run with what that would say."""
        where = f"{capture.name} (line {line.number})"
        if chain.endpoint != "capture":
            where = f"{capture.name} (line {line.number}, {chain.endpoint}, label {chain.label})"
        place = (line.number, capture.name, None)
        self.letters += self.aside(chain, error.at(where), place, rows, content)


def asked_in(envelope: Envelope, now: int) -> str | None:
    """Return the cursor that a page was asked for with, if its request is known.

    Raises:
        BadInput: the cursor leads elsewhere, or the walk is over five minutes ahead of the clock.
    """
    if envelope.revision > (now + AHEAD) * MICRO:
        ahead = "found a walk more than five minutes ahead of the clock, expected an earlier one"
        raise BadInput("observed_at", ahead, path="$.observed_at")
    return cursor_of(envelope.cursor, root_of(envelope.entry))


def link_of(envelope: Envelope, asked: str | None, more: str | None) -> Link:
    """Return what a page says of its walk; ``more`` is the cursor of the next one."""
    return Link(envelope.revision, mark_of(more), mark_of(asked), mark_of(envelope.payload))


def read_to(entry: CaptureEntry, line: Line) -> None:
    """Note that a capture has been read up to the end of a line."""
    entry.line, entry.offset = line.number, line.end
    entry.prefix, entry.cut = line.prefix, not line.complete
