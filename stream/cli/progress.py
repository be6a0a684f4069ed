"""For people: a bar on a terminal and warnings everywhere, on stderr; and a table on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from stream.cli.basics import show_warning
from stream.pipeline import Observer
from stream.records.privacy import one_line

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["show_advance", "show_columns", "show_progress", "show_table"]

NARROW: Final = 7
"""How narrow a column of texts may become, where they are longer: they are folded then."""
GAP: Final = 2
NATURAL: Final = 10_000
"""How wide a table may be that goes to no terminal."""


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
def show_advance(total: int | None, noun: str = "pages") -> Iterator[Callable[..., None]]:
    """Show pages as they are made, of about so many, if that is known, on a terminal.

    What is yielded may be told how many more they are.
    """
    if not is_watched():
        yield lambda _=1: None
        return
    with bar_of_pages(noun) as bar:
        task = bar.add_task(noun, total=total)
        yield lambda more=1: bar.advance(task, more)


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


def show_columns(
    titles: list[str], rows: list[list[str]], foldable: range, expendable: list[int]
) -> list[str]:
    """Show a table on stdout: columns of texts that may be folded, and numbers, which never are.

    Where there is no room, ``expendable`` columns are left out, the first one first; return their
    titles. The terminal breaks lines for which there still is none, so that no digit is lost.
    """
    from rich.cells import cell_len  # noqa: PLC0415 -- 50 ms that only tables need
    from rich.console import Console  # noqa: PLC0415 -- as above
    from rich.table import Table  # noqa: PLC0415 -- as above
    from rich.text import Text  # noqa: PLC0415 -- as above

    is_free = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    console = Console(width=NATURAL if is_free else None)
    widths = [max(map(cell_len, column)) for column in zip(titles, *rows, strict=True)]
    least = [min(one, NARROW) if at in foldable else one for at, one in enumerate(widths)]
    shown = list(range(len(titles)))
    for one in expendable:
        if sum(least[at] + GAP for at in shown) - GAP > console.width:
            shown.remove(one)
    needed = sum(least[at] + GAP for at in shown) - GAP
    console = Console(width=max(console.width, needed))
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for at in shown:
        table.add_column(
            Text(titles[at]),
            justify="left" if at < foldable.stop else "right",
            overflow="fold",
            no_wrap=at not in foldable,
            min_width=least[at],
        )
    for row in rows:
        table.add_row(*(Text(row[at]) for at in shown))
    with console.capture() as capture:
        console.print(table)
    click.echo("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()), nl=False)
    return [titles[at] for at in range(len(titles)) if at not in shown]
