"""Why the API gave no page, as a kind that says what to do, and in one line for people."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit

import msgspec

from stream.decode.foreign import foreign_bytes
from stream.providers.endpoint import Endpoint
from stream.records.privacy import one_line
from stream.records.windows import DAY
from stream.sources.api.backoff import LONGEST_PAUSE, retry_seconds_of
from stream.sources.api.query import Query

__all__ = ["Refusal", "RefusalKind", "refusal_of", "shorten_text"]

RefusalKind: TypeAlias = Literal[
    "key",
    "scope",
    "query",
    "start",
    "cursor",
    "busy",
    "broken",
    "gone",
    "cursor_missing",
    "cursor_repeated",
    "endless",
]

LONGEST: Final = 300
LONGEST_PATH: Final = 90
LONGEST_QUOTE: Final = 100
LONGEST_ERROR: Final = 1 << 20
LOOKBACK: Final = "reporting_lookback_exceeded"
STEPS: Final = (730, 365, 180, 90, 30, 7)
"""Days before now from which to ask, one after the other, where the API names no start."""
EARLY: Final = re.compile(
    r"\b(?:earl\w+|look.?back|too old|older|available|retention)\b", re.IGNORECASE
)
MOMENT: Final = re.compile(r"\b([12][0-9]{9})\b|\b(20[0-9]{2}-[01][0-9]-[0-3][0-9])\b", re.ASCII)
CURSOR: Final = re.compile(
    r"\b(?:cursor|next_page|page[ _]?token|invalid page|(?:page|after) parameter)\b"
    r"|[\"'`](?:page|after)[\"'`]",
    re.IGNORECASE,
)
SCOPES: Final = re.compile(r"missing scopes?:? *([\w., -]{1,80})", re.IGNORECASE)
PERMISSIONS: Final = re.compile(r"insufficient permissions|missing scopes?", re.IGNORECASE)
ARCHIVED: Final = re.compile(r"\barchived\b", re.IGNORECASE)

BAD: Final = frozenset({400, 422})
NO_KEY: Final = 401
NO_SCOPE: Final = 403
GONE: Final = frozenset({404, 410})
PASSING: Final = frozenset({408, 409, 425, 429})
SERVER: Final = 500
REDIRECT: Final = 300
CLIENT: Final = 400
PROXY: Final = 407

MAKE_KEY: Final = "use an admin key of an organization owner, not a project's (Read Only suffices)"

LATER: Final = "it is tried again later"


class Refusal(NamedTuple):
    """Why there is no page.

    - ``key``: the key is not accepted (401). Another key is wanted.
    - ``scope``: the key may not read this (403). Another key is wanted, for this alone.
    - ``query``: the API will never answer the query (400).
    - ``start``: it does not go back so far; from ``floor`` on it may, which is always there.
    - ``cursor``: it refuses the cursor (400). The walk begins anew.
    - ``cursor_missing``: a page says that more follows, and not where. The walk begins anew.
    - ``gone``: the project is archived or deleted.
    - ``busy``: the API, or the way to it, is overloaded or down; later, see ``retry_seconds``.
    - ``broken``: something answered that is no page and no error of the API; later.

    ``message`` is one line of at most 300 characters, secrets masked, and says what to do.
    ``retry_seconds`` is how long the API asks to wait, ``floor`` in Unix seconds.
    """

    kind: RefusalKind
    message: str
    retry_seconds: float | None = None
    floor: int | None = None


class ErrorBody(NamedTuple):
    """What an error body says: texts, each empty where it is absent."""

    message: str
    code: str
    param: str


NOTHING: Final = ErrorBody("", "", "")


def shorten_text(text: str, longest: int = LONGEST) -> str:
    """Return a text of so many characters at most, with a mark where it was cut."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def refusal_of(
    query: Query, status: int, headers: Mapping[str, str], body: bytes, now: float
) -> Refusal:
    """Return why an answer with any status but 200 is no page; ``now`` is in Unix seconds."""
    fault = fault_of(body)
    wish = headers.get("x-should-retry", "").strip().lower()
    is_access = status in {NO_KEY, NO_SCOPE}
    if status >= SERVER or status in PASSING or (wish == "true" and not is_access):
        retry = retry_seconds_of(headers, now)
        if wish == "false":  # what passes is not given up for it, only asked for more rarely
            retry = max(retry or 0.0, LONGEST_PAUSE)
        return Refusal("busy", compose(query, status, fault, LATER), retry)
    is_archived = ARCHIVED.search(fault.message) is not None
    if query.project and (status in GONE or (is_archived and status >= CLIENT)):
        return Refusal("gone", compose(query, status, fault, "the project is left out from now on"))
    if is_access:
        return refuse_access(query, status, fault, body)
    if status in BAD:
        return refuse_query(query, status, fault, now)
    return refuse_other(query, status, headers, fault)


def refuse_access(query: Query, status: int, fault: ErrorBody, body: bytes) -> Refusal:
    """Tell apart a key that is not accepted and one that may not read this."""
    if fault == NOTHING and (foreign := foreign_bytes(body)):
        text = compose_text(query, status, foreign.message, "something stands before the API")
        return Refusal("broken", text)
    if status == NO_KEY and not PERMISSIONS.search(fault.message):
        return refuse_key(fault)
    return refuse_scope(query, status, fault)


