"""The main process of a shared replay: starts workers, and adds up what they found."""

from __future__ import annotations

import multiprocessing
import re
import signal
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final, NamedTuple

import anyio
import anyio.to_thread
import msgspec

from stream.engines.signals import SIGNALS, ignore_signals
from stream.engines.workers.joins import join_figures, join_tallies
from stream.engines.workers.worker import (
    Failure,
    FigureRequest,
    Notice,
    ShareResult,
    Task,
    run_task,
)
from stream.figures.endpoint import EndpointFigures
from stream.intake.account import join_entries
from stream.intake.former import former_chains
from stream.intake.intake import Intake
from stream.pipeline import (
    Observer,
    Replay,
    day_store_of,
    expected_in,
    finish_run,
    freeze_state,
)
from stream.records.errors import Unavailable, first_of
from stream.records.shares import Share
from stream.records.tally import Tally
from stream.sinks.report import Report
from stream.sinks.scratch import make_temporary_scratch
from stream.state.links import PagePlace
from stream.state.sqlite.letters import Letters
from stream.state.sqlite.shard import Shards
from stream.state.windows import Windows

__all__ = ["Pool"]

INDEX: Final = re.compile(r"\[([0-9]+)\]")
PATIENCE: Final = 30.0
"""Seconds that a worker has to store what it took in, when it is told to end."""


class Worker(NamedTuple):
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

    def ask(self, request: FigureRequest) -> None:
        """Ask for figures.

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


class Pool:
    """Worker processes, from before there is any thread or event loop to when all have ended.

    The main process has an intake of its own, which takes over what all workers found.
    """

    def __init__(self, run: Replay, count: int, tally: Tally) -> None:
        """Start the workers.

        Raises:
            Unavailable, BadInput: the state file cannot be opened, or is damaged.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until somebody listens to them
        self.run = run
        self._scratch = make_temporary_scratch()
        self.intake: Intake | None = None
        self.workers: list[Worker] = []
        state = run.rules.state
        shards = [self._scratch.path / f"shard-{rank}" for rank in range(count)]
        try:
            self.intake = Intake(run.rules, tally, lambda: run.now)
            if state is not None:
                names = [f"{state.name}.shard-{rank}-of-{count}" for rank in range(count)]
                self.intake.checkpoints.store.take_shards(names)
                shards = [state.with_name(name) for name in names]
            for rank, shard in enumerate(shards):
                self._start(Task(run, Share(rank, count), shard))
        except BaseException:
            self.close()
            raise

    def _start(self, task: Task) -> None:
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
            self._close()

    def _close(self) -> None:
        for worker in self.workers:
            with suppress(ProcessLookupError, ValueError):
                worker.child.terminate()
        for worker in self.workers:
            worker.child.join(PATIENCE)
            if worker.child.is_alive():
                worker.child.kill()
                worker.child.join()
            worker.pipe.close()
        if self.intake is not None:
            try:
                if self.run.rules.state is not None:
                    self.intake.checkpoints.store.take_shards([])
            finally:
                self.intake.close()
        self._scratch.remove()

    async def replay(self, observer: Observer) -> Report:
        """Wait for the workers, and write what comes of all they found.

        Raises:
            BadInput: a page or a chain cannot be trusted; no report is written.
            Unavailable: a file cannot be read or written, or a worker was ended.
        """
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # somebody listens by now
        run, intake = self.run, self.intake
        assert intake is not None  # noqa: S101 -- without it there is no pool
        parts: list[ShareResult] = await self._receive_all(observer)
        apart = frozenset(key for part in parts for key in part.wide)
        expected = expected_in(run)
        flush = bool(run.details or apart or expected.survivors)
        for worker in self.workers:
            worker.ask(FigureRequest(apart, flush))
        figures: list[dict[str, EndpointFigures]] = await self._receive_all(observer)
        for worker in self.workers:
            worker.child.join()
        with closing(Shards([worker.shard for worker in self.workers])) as shards:
            take_over(intake, parts, shards.letters())
            store = intake.checkpoints.store
            if run.rules.state is not None:
                store.take_shards([], counted=True)
            elif parts[0].has_spilled:
                store.take_from(self.workers[0].shard, ["links"])
            try:
                intake.judge()
            finally:
                intake.store()
            intake.refuse_letters()
            lasting = run.rules.state is not None
            windows = Windows(parts[0].chains, store=store if lasting else shards)
            windows.former_chains = former_chains(windows.chains, intake.account)
            state = freeze_state(intake)._replace(
                windows=windows, left_out=parts[0].left_out, day_store=day_store_of(intake)
            )
            found = join_figures(figures, windows)
            letters = intake.checkpoints.letters()
            return await finish_run(
                state, run.now, run.outputs, letters, expected, found, store.losses
            )

    async def _receive_all(self, observer: Observer) -> list[Any]:
        """Wait for what each worker has to say, in the order of their ranks.

        Raises:
            UsageStreamError: what the first one that gave up says.
        """
        said: list[Any] = [None] * len(self.workers)

        async def hear(rank: int) -> None:
            while True:
                found = await anyio.to_thread.run_sync(
                    self.workers[rank].receive, abandon_on_cancel=True
                )
                if isinstance(found, Failure):
                    raise found.make_error()
                if isinstance(found, Notice):
                    getattr(observer, found.event)(*found.arguments)
                elif isinstance(found, int):
                    for _ in range(found):
                        observer.on_page("")
                else:
                    said[rank] = found
                    return

        try:
            async with anyio.create_task_group() as tasks:
                for rank in range(len(self.workers)):
                    tasks.start_soon(hear, rank)
        except BaseExceptionGroup as group:
            raise first_of(group) from None
        return said


def begin_worker(task: Task, pipe: Connection, inherited: Iterable[Connection]) -> None:
    """Begin as a worker: what belongs to the main process is let go of."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    for connection in inherited:
        connection.close()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    run_task(task, pipe)


def take_over(
    intake: Intake, parts: Sequence[ShareResult], letters: Mapping[PagePlace, Letters]
) -> None:
    """Let the main process' intake have what all workers found but windows."""
    first, checkpoints = parts[0], intake.checkpoints
    join_tallies(intake.tally, [part.tally for part in parts])
    intake.objects.restore(first.objects)
    intake.objects.has_changed = True
    intake.standing.touched_walks |= first.walks
    for part in list(first.entries):
        entries = [one.entries.pop(part, None) for one in parts]
        known = [entry for entry in entries if entry is not None]
        intake.account.take(part, join_entries(known) if known else None)
    if first.forgotten_parts:  # before what the shards know of them is taken over
        for part in first.forgotten_parts:
            checkpoints.forget(part)
        checkpoints.flush_links()
    checkpoints.links.update(first.links)
    for (part, place), chain in first.letter_places.items():
        checkpoints.put_letters(part, place, chain, [])
    for (part, place), (chain, found) in letters.items():
        checkpoints.put_letters(part, place, chain, sorted(found, key=letter_order_of))


def letter_order_of(letter: bytes) -> tuple[bool, list[int]]:
    """Give the order of a page's letters: what is wrong with the page, then as it goes on."""
    path: str = msgspec.json.decode(letter)["path"] or ""
    return path.startswith("$.daily_costs"), [int(one) for one in INDEX.findall(path)]
