"""The query that a page answers: where its walk stood, and which view of the usage it is.

Chains of one endpoint that were asked for with other groups or filters show the same usage in
another way. What makes the difference is a **view**: the groups and the filters, canonical. Width,
times, limit and page say which piece of a view was asked for, and are no part of it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import astuple

from stream.decode.parse import plain_json
from stream.decode.values import bad_value, text_of
from stream.records.errors import BadInput

__all__ = ["VIEW", "Request", "json_value", "view_of"]

CACHED: Final = 4_096


class Request(Struct, gc=False):
    """The members of a request that are used, as JSON texts; an empty one is absent.

    The others are dropped: times and widths stand in the page, and what is unknown is not kept.
    """

    page: str | None = None
    group_by: Raw = Raw()
    project_ids: Raw = Raw()
    user_ids: Raw = Raw()
    api_key_ids: Raw = Raw()
    models: Raw = Raw()
    batch: Raw = Raw()
    sizes: Raw = Raw()
    sources: Raw = Raw()
    context_levels: Raw = Raw()
    vector_store_ids: Raw = Raw()
    line_items: Raw = Raw()

    @property
    def cursor(self) -> str | None:
        """Where the request stood in its walk; ``None`` at the start."""
        return (self.page or "").strip() or None


VIEW: Final = Request.__struct_fields__[1:]
"""What makes a view: the groups, and the filters."""


def view_of(request: Request | None) -> str:
    """Return the view as compact JSON with sorted members; empty where the request is not known.

    ``{}`` is a known view: everything, in no groups.

    Raises:
        BadInput: a group or a filter is neither a text nor an array of texts.
    """
    if request is None:
        return ""
    members = tuple(map(bytes, astuple(request)[1:]))
    short = sum(map(len, members)) <= CACHED
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
def remember_view(members: tuple[bytes, ...]) -> str:
    """Remember the views of short requests: every page of a walk has the same."""
    return write_view(members)


def write_view(members: tuple[bytes, ...]) -> str:
    """Write a view."""
    found = {
        name: values_of(json_value(written, f"$.request.{name}"), f"$.request.{name}")
        for name, written in zip(VIEW, members, strict=True)
        if written
    }
    view = {name: values for name, values in found.items() if values}
    return msgspec.json.encode(view, order="sorted").decode()


def values_of(value: Any, path: str) -> list[str]:
    """Return a group's or a filter's values as texts: sorted, each once, a secret as its digest.

    Raises:
        BadInput: it is no text, no flag, and no array of those.
    """
    if value is None:
        return []
    if isinstance(value, str | bool):
        value = [value]
    if not isinstance(value, list):
        raise bad_value("envelope", path, value, "a text, or an array of texts")
    texts = set()
    for index, one in enumerate(value):
        if not isinstance(one, str | bool):
            raise bad_value("envelope", f"{path}[{index}]", one, "a text")
        texts.add(text_of(one if isinstance(one, str) else str(one).lower()))
    return sorted(text for text in texts if text is not None)
