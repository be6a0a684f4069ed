"""What commands of the command line and an engine's job share: how options are given, and one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from stream.sources.files import DEFAULT_PAGE_BYTES

__all__ = ["given", "page_bytes_option"]

Command = TypeVar("Command", bound=Callable[..., Any])


def given(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Return what gives a command several arguments and options, in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def page_bytes_option(bad: str) -> Callable[[Command], Command]:
    """Return the option ``--max-page-bytes``; ``bad`` says what is bad input beyond it."""
    return click.option(
        "--max-page-bytes",
        metavar="BYTES",
        type=click.IntRange(1),
        default=DEFAULT_PAGE_BYTES,
        show_default=True,
        help=f"{bad} is bad input.",
    )
