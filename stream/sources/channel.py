"""The bounded channel between sources and the consumer: full, it makes the producers wait."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from time import perf_counter
from typing import Final, Generic, TypeVar

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

__all__ = ["DEFAULT_CAPACITY", "Channel"]

T = TypeVar("T")

DEFAULT_CAPACITY = 16
"""So many that small pages seldom wait for a turn; large ones are bounded by their bytes."""
MOST_BYTES: Final = 8 << 20
"""How many bytes wait in a channel, unless it is one page alone that has more."""


class Channel(Generic[T]):
    """Carries pages, at most ``capacity`` of them, and measures how long producers waited.

    Pages may be large: those that wait have 8 MiB together, or are one.
    """

    def __init__(self, capacity: int, weigh: Callable[[T], int] = lambda _: 0) -> None:
        """Open a channel; ``capacity`` is in pages, and ``weigh`` says how many bytes one has."""
        self.capacity = capacity
        self.blocked_seconds = 0.0
        self._send: MemoryObjectSendStream[T]
        self._pages: MemoryObjectReceiveStream[T]
        self._send, self._pages = anyio.create_memory_object_stream[T](capacity)
        self._weigh = weigh
        self._bytes = 0
        self._room: anyio.Event | None = None
        """Set when a page leaves, where somebody waits for that."""

    @property
    def depth(self) -> int:
        """How many pages are waiting in it."""
        return self._pages.statistics().current_buffer_used

    async def send(self, page: T) -> None:
        """Put a page in, waiting for room when there is none."""
        size = self._weigh(page)
        started = perf_counter() if self._is_full(size) else None
        while self._is_full(size):
            self._room = self._room or anyio.Event()
            await self._room.wait()
        self._bytes += size
        try:
            self._send.send_nowait(page)
        except anyio.WouldBlock:
            started = started or perf_counter()
            try:
                await self._send.send(page)
            except BaseException:
                self._bytes -= size
                raise
        finally:
            if started is not None:
                self.blocked_seconds += perf_counter() - started

    def _is_full(self, size: int) -> bool:
        """Tell whether so many bytes have to wait for others to leave."""
        return self._bytes > 0 and self._bytes + size > MOST_BYTES

    def receive_nowait(self) -> T:
        """Take a page out.

        Raises:
            anyio.WouldBlock: there is none; ``anyio.EndOfStream``: none will come.
        """
        return self._take(self._pages.receive_nowait())

    async def receive(self) -> T:
        """Wait for a page, and take it out.

        Raises:
            anyio.EndOfStream: none will come.
        """
        return self._take(await self._pages.receive())

    def _take(self, page: T) -> T:
        """Make room, and tell those who wait for it."""
        self._bytes -= self._weigh(page)
        if self._room is not None:
            self._room.set()
            self._room = None
        return page

    async def __aiter__(self) -> AsyncIterator[T]:
        """Yield what comes out until the end; while more is inside nobody else has a turn."""
        with suppress(anyio.EndOfStream):
            while True:
                try:
                    page = self.receive_nowait()
                except anyio.WouldBlock:
                    page = await self.receive()
                yield page

    def end(self) -> None:
        """Say that no more pages come; those inside are still delivered."""
        self._send.close()

    def close(self) -> None:
        """Close both ends; pages inside are gone."""
        self._send.close()
        self._pages.close()
