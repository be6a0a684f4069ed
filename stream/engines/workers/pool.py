"""The main process of a shared replay: starts workers, and adds up what they found."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack, closing, suppress
from functools import partial
from itertools import combinations
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, NamedTuple

import anyio
import anyio.to_thread
from msgspec.structs import replace

from stream.engines.signals import SIGNALS, ignore_signals
from stream.engines.workers.handles import PATIENCE, Worker, hear
from stream.engines.workers.joins import join_figures, join_windows, take_letters, take_over
from stream.engines.workers.ranges import compare_ranges, cut_pages
from stream.engines.workers.worker import (
    Failure,
    FigureRequest,
    ShareResult,
    Task,
    WindowRequest,
    compute_figures,
    run_task,
    take_pages,
)
from stream.figures.endpoint import EndpointFigures
from stream.intake.account import Account, name_in
from stream.intake.former import former_chains
from stream.intake.intake import Intake
from stream.pipeline import (
    Observer,
    Replay,
    announce_survey,
    day_store_of,
    expected_in,
    finish_run,
    freeze_state,
    replay,
    survey_directory,
)
from stream.records.chains import Chain
from stream.records.errors import BadInput, first_of
from stream.records.interruption import INTERRUPTION
from stream.records.left_memory import leave_memory
from stream.records.shares import Share
from stream.records.tally import Tally
from stream.sinks.report import Report
from stream.sinks.scratch import make_temporary_scratch
from stream.sources.regular_files import signature_of
from stream.state.memory import pause_collector
from stream.state.shards import Shards
from stream.state.windows import Place, Windows

__all__ = ["Pool"]

WINDOWS_AT_ONCE: Final = 64
"""How many windows a worker hands over at a time."""


class ShareResults(NamedTuple):
    """What was read in each share, and which endpoints of ranges cannot be added up."""

    parts: list[ShareResult]
    touching_endpoints: set[str]


class Pool:
    """Worker processes, from before there is any thread or event loop to when all have ended.

    Where pages are cut into ranges the main process takes the first of them itself; its intake
    takes over what all others found.
    """

    def __init__(self, run: Replay, count: int, tally: Tally) -> None:
        """Start the workers.

        Raises:
            Unavailable, BadInput: there is nothing to be read, or the state file cannot be.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until somebody listens to them
        self.run = run
        self.tally = tally
        self._left = ExitStack()
        """What is to be removed."""
        scratch = make_temporary_scratch()
        self._left.callback(scratch.remove)
        self.intake: Intake | None = None
        self.workers: list[Worker] = []
        try:
            self.intake = Intake(run.rules, tally, lambda: run.now, Share(0, count))
            with pause_collector():  # there may be a great many files
                self.survey = survey_directory(run, self.intake)
                ranges = cut_pages(run, self.survey, count)
            self.own_range = ranges[0] if ranges else None
            cut = [one for found in ranges for one in found.captures if one.lines.start]
            self._cut_captures = {path: signature_of(path) for path in {one.path for one in cut}}
            """Captures of which several processes read some lines, as they were then."""
            self._cut_names = {one.name for one in cut}
            """What people are told of those."""
            if ranges:
                tasks = [(Share(rank, count), found) for rank, found in enumerate(ranges)][1:]
            else:
                tasks = [(Share(rank, count, by_days=True), self.survey) for rank in range(count)]
            shards = self._name_shards(count, scratch.path)
            for share, survey in tasks:
                self.start_worker(Task(run, share, survey, shards[share.rank]))
        except BaseException:
            self.close()
            raise

    def _name_shards(self, count: int, scratch: Path) -> list[Path]:
        """Return where windows of each share go, beside the state file if there is one."""
        state, intake = self.run.rules.state, self.intake
        if state is None or intake is None:
            return [scratch / f"shard-{rank}" for rank in range(count)]
        names = [f"{state.name}.shard-{rank}-of-{count}" for rank in range(count)]
        intake.checkpoints.store.take_shards(names)
        return [state.with_name(name) for name in names]

    def start_worker(self, task: Task) -> None:
        """Start a worker with what it is to do."""
        fork = multiprocessing.get_context("fork")
        ours, theirs = fork.Pipe()
        inherited = [worker.pipe for worker in self.workers] + [ours]
        process = fork.Process(target=begin_worker, args=(task, theirs, inherited))
        process.start()
        theirs.close()
        self.workers.append(Worker(process, ours, task.shard))

    def close(self) -> None:
        """End the workers; what they have stored stays, where there is a state file."""
        with ignore_signals():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            self._let_go()

    def _let_go(self) -> None:
        """End the workers, and give up what is held open; nothing of it is left then."""
        workers, self.workers = self.workers, []
        intake, self.intake = self.intake, None
        for worker in workers:
            with suppress(ProcessLookupError, ValueError):
                worker.child.terminate()
        for worker in workers:
            worker.child.join(PATIENCE)
            if worker.child.is_alive():
                worker.child.kill()
                worker.child.join()
            worker.pipe.close()
        if intake is not None:
            try:
                if self.run.rules.state is not None:
                    intake.checkpoints.store.take_shards([])
            finally:
                intake.close()
        self._left.close()

    async def replay(self, observer: Observer) -> Report:
        """Wait for the workers, and write what comes of all that was found.

        Raises:
            BadInput: a page or a chain cannot be trusted; no report is written.
            Unavailable: a file cannot be read or written, or a worker was ended.
        """
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # somebody listens by now
        announce_survey(self.survey, observer)
        assert self.intake is not None  # noqa: S101 -- without it there is no pool
        with pause_collector():
            take = self._take_lines if self._cut_captures else self._take_all
            taken = await take(observer)
            if taken is not None:
                return await self._finish(self.intake, observer, taken)
        return await self._replay_alone(observer)

    async def _take_lines(self, observer: Observer) -> ShareResults | None:
        """Let ranges of lines be taken in.

        ``None``: a line is bad, or NUL bytes stand before one, and people are to be told its
        number; or a capture was written to meanwhile; or as :meth:`_take_all`.
        """
        with suppress(BadInput):
            taken = await self._take_all(replace(observer, on_hole=refuse_hole))
            if all(signature_of(path) == one for path, one in self._cut_captures.items()):
                return taken
        return None

    def _has_namesakes(self, accounts: Iterable[Account]) -> bool:
        """Tell whether files of several ranges go by one name, as those do that are masked alike.

        A capture that was cut has its lines in several.
        """
        return any(
            name_in(one[part]).name not in self._cut_names
            for one, other in combinations([account.packed_entries for account in accounts], 2)
            for part in one.keys() & other.keys()
        )

    async def _replay_alone(self, observer: Observer) -> Report:
        """Replay in this process alone, after all: who reads all lines knows their numbers.

        Of a file that was written to meanwhile they are what stood in it at one time, too; and
        files of one name are told apart where all of them are read.

        Raises:
            BadInput, Unavailable: as :meth:`replay`.
        """
        self._let_go()
        self.tally.clear()
        again = Observer(on_page=observer.on_page, on_hole=observer.on_hole)
        return await replay(self.run, self.tally, again)

    async def _finish(self, intake: Intake, observer: Observer, taken: ShareResults) -> Report:
        """Add up what was taken in, and write what comes of it.

        Raises:
            BadInput, Unavailable: as :meth:`replay`.
        """
        leave_memory(intake)
        run, (parts, touching) = self.run, taken
        checkpoints, lasting = intake.checkpoints, run.rules.state is not None
        others = parts[len(parts) - len(self.workers) :]
        expected = expected_in(run)
        left = touching.union(*(part.wide for part in parts))
        flush = bool(run.details or left or expected.survivors)
        figures = await self._add_up(intake, others, FigureRequest(left, flush), observer)
        written = [worker.shard for worker in self.workers if worker.shard.exists()]
        with closing(Shards(written, intake.state)) as shards:
            take_letters(intake, shards.letters())
            if lasting:
                checkpoints.store.take_shards([], counted=True)
            for worker, part in zip(self.workers, others, strict=True):
                if part.has_spilled and not lasting:
                    checkpoints.store.take_from(worker.shard, ["links"])
            try:
                intake.judge()
            finally:
                intake.store()
            intake.refuse_letters()
            windows = Windows(
                frozenset[Chain]().union(*(part.chains for part in parts)),
                dict(intake.state.snapshots),
                dict(intake.state.raised_revisions),
                checkpoints.store if lasting else shards,
            )
            windows.former_chains = former_chains(windows.chains, intake.account)
            state = replace(
                freeze_state(intake),
                windows=windows,
                left_out=self.survey.left_out,
                day_store=day_store_of(intake),
            )
            letters, joined = intake.checkpoints.letters(), join_figures(figures, windows)
            report = await finish_run(
                state, run.now, run.outputs, letters, expected, joined, checkpoints.losses
            )
        for worker in self.workers:
            worker.child.join()
        return report

    async def _take_all(self, observer: Observer) -> ShareResults | None:
        """Let all shares be taken in, the own range too, and take windows that several ranges have.

        ``None``: of ranges two have files of one name, which one process alone tells apart.

        Raises:
            BadInput: a page cannot be trusted.
        """
        own, intake = [], self.intake
        assert intake is not None  # noqa: S101 -- as above
        if self.own_range is not None:
            own.append(partial(take_pages, self.own_range, intake, self.run, observer))
        parts: list[ShareResult] = await self._gather(observer, own)
        if self._has_namesakes(part.account for part in parts if part.account is not None):
            return None
        shared, touching = compare_ranges([part.slots for part in parts])
        await self._take_shared(shared[len(own) :], intake, observer)
        return ShareResults(parts, touching)

    async def _add_up(
        self,
        intake: Intake,
        others: Sequence[ShareResult],
        request: FigureRequest,
        observer: Observer,
    ) -> list[dict[str, EndpointFigures]]:
        """Return the figures of each share; what others found is taken over meanwhile."""
        for worker in self.workers:
            worker.ask(request)
        take_over(intake, others)
        figures: list[dict[str, EndpointFigures]] = []
        if self.own_range is not None:
            with INTERRUPTION.allow():
                windows, priced = intake.windows(), self.run.adds_up_for_prices
                figures.append(compute_figures(windows, request.left_endpoints, priced=priced))
        return figures + await self._gather(observer)

    async def _take_shared(
        self, shared: Sequence[Sequence[Place]], intake: Intake, observer: Observer
    ) -> None:
        """Take windows that several ranges have from the workers, a few at a time."""
        for first in range(0, max(map(len, shared), default=0), WINDOWS_AT_ONCE):
            for worker, places in zip(self.workers, shared, strict=True):
                worker.ask(WindowRequest([*places[first : first + WINDOWS_AT_ONCE]]))
            for found in await self._gather(observer):
                join_windows(intake, found)

    async def _gather(
        self, observer: Observer, own: Iterable[Callable[[], Awaitable[Any]]] = ()
    ) -> list[Any]:
        """Wait for what each worker has to say, in the order of their ranks, and do the own work.

        Raises:
            UsageStreamError: what one says that gave up: of bad pages the first one, as far as
                those before it have been read.
        """
        steps: list[Callable[[], Awaitable[Any]]]
        steps = [*own, *(partial(hear, worker, observer) for worker in self.workers)]
        said: list[Any] = [None] * len(steps)

        async def take_step(rank: int) -> None:
            said[rank] = await steps[rank]()
            for found in said:
                if found is None and self.own_range is not None:
                    return  # one process would read those pages first
                if isinstance(found, Failure):
                    raise found.make_error()

        try:
            async with anyio.create_task_group() as tasks:
                for rank in range(len(steps)):
                    tasks.start_soon(take_step, rank)
        except BaseExceptionGroup as group:
            raise first_of(group) from None
        return said


def refuse_hole(_: str, __: int) -> None:
    """Refuse NUL bytes in a range: people are told on which line they stood.

    Raises:
        BadInput: always.
    """
    raise BadInput("capture", "found NUL bytes on a line without a number")


def begin_worker(task: Task, pipe: Connection, inherited: Iterable[Connection]) -> None:
    """Begin as a worker: what belongs to the main process is let go of."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    for connection in inherited:
        connection.close()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    run_task(task, pipe)
