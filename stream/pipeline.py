"""The whole chain, top to bottom: source → bounded channel → decode → dedupe → report.

A producer task for each page chain reads pages into the channel; one consumer decodes each page
and merges it into keyed state; figures and the report are rendered from state when all chains have
ended.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import anyio
from msgspec import Struct

from stream import __version__
from stream.figures import expectations
from stream.figures.endpoint import EndpointFigures, Left, endpoint_figures
from stream.figures.expectations import Expectations
from stream.figures.issues import chain_issues, figure_issues
from stream.figures.relations import ObjectPages, Objects
from stream.intake.entries import ChainRun, ChainSummary, summaries
from stream.intake.intake import Intake
from stream.intake.reading import Captured, LineDelivery
from stream.intake.rules import Rules
from stream.records.chains import Origin
from stream.records.errors import BadInput
from stream.records.tally import Tally
from stream.sinks.atomic import prepare
from stream.sinks.dead_letters import FILE as DEAD_LETTERS
from stream.sinks.dead_letters import write_letters
from stream.sinks.report import Outline, write_report
from stream.sources.captures import captures_in, is_one
from stream.sources.channel import DEFAULT_CAPACITY, Channel
from stream.sources.feed import Inputs, produce_all
from stream.sources.files import DEFAULT_PAGE_BYTES, read_regular
from stream.sources.fixtures import Delivery, discover, recall
from stream.sources.lines import Line, expectations_beside
from stream.state.checkpoints import Checkpoints
from stream.state.keyed import Windows
from stream.state.sqlite.reader import Reader

__all__ = [
    "Replay",
    "DEFAULT_REPORT",
    "Observer",
    "View",
    "expected_in",
    "first_of",
    "found_in",
    "ingest",
    "outlined",
    "render",
    "replay",
    "view_of",
    "viewed",
    "written",
]


DEFAULT_REPORT = Path("out/admin_ingestion_report.json")


class Replay(Struct, frozen=True, kw_only=True):
    """One run over a fixture directory; ``now`` is the clock, in Unix seconds.

    ``report`` may be ``None`` (nothing is written: ``verify`` only wants the findings).
    """

    directory: Path
    now: int
    report: Path | None = DEFAULT_REPORT
    details: bool = True
    rules: Rules = Rules()
    channel_capacity: int = DEFAULT_CAPACITY
    max_page_bytes: int = DEFAULT_PAGE_BYTES


class Observer(NamedTuple):
    """Who wants to hear of progress: pages to come, pages read, and files that are no fixtures."""

    on_total: Callable[[int], object] = lambda _: None
    on_page: Callable[[str], object] = lambda _: None
    on_unknown: Callable[[str], object] = lambda _: None


async def replay(run: Replay, tally: Tally, observer: Observer = Observer()) -> Outline:  # noqa: B008 -- an immutable default
    """Replay fixtures and captures into a report; return what the report shows.

    Raises:
        BadInput: a page or a chain cannot be trusted; no report is written.
        Unavailable: a file cannot be read, or the report cannot be written.
    """
    with closing(Captured(run.rules, tally, lambda: run.now)) as intake:
        inputs = found_in(run, intake.checkpoints, observer)
        await ingest(inputs, intake, run, observer)
        outline = render(view_of(intake), run.now, expected_in(run))
        await written(run, outline, intake.checkpoints.letters())
        return outline


def found_in(run: Replay, checkpoints: Checkpoints, observer: Observer) -> Inputs:
    """Find what is to be read, and join it with what durable state knows.

    Raises:
        BadInput: there is nothing.
        Unavailable: the directory cannot be read.
    """
    found, unknown = ([], []) if is_one(run.directory) else discover(run.directory)
    for name in unknown:
        observer.on_unknown(name)
    inputs = Inputs(recall(found, checkpoints.known), captures_in(run.directory))
    if not inputs.chains and not inputs.captures and not checkpoints.captures:
        raise BadInput(
            "no_fixtures",
            f"found no fixtures in {run.directory}, expected usage_completions_fixture.json, … "
            "or captures (*.ndjson, *.ndjson.gz, *.ndjson.zst)",
        )
    if not inputs.captures:
        observer.on_total(sum(len(chain.files) for chain in inputs.chains))
    return inputs


async def ingest(inputs: Inputs, intake: Captured, run: Replay, observer: Observer) -> None:
    """Read every chain into state.

    Raises:
        BadInput, Unavailable: as :func:`replay`.
    """
    if run.rules.dead_letters is not None:
        prepare(run.rules.dead_letters / DEAD_LETTERS)
    for chain in inputs.chains:
        intake.open(chain)
    if not intake.checkpoints.lasting:  # or there may be windows that never were in memory
        intake.state.left_of = Left
    with Channel[Delivery | LineDelivery](run.channel_capacity) as channel:
        try:
            await consume_all(inputs, channel, intake, run, observer)
            intake.judge()
        finally:  # also when a signal or a bad page ends the run: what was taken in stays
            intake.store()
    intake.tally.channel_capacity = channel.capacity
    intake.tally.channel_blocked_seconds = channel.blocked_seconds


async def written(run: Replay, outline: Outline, letters: Iterable[bytes]) -> None:
    """Write what a run gives out; the report last, so that it is there only after all else is.

    Raises:
        Unavailable: a file cannot be written.
    """
    if run.rules.dead_letters is not None:
        await write_letters(run.rules.dead_letters, letters)
    if run.report is not None:
        await write_report(run.report, outline, details=run.details)


async def consume_all(
    inputs: Inputs,
    channel: Channel[Delivery | LineDelivery],
    intake: Captured,
    run: Replay,
    observer: Observer,
) -> None:
    """Run the producers beside the consumer until every chain has ended.

    Raises:
        BadInput, Unavailable: the first error of any task; the others are stopped.
    """
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(produce_all, inputs, channel, intake, run.max_page_bytes)
            async for delivery in channel:
                name = take(intake, delivery)
                if intake.state.full or intake.checkpoints.due(monotonic()):
                    intake.store()
                if name is not None:
                    observer.on_page(name)
    except BaseExceptionGroup as group:
        raise first_of(group) from None


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group of tasks."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def take(intake: Captured, delivery: Delivery | LineDelivery) -> str | None:
    """Take what came off the channel; return the page's name, if it was one.

    Raises:
        BadInput: it cannot be trusted.
    """
    if isinstance(delivery, LineDelivery):
        intake.take_line(delivery)
        return delivery.capture.name if isinstance(delivery.line, Line) else None
    intake.take(delivery)
    return delivery.page.name if delivery.page is not None else None


class View(NamedTuple):
    """State as it stands at one moment: nothing in it changes while figures are computed."""

    windows: Windows
    runs: list[ChainSummary]
    objects: Objects


def view_of(intake: Intake, store: Reader | None = None) -> View:
    """Take a view of the state; ``store`` is the store as it is now, where it may change."""
    return viewed(intake.state.windows(store), intake.runs, intake.objects.pages)


def viewed(windows: Windows, runs: Mapping[Origin, ChainRun], pages: ObjectPages) -> View:
    """Put a view together; a list of which something is missing defines nothing."""
    found = summaries(runs)
    objects = Objects()
    objects.pages = dict(pages)
    objects.partial = {run.chain.endpoint for run in found if run.partial}
    return View(windows, found, objects)


def expected_in(run: Replay) -> Expectations:
    """Return what the directory says of the figures that must come out.

    Raises:
        BadInput: there is something of that name which cannot be read, or is broken.
    """
    expected = run.directory / expectations.FILE
    if is_one(run.directory):
        expected = expectations_beside(run.directory)
    if not os.path.lexists(expected):
        return expectations.NOTHING
    try:
        return expectations.decode_expectations(read_regular(expected, run.max_page_bytes))
    except BadInput as error:
        raise error.at(expected.name) from None


def render(view: View, now: int, expected: Expectations = expectations.NOTHING) -> Outline:
    """Compute every figure from state, and name what does not hold."""
    keys = sorted({chain.endpoint for chain in view.windows.chains})
    figures = {key: endpoint_figures(key, view.windows) for key in keys}
    return outlined(view, figures, now, expected)


def outlined(
    view: View, figures: dict[str, EndpointFigures], now: int, expected: Expectations
) -> Outline:
    """Name what does not hold among figures."""
    relationships = view.objects.relationships()
    foreign_keys = view.objects.foreign_keys(
        (key, kind, one) for key, found in figures.items() for kind, one in found.references
    )
    issues = [
        *chain_issues(view.runs),
        *figure_issues(figures.values()),
        *relationships.sentences(),
        *foreign_keys.sentences(),
        *expectations.check(expected, figures),
    ]
    return Outline(__version__, now, view.runs, figures, relationships, foreign_keys, issues)
