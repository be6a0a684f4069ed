"""Where a command writes to, which nothing may be read from."""

from __future__ import annotations

from pathlib import Path

import click

from stream.intake.rules import Rules
from stream.pipeline import state_files_of
from stream.sources.discovery import is_pages_input, recognise

__all__ = ["refuse_input"]


def refuse_input(path: Path, place: Path, source: Path) -> None:
    """See that an output is no input: ``place`` is ``path`` with its symbolic links followed.

    Raises:
        click.UsageError: it is ``source``, belongs to it as a state file, or is read in it.
    """
    read = source.resolve()
    is_companion = place.parent == read and is_pages_input(place.name)
    if (
        place in state_files_of(Rules(state=read))
        or is_companion
        or (read in place.parents and holds_pages(place))
    ):
        raise click.UsageError(f"{path} is a file that PATH is read for; write elsewhere")


def holds_pages(place: Path) -> bool:
    """Tell whether a file is one that pages are read from."""
    return place.is_file() and recognise(place).holds_pages
