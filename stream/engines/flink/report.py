"""The report of an engine's run: what its sums say, put where a replay keeps its figures.

It is the report of a replay of the same captures, to the last byte: the same rules have made the
facts, and the same code writes them. Only the captures' digests are taken here.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from stream.engines.flink.output import Output
from stream.engines.flink.sums import FactIndex, figures_of, objects_in, project_names_in
from stream.figures.outline import FrozenState
from stream.intake.account import ENCODE, Account, Entry
from stream.intake.letters import refusal_in
from stream.intake.standing import mark_standing, refuse_broken
from stream.intake.walks import Verdict
from stream.pipeline import Replay, expected_in, finish_run
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain, ChainSummary, span_of
from stream.records.delivery import Part
from stream.records.errors import BadConfiguration, BadInput
from stream.records.windows import Window
from stream.sinks.report import Report
from stream.sources.captures import captures_in
from stream.sources.digests import Digests
from stream.sources.discovery import captures_alone
from stream.sources.expansion import ExpandedFile
from stream.sources.lines import CaptureReader
from stream.state.sqlite.store import Store
from stream.state.windows import Windows

__all__ = ["write_engine_report"]


async def write_engine_report(run: Replay, place: Path) -> Report:
    """Write the report of a run that wrote to ``place``; return it.

    Raises:
        BadInput: the run has set something aside, or a walk is not whole, and nothing allows that.
        Unavailable: a file cannot be read or written, or the run is still writing.
        BadConfiguration: the report needs windows, and the run has not kept them.
    """
    output = Output(place)
    said, letters = FactIndex(output.facts()), output.letters()
    if letters and not run.rules.tolerant:
        raise refusal_in(letters[0])
    entries = entries_in(said, run)
    summaries = summaries_in(said, entries, run)
    if sum(one.sums.letters for one in summaries) != len(letters):
        raise output.unsettled_error()
    expected = expected_in(run)
    chains = frozenset(one.chain for one in summaries if one.chain.endpoint in ENDPOINTS)
    wide = {endpoint for endpoint, kind in said.by_kind if kind == "wide"}
    with closing(Store(None)) as store:
        windows = Windows(chains, store=store)
        if run.details or wide or expected.survivors:
            keep_windows(said, output, store)
        figures = {
            key: figures_of(said, key, windows)
            for key in sorted({chain.endpoint for chain in chains} - wide)
        }
        parts = [ENCODE(entry) for entry in entries.values()]
        state = FrozenState(
            windows, summaries, objects_in(said), parts, project_names=project_names_in(said)
        )
        issues = list(unread_captures(run, entries))
        return await finish_run(state, run.now, run.outputs, letters, expected, figures, issues)


def entries_in(said: FactIndex, run: Replay) -> dict[str, Entry]:
    """Put together what each capture has brought.

    Raises:
        BadInput: a capture is not there any more.
        Unavailable: a capture cannot be read.
    """
    digests = dict(digests_of(run))
    entries: dict[str, Entry] = {}
    for chain, (name,), counter, found in said.chains("pages"):
        if name not in digests:
            message = f"the run has read it, and it is not in {run.directory}"
            raise BadInput("capture", message).name_place(name)
        entry = entries.setdefault(name, Entry(name, digest=digests[name]))
        setattr(entry.contribution_of(chain).sums, counter, found.value)
    for chain, (name, field), _, _ in said.chains("unknown"):
        entries[name].contribution_of(chain).sums.unknown_fields |= {field}
    return entries


def summaries_in(said: FactIndex, entries: Mapping[str, Entry], run: Replay) -> list[ChainSummary]:
    """Put together what each chain has come to, and judge the walks.

    Raises:
        BadInput: a walk is not whole, and nothing allows that.
    """
    account = Account()
    for name, entry in entries.items():
        account.take(Part("", name), ENCODE(entry))
    summaries = account.summaries()
    spans: dict[Chain, Window | None] = {}
    for chain, span, _, _ in said.chains("span"):
        spans[chain] = span_of(spans.get(chain), Window(*span))
    for one in summaries:
        one.sums.window = spans.get(one.chain)
    verdicts = {
        (chain, revision): Verdict(reason, message, open=unended, cursor=cursor)
        for chain, (revision, reason, message, unended, cursor), _, _ in said.chains("walk")
    }
    refuse_broken(verdicts, run.rules)
    mark_standing(summaries, verdicts, wait=False)
    return summaries


def digests_of(run: Replay) -> Iterator[tuple[str, bytes]]:
    """Take the digests of the captures that are there.

    Raises:
        BadInput: there are fixtures too, or a capture is not what a list of checksums says.
        Unavailable: one cannot be read.
    """
    digests = Digests(is_compared=True)
    for capture in captures_alone(run.directory):
        try:
            digests.check_file(capture.path)
            with closing(ExpandedFile(capture.path, digests)) as file:
                file.finish()
                yield capture.name, file.digest
        except BadInput as error:
            raise error.name_place(capture.name) from None


def unread_captures(run: Replay, read: Container[str]) -> Iterator[str]:
    """Name captures that are there, and of which the run has read nothing; empty ones are read."""
    for capture in captures_in(run.directory):
        if capture.name not in read:
            with CaptureReader(capture.path, 0) as reader:
                if reader.read_lines():
                    yield f"{capture.name} has not been read by the run, and is not counted."


def keep_windows(said: FactIndex, output: Output, store: Store) -> None:
    """Read the windows that the facts were made of.

    Raises:
        BadConfiguration: the run has not kept them.
        Unavailable: those that it has written are older, or newer.
    """
    store.put_windows(output.windows(), {})
    if output.digest_sums == {chain: found.value for chain, _, _, found in said.chains("windows")}:
        return
    if output.keeps_windows():
        raise output.unsettled_error()
    raise BadConfiguration(
        f"{output.place}: the run has not kept its windows, which the report needs; "
        "submit it with --details, or report with --no-details"
    )
