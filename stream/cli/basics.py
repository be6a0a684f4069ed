"""What the commands share: exit codes in their help, options of several, and stdout."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from stream.pipeline import DEFAULT_REPORT
from stream.records.privacy import escape_json, one_line
from stream.records.windows import MAX_TIME
from stream.sources.source import DEFAULT_PAGE_BYTES

__all__ = [
    "EXIT_CODES",
    "FILE",
    "Moment",
    "add_options",
    "check_dead_letters",
    "clock_option",
    "page_bytes_option",
    "report_options",
    "show_summary",
    "show_warnings",
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
  130, 143  interrupted; no report
"""


FILE: Final = click.Path(path_type=Path)


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
        type=Moment(),
        default=lambda: int(time.time()),
        envvar="SOURCE_DATE_EPOCH",
        help=f"The clock: Unix seconds or RFC 3339. SOURCE_DATE_EPOCH does the same.{use}",
    )


report_options = add_options(
    click.option(
        "--report",
        type=FILE,
        default=DEFAULT_REPORT,
        show_default=True,
        help="Where the report goes. It replaces the one there when it is whole, and not before.",
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


def check_dead_letters(on_error: str, dead_letters: Path | None) -> None:
    """See that what is set aside has a place.

    Raises:
        click.UsageError: one of the options is there without the other.
    """
    if (on_error == "dead-letter") != (dead_letters is not None):
        raise click.UsageError("--on-error dead-letter and --dead-letters DIR go together")


def show_warnings(warnings: Iterable[str]) -> None:
    """Say on stderr what may be wrong, and changes no exit code."""
    for warning in warnings:
        click.echo(f"usage-stream: warning: {one_line(warning)}", err=True)


def show_summary(summary: bytes) -> None:
    """Write what programs read to stdout; a reader that has gone away wants no more.

    Raises:
        Unavailable: stdout is closed or full.
    """
    click.echo(escape_json(summary))
