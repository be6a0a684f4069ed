"""What the API's answer is: a page of what was asked for, or a refusal; an error is no page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from stream.decode.parse import object_head, parse_object
from stream.decode.values import BYTE_ORDER_MARK
from stream.providers.cursors import next_cursor, root_of
from stream.providers.endpoint import Endpoint, ObjectList
from stream.providers.openai import ENDPOINTS
from stream.records.errors import BadInput
from stream.records.privacy import one_line
from stream.sources.api.backoff import moment_of
from stream.sources.api.query import Query
from stream.sources.api.refusals import (
    LATER,
    Refusal,
    RefusalKind,
    compose_text,
    refusal_of,
    shorten_text,
)

__all__ = ["Answer", "read_answer"]

OK: Final = 200
LONGEST_ID: Final = 100
RESULTS: Final = frozenset(endpoint.result for endpoint in ENDPOINTS.values())
OTHERS: Final = {endpoint.key: RESULTS - {endpoint.result} for endpoint in ENDPOINTS.values()}
"""What the rows of other endpoints are called; a name that nobody knows may be a new one."""


class Answer(NamedTuple):
    """A page, its bytes as they came, or a refusal: one of the two.

    ``next_cursor`` is where the walk goes on, or ``None`` at its end. ``is_empty``: the page has no
    row, or no element; a walk of costs may be led past its last row for ever, so whoever walks has
    to end it. ``request_id`` is what the provider's support asks for, and ``moment`` when it was
    answered by the provider's clock, in Unix seconds.
    """

    page: bytes | None = None
    refusal: Refusal | None = None
    next_cursor: str | None = None
    is_empty: bool = False
    request_id: str | None = None
    moment: float | None = None


class ElementMark(Struct, gc=False):
    """What tells a row or an element from one of another kind."""

    object: str | None = None
    id: str | None = None


class BucketMark(Struct, gc=False):
    """What tells a bucket, and what its rows are."""

    object: str | None = None
    start_time: int | float | str | None = None
    results: list[ElementMark] | None = None
    result: list[ElementMark] | None = None

    @property
    def rows(self) -> list[ElementMark]:
        """Its rows; older answers call them ``result``."""
        return self.results or self.result or []


class PageMark(Struct, gc=False):
    """The outside of a page of buckets."""

    buckets: list[BucketMark] = msgspec.field(name="data")
    object: str | None = None
    error: msgspec.Raw = msgspec.Raw()
    has_more: bool | None = None
    next_page: str | None = None


class ListMark(Struct, gc=False):
    """The outside of a page of a list."""

    elements: list[ElementMark] = msgspec.field(name="data")
    object: str | None = None
    error: msgspec.Raw = msgspec.Raw()
    has_more: bool | None = None
    next_page: str | None = None
    next: str | None = None
    last_id: str | None = None


PAGE: Final = msgspec.json.Decoder(PageMark)
LIST: Final = msgspec.json.Decoder(ListMark)


def read_answer(
    query: Query, status: int, headers: Mapping[str, str], body: bytes, now: float
) -> Answer:
    """Tell what an answer is; header names are in lower case, ``now`` is in Unix seconds.

    A page has status 200, says that it is JSON, is one whole JSON object, and holds what was asked
    for. What its buckets say of times and counters is up to intake.
    """
    said = headers.get("x-request-id", "").strip()
    identity = shorten_text(one_line(said), LONGEST_ID) or None
    if status != OK:
        return Answer(None, refusal_of(query, status, headers, body, now), request_id=identity)
    try:
        check_type(headers.get("content-type", ""))
        body.decode()  # what is in texts that nobody looks at here has to be text, too
        cursor, is_empty = read_body(query, body.removeprefix(BYTE_ORDER_MARK))
    except BadInput as error:
        kind: RefusalKind = "cursor_missing" if error.reason == "no_cursor" else "broken"
        advice = LATER if kind == "broken" else "the walk begins anew"
        text = compose_text(query, status, str(error), advice)
        return Answer(None, Refusal(kind, text), request_id=identity)
    except UnicodeDecodeError as error:
        text = f"found invalid UTF-8 at byte {error.start}, expected JSON"
        refusal = Refusal("broken", compose_text(query, status, text, LATER))
        return Answer(None, refusal, request_id=identity)
    return Answer(body, None, cursor, is_empty, identity, moment_of(headers.get("date", "")))


def check_type(written: str) -> None:
    """See that an answer says that it is JSON.

    Raises:
        BadInput: it says something else, or nothing.
    """
    kind = written.partition(";")[0].strip().lower()
    if kind != "application/json" and not (
        kind.startswith("application/") and kind.endswith("+json")
    ):
        found = f"content type {kind}" if kind else "no content type"
        raise BadInput("content_type", f"found {found}, expected application/json")


def read_body(query: Query, body: bytes) -> tuple[str | None, bool]:
    """Return where a page leads on, and whether it is empty.

    Raises:
        BadInput: it is no page of what was asked for; ``no_cursor``: it does not say where.
    """
    source = query.source
    try:
        if isinstance(source, Endpoint):
            return read_page(source, PAGE.decode(body))
        return read_list(source, LIST.decode(body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        object_head(parse_object(body), f"a page of {query.entry}")  # which may know better
        raise BadInput("type", f"found another shape ({error})") from None


def read_page(endpoint: Endpoint, page: PageMark) -> tuple[str | None, bool]:
    """Return where a page of buckets leads on, and whether it has no row.

    Raises:
        BadInput: as :func:`read_body`.
    """
    check_outside(page, "page")
    for index, bucket in enumerate(page.buckets):
        path = f"$.data[{index}]"
        if bucket.object != "bucket" and (bucket.object or bucket.start_time is None):
            raise BadInput(
                "type", f"found {bucket.object or 'no'} object, expected a bucket", path=path
            )
        for row in bucket.rows:
            if row.object in OTHERS[endpoint.key]:
                message = f"found {row.object}, expected {endpoint.result}"
                raise BadInput("type", message, path=path)
    has_more = page.has_more if page.has_more is not None else bool(page.next_page)
    cursor = next_cursor(has_more, trim_text(page.next_page), root_of(endpoint.key))
    return cursor, not any(bucket.rows for bucket in page.buckets)


def read_list(entry: ObjectList, page: ListMark) -> tuple[str | None, bool]:
    """Return where a page of a list leads on, and whether it has no element.

    A page says where by ``last_id``; where that is missing it is its last element's id, as it is
    for the official client.

    Raises:
        BadInput: as :func:`read_body`.
    """
    check_outside(page, "list")
    for index, element in enumerate(page.elements):
        if element.object not in {entry.element, None}:
            message = f"found {element.object}, expected {entry.element}"
            raise BadInput("type", message, path=f"$.data[{index}]")
    last = page.elements[-1].id if page.elements else None
    found = trim_text(page.next_page) or trim_text(page.next) or trim_text(page.last_id)
    has_more = page.has_more if page.has_more is not None else bool(page.next_page or page.next)
    return next_cursor(has_more, found or trim_text(last), root_of(entry.key)), not page.elements


def check_outside(page: PageMark | ListMark, expected: str) -> None:
    """See that an answer is what was asked for, going by its outside.

    Raises:
        BadInput: it is an error body, or calls itself something else.
    """
    if bytes(page.error) not in {b"", b"null"}:
        error = shorten_text(one_line(bytes(page.error).decode()))
        raise BadInput("error_body", f"found an error body ({error}), expected a {expected}")
    if page.object not in {expected, None}:
        raise BadInput("type", f"found {page.object}, expected a {expected}", path="$.object")


def trim_text(text: str | None) -> str | None:
    """Return a text without blanks around it, ``None`` where nothing is left."""
    return (text or "").strip() or None
