"""``usage-stream replay``."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import anyio
import click

from stream.cli.basics import (
    EXIT_CODES,
    FILE,
    check_dead_letters,
    clock_option,
    page_bytes_option,
    report_options,
    show_summary,
    show_warnings,
)
from stream.cli.progress import show_progress
from stream.cli.standard_input import spool_input
from stream.engines.signals import defer_signals, until_signalled
from stream.intake.rules import DEFAULT_BUDGET, Rules
from stream.pipeline import SIDE_FILES, Replay, replay
from stream.records.errors import Interrupted
from stream.records.privacy import one_line
from stream.records.tally import Tally
from stream.sinks.atomic import prepare_file
from stream.sinks.dead_letters import FILE as DEAD_LETTERS
from stream.sinks.report import Report
from stream.sinks.summary import previous_summary, summary_of
from stream.sources.channel import DEFAULT_CAPACITY
from stream.sources.discovery import is_pages_input
from stream.sources.recognition import recognise_file

__all__ = ["replay_command"]


class WorkerCount(click.ParamType[int]):
    """How many worker processes; ``auto`` is one for each core that may be used."""

    name = "count"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number."""
        if value == "auto":
            affinity = getattr(os, "sched_getaffinity", None)  # on Linux alone
            return len(affinity(0)) if affinity else os.cpu_count() or 1
        text = str(value)
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_WORKERS):
            wanted = f"a number from 1 to {MOST_WORKERS}, or auto"
            self.fail(f"{one_line(text)!r} is not {wanted}", param, ctx)
        return int(text)


MOST_WORKERS = 256


