"""A capture's line: the envelope around a page, taken off without a second pass over the page.

A page is nearly all of its line, and is decoded soon after; here its bytes are only cut out. Where
``"page":`` with a null behind it ends an envelope, whatever stands behind it in the line is the
page, or no JSON at all, which the page's decoder refuses. Lines of any other order are read whole.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw, Struct

from stream.decode.foreign import foreign_answer
from stream.decode.parse import lone_surrogate
from stream.decode.values import ABSENT, NUMBER, bad_value, member_path, revision_of
from stream.providers.endpoint import Endpoint, ObjectList
from stream.providers.openai import ENDPOINTS, LISTS
from stream.records.chains import PRIMARY
from stream.records.errors import BadInput
from stream.records.privacy import shield_value
from stream.sources.contents import entry_in
from stream.sources.request import (
    CURSORS,
    Cursor,
    PlainRequest,
    json_value,
    plain_name_of,
    query_at,
    request_of,
    view_of,
)

__all__ = [
    "Envelope",
    "decode_envelope",
    "entry_named",
    "members_of",
    "revision_of",
]

PAGE: Final = b'"page":'
BLANK: Final = b" \t\r\n"
OCCURRENCES: Final = 3  # the request's page, the envelope's, and one to spare
LONGEST_HEAD: Final = 16_384
LONGEST_TAIL: Final = 4_096
LONGEST_LABEL: Final = 255
URL: Final = re.compile(r"://|\?")
PROJECT: Final = re.compile(r"^((?:/v1)?/organization/projects/)[^/]+(/[a-z_]+)$")
NAMES: Final[dict[str, Endpoint | ObjectList]] = {
    **LISTS,
    **{
        name: entry
        for entry in LISTS.values()
        if entry.path
        for name in (entry.path, f"/v1{entry.path}")
    },
    **{
        name: entry
        for entry in ENDPOINTS.values()
        for name in (entry.key, entry.name, entry.path, f"/v1{entry.path}", *entry.aliases)
    },
}
"""How an envelope may name an endpoint or a list."""


class Envelope(NamedTuple):
    """A line of a capture.

    ``revision`` is when the walk was made, in whole microseconds since 1970, or 0. ``view`` is
    empty where the request is not known. ``cursor`` is where the request stood in its walk.
    ``payload`` has the page's bytes as they stand in the line; they are not looked at.
    ``ends_walk``: whoever asked ended the walk with it, although it says that more follows.
    """

    entry: Endpoint | ObjectList
    label: str
    view: str
    revision: int
    cursor: str | None
    payload: bytes
    ends_walk: bool = False


class Head(Struct, forbid_unknown_fields=True, gc=False):
    """An envelope whose page is still to come, and to which no recorder has added anything."""

    endpoint: str
    page: None
    label: str | None = None
    observed_at: str | None = None
    request: PlainRequest | None = None
    ends_walk: bool = False


class PageEnd(Struct, forbid_unknown_fields=True, gc=False):
    """What a page of today's shape ends with, behind its array."""

    data: list[None]
    has_more: bool
    next_page: str | None = None
    object: Literal["page", "list"] | None = None
    first_id: str | None = None
    last_id: str | None = None


class Ending(Struct, forbid_unknown_fields=True, gc=False):
    """What a line ends with whose last member is its page."""

    page: PageEnd


MEMBERS: Final = ("endpoint", "label", "observed_at", "request", "page")
PLAIN_MEMBERS: Final = {name.replace("_", ""): name for name in MEMBERS}
HEAD: Final = msgspec.json.Decoder(Head)
ENDING: Final = msgspec.json.Decoder(Ending)
RAW: Final = msgspec.json.Decoder(dict[str, Raw])
UNFAMILIAR: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def decode_envelope(*pieces: bytes) -> Envelope:
    """Read a line of a capture, without its line break; a long one may stand in pieces.

    Raises:
        BadInput: it is no envelope; with the JSON path, what was found and what was expected.
    """
    found = split_page_last(*pieces)
    if found is None:
        line = b"".join(pieces).strip(BLANK)
        found = split_page_last(line) or split_any_order(line)
    head, payload = found
    entry, request = entry_of(head.endpoint), head.request
    if request is None and URL.search(head.endpoint):
        request = request_at(head.endpoint, entry)
    return Envelope(
        entry,
        label_of(head.label),
        view_of(request),
        revision_of(head.observed_at),
        request.cursor if request else None,
        payload,
        head.ends_walk,
    )


