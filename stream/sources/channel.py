"""The bounded channel between sources and the consumer: full, it makes the producers wait."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from time import perf_counter
from typing import Generic, TypeVar

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

__all__ = ["DEFAULT_CAPACITY", "Channel"]

T = TypeVar("T")

DEFAULT_CAPACITY = 4


class Channel(Generic[T]):
    """Carries pages, at most ``capacity`` of them, and measures how long producers waited."""

    def __init__(self, capacity: int) -> None:
        """Open a channel; ``capacity`` is in pages."""
        self.capacity = capacity
        self.blocked_seconds = 0.0
        self._send: MemoryObjectSendStream[T]
        self.pages: MemoryObjectReceiveStream[T]
        self._send, self.pages = anyio.create_memory_object_stream[T](capacity)

    @property
    def depth(self) -> int:
        """How many pages are waiting in it."""
        return self.pages.statistics().current_buffer_used

    async def send(self, page: T) -> None:
        """Put a page in, waiting for room when there is none."""
        try:
            self._send.send_nowait(page)
        except anyio.WouldBlock:
            started = perf_counter()
            try:
                await self._send.send(page)
            finally:
                self.blocked_seconds += perf_counter() - started

    async def __aiter__(self) -> AsyncIterator[T]:
        """Yield what comes out until the end; while more is inside nobody else has a turn."""
        with suppress(anyio.EndOfStream):
            while True:
                try:
                    page = self.pages.receive_nowait()
                except anyio.WouldBlock:
                    page = await self.pages.receive()
                yield page

    def end(self) -> None:
        """Say that no more pages come; those inside are still delivered."""
        self._send.close()

    def close(self) -> None:
        """Close both ends; pages inside are gone."""
        self._send.close()
        self.pages.close()
