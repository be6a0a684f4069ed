"""``usage-stream state``: what a state file holds, its health, its copies, and its end."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from stream.cli.basics import EXIT_CODES, FILE, clock_option, show_json, show_summary
from stream.cli.progress import show_table
from stream.records.errors import Unavailable
from stream.records.privacy import spell_name

__all__ = ["state_command"]

file_argument = click.argument("file", type=FILE)


@click.group("state", epilog=EXIT_CODES)
def state_command() -> None:
    """Look at a state file, check it, copy it, and let what is old in it go."""


@state_command.command("info", epilog=EXIT_CODES)
@file_argument
@click.option("--json", "as_json", is_flag=True, help="Print JSON on a terminal, too.")
def info_command(file: Path, *, as_json: bool) -> None:
    """Say what a state file holds, by endpoint, month and source; it may be in use.

    A table on a terminal, and JSON elsewhere. Bytes of windows are those that their rows take,
    packed; those of the file are more. Months are those that windows start in, UTC.

    \b
    Example:
      usage-stream state info state.db | jq '.endpoints[] | {endpoint, rows, bytes}'
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    from stream.sinks.inventory import inventory_of, tables_of  # noqa: PLC0415 -- only this command needs it

    found = inventory_of(file)
    if as_json or not sys.stdout.isatty():
        show_json(found)
        return
    for names, rows in tables_of(found):
        show_table(names, rows)
        show_summary(b"")


@state_command.command("check", epilog=EXIT_CODES)
@file_argument
def check_command(file: Path) -> None:
    """Read all of a state file and see that it is what was written; it may be in use.

    One line says so, with exit code 0; what is damaged is named, with 65. Whoever opens a state
    file sees that no row is missing, and each row's own checksum when it is read; this reads all.
    """
    from contextlib import closing  # noqa: PLC0415 -- only this command needs it

    from stream.state.sqlite.inspection import Inspection  # noqa: PLC0415 -- as above

    with closing(Inspection(file)) as store:
        store.check_whole()
        told = f"transaction {store.transaction_number}, {store.count_rows('snapshots')} windows"
    show_summary(f"{spell_name(str(file))}: whole ({told})".encode())


@state_command.command("backup", epilog=EXIT_CODES)
@file_argument
@click.argument("to", type=FILE)
def backup_command(file: Path, to: Path) -> None:
    """Copy a state file as of one moment, also while a daemon works on it.

    The copy is checked, and stands at TO when all of it is on the disk; nothing is overwritten. It
    is a state file itself: put in the original's place, it goes on from that moment.

    \b
    Example:
      usage-stream state backup state.db "backups/state-$(date -u +%F).db"
    """  # noqa: D301 -- as above
    from stream.sinks.backups import back_up_state  # noqa: PLC0415 -- only this command needs it

    show_json(back_up_state(file, to))


@state_command.command("export", epilog=EXIT_CODES)
@file_argument
@click.argument("out", type=FILE)
def export_command(file: Path, out: Path) -> None:
    """Write what a state file holds as a capture, whose replay comes to the same figures.

    That is the way to a state file of another version, older or newer: replay OUT with --state.
    OUT is packed when it ends in .gz or .zst. What had been set aside or named of single pages
    is not in it, nor is how far sources had read: they are read again, and count once.

    \b
    Example:
      usage-stream state export state.db windows.ndjson.zst
      usage-stream replay windows.ndjson.zst --state new.db
    """  # noqa: D301 -- as above
    from stream.sinks.exports.capture import export_capture  # noqa: PLC0415 -- only this command needs it

    show_json(export_capture(file, out))


def read_retention(_: click.Context, __: click.Parameter, value: str) -> int:
    """Read how long windows are kept; return seconds.

    Raises:
        click.BadParameter: it is no time of a day or more.
    """
    from stream.records.durations import seconds_of  # noqa: PLC0415 -- only this command needs it
    from stream.records.windows import DAY  # noqa: PLC0415 -- as above

    try:
        seconds = int(seconds_of(value))
    except ValueError:
        seconds = 0
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
