"""The whole chain, top to bottom: source → bounded channel → decode → dedupe → report.

A producer task for each page chain reads pages into the channel; one consumer decodes each page and
merges it into keyed state; figures and the report are rendered from state when all chains have ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import anyio
from anyio.abc import TaskGroup

from stream import __version__, expectations
from stream.channel import Channel
from stream.config import Replay
from stream.decode import Decoder, decode_list
from stream.dedupe import KeyedState
from stream.endpoints import ENDPOINTS, Endpoint, Kind
from stream.errors import BadInput
from stream.figures import ChainRun, endpoint_figures, labels_of
from stream.records import Chain
from stream.relations import Objects
from stream.sinks.dead_letters import DeadLetters, masked_page
from stream.sinks.report import Outline, write_report
from stream.sources.fixtures import Fixture, FixtureChain, discover, read_chain, read_regular
from stream.sources.walk import Walk
from stream.tally import Tally

__all__ = ["Delivery", "Intake", "Observer", "replay"]

CHAINS_AT_ONCE: Final = 4


class Delivery(NamedTuple):
    """A page on the channel; a chain's last delivery has no page, and says that the chain has ended."""

    chain: FixtureChain
    page: Fixture | None


class Observer(NamedTuple):
    """Who wants to hear of progress: pages to come, pages read, and files that are no fixtures."""

    on_total: Callable[[int], object] = lambda _: None
    on_page: Callable[[str], object] = lambda _: None
    on_unknown: Callable[[str], object] = lambda _: None


async def replay(run: Replay, tally: Tally, observer: Observer = Observer()) -> Outline:  # noqa: B008 -- an immutable default
    """Replay a fixture directory into a report; return what the report shows.

    Raises:
        BadInput: a page or a chain cannot be trusted; no report is written.
        Unavailable: the directory cannot be read, or the report cannot be written.
    """
    chains, unknown = discover(run.directory)
    for name in unknown:
        observer.on_unknown(name)
    if not chains:
        raise BadInput(
            "no_fixtures",
            f"found no fixtures in {run.directory}, expected files like usage_completions_fixture.json",
        )
    observer.on_total(sum(len(chain.files) for chain in chains))
    intake = Intake(run, tally)
    intake.open(chains)
    with Channel[Delivery](run.channel_capacity) as channel:
        await consume_all(chains, channel, intake, run, observer)
    tally.channel_capacity = channel.capacity
    tally.channel_blocked_seconds = channel.blocked_seconds
    outline = render(run, intake)
    if run.report is not None:
        await write_report(run.report, outline, details=run.details)
    if intake.dead_letters is not None:
        await intake.dead_letters.finish()
    return outline


async def consume_all(
    chains: list[FixtureChain],
    channel: Channel[Delivery],
    intake: Intake,
    run: Replay,
    observer: Observer,
) -> None:
    """Run the producers beside the consumer until every chain has ended.

    Raises:
        BadInput, Unavailable: the first error of any task; the others are stopped.
    """
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(produce_all, tasks, chains, channel, run.max_page_bytes)
            async for delivery in channel.pages:
                intake.take(delivery)
                if delivery.page is not None:
                    observer.on_page(delivery.page.name)
    except BaseExceptionGroup as group:
        raise first_of(group) from None


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group of tasks."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def produce_all(
    tasks: TaskGroup, chains: list[FixtureChain], channel: Channel[Delivery], max_bytes: int
) -> None:
    """Read a bounded number of chains at once; a chain that waits for its turn holds no page."""
    turns = anyio.Semaphore(CHAINS_AT_ONCE)
    async with anyio.create_task_group() as producers:
        for chain in chains:
            await turns.acquire()
            producers.start_soon(produce, chain, channel, max_bytes, turns)
    channel.end()


async def produce(
    chain: FixtureChain, channel: Channel[Delivery], max_bytes: int, turns: anyio.Semaphore
) -> None:
    """Walk one chain: put its pages into the channel in order, then its end."""
    try:
        async for page in read_chain(chain, max_bytes):
            await channel.send(Delivery(chain, page))
        await channel.send(Delivery(chain, None))
    finally:
        turns.release()