def split_page_last(*pieces: bytes) -> tuple[Head, bytes] | None:
    """Split a line whose page comes last; ``None`` when another look is needed.

    Its head is looked for in the first piece alone, and what is behind its rows in the last one.
    """
    first, last = pieces[0], pieces[-1]
    if not last.endswith(b"}"):
        return None
    try:
        ENDING.decode(b'{"page":{"data":[' + last[last.rfind(b"]", -LONGEST_TAIL) :])
    except UNFAMILIAR:
        return None
    behind = 0
    for _ in range(OCCURRENCES):
        behind = first.find(PAGE, behind, LONGEST_HEAD) + len(PAGE)
        if behind < len(PAGE):
            break
        if not first[behind : behind + 2].lstrip(BLANK).startswith(b"{"):
            continue  # the request's
        try:
            head = HEAD.decode(first[:behind] + b"null}")
        except UNFAMILIAR:
            continue
        if len(pieces) == 1:
            payload = first[behind:-1]
        else:  # nearly all of the line, which is copied here for the only time
            payload = b"".join((memoryview(first)[behind:], *pieces[1:-1], last[:-1]))
        return head, payload.strip(BLANK)
    return None


def split_any_order(line: bytes) -> tuple[Head, bytes]:
    """Split a line member by member.

    Raises:
        BadInput: a member is missing, misspelled, or of the wrong type.
    """
    members = members_of(line, "$", "an envelope")
    for name in members:
        meant = plain_name_of(name)
        if name not in MEMBERS and meant in PLAIN_MEMBERS:
            message = f"found another spelling, expected {PLAIN_MEMBERS[meant]}"
            raise BadInput("envelope", message, path=member_path("$", name))
    page = bytes(members.get("page", b""))
    if not page.startswith(b"{"):
        raise foreign_line(line) or bad_value("envelope", "$.page", value_in(page), "a page")
    address = bytes(members.get("url", b"")).startswith(b'"') and text_in(members, "url")
    endpoint = text_in(members, "endpoint") or address or None
    if endpoint is None:
        entry = entry_in(page)
        if entry is None:
            raise unknown_endpoint(None if "endpoint" in members else ABSENT)
        endpoint = entry.key
    request = request_in(members)
    if request is None and address and not URL.search(endpoint):
        request = request_at(address, entry_named(endpoint))
    ends = bytes(members.get("ends_walk", b"false")) == b"true"
    head = Head(endpoint, None, text_in(members, "label"), moment_in(members), request, ends)
    return head, page


def value_in(page: bytes) -> Any:
    """Return what an envelope has in the place of its page."""
    return json_value(page, "$.page") if page else ABSENT


def foreign_line(line: bytes) -> BadInput | None:
    """Say what a line is that is known to be no envelope."""
    value = json_value(line, "$")
    return foreign_answer(value) if isinstance(value, dict) else None


def moment_in(members: dict[str, Raw]) -> str | None:
    """Return when the walk was made, as a text; Unix seconds may stand as a number.

    Raises:
        BadInput: it is of another type.
    """
    written = bytes(members.get("observed_at", b"null"))
    if NUMBER.fullmatch(written.decode(errors="replace")):
        return format(json_value(written, "$.observed_at"), "" if written.isdigit() else "f")
    return text_in(members, "observed_at")