def refuse_key(fault: ErrorBody) -> Refusal:
    """Say that the key is not accepted, without the API's words: they may show the key's end."""
    code = f", {shorten_text(fault.code, 60)}" if fault.code else ""
    return Refusal("key", f"the API does not accept the key (401{code}); {MAKE_KEY}")


def refuse_scope(query: Query, status: int, fault: ErrorBody) -> Refusal:
    """Say what the key lacks."""
    found = SCOPES.search(fault.message)
    if found is None:
        return Refusal("scope", compose(query, status, fault, MAKE_KEY))
    scopes = found[1].strip(" .,")
    text = f"the key lacks the scope {scopes}"
    return Refusal("scope", compose_text(query, status, text, MAKE_KEY))


def refuse_query(query: Query, status: int, fault: ErrorBody, now: float) -> Refusal:
    """Tell apart why a query is bad: its start, its cursor, or all of it."""
    floor = floor_of(query, fault, now)
    if floor is not None:
        moment = dt.datetime.fromtimestamp(floor, dt.UTC)
        advice = f"ask from {moment:%Y-%m-%dT%H:%M:%SZ} ({floor}) on"
        return Refusal("start", compose(query, status, fault, advice), None, floor)
    if fault.param in {"page", "after", "cursor"} or (
        not fault.param and CURSOR.search(fault.message)
    ):
        return Refusal("cursor", compose(query, status, fault, "the walk begins anew"))
    return Refusal("query", compose(query, status, fault, "change what is asked for"))


def floor_of(query: Query, fault: ErrorBody, now: float) -> int | None:
    """Return from when on the API may answer; ``None``: the start is not what is wrong.

    It is later than the query's start: what the API names, else the floor of a group, else the
    next step back from now.
    """
    source = query.source
    if fault.code != LOOKBACK and fault.param != "start_time":
        return None
    moments = [
        at for at in moments_in(fault.message) if query.start < at <= now and at != query.end
    ]
    if moments:
        return min(moments)
    if isinstance(source, Endpoint):
        floors = dict(source.group_floors)
        later = [floors[name] for name in query.group_by if floors.get(name, 0) > query.start]
        if later:
            return max(later)
    if fault.code != LOOKBACK and not EARLY.search(fault.message):
        return None
    steps = (-(-int(now - days * DAY) // DAY) * DAY for days in STEPS)
    return next((step for step in steps if step > query.start), None)


def moments_in(text: str) -> Iterator[int]:
    """Yield the moments that a text names, as Unix seconds: epochs, and dates in UTC."""
    for epoch, date in MOMENT.findall(text):
        if epoch:
            yield int(epoch)
            continue
        try:
            moment = dt.datetime.fromisoformat(date).replace(tzinfo=dt.UTC)
        except ValueError:
            continue
        yield int(moment.timestamp())


def refuse_other(
    query: Query, status: int, headers: Mapping[str, str], fault: ErrorBody
) -> Refusal:
    """Say what came that is neither a page nor an error of the API."""
    if REDIRECT <= status < CLIENT:
        text = f"a redirect{place_of(headers.get('location', ''))}, which is not followed"
        return Refusal("broken", compose_text(query, status, text, "check the base URL"))
    if status == PROXY:
        return Refusal("broken", compose(query, status, fault, "give the proxy its credentials"))
    if status >= CLIENT:
        advice = "check the base URL" if status in GONE else "change what is asked for"
        return Refusal("query", compose(query, status, fault, advice))
    return Refusal("broken", compose(query, status, fault, "check what is between"))


def place_of(location: str) -> str:
    """Return the host that a redirect leads to; the rest of a URL may hold secrets."""
    try:
        host = urlsplit(location).hostname
    except ValueError:
        host = None
    return f" to {shorten_text(one_line(host), 60)}" if host else ""


def compose(query: Query, status: int, fault: ErrorBody, advice: str) -> str:
    """Write a message that quotes the API."""
    return compose_text(query, status, fault.message or fault.code or "no reason", advice)


def compose_text(query: Query, status: int, text: str, advice: str) -> str:
    """Write a message: what was asked for, the status, what is wrong, what to do."""
    path = shorten_text(one_line(query.path), LONGEST_PATH)
    return f"{path} answered {status}: {shorten_text(one_line(text), LONGEST_QUOTE)}; {advice}"


def fault_of(body: bytes) -> ErrorBody:
    """Read an error body; what is none has nothing to say."""
    try:
        root: Any = msgspec.json.decode(body) if len(body) <= LONGEST_ERROR else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        root = None
    error = root.get("error") if isinstance(root, dict) else None
    if isinstance(error, str):
        return ErrorBody(one_line(error), "", "")
    if not isinstance(error, dict):
        return NOTHING
    texts = (error.get(name) for name in ("message", "code", "param"))
    return ErrorBody(*(one_line(text) if isinstance(text, str) else "" for text in texts))
