"""Where figures come from that are shown: a state file, a daemon, or pages that are replayed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import click

from stream.cli.basics import mark_unsound, show_warning
from stream.cli.progress import show_progress
from stream.figures.breakdown import Choice
from stream.figures.daybook import StoredDaybook
from stream.records.privacy import one_line, register_secret
from stream.sinks.daybooks import Faults, NamedDaybook, RecordedDays, faults_of, open_daybook
from stream.sinks.exports.records import NamedWindows
from stream.sinks.exports.some_names import name_some

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
        with open_stored(Path(source)) as found:
            yield NamedDaybook(found.daybook, found.names, found.faults)


@contextmanager
def open_recorded(source: Path) -> Iterator[NamedWindows]:
    """Open the records of a state file, or of pages; they are as of one moment.

    Raises:
        BadInput, Unavailable, Interrupted: they cannot be read.
    """
    with open_stored(source) as found:
        yield NamedWindows(found.daybook.windows, found.names)


@contextmanager
def open_stored(source: Path) -> Iterator[RecordedDays]:
    """Open a state file, or replay pages; say what does not hold, for which the command exits 1.

    Raises:
        BadInput, Unavailable, Interrupted: they cannot be read.
    """
    with open_daybook(source) if is_state(source) else replay_pages(source) as found:
        show_faults(found.faults)
        yield found


def show_faults(faults: Faults) -> None:
    """Say what does not hold, in a line of each kind; the command, if it is done, ends with 1."""
    told = {"figures may be too low": faults.gaps, "something does not hold": faults.other_faults}
    for kind, sentences in told.items():
        if sentences:
            show_warning(one_line(f"{kind}: {name_some(sentences, between=' ')}"))
            mark_unsound()


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
        show_faults(found.faults)
        yield found


@contextmanager
def replay_pages(path: Path) -> Iterator[RecordedDays]:
    """Replay the pages at a path, without a report; files that are left out are named.

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
            survey = run_until_signalled(partial(ingest_all, run, intake, observer))
        if survey.left_out:
            mark_unsound()
        windows = intake.windows()
        yield RecordedDays(
            StoredDaybook(DaysOfWindows(windows), windows, frozenset(windows.former_chains)),
            intake.objects.project_names,
            faults_of(intake.summaries(), windows),
        )
