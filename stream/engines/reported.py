"""The report of an engine's run: what its sums say, put where a replay keeps its figures.

It is the report of a replay of the same captures, to the last byte: the same rules have made the
facts, and the same code writes them. Only the captures' digests are taken here.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from decimal import localcontext
from pathlib import Path
from typing import Any

import msgspec

from stream.chains import CaptureEntry, ChainRun, Delivered, spanned
from stream.checkpoint import Store
from stream.config import Replay
from stream.endpoints import ENDPOINTS, Endpoint
from stream.engines.facts import GROUP, Fact, Facts, Sum, added, key_of, read_number
from stream.engines.output import Output
from stream.errors import BadConfiguration, BadInput, Unavailable
from stream.figures import EndpointFigures, endpoint_figures
from stream.pipeline import expected_in, outlined, viewed, written
from stream.records import MONEY, Chain, Counters, Number, Origin, Window, exact
from stream.relations import ObjectPages
from stream.rollup import Finding
from stream.sinks.report import Outline
from stream.sources.captures import CaptureReader
from stream.sources.capturing import captures_alone, captures_in
from stream.state import Windows
from stream.totals import Totals
from stream.views import counting, others
from stream.walked import Verdict, refused

__all__ = ["report"]


async def report(run: Replay, place: Path) -> Outline:
    """Write the report of a run that wrote to ``place``; return what it shows.

    Raises:
        BadInput: the run has set something aside, or a walk is not whole, and nothing allows that.
        Unavailable: a file cannot be read or written, or the run is still writing.
        BadConfiguration: the report needs windows, and the run has not kept them.
    """
    output = Output(place)
    said, letters = Said(output.facts()), output.letters()
    if letters and run.rules.dead_letters is None:
        raise told_by(letters[0])
    runs = runs_in(said, run)
    if sum(one.delivered.letters for one in runs.values() if one.delivered) != len(letters):
        raise output.unsettled()
    expected = expected_in(run)
    chains = frozenset(one.chain for one in runs if one.chain.endpoint in ENDPOINTS)
    wide = {endpoint for endpoint, kind in said.found if kind == "wide"}
    with closing(Store(None)) as store:
        windows = Windows(chains, store=store)
        if run.details or wide or expected.survivors:
            keep_windows(said, output, store)
        figures = {
            key: endpoint_figures(key, windows) if key in wide else figures_of(said, key, windows)
            for key in sorted({chain.endpoint for chain in chains})
        }
        outline = outlined(viewed(windows, runs, objects_in(said)), figures, run.now, expected)
        outline.issues += unread(run, runs)
        await written(run, outline, letters)
        return outline


class Said:
    """Facts, found by endpoint and kind."""

    def __init__(self, facts: Facts) -> None:
        """Sort them; those that have come to nothing are left out."""
        self.found: defaultdict[tuple[str, str], Facts] = defaultdict(dict)
        for fact, found in facts.items():
            if any(found):
                self.found[fact.endpoint, fact.kind][fact] = found

    def of(self, endpoint: str, kind: str, views: Collection[str]) -> Iterator[tuple[Fact, Number]]:
        """Yield what is there when some views are seen as one."""
        facts: Facts = {}
        with localcontext(MONEY):
            for fact, (times, value) in self.found.get((endpoint, kind), {}).items():
                if fact.view in views:
                    added(facts, fact._replace(view=""), value, times)
        for fact, (times, value) in facts.items():
            if times:
                yield fact, exact(value)

    def keys(self, endpoint: str, kind: str, views: Collection[str]) -> list[list[Any]]:
        """Return the keys of what is there, in order."""
        return sorted(keyed(fact) for fact, _ in self.of(endpoint, kind, views))

    def chains(self, kind: str) -> Iterator[tuple[Chain, list[Any], str, Sum]]:
        """Yield each fact of a chain: the chain, the rest of its key, the counter, and the sum."""
        for (_, one), facts in sorted(self.found.items()):
            for fact, found in facts.items() if one == kind else ():
                label, *names = keyed(fact)
                yield Chain(fact.endpoint, label, fact.view), names, fact.counter, found


def keyed(fact: Fact) -> list[Any]:
    """Return what a fact's key is made of."""
    found: list[Any] = msgspec.json.decode(fact.key)
    return found


