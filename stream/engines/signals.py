"""SIGINT, SIGTERM and SIGHUP end what is awaited, in order, and nothing breaks that off.

SIGHUP, which says that the terminal is closed, does not where it is ignored, as by nohup.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import anyio

from stream.records.errors import Interrupted
from stream.records.interruption import INTERRUPTION

__all__ = [
    "SIGNALS",
    "defer_signals",
    "ignore_signals",
    "run_until_signalled",
    "until_signalled",
]

T = TypeVar("T")


def hangups_heard() -> list[signal.Signals]:
    """Return the signal of a terminal that is closed, if there is one and nobody ignores it."""
    is_heard = hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
    return [signal.SIGHUP] if is_heard else []


SIGNALS: Final = (*hangups_heard(), signal.SIGINT, signal.SIGTERM)


class Threads(ThreadPoolExecutor):
    """Threads that read files; once a signal has come nobody waits for what they still do."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 -- as its base
        """Let the threads end."""
        is_ended = bool(INTERRUPTION.signal_number)
        super().shutdown(wait and not is_ended, cancel_futures=cancel_futures or is_ended)


def pass_over(_: int, __: object) -> None:
    """Do nothing; of one that is ignored, and has come already, Python would complain."""


def note_signal(number: int, _: object) -> None:
    """Note a signal, for whoever listens next."""
    INTERRUPTION.note(number)


def run_until_signalled(work: Callable[[], Awaitable[T]]) -> T:
    """Run ``work`` in an event loop, unless one of the signals comes first.

    Raises:
        Interrupted: one came; the work was cancelled.
    """
    with defer_signals():
        return anyio.run(until_signalled, work)


async def until_signalled(work: Callable[[], Awaitable[T]]) -> T:
    """Await ``work``, unless one of the signals comes first.

    Where the whole process is ended by a signal (``stream.__main__``), later ones are ignored from
    the first one on: what was begun is put in order.

    Raises:
        Interrupted: one came; the work was cancelled.
    """
    asyncio.get_running_loop().set_default_executor(Threads())
    results: list[T] = []
    with anyio.CancelScope() as scope, cancel_at_signal(scope):
        try:
            results.append(await work())
        except Exception:
            if not INTERRUPTION.signal_number:
                raise
    if not results:
        raise Interrupted(INTERRUPTION.signal_number)
    return results[0]


@contextmanager
def cancel_at_signal(scope: anyio.CancelScope) -> Iterator[None]:
    """Cancel a scope at the first signal, which may have been noted before.

    Where the whole process is ended by a signal (``stream.__main__``), later ones are ignored from
    the first one on: what was begun is put in order.
    """
    loop = asyncio.get_running_loop()  # anyio has nothing that a signal may call

    def cancel(number: int, _: object) -> None:
        loop.call_soon_threadsafe(scope.cancel)
        INTERRUPTION.note(number)

    before = {number: signal.signal(number, cancel) for number in SIGNALS}
    if INTERRUPTION.signal_number:
        scope.cancel()
    try:
        yield
    finally:
        restore_listeners(before)


@contextmanager
def ignore_signals() -> Iterator[None]:
    """Let no signal break off what puts things in order."""
    before = {number: signal.signal(number, pass_over) for number in SIGNALS}
    try:
        yield
    finally:
        restore_listeners(before)


@contextmanager
def defer_signals() -> Iterator[None]:
    """Let a signal count for what is next awaited until one comes, and for nothing after that."""
    INTERRUPTION.forget()
    before = {number: signal.signal(number, note_signal) for number in SIGNALS}
    try:
        yield
        INTERRUPTION.forget()
    finally:
        restore_listeners(before)
        INTERRUPTION.forget()


def restore_listeners(before: Mapping[signal.Signals, Any]) -> None:
    """Have signals told to whom they were told before; once one has come, later ones to nobody."""
    for number, known in before.items():
        owned = callable(known) and known is not signal.default_int_handler
        signal.signal(number, pass_over if INTERRUPTION.signal_number and owned else known)
