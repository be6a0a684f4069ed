"""Captures as the consumer knows them: from where each is read on, and what is forgotten of it."""

from __future__ import annotations

from collections.abc import Collection

from stream.intake.entries import CaptureEntry, ChainRun
from stream.intake.intake import Intake
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain, Delivered, Origin
from stream.sources.captures import continues, unchanged
from stream.sources.lines import Capture

__all__ = ["Opened"]


class Opened(Intake):
    """The consumer, as far as it keeps account of captures."""

    def open_capture(self, capture: Capture) -> CaptureEntry | None:
        """Expect a capture; return from where it is to be read on, ``None``: there is nothing new.

        One that does not begin any more with what was read of it is read again from its start.
        """
        known = self.checkpoints.captures.get(capture.source)
        if known is not None and unchanged(capture, known):
            self.recall_capture(capture.source, known)
            return None
        return self.start_capture(capture, anew=known is not None and not continues(capture, known))

    def start_capture(self, capture: Capture, *, anew: bool) -> CaptureEntry:
        """Begin with a capture, or go on with it; ``anew``: what it said before is gone from it."""
        known = self.checkpoints.captures.get(capture.source)
        entry = known or CaptureEntry(capture.name)
        if known is not None and anew:
            self.forget_capture(capture.source)
            entry = CaptureEntry(capture.name, rewritten=known.rewritten or known.line > 0)
        entry.done = False
        self.checkpoints.captures[capture.source] = entry
        self.checkpoints.touch(capture.source)
        self.recall_capture(capture.source, entry)
        return entry

    def forget_capture(self, source: str) -> None:
        """Know nothing of a capture's lines any more; what they brought into state still counts."""
        self.checkpoints.forget_lines(source)
        self.letters_changed = True
        for chain, _ in self.checkpoints.captures[source].chains:
            self.runs.pop(Origin(source, chain), None)

    def forget_tail(self, source: str) -> None:
        """Forget the dead letters of a capture's broken end, which is read again."""
        entry = self.checkpoints.captures[source]
        if entry.tail is None:
            return
        chain, line, letters = entry.tail
        entry.tail = None
        origin = Origin(source, chain)
        self.checkpoints.add_line(origin, line, None, [])
        self.letters_changed = True
        for delivered in [found for one, found in entry.chains if one == chain]:
            delivered.letters -= letters
            if not (delivered.pages or delivered.letters):
                entry.chains.remove((chain, delivered))
                self.runs.pop(origin, None)

    def recall_capture(self, source: str, entry: CaptureEntry) -> None:
        """Begin with what durable state has of a capture."""
        if not self.speaks:  # another worker counts what it has delivered
            entry.chains = [(chain, Delivered()) for chain, _ in entry.chains]
        for chain, delivered in entry.chains:
            self.begin(source, chain, delivered)

    def recall_captures(self, found: Collection[str]) -> None:
        """Begin with what durable state has of captures that are not there any more."""
        for source, entry in self.checkpoints.captures.items():
            if source not in found:
                self.recall_capture(source, entry)

    def begin(self, source: str, chain: Chain, delivered: Delivered) -> ChainRun:
        """Begin with a chain of a capture."""
        origin, entry = Origin(source, chain), self.checkpoints.captures[source]
        run = self.runs.get(origin)
        if run is None or run.delivered is not delivered or run.capture is not entry:
            run = ChainRun(chain, delivered=delivered, capture=entry)
            self.runs[origin] = run
        if chain.endpoint in ENDPOINTS:
            self.start_state(ENDPOINTS[chain.endpoint], chain)
        return run

    def run_of(self, capture: Capture, chain: Chain) -> tuple[ChainRun, Delivered]:
        """Return what has been read of a chain in a capture."""
        run = self.runs.get(Origin(capture.source, chain))
        if run is None:
            entry = self.checkpoints.captures[capture.source]
            entry.chains.append((chain, Delivered()))
            run = self.begin(capture.source, *entry.chains[-1])
        assert run.delivered is not None  # noqa: S101 -- a capture's pages are counted as they come
        return run, run.delivered
