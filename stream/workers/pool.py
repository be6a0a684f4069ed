"""The main process of a shared replay: starts workers, and adds up what they found."""

from __future__ import annotations

import multiprocessing
import re
import shutil
import signal
import tempfile
from collections.abc import Iterable
from contextlib import closing, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final, NamedTuple

import anyio
import anyio.to_thread
import msgspec

from stream.chains import CaptureEntry, ChainRun
from stream.checkpoint import Shards, Store
from stream.checkpoint.letters import PageKey
from stream.checkpoint.store import Checkpoint
from stream.config import Replay
from stream.errors import Unavailable
from stream.figures import EndpointFigures, endpoint_figures
from stream.pipeline import Observer, expected_in, first_of, outlined, viewed, written
from stream.records import Origin
from stream.relations import Objects
from stream.shares import Share
from stream.sinks.report import Outline
from stream.state import Windows
from stream.tally import Tally
from stream.workers.joining import joined_captures, joined_figures, joined_runs, joined_tally
from stream.workers.worker import Asked, Failed, Ingested, Task, work

__all__ = ["Pool"]

SIGNALS: Final = frozenset({signal.SIGINT, signal.SIGTERM})
INDEX: Final = re.compile(r"\[([0-9]+)\]")
PATIENCE: Final = 30.0
"""Seconds that a worker has to store what it took in, when it is told to end."""


class Worker(NamedTuple):
    """A worker process, the main process' end of its pipe, and its shard."""

    process: BaseProcess
    pipe: Connection
    shard: Path

    def told(self) -> Any:
        """Wait for what the worker says next.

        Raises:
            Unavailable: it has ended without saying anything.
        """
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(PATIENCE)
            code = self.process.exitcode or 0
            how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
            raise Unavailable(
                f"worker process {self.process.pid} {how}; run the replay again "
                "(with --state it goes on from what was stored)"
            ) from None


