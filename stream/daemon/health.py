"""Whether the daemon is well: what fails and since when, what went wrong last, and is it stuck."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import structlog

from stream.daemon.troubles import Kind, Troubles
from stream.records.errors import Unavailable
from stream.records.privacy import one_line

__all__ = ["Health", "Mishap"]

STUCK_SECONDS: Final = 60.0
REMEMBERED: Final = 20
PRESSING: Final[tuple[Kind, ...]] = ("directory", "key")
"""Kinds of troubles with which nothing new comes from a source."""


class Mishap(NamedTuple):
    """Something that went wrong: when, in Unix seconds, and what."""

    time: int
    message: str


class Health:
    """Collects what goes wrong; ``clock`` is in Unix seconds, ``monotonic`` never jumps."""

    def __init__(self, clock: Callable[[], int], monotonic: Callable[[], float]) -> None:
        """Start well, and not ready."""
        self.clock = clock
        self.monotonic = monotonic
        self.mishaps: deque[Mishap] = deque(maxlen=REMEMBERED)
        self.failures: dict[str, float] = {}
        """What cannot be written or read, and since when."""
        self.caught_up = False
        """Whether every source has been looked through once, and all of it is stored."""
        self.figures_behind = False
        """Whether what is shown lacks days that others have changed in the state file."""
        self.troubles = Troubles()
        """What of the sources does not work now."""
        self.busy_since: float | None = None
        """When the consumer began with what it is doing."""

    def note_mishap(self, what: str, **more: object) -> None:
        """Log that something went wrong, and remember it for the page."""
        self.mishaps.append(Mishap(self.clock(), one_line(what)))
        structlog.get_logger().error(what, **more)

    def note_troubles(self, source: str, kind: Kind, found: Mapping[str, str]) -> bool:
        """Note what is wrong with a source's things of a kind now, by name; return if that is new.

        What has begun is logged, and remembered for the page; what has ended is logged.
        """
        before = self.troubles.counts(kind).get(source, 0)
        begun = self.troubles.note(source, kind, found)
        for one in begun:
            self.note_mishap(one.message, source=source)
        return bool(begun) or before != len(found)

    def note_failure(self, what: str, error: Exception, patience: float) -> None:
        """Note that something cannot be done; it is tried again for ``patience`` seconds.

        Raises:
            Unavailable: that time is over.
        """
        first = self.failures.setdefault(what, self.monotonic())
        self.note_mishap(str(error), failing=what)
        if self.monotonic() - first >= patience:
            raise Unavailable(f"{error}; gave up after {patience:g} seconds (give_up_seconds)")

    def note_success(self, what: str) -> None:
        """Note that something can be done, again."""
        if self.failures.pop(what, None) is not None:
            structlog.get_logger().info("works again", failing=what)

    @property
    def stuck(self) -> bool:
        """Whether the consumer has been at one page or checkpoint for too long."""
        return self.busy_since is not None and self.monotonic() - self.busy_since > STUCK_SECONDS

    def why_not_ready(self) -> str | None:
        """Say why the daemon is not ready; ``None`` when it is."""
        if self.failures:
            return f"{', '.join(sorted(self.failures))} failing"
        for kind in PRESSING:
            for trouble in self.troubles.of_kind(kind):
                return trouble.message
        if not self.caught_up or self.figures_behind:
            return "catching up"
        return "stuck" if self.stuck else None
