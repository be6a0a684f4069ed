"""Which days, endpoints and projects are asked for."""

from __future__ import annotations

from typing import Final

import click

from stream.cli.basics import add_options
from stream.figures.breakdown import ALL_TIME
from stream.figures.periods import read_days
from stream.providers.openai import ENDPOINTS
from stream.records.privacy import one_line
from stream.records.windows import Window

__all__ = ["read_span", "selection_options", "span_options"]

DAYS: Final = "2026, 2026-10, 2026-10-05, 2026-W41, or a midnight of UTC"


def read_endpoints(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> list[str]:
    """Read names of endpoints, by commas or one option each; return their keys, in order.

    Raises:
        click.BadParameter: one is none.
    """
    keys = {key.removeprefix("usage/"): key for key in ENDPOINTS}
    found = set()
    for name in (
        one.strip().removeprefix("usage/") for value in values for one in value.split(",")
    ):
        if name not in keys:
            raise click.BadParameter(f"{one_line(name)!r} is none of {', '.join(keys)}")
        found.add(keys[name])
    return [key for key in ENDPOINTS if key in found]


def read_span(since: str | None, until: str | None) -> Window:
    """Read from when to when figures are wanted.

    Raises:
        click.UsageError: a text names no days, or nothing is between them.
    """
    ends = []
    for name, text in (("--since", since), ("--until", until)):
        try:
            ends.append(None if text is None else read_days(text))
        except ValueError:
            told = f"{one_line(text or '')!r} names no days; give {DAYS}"
            raise click.UsageError(f"{name}: {told}") from None
    first, last = ends
    span = Window(
        ALL_TIME.start if first is None else first.start, ALL_TIME.end if last is None else last.end
    )
    if span.start >= span.end:
        raise click.UsageError("--until is not after --since")
    return span


span_options = add_options(
    click.option("--since", metavar="DAYS", help=f"From the first day that is named: {DAYS}."),
    click.option(
        "--until",
        metavar="DAYS",
        help="To the end of the days that are named: --until 2026-10 has all of October.",
    ),
)
"""Gives a command the options for days: ``since`` and ``until``."""

selection_options = add_options(
    span_options,
    click.option(
        "--endpoint",
        "endpoints",
        metavar="NAMES",
        multiple=True,
        callback=read_endpoints,
        help="These endpoints alone, with all their counters, by commas or one option each.",
    ),
    click.option(
        "--project",
        "projects",
        metavar="PROJECT",
        multiple=True,
        help="This project alone, by its id or its name; may be given again.",
    ),
)
"""Gives a command the options for that: ``since``, ``until``, ``endpoints`` and ``projects``."""
