"""The command line: ``usage-stream replay`` and ``usage-stream verify``."""

from __future__ import annotations

import datetime as dt
import gc
import os
import shlex
import signal
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import anyio
import click
import msgspec

from stream import __version__
from stream.config import DEFAULT_CAPACITY, DEFAULT_PAGE_BYTES, DEFAULT_REPORT, Replay
from stream.errors import Interrupted, Unavailable, UsageStreamError
from stream.pipeline import replay
from stream.privacy import one_line
from stream.progress import progress
from stream.records import MAX_TIME
from stream.signals import until_signalled
from stream.sinks.atomic import prepare
from stream.sinks.dead_letters import FILE as DEAD_LETTERS
from stream.sinks.summary import previous_summary, summary_of
from stream.sources.fixtures import is_input
from stream.tally import Tally

__all__ = ["run_command"]

SIDE_FILES = (".lock", "-wal", "-shm", "-journal")
"""What stands beside a state file while it is in use."""
BUG = UsageStreamError.exit_code

EXIT_CODES = """
\b
Exit codes:
  0         done
  1         the report is whole, but something in it does not hold
  2         usage
  65        bad input; no report
  69        a source or a store cannot be reached or written
  70        a bug
  130, 143  interrupted; no report
"""


class Moment(click.ParamType[int]):
    """The clock, as Unix seconds or as a time in RFC 3339; UTC where it has no zone."""

    name = "time"

    def convert(
        self,
        value: str | int,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        """Return Unix seconds."""
        text = str(value)
        try:
            if text.isascii() and text.isdigit():
                seconds = int(text)
            else:
                moment = dt.datetime.fromisoformat(text)
                zoned = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
                seconds = int(zoned.timestamp())
        except ValueError:
            seconds = -1
        if not 0 <= seconds <= MAX_TIME:
            shown = f"{one_line(text)!r} is no time"
            self.fail(f"{shown}; give Unix seconds or 2024-11-01T00:00:00Z", param, ctx)
        return seconds


@click.group(
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="%(version)s")
def app() -> None:
    """Turn the pages of the OpenAI usage and costs API into figures that can be trusted."""


@app.command("replay", epilog=EXIT_CODES)
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    default=DEFAULT_REPORT,
    show_default=True,
    help="Where the report goes. It replaces the one there when it is whole, and not before.",
)
@click.option(
    "--details/--no-details",
    default=True,
    help="Put every record into the report (dedupedUsage), or totals alone.",
)
@click.option(
    "--allow-incomplete",
    is_flag=True,
    help="Report a chain whose last page says that more follows; exit 1.",
)
@click.option(
    "--on-error",
    type=click.Choice(["fail", "dead-letter"]),
    default="fail",
    show_default=True,
    help="Bad input ends the run with 65, or is set aside; exit 1.",
)
@click.option(
    "--dead-letters",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where bad records go, each with its reason, secrets masked.",
)
@click.option(
    "--state",
    metavar="FILE",
    type=click.Path(path_type=Path),
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
@click.option(
    "--max-page-bytes",
    metavar="BYTES",
    type=click.IntRange(1),
    default=DEFAULT_PAGE_BYTES,
    show_default=True,
    help="A larger file is bad input.",
)
@click.option(
    "--now",
    metavar="TIME",
    type=Moment(),
    envvar="SOURCE_DATE_EPOCH",
    help="The clock: Unix seconds or RFC 3339. SOURCE_DATE_EPOCH does the same.",
)
@click.option(
    "--notes",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Append a Markdown section: command, versions, digests, the summary before and after.",
)
@click.option(
    "--metrics",
    metavar="FILE",
    type=click.Path(path_type=Path),
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
    now: int | None,
    notes: Path | None,
    metrics: Path | None,
    *,
    details: bool,
    allow_incomplete: bool,
    channel_capacity: int,
    max_page_bytes: int,
) -> None:
    """Replay the recorded pages of DIR into a report, and print its summary as JSON.

    DIR holds fixtures, named usage_<endpoint>[_fixture][_<label>][_page<N>].json or
    costs[_fixture][_<label>][_page<N>].json, and the lists of projects, accounts, keys and
    certificates. Expectations beside them (expectations.json) are checked.

    \b
    Examples:
      usage-stream replay fixtures
      usage-stream replay fixtures --no-details --report out/totals.json | jq .usageSummary
      usage-stream replay recorded --on-error dead-letter --dead-letters out/dead
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    if (on_error == "dead-letter") != (dead_letters is not None):
        raise click.UsageError("--on-error dead-letter and --dead-letters DIR go together")
    run = Replay(
        directory=directory,
        now=int(time.time()) if now is None else now,
        report=report,
        details=details,
        allow_incomplete=allow_incomplete,
        dead_letters=dead_letters,
        state=state,
        channel_capacity=channel_capacity,
        max_page_bytes=max_page_bytes,
    )
    check_outputs(run, notes, metrics)
    before = previous_summary(report) if notes else None
    tally = Tally()
    with progress() as observer:
        outline = anyio.run(until_signalled, partial(replay, run, tally, observer))
    after = summary_of(report, outline)
    if metrics:
        from stream.metrics import write_metrics  # noqa: PLC0415 -- 60 ms that few runs need

        write_metrics(metrics, tally)
    if notes:
        from stream.sinks.notes import append_notes  # noqa: PLC0415 -- 40 ms that few runs need

        append_notes(notes, shlex.join(["usage-stream", *sys.argv[1:]]), outline, before, after)
    show(after)
    context.exit(1 if outline.issues else 0)


@app.group("export", epilog=EXIT_CODES)
def export_command() -> None:
    """Write what a state file holds in another tool's format."""


@export_command.command("openmetrics", epilog=EXIT_CODES)
@click.option(
    "--state",
    metavar="FILE",
    type=click.Path(path_type=Path),
    required=True,
    help="The state file; it may be in use, and is only read.",
)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    required=True,
    help="Where the history goes.",
)
@click.option(
    "--now",
    metavar="TIME",
    type=Moment(),
    envvar="SOURCE_DATE_EPOCH",
    help="The clock: windows that have not ended by then are left out.",
)
def openmetrics_command(state: Path, out: Path, now: int | None) -> None:
    """Write recorded usage with each window's own time, ready for a backfill of Prometheus.

    Each window is one sample, a second before its end. Add up with sum_over_time, as in
    sum by (project_id) (sum_over_time(openai_api_tokens{token_type="input"}[1d])).

    \b
    Example:
      usage-stream export openmetrics --state state.db --out usage.om
      promtool tsdb create-blocks-from openmetrics --max-block-duration=744h usage.om data/

    Blocks do not overwrite each other: after figures were corrected, delete the series before the
    next backfill. Prometheus must keep data longer than the history is.
    """  # noqa: D301 -- as above
    from stream.export import export_openmetrics  # noqa: PLC0415 -- only this command needs it

    exported = export_openmetrics(state, out, int(time.time()) if now is None else now)
    show(msgspec.json.format(msgspec.json.encode(exported), indent=2))


