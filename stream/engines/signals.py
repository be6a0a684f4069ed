"""SIGINT and SIGTERM end what is awaited, in order."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from anyio.abc import TaskStatus

from stream.records.errors import Interrupted

__all__ = ["until_signalled"]

T = TypeVar("T")


async def until_signalled(work: Callable[[], Awaitable[T]]) -> T:
    """Await ``work``, unless SIGINT or SIGTERM comes first.

    Raises:
        Interrupted: one came; the work was cancelled.
    """
    received: list[int] = []
    results: list[T] = []

    async def watch(
        scope: anyio.CancelScope, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        try:
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                task_status.started()
                async for number in signals:
                    received.append(number)
                    scope.cancel()
        except NotImplementedError:  # Windows, where Ctrl-C is a KeyboardInterrupt
            task_status.started()

    try:
        async with anyio.create_task_group() as tasks:
            await tasks.start(watch, tasks.cancel_scope)
            results.append(await work())
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    if not results:
        raise Interrupted(received[0])
    return results[0]
