"""The page at ``/``: what it costs, what is wrong, and how everything stands; without a script."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from stream import __version__
from stream.daemon.accounts import describe_accounts, describe_parts
from stream.daemon.budget_bars import draw_budgets
from stream.daemon.core import Core
from stream.daemon.overview import order_currencies
from stream.daemon.overview_cache import ShownOverview
from stream.daemon.shown_sources import describe_chains, describe_sources, list_wrongs
from stream.sinks.html.names import ProjectNames
from stream.sinks.html.notation import write_moment, write_span
from stream.sinks.html.templates import BASE_STYLE, load_template, read_file

__all__ = ["STYLE", "render_page"]

HERE: Final = "stream.daemon"
STYLE: Final = BASE_STYLE + read_file(HERE, "page.css")
MOST_CHAINS: Final = 200
MOST_WRONG: Final = 12
"""Lines on top of the page; what more there is stands further down."""
COSTS: Final = "costs"
TEMPLATE: Final = load_template(HERE, "page.html")


def render_page(core: Core, shown: ShownOverview) -> str:
    """Render the page; what is ``shown`` is of state as it stands now."""
    now, counts, overview = core.clock(), core.tally.lasting_counts, shown.overview
    names = core.intake.objects.project_names
    chains = describe_chains(core, now)
    pollers = [poller for _, poller in sorted(core.pollers.items())]
    outcomes: dict[str, dict[str, int]] = defaultdict(dict)
    for (endpoint, outcome), count in sorted(counts.records.items()):
        outcomes[endpoint][outcome] = count
    checkpointed = core.tally.checkpointed_at
    wrong = list_wrongs(core, chains)
    return TEMPLATE.render(
        version=__version__,
        now=write_moment(now),
        reason=core.health.why_not_ready(),
        standing=core.status,
        folded={name: count for name, count in core.status.series_folded.items() if count},
        checkpointed=None if checkpointed is None else write_span(now - checkpointed),
        channel=(core.channel.depth, core.channel.capacity),
        calendar=overview.calendar,
        totals=overview.totals,
        currencies=order_currencies(overview.totals.values()),
        budgets=draw_budgets(core.status.money.budgets, ProjectNames(names)),
        charts=shown.charts,
        days=shown.days,
        projects=shown.projects,
        has_longer=overview.has_longer,
        known=known_until(core, now),
        wrong=wrong[:MOST_WRONG],
        more_wrong=max(len(wrong) - MOST_WRONG, 0),
        sources=describe_sources(core),
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
