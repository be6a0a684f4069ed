"""SIGINT and SIGTERM end what is awaited, in order; what ends is not broken off by another one."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import anyio

from stream.records.errors import Interrupted

__all__ = ["SIGNALS", "ignore_signals", "until_signalled"]

T = TypeVar("T")

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def pass_over(_: int, __: object) -> None:
    """Do nothing; of one that is ignored, and has come already, Python would complain."""


async def until_signalled(work: Callable[[], Awaitable[T]]) -> T:
    """Await ``work``, unless SIGINT or SIGTERM comes first.

    Where the whole process is ended by a signal (``stream.__main__``), later ones are ignored from
    the first one on: what was begun is put in order.

    Raises:
        Interrupted: one came; the work was cancelled.
    """
    results: list[T] = []
    received: list[int] = []
    loop = asyncio.get_running_loop()  # anyio has nothing that a signal may call

    def cancel(number: int, _: object) -> None:
        received.append(number)
        loop.call_soon_threadsafe(scope.cancel)

    with anyio.CancelScope() as scope:
        before = {number: signal.signal(number, cancel) for number in SIGNALS}
        try:
            results.append(await work())
        except Exception:
            if not received:
                raise
        finally:
            for number, known in before.items():
                owned = callable(known) and known is not signal.default_int_handler
                signal.signal(number, pass_over if received and owned else known)
    if not results:
        raise Interrupted(received[0])
    return results[0]


@contextmanager
def ignore_signals() -> Iterator[None]:
    """Let no signal break off what puts things in order."""
    before = {number: signal.signal(number, pass_over) for number in SIGNALS}
    try:
        yield
    finally:
        for number, known in before.items():
            signal.signal(number, known)
