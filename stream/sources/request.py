"""The query that a page answers: where its walk stood, and which view of the usage it is.

Chains of one endpoint that were asked for with other groups or filters show the same usage in
another way. What makes the difference is a **view**: the groups and the filters, canonical. Width,
times, limit and page say which piece of a view was asked for, and are no part of it.

Recorders spell a query as they please, and each spelling is read: an array, ``NAME[]``, one text
with commas, or values as ``parse_qs`` has them, each in an array of its own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Meta, Raw, Struct
from msgspec.structs import astuple

from stream.decode.parse import plain_json
from stream.decode.values import bad_value, text_of
from stream.providers.endpoint import FILTERS
from stream.records.errors import BadInput

__all__ = [
    "CURSORS",
    "PLAIN_VIEW",
    "Cursor",
    "PlainRequest",
    "Request",
    "json_value",
    "plain_name_of",
    "query_at",
    "request_of",
    "view_of",
]

CACHED: Final = 4_096

GROUPS: Final = "group_by"
VIEW: Final = (GROUPS, *FILTERS)
"""What makes a view: the groups, and the filters."""
PLACE: Final = re.compile(r"\[[0-9]{0,4}\]$")
"""What may stand behind a member's name that has several values."""
WHOLE: Final = "line_items"
"""The filter whose values have commas in them."""
CURSORS: Final = ("page", "after")
"""Where a request says where its walk stood: of buckets, and of a list."""

Cursor: TypeAlias = str | Annotated[list[str], Meta(max_length=1)] | None
"""A cursor: a text, or an array of one."""


class Request(
    Struct,
    gc=False,
    rename=lambda name: name.replace("_array", "[]") if "_array" in name else name,
):
    """The members of a request that are used; an empty JSON text is absent.

    The others are dropped: times and widths stand in the page, and what is unknown is not kept.
    Each ``NAME_array`` is read from ``NAME[]``.
    """

    page: Cursor = None
    after: Cursor = None
    group_by: Raw = Raw()
    group_by_array: Raw = Raw()
    project_ids: Raw = Raw()
    project_ids_array: Raw = Raw()
    user_ids: Raw = Raw()
    user_ids_array: Raw = Raw()
    api_key_ids: Raw = Raw()
    api_key_ids_array: Raw = Raw()
    models: Raw = Raw()
    models_array: Raw = Raw()
    batch: Raw = Raw()
    batch_array: Raw = Raw()
    sizes: Raw = Raw()
    sizes_array: Raw = Raw()
    sources: Raw = Raw()
    sources_array: Raw = Raw()
    context_levels: Raw = Raw()
    context_levels_array: Raw = Raw()
    vector_store_ids: Raw = Raw()
    vector_store_ids_array: Raw = Raw()
    line_items: Raw = Raw()
    line_items_array: Raw = Raw()

    @property
    def cursor(self) -> str | None:
        """Where the request stood in its walk; ``None`` at the start."""
        return cursor_text_of(self.page) or cursor_text_of(self.after)

    @property
    def view_members(self) -> tuple[tuple[str, bytes], ...]:
        """What makes its view: the members that are there, by the API's own names."""
        found = zip(VIEW_MEMBERS, astuple(self)[VIEW_PLACES], strict=True)
        return tuple([(name, bytes(written)) for name, written in found if written])


class PlainRequest(Request, forbid_unknown_fields=True):
    """A request all of whose members the API has, spelled as it does; others are looked at."""

    start_time: Raw = Raw()
    end_time: Raw = Raw()
    bucket_width: Raw = Raw()
    limit: Raw = Raw()


VIEW_PLACES: Final = slice(len(CURSORS), len(Request.__struct_fields__))
VIEW_MEMBERS: Final = Request.__struct_encode_fields__[VIEW_PLACES]


def request_of(query: Mapping[str, Raw], page: Cursor = None, after: Cursor = None) -> PlainRequest:
    """Return the request of a query's members, as far as they make its view, and its cursors."""
    kept: defaultdict[str, list[bytes]] = defaultdict(list)
    for name, written in query.items():
        spelling = PLACE.sub("", name)
        meant = PLAIN_VIEW.get(plain_name_of(spelling))
        if meant is not None:
            kept[meant if spelling == name else f"{meant}_array"].append(bytes(written))
    members: dict[str, Any] = {
        name: Raw(some[0] if len(some) == 1 else b"[%b]" % b",".join(some))
        for name, some in kept.items()
    }
    return PlainRequest(page, after, **members)


def plain_name_of(name: str) -> str:
    """Return a member's name without what may be spelled in other ways."""
    return name.replace("_", "").replace("-", "").strip().lower()


PLAIN_VIEW: Final = {plain_name_of(name): name for name in VIEW}


def query_at(address: str) -> dict[str, Raw] | None:
    """Return the members of a URL's query; ``None``: it has none, so that nobody knows."""
    with suppress(ValueError):
        members = parse_qs(urlsplit(address.strip()).query, keep_blank_values=True)
        return {name: Raw(msgspec.json.encode(some)) for name, some in members.items()} or None
    return None


def cursor_text_of(cursor: Cursor) -> str | None:
    """Return a cursor's text, ``None`` where it is blank."""
    if isinstance(cursor, list):
        cursor = cursor[0] if cursor else None
    return (cursor or "").strip() or None


def view_of(request: Request | None) -> str:
    """Return the view as compact JSON with sorted members; empty where the request is not known.

    ``{}`` is a known view: everything, in no groups.

    Raises:
        BadInput: a group or a filter is neither a text nor an array of texts.
    """
    if request is None:
        return ""
    members = request.view_members
    short = sum(len(written) for _, written in members) <= CACHED
    return remember_view(members) if short else write_view(members)


def json_value(written: bytes, path: str) -> Any:
    """Return a member's value.

    Raises:
        BadInput: it is nested too deeply, or no JSON after all.
    """
    try:
        return plain_json(written)
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):
        raise BadInput("envelope", "found JSON that cannot be read", path=path) from None


@lru_cache(maxsize=64)
def remember_view(members: tuple[tuple[str, bytes], ...]) -> str:
    """Remember the views of short requests: every page of a walk has the same."""
    return write_view(members)


def write_view(members: tuple[tuple[str, bytes], ...]) -> str:
    """Write a view."""
    view: dict[str, set[str]] = {}
    for spelling, written in members:
        path, name = f"$.request.{spelling}", spelling.removesuffix("[]")
        for text in texts_of(json_value(written, path), path):
            for one in (text,) if name == WHOLE else text.split(","):
                known = text_of(one)
                if known is not None:
                    view.setdefault(name, set()).add(known)
    found = {name: sorted(values) for name, values in view.items()}
    return msgspec.json.encode(found, order="sorted").decode()


def texts_of(value: Any, path: str) -> Iterator[str]:
    """Yield a group's or a filter's values as texts; a flag is ``true`` or ``false``.

    Raises:
        BadInput: it is no text, no flag, and no array of those.
    """
    if value is None:
        return
    if isinstance(value, str | bool):
        value = [value]
    if not isinstance(value, list):
        raise bad_value("envelope", path, value, "a text, or an array of texts")
    for index, one in enumerate(value):
        if not isinstance(one, str | bool):
            raise bad_value("envelope", f"{path}[{index}]", one, "a text")
        yield one if isinstance(one, str) else str(one).lower()
