"""What a job on an engine is asked to do, and how that is written on a command line."""

from __future__ import annotations

import click
from msgspec import Struct

from stream.cli.options import given, page_bytes_option
from stream.sources.files import DEFAULT_PAGE_BYTES

__all__ = ["Job", "arguments_of", "job_options"]


class Job(Struct, frozen=True, kw_only=True):
    """A run over captures; places are URIs of a file system that the engine knows.

    ``follow`` is every how many seconds new captures are looked for; ``None``: those that are there
    are read, and the run ends. ``every`` is how many seconds what changed is gathered before it is
    said. ``details``: windows are written out too, so that the report can show each record.
    ``now`` is the clock in Unix seconds; ``None``: the time.
    """

    captures: str
    out: str
    follow: int | None = None
    every: int = 10
    details: bool = True
    now: int | None = None
    max_page_bytes: int = DEFAULT_PAGE_BYTES


job_options = given(
    click.argument("captures", metavar="CAPTURES"),
    click.argument("out", metavar="OUT"),
    click.option(
        "--follow",
        metavar="SECONDS",
        type=click.IntRange(1),
        help="Go on, and look for new captures every so many seconds. Each must be whole when it "
        "appears (written beside, and renamed).",
    ),
    click.option(
        "--every",
        metavar="SECONDS",
        type=click.IntRange(1),
        default=10,
        show_default=True,
        help="How long what changes is gathered before it is said, with --follow.",
    ),
    click.option(
        "--details/--no-details",
        default=True,
        help="Write windows out too, so that the report can show every record; or sums alone.",
    ),
    click.option(
        "--now",
        metavar="SECONDS",
        type=click.IntRange(0),
        help="The clock, in Unix seconds: what walks must not be ahead of. [default: the time]",
    ),
    page_bytes_option("A longer line of a capture"),
)
"""Gives a command the arguments and options that make a job."""


def arguments_of(job: Job) -> list[str]:
    """Write a job as :func:`job_options` reads it."""
    written = [job.captures, job.out, f"--every={job.every}"]
    written.append("--details" if job.details else "--no-details")
    written.append(f"--max-page-bytes={job.max_page_bytes}")
    for name in ("follow", "now"):
        value = getattr(job, name)
        if value is not None:
            written.append(f"--{name}={value}")
    return written
