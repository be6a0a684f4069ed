"""What the commands share: exit codes in their help, options of several, and stdout."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import click
import msgspec

from stream.cli.standard_output import ReportPlace, send_file
from stream.intake.rules import Rules
from stream.pipeline import DEFAULT_REPORT
from stream.records.privacy import escape_json, one_line
from stream.records.windows import MAX_TIME
from stream.sources.source import DEFAULT_PAGE_BYTES

if TYPE_CHECKING:  # imported when pages are taken in
    from stream.sinks.report import Report

__all__ = [
    "EXIT_CODES",
    "FILE",
    "NOT_PACKED",
    "OUTPUT_FILE",
    "PLAIN_FILE",
    "add_options",
    "clock_option",
    "end_run",
    "exit_code_of",
    "mark_unsound",
    "page_bytes_option",
    "prices_option",
    "read_time",
    "report_options",
    "rules_of",
    "show_json",
    "show_note",
    "show_summary",
    "show_warning",
]

Command = TypeVar("Command", bound=Callable[..., Any])

EXIT_CODES = """
\b
Exit codes:
  0         done
  1         the report is whole, but something in it does not hold
  2         usage
  65        bad input; no report
  69        a source or a store cannot be reached or written
  70        a bug
  77        the provider refuses the key
  78        configuration
  129, 130, 143  interrupted; no report
"""

UNSOUND: Final = "stream.cli.unsound"
"""What a context knows where figures were shown, or written, of which something does not hold."""
FILE: Final = click.Path(path_type=Path)


class OutputFile(click.Path):
    """The type of an option that names a file to write, which is not standard output.

    ``is_plain``: it is not packed either, as nobody reads it packed.
    """

    def __init__(self, *, is_plain: bool = False) -> None:
        super().__init__(path_type=Path)
        self.is_plain = is_plain

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path.

        Raises:
            click.BadParameter: it is ``-``, or a packed file where that is not written.
        """
        if self.is_plain:
            from stream.sinks.captures import PACKED  # noqa: PLC0415 -- only this needs it

            if Path(value).suffix in PACKED:
                self.fail(NOT_PACKED, param, ctx)
        if str(value) == "-":
            self.fail("- is no file, and this does not go to standard output", param, ctx)
        return super().convert(value, param, ctx)


OUTPUT_FILE: Final = OutputFile()
PLAIN_FILE: Final = OutputFile(is_plain=True)
NOT_PACKED: Final = "this is not written packed: give a name without .gz or .zst"


def read_time(value: str | int) -> int:
    """Read a time as Unix seconds or in RFC 3339, UTC where it has no zone; return Unix seconds.

    Raises:
        click.BadParameter: it is none.
    """
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
        raise click.BadParameter(f"{shown}; give Unix seconds or 2024-11-01T00:00:00Z")
    return seconds


def add_options(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Return what gives a command several arguments and options, in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def page_bytes_option(bad: str) -> Callable[[Command], Command]:
    """Return the option ``--max-page-bytes``; ``bad`` says what is bad input beyond it."""
    return click.option(
        "--max-page-bytes",
        metavar="BYTES",
        type=click.IntRange(1),
        default=DEFAULT_PAGE_BYTES,
        show_default=True,
        help=f"{bad} is bad input.",
    )


def clock_option(use: str = "") -> Callable[[Command], Command]:
    """Return the option ``--now``: the clock, which is the time unless somebody fixes it."""
    return click.option(
        "--now",
        metavar="TIME",
        type=read_time,
        default=lambda: int(time.time()),
        envvar="SOURCE_DATE_EPOCH",
        help=f"The clock: Unix seconds or RFC 3339. SOURCE_DATE_EPOCH does the same.{use}",
    )


prices_option = click.option(
    "--prices",
    metavar="default|FILE",
    help="Put what use should have cost beside what was billed, by the published price list, or by "
    "a prices.toml over it.",
)
"""Gives a command the price list that estimates are made by."""

report_options = add_options(
    click.option(
        "--report",
        type=FILE,
        default=DEFAULT_REPORT,
        show_default=True,
        help="Where the report goes. It replaces the one there when it is whole, and not before. "
        "- is standard output, in the place of the summary.",
    ),
    click.option(
        "--details/--no-details",
        default=True,
        help="Put every record into the report (dedupedUsage), or totals alone.",
    ),
    click.option(
        "--allow-incomplete",
        is_flag=True,
        help="Report a chain whose last page says that more follows; exit 1.",
    ),
    click.option(
        "--on-error",
        type=click.Choice(["fail", "dead-letter"]),
        default="fail",
        show_default=True,
        help="Bad input ends the run with 65, or is set aside; exit 1.",
    ),
    click.option(
        "--dead-letters",
        metavar="DIR",
        type=FILE,
        help="Where bad records go, each with its reason, secrets masked.",
    ),
)
"""Gives a command the options that say how a report is made."""


def rules_of(
    on_error: str, dead_letters: Path | None, *, allow_incomplete: bool, **more: Any
) -> Rules:
    """Return the rules that the options ask for; what is set aside must have a place.

    Raises:
        click.UsageError: one of the options for that is there without the other.
    """
    if (on_error == "dead-letter") != (dead_letters is not None):
        raise click.UsageError("--on-error dead-letter and --dead-letters DIR go together")
    unfinished: Literal["report", "refuse"] = "report" if allow_incomplete else "refuse"
    return Rules(dead_letters=dead_letters, unfinished_walks=unfinished, **more)


def end_run(context: click.Context, summary: bytes, report: Report, place: ReportPlace) -> None:
    """Print the summary of a run, say what may be wrong and changes no exit code, and exit.

    A report that is sent goes to stdout in the place of the summary, all of which is in it.
    """
    if place.is_sent:
        send_file(place.path)
    else:
        show_summary(summary)
    for warning in report.outline.warnings:
        show_warning(one_line(warning))
    context.exit(report.outline.exit_code)


def mark_unsound() -> None:
    """Have the command that runs exit with 1 when it is done: something does not hold."""
    click.get_current_context().meta[UNSOUND] = True


def exit_code_of(context: click.Context) -> int:
    """Return the exit code of a command that is done, and has said nothing of its own."""
    return int(UNSOUND in context.meta)


def show_warning(text: str) -> None:
    """Say on stderr what may be wrong; whatever came from outside is masked in it already."""
    click.echo(f"usage-stream: warning: {text}", err=True)


def show_note(text: str) -> None:
    """Say on stderr how something is meant, in one line."""
    click.echo(f"usage-stream: {one_line(text)}", err=True)


def show_json(value: Any) -> None:
    """Write a value to stdout as JSON for people too; as :func:`show_summary`."""
    show_summary(msgspec.json.format(msgspec.json.encode(value), indent=2))


def show_summary(summary: bytes) -> None:
    """Write what programs read to stdout; a reader that has gone away wants no more.

    Raises:
        Unavailable: stdout is closed or full.
    """
    click.echo(escape_json(summary))
