"""``usage-stream pull``."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
import click
import msgspec

from stream.cli.account import account_options, transport_of
from stream.cli.basics import EXIT_CODES, FILE, read_time, show_json
from stream.cli.progress import show_advance
from stream.engines.signals import run_until_signalled
from stream.providers.openai import ENDPOINTS
from stream.recordings.pull import PullSummary, pull
from stream.records.chains import PRIMARY
from stream.records.errors import BadInput
from stream.records.privacy import one_line
from stream.records.windows import DAY
from stream.sources.api.asking import Asker
from stream.sources.api.budget import Budget
from stream.sources.api.http import HttpTransport
from stream.sources.api.schedule import PollPlan
from stream.sources.captures import is_capture

__all__ = ["pull_command"]

ALL: Final = "all"
NOW: Final = "now"
UNREACHED: Final = 69


def read_endpoints(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """Read endpoints by their keys or names, with commas between them, or all; return their keys.

    Raises:
        click.BadParameter: one is none.
    """
    if isinstance(value, tuple):
        return value
    if value == ALL:
        return tuple(ENDPOINTS)
    keys = {name: key for key, one in ENDPOINTS.items() for name in (key, one.name)}
    found = [one.strip() for one in value.split(",")]
    check_known(found, keys, "endpoint", [ALL, *ENDPOINTS])
    return tuple(key for key in ENDPOINTS if key in {keys[one] for one in found})


def read_groups(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """Read what usage is grouped by, with commas between.

    Raises:
        click.BadParameter: nothing is grouped by one of them.
    """
    if isinstance(value, tuple):
        return value
    known = sorted({name for one in ENDPOINTS.values() for name in one.groups})
    found = tuple(one.strip() for one in value.split(",") if one.strip())
    check_known(found, known, "group", known)
    return found


def check_known(
    found: Iterable[str], known: Container[str], noun: str, wanted: Iterable[str]
) -> None:
    """See that all names are known.

    Raises:
        click.BadParameter: one is not.
    """
    for one in found:
        if one not in known:
            raise click.BadParameter(
                f"{one_line(one)!r} is no {noun}; give some of {', '.join(wanted)}"
            )


def read_end(value: str | int) -> int:
    """Read a moment, or ``now``; return Unix seconds, 0 for now.

    Raises:
        click.BadParameter: it is neither.
    """
    return 0 if value in {NOW, 0} else read_time(value)


@click.command("pull", epilog=EXIT_CODES)
@click.argument("out", metavar="OUT", type=FILE)
@click.option(
    "--since", metavar="TIME", type=read_time, required=True, help="The first day, as 2026-11-01."
)
@click.option(
    "--until",
    metavar="TIME",
    type=read_end,
    default=NOW,
    show_default=True,
    help="The end, which is not asked for any more.",
)
@click.option(
    "--endpoints",
    metavar="NAMES",
    type=read_endpoints,
    default=ALL,
    show_default=True,
    help="Which endpoints, with commas: completions,costs.",
)
@click.option(
    "--width",
    type=click.Choice(["1m", "1h", "1d"]),
    default="1d",
    show_default=True,
    help="How long a bucket is; costs come by the day.",
)
@click.option(
    "--group-by",
    metavar="NAMES",
    type=read_groups,
    help="What to group by, with commas. Without it: all that an endpoint has.",
)
@click.option(
    "--lists/--no-lists",
    default=True,
    show_default=True,
    help="Ask for projects, users, keys and certificates too.",
)
@click.option("--label", default=PRIMARY, show_default=True, help="The label of all pages.")
@account_options
@click.option(
    "--requests-per-minute",
    metavar="N",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="How many requests may be made, for all endpoints together.",
)
@click.pass_context
def pull_command(  # noqa: PLR0917 -- a command has as many parameters as it has options
    context: click.Context,
    out: Path,
    since: int,
    until: int,
    endpoints: tuple[str, ...],
    width: str,
    group_by: tuple[str, ...] | None,
    label: str,
    key_file: Path | None,
    organization: str | None,
    base_url: str,
    requests_per_minute: int,
    *,
    lists: bool,
) -> None:
    """Ask the API for usage and costs, and write a capture that replays.

    OUT is NAME.ndjson, NAME.ndjson.gz or NAME.ndjson.zst. It has whole walks only, also when this
    is killed; with the same options it then goes on where it was. The key is never an argument: it
    comes from a file or from OPENAI_ADMIN_KEY, and stands in no output. What is personal and no
    figure needs (addresses, names of people) is masked in the capture.

    The output says what it took. Exit 1: something was refused for good, and is named; 69: the API
    could not be reached for something, run it again; 77: the API does not accept the key.

    \b
    Examples:
      usage-stream pull november.ndjson.zst --since 2026-11-01
      usage-stream replay november.ndjson.zst
      usage-stream pull costs.ndjson --since 2026-01-01 --endpoints costs --no-lists
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    if not is_capture(out.name):
        raise click.UsageError(f"{out}: name a capture: NAME.ndjson, or with .gz or .zst behind it")
    if until and until <= since:
        raise click.UsageError("--until is not behind --since: there is nothing to ask for")
    if since > time.time():
        raise click.UsageError("--since is in the future: there is nothing to ask for")
    transport = transport_of(key_file, organization, base_url)
    plan = PollPlan(
        start=since // DAY * DAY,
        end=-(-until // DAY) * DAY or None,
        label=label,
        once=True,
        endpoints=endpoints,
        width=width,
        group_by=group_by,
        lists_interval=DAY if lists else None,
    )
    if plan.end is not None and plan.end > time.time():
        plan = msgspec.structs.replace(plan, end=None)
    with show_advance(None) as advance:
        work = partial(pull_all, out, plan, transport, requests_per_minute, advance)
        pulled: PullSummary = run_until_signalled(work)
    show_json(describe_pull(pulled))
    context.exit(0 if pulled.is_whole else UNREACHED if pulled.may_go_on else 1)


async def pull_all(
    out: Path,
    plan: PollPlan,
    transport: HttpTransport,
    per_minute: int,
    advance: Callable[[], None],
) -> PullSummary:
    """Ask for everything.

    Raises:
        KeyRefused, Unavailable, BadInput: as :func:`stream.recordings.pull.pull`.
    """
    budget = Budget(per_minute, max(per_minute // 5, 1), time.monotonic, anyio.sleep)
    try:
        return await pull(out, plan, Asker(transport, budget, time.time), time.time, advance)
    except BadInput as error:
        raise error if error.place else error.name_place(str(out)) from None
    finally:
        with anyio.CancelScope(shield=True):
            await transport.aclose()


def describe_pull(pulled: PullSummary) -> dict[str, Any]:
    """Return what it took, as JSON has it."""
    return {
        "capture": pulled.capture,
        "walks": pulled.walks,
        "pages": pulled.pages,
        "requests": pulled.requests,
        "retried": pulled.retries,
        "secondsWaited": round(pulled.seconds_waited, 3),
        "refused": [one._asdict() for one in pulled.refused_parts],
    }
