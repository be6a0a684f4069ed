"""What plain pages were asked with: a file beside them says it, as a capture does on each line.

It holds one query for all, or one for each endpoint. What comes of it is the view of each endpoint;
lists are asked for in one way alone, and have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Raw

from stream.decode.values import member_path
from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS
from stream.records.errors import BadInput
from stream.sources.contents import trim
from stream.sources.envelope import entry_named, members_of
from stream.sources.folder_views import Views
from stream.sources.request import PLAIN_VIEW, plain_name_of, request_of, view_of

__all__ = ["decode_queries"]

WANTED: Final = "a query, or an object with one for each endpoint"


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
