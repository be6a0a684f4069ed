"""What a worker process does: take in its share, and compute what that comes to."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from contextlib import closing, suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

import anyio

from stream.engines.signals import run_until_signalled
from stream.figures.endpoint import EndpointFigures, endpoint_figures
from stream.intake.intake import Intake
from stream.intake.walks import Walk
from stream.pipeline import Observer, Replay, directory_of, ingest_pages, survey_directory
from stream.records.chains import Chain
from stream.records.delivery import LeftOut, Part
from stream.records.errors import BadInput, Interrupted, Unavailable, UsageStreamError
from stream.records.interruption import INTERRUPTION
from stream.records.memory import lacks_memory, no_memory
from stream.records.shares import Share
from stream.records.tally import Tally
from stream.state.links import HeldLinks, PagePlace
from stream.state.memory import pause_collector
from stream.state.sqlite.shard import open_shard
from stream.state.windows import Windows

__all__ = ["Failure", "FigureRequest", "Notice", "ShareResult", "Task", "run_task"]

TICK = 16


class Task(NamedTuple):
    """What a worker is to do; windows that leave its memory go to the file ``shard``."""

    run: Replay
    share: Share
    shard: Path


class ShareResult(NamedTuple):
    """What a worker has read; ``wide`` are the endpoints with windows longer than a day.

    ``entries`` are those of the parts that it has read. What is whole for all workers only the
    first one says: what pages say of their walks (``links``; ``has_spilled``: others are in its
    shard already), which ``walks`` that changes, of which parts what they said before is forgotten,
    which pages have other dead letters than before, what lists define, and what was ``left_out``.
    """

    entries: dict[Part, bytes | None]
    chains: AbstractSet[Chain]
    tally: Tally
    wide: set[str]
    links: HeldLinks
    walks: set[Walk]
    has_spilled: bool
    forgotten_parts: set[Part]
    letter_places: dict[PagePlace, Chain]
    objects: bytes
    left_out: Sequence[LeftOut]


class Notice(NamedTuple):
    """What an observer in the main process is told: the name of its member, and the arguments."""

    event: str
    arguments: tuple[Any, ...]


class FigureRequest(NamedTuple):
    """What a worker is asked for: figures of all endpoints but ``wide``; all windows on disk."""

    wide: frozenset[str]
    flush: bool


class Failure(NamedTuple):
    """Why a worker gave up."""

    error: type[UsageStreamError]
    arguments: tuple[str, ...]
    path: str | None
    place: str | None

    def make_error(self) -> UsageStreamError:
        """Make the error again."""
        if self.error is BadInput:
            reason, message = self.arguments
            return BadInput(reason, message, path=self.path).name_place(self.place or "")
        return self.error(*self.arguments)


def run_task(task: Task, pipe: Connection) -> None:
    """Do a task, telling the main process through ``pipe``; without it, end."""
    asked: SimpleQueue[FigureRequest] = SimpleQueue()
    threading.Thread(target=relay_requests, args=(pipe, asked), daemon=True).start()
    try:
        run_until_signalled(partial(take_share, task, pipe, asked))
    except Interrupted as error:
        os.kill(os.getpid(), error.signal_number)  # so that the main process sees by what it ended
    except Exception as error:
        if sys.flags.dev_mode and not isinstance(error, UsageStreamError):
            raise
        with suppress(OSError):  # nobody may be there any more
            pipe.send(failure_of(error))


def failure_of(error: Exception) -> Failure:
    """Say why a worker gives up; what is no error of ours is a bug."""
    match error:
        case BadInput():
            return Failure(BadInput, (error.reason, error.message), error.path, error.place)
        case UsageStreamError():
            return Failure(type(error), (str(error),), None, None)
        case _ if lacks_memory(error):
            return Failure(Unavailable, (str(no_memory("a worker process")),), None, None)
    what = f"{type(error).__name__}: {error}"
    return Failure(UsageStreamError, (f"a bug in a worker process ({what})",), None, None)


def relay_requests(pipe: Connection, asked: SimpleQueue[FigureRequest]) -> None:
    """Pass on what is asked; when the main process is gone there is nobody to work for."""
    try:
        while True:
            asked.put(pipe.recv())
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)


async def take_share(task: Task, pipe: Connection, asked: SimpleQueue[FigureRequest]) -> None:
    """Take the share in; then give its figures when they are asked for."""
    run, share = task.run, task.share
    observer = observer_through(pipe) if share.first else Observer()
    shard = open_shard(task.shard, run.rules.state, share)
    opened = closing(Intake(run.rules, Tally(), lambda: run.now, share, shard))
    with pause_collector(), opened as intake:
        source = directory_of(run, intake)
        try:
            survey = survey_directory(source, intake, observer)
            await ingest_pages(source, survey, intake, run, observer)
        except BaseException:
            intake.store_rest()
            raise
        entries = intake.account.changes()
        intake.store()
        windows = intake.windows()
        pipe.send(share_result_of(intake, entries, windows, survey.left_out))
        try:
            request = await anyio.to_thread.run_sync(asked.get, abandon_on_cancel=True)
        except BaseException:
            asked.put(FigureRequest(frozenset(), flush=False))  # the thread that waits must end too
            raise
        if request.flush:
            intake.checkpoints.flush()
        with INTERRUPTION.allow():
            figures = compute_figures(windows, request.wide, priced=run.prices is not None)
        pipe.send(figures)


def observer_through(pipe: Connection) -> Observer:
    """Return who tells the main process of progress; of pages it is told by some at a time."""
    pages = 0

    def tick(_: str) -> None:
        nonlocal pages
        pages += 1
        if pages % TICK == 0:
            pipe.send(TICK)

    def pass_on(event: str, *arguments: object) -> None:
        pipe.send(Notice(event, arguments))

    names = ("on_total", "on_left_out", "on_hole")
    return Observer(on_page=tick, **{name: partial(pass_on, name) for name in names})


def share_result_of(
    intake: Intake,
    entries: dict[Part, bytes | None],
    windows: Windows,
    left_out: Sequence[LeftOut],
) -> ShareResult:
    """Return what has been read."""
    return ShareResult(
        entries,
        windows.chains,
        intake.tally,
        wide_in(windows),
        intake.checkpoints.links,
        intake.touched_walks(),
        intake.checkpoints.store.has_links,
        intake.forgotten_parts,
        intake.checkpoints.letter_places,
        intake.objects.saved_objects(),
        left_out,
    )


def wide_in(windows: Windows) -> set[str]:
    """Return the endpoints that have a window which is longer than a day, or crosses midnight."""
    return {
        chain.endpoint
        for chain in windows.chains
        if any(slot.window.crosses_midnight for slot in windows.slots(chain))
    }


def compute_figures(
    windows: Windows, apart: frozenset[str], *, priced: bool = False
) -> dict[str, EndpointFigures]:
    """Compute the figures of each endpoint; ``priced``: by what prices go by too."""
    found = {}
    for key in sorted({chain.endpoint for chain in windows.chains} - apart):
        figures = endpoint_figures(key, windows, priced=priced)
        for label in figures.labels:
            figures.totals_of_label(label)
        figures.windows = Windows()
        found[key] = figures
    return found