def runs_in(said: Said, run: Replay) -> dict[Origin, ChainRun]:
    """Put together what each capture has of each chain, and judge the walks.

    Raises:
        BadInput: a capture is not there any more, or a walk is not whole.
        Unavailable: a capture cannot be read.
    """
    digests = dict(digests_of(run))
    runs: dict[Origin, ChainRun] = {}
    captures: dict[str, CaptureEntry] = {}
    for chain, (name,), counter, found in said.chains("pages"):
        if name not in digests:
            message = f"the run has read it, and it is not in {run.directory}"
            raise BadInput("capture", message).at(name)
        entry = captures.setdefault(name, CaptureEntry(name, sha256=digests[name]))
        one = runs.setdefault(Origin(name, chain), ChainRun(chain, capture=entry))
        setattr(one.delivered, counter, found.value)
    for chain, (name, field), _, _ in said.chains("unknown"):
        delivered_in(runs, name, chain).unknown_fields.add(field)
    spans: dict[Chain, Window | None] = {}
    for chain, span, _, _ in said.chains("span"):
        spans[chain] = spanned(spans.get(chain), Window(*span))
    for (_, chain), one in runs.items():
        if one.delivered is not None:
            one.delivered.window = spans.get(chain)
    judge(said, {origin.chain: one for origin, one in sorted(runs.items(), reverse=True)}, run)
    return runs


def judge(said: Said, runs: Mapping[Chain, ChainRun], run: Replay) -> None:
    """Note which chains are not whole.

    Raises:
        BadInput: one is not, and nothing allows that.
    """
    for chain, _, reason, message in sorted(
        (chain, *names) for chain, names, _, _ in said.chains("walk")
    ):
        verdict = Verdict(chain, reason, message)
        error = refused(verdict, run.rules)
        if error is not None and run.rules.dead_letters is None:
            raise error
        runs[chain].incomplete = runs[chain].incomplete or message


def delivered_in(runs: Mapping[Origin, ChainRun], capture: str, chain: Chain) -> Delivered:
    """Return what a capture has delivered of a chain."""
    delivered = runs[Origin(capture, chain)].delivered
    assert delivered is not None  # noqa: S101 -- a capture's pages are counted as they come
    return delivered


def digests_of(run: Replay) -> Iterator[tuple[str, str]]:
    """Take the digests of the captures that are there.

    Raises:
        BadInput: there are fixtures too.
        Unavailable: one cannot be read.
    """
    for capture in captures_alone(run.directory):
        try:
            with capture.path.open("rb") as file:
                yield capture.name, hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise Unavailable(f"{capture.path}: cannot be read ({error.strerror})") from None


def unread(run: Replay, runs: Iterable[Origin]) -> Iterator[str]:
    """Name captures that are there, and of which the run has read nothing; empty ones are read."""
    read = {origin.source for origin in runs}
    for capture in captures_in(run.directory):
        if capture.name not in read:
            with CaptureReader(capture.path, 0) as reader:
                if reader.read_lines():
                    yield f"{capture.name} has not been read by the run, and is not counted."


def keep_windows(said: Said, output: Output, store: Store) -> None:
    """Read the windows that the facts were made of.

    Raises:
        BadConfiguration: the run has not kept them.
        Unavailable: those that it has written are older, or newer.
    """
    store.put_windows(output.windows(), {})
    if output.kept == {chain: found.value for chain, _, _, found in said.chains("windows")}:
        return
    if output.keeps_windows():
        raise output.unsettled()
    raise BadConfiguration(
        f"{output.place}: the run has not kept its windows, which the report needs; "
        "submit it with --details, or report with --no-details"
    )


