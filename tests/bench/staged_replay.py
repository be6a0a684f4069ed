"""A replay that says where its CPU time went, stage by stage: as JSON, in the last line it prints.

What a stage calls that is a stage itself counts there alone. A clock is read around each call,
which takes some time of its own: a bucket is four stages.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import msgspec

import stream.figures.outline
import stream.sources.fixtures
from stream.__main__ import main
from stream.decode import pages
from stream.intake.intake import Intake
from stream.intake.page_counter import PageCounter
from stream.state.windows import KeyedState

__all__ = ["REST", "STAGES"]

REST: Final = "channel, survey, report"
STAGES: Final[list[tuple[Any, str, str]]] = [
    (stream.sources.fixtures, "read_batch", "read, digest"),
    (stream.sources.fixtures, "read_at_hand", "read, digest"),
    (Intake, "take", "account, links"),
    (PageCounter, "count", "the rest of a page"),
    (PageCounter, "merge", "the rest of a page"),
    (pages.Decoder, "decode", "the rest of decoding"),
    (pages, "cut_page", "the rest of decoding"),
    (pages.Decoder, "_bucket", "rows to columns"),
    (KeyedState, "take", "state, merge"),
    (KeyedState, "take_again", "state, merge"),
    (stream.figures.outline, "outline_of", "figures"),
]
"""Where a function is looked up, its name, and the stage that it is."""


class Clock:
    """Adds up CPU seconds of stages; what a stage has called is taken off."""

    def __init__(self) -> None:
        """Start with none."""
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._inner = [0.0]

    def watch(self, call: Callable[..., Any], stage: str) -> Callable[..., Any]:
        """Return a function that is counted."""

        @wraps(call)
        def counted(*args: Any, **kwargs: Any) -> Any:
            started = time.thread_time()
            self._inner.append(0.0)
            try:
                return call(*args, **kwargs)
            finally:
                seconds = time.thread_time() - started
                self.seconds[stage] += seconds - self._inner.pop()
                self._inner[-1] += seconds

        return counted

    def watch_thread(self, call: Callable[..., Any], stage: str) -> Callable[..., Any]:
        """Return a function that is counted, and runs in a thread of its own."""

        @wraps(call)
        def counted(*args: Any, **kwargs: Any) -> Any:
            started = time.thread_time()
            try:
                return call(*args, **kwargs)
            finally:
                self.seconds[stage] += time.thread_time() - started

        return counted


class CountedDecoder:
    """What msgspec decodes with, counted."""

    def __init__(self, *form: Any) -> None:
        """Take what the decoder is made of."""
        self.decode = CLOCK.watch(DECODER(*form).decode, "msgspec")


CLOCK: Final = Clock()
DECODER: Final = msgspec.json.Decoder

if __name__ == "__main__":
    for owner, name, stage in STAGES:
        watch = CLOCK.watch_thread if stage == "read, digest" else CLOCK.watch
        setattr(owner, name, watch(getattr(owner, name), stage))
    msgspec.json.Decoder = CountedDecoder  # type: ignore[misc,assignment]  # made once for an endpoint
    begun = time.process_time()
    sys.argv[0] = "usage-stream"
    try:
        main()
    finally:
        spent = time.process_time() - begun
        CLOCK.seconds["the start, for the most part"] = begun
        CLOCK.seconds[REST] = spent - sum(CLOCK.seconds.values()) + begun
        sys.stdout.write(json.dumps(CLOCK.seconds) + "\n")
