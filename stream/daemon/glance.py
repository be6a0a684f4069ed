"""The page at ``/``: what it costs, what is wrong, and how everything stands; without a script."""

from __future__ import annotations

from collections import defaultdict
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, StrictUndefined

from stream import __version__
from stream.daemon.accounts import describe_accounts, describe_parts
from stream.daemon.chart import draw_charts
from stream.daemon.core import Core
from stream.daemon.notation import (
    group_digits,
    write_count,
    write_day,
    write_moment,
    write_money,
    write_month,
    write_span,
)
from stream.daemon.overview import Overview, order_currencies
from stream.daemon.shown_projects import ProjectNames, describe_days, describe_projects
from stream.records.money import plain_text_of
from stream.records.privacy import one_line

__all__ = ["STYLE", "render_page"]

HERE: Final = files(__package__)
STYLE: Final = HERE.joinpath("page.css").read_text("utf-8")
MOST_CHAINS: Final = 200
MOST_WRONG: Final = 12
"""Lines on top of the page; what more there is stands further down."""
COSTS: Final = "costs"

TEMPLATE: Final = Environment(  # autoescape: whatever came from outside is text
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=lambda value: one_line(value) if type(value) is str else value,  # no macro's markup
).from_string(
    HERE.joinpath("page.html").read_text("utf-8"),
    {
        "counted": write_count,
        "day": write_day,
        "exact": plain_text_of,
        "grouped": group_digits,
        "money": write_money,
        "month": write_month,
        "span": write_span,
    },
)


def render_page(core: Core, overview: Overview) -> str:
    """Render the page; ``overview`` is of state as it stands now."""
    now, counts = core.clock(), core.tally.lasting_counts
    names = ProjectNames(core.intake.objects.project_names)
    chains = chains_of(core, now)
    pollers = [poller for _, poller in sorted(core.pollers.items())]
    outcomes: dict[str, dict[str, int]] = defaultdict(dict)
    for (endpoint, outcome), count in sorted(counts.records.items()):
        outcomes[endpoint][outcome] = count
    checkpointed = core.tally.checkpointed_at
    wrong = what_is_wrong(core, chains)
    return TEMPLATE.render(
        version=__version__,
        now=write_moment(now),
        reason=core.health.why_not_ready(),
        standing=core.status,
        checkpointed=None if checkpointed is None else write_span(now - checkpointed),
        channel=(core.channel.depth, core.channel.capacity),
        calendar=overview.calendar,
        totals=overview.totals,
        currencies=order_currencies(overview.totals.values()),
        charts=draw_charts(overview, names.call),
        days=describe_days(overview),
        projects=describe_projects(overview, names),
        has_longer=overview.has_longer,
        known=known_until(core, now),
        wrong=wrong[:MOST_WRONG],
        more_wrong=max(len(wrong) - MOST_WRONG, 0),
        chains=chains[:MOST_CHAINS],
        more_chains=max(len(chains) - MOST_CHAINS, 0),
        outcomes=dict(outcomes),
        names=("new", "duplicate", "revised", "superseded", "dead_lettered"),
        accounts=describe_accounts(pollers),
        parts=describe_parts(pollers, write_span),
        mishaps=[(write_moment(one.time), one.message) for one in reversed(core.health.mishaps)],
    )


def known_until(core: Core, now: int) -> list[tuple[str, str, str]]:
    """Say until when costs and usage are known: what, the moment, and how long ago that was."""
    marks = core.status.watermarks
    usage = [moment for key, moment in marks.items() if key != COSTS]
    found = [("costs", [marks[COSTS]] if COSTS in marks else []), ("usage", usage)]
    return [
        (name, write_moment(max(moments)), write_span(now - max(moments)))
        for name, moments in found
        if moments
    ]


def what_is_wrong(core: Core, chains: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """List what is wrong now: where, and why; what nothing new comes of goes first."""
    health = core.health
    found = [("this daemon", f"{what} is failing") for what in sorted(health.failures)]
    if health.stuck:
        found.append(("this daemon", "is stuck at one page or checkpoint"))
    found += [(one.source or "–", one.message) for one in health.troubles]
    for chain in chains:
        if chain["bad"]:
            why = chain["standing"] + (f" ({chain['reasons']})" if chain["reasons"] else "")
            found.append((f"{chain['endpoint']} (label {chain['label']})", why))
    fallen = sum(core.status.fallen_pages.values())
    if fallen:
        found.append(("changed pages", f"the figures of {fallen} fell, and count as they were"))
    return found


def chains_of(core: Core, now: int) -> list[dict[str, Any]]:
    """Describe each chain, those that are not well first: its cursor, its lag, what it lacks."""
    found = []
    standing = {run.chain: run for run in core.intake.summaries()}
    reasons: defaultdict[str, set[str]] = defaultdict(set)
    for endpoint, reason in core.tally.lasting_counts.dead_letters:
        reasons[endpoint].add(reason.replace("_", " "))
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
                "reasons": ", ".join(sorted(reasons[origin.chain.endpoint])) if letters else "",
                "bad": bool(run.incomplete or letters),
            }
        )
    return sorted(found, key=lambda chain: (not chain["bad"], not chain["watermark"]))