class Intake:
    """The consumer: decodes pages, follows each chain's cursors, and merges records into state."""

    def __init__(self, run: Replay, tally: Tally) -> None:
        """Start with empty state."""
        self.run = run
        self.tally = tally
        self.state = KeyedState()
        self.objects = Objects()
        self.runs: dict[Chain, ChainRun] = {}
        self.walks: dict[Chain, Walk] = {}
        self.decoders: dict[str, Decoder] = {}
        self.dead_letters = None if run.dead_letters is None else DeadLetters(run.dead_letters)

    def open(self, chains: list[FixtureChain]) -> None:
        """Expect these chains; what is wrong with the set of their files is a fault.

        Raises:
            BadInput: two files for a page, a page 0, or a gap, unless bad input is set aside.
        """
        for chain in chains:
            self.runs[chain.chain] = ChainRun(chain.chain)
            self.walks[chain.chain] = Walk()
            if isinstance(chain.entry, Endpoint):
                self.state.chains[chain.chain]
                self.decoders.setdefault(chain.entry.key, Decoder(chain.entry))
            for name, error in chain.faults:
                self.set_aside(chain, Fixture(name, 0, b"", None), error, None)
            for number in chain.missing:
                error = BadInput("gap", f"page {number} is missing, and later pages are there")
                self.anomaly(chain, error.at(place_of(chain)))

    def anomaly(self, chain: FixtureChain, error: BadInput) -> None:
        """Name what breaks a chain; it ends the run unless bad input is set aside."""
        self.tally.anomalies[error.reason] += 1
        if self.dead_letters is None:
            raise error
        self.runs[chain.chain].incomplete = error.message.partition(" (")[0]

    def take(self, delivery: Delivery) -> None:
        """Take one page, or the end of a chain.

        Raises:
            BadInput: the page cannot be trusted, unless bad input is set aside.
        """
        chain, page = delivery
        if page is None:
            self.end(chain)
            return
        self.tally.page_bytes += len(page.payload)
        try:
            if page.error is not None:
                raise page.error
            if isinstance(chain.entry, Endpoint):
                self.take_page(chain, page)
            else:
                listed = decode_list(chain.entry, page.payload)
                self.step(chain, page, has_more=listed.has_more, next_page=listed.next_page)
                self.objects.take(chain.entry, listed.elements)
        except BadInput as error:
            self.set_aside(chain, page, error, masked_page(page.payload))
        else:
            self.tally.pages[chain.chain.endpoint, "ok"] += 1

    def take_page(self, chain: FixtureChain, page: Fixture) -> None:
        """Decode a page of buckets, and merge it when all of it has been read."""
        key, run = chain.chain.endpoint, self.runs[chain.chain]
        decoded = self.decoders[key].decode(page.payload, tolerant=self.dead_letters is not None)
        self.step(chain, page, has_more=decoded.has_more, next_page=decoded.next_page)
        run.rows += decoded.rows
        run.buckets += decoded.data_buckets
        self.tally.unknown_fields[key] += len(decoded.unknown_fields)
        run.unknown_fields |= decoded.unknown_fields
        for bucket in decoded.buckets:
            run.cover(bucket.window)
            outcomes = self.state.take(chain.chain, bucket)
            for outcome, count in zip(outcomes._fields, outcomes, strict=True):
                if count:
                    self.tally.records[key, outcome] += count
        for rejected in decoded.rejected:
            self.tally.records[key, "dead_lettered"] += rejected.rows
            self.letter(chain, page, rejected.error, rejected.rows, rejected.content)

    def step(
        self, chain: FixtureChain, page: Fixture, *, has_more: bool, next_page: str | None
    ) -> None:
        """Follow the cursor, and note the page as read."""
        walk, run = self.walks[chain.chain], self.runs[chain.chain]
        try:
            walk.step(has_more=has_more, next_page=next_page)
        except BadInput as error:
            self.tally.anomalies[error.reason] += 1
            raise
        run.fixtures.append((page.page, page.name, page.sha256))
        run.has_more, run.next_page = walk.has_more, walk.cursor

    def set_aside(self, chain: FixtureChain, page: Fixture, error: BadInput, content: Any) -> None:
        """Set a whole page aside with its reason, or end the run with it."""
        error.at(place_of(chain, page))
        if self.dead_letters is None:
            raise error
        self.tally.pages[chain.chain.endpoint, "dead_lettered"] += 1
        if not isinstance(chain.entry, Endpoint):
            self.objects.partial.add(chain.entry.name)
        self.letter(chain, page, error, 0, content)

    def letter(
        self, chain: FixtureChain, page: Fixture, error: BadInput, rows: int, content: Any
    ) -> None:
        """Write a dead letter."""
        if self.dead_letters is not None:
            self.runs[chain.chain].dead_letters = True
            self.tally.dead_letters[chain.chain.endpoint, error.reason] += 1
            self.dead_letters.put(
                chain.chain, (page.page, page.name, page.sha256), error, rows, content
            )

    def end(self, chain: FixtureChain) -> None:
        """Judge a chain that has no more pages: it must have said so itself."""
        walk, run = self.walks[chain.chain], self.runs[chain.chain]
        if not walk.has_more:
            return
        last = max((page for page, _, _ in run.fixtures), default=0)
        message = (
            f"page {last} says that more follows, and page {last + 1} is not in the set"
            if last
            else "no page of it could be read"
        )
        error = BadInput("incomplete", f"{message} (--allow-incomplete reports it all the same)")
        if not isinstance(chain.entry, Endpoint):
            self.objects.partial.add(chain.entry.name)
        if not self.run.allow_incomplete:
            self.anomaly(chain, error.at(place_of(chain)))
        run.incomplete = run.incomplete or message


