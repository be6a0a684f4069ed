"""Progress for people: a bar on a terminal, and warnings everywhere; always on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from stream.pipeline import Observer
from stream.privacy import one_line

__all__ = ["progress"]


def warn(name: str) -> None:
    """Say that a file was left out."""
    click.echo(
        f"usage-stream: warning: {one_line(name)} has no fixture's name; it was left out", err=True
    )


@contextmanager
def progress() -> Iterator[Observer]:
    """Show pages as they are counted, where stderr is a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield Observer(on_unknown=warn)
        return
    from rich.console import Console  # noqa: PLC0415 -- 50 ms that only a terminal needs
    from rich.progress import (  # noqa: PLC0415 -- as above
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("pages"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("pages", total=None)
        yield Observer(
            on_total=lambda total: bar.update(task, total=total),
            on_page=lambda _: bar.advance(task),
            on_unknown=warn,
        )