def members_of(written: bytes, path: str, expected: str) -> dict[str, Raw]:
    """Split a JSON object.

    Raises:
        BadInput: it is another value, or broken.
    """
    try:
        return RAW.decode(written)
    except msgspec.ValidationError:
        raise bad_value("envelope", path, json_value(written, path), expected) from None
    except RecursionError:
        found = "found JSON nested too deeply"
    except UnicodeDecodeError:
        found = "found invalid UTF-8"
    except msgspec.MsgspecError as error:
        if (half := lone_surrogate(written)) is not None:
            raise half from None
        found = f"found broken JSON ({error})" if written else "found nothing"
    raise BadInput("envelope", f"{found}, expected {expected}", path=path)


def text_in(members: dict[str, Raw], name: str, path: str = "$") -> str | None:
    """Return a member that is a text, or null.

    Raises:
        BadInput: it is of another type.
    """
    where = f"{path}.{name}"
    value = json_value(bytes(members.get(name, b"null")), where)
    if value is None or isinstance(value, str):
        return value
    raise bad_value("envelope", where, value, "a text or null")


def request_in(members: dict[str, Raw]) -> PlainRequest | None:
    """Return the query, ``None`` when it is not known.

    Raises:
        BadInput: it is no object, or its page is no text.
    """
    written = bytes(members.get("request", b"null"))
    if written == b"null":
        return None
    if written.startswith(b'"') and b"=" in written:
        text = text_in(members, "request") or ""
        return request_with(query_at(text if "?" in text else f"?{text}") or {})
    return request_with(members_of(written, "$.request", "an object or null"))


def request_at(address: str, entry: Endpoint | ObjectList | None) -> PlainRequest | None:
    """Return the query of a URL; without one nobody knows, but of a list that is its start.

    Raises:
        BadInput: it has more than one cursor.
    """
    query = query_at(address) or ({} if isinstance(entry, ObjectList) else None)
    return None if query is None else request_with(query)


def request_with(query: dict[str, Raw]) -> PlainRequest:
    """Return the request of a query's members.

    Raises:
        BadInput: its cursor is no text.
    """
    page, after = (cursor_in(query, name) for name in CURSORS)
    return request_of(query, page, after)


def cursor_in(query: dict[str, Raw], name: str) -> Cursor:
    """Return a cursor of a request: a text, or null; in an array or not.

    Raises:
        BadInput: it is something else.
    """
    value = json_value(bytes(query.get(name, b"null")), f"$.request.{name}")
    if isinstance(value, list) and len(value) <= 1:
        return cursor_in({name: Raw(msgspec.json.encode(value[0]))}, name) if value else None
    return text_in(query, name, "$.request")


def entry_of(name: str) -> Endpoint | ObjectList:
    """Return the registry's entry for an endpoint's key, name or path, or for a list's name.

    Raises:
        BadInput: the registry has none.
    """
    found = entry_named(name)
    if found is None:
        raise unknown_endpoint(name)
    return found


def entry_named(name: str) -> Endpoint | ObjectList | None:
    """Return the registry's entry as :func:`entry_of` does; ``None``: there is none."""
    return NAMES.get(name) or entry_at(name)


@lru_cache(maxsize=64)
def entry_at(address: str) -> Endpoint | ObjectList | None:
    """Return the registry's entry for a URL, or a path; ``None``: there is none."""
    with suppress(ValueError):
        path = "/" + urlsplit(address.strip()).path.strip("/")
        return NAMES.get(path) or NAMES.get(PROJECT.sub(r"\1*\2", path))
    return None


def unknown_endpoint(found: Any) -> BadInput:
    """Say which endpoints and lists there are."""
    return bad_value("envelope", "$.endpoint", found, f"one of {', '.join([*ENDPOINTS, *LISTS])}")


@lru_cache(maxsize=64)
def label_of(label: str | None) -> str:
    """Return the label: trimmed, ``primary`` where there is none, a digest when it is a secret.

    Raises:
        BadInput: it is longer than a file's name could be.
    """
    text = (label or "").strip()
    if len(text) > LONGEST_LABEL:
        raise bad_value(
            "envelope", "$.label", text, f"a text of at most {LONGEST_LABEL} characters"
        )
    return shield_value(text) or PRIMARY
