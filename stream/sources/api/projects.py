"""The projects of an account: which may be asked for what they have, and whose a part is."""

from __future__ import annotations

from typing import Final

import msgspec

from stream.providers.openai import ENDPOINTS
from stream.sources.api.journal import KeptPage

__all__ = ["active_projects", "name_of"]


class Project(msgspec.Struct, gc=False):
    """An element of the list of projects, as far as it is looked at."""

    id: str = ""
    status: str | None = None
    archived_at: float | None = None


class ProjectPage(msgspec.Struct, gc=False):
    """A page of the list of projects."""

    projects: list[Project] = msgspec.field(name="data", default_factory=list)


PROJECT_PAGE: Final = msgspec.json.Decoder(ProjectPage).decode


def name_of(part: str) -> str:
    """Return the endpoint, or the list, that a part is of."""
    return part if part in ENDPOINTS else part.partition("/")[0]


def active_projects(pages: list[KeptPage]) -> list[str]:
    """Return the projects that may be asked for what they have: archived ones may not."""
    return sorted(
        {
            one.id
            for page in pages
            for one in PROJECT_PAGE(page.page).projects
            if one.id and one.status != "archived" and one.archived_at is None
        }
    )
