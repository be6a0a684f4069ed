"""The page at ``/``: how everything stands, at a look, without a script."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, StrictUndefined

from stream import __version__
from stream.daemon.accounts import describe_accounts, describe_parts
from stream.daemon.core import Core
from stream.figures.ledger import Ledger
from stream.records.money import plain_text_of
from stream.records.privacy import one_line
from stream.records.windows import DAY, MAX_TIME

__all__ = ["STYLE", "render_page"]

HERE: Final = files(__package__)
STYLE: Final = HERE.joinpath("page.css").read_text("utf-8")
MOST_CHAINS: Final = 200
MOST_KEYS: Final = 100
MINUTE: Final = 60
HOUR: Final = 3600


def group_digits(value: int | Decimal) -> str:
    """Write a number with its thousands apart."""
    return f"{value:,}" if isinstance(value, int) else plain_text_of(value)


def write_span(seconds: int | None) -> str:
    """Write a span of time as people say it."""
    if seconds is None:
        return "–"
    ahead, seconds = seconds < 0, abs(seconds)
    for unit, length in (("d", DAY), ("h", HOUR), ("min", MINUTE), ("s", 1)):
        if seconds >= 2 * length or length == 1:
            return f"{seconds // length} {unit}{' ahead' if ahead else ''}"
    return ""


TEMPLATE: Final = Environment(  # autoescape: whatever came from outside is text
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=lambda value: one_line(value) if isinstance(value, str) else value,
).from_string(
    HERE.joinpath("page.html").read_text("utf-8"), {"grouped": group_digits, "span": write_span}
)


def render_page(core: Core) -> str:
    """Render the page."""
    now = core.clock()
    counts = core.tally.lasting_counts
    reason = core.health.why_not_ready()
    keys = sums_by_key(core.ledger)
    chains = chains_of(core, now)
    pollers = [poller for _, poller in sorted(core.pollers.items())]
    outcomes: dict[str, dict[str, int]] = defaultdict(dict)
    for (endpoint, outcome), count in sorted(counts.records.items()):
        outcomes[endpoint][outcome] = count
    return TEMPLATE.render(
        version=__version__,
        now=write_moment(now),
        reason=reason,
        standing=core.status,
        checkpointed=None
        if core.tally.checkpointed_at is None
        else write_span(now - core.tally.checkpointed_at),
        channel=(core.channel.depth, core.channel.capacity),
        chains=chains[:MOST_CHAINS],
        more_chains=max(len(chains) - MOST_CHAINS, 0),
        outcomes=dict(outcomes),
        names=("new", "duplicate", "revised", "superseded", "dead_lettered"),
        accounts=describe_accounts(pollers),
        parts=describe_parts(pollers, write_span),
        keys=keys[:MOST_KEYS],
        more_keys=max(len(keys) - MOST_KEYS, 0),
        troubles=[(one.source or "–", one.message) for one in core.health.troubles],
        mishaps=[(write_moment(one.time), one.message) for one in reversed(core.health.mishaps)],
    )


def write_moment(seconds: int) -> str:
    """Write a time for people."""
    return dt.datetime.fromtimestamp(min(seconds, MAX_TIME), dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def chains_of(core: Core, now: int) -> list[dict[str, Any]]:
    """Describe each chain, those that are not well first: its cursor, its lag, what it lacks."""
    found = []
    standing = {run.chain: run for run in core.intake.summaries()}
    for origin, delivered in core.intake.account.sums_by_origin().items():
        run = standing[origin.chain]
        watermark = core.coverage.watermark(origin.chain)
        letters = delivered.letters
        words = [run.incomplete or ("waits for its next page" if run.is_waiting else "whole")]
        if letters:
            words.append(f"{letters} dead letter{'s' if letters > 1 else ''}")
        found.append(
            {
                "source": origin.source or "–",
                "endpoint": origin.chain.endpoint,
                "label": origin.chain.label,
                "pages": delivered.pages,
                "cursor": one_line(run.next_page or "–"),
                "watermark": None if watermark is None else write_moment(watermark),
                "lag": None if watermark is None else write_span(now - watermark),
                "standing": one_line(", ".join(words)),
                "bad": bool(run.incomplete or letters),
            }
        )
    return sorted(found, key=lambda chain: (not chain["bad"], not chain["watermark"]))


def sums_by_key(ledger: Ledger) -> list[dict[str, Any]]:
    """Add up tokens and requests by project and service tier, and what is billed by project."""
    sums: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for series, (accepted, corrected) in ledger.counts.items():
        if series.family not in {"openai_api_tokens", "openai_api_requests"}:
            continue
        _, project, tier, _, *token = series.labels
        name = token[0] if token else "requests"
        found = sums[project, tier]
        found[name] = found.get(name, 0) + accepted - corrected
    return [
        {
            "project": project,
            "tier": tier,
            "input": found.get("input"),
            "output": found.get("output"),
            "requests": found.get("requests"),
        }
        for (project, tier), found in sorted(
            sums.items(), key=lambda one: (-one[1].get("input", 0), one[0])
        )
    ]
