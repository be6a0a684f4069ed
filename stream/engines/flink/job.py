"""What a job on an engine is asked to do, and how that is written on a command line."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, BooleanOptionalAction
from collections.abc import Callable, Sequence

from msgspec import Struct

from stream.sources.source import DEFAULT_PAGE_BYTES

__all__ = ["Job", "arguments_of", "read_arguments"]


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


def read_arguments(arguments: Sequence[str] | None = None) -> Job:
    """Read a job as ``usage-stream flink submit`` takes it; ``None``: from the process's own.

    Raises:
        SystemExit: 2, and a line on stderr that says what is wrong.
    """
    parser = ArgumentParser(
        description="Read the captures at CAPTURES, and write to OUT what they come to.",
        allow_abbrev=False,
    )
    parser.add_argument("captures", metavar="CAPTURES")
    parser.add_argument("out", metavar="OUT")
    for name, least in (("follow", 1), ("every", 1), ("now", 0), ("max_page_bytes", 1)):
        parser.add_argument(f"--{name.replace('_', '-')}", type=at_least(least))
    parser.add_argument("--details", action=BooleanOptionalAction)
    given = vars(parser.parse_args(arguments))
    return Job(**{name: value for name, value in given.items() if value is not None})


def at_least(least: int) -> Callable[[str], int]:
    """Return what reads a whole number that must not be smaller."""

    def number(text: str) -> int:
        found = int(text)
        if found < least:
            raise ArgumentTypeError(f"{found} is smaller than {least}")
        return found

    return number


def arguments_of(job: Job) -> list[str]:
    """Write a job as :func:`read_arguments` reads it."""
    written = [job.captures, job.out, f"--every={job.every}"]
    written.append("--details" if job.details else "--no-details")
    written.append(f"--max-page-bytes={job.max_page_bytes}")
    for name in ("follow", "now"):
        value = getattr(job, name)
        if value is not None:
            written.append(f"--{name}={value}")
    return written
