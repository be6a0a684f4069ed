"""The budget of requests that everyone shares who asks with one key.

It is our own: aiolimiter asks the event loop for the time, and here the clock is passed in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from anyio import Lock

__all__ = ["Budget"]

MINUTE: Final = 60.0
TICK: Final = 1e-6
"""Seconds that clocks may be off: a sleep may end a moment early, and a sum may be rounded."""


class Budget:
    """A token bucket: ``per_minute`` requests on average, ``burst`` of them at once.

    ``clock`` are seconds that never go back, ``sleep`` waits for so many of them.
    """

    def __init__(
        self,
        per_minute: float,
        burst: int,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        """Begin with a full bucket.

        Raises:
            ValueError: no request could ever be made.
        """
        if not per_minute > 0 or burst < 1:
            raise ValueError(f"found {per_minute} a minute and a burst of {burst}, expected more")
        self.clock = clock
        self.waited_seconds = 0.0
        self._sleep = sleep
        self._interval = MINUTE / per_minute
        self._slack = (burst - 1) * self._interval
        self._full_at = clock()
        self._paused_until = clock()
        self._queue = Lock()

    async def take(self) -> float:
        """Wait for a turn, and take it; return the seconds waited.

        Turns come in the order in which they were asked for. Whoever is cancelled while waiting
        has taken nothing, and holds nobody up.
        """
        begin = self.clock()
        async with self._queue:
            while (pause := self._turn_at() - self.clock()) > TICK:
                await self._sleep(pause)
            self._full_at = max(self._full_at, self.clock()) + self._interval
        waited = max(self.clock() - begin, 0.0)
        self.waited_seconds += waited
        return waited

    def forgo_burst(self) -> None:
        """Go on as if the burst were used up: a process before this one may have done so."""
        self._full_at = max(self._full_at, self.clock() + self._slack)

    def pause_until(self, moment: float) -> None:
        """Let nobody ask before a moment of the clock; the latest of several holds."""
        self._paused_until = max(self._paused_until, moment)

    def _turn_at(self) -> float:
        """Return when the next request may be made."""
        return max(self._full_at - self._slack, self._paused_until)
