"""What the page shows of sources and chains: how each stands, and what is wrong and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from stream.daemon.core import Core
from stream.records.privacy import one_line
from stream.sinks.html.notation import write_moment, write_span

__all__ = ["describe_chains", "describe_sources", "list_wrongs"]

UNNAMED = "–"


def describe_sources(core: Core) -> list[dict[str, Any]]:
    """Describe each source of the configuration, those that are not well first."""
    settings = core.settings
    wanted = [
        *((one.name, "directory", str(one.path)) for one in settings.watches),
        *((one.name, "pace", str(one.path)) for one in settings.pace),
        *((one.name, "account", one.provider) for one in settings.poll),
    ]
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    for trouble in core.health.troubles:
        reasons[trouble.source].append(trouble.message)
    pages: Counter[str] = Counter()
    for origin, delivered in core.intake.account.sums_by_origin().items():
        pages[origin.source] += delivered.pages
    found = [
        {
            "name": name or UNNAMED,
            "kind": kind,
            "place": place,
            "pages": pages[name] if kind != "account" else None,
            "standing": "; ".join(reasons[name]) or "works",
            "bad": bool(reasons[name]),
        }
        for name, kind, place in wanted
    ]
    return sorted(found, key=lambda source: not source["bad"])


def describe_chains(core: Core, now: int) -> list[dict[str, Any]]:
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
                "source": origin.source or UNNAMED,
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


def list_wrongs(core: Core, chains: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """List what is wrong now: where, and why; what nothing new comes of goes first."""
    health = core.health
    found = [("this daemon", f"{what} is failing") for what in sorted(health.failures)]
    if health.stuck:
        found.append(("this daemon", "is stuck at one page or checkpoint"))
    found += [(one.source or UNNAMED, one.message) for one in health.troubles]
    for chain in chains:
        if chain["bad"]:
            why = chain["standing"] + (f" ({chain['reasons']})" if chain["reasons"] else "")
            found.append((f"{chain['endpoint']} (label {chain['label']})", why))
    fallen = sum(core.status.fallen_pages.values())
    if fallen:
        found.append(("changed pages", f"the figures of {fallen} fell, and count as they were"))
    return found
