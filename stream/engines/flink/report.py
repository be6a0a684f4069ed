"""The report of an engine's run: what its sums say, put where a replay keeps its figures.

It is the report of a replay of the same captures, to the last byte: the same rules have made the
facts, and the same code writes them. Only the captures' digests are taken here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import msgspec

from stream.engines.flink.output import Output
from stream.engines.flink.sums import Said, figures_of, objects_in
from stream.figures.endpoint import endpoint_figures
from stream.intake.entries import CaptureEntry, ChainRun
from stream.intake.walks import Verdict, refused
from stream.pipeline import Replay, expected_in, outlined, viewed, written
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain, Delivered, Origin, spanned
from stream.records.errors import BadConfiguration, BadInput, Unavailable
from stream.records.windows import Window
from stream.sinks.report import Outline
from stream.sources.captures import captures_alone, captures_in
from stream.sources.lines import CaptureReader
from stream.state.keyed import Windows
from stream.state.sqlite.store import Store

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


def told_by(letter: bytes) -> BadInput:
    """Return what a replay would have ended with, in the place of a dead letter."""
    said = msgspec.json.decode(letter)
    where = f"{said['fixture']} ({said['endpoint']}, label {said['label']})"
    return BadInput(said["reason"], said["message"], path=said["path"]).at(where)
