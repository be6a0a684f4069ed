"""What the exports share: what they read, which records, and where these go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import click

from stream.cli.basics import show_json, show_note
from stream.cli.figure_source import open_recorded
from stream.cli.progress import show_advance
from stream.cli.selection import read_span
from stream.cli.standard_input import DASH
from stream.providers.openai import ENDPOINTS
from stream.records.errors import BadConfiguration
from stream.records.windows import Window
from stream.sinks.exports.counts import WrittenRecords
from stream.sinks.exports.records import RecordBatch, batches_of

__all__ = [
    "RecordChoice",
    "SourcePath",
    "export_file",
    "load_parquet",
    "open_batches",
    "read_choice",
    "run_export",
    "source_argument",
    "tell_nothing",
]

T = TypeVar("T")

NOTHING: Final = "nothing was found"
SOURCES: Final = "SOURCE is a state file (which may be in use), a capture, or a directory of pages"
EXTRA: Final = "pyarrow is not installed: pip install 'usage-stream[parquet]'"


class SourcePath(click.Path):
    """The type of what is read: a state file, or pages; ``has_input``: or those of ``-``."""

    def __init__(self, *, has_input: bool = False) -> None:
        super().__init__(path_type=Path)
        self.has_input = has_input

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path.

        Raises:
            click.BadParameter: it is standard input, or an address.
        """
        if "://" in str(value) or (str(value) == DASH and not self.has_input):
            more = ", or - for standard input" if self.has_input else ""
            self.fail(f"{SOURCES}{more}", param, ctx)
        return super().convert(value, param, ctx)


source_argument = click.argument("source", metavar="SOURCE", type=SourcePath())
"""Gives a command what it reads."""


class RecordChoice(NamedTuple):
    """Which records are wanted; ``projects`` are ids or names, and none of them is all."""

    span: Window
    endpoints: list[str]
    projects: tuple[str, ...]


def read_choice(
    since: str | None, until: str | None, endpoints: list[str], projects: tuple[str, ...]
) -> RecordChoice:
    """Read what the options of ``selection`` ask for.

    Raises:
        click.UsageError: they name no days.
    """
    return RecordChoice(read_span(since, until), endpoints, projects)


@contextmanager
def open_batches(source: Path, choice: RecordChoice) -> Iterator[list[Iterator[RecordBatch]]]:
    """Open the records of a state file, or of pages: of each endpoint its batches, in order.

    Raises:
        BadInput, Unavailable, Interrupted: they cannot be read.
    """
    with open_recorded(source) as recorded:
        projects = None
        if choice.projects:
            names = recorded.project_names.items()
            called = (one for one, name in names if name in choice.projects)
            projects = frozenset({*choice.projects, *called})
        keys = sorted(choice.endpoints or ENDPOINTS)
        yield [batches_of(recorded, [key], choice.span, projects) for key in keys]


def tell_nothing(batches: Iterable[RecordBatch]) -> Iterator[RecordBatch]:
    """Yield batches; if there was nothing in them, say so in the end."""
    is_empty = True
    for batch in batches:
        is_empty = is_empty and not batch.rows
        yield batch
    if is_empty:
        show_note(NOTHING)


Write = Callable[[list[Iterator[RecordBatch]], Callable[[int], None]], Awaitable[WrittenRecords]]
"""Writes the batches of endpoints; it tells how many records were written, now and then."""


def export_file(source: Path, choice: RecordChoice, write: Write) -> WrittenRecords:
    """Write the records that are wanted, show how far that is, and what came of it as JSON.

    Raises:
        as :func:`open_batches`; Unavailable: they cannot be written.
    """
    with open_batches(source, choice) as batches:
        written = run_export(partial(write, batches))
    if not written.rows:
        show_note(NOTHING)
    show_json(written)
    return written


def run_export(write: Callable[[Callable[[int], None]], Awaitable[T]]) -> T:
    """Run what writes, and show how many records it says were written, now and then.

    Raises:
        Interrupted: a signal came; and what ``write`` raises.
    """
    from stream.engines.signals import run_until_signalled  # noqa: PLC0415 -- 100 ms that --help does not need

    with show_advance(None, "records") as on_records:
        return run_until_signalled(partial(write, on_records))


def load_parquet() -> Any:
    """Return what writes Parquet.

    Raises:
        BadConfiguration: it is not installed.
    """
    try:
        from stream.sinks.exports import parquet  # noqa: PLC0415 -- an extra, and 200 ms
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "pyarrow":
            raise
        raise BadConfiguration(EXTRA) from None
    return parquet
