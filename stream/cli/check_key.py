"""``usage-stream check-key``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import random
from typing import Any

import anyio
import click
from anyio import sleep

from stream.cli.account import account_options, transport_of
from stream.cli.basics import EXIT_CODES, clock_option, show_json
from stream.cli.progress import show_advance, show_table
from stream.engines.signals import run_until_signalled
from stream.sources.api.access import Permission, check_permissions, count_permissions
from stream.sources.api.asking import Asker
from stream.sources.api.budget import Budget
from stream.sources.api.http import HttpTransport

__all__ = ["check_command"]

PER_MINUTE = 50
BURST = 20
ANSWERS = {True: "yes", False: "no", None: "unknown"}


@click.command("check-key", epilog=EXIT_CODES)
@account_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON on a terminal, too.")
@clock_option()
@click.pass_context
def check_command(
    context: click.Context,
    key_file: Path | None,
    organization: str | None,
    base_url: str,
    now: int,
    *,
    as_json: bool,
) -> None:
    """Check an admin key, and what of the usage API it may read.

    Yesterday of each endpoint and the first page of each list are asked for; nothing is kept. A
    table on a terminal, and JSON elsewhere. The key is never an argument: it comes from a file or
    from OPENAI_ADMIN_KEY, and stands in no output. Exit 1: something cannot be read, and the
    output says what to do; 77: the API does not accept the key; 69: it cannot be reached.

    \b
    Examples:
      usage-stream check-key
      usage-stream check-key --key-file admin.key --json | jq '.permissions[] | select(.reason)'
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    transport = transport_of(key_file, organization, base_url)
    with show_advance(count_permissions(), "checks") as advance:
        found = run_until_signalled(partial(check_all, transport, now, advance))
    if as_json or not sys.stdout.isatty():
        show_json(describe_key(found))
    else:
        rows = [(one.entry, ANSWERS[one.is_readable], one.reason) for one in found]
        show_table(("what", "readable", "why not, and what to do"), rows)
    context.exit(0 if all(one.is_readable for one in found) else 1)


async def check_all(
    transport: HttpTransport, now: int, advance: Callable[[], None]
) -> list[Permission]:
    """Return what the key may read.

    Raises:
        KeyRefused, Unavailable: as :func:`check_permissions`.
    """
    budget = Budget(PER_MINUTE, BURST, time.monotonic, sleep)
    asker = Asker(transport, budget, lambda: now)
    found: list[Permission] = []
    try:
        async for permission in check_permissions(asker, now, sleep, random):
            found.append(permission)
            advance()
    finally:
        with anyio.CancelScope(shield=True):
            await transport.aclose()
    return found


def describe_key(found: list[Permission]) -> dict[str, Any]:
    """Return the result as JSON has it."""
    return {
        "key": "accepted",
        "permissions": [
            {"entry": one.entry, "readable": one.is_readable, "reason": one.reason or None}
            for one in found
        ],
    }
