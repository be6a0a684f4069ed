"""What a worker process does: take in its share, and compute what that comes to."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import closing, suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from typing import Final, TypeAlias

import anyio
import anyio._backends._asyncio  # 15 ms that each worker would take, once it is forked
from msgspec import Struct

from stream.engines.signals import run_until_signalled
from stream.engines.workers.ranges import ChainSlots, slots_in
from stream.figures.endpoint import EndpointFigures, endpoint_figures
from stream.intake.account import Account
from stream.intake.intake import Intake
from stream.intake.rules import Rules
from stream.intake.walks import Walk
from stream.pipeline import Observer, Replay, ingest_pages
from stream.records.chains import Chain
from stream.records.delivery import Part
from stream.records.errors import BadInput, Interrupted, Unavailable, UsageStreamError
from stream.records.interruption import INTERRUPTION
from stream.records.left_memory import leave_memory
from stream.records.memory import lacks_memory, no_memory
from stream.records.shares import Share
from stream.records.tally import Tally
from stream.sources.discovery import Survey
from stream.state.links import HeldLinks, PagePlace
from stream.state.memory import pause_collector
from stream.state.windows import Place, Windows

__all__ = [
    "Failure",
    "FigureRequest",
    "Hole",
    "Request",
    "ShareResult",
    "Task",
    "WindowRequest",
    "compute_figures",
    "failure_of",
    "open_intake",
    "run_task",
    "share_result_of",
    "take_pages",
]

TICK: Final = 0.1
"""After how many seconds the main process is told of more pages."""


class Task(Struct, frozen=True):
    """What a worker is to do, of all that is to be read or of a range of it.

    Windows that leave its memory go to the file ``shard``.
    """

    run: Replay
    share: Share
    survey: Survey
    shard: Path


class ShareResult(Struct, frozen=True):
    """What a worker has read.

    ``wide`` are the endpoints with windows longer than a day, and ``slots`` those of a range, of
    which others may have some too. Of days only the first worker says what is whole of pages: their
    ``chains``, what they say of their walks (``links``; ``has_spilled``: others are in its shard
    already), which ``walks`` that changes, of which parts what they said before is forgotten, and
    what lists define. The ``account`` is that of a range alone, and ``entries`` are those of days,
    each of which is of all workers together.
    """

    account: Account | None
    entries: dict[Part, bytes | None]
    chains: AbstractSet[Chain]
    tally: Tally
    wide: set[str]
    slots: dict[Chain, ChainSlots]
    links: HeldLinks
    walks: set[Walk]
    has_spilled: bool
    forgotten_parts: set[Part]
    letter_places: dict[PagePlace, Chain]
    objects: bytes


class Hole(Struct, frozen=True):
    """Where NUL bytes stood in front of a page, and how many."""

    place: str
    nul_bytes: int


class WindowRequest(Struct, frozen=True):
    """A worker is asked for windows, which the main process counts from then on."""

    places: list[Place]


class FigureRequest(Struct, frozen=True):
    """A worker is asked for figures, but of endpoints that are left to the main process.

    ``flush``: all its windows are to be on disk.
    """

    left_endpoints: AbstractSet[str]
    flush: bool


Request: TypeAlias = WindowRequest | FigureRequest


class Failure(Struct, frozen=True):
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
    asked: SimpleQueue[Request] = SimpleQueue()
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


def relay_requests(pipe: Connection, asked: SimpleQueue[Request]) -> None:
    """Pass on what is asked; when the main process is gone there is nobody to work for."""
    try:
        while True:
            asked.put(pipe.recv())
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)


async def take_share(task: Task, pipe: Connection, asked: SimpleQueue[Request]) -> None:
    """Take the share in; then give windows and figures of it when they are asked for."""
    run, share = task.run, task.share
    opened = closing(open_intake(run.rules, lambda: run.now, share, task.shard))
    observer = observer_through(pipe) if share.counts_pages else Observer()
    with pause_collector():
        with opened as intake:
            leave_memory(intake)
            pipe.send(await take_pages(task.survey, intake, run, observer))
            while isinstance(request := await next_request(asked), WindowRequest):
                pipe.send(intake.checkpoints.hand_over(request.places))
            if request.flush:
                intake.checkpoints.flush()
            with INTERRUPTION.allow():
                figures = compute_figures(
                    intake.windows(), request.left_endpoints, priced=run.adds_up_for_prices
                )
        pipe.send(figures)  # when the shard is whole


def open_intake(rules: Rules, clock: Callable[[], int], share: Share, shard: Path) -> Intake:
    """Return the intake of a worker; windows that leave its memory go to the file ``shard``.

    Raises:
        Unavailable, BadInput: as :class:`Intake`.
    """
    store = None
    if rules.state is not None:
        from stream.state.sqlite.shard import Shard  # noqa: PLC0415 -- 5 ms; most runs store nothing

        store = Shard(shard, rules.state, share)
    intake = Intake(rules, Tally(), clock, share, store)
    intake.checkpoints.scratch = shard
    return intake


async def take_pages(
    survey: Survey, intake: Intake, run: Replay, observer: Observer
) -> ShareResult:
    """Take in what was seen; return what has been read.

    Raises:
        BadInput: a page cannot be trusted.
        Unavailable: a file cannot be read or written.
    """
    try:
        await ingest_pages(survey, intake, run, observer)
    except BaseException:
        intake.store_rest()
        raise
    entries = intake.account.changes()
    intake.store()
    return share_result_of(intake, entries, intake.windows())


async def next_request(asked: SimpleQueue[Request]) -> Request:
    """Wait for what is asked next."""
    try:
        return await anyio.to_thread.run_sync(asked.get, abandon_on_cancel=True)
    except BaseException:
        asked.put(FigureRequest(frozenset(), flush=False))  # the thread that waits must end too
        raise


def observer_through(pipe: Connection) -> Observer:
    """Return who tells the main process of holes, and now and then of pages."""
    pages, told = 0, monotonic()

    def tick(_: str) -> None:
        nonlocal pages, told
        pages += 1
        if monotonic() - told > TICK:
            pipe.send(pages)
            pages, told = 0, monotonic()

    return Observer(on_page=tick, on_hole=lambda *found: pipe.send(Hole(*found)))


def share_result_of(
    intake: Intake, entries: dict[Part, bytes | None], windows: Windows
) -> ShareResult:
    """Return what has been read."""
    share, checkpoints, slots = intake.share, intake.checkpoints, slots_in(windows)
    wide = {chain.endpoint for chain, found in slots.items() if found.is_wide}
    is_range, is_whole = not share.by_days, share.counts_pages
    return ShareResult(
        intake.account if is_range else None,
        {} if is_range else entries,
        windows.chains if is_whole else frozenset(),
        intake.tally if is_whole else intake.tally.counts_of_rows(),
        wide,
        slots if is_range else {},
        checkpoints.links,
        intake.touched_walks() if is_whole else set(),
        checkpoints.has_links,
        intake.forgotten_parts if is_whole else set(),
        checkpoints.letter_places,
        intake.objects.saved_objects() if is_whole else b"",
    )


def compute_figures(
    windows: Windows, left_endpoints: AbstractSet[str], *, priced: bool = False
) -> dict[str, EndpointFigures]:
    """Compute the figures of each endpoint but some; ``priced``: by what prices go by too."""
    found = {}
    for key in sorted({chain.endpoint for chain in windows.chains} - left_endpoints):
        figures = endpoint_figures(key, windows, priced=priced)
        for label in figures.labels:
            figures.totals_of_label(label)
        figures.windows = Windows()
        found[key] = figures
    return found
