"""The whole chain, top to bottom: source → bounded channel → intake → figures → sinks.

A source puts deliveries into the channel; one consumer takes them in. When the source has nothing
more, the walks are judged, figures are worked out from state, and the report is written. Replay,
daemon, workers and engines differ in who runs this, and call the same functions.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import anyio
from msgspec import Struct
from msgspec.structs import replace

from stream.intake.intake import Intake
from stream.intake.rules import Rules
from stream.records.delivery import Delivery, size_of
from stream.records.errors import BadInput, first_of
from stream.records.interruption import INTERRUPTION
from stream.records.left_memory import leave_memory
from stream.records.shares import ALL
from stream.records.tally import Tally
from stream.sinks.atomic import prepare_file
from stream.sinks.dead_letters import FILE as DEAD_LETTERS
from stream.sinks.dead_letters import write_letters
from stream.sources.captures import expectations_beside, is_one
from stream.sources.channel import DEFAULT_CAPACITY, Channel
from stream.sources.digests import Digests
from stream.sources.directory import Directory
from stream.sources.discovery import Survey, survey_place
from stream.sources.fixtures import unsigned_position
from stream.sources.names import EXPECTATIONS, NAMES_WANTED
from stream.sources.regular_files import read_regular
from stream.sources.source import DEFAULT_PAGE_BYTES, ReadOptions
from stream.state.memory import (
    LARGE_PAGE,
    keep_freed_memory,
    pause_collector,
    resume_collector,
)

if TYPE_CHECKING:  # imported when pages are taken in, or by runs with prices, or that store much
    from stream.figures.endpoint import EndpointFigures, SpilledFigures
    from stream.figures.expectations import Expectations
    from stream.figures.outline import FrozenState
    from stream.providers.prices.price_list import PriceList
    from stream.sinks.report import Report
    from stream.state.saved_series import ReplayedDayStore
    from stream.state.sqlite.reader import WindowReader

__all__ = [
    "DEFAULT_REPORT",
    "Observer",
    "Outputs",
    "Replay",
    "announce_survey",
    "day_store_of",
    "expected_in",
    "finish_run",
    "freeze_state",
    "ingest_all",
    "ingest_pages",
    "replay",
    "state_files_of",
    "survey_directory",
]

STATE_FILES = ("", ".lock", "-wal", "-shm", "-journal")
DEFAULT_REPORT = Path("out/admin_ingestion_report.json")


class Replay(Struct, frozen=True, kw_only=True):
    """One run over a directory, or a file of pages; ``now`` is the clock, in Unix seconds.

    ``report`` may be ``None`` (nothing is written: ``verify`` only wants the findings), and
    ``side_outputs`` are what the command writes beside it, the page ``html`` among them. With
    ``prices`` the report says what use should have cost. ``is_sha256``: the digest of each page
    that is there is a SHA-256. ``is_compared``: files that a list of checksums beside them has are
    compared with it.
    """

    directory: Path
    now: int
    report: Path | None = DEFAULT_REPORT
    details: bool = True
    rules: Rules = Rules()
    channel_capacity: int = DEFAULT_CAPACITY
    max_page_bytes: int = DEFAULT_PAGE_BYTES
    side_outputs: tuple[Path, ...] = ()
    prices: PriceList | None = None
    html: Path | None = None
    is_sha256: bool = False
    is_compared: bool = True

    @property
    def adds_up_for_prices(self) -> bool:
        """Whether days are added up by what prices go by too: a state file keeps them so."""
        return self.prices is not None or self.rules.state is not None

    @property
    def outputs(self) -> Outputs:
        """Where it writes to, and what goes into the report."""
        letters = self.rules.dead_letters
        return Outputs(self.report, self.details, letters, self.prices, self.html)


class Outputs(Struct, frozen=True):
    """Where a run writes to: the report, with every record or not, the dead letters, and a page.

    With ``prices`` the report says what use should have cost.
    """

    report: Path | None
    details: bool
    dead_letters: Path | None = None
    prices: PriceList | None = None
    html: Path | None = None


class Observer(Struct, frozen=True):
    """Who wants to hear of progress: pages to come, pages read, and what is left out, and why.

    ``on_hole`` is told where NUL bytes stood in front of a page, and how many.
    """

    on_total: Callable[[int], object] = lambda _: None
    on_page: Callable[[str], object] = lambda _: None
    on_left_out: Callable[[str, str], object] = lambda _, __: None
    on_hole: Callable[[str, int], object] = lambda *_: None


async def replay(run: Replay, tally: Tally, observer: Observer = Observer()) -> Report:  # noqa: B008 -- an immutable default
    """Replay fixtures and captures into a report; return it.

    Raises:
        BadInput: a page or a chain cannot be trusted; no report is written.
        Unavailable: a file cannot be read, or the report cannot be written.
    """
    with pause_collector(), closing(Intake(run.rules, tally, lambda: run.now)) as intake:
        survey = await ingest_all(run, intake, observer)
        letters, expected = intake.checkpoints.letters(), expected_in(run)
        state = replace(
            freeze_state(intake), left_out=survey.left_out, day_store=day_store_of(intake)
        )
        leave_memory((intake, state))
        losses = intake.checkpoints.losses
        return await finish_run(state, run.now, run.outputs, letters, expected, issues=losses)


async def ingest_all(run: Replay, intake: Intake, observer: Observer = Observer()) -> Survey:  # noqa: B008 -- as above
    """Read all that a run is over into state, and see that it is whole; return what there was.

    Raises:
        BadInput: a page or a chain cannot be trusted.
        Unavailable: a file cannot be read, or state not written.
    """
    survey = survey_directory(run, intake)
    announce_survey(survey, observer)
    try:
        await ingest_pages(survey, intake, run, observer)
        intake.judge()
    except BaseException:  # a signal or a bad page ends the run: what was taken in stays
        intake.store_rest()
        raise
    intake.store()
    intake.refuse_letters()
    return survey


def directory_of(run: Replay, intake: Intake) -> Directory:
    """Return the source of a replay, built from what state knows of its parts.

    One of several workers gives each page its digest, and all where dead letters name it.
    """
    shares = ALL.digests if run.rules.tolerant else intake.share.digests
    digests = Digests(is_sha256=run.is_sha256, is_compared=run.is_compared, shares=shares)
    options = ReadOptions(run.max_page_bytes, digests, run.rules.state is not None)
    positions, files = intake.account.positions(""), files_of(run)
    if run.is_sha256:
        for part in positions.keys() & intake.account.parts_without_sha256(""):
            positions[part] = unsigned_position(part, positions[part])
    return Directory(
        run.directory, "", positions, options, clock=lambda: run.now, passed_over=files
    )


def files_of(run: Replay) -> frozenset[Path]:
    """Return the files and directories that a run writes, by their real paths."""
    found = (run.report, run.rules.dead_letters, *state_files_of(run.rules), *run.side_outputs)
    return frozenset(Path(os.path.realpath(path)) for path in found if path is not None)


def state_files_of(rules: Rules) -> list[Path]:
    """Return the state file, and what stands beside it while it is in use."""
    state = rules.state
    return [state.with_name(state.name + end) for end in STATE_FILES] if state else []


def survey_directory(run: Replay, intake: Intake) -> Survey:
    """See what is to be read.

    Raises:
        BadInput: there is nothing, or what says how pages were asked for is broken.
        Unavailable: the directory cannot be read.
    """
    survey = survey_place(run.directory, files_of(run), final=run.rules.state is None)
    for fault in survey.request_faults:
        raise fault
    if not survey.chains and not survey.captures and not intake.account.packed_entries:
        few = "; ".join(f"{name}: {reason}" for name, reason in survey.left_out[:3])
        raise BadInput(
            "no_fixtures",
            f"found no pages in {run.directory}, expected JSON pages or captures, "
            f"named {NAMES_WANTED}" + (f" ({few})" if few else ""),
        )
    return survey


def announce_survey(survey: Survey, observer: Observer) -> None:
    """Tell the observer what is to be read, and what is not."""
    for name, reason in survey.left_out:
        observer.on_left_out(name, reason)
    if not survey.captures:
        observer.on_total(sum(len(chain.files) for chain in survey.chains))


async def ingest_pages(survey: Survey, intake: Intake, run: Replay, observer: Observer) -> None:
    """Read what was seen into state: the source beside the consumer, until the channel has ended.

    Raises:
        BadInput, Unavailable: the first error of any task; the others are stopped.
    """
    if run.rules.dead_letters is not None:
        prepare_file(run.rules.dead_letters / DEAD_LETTERS)
        resume_collector()  # an error that is caught leaves a cycle for each bad record
    # A store that lasts may have windows that never were in memory.
    if not intake.checkpoints.is_lasting:
        priced = run.adds_up_for_prices
        intake.state.make_spilled_sums = partial(spilled_figures_of, priced=priced)
    rules, directory = run.rules, directory_of(run, intake)
    keep_from = 0 if survey.captures else LARGE_PAGE
    with closing(Channel[Delivery](run.channel_capacity, size_of)) as channel:

        async def feed() -> None:
            await directory.deliver(survey, channel.send)
            channel.end()

        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(feed)
                async for delivery in channel:
                    if size_of(delivery) >= keep_from:
                        keep_freed_memory()
                        keep_from = sys.maxsize
                    intake.take(delivery)
                    if intake.state.full:  # from here on memory is short
                        resume_collector()
                    if intake.state.full or intake.checkpoints.is_due(
                        monotonic(), rules.checkpoint_pages, rules.checkpoint_seconds
                    ):
                        intake.store()
                    announce_page(delivery, observer)
        except BaseExceptionGroup as group:
            raise first_of(group) from None
    intake.tally.channel_capacity = channel.capacity
    intake.tally.channel_blocked_seconds = channel.blocked_seconds


def spilled_figures_of(endpoint: str, *, priced: bool) -> SpilledFigures:
    """Return what adds up the windows of an endpoint that leave memory."""
    from stream.figures.endpoint import SpilledFigures  # noqa: PLC0415 -- pages are taken in first

    return SpilledFigures(endpoint, priced=priced)


def announce_page(delivery: Delivery, observer: Observer) -> None:
    """Tell the observer of a page that was taken in."""
    if (page := delivery.page) is not None:
        observer.on_page(delivery.name)
        if page.nul_bytes:
            observer.on_hole(f"{delivery.name} (line {page.place})", page.nul_bytes)


def freeze_state(intake: Intake, store: WindowReader | None = None) -> FrozenState:
    """Take a view of the state; ``store`` is the store as it is now, where it may change."""
    from stream.figures.outline import FrozenState  # noqa: PLC0415 -- pages are taken in first

    return FrozenState(
        intake.windows(store),
        intake.summaries(),
        intake.objects.freeze_pages(),
        intake.account.freeze_entries(),
        project_names=intake.objects.project_names,
    )


def day_store_of(intake: Intake) -> ReplayedDayStore | None:
    """Return the state file, if there is one, and all that a replay took in is stored in it."""
    checkpoints, state = intake.checkpoints, intake.state
    has_all = not (state.changed_places or state.raised_revisions)
    return checkpoints.store if checkpoints.is_lasting and has_all else None


async def finish_run(  # noqa: PLR0913, PLR0917 -- what a report is made of comes from as many places
    state: FrozenState,
    now: int,
    outputs: Outputs,
    letters: Iterable[bytes] = (),
    expected: Expectations | None = None,
    figures: Mapping[str, EndpointFigures] | None = None,
    issues: Iterable[str] = (),
) -> Report:
    """Work out what state has come to, and write it; the report last, and only when all else is.

    ``figures`` are those that were added up elsewhere, ``issues`` what else does not hold.

    Raises:
        BadInput: state is damaged.
        Unavailable: a file cannot be written.
    """
    from stream.figures.expectations import NOTHING  # noqa: PLC0415 -- pages are taken in first
    from stream.figures.outline import outline_of  # noqa: PLC0415 -- as above
    from stream.figures.replayed_days import keep_days  # noqa: PLC0415 -- as above
    from stream.sinks.report import Report, write_report  # noqa: PLC0415 -- as above

    with INTERRUPTION.allow():
        outline = outline_of(state, now, expected or NOTHING, figures, outputs.prices)
    if state.day_store is not None:
        keep_days(state.day_store, outline.figures, frozenset(state.windows.former_chains))
    outline.issues += issues
    report = Report(outline)
    if outputs.dead_letters is not None:
        await write_letters(outputs.dead_letters, letters)
    if outputs.html is not None:
        from stream.sinks.html.page import write_page  # noqa: PLC0415 -- 60 ms that few runs need

        await write_page(outputs.html, report)
    if outputs.report is not None:
        await write_report(outputs.report, report, details=outputs.details)
    return report


def expected_in(run: Replay) -> Expectations:
    """Return what the directory says of the figures that must come out.

    Raises:
        BadInput: there is something of that name which cannot be read, or is broken.
    """
    from stream.figures.expectations import NOTHING, decode_expectations  # noqa: PLC0415 -- pages are taken in first

    expected = run.directory / EXPECTATIONS
    if is_one(run.directory):
        expected = expectations_beside(run.directory)
    if not os.path.lexists(expected):
        return NOTHING
    target = Path(os.path.realpath(expected))
    below = target.is_relative_to(os.path.realpath(run.directory))
    if below and target.exists():  # links to pages are followed too
        expected = target
    try:
        return decode_expectations(read_regular(expected, run.max_page_bytes))
    except BadInput as error:
        raise error.name_place(expected.name) from None
