"""A source that follows a script, and runs that take in what it delivers, in one worker or several.

A script is deliveries with marks between them: where a look ends, where the process dies, and where
a run ends and the next one goes on with its state. The position of a part is the place in the
script behind what was delivered of it, so that a source built again delivers what state lacks.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack, closing
from decimal import Decimal
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple, TypeAlias

import anyio
from msgspec.structs import replace

from stream.engines.workers.joins import join_figures, take_letters, take_over
from stream.engines.workers.worker import (
    ShareResult,
    compute_figures,
    open_intake,
    share_result_of,
)
from stream.figures.endpoint import EndpointFigures, SpilledFigures
from stream.figures.outline import FrozenState
from stream.intake.intake import Intake
from stream.intake.rules import Rules
from stream.pipeline import Outputs, finish_run, freeze_state
from stream.records.chains import Chain, ChainSummary
from stream.records.delivery import Delivery, Page, Part
from stream.records.errors import BadInput
from stream.records.shares import Share
from stream.records.tally import Tally
from stream.sources.source import Send, Source
from stream.state.shards import Shards
from stream.state.windows import Windows
from tests.support.comparing import Json
from tests.support.running import NOW
from tests.support.strategies import COMPLETIONS, file_name, written

__all__ = [
    "ABORT",
    "END",
    "PAUSE",
    "Mark",
    "Played",
    "Script",
    "Scripted",
    "Setting",
    "fixture",
    "fixture_gone",
    "line",
    "played",
    "take_all",
    "unread",
]


class Mark(Enum):
    """What happens between deliveries."""

    PAUSE = "the look ends, and the next one goes on"
    ABORT = "the process dies: what is in no checkpoint is lost, and another goes on"
    END = "the run ends, and is stored; what follows is another run's, on the same state"


PAUSE, ABORT, END = Mark
Step: TypeAlias = Delivery | Mark
Script: TypeAlias = Sequence[Step]
NAME: Final = "scripted"
USUAL: Final = Chain(COMPLETIONS, "primary")
CLOCK: Final = int(NOW)


# Deliveries -------------------------------------------------------------------------------


def fixture(
    number: int, content: Json | BadInput, endpoint: str = COMPLETIONS, label: str = "primary"
) -> Delivery:
    """Deliver a numbered page, a part of its own, as fixtures are delivered."""
    error = content if isinstance(content, BadInput) else None
    body = b"" if isinstance(content, BadInput) else written(content).encode()
    page = Page(Chain(endpoint, label), number, body, number, error=error)
    part = Part(NAME, f"{endpoint}/{label}/{number}")
    return Delivery(part, file_name(endpoint, label, number), page, b"", begins_anew=True)


def fixture_gone(number: int, endpoint: str = COMPLETIONS, label: str = "primary") -> Delivery:
    """Say that a numbered page is not there any more."""
    part = Part(NAME, f"{endpoint}/{label}/{number}")
    return Delivery(part, part.name, None, b"", is_gone=True)


def line(  # noqa: PLR0913 -- what a line may say
    place: int,
    content: Json | BadInput,
    part: str = "a.ndjson",
    *,
    chain: Chain = USUAL,
    revision: int = 0,
    asked: str | None = None,
    final: bool = True,
    anew: bool = False,
) -> Delivery:
    """Deliver a page among others of its part, as the lines of captures are delivered."""
    error = content if isinstance(content, BadInput) else None
    body = b"" if isinstance(content, BadInput) else written(content).encode()
    page = Page(chain, place, body, 0, revision, asked, error, final)
    return Delivery(Part(NAME, part), part, page, b"", begins_anew=anew)


def unread() -> BadInput:
    """Make the reason why there is no page."""
    return BadInput("json", "found no JSON, expected a page")


# The source -------------------------------------------------------------------------------


class Aborted(Exception):
    """Raised where a script says that the process dies; ``place`` is where that is."""

    def __init__(self, place: int) -> None:
        super().__init__(f"step {place} is the end of the process")
        self.place = place


class Scripted:
    """Delivers what a script says and ``positions`` do not know of; marks in ``passed`` are over.

    A part that is unknown again (a page that is gone, and counted for nothing) begins anew.
    """

    def __init__(
        self, script: Script, positions: Mapping[str, bytes], passed: Collection[int] = ()
    ) -> None:
        self.name = NAME
        self.script = script
        self.passed = passed
        self.place = 0
        """How many steps are behind it; at an end, the place of that."""
        self._known = {name: int(position) for name, position in positions.items()}

    async def look(self, send: Send) -> float | None:
        """Deliver up to the next mark; ``None`` at the end of a run."""
        while self.place < len(self.script):
            step = self.script[self.place]
            if isinstance(step, Delivery):
                self.place += 1
                if self._known.get(step.part.name, 0) < self.place:
                    await send(replace(step, position=b"%d" % self.place))
                continue
            if step is PAUSE:
                self.place += 1
                return 0.0
            if self.place not in self.passed:
                if step is ABORT:
                    raise Aborted(self.place)
                return None
            self.place += 1
        return None


# Runs -------------------------------------------------------------------------------------


class Setting(NamedTuple):
    """How a script is taken in: a checkpoint every so many deliveries, if state is kept at all.

    ``strict``: nothing that is bad is set aside.
    """

    state: bool = True
    workers: int = 1
    every: int = 1
    memory: int = 10_000_000
    strict: bool = False


class Played(NamedTuple):
    """What a script has come to."""

    report: Json
    summaries: list[ChainSummary]
    letters: list[bytes]
    records: dict[tuple[str, str], int]
    """How many rows had each outcome, by endpoint and outcome."""

    @property
    def tokens(self) -> object:
        """The input tokens of completions that count."""
        return self.report["endpoints"][COMPLETIONS]["metrics"]["input_tokens"]

    @property
    def issues(self) -> list[str]:
        """What does not hold."""
        found: list[str] = self.report["relationshipIssues"]
        return found


def played(script: Script, setting: Setting | None = None) -> Played:
    """Play a script to its end, in as many processes' worth of intakes as it takes.

    Raises:
        BadInput: something cannot be trusted, and the setting is strict.
    """
    passed: set[int] = set()
    with TemporaryDirectory() as scratch:
        run = Run(script, setting or Setting(), Path(scratch), passed)
        while True:
            try:
                found, place = run.alone() if run.setting.workers == 1 else run.shared()
            except Aborted as abort:
                passed.add(abort.place)
                continue
            if place == len(script):
                return found
            passed.add(place)


def take_all(source: Source, intake: Intake, every: int = 1) -> None:
    """Look until there is nothing more, as :func:`stream.pipeline.ingest_pages` does.

    Raises:
        BadInput: a page cannot be trusted, and nothing is set aside.
    """
    if not intake.checkpoints.is_lasting:
        intake.state.make_spilled_sums = SpilledFigures

    async def send(delivery: Delivery) -> None:
        intake.take(delivery)
        if intake.state.full or intake.checkpoints.is_due(0.0, every, float("inf")):
            intake.store()

    async def look() -> None:
        while await source.look(send) is not None:
            pass

    anyio.run(look)


class Run:
    """One run of a script, from the state that the runs before it have left in ``place``."""

    def __init__(
        self, script: Script, setting: Setting, place: Path, passed: Collection[int]
    ) -> None:
        self.script = script
        self.setting = setting
        self.place = place
        self.passed = passed
        self.rules = Rules(
            state=place / "state.db" if setting.state else None,
            dead_letters=None if setting.strict else place,
            memory=setting.memory,
        )

    def alone(self) -> tuple[Played, int]:
        """Play it in one worker, as :func:`stream.pipeline.replay` does."""
        with closing(Intake(self.rules, Tally(), lambda: CLOCK)) as intake:
            place = self._take(intake)
            intake.judge()
            intake.store()
            return self._shown(intake, freeze_state(intake)), place

    def shared(self) -> tuple[Played, int]:
        """Play it in several workers, one after the other, joined as their pool joins them."""
        count, state = self.setting.workers, self.rules.state
        with ExitStack() as held, TemporaryDirectory(dir=self.place) as scratch:
            main = held.enter_context(closing(Intake(self.rules, Tally(), lambda: CLOCK)))
            shards = [Path(scratch) / f"shard-{rank}" for rank in range(count)]
            if state is not None:
                names = [f"{state.name}.shard-{rank}-of-{count}" for rank in range(count)]
                main.checkpoints.store.take_shards(names)
                shards = [state.with_name(name) for name in names]
            with ExitStack() as working:
                workers: list[Intake] = []
                for rank, path in enumerate(shards):
                    share = Share(rank, count, by_days=True)
                    one = open_intake(self.rules, lambda: CLOCK, share, path)
                    workers.append(working.enter_context(closing(one)))
                place, parts, windows = self._take_shares(workers)
                apart = frozenset(key for part in parts for key in part.wide)
                for worker in workers:
                    worker.checkpoints.flush()
                figures = [compute_figures(one, apart) for one in windows]
            with closing(Shards(shards)) as together:
                take_over(main, parts)
                take_letters(main, together.letters())
                if state is not None:
                    main.checkpoints.store.take_shards([])
                elif parts[0].has_spilled:
                    main.checkpoints.store.take_from(shards[0], ["links"])
                main.judge()
                main.store()
                store = together if state is None else main.checkpoints.store
                joined = Windows(parts[0].chains, store=store)
                view = replace(freeze_state(main), windows=joined)
                return self._shown(main, view, join_figures(figures, joined)), place

    def _take(self, intake: Intake) -> int:
        """Take what the script delivers; return where it ended."""
        positions = intake.account.positions(NAME)
        source = Scripted(self.script, positions, self.passed)
        take_all(source, intake, self.setting.every)
        return source.place

    def _take_shares(self, workers: list[Intake]) -> tuple[int, list[ShareResult], list[Windows]]:
        """Let each worker take its share; all of them die where one does."""
        abort: Aborted | None = None
        place, parts, windows = 0, [], []
        for worker in workers:
            try:
                place = self._take(worker)
            except Aborted as one:
                abort = one
                continue
            entries = worker.account.changes()
            worker.store()
            windows.append(worker.state.windows())
            parts.append(share_result_of(worker, entries, windows[-1]))
        if abort is not None:
            raise abort
        return place, parts, windows

    def _shown(
        self, intake: Intake, view: FrozenState, figures: dict[str, EndpointFigures] | None = None
    ) -> Played:
        """Show what was taken in."""
        path = self.place / "report.json"
        outputs = Outputs(path, details=True)

        async def write() -> None:
            await finish_run(view, CLOCK, outputs, figures=figures)

        anyio.run(write)
        report = json.loads(path.read_bytes(), parse_float=Decimal)
        letters = list(intake.checkpoints.letters())
        return Played(report, intake.summaries(), letters, dict(intake.tally.records))