@app.command("verify", epilog=EXIT_CODES)
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.pass_context
def verify_command(context: click.Context, directory: Path) -> None:
    """Check the fixtures of DIR before they are shared.

    Checksums both ways (CHECKSUMS.sha256; a changed, missing or unlisted file: exit 65);
    registration in ENDPOINTS.md, expectations, and that no key and no email outside example.com
    stands in them (exit 1). Findings go to stderr, one a line, and to stdout as JSON.
    """
    from stream.verify import verify  # noqa: PLC0415 -- only this command needs it

    findings = verify(directory, int(time.time()))
    lines = [one_line(finding) for finding in (*findings.files, *findings.content)]
    for line in lines:
        click.echo(line, err=True)
    shown = {"directory": str(directory), "findings": lines}
    show(msgspec.json.format(msgspec.json.encode(shown), indent=2))
    context.exit(findings.exit_code)


def check_outputs(run: Replay, notes: Path | None, metrics: Path | None) -> None:
    """See that everything can be written, and that nothing overwrites a fixture or each other.

    Raises:
        click.UsageError: two outputs are one file, or one is among what DIR is read for.
        Unavailable: a file cannot be written.
    """
    letters = None if run.dead_letters is None else run.dead_letters / DEAD_LETTERS
    taken: set[Path] = set()
    beside = [run.state.with_name(run.state.name + end) for end in SIDE_FILES] if run.state else []
    for path in filter(None, (run.report, notes, metrics, letters, run.state, *beside)):
        place = prepare(path)
        if place in taken:
            raise click.UsageError(f"{path} is named for two outputs; give each its own file")
        if place.parent == run.directory.resolve() and is_input(place.name):
            raise click.UsageError(f"{path} is a file that DIR is read for; write elsewhere")
        taken.add(place)


def show(summary: bytes) -> None:
    """Write what programs read to stdout; a reader that has gone away wants no more.

    Raises:
        Unavailable: stdout is closed or full.
    """
    try:
        if sys.stdout is None:
            raise Unavailable("standard output is closed, and the summary has nowhere to go")
        click.echo(summary)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        with suppress(OSError):  # nothing may be left for the interpreter to flush
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Unavailable(f"standard output cannot be written ({error.strerror})") from None


def run_command(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code.

    Pages become many tuples at once, and hardly any cycles: at Python's own threshold (700) the
    cyclic collector took a third of a replay's time.
    """
    gc.set_threshold(100_000, 50, 100)
    given = sys.argv[1:] if arguments is None else arguments
    try:
        with app.make_context("usage-stream", list(given)) as context:
            app.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 -- each ends in a line and a code
        return explain(error)
    return 0


def explain(error: BaseException) -> int:
    """Say what ended the command, and return its exit code."""
    match error:
        case click.UsageError():
            error.show()
            return error.exit_code
        case Interrupted():
            return complain(str(error), 128 + error.signal_number)
        case KeyboardInterrupt():
            return complain(str(Interrupted(signal.SIGINT)), 128 + signal.SIGINT)
        case UsageStreamError():
            return complain(str(error), error.exit_code)
        case _ if sys.flags.dev_mode:
            raise error
    what = f"{type(error).__name__}: {error}"
    return complain(f"a bug ({what}); python -X dev -m stream shows where", BUG)


def complain(message: str, code: int) -> int:
    """Say what went wrong on stderr, in one line; where that is closed, the code has to do."""
    with suppress(OSError):
        click.echo(f"usage-stream: {one_line(message)}", err=True)
    return code