def figures_of(said: Said, key: str, windows: Windows) -> EndpointFigures:
    """Put an endpoint's figures together."""
    endpoint, chains = ENDPOINTS[key], windows.chains_of(key)
    counted = counting(chains)
    views = {"", *(chain.view for chain in counted)}
    count = {fact.counter: int(value) for fact, value in said.of(key, "count", views)}
    return EndpointFigures(
        endpoint,
        windows,
        counted,
        others(chains),
        totals_of(said, endpoint, views, count.get("records", 0)),
        count.get("buckets", 0),
        [finding(*one) for one in said.keys(key, "finding", views)],
        [(Window(*window), count) for *window, count in said.keys(key, "wider", views)],
        [
            (label, Window(start, end), dimensions)
            for label, start, end, _, dimensions in said.keys(key, "collision", views)
        ],
        {(kind, one) for kind, one in said.keys(key, "reference", views)},
        {label: totals_of_label(said, endpoint, label, chains) for label in labels_of(chains)},
    )


def labels_of(chains: list[Chain]) -> set[str]:
    """Return the labels of chains."""
    return {chain.label for chain in chains}


def totals_of(said: Said, endpoint: Endpoint, views: Collection[str], records: int) -> Totals:
    """Put the sums by group together."""

    def group_of(fact: Fact) -> tuple[Any, ...]:
        return fact.project_id, fact.service_tier, *keyed(fact)

    groups: dict[tuple[Any, ...], Counters] = {
        group_of(fact): {} for fact, _ in said.of(endpoint.key, "there", views)
    }
    for fact, value in said.of(endpoint.key, GROUP, views):
        groups[group_of(fact)][fact.counter] = value
    totals = Totals(endpoint)
    totals.take(records, groups)
    return totals


def totals_of_label(said: Said, endpoint: Endpoint, label: str, chains: list[Chain]) -> Totals:
    """Put the sums of one label alone together; they are not known by group."""
    mine = counting(chain for chain in chains if chain.label == label)
    views, key = {"", *(chain.view for chain in mine)}, key_of([label])
    found = said.of(endpoint.key, "label", views)
    counters = {fact.counter: value for fact, value in found if fact.key == key}
    records = said.of(endpoint.key, "label_records", views)
    totals = Totals(endpoint)
    nowhere = (None,) * len(totals.names)
    totals.take(sum(int(value) for fact, value in records if fact.key == key), {nowhere: counters})
    return totals


def finding(  # noqa: PLR0913, PLR0917 -- a finding has these parts
    start: int,
    end: int,
    _: int,
    status: str,
    dimensions: dict[str, Any],
    counter: str,
    rollup: str,
    details: str | None,
    difference: str,
) -> Finding:
    """Make a finding again."""
    return Finding(
        status,
        Window(start, end),
        dimensions,
        counter,
        read_number(rollup),
        None if details is None else read_number(details),
        read_number(difference),
    )


def objects_in(said: Said) -> ObjectPages:
    """Return what the lists define and refer to, each label's pages as one."""
    pages: ObjectPages = {}
    for chain, (_, one), _, _ in said.chains("object"):
        pages.setdefault((chain.endpoint, chain.label, 0), {}).setdefault(one, frozenset())
    for chain, (_, one, kind, other), _, _ in said.chains("refers"):
        pages[chain.endpoint, chain.label, 0][one] |= {(kind, other)}
    return pages


def told_by(letter: bytes) -> BadInput:
    """Return what a replay would have ended with, in the place of a dead letter."""
    said = msgspec.json.decode(letter)
    where = f"{said['fixture']} ({said['endpoint']}, label {said['label']})"
    return BadInput(said["reason"], said["message"], path=said["path"]).at(where)