class Pool:
    """Worker processes, from before there is any thread or event loop to when all have ended."""

    def __init__(self, run: Replay, count: int) -> None:
        """Start the workers.

        Raises:
            Unavailable, BadInput: the state file cannot be opened, or is damaged.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until somebody listens to them
        self.run = run
        self._scratch = Path(tempfile.mkdtemp(prefix="usage-stream-"))
        self.store: Store | None = None
        self.workers: list[Worker] = []
        state = run.rules.state
        try:
            if state is not None:
                self.store = Store(state)
                names = [f"{state.name}.shard-{rank}-of-{count}" for rank in range(count)]
                self.store.take_shards(names)
                shards = [state.with_name(name) for name in names]
            else:
                shards = [self._scratch / f"shard-{rank}" for rank in range(count)]
            for rank, shard in enumerate(shards):
                self._start(Task(run, Share(rank, count), shard))
        except BaseException:
            self.close()
            raise

    def _start(self, task: Task) -> None:
        fork = multiprocessing.get_context("fork")
        ours, theirs = fork.Pipe()
        inherited = [worker.pipe for worker in self.workers] + [ours]
        process = fork.Process(target=begin, args=(task, theirs, inherited))
        process.start()
        theirs.close()
        self.workers.append(Worker(process, ours, task.shard))

    def close(self) -> None:
        """End the workers; what they have stored stays, where there is a state file."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        for worker in self.workers:
            with suppress(ProcessLookupError, ValueError):
                worker.process.terminate()
        for worker in self.workers:
            worker.process.join(PATIENCE)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.pipe.close()
        if self.store is not None:
            try:
                self.store.take_shards([])
            finally:
                self.store.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    async def replay(self, tally: Tally, observer: Observer) -> Outline:
        """Wait for the workers, and write what comes of all they found.

        Raises:
            BadInput: a page or a chain cannot be trusted; no report is written.
            Unavailable: a file cannot be read or written, or a worker was ended.
        """
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # somebody listens by now
        run = self.run
        parts: list[Ingested] = await self._all(observer)
        expected = expected_in(run)
        joined_tally(tally, parts)
        runs, captures = joined_runs(parts), joined_captures(parts)
        apart = frozenset(key for part in parts for key in part.wide)
        flush = bool(run.details or apart or expected.survivors)
        for worker in self.workers:
            worker.pipe.send(Asked(apart, flush))
        figures: list[dict[str, EndpointFigures]] = await self._all(observer)
        for worker in self.workers:
            worker.process.join()
        objects = Objects()
        objects.restore(parts[0].objects)
        with closing(Shards([worker.shard for worker in self.workers])) as shards:
            letters = {page: sorted(some, key=rank) for page, some in shards.letters().items()}
            windows = Windows(parts[0].chains, store=shards)
            if self.store is not None:
                self._store(runs, captures, letters, parts, tally)
                windows = Windows(parts[0].chains, store=self.store)
            found = joined_figures(figures, windows)
            found |= {key: endpoint_figures(key, windows) for key in apart}
            view = viewed(windows, runs, objects.pages)
            outline = outlined(view, dict(sorted(found.items())), run.now, expected)
            ordered = self.store.letters() if self.store is not None else in_order(letters)
            await written(run, outline, ordered)
        return outline

    def _store(
        self,
        runs: dict[Origin, ChainRun],
        captures: dict[str, CaptureEntry],
        letters: dict[PageKey, list[bytes]],
        parts: list[Ingested],
        tally: Tally,
    ) -> None:
        """Take what all workers found into the state file."""
        assert self.store is not None  # noqa: S101 -- the caller has seen to it
        base = self.store.load()
        anew = [
            source
            for source, entry in captures.items()
            if entry.rewritten and source in base.captures and not base.captures[source].rewritten
        ]
        self.store.forget_lines(anew)
        self.store.take_shards([])
        pages = {
            (origin, page): entry
            for origin, run in runs.items()
            for page, entry in run.pages.packed.items()
        }
        tally.restore(base.tally)
        self.store.save(
            Checkpoint(
                now=self.run.now,
                pages=pages,
                letters=letters,
                links={},
                captures=captures,
                runs=[(origin, run.summary()) for origin, run in runs.items()],
                snapshots=(),
                raised={},
                objects=parts[0].objects,
                tally=tally.saved(),
                forgotten=(),
            )
        )

    async def _all(self, observer: Observer) -> list[Any]:
        """Wait for what each worker has to say, in the order of their ranks.

        Raises:
            UsageStreamError: what the first one that gave up says.
        """
        said: list[Any] = [None] * len(self.workers)

        async def hear(rank: int) -> None:
            while True:
                found = await anyio.to_thread.run_sync(
                    self.workers[rank].told, abandon_on_cancel=True
                )
                if isinstance(found, Failed):
                    raise found.raised()
                if not isinstance(found, int):
                    said[rank] = found
                    return
                for _ in range(found):
                    observer.on_page("")

        try:
            async with anyio.create_task_group() as tasks:
                for rank in range(len(self.workers)):
                    tasks.start_soon(hear, rank)
        except BaseExceptionGroup as group:
            raise first_of(group) from None
        return said


def begin(task: Task, pipe: Connection, inherited: Iterable[Connection]) -> None:
    """Begin as a worker: what belongs to the main process is let go of."""
    for connection in inherited:
        connection.close()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    work(task, pipe)


def rank(letter: bytes) -> tuple[bool, list[int]]:
    """Give the order of a page's letters: what is wrong with the page, then as it goes on."""
    path: str = msgspec.json.decode(letter)["path"] or ""
    return path.startswith("$.daily_costs"), [int(one) for one in INDEX.findall(path)]


def in_order(letters: dict[PageKey, list[bytes]]) -> Iterable[bytes]:
    """Yield dead letters in the order of chains and pages."""
    for _, found in sorted(letters.items(), key=lambda one: (one[0][0].chain, one[0][1], one[0])):
        yield from found
