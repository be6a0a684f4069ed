"""The command line: ``usage-stream replay`` and ``usage-stream verify``."""

from __future__ import annotations

import datetime as dt
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import anyio
import msgspec
import typer

from stream.config import DEFAULT_CAPACITY, DEFAULT_PAGE_BYTES, DEFAULT_REPORT, Replay
from stream.errors import Interrupted, Unavailable, UsageStreamError
from stream.pipeline import Observer, replay
from stream.privacy import one_line
from stream.records import MAX_TIME
from stream.sinks.atomic import prepare
from stream.sinks.report import Outline
from stream.sinks.summary import previous_summary, summary_of
from stream.tally import Tally

__all__ = ["main"]

app = typer.Typer(
    name="usage-stream",
    help="Turn the pages of the OpenAI usage and costs API into figures that can be trusted.",
    epilog="Exit codes: 0 done, 1 the report is whole but something in it does not hold, 2 usage, "
    "65 bad input, 69 a source or store cannot be reached, 70 a bug, 130 or 143 interrupted.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
)


class OnError(str, Enum):
    """What bad input does: end the run, or go to the dead letters."""

    fail = "fail"
    dead_letter = "dead-letter"


def clock(value: str | None) -> int:
    """Return the clock: ``--now``, else SOURCE_DATE_EPOCH, else the time.

    Raises:
        typer.BadParameter: it is neither Unix seconds nor RFC 3339.
    """
    text = value or os.environ.get("SOURCE_DATE_EPOCH")
    if not text:
        return int(time.time())
    try:
        if text.isascii() and text.isdigit():
            seconds = int(text)
        else:
            moment = dt.datetime.fromisoformat(text)
            seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp())
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= MAX_TIME:
        what = "--now" if value else "SOURCE_DATE_EPOCH"
        raise typer.BadParameter(
            f"{what} is {one_line(text)!r}, expected Unix seconds or a time like 2024-11-01T00:00:00Z"
        )
    return seconds


@app.callback(invoke_without_command=True)
def root(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.")
    ] = False,
) -> None:
    """Turn the pages of the OpenAI usage and costs API into figures that can be trusted."""
    if show_version:
        typer.echo(version("usage-stream"))
        raise typer.Exit


@app.command("replay")
def replay_command(
    *,
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="A directory of fixtures, named usage_<endpoint>[_fixture][_<label>][_page<N>].json.",
        ),
    ],
    report: Annotated[
        Path,
        typer.Option(help="Where the report goes; it replaces the one there when it is whole."),
    ] = DEFAULT_REPORT,
    details: Annotated[
        bool,
        typer.Option(
            "--details/--no-details", help="Put every record into the report (dedupedUsage)."
        ),
    ] = True,
    allow_incomplete: Annotated[
        bool,
        typer.Option(
            "--allow-incomplete",
            help="Report a chain whose last page says that more follows (exit 1).",
        ),
    ] = False,
    on_error: Annotated[
        OnError, typer.Option(help="What bad input does: end the run with 65, or be set aside.")
    ] = OnError.fail,
    dead_letters: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where bad records go, with their reason, secrets masked."
        ),
    ] = None,
    channel_capacity: Annotated[
        int,
        typer.Option(min=1, max=1_000_000, help="Pages that wait between reading and counting."),
    ] = DEFAULT_CAPACITY,
    max_page_bytes: Annotated[
        int, typer.Option(min=1, help="A larger file is bad input.")
    ] = DEFAULT_PAGE_BYTES,
    now: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="The clock: Unix seconds or RFC 3339; SOURCE_DATE_EPOCH does the same.",
        ),
    ] = None,
    notes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Append a Markdown section: command, versions, digests, summaries."
        ),
    ] = None,
    metrics: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write what was counted in Prometheus' text format."),
    ] = None,
) -> None:
    """Replay recorded pages into a report, and print its summary as JSON.

    Example: usage-stream replay fixtures --report out/report.json --no-details
    """
    if (on_error is OnError.dead_letter) != (dead_letters is not None):
        raise typer.BadParameter("--on-error dead-letter and --dead-letters DIR go together")
    run = Replay(
        directory=directory,
        now=clock(now),
        report=report,
        details=details,
        allow_incomplete=allow_incomplete,
        dead_letters=dead_letters,
        channel_capacity=channel_capacity,
        max_page_bytes=max_page_bytes,
    )
    prepare(report)
    before = previous_summary(report) if notes else None
    tally = Tally()
    with progress() as observer:
        outline = anyio.run(until_signalled, run, tally, observer)
    after = summary_of(report, outline)
    if metrics:
        from stream.metrics import write_metrics  # noqa: PLC0415 -- 60 ms that only this option needs

        write_metrics(metrics, tally)
    if notes:
        from stream.sinks.notes import append_notes  # noqa: PLC0415 -- only this option needs it

        append_notes(notes, shlex.join(["usage-stream", *sys.argv[1:]]), outline, before, after)
    typer.echo(after)
    raise typer.Exit(1 if outline.issues else 0)


@app.command("verify")
def verify_command(
    *,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A directory of fixtures.")],
) -> None:
    """Check fixtures before they are shared: checksums, registration, expectations, no secrets.

    Findings go to stderr, one a line, and to stdout as JSON. Exit 65 when files are not as they were listed, 1 for what
    they say.
    """
    from stream.verify import verify  # noqa: PLC0415 -- only this command needs it

    findings = verify(directory, clock(None))
    lines = [one_line(finding) for finding in (*findings.files, *findings.content)]
    for line in lines:
        typer.echo(line, err=True)
    shown = {"directory": str(directory), "findings": lines}
    typer.echo(msgspec.json.format(msgspec.json.encode(shown), indent=2))
    raise typer.Exit(findings.exit_code)


async def until_signalled(run: Replay, tally: Tally, observer: Observer) -> Outline:
    """Replay, unless SIGINT or SIGTERM comes first.

    Raises:
        Interrupted: one came; no report is left.
    """
    received: list[int] = []

    async def watch(scope: anyio.CancelScope) -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for number in signals:
                received.append(number)
                scope.cancel()

    outline = None
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch, tasks.cancel_scope)
            outline = await replay(run, tally, observer)
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    if outline is None:
        raise Interrupted(received[0])
    return outline


@contextmanager
def progress() -> Iterator[Observer]:
    """Show progress on a terminal's stderr; elsewhere only warnings."""

    def warn(name: str) -> None:
        typer.echo(
            f"usage-stream: warning: {one_line(name)} is no fixture name that is known; it was left out",
            err=True,
        )

    if not sys.stderr.isatty():
        yield Observer(on_unknown=warn)
        return
    from rich.console import Console  # noqa: PLC0415 -- only a terminal needs it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns: list[Any] = [
        TextColumn("pages"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    ]
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("pages", total=None)
        yield Observer(
            on_total=lambda total: bar.update(task, total=total),
            on_page=lambda _: bar.advance(task),
            on_unknown=warn,
        )


def main() -> None:
    """Run the command line and exit with the code of what happened."""
    sys.exit(run_command())


def run_command(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    try:
        app(arguments)
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    except UsageStreamError as error:
        return complain(
            str(error),
            128 + error.signal_number if isinstance(error, Interrupted) else error.exit_code,
        )
    except OSError as error:
        return complain(
            f"standard output cannot be written ({error.strerror})", Unavailable.exit_code
        )
    return 0


def complain(message: str, code: int) -> int:
    """Say what went wrong on stderr, in one line."""
    typer.echo(f"usage-stream: {one_line(message)}", err=True)
    return code
