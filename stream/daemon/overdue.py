"""Walks that have waited for their next page for so long that they have stopped half way."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stream.intake.walks import Verdict, Walk

__all__ = ["OverdueWalks"]


class OverdueWalks:
    """Knows since when walks wait; ``monotonic`` never jumps."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Know of no walk yet."""
        self.monotonic = monotonic
        self._waits: dict[Walk, tuple[Verdict, float]] = {}
        self.walks: set[Walk] = set()
        """Those that have waited for too long."""

    def look(self, verdicts: Mapping[Walk, Verdict], seconds: float) -> bool:
        """See which walks have waited for so many seconds; return whether others than before.

        A walk that has got a page, and still is not whole, waits anew.
        """
        now, waits = self.monotonic(), self._waits
        self._waits = {
            walk: waits[walk] if walk in waits and waits[walk][0] == verdict else (verdict, now)
            for walk, verdict in verdicts.items()
            if verdict.mendable
        }
        before = self.walks
        self.walks = {walk for walk, (_, since) in self._waits.items() if now - since >= seconds}
        return self.walks != before

    def seconds_until_next(self, seconds: float) -> float | None:
        """Return how many seconds pass before the next walk has waited for too long."""
        now = self.monotonic()
        left = [
            since + seconds - now for w, (_, since) in self._waits.items() if w not in self.walks
        ]
        return max(min(left), 0.0) if left else None
