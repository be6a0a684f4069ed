"""For people: a bar on a terminal and warnings everywhere, on stderr; and a table on stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stream.cli.basics import show_warning
from stream.pipeline import Observer
from stream.records.privacy import one_line

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["show_advance", "show_progress", "show_table"]


def warn_of_file(name: str, reason: str) -> None:
    """Say that a file was left out."""
    show_warning(f"{one_line(name)} was left out: {one_line(reason)}")


def warn_of_hole(place: str, length: int) -> None:
    """Say that something emptied a file while it was written to."""
    show_warning(f"{one_line(place)}: {length} NUL bytes in front were passed over")


@contextmanager
def show_progress() -> Iterator[Observer]:
    """Show pages as they are counted, where stderr is a terminal."""
    if not is_watched():
        yield Observer(on_left_out=warn_of_file, on_hole=warn_of_hole)
        return
    with bar_of_pages() as bar:
        task = bar.add_task("pages", total=None)
        yield Observer(
            on_total=lambda total: bar.update(task, total=total),
            on_page=lambda _: bar.advance(task),
            on_left_out=warn_of_file,
            on_hole=warn_of_hole,
        )


@contextmanager
def show_advance(total: int | None, noun: str = "pages") -> Iterator[Callable[[], None]]:
    """Show pages as they are made, of about so many, if that is known, on a terminal."""
    if not is_watched():
        yield lambda: None
        return
    with bar_of_pages(noun) as bar:
        task = bar.add_task(noun, total=total)
        yield lambda: bar.advance(task)


def is_watched() -> bool:
    """Tell whether somebody sees stderr."""
    return sys.stderr is not None and sys.stderr.isatty()


def bar_of_pages(noun: str = "pages") -> Progress:
    """Return a bar that counts pages, or what else the noun says."""
    from rich.console import Console  # noqa: PLC0415 -- 50 ms that only a terminal needs
    from rich.progress import (  # noqa: PLC0415 -- as above
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn(noun), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def show_table(names: Iterable[str], rows: Iterable[tuple[str, ...]]) -> None:
    """Show a table on stdout; texts are masked, and none of them is markup."""
    from rich.console import Console  # noqa: PLC0415 -- 50 ms that only a terminal needs
    from rich.table import Table  # noqa: PLC0415 -- as above
    from rich.text import Text  # noqa: PLC0415 -- as above

    table = Table(*names, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*(Text(one_line(text)) for text in row))
    Console().print(table)
