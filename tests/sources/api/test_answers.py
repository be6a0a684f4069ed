"""What an answer is: a page, byte for byte, or a refusal; an error is never an empty page."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.decode.lists import decode_list
from stream.providers.openai import ENDPOINTS, LISTS
from stream.records.chains import PRIMARY
from stream.sources.api.answers import Answer, read_answer
from stream.sources.api.query import Query
from stream.sources.discovery import parse_name
from tests.support.places import FIXTURES

JSON = {"content-type": "application/json; charset=utf-8", "x-request-id": "req_1"}
NOW = 1_795_000_000
USAGE = Query("usage/completions", PRIMARY, start=1_790_000_000, width="1d")
COSTS = Query("costs", PRIMARY, start=1_790_000_000)
PROJECTS = Query("projects", PRIMARY)
ROW = {"object": "organization.usage.completions.result", "input_tokens": 1}
BUCKET = {"object": "bucket", "start_time": 1, "end_time": 2, "results": [ROW]}
PROJECT = {"object": "organization.project", "id": "proj_a", "name": "x"}


def read(query: Query, body: Any, status: int = 200, **headers: str) -> Answer:
    """Read an answer; a body that is no bytes is written as JSON."""
    written = body if isinstance(body, bytes) else json.dumps(body).encode()
    shown = {name.replace("_", "-"): text for name, text in headers.items()}
    return read_answer(query, status, {**JSON, **shown}, written, NOW)


def page(*buckets: Any, **others: Any) -> dict[str, Any]:
    """Make a page."""
    return {"object": "page", "data": list(buckets), "has_more": False, "next_page": None, **others}


def listing(*elements: Any, **others: Any) -> dict[str, Any]:
    """Make a page of a list."""
    return {"object": "list", "data": list(elements), "has_more": False, **others}


def refused(answer: Answer, kind: str) -> str:
    """See that an answer is a refusal of that kind alone; return its message."""
    assert answer.page is None
    assert answer.next_cursor is None
    assert answer.refusal is not None
    assert answer.refusal.kind == kind
    message = answer.refusal.message
    assert len(message) <= 300
    assert message.isprintable()
    return message


def test_a_page_is_the_bytes_that_came() -> None:
    """Amounts as texts of any length, blanks and unknown members are not touched."""
    body = (
        b' {"object": "page", "data": [{"object":"bucket","start_time":1,"end_time":2,"results":[\n'
        b'{"object":"organization.costs.result","amount":{"value":"0.1739150000000000000000000001",'
        b'"currency":"usd"},"new":[1e400, 0E-6176]}]}], "has_more": true, "next_page": "page_2"} '
    )
    answer = read(COSTS, body)
    assert answer == Answer(body, None, "page_2", is_empty=False, request_id="req_1")


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.name)
def test_what_is_recorded_of_the_api_is_a_page(path: Any) -> None:
    """Every fixture of an endpoint is a page for it, and for no other; two are older than that."""
    found = parse_name(path.name)
    entry = None if found is None else found.entry
    if entry is None or entry.key not in ENDPOINTS:
        return
    body = path.read_bytes()
    answer = read(Query(entry.key, PRIMARY), body)
    if json.loads(body)["object"] != "page":
        refused(answer, "broken")
        return
    assert answer.page == body
    for key in ENDPOINTS.keys() - {entry.key}:
        refused(read(Query(key, PRIMARY), body), "broken")
    refused(read(PROJECTS, body), "broken")


def test_an_empty_page_is_told_from_one_with_rows() -> None:
    """A page is empty without rows, whether it has buckets or none; a list without elements."""
    assert read(USAGE, page()).is_empty
    assert read(USAGE, page({**BUCKET, "results": []})).is_empty
    assert not read(USAGE, page({**BUCKET, "results": []}, BUCKET)).is_empty
    assert read(PROJECTS, listing()).is_empty
    assert not read(PROJECTS, listing(PROJECT)).is_empty


def test_the_end_of_a_walk_is_what_has_more_says() -> None:
    """A cursor on the last page, as lists have one, leads nowhere."""
    assert read(PROJECTS, listing(PROJECT, last_id="proj_a")).next_cursor is None
    assert read(USAGE, page(BUCKET, next_page="page_2")).next_cursor is None
    assert read(PROJECTS, listing(PROJECT, last_id="b", has_more=True)).next_cursor == "b"
    assert read(PROJECTS, listing(PROJECT, has_more=True)).next_cursor == "proj_a"


def test_a_cursor_is_the_one_that_a_replay_reads() -> None:
    """Lists are led on by what the decoder of lists goes by."""
    for shown in ({"last_id": "proj_z"}, {"next": "n"}, {"next_page": "p", "last_id": "z"}, {}):
        body = json.dumps(listing(PROJECT, has_more=True, **shown)).encode()
        assert read(PROJECTS, body).next_cursor == decode_list(LISTS["projects"], body).next_page


@pytest.mark.parametrize("cursor", [None, "", "  "])
def test_more_without_a_cursor_is_named(cursor: str | None) -> None:
    """What says that more follows, and not where, is no last page."""
    message = refused(read(USAGE, page(BUCKET, has_more=True, next_page=cursor)), "cursor_missing")
    assert "has_more" in message
    refused(read(PROJECTS, listing(has_more=True, last_id=cursor)), "cursor_missing")


def test_a_cursor_that_leads_elsewhere_is_refused() -> None:
    """A URL on another host is no cursor."""
    refused(
        read(USAGE, page(has_more=True, next_page="https://evil.example/v1/x?page=1")), "broken"
    )


BROKEN: dict[str, Any] = {
    "an error": {"error": {"message": "slow down", "code": "rate_limit_exceeded"}},
    "an error beside an empty page": page(error={"message": "half of it"}),
    "an error as a text": {"error": "no"},
    "HTML": b"<!doctype html><title>Sign in</title>",
    "nothing": b"",
    "blanks": b" \n",
    "a cut page": json.dumps(page(BUCKET)).encode()[:-20],
    "two pages": json.dumps(page()).encode() * 2,
    "an array": [page()],
    "a text": "page",
    "a list": listing(),
    "another provider's": page({"starting_at": "2026-11-01T00:00:00Z", "results": []}),
    "another endpoint's": page({**BUCKET, "results": [{"object": "organization.costs.result"}]}),
    "objects of a list": page(PROJECT),
    "no array": page(data={}),
    "no array at all": {"object": "page", "has_more": False},
    "has_more as a text": page(has_more="true"),
    "a cursor as a number": page(has_more=True, next_page=3),
    "no UTF-8": json.dumps(page(x="é"), ensure_ascii=False).encode("latin-1"),
    "UTF-16": json.dumps(page()).encode("utf-16"),
    "NULs": b"\0" * 100,
    "depth": b'{"object":"page","data":[],"x":' + b"[" * 100_000,
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_page_is_broken(body: Any) -> None:
    """An answer with status 200 that is anything else is no page, and is said to be what it is."""
    message = refused(read(USAGE, body), "broken")
    assert message.startswith("/organization/usage/completions answered 200: ")
    assert message.endswith("later")


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "", "application/x-ndjson", "json"])
def test_a_page_says_that_it_is_json(kind: str) -> None:
    """JSON under another content type comes from something else than the API."""
    refused(read(USAGE, page(BUCKET), content_type=kind), "broken")


def test_texts_of_the_api_are_masked_and_on_one_line() -> None:
    """Keys and addresses do not stand in messages, nor what a terminal obeys."""
    said = "bad\n\x1b[2J\u202e key sk-admin-abcdefgh12345678 of ada@corp.example" + "x" * 5_000
    for status in (200, 400, 403, 404, 429, 500, 302, 418):
        answer = read(USAGE, {"error": {"message": said, "code": said, "param": said}}, status)
        assert answer.refusal is not None
        message = refused(answer, answer.refusal.kind)
        assert "abcdefgh" not in message
        assert "ada@" not in message
    assert read(USAGE, page(), x_request_id="r\x1b" + "x" * 500).request_id == r"r\x1b" + (
        "x" * 94 + "…"
    )


@given(st.binary(max_size=200), st.sampled_from([200, 204, 302, 400, 401, 403, 404, 429, 500]))
def test_bytes_are_never_taken_for_a_page(body: bytes, status: int) -> None:
    """Whatever comes is a refusal with a message, and never an exception."""
    for query in (USAGE, PROJECTS):
        answer = read(query, body, status)
        assert answer.refusal is not None
        refused(answer, answer.refusal.kind)


@given(st.integers(0, 10_000))
def test_a_page_that_is_cut_anywhere_is_broken(at: int) -> None:
    """No beginning of a page is a page."""
    body = json.dumps(page(BUCKET, BUCKET)).encode()
    refused(read(USAGE, body[: at % len(body)]), "broken")
