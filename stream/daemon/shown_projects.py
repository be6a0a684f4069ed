"""What the page shows of projects and days: names, and the figures of each cell."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from stream.daemon.overview import Overview, Periods, ProjectFigures, add_periods
from stream.figures.daily import DailyFigures, add_up
from stream.sinks.html.names import NAMELESS, ProjectNames
from stream.sinks.html.notation import write_day

__all__ = ["ShownProjects", "describe_days", "describe_projects"]

MOST_PROJECTS: Final = 100


class ShownProjects(NamedTuple):
    """Projects to show, how many more there are, and what those come to."""

    rows: list[dict[str, Any]]
    rest_count: int
    rest: Periods


def describe_projects(overview: Overview, names: ProjectNames) -> ShownProjects:
    """Describe the projects that something is known of, each with its tiers."""
    shown, others = overview.projects[:MOST_PROJECTS], overview.projects[MOST_PROJECTS:]
    return ShownProjects(
        [describe_project(one, names) for one in shown],
        len(others),
        add_periods(one.whole for one in others),
    )


def describe_project(project: ProjectFigures, names: ProjectNames) -> dict[str, Any]:
    """Describe a project; a tier that it has alone needs no line of its own."""
    name = names.find(project.project_id)
    tiers = sorted(project.tiers.items())
    return {
        "name": name or project.project_id,
        "id": project.project_id if name and name != NAMELESS else "",
        "tier": tiers[0][0] if len(tiers) == 1 else "",
        "whole": project.whole,
        "tiers": tiers if len(tiers) > 1 else [],
    }


def describe_days(overview: Overview) -> list[tuple[str, DailyFigures]]:
    """Return what each of the last thirty days comes to, the latest first."""
    return [
        (write_day(day.start), add_up(found.values()))
        for day, found in reversed(overview.days.items())
    ]
