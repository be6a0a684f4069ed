"""What plain pages were asked with: a file beside them says it, as a capture does on each line.

It holds one query for all, or one for each endpoint. What comes of it is the view of each endpoint;
lists are asked for in one way alone, and have none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

from msgspec import Raw

from stream.decode.values import member_path
from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS
from stream.records.errors import BadInput
from stream.records.privacy import spell_name
from stream.sources.contents import trim
from stream.sources.envelope import entry_named, members_of
from stream.sources.opening import read_regular
from stream.sources.request import PLAIN_VIEW, plain_name_of, request_of, view_of
from stream.sources.tree import TreeFile

__all__ = ["NO_VIEWS", "FolderViews", "Views", "decode_queries"]

Views: TypeAlias = Mapping[str, str]
"""Endpoint's key → the view that its pages have; of one that is absent nobody knows."""

NO_VIEWS: Final[Views] = MappingProxyType({})
LONGEST: Final = 1 << 20
"""How many bytes such a file may have."""
WANTED: Final = "a query, or an object with one for each endpoint"


class FolderViews:
    """The views of pages by their directory: its own file says them, or the nearest one above."""

    def __init__(self, place: Path, files: Mapping[str, TreeFile]) -> None:
        """Read the ``files``, by the directories that they stand in, below ``place``.

        Raises:
            Unavailable: one cannot be read.
        """
        self.faults: list[BadInput] = []
        """What is wrong with files: as long as something is, nobody knows what was asked."""
        self._views: dict[str, Views] = {}
        for folder, file in files.items():
            try:
                written = read_regular(file.target or place / file.name, LONGEST)
                self._views[folder] = decode_queries(written)
            except BadInput as error:
                self.faults.append(error.name_place(spell_name(file.name)))

    def views_in(self, folder: str) -> Views:
        """Return the views of pages in a directory, by its name below the place."""
        if not self._views:
            return NO_VIEWS
        while folder not in self._views and folder:
            folder = folder.rpartition("/")[0]
        return self._views.get(folder, NO_VIEWS)

    def views_of(self, key: str, names: Sequence[str]) -> Views:
        """Return the views of an endpoint's chain, whose files have these names below the place."""
        first = self.views_in(names[0].rpartition("/")[0])
        for name in names[1:] if self._views else ():
            if self.views_in(name.rpartition("/")[0]).get(key) != first.get(key):
                found = "found another query than for other pages of its chain, expected one"
                self.faults.append(BadInput("views", found).name_place(spell_name(name)))
                break
        return first


def decode_queries(written: bytes) -> Views:
    """Read one query for every endpoint, or an object from endpoints to their queries.

    Raises:
        BadInput: it is neither; with the JSON path, what was found and what was expected.
    """
    members = members_of(trim(written), "$", WANTED)
    if not any(entry_named(name) or bytes(one)[:1] == b"{" for name, one in members.items()):
        return MappingProxyType(dict.fromkeys(ENDPOINTS, view_in(members, "$")))
    views: dict[str, str] = {}
    for name, query in members.items():
        entry, path = entry_named(name), member_path("$", name)
        if not isinstance(entry, Endpoint):
            found = "a list, which takes no query" if entry else "no endpoint's name"
            expected = f"one of {', '.join(ENDPOINTS)}"
            raise BadInput("request", f"found {found}, expected {expected}", path=path)
        view = view_in(members_of(bytes(query), path, "a query"), path)
        if views.setdefault(entry.key, view) != view:
            message = f"found a second query for {entry.key}, expected one"
            raise BadInput("request", message, path=path)
    return MappingProxyType(views)


def view_in(query: Mapping[str, Raw], path: str) -> str:
    """Return the view of a query that stands at a JSON path.

    Raises:
        BadInput: a group or a filter is misspelled, or neither a text nor an array of texts.
    """
    for name in query:
        meant = PLAIN_VIEW.get(plain_name_of(name).removesuffix("[]"))
        if meant not in {None, name.removesuffix("[]")}:
            message = f"found another spelling, expected {meant}"
            raise BadInput("request", message, path=member_path(path, name))
    try:
        return view_of(request_of(query))
    except BadInput as error:
        error.path = path + (error.path or "").removeprefix("$.request")
        raise
