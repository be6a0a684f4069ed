"""Pages of an organization as people see it on the daemon's page: named projects, tiers, money."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

from tests.support.pages import Content, Json, bucket, listed, page, put_all, used

__all__ = ["LAST", "NOON", "PROJECTS", "put_organization"]

LAST: Final = 47
"""The last day of which everything is known, from 2024-11-01 on: 2024-12-18."""
NOON: Final = "1734609600"  # 2024-12-19T12:00:00Z
WEEK: Final = (100, 112, 117, 109, 96, 31, 24)
"""How much each weekday uses, in parts of a hundred, from Monday on; day 0 is a Friday."""


class Project(NamedTuple):
    """A project: id, name, how much it uses, its tiers by their parts of ten, and its first day."""

    id: str
    name: str
    volume: int
    tiers: dict[str, int]
    first: int = 0


PROJECTS: Final = (
    Project("proj_9fK2mQx7Lw", "Search", 52_000, {"default": 6, "priority": 3, "flex": 1}),
    Project("proj_4hT8vRb1Nc", "Customer support", 31_000, {"default": 8, "batch": 2}),
    Project("proj_7pZ3kWd5Js", "Voice assistant", 17_500, {"default": 10}, 20),
    Project("proj_2cY6nGe8Fa", "Nightly reports", 9_800, {"batch": 10}),
    Project("proj_5uX1jMh4Dq", "Drafts", 4_100, {"default": 7, "flex": 3}),
    Project("proj_8wS9bVk2Pt", "Labels", 2_600, {"flex": 10}),
    Project("proj_1eR5gCz6Ho", "Playground", 900, {"default": 10}, 33),
)


def volume_on(project: Project, day: int) -> int:
    """Return how much a project uses on a day: it grows, rests at weekends, and jitters."""
    if day < project.first:
        return 0
    jitter = 80 + hash_of(len(project.name), day) % 41
    weekday = WEEK[(day + 4) % 7]
    return project.volume * weekday * jitter * (100 + day) // 1_000_000


def hash_of(*numbers: int) -> int:
    """Mix numbers; the same ones always give the same."""
    found = 2_166_136_261
    for one in numbers:
        found = (found ^ (one + 97)) * 16_777_619 % 2**32
    return found >> 7


def usage_on(day: int) -> list[Json]:
    """Make the rows of a day's completions."""
    return [
        used(
            volume_on(project, day) * part * 1_200,
            input_cached_tokens=volume_on(project, day) * part * 310,
            output_tokens=volume_on(project, day) * part * 260,
            num_model_requests=volume_on(project, day) * part // 2,
            project_id=project.id,
            service_tier=tier,
            model="gpt-5",
        )
        for project in PROJECTS
        for tier, part in project.tiers.items()
        if day >= project.first
    ]


def costs_on(day: int) -> list[Json]:
    """Make the rows of a day's costs."""
    return [
        {
            "amount": {
                "value": str(Decimal(volume_on(project, day) * 37) / Decimal(10_000)),
                "currency": "usd",
            },
            "project_id": project.id,
            "line_item": "gpt-5",
        }
        for project in PROJECTS
        if day >= project.first
    ]


def put_organization(directory: Path, last: int = LAST) -> Path:
    """Write usage and costs of each day up to the last, and half of the next; and the projects."""
    days = range(last + 1)
    half = [
        row | {name: row[name] // 2 for name in row if isinstance(row[name], int)}
        for row in usage_on(last + 1)
    ]
    files: dict[str, Content] = {
        "usage_completions.json": page(
            *(bucket(*usage_on(day), day=day) for day in days),
            bucket(*half, day=last + 1),
        ),
        "costs.json": page(*(bucket(*costs_on(day), day=day) for day in days)),
        "projects.json": listed(
            *(
                {"object": "organization.project", "id": one.id, "name": one.name}
                for one in PROJECTS
            )
        ),
    }
    return put_all(directory, files)
