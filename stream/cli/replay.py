"""``usage-stream replay``."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import click

from stream.cli.basics import (
    EXIT_CODES,
    FILE,
    OUTPUT_FILE,
    PLAIN_FILE,
    clock_option,
    end_run,
    page_bytes_option,
    prices_option,
    report_options,
    rules_of,
    show_warning,
)
from stream.cli.outputs import refuse_input
from stream.cli.progress import show_progress
from stream.cli.standard_input import spool_input
from stream.cli.standard_output import spool_report
from stream.engines.signals import defer_signals, until_signalled
from stream.pipeline import Replay, replay, state_files_of
from stream.records.errors import Interrupted
from stream.records.privacy import one_line
from stream.records.tally import Tally
from stream.sinks.atomic import prepare_file
from stream.sinks.dead_letters import FILE as DEAD_LETTERS
from stream.sources.channel import DEFAULT_CAPACITY
from stream.state.machine import find_memory_limit
from stream.state.memory import choose_budget, keep_freed_memory

if TYPE_CHECKING:  # imported when pages are taken in
    from stream.sinks.report import Report

__all__ = ["replay_command"]

MOST_WORKERS: Final = 256


def read_worker_count(value: str) -> int:
    """Read how many worker processes to use; ``auto`` is one for each core that may be used.

    Raises:
        click.BadParameter: it is no such number.
    """
    if value == "auto":
        affinity = getattr(os, "sched_getaffinity", None)  # on Linux alone
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= MOST_WORKERS):
        wanted = f"a number from 1 to {MOST_WORKERS}, or auto"
        raise click.BadParameter(f"{one_line(value)!r} is not {wanted}")
    return int(value)


def read_size(value: str | int) -> int:
    """Read a size as people write it, or in bytes; return bytes.

    Raises:
        click.BadParameter: it is none.
    """
    if isinstance(value, int):  # the default
        return value
    from stream.records.sizes import EXPECTED_SIZE, bytes_in  # noqa: PLC0415 -- only --memory needs them

    try:
        return bytes_in(value)
    except ValueError:
        raise click.BadParameter(f"{one_line(value)!r} is not {EXPECTED_SIZE}") from None


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
    type=read_worker_count,
    default="1",
    show_default=True,
    help="Worker processes that decode and deduplicate; auto: one for each core.",
)
@click.option(
    "--memory",
    metavar="SIZE",
    type=read_size,
    default=lambda: choose_budget(find_memory_limit()),
    show_default="a quarter of the machine's, at most 1GB",
    help="How much memory windows may take, those of all workers together, such as 512MB or 1GB; "
    "the others are in the state file, or a temporary one.",
)
@clock_option()
@prices_option
@click.option(
    "--html",
    metavar="FILE",
    type=PLAIN_FILE,
    help="Write a page for people too: one file without a script, that needs no network.",
)
@click.option(
    "--sha256",
    "is_sha256",
    is_flag=True,
    help="Name what was read by its SHA-256, as --notes does. Without, that is XXH3, which takes "
    "less time, but for files that a CHECKSUMS.sha256 beside them lists, and is compared with.",
)
@click.option(
    "--notes",
    metavar="FILE",
    type=OUTPUT_FILE,
    help="Append a Markdown section: command, versions, digests, the summary before and after.",
)
@click.option(
    "--metrics",
    metavar="FILE",
    type=OUTPUT_FILE,
    help="Write what was counted in Prometheus' text format.",
)
@click.pass_context
def replay_command(  # noqa: PLR0917 -- a command has as many parameters as it has options
    context: click.Context,
    /,
    directory: Path,
    report: Path,
    dead_letters: Path | None,
    state: Path | None,
    on_error: str,
    notes: Path | None,
    metrics: Path | None,
    prices: str | None,
    html: Path | None,
    *,
    allow_incomplete: bool,
    is_sha256: bool,
    memory: int,
    workers: int,
    **options: Any,
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
      usage-stream replay fixtures --report - | jq '.endpoints["usage/completions"].byDay'
      usage-stream replay recorded --on-error dead-letter --dead-letters out/dead
      usage-stream replay month.ndjson.zst --no-details --workers auto
      usage-stream replay month.ndjson.zst --prices default --html out/report.html
      curl -sS "$URL" -H "Authorization: Bearer $OPENAI_ADMIN_KEY" | usage-stream replay -
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    rules = rules_of(
        on_error,
        dead_letters,
        allow_incomplete=allow_incomplete,
        state=state,
        memory=memory,
    )
    price_list = None
    if prices is not None:
        from stream.providers.prices.choice import load_prices  # noqa: PLC0415 -- 3 ms that few runs need

        price_list = load_prices(prices)
    place = context.with_resource(spool_input(directory))
    made = context.with_resource(spool_report(report))
    beside = tuple(filter(None, (notes, metrics, html)))
    run = Replay(
        directory=place,
        report=made.path,
        rules=rules,
        side_outputs=beside,
        prices=price_list,
        html=html,
        is_sha256=is_sha256 or notes is not None,
        **options,
    )
    check_outputs(run)
    before = None
    if notes:
        from stream.sinks.summary import previous_summary  # noqa: PLC0415 -- as below

        before = previous_summary(made.path)
    tally = Tally()
    with defer_signals():  # once there is a report, it and what goes with it are whole
        written = run_replay(run, tally, workers)
        from stream.sinks.summary import summary_of  # noqa: PLC0415 -- pages are taken in first

        after = summary_of(made.lasting_path, written)
        if metrics:
            from stream.sinks.metrics.textfile import write_metrics  # noqa: PLC0415 -- 60 ms that few runs need

            write_metrics(metrics, tally)
        if notes:
            import shlex  # noqa: PLC0415 -- as below

            from stream.sinks.notes import append_notes  # noqa: PLC0415 -- 40 ms that few runs need

            line = shlex.join(["usage-stream", *sys.argv[1:]])
            append_notes(notes, line, written, before, after)
    try:
        end_run(context, after, written, made)
    except KeyboardInterrupt as error:
        number = error.args[0] if error.args else signal.SIGINT
        remains = "not all of the report was sent" if made.is_sent else "the report is written"
        raise Interrupted(number, remains) from None


def run_replay(run: Replay, tally: Tally, workers: int) -> Report:
    """Replay in this process, or in so many workers of it, until a signal comes.

    Raises:
        BadInput, Unavailable, Interrupted: there is no report.
    """
    if workers > 1 and not hasattr(os, "fork"):  # Windows
        show_warning("no worker processes on this platform: one process")
        workers = 1
    if workers == 1:
        with show_progress() as observer:
            return anyio.run(until_signalled, partial(replay, run, tally, observer))
    keep_freed_memory()  # what is asked for once counts for all of them
    from stream.engines.workers import Pool  # noqa: PLC0415 -- 20 ms that one process does not need

    with (
        closing(Pool(run, workers, tally)) as pool,
        show_progress() as observer,
    ):  # forks before there are threads
        return anyio.run(until_signalled, partial(pool.replay, observer))


def check_outputs(run: Replay) -> None:
    """See that everything can be written, and that nothing overwrites a fixture or each other.

    Raises:
        click.UsageError: two outputs are one file, or one is among what DIR is read for.
        Unavailable: a file cannot be written.
    """
    dead = run.rules.dead_letters
    letters = None if dead is None else dead / DEAD_LETTERS
    taken: set[Path] = set()
    outputs = (run.report, *run.side_outputs, letters, *state_files_of(run.rules))
    for path in filter(None, outputs):
        place = prepare_file(path)
        if place in taken:
            raise click.UsageError(f"{path} is named for two outputs; give each its own file")
        refuse_input(path, place, run.directory)
        taken.add(place)
