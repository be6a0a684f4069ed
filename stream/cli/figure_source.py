"""Where figures come from that are shown: a state file, a daemon, or pages that are replayed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import click

from stream.cli.progress import show_progress
from stream.figures.breakdown import Choice
from stream.figures.daybook import StoredDaybook
from stream.records.privacy import register_secret
from stream.sinks.daybooks import NamedDaybook, open_daybook
from stream.sinks.exports.records import NamedWindows

__all__ = ["is_state", "open_recorded", "open_source"]

STATE: Final = b"SQLite format 3\0"


@contextmanager
def open_source(source: str, choice: Choice, token_file: Path | None) -> Iterator[NamedDaybook]:
    """Open what SOURCE names.

    Raises:
        BadInput, Unavailable: it cannot be read.
        click.UsageError: it is the address of no daemon.
        BadConfiguration: there is no token where one should be.
    """
    if "://" in source:
        with open_daemon(source, choice, token_file) as found:
            yield found
    else:
        with open_stored(Path(source)) as (daybook, names):
            yield NamedDaybook(daybook, names)


@contextmanager
def open_recorded(source: Path) -> Iterator[NamedWindows]:
    """Open the records of a state file, or of pages; they are as of one moment.

    Raises:
        BadInput, Unavailable, Interrupted: they cannot be read.
    """
    with open_stored(source) as (daybook, names):
        yield NamedWindows(daybook.windows, names)


@contextmanager
def open_stored(source: Path) -> Iterator[tuple[StoredDaybook, Mapping[str, str]]]:
    """Open a state file, or replay pages: days, with their windows, and the names of projects.

    Raises:
        BadInput, Unavailable, Interrupted: they cannot be read.
    """
    with open_daybook(source) if is_state(source) else replay_pages(source) as found:
        yield found


def is_state(path: Path) -> bool:
    """Tell whether a file is a state file, or would be one."""
    try:
        if not path.is_file():  # or a FIFO would be waited for
            return False
        with path.open("rb") as file:
            return file.read(len(STATE)) == STATE
    except OSError:
        return False


@contextmanager
def open_daemon(source: str, choice: Choice, token_file: Path | None) -> Iterator[NamedDaybook]:
    """Ask a daemon.

    Raises:
        as :func:`open_source`.
    """
    from stream.daemon.config.checks import token_of  # noqa: PLC0415 -- only a daemon's address needs it
    from stream.daemon.days_client import check_address, open_remote  # noqa: PLC0415 -- as above

    try:
        url = check_address(source)
    except ValueError as error:
        raise click.UsageError(f"SOURCE: {error}, without a name or a token in it") from None
    token = None
    if token_file is not None:
        token = token_of(token_file).decode()
        register_secret(token)
    with open_remote(url, token, list(choice.endpoints), choice.span) as found:
        yield found


@contextmanager
def replay_pages(path: Path) -> Iterator[tuple[StoredDaybook, Mapping[str, str]]]:
    """Replay the pages at a path, without a report.

    Raises:
        BadInput, Unavailable, Interrupted: they cannot be replayed.
    """
    from stream.engines.signals import run_until_signalled  # noqa: PLC0415 -- 100 ms that only pages need
    from stream.figures.daybook import DaysOfWindows  # noqa: PLC0415 -- as above
    from stream.intake.intake import Intake  # noqa: PLC0415 -- as above
    from stream.pipeline import Replay, ingest_all  # noqa: PLC0415 -- as above
    from stream.records.tally import Tally  # noqa: PLC0415 -- as above

    run = Replay(directory=path, now=int(time.time()), report=None)
    with closing(Intake(run.rules, Tally(), lambda: run.now)) as intake:
        with show_progress() as observer:
            run_until_signalled(partial(ingest_all, run, intake, observer))
        windows = intake.windows()
        days = DaysOfWindows(windows)
        yield (
            StoredDaybook(days, windows, frozenset(windows.former_chains)),
            intake.objects.project_names,
        )