@click.command("replay", epilog=EXIT_CODES)
@click.argument("directory", metavar="PATH", type=FILE)
@report_options
@click.option(
    "--state",
    metavar="FILE",
    type=FILE,
    help="Resume from this state file, and checkpoint into it; pages it has are not read again.",
)
@click.option(
    "--channel-capacity",
    metavar="PAGES",
    type=click.IntRange(1, 1_000_000),
    default=DEFAULT_CAPACITY,
    show_default=True,
    help="How many pages may wait between reading and counting.",
)
@page_bytes_option("A larger file, or a longer line of a capture,")
@click.option(
    "--workers",
    metavar="N",
    type=WorkerCount(),
    default="1",
    show_default=True,
    help="Worker processes that decode and deduplicate; auto: one for each core.",
)
@click.option(
    "--row-budget",
    metavar="ROWS",
    type=click.IntRange(1),
    default=DEFAULT_BUDGET,
    show_default=True,
    help="How many rows may be in memory; the others are in the state file, or a temporary one.",
)
@clock_option()
@click.option(
    "--notes",
    metavar="FILE",
    type=FILE,
    help="Append a Markdown section: command, versions, digests, the summary before and after.",
)
@click.option(
    "--metrics",
    metavar="FILE",
    type=FILE,
    help="Write what was counted in Prometheus' text format.",
)
@click.pass_context
def replay_command(  # noqa: PLR0917 -- a command has as many parameters as it has options
    context: click.Context,
    directory: Path,
    report: Path,
    dead_letters: Path | None,
    state: Path | None,
    on_error: str,
    now: int,
    notes: Path | None,
    metrics: Path | None,
    *,
    details: bool,
    allow_incomplete: bool,
    channel_capacity: int,
    max_page_bytes: int,
    row_budget: int,
    workers: int,
) -> None:
    """Replay the recorded pages at PATH into a report, and print its summary as JSON.

    PATH is a directory (with those below it), a file, or - for standard input. What a file holds is
    what is in it: a page, an array of buckets or of pages, pages behind each other or one a line,
    with envelopes or without, plain, gzip or zstd. Pages of a walk are named
    usage_<endpoint>[_<label>][_page<N>].json or costs[_<label>][_page<N>].json, and the lists of
    projects, accounts, keys and certificates. What is not read is named, and the exit code is 1.
    Expectations beside them (expectations.json, or NAME.expectations.json for a file) are checked.

    \b
    Examples:
      usage-stream replay fixtures
      usage-stream replay fixtures --no-details --report out/totals.json | jq .usageSummary
      usage-stream replay recorded --on-error dead-letter --dead-letters out/dead
      usage-stream replay month.ndjson.zst --no-details --workers auto
      curl -sS "$URL" -H "Authorization: Bearer $OPENAI_ADMIN_KEY" | usage-stream replay -
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    check_dead_letters(on_error, dead_letters)
    run = Replay(
        directory=context.with_resource(spool_input(directory)),
        now=now,
        report=report,
        details=details,
        rules=Rules(
            state=state,
            dead_letters=dead_letters,
            unfinished_walks="report" if allow_incomplete else "refuse",
            row_budget=row_budget,
        ),
        channel_capacity=channel_capacity,
        max_page_bytes=max_page_bytes,
        side_outputs=tuple(filter(None, (notes, metrics))),
    )
    check_outputs(run, notes, metrics)
    before = previous_summary(report) if notes else None
    tally = Tally()
    if workers > 1 and not hasattr(os, "fork"):  # Windows
        click.echo(
            "usage-stream: warning: no worker processes on this platform: one process", err=True
        )
        workers = 1
    with defer_signals():  # once there is a report, it and what goes with it are whole
        written = replay_pages(run, workers, tally)
        after = summary_of(report, written)
        if metrics:
            from stream.sinks.metrics import write_metrics  # noqa: PLC0415 -- 60 ms that few runs need

            write_metrics(metrics, tally)
        if notes:
            from stream.sinks.notes import append_notes  # noqa: PLC0415 -- 40 ms that few runs need

            line = shlex.join(["usage-stream", *sys.argv[1:]])
            append_notes(notes, line, written, before, after)
    try:
        show_summary(after)
        show_warnings(written.outline.warnings)
    except KeyboardInterrupt as error:
        number = error.args[0] if error.args else signal.SIGINT
        raise Interrupted(number, "the report is written") from None
    context.exit(written.outline.exit_code)


def replay_pages(run: Replay, workers: int, tally: Tally) -> Report:
    """Replay, in this process or in several, until a signal comes.

    Raises:
        BadInput, Unavailable, Interrupted: there is no report.
    """
    if workers == 1:
        with show_progress() as observer:
            return anyio.run(until_signalled, partial(replay, run, tally, observer))
    from stream.engines.workers import Pool  # noqa: PLC0415 -- 20 ms that one process does not need

    with (
        closing(Pool(run, workers, tally)) as pool,
        show_progress() as observer,
    ):  # forks before there are threads
        return anyio.run(until_signalled, partial(pool.replay, observer))


def holds_pages(place: Path) -> bool:
    """Tell whether a file below PATH is one that pages are read from."""
    return place.is_file() and recognise_file(place).holds_pages


def check_outputs(run: Replay, notes: Path | None, metrics: Path | None) -> None:
    """See that everything can be written, and that nothing overwrites a fixture or each other.

    Raises:
        click.UsageError: two outputs are one file, or one is among what DIR is read for.
        Unavailable: a file cannot be written.
    """
    state, dead = run.rules.state, run.rules.dead_letters
    letters = None if dead is None else dead / DEAD_LETTERS
    taken: set[Path] = set()
    beside = [state.with_name(state.name + end) for end in SIDE_FILES] if state else []
    for path in filter(None, (run.report, notes, metrics, letters, state, *beside)):
        place = prepare_file(path)
        if place in taken:
            raise click.UsageError(f"{path} is named for two outputs; give each its own file")
        read = run.directory.resolve()
        is_companion = place.parent == read and is_pages_input(place.name)
        if place == read or is_companion or (read in place.parents and holds_pages(place)):
            raise click.UsageError(f"{path} is a file that PATH is read for; write elsewhere")
        taken.add(place)
