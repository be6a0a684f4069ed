"""``usage-stream dead-letters``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from msgspec import Struct

from stream.cli.basics import EXIT_CODES, FILE, show_json, show_summary
from stream.records.delivery import Part
from stream.records.errors import Unavailable
from stream.records.privacy import one_line

__all__ = ["dead_command"]

COLUMNS: Final[tuple[str, ...]] = ("number", "source", "part", "page", "reason", "message")


class ListedLetter(Struct):
    """A dead letter in a list: its number there, where it stands, and why it was set aside."""

    number: int
    source: str
    part: str
    page: int
    endpoint: str
    label: str
    reason: str
    message: str


state_option = click.option(
    "--state",
    metavar="FILE",
    type=FILE,
    required=True,
    help="The state file of a replay or a daemon.",
)


@click.group("dead-letters", epilog=EXIT_CODES)
def dead_command() -> None:
    """Show what was set aside, and have it read again."""


@dead_command.command("list", epilog=EXIT_CODES)
@state_option
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="A table for people, or a line of JSON for each letter.",
)
def list_command(state: Path, style: str) -> None:
    """List the dead letters of a state file, which may be in use, and is only read."""
    found = [one for one, _ in letters_in(state)]
    if style == "json":
        for one in found:
            show_summary(msgspec.json.encode(one))
        return
    rows = [COLUMNS]
    rows += [tuple(one_line(str(getattr(one, name))) for name in COLUMNS) for one in found]
    widths = [max(len(row[place]) for row in rows) for place in range(len(COLUMNS))]
    for row in rows:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        show_summary("  ".join(padded).rstrip().encode())


@dead_command.command("show", epilog=EXIT_CODES)
@state_option
@click.argument("number", type=click.IntRange(1))
def show_command(state: Path, number: int) -> None:
    """Show one dead letter whole, as JSON; NUMBER is its number in the list."""
    for one, letter in letters_in(state):
        if one.number == number:
            where = {"source": one.source, "part": one.part}
            show_json({**where, **letter})
            return
    raise click.UsageError(f"there is no dead letter {number}; see usage-stream dead-letters list")


@dead_command.command("retry", epilog=EXIT_CODES)
@state_option
@click.option(
    "--part",
    "names",
    metavar="PART",
    multiple=True,
    help="Only this part, as the list names it; may be given again. Otherwise all that have some.",
)
def retry_command(state: Path, names: tuple[str, ...]) -> None:
    """Have the files that have dead letters read again by the next run, or the daemon's next start.

    What was counted of them counts once. A daemon that runs holds its state: stop it first. It
    looks by itself at files that were mended; this is for those that are as they were, such as
    after an update that understands more.

    \b
    Example:
      systemctl stop usage-stream
      usage-stream dead-letters retry --state state.db
      systemctl start usage-stream
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    from stream.intake.retries import retry_parts  # noqa: PLC0415 -- only this command needs it
    from stream.sources.capture_parts import restart_position  # noqa: PLC0415 -- as above
    from stream.state.sqlite.store import Store  # noqa: PLC0415 -- as above

    chosen = {Part(one.source, one.part) for one, _ in letters_in(state)}
    for name in names:
        if name not in {part.name for part in chosen}:
            raise click.UsageError(f"{one_line(name)} has no dead letter")
    try:
        store = Store(state)
    except Unavailable as error:
        told = "stop the daemon, run this again, and start it"
        raise Unavailable(f"{error}; if that is a daemon, {told}") from None
    with closing(store):
        wanted = [part for part in chosen if not names or part.name in names]
        found = retry_parts(store, wanted, restart_position)
    parts = [{"source": part.source, "part": part.name} for part in found]
    show_json({"parts": parts})


def letters_in(state: Path) -> Iterator[tuple[ListedLetter, dict[str, Any]]]:
    """Yield the dead letters of a state file in order, each with its place in the list.

    Raises:
        BadInput: the file is damaged.
        Unavailable: it cannot be read.
    """
    from stream.state.sqlite.store import Store  # noqa: PLC0415 -- only this needs it

    with closing(Store(state, read_only=True)) as store:
        for number, ((part, page), chain, body) in enumerate(store.placed_letters(), 1):
            letter: dict[str, Any] = msgspec.json.decode(body)
            reason, message = letter["reason"], letter["message"]
            if letter["path"] is not None:
                message = f"{letter['path']}: {message}"
            yield (
                ListedLetter(number, *part, page, chain.endpoint, chain.label, reason, message),
                letter,
            )
