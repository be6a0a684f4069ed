"""``usage-stream generate``."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import click

from stream.cli.basics import EXIT_CODES, FILE, read_time, show_json, show_warning
from stream.cli.progress import show_advance
from stream.engines.signals import run_until_signalled
from stream.providers.openai import ENDPOINTS
from stream.recordings.synth.shape import Shape
from stream.records.errors import Unavailable
from stream.records.windows import timestamp
from stream.sources.captures import is_capture

__all__ = ["generate_command"]

Decorator: TypeAlias = Callable[[Callable[..., None]], Callable[..., None]]

DEFAULT = Shape()
AHEAD = 300
"""Seconds that a capture's time may be ahead of the clock."""


def read_names(value: str) -> tuple[str, ...]:
    """Read endpoints with commas between them, by the registry's names or the short ones.

    What is none is left as it is, to be refused later.
    """
    short = {entry.name: key for key, entry in ENDPOINTS.items()}
    found = [short.get(one.strip(), one.strip()) for one in value.split(",")]
    return tuple(ENDPOINTS) if "all" in found else tuple(found)


def count_option(name: str, most: int, text: str) -> Decorator:
    """Make an option that is a count, up to what memory or the calendar has room for."""
    field = name[2:].replace("-", "_")
    return click.option(
        name,
        metavar="N",
        type=click.IntRange(1, most),
        default=getattr(DEFAULT, field),
        show_default=True,
        help=text,
    )


def share_option(name: str, text: str) -> Decorator:
    """Make an option that is a share."""
    return click.option(name, metavar="SHARE", type=float, default=0.0, help=text)


@click.command("generate", epilog=EXIT_CODES)
@click.argument("out", metavar="OUT", type=FILE)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(0),
    default=DEFAULT.seed,
    show_default=True,
    help="What everything is drawn from: the same seed and options give the same bytes.",
)
@click.option(
    "--endpoints",
    metavar="NAMES",
    type=read_names,
    multiple=True,
    default=DEFAULT.endpoints,
    show_default=True,
    help="Endpoints, with commas between them or one option each; all for all of them.",
)
@count_option(
    "--rows", 10**12, "About how many rows are delivered, all endpoints and walks together."
)
@count_option(
    "--rows-per-bucket", 10**6, "Rows of a bucket; fewer where an endpoint has not so many records."
)
@count_option("--buckets-per-page", 10**6, "Buckets of a page.")
@count_option("--projects", 10**6, "Different projects; some rows have none.")
@count_option("--tiers", 1000, "Different service tiers, where there are any; some rows have none.")
@count_option("--models", 1000, "Different models.")
@count_option("--keys", 10**6, "Different API keys, each of one project; some rows have none.")
@click.option(
    "--width",
    type=click.Choice(["1m", "1h", "1d"]),
    default=DEFAULT.width,
    show_default=True,
    help="The width of a bucket; costs have days always.",
)
@count_option("--walks", 10**6, "How often the chains are walked.")
@share_option("--overlap", "Share of a walk's buckets that the walk before had too, at its end.")
@share_option("--revised", "Share of the buckets that come again in which figures grew.")
@share_option("--repeated", "Share of the pages that are delivered twice.")
@share_option(
    "--late", "Share of rows, in buckets that come again, that are missing the first time."
)
@share_option("--out-of-order", "Share of the pages that change places, alone or with their walk.")
@share_option("--corrected", "Share of the rows that come again whose figures fall; for captures.")
@click.option(
    "--rollups", is_flag=True, help="Add daily_costs to completions: most are absorbed, some not."
)
@click.option(
    "--start",
    metavar="TIME",
    type=read_time,
    default=DEFAULT.start,
    help="The first bucket's start: Unix seconds or RFC 3339, rounded down. [default: 2020-01-01]",
)
def generate_command(out: Path, endpoints: tuple[tuple[str, ...], ...], **options: Any) -> None:
    """Make pages for tests and benchmarks, and beside them the figures that must come out.

    OUT is a capture when it ends in .ndjson, .ndjson.gz or .ndjson.zst (expectations go to
    NAME.expectations.json), and otherwise a directory of fixtures, new or empty, that verify
    finds nothing wrong with. Shares go from 0 to 1. Everything comes from the seed; expectations
    come from the numbers drawn, and not from the code that replays.

    Walks are polls of a trailing window: each starts some buckets after the one before, and brings
    the --overlap again, unchanged unless --revised, --late or --corrected say otherwise. In a
    capture each walk has its time (observed_at), and replaces what earlier ones said; fixtures
    have the walks one after another in one chain, and the larger figure counts.

    \b
    Examples:
      usage-stream generate out/sample
      usage-stream generate out/all --endpoints all --rows 50000 --rollups
      usage-stream generate out/grown --rows 1000000 --rows-per-bucket 1000 --walks 100 \\
        --overlap 0.5 --revised 1
      usage-stream generate out/polls.ndjson.zst --rows 10000000 --width 1m --rows-per-bucket 500 \\
        --walks 200 --overlap 0.8 --revised 0.1 --late 0.02 --corrected 0.01
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    from stream.recordings.generate import generate_set  # noqa: PLC0415 -- only this command needs it
    from stream.recordings.synth.pages import Generator  # noqa: PLC0415 -- as above
    from stream.recordings.synth.refusals import fault_in  # noqa: PLC0415 -- as above

    named = tuple(dict.fromkeys(name for some in endpoints for name in some))
    shape = Shape(endpoints=named, capture=is_capture(out.name), **options)
    reason = fault_in(shape) or describe_occupant(out, capture=shape.capture)
    if reason:
        raise click.UsageError(reason)
    with show_advance(Generator(shape).most_pages) as on_page:
        made = run_until_signalled(partial(generate_set, shape, out, on_page))
    if shape.capture and made.last_observed > time.time() + AHEAD:
        show_warning(
            f"the last walk is dated {timestamp(made.last_observed)}, and a replay before then "
            "sets its pages aside; give an earlier --start"
        )
    show_json(made)


def describe_occupant(out: Path, *, capture: bool) -> str | None:
    """Say what stands where a directory of fixtures is to go; a capture replaces one."""
    try:
        if capture or not out.exists() or (out.is_dir() and not any(out.iterdir())):
            return None
    except OSError as error:
        raise Unavailable(f"{out}: cannot be read ({error.strerror})") from None
    return f"{out} is there already; fixtures go to a directory that is new or empty"
