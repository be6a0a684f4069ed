"""Whether the daemon is well: what fails and since when, what went wrong last, and is it stuck."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from stream.daemon.events import Event, log_event
from stream.daemon.troubles import Kind, Trouble, Troubles, fields_of
from stream.records.errors import Unavailable
from stream.records.privacy import one_line

__all__ = ["Health", "Mishap", "Output", "Reason"]

Output: TypeAlias = Literal["checkpoint", "report"]
"""What the daemon writes, and tries to write again."""
Reason: TypeAlias = Literal["checkpoint", "report", "directory", "key", "catching_up", "stuck"]
"""Why the daemon may be unready: what fails, what of a source does not work, or what it does."""

STUCK_SECONDS: Final = 60.0
REMEMBERED: Final = 20
PRESSING: Final[tuple[Literal["directory", "key"], ...]] = ("directory", "key")
"""Kinds of troubles with which nothing new comes from a source."""
REASONS: Final[tuple[Reason, ...]] = ("checkpoint", "report", *PRESSING, "catching_up", "stuck")
"""Every reason, the most pressing first."""
FAILED: Final[Mapping[Output, Event]] = {
    "checkpoint": "checkpoint_failed",
    "report": "report_failed",
}
WORKS: Final[Mapping[Output, Event]] = {
    "checkpoint": "checkpoint_works",
    "report": "report_works",
}
BEGUN: Final[Mapping[Kind, Event]] = {
    "directory": "source_failed",
    "file": "file_failed",
    "chain": "chain_stopped",
    "key": "key_refused",
    "endpoint": "endpoint_failed",
}


class Mishap(NamedTuple):
    """Something that went wrong: when, in Unix seconds, and what."""

    time: int
    message: str


class OutputFailure(NamedTuple):
    """What cannot be written: since when, by the clock that never jumps, and why."""

    begun_at: float
    message: str


class Health:
    """Collects what goes wrong; ``clock`` is in Unix seconds, ``monotonic`` never jumps."""

    def __init__(self, clock: Callable[[], int], monotonic: Callable[[], float]) -> None:
        """Start well, and not ready."""
        self.clock = clock
        self.monotonic = monotonic
        self.mishaps: deque[Mishap] = deque(maxlen=REMEMBERED)
        self.failures: dict[Output, OutputFailure] = {}
        """What cannot be written now."""
        self.caught_up = False
        """Whether every source has been looked through once, and all of it is stored."""
        self.figures_behind = False
        """Whether what is shown lacks days that others have changed in the state file."""
        self.troubles = Troubles()
        """What of the sources does not work now."""
        self.busy_since: float | None = None
        """When the consumer began with what it is doing."""
        self._known_reasons: list[Reason] = ["catching_up"]
        """Why it was unready when somebody last looked."""

    def note_mishap(self, event: Event, what: str, **more: object) -> None:
        """Log that something went wrong, and remember it for the page."""
        self.mishaps.append(Mishap(self.clock(), one_line(what)))
        log_event("error", event, what, **more)

    def note_troubles(self, source: str, kind: Kind, found: Mapping[str, str]) -> bool:
        """Note what is wrong with a source's things of a kind now, by name; return if that is new.

        What has begun is logged, and remembered for the page; what has ended is logged.
        """
        before = self.troubles.counts(kind).get(source, 0)
        begun = self.troubles.note(source, kind, found)
        for one in begun:
            self.note_mishap(BEGUN[kind], one.message, **fields_of(one), reason=reason_of(one))
        return bool(begun) or before != len(found)

    def note_failure(self, what: Output, error: Exception, patience: float | None = None) -> None:
        """Note that something cannot be written; it is tried again for ``patience`` seconds.

        ``None`` is for ever. It is logged when it begins, and when the reason is another.

        Raises:
            Unavailable: that time is over.
        """
        message, known = one_line(str(error)), self.failures.get(what)
        since = self.monotonic() if known is None else known.begun_at
        self.failures[what] = OutputFailure(since, message)
        if known is None or known.message != message:
            self.note_mishap(FAILED[what], message, reason=message)
        if patience is not None and self.monotonic() - since >= patience:
            raise Unavailable(f"{error}; gave up after {patience:g} seconds (give_up_seconds)")

    def note_success(self, what: Output) -> None:
        """Note that something can be written, again."""
        known = self.failures.pop(what, None)
        if known is not None:
            seconds = round(self.monotonic() - known.begun_at, 3)
            log_event("info", WORKS[what], f"the {what} can be written again", seconds=seconds)

    @property
    def stuck(self) -> bool:
        """Whether the consumer has been at one page or checkpoint for too long."""
        return self.busy_since is not None and self.monotonic() - self.busy_since > STUCK_SECONDS

    def reasons(self) -> list[Reason]:
        """Return everything for which the daemon is not ready, the most pressing first."""
        found: set[str] = {*self.failures}
        found |= {kind for kind in PRESSING if any(self.troubles.of_kind(kind))}
        if not self.caught_up or self.figures_behind:
            found.add("catching_up")
        if self.stuck:
            found.add("stuck")
        return [one for one in REASONS if one in found]

    def reason_flags(self) -> dict[str, int]:
        """Return every reason, with 1 where the daemon is not ready for it."""
        found = self.reasons()
        return {one: int(one in found) for one in REASONS}

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

    def note_readiness(self) -> None:
        """Log whether the daemon is ready, when that is news, or why it is not."""
        reasons = self.reasons()
        if reasons == self._known_reasons:
            return
        self._known_reasons = reasons
        if reasons:
            reason = ", ".join(reasons)
            log_event("warning", "unready", f"not ready: {reason}", reason=reason)
        else:
            log_event("info", "ready", "ready: all sources were looked through, and all is well")


def reason_of(trouble: Trouble) -> str:
    """Return why something does not work, without the name in front of it."""
    return trouble.message.removeprefix(f"{one_line(trouble.name)}: ")
