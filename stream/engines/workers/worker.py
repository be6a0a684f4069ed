"""What a worker process does: take in its share, and compute what that comes to."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Set as AbstractSet
from contextlib import closing
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

import anyio

from stream.engines.signals import until_signalled
from stream.figures.endpoint import EndpointFigures, endpoint_figures
from stream.figures.relations import SavedObjects
from stream.intake.entries import CaptureEntry, ChainRun
from stream.intake.reading import Captured
from stream.pipeline import Observer, Replay, found_in, ingest
from stream.records.chains import Chain, Origin
from stream.records.errors import BadInput, UsageStreamError
from stream.records.shares import Share
from stream.records.tally import Tally
from stream.state.keyed import Windows
from stream.state.sqlite.shard import Shard

__all__ = ["Asked", "Failed", "Ingested", "Task", "work"]

TICK = 16


class Task(NamedTuple):
    """What a worker is to do; windows that leave its memory go to the file ``shard``."""

    run: Replay
    share: Share
    shard: Path


class Ingested(NamedTuple):
    """What a worker has read; ``wide`` are the endpoints with windows longer than a day."""

    runs: dict[Origin, ChainRun]
    captures: dict[str, CaptureEntry]
    chains: AbstractSet[Chain]
    objects: SavedObjects
    tally: Tally
    wide: set[str]


class Asked(NamedTuple):
    """What a worker is asked for: figures of all endpoints but ``apart``; all windows on disk."""

    apart: frozenset[str]
    flush: bool


class Failed(NamedTuple):
    """Why a worker gave up."""

    error: type[UsageStreamError]
    arguments: tuple[str, ...]
    path: str | None
    where: str | None

    def raised(self) -> UsageStreamError:
        """Make the error again."""
        if self.error is BadInput:
            reason, message = self.arguments
            return BadInput(reason, message, path=self.path).at(self.where or "")
        return self.error(*self.arguments)


def work(task: Task, pipe: Connection) -> None:
    """Do a task, telling the main process through ``pipe``; without it, end."""
    asked: SimpleQueue[Asked] = SimpleQueue()
    threading.Thread(target=listen, args=(pipe, asked), daemon=True).start()
    try:
        anyio.run(until_signalled, partial(take_share, task, pipe, asked))
    except BadInput as error:
        pipe.send(Failed(BadInput, (error.reason, error.message), error.path, error.where))
    except UsageStreamError as error:
        pipe.send(Failed(type(error), (str(error),), None, None))


def listen(pipe: Connection, asked: SimpleQueue[Asked]) -> None:
    """Pass on what is asked; when the main process is gone there is nobody to work for."""
    try:
        while True:
            asked.put(pipe.recv())
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)


async def take_share(task: Task, pipe: Connection, asked: SimpleQueue[Asked]) -> None:
    """Take the share in; then give its figures when they are asked for."""
    run, tally, pages = task.run, Tally(), 0

    def tick(_: str) -> None:
        nonlocal pages
        pages += 1
        if pages % TICK == 0:
            pipe.send(TICK)

    observer = Observer(on_page=tick) if task.share.first else Observer()
    shard = Shard(task.shard, run.rules.state, task.share)
    with closing(
        Captured(run.rules, tally, lambda: run.now, share=task.share, store=shard)
    ) as intake:
        inputs = found_in(run, intake.checkpoints, Observer())
        await ingest(inputs, intake, run, observer)
        windows = intake.state.windows()
        pipe.send(
            Ingested(
                intake.runs,
                intake.checkpoints.captures,
                windows.chains,
                intake.objects.saved(),
                tally,
                wide_in(windows),
            )
        )
        try:
            request = await anyio.to_thread.run_sync(asked.get, abandon_on_cancel=True)
        except BaseException:
            asked.put(Asked(frozenset(), flush=False))  # the thread that waits must end too
            raise
        if request.flush:
            intake.checkpoints.flush()
        pipe.send(figures_of(windows, request.apart))


def wide_in(windows: Windows) -> set[str]:
    """Return the endpoints that have a window which is longer than a day, or crosses midnight."""
    return {
        chain.endpoint
        for chain in windows.chains
        if any(slot.window.crosses_midnight for slot in windows.slots(chain))
    }


def figures_of(windows: Windows, apart: frozenset[str]) -> dict[str, EndpointFigures]:
    """Compute the figures of each endpoint; the windows stay here."""
    found = {}
    for key in sorted({chain.endpoint for chain in windows.chains} - apart):
        figures = endpoint_figures(key, windows)
        for label in figures.labels:
            figures.of_label(label)
        figures.windows = Windows()
        found[key] = figures
    return found