def place_of(chain: FixtureChain, page: Fixture | None = None) -> str:
    """Name a chain, or a file and its place in its chain."""
    name = f"{chain.chain.endpoint}, label {chain.chain.label}"
    if page is None:
        return f"chain {name}"
    return f"{page.name} (page {page.page} of {name})" if page.page else f"{page.name} ({name})"


def render(run: Replay, intake: Intake) -> Outline:
    """Compute every figure from state, and name what does not hold."""
    state = intake.state.chains
    figures = {
        key: endpoint_figures(key, labels_of(state, key))
        for key in ENDPOINTS
        if any(chain.endpoint == key for chain in state)
    }
    references: set[tuple[str, Kind, str]] = {
        (key, kind, one) for key, found in figures.items() for kind, one in found.references
    }
    runs = [intake.runs[chain] for chain in sorted(intake.runs)]
    relationships = intake.objects.relationships()
    foreign_keys = intake.objects.foreign_keys(references)
    outline = Outline(__version__, run.now, runs, state, figures, relationships, foreign_keys, [])
    expected = run.directory / expectations.FILE
    outline.issues = [
        *chain_issues(runs),
        *figure_issues(outline),
        *relationships.sentences(),
        *foreign_keys.sentences(),
    ]
    if expected.is_file():
        wanted = expectations.decode_expectations(read_regular(expected, run.max_page_bytes))
        outline.issues += expectations.check(wanted, state, figures)
    return outline


def chain_issues(runs: list[ChainRun]) -> list[str]:
    """Name chains that do not reach their end, and chains with dead letters."""
    said = [
        f"{run.chain.endpoint} (label {run.chain.label}) is incomplete: {run.incomplete}."
        for run in runs
        if run.incomplete
    ]
    return said + [
        f"{run.chain.endpoint} (label {run.chain.label}) has dead letters: what they hold is not counted."
        for run in runs
        if run.dead_letters
    ]


def figure_issues(outline: Outline) -> list[str]:
    """Name rollups that are smaller than their details, and rows that contradict each other."""
    shown = outline.reconciliation()
    said = [
        f"The {one['endpoint']} rollup of {one['bucketTimestamp']} ({named(one['dimensions'])}) is short of its records "
        f"in {one['counter']}."
        for one in shown["short"]
    ]
    return said + [
        f"{one['endpoint']} (label {one['label']}) has one bucket of {one['bucketTimestamp']} with different figures for "
        f"the same record ({named(one['dimensions'])})."
        for one in shown["identityCollisions"]
    ]


def named(dimensions: dict[str, Any]) -> str:
    """Write dimensions in a sentence."""
    return ", ".join(f"{name} {value}" for name, value in dimensions.items()) or "no dimensions"
