"""What is asked of the API: an endpoint or a list, a span of time, and the groups."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from stream.providers.endpoint import Endpoint, ObjectList
from stream.providers.openai import ENDPOINTS, LISTS
from stream.records.chains import Chain
from stream.sources.request import Request, view_of

__all__ = ["Query", "finest_groups"]

USUAL_WIDTH: Final = "1d"
"""The width of a query that names none."""
LIST_LIMIT: Final = 100
DOTS: Final = frozenset({".", ".."})
"""What would lead out of a path, however it is encoded."""


class Query(Struct, frozen=True, dict=True):
    """One query: the pages of its walk are asked for with its cursors and nothing else changed.

    ``entry`` is an endpoint's key (``usage/completions``, ``costs``) or a list's name
    (``projects``), ``label`` that of the chain: the project for a project's list. ``start`` and
    ``end`` are Unix seconds, the end exclusive, or ``None``: open. A list has neither times, width
    nor groups.

    Raises:
        ValueError: the API has no such list, it does not answer the width or the groups, or the
            path wants a project and there is none, or one that cannot stand in a path.
    """

    entry: str
    label: str
    project: str = ""
    start: int = 0
    end: int | None = None
    width: str = ""
    group_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what the API cannot be asked."""
        found = self.source
        if not found.path:
            raise ValueError(f"the API has no list of {self.entry}")
        if ("*" in found.path) != bool(self.project) or self.project in DOTS:
            raise ValueError(
                f"{self.entry}: found project {self.project!r}, and its path {found.path}"
            )
        if isinstance(found, Endpoint):
            unknown = set(self.group_by).difference(found.groups)
            if unknown:
                raise ValueError(f"{self.entry} cannot be grouped by {', '.join(sorted(unknown))}")
            if self.limit == 0:
                raise ValueError(f"{self.entry} does not answer the width {self.width}")

    @property
    def source(self) -> Endpoint | ObjectList:
        """The registry's entry.

        Raises:
            ValueError: there is none.
        """
        found = ENDPOINTS.get(self.entry) or LISTS.get(self.entry)
        if found is None:
            raise ValueError(f"found {self.entry!r}, expected an endpoint's key or a list's name")
        return found

    @property
    def is_list(self) -> bool:
        """Whether it asks for a list of objects, and not for buckets."""
        return self.entry in LISTS

    @property
    def path(self) -> str:
        """The path below the API's version, the project in it."""
        return self.source.path.replace("*", quote(self.project, safe=""))

    @cached_property
    def chain(self) -> Chain:
        """The chain of its pages, with the view that a capture of it has."""
        written = msgspec.json.encode(self.request(None))
        view = view_of(msgspec.json.decode(written, type=Request))
        return Chain(self.entry, self.label, view)

    @property
    def limit(self) -> int:
        """How many buckets or elements a page may have: the most that the API answers."""
        found = self.source
        if isinstance(found, ObjectList):
            return LIST_LIMIT
        wanted = self.width or USUAL_WIDTH
        return next((one.maximum for one in found.limits if one.width == wanted), 0)

    def parameters(self, cursor: str | None) -> list[tuple[str, str]]:
        """Return the parameters of one page, in the official client's order and spelling."""
        found = self.source
        if isinstance(found, ObjectList):
            beside = [("limit", str(self.limit)), *found.parameters]
            return sorted([("after", cursor), *beside] if cursor else beside)
        asked = [("start_time", str(self.start))]
        if self.width:
            asked.append(("bucket_width", self.width))
        if self.end is not None:
            asked.append(("end_time", str(self.end)))
        asked += [("group_by[]", name) for name in self.group_by]
        asked.append(("limit", str(self.limit)))
        return [*asked, ("page", cursor)] if cursor else asked

    def request(self, cursor: str | None) -> dict[str, Any]:
        """Return what the envelope of one page records of it; a list's cursor is ``page`` too."""
        found = self.source
        asked: dict[str, Any] = {"limit": self.limit}
        if isinstance(found, ObjectList):
            asked |= found.parameters
        else:
            asked["start_time"] = self.start
            if self.end is not None:
                asked["end_time"] = self.end
            if self.width:
                asked["bucket_width"] = self.width
            asked["group_by"] = list(self.group_by)
        if cursor:
            asked["page"] = cursor
        return asked


def finest_groups(endpoint: Endpoint, start: int) -> tuple[str, ...]:
    """Return what to group by unless somebody says otherwise: all that no start is refused for."""
    floors = dict(endpoint.group_floors)
    return tuple(
        name
        for name in endpoint.groups
        if name not in endpoint.risky_groups and start >= floors.get(name, 0)
    )
