"""What the main process knows of a worker process: how to ask it, and what it has to say."""

from __future__ import annotations

from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

import anyio.to_thread
from msgspec import Struct

from stream.engines.workers.worker import Failure, Hole, Request, ShareResult
from stream.pipeline import Observer
from stream.records.errors import BadInput, Unavailable

__all__ = ["PATIENCE", "Worker", "hear"]

PATIENCE: Final = 30.0
"""Seconds that a worker has to store what it took in, when it is told to end."""


class Worker(Struct, frozen=True):
    """A worker process, the main process' end of its pipe, and its shard."""

    child: BaseProcess
    pipe: Connection
    shard: Path

    def receive(self) -> Any:
        """Wait for what the worker says next.

        Raises:
            Unavailable: it has ended without saying anything.
        """
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            raise self.explain_end() from None

    def ask(self, request: Request) -> None:
        """Ask for something.

        Raises:
            Unavailable: it has ended.
        """
        try:
            self.pipe.send(request)
        except OSError:
            raise self.explain_end() from None

    def explain_end(self) -> Unavailable:
        """Say how the worker has ended."""
        self.child.join(PATIENCE)
        code = self.child.exitcode or 0
        how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
        return Unavailable(
            f"worker process {self.child.pid} {how}; run the replay again "
            "(with --state it goes on from what was stored)"
        )


async def hear(worker: Worker, observer: Observer) -> Any:
    """Wait for what a worker has to say, and tell the observer of its pages.

    Raises:
        UsageStreamError: it gave up, and not for a page.
    """
    pages = 0
    while True:
        found = await anyio.to_thread.run_sync(worker.receive, abandon_on_cancel=True)
        if isinstance(found, Hole):
            observer.on_hole(found.place, found.nul_bytes)
            continue
        more = found if isinstance(found, int) else 0
        if isinstance(found, ShareResult):
            more = sum(found.tally.pages.values()) - pages
        for _ in range(more):
            observer.on_page("")
        pages += more
        if isinstance(found, Failure) and found.error is not BadInput:
            raise found.make_error()
        if not isinstance(found, int):
            return found
