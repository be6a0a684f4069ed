"""``usage-stream state``: what a state file holds, its health, its copies, and its end."""

from __future__ import annotations

from pathlib import Path

import click

from stream.cli.basics import EXIT_CODES, FILE, clock_option, show_json
from stream.records.errors import Unavailable

__all__ = ["state_command"]

file_argument = click.argument("file", type=FILE)


@click.group("state", epilog=EXIT_CODES)
def state_command() -> None:
    """Look at a state file, check it, copy it, and let what is old in it go."""


def read_retention(_: click.Context, __: click.Parameter, value: str) -> int:
    """Read how long windows are kept; return seconds.

    Raises:
        click.BadParameter: it is no time of a day or more.
    """
    from stream.daemon.config.poll import seconds_of  # noqa: PLC0415 -- only this command needs it
    from stream.records.windows import DAY  # noqa: PLC0415 -- as above

    seconds = seconds_of(value)
    if seconds < DAY:
        raise click.BadParameter("give a day or more, such as 400d")
    return seconds


@state_command.command("prune", epilog=EXIT_CODES)
@file_argument
@click.option(
    "--retention",
    metavar="TIME",
    required=True,
    callback=read_retention,
    help="How long windows are kept as they came, such as 400d.",
)
@click.option("--drop", is_flag=True, help="Keep no sums of what is older; its figures are gone.")
@clock_option()
def prune_command(file: Path, retention: int, now: int, *, drop: bool) -> None:
    """Fold windows that ended before the retention's first day (UTC) into sums of their days.

    Every total of a report stays what it was, by project, tier, model, line item and the rest; who
    used it, by which key and at which hour is gone. Days that were folded are closed: what comes
    of them again counts nothing. What is no longer needed is given back to the disk. A state file
    that a daemon holds is refused (69); it has its own setting, retention.

    \b
    Example:
      usage-stream state backup state.db before.db
      usage-stream state prune state.db --retention 400d
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    from stream.figures.folds import find_folds  # noqa: PLC0415 -- only this command needs it
    from stream.intake.retention import Retention, prune_file  # noqa: PLC0415 -- as above

    try:
        show_json(prune_file(file, find_folds, Retention(retention, drop), now))
    except Unavailable as error:
        if "in use" in str(error):
            told = "stop it first, or set retention in its configuration"
            raise Unavailable(f"{error}; {told}") from None
        raise
