"""What the twin refuses, as the API does: keys, scopes, queries, cursors."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS
from stream.recordings.twin import TwinAnswer
from tests.support.twins import DAY, KEY, NOW, Asked, ask, page_of, twin_at, walk

USAGE = "usage/completions"
START = ("start_time", NOW - 3 * DAY)
CUTOFF = 1_764_979_200


def error_of(answer: TwinAnswer) -> dict[str, Any]:
    """Return an error as the API documents it: four members, and the id of the request."""
    assert answer.headers["x-request-id"].startswith("req_")
    body = msgspec.json.decode(answer.body)
    assert body.keys() == {"error"}
    error: dict[str, Any] = body["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    return error


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        (None, 401, None),
        ("sk-admin-twin-0001", 401, None),
        ("Bearer sk-admin-other", 401, "invalid_api_key"),
        ("Bearer sk-proj-scopeless", 403, None),
    ],
)
@pytest.mark.parametrize("path", [USAGE, "costs", "projects"])
def test_a_key_is_checked(key: str | None, status: int, code: str | None, path: str) -> None:
    """Without a key, with one that is not known or has no scope, nothing is answered."""
    twin = twin_at(scopeless=("sk-proj-scopeless",))
    headers = {} if key is None else {"Authorization": key}
    answer = twin.answer("GET", f"/v1/organization/{path}?start_time={NOW - DAY}", headers)
    error = error_of(answer)
    assert (answer.status, error["code"]) == (status, code)
    assert "sk-admin-other" not in error["message"]
    if (status, path) == (403, "costs"):
        assert "Missing scopes: api.usage.read." in error["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/organization/usage/other", 404),
        ("GET", "/v1/organization", 404),
        ("GET", "/organization/costs", 404),
        ("GET", "/v1/organization/projects/proj_none/users", 404),
        ("POST", "/v1/organization/projects", 405),
    ],
)
def test_other_paths_and_methods_are_refused(method: str, path: str, status: int) -> None:
    """What there is not, and what only reads may not do, is refused."""
    answer = twin_at().answer(method, path, KEY)
    assert (answer.status, bool(error_of(answer)["message"])) == (status, True)


@pytest.mark.parametrize(
    ("path", "query", "param", "code"),
    [
        (USAGE, [], "start_time", "invalid_request_error"),
        (USAGE, [("start_time", "today")], "start_time", "invalid_request_error"),
        (USAGE, [START, START], "start_time", "duplicate_parameter"),
        (USAGE, [START, ("end_time", NOW - 3 * DAY)], "end_time", "invalid_request_error"),
        (USAGE, [("start_time", 1)], "start_time", "reporting_lookback_exceeded"),
        ("costs", [("start_time", 1)], "start_time", "reporting_lookback_exceeded"),
        (USAGE, [START, ("bucket_width", "5m")], "bucket_width", "invalid_request_error"),
        ("costs", [START, ("bucket_width", "1h")], "bucket_width", "invalid_request_error"),
        (USAGE, [START, ("group_by", "line_item")], "group_by", "invalid_request_error"),
        (USAGE, [START, ("group_by", "model,")], "group_by", "invalid_request_error"),
        ("usage/vector_stores", [START, ("models", "a")], "models", "unknown_parameter"),
        ("costs", [START, ("user_ids", "a")], "user_ids", "unknown_parameter"),
        (USAGE, [START, ("batch", "yes")], "batch", "invalid_request_error"),
        (USAGE, [START, ("limit", 0)], "limit", "invalid_request_error"),
        (USAGE, [START, ("page", "page_other")], "page", "invalid_page_token"),
        ("projects", [("limit", 101)], "limit", "invalid_request_error"),
        ("projects", [("after", "proj_none")], "after", "invalid_request_error"),
        ("projects", [("include_archived", "maybe")], "include_archived", "invalid_request_error"),
        ("users", [("order", "asc")], "order", "unknown_parameter"),
    ],
)
def test_a_wrong_query_is_refused(path: str, query: Asked, param: str, code: str) -> None:
    """A parameter that is unknown or wrong is named, with a code, and 400."""
    answer = ask(twin_at(), path, query)
    error = error_of(answer)
    assert (answer.status, error["param"], error["code"]) == (400, param, code)
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize("entry", ENDPOINTS.values(), ids=ENDPOINTS.keys())
def test_limits_are_those_of_the_registry(entry: Endpoint) -> None:
    """Each width has its number of buckets unless asked for others, up to its own maximum."""
    twin = twin_at(most_costs=180)
    for width, default, maximum in entry.limits:
        query: Asked = [("start_time", NOW - 300 * DAY), ("bucket_width", width)]
        assert len(page_of(twin, entry.key, query)["data"]) == default
        assert len(page_of(twin, entry.key, [*query, ("limit", maximum)])["data"]) == maximum
        answer = ask(twin, entry.key, [*query, ("limit", maximum + 1)])
        assert error_of(answer)["param"] == "limit"
        assert str(maximum) in error_of(answer)["message"]


def test_a_page_of_costs_has_31_buckets_at_most() -> None:
    """A limit from 32 to 180 is accepted, and answered with 31 buckets; a walk has them all."""
    twin, query = twin_at(), [("start_time", NOW - 99 * DAY), ("limit", 180)]
    page = page_of(twin, "costs", query)
    assert (len(page["data"]), page["has_more"]) == (31, True)
    assert len(list(walk(twin, "costs", query))) == 100


def test_costs_are_known_by_key_since_a_day() -> None:
    """Grouping costs by key is refused below a floor, with the error that the API has."""
    query: Asked = [("start_time", CUTOFF - 1), ("group_by[]", "api_key_id")]
    twin = twin_at(lookback=900 * DAY)
    assert error_of(ask(twin, "costs", query)) == {
        "message": "costs grouped by api_key_id are available from 1764979200 on",
        "type": "invalid_request_error",
        "param": "start_time",
        "code": "invalid_request_error",
    }
    assert ask(twin, "costs", [("start_time", CUTOFF), query[1]]).status == 200
    assert ask(twin, "costs", [query[0], ("group_by[]", "project_id")]).status == 200


@pytest.mark.parametrize("entry", ENDPOINTS.values(), ids=ENDPOINTS.keys())
def test_a_cursor_belongs_to_its_query(entry: Endpoint) -> None:
    """A page token is accepted for the query that it came with, however that is spelled."""
    twin = twin_at()
    query: Asked = [START, ("end_time", NOW), ("limit", 1), ("group_by[]", "project_id")]
    page = page_of(twin, entry.key, query)
    cursor = ("page", page["next_page"])
    then = page_of(twin, entry.key, [cursor, ("group_by", "project_id"), *query[:3]])
    assert then["data"][0]["start_time"] == page["data"][0]["end_time"]
    for place, other in enumerate(
        [("start_time", NOW - 2 * DAY), ("end_time", NOW - 1), ("limit", 2), None]
    ):
        changed = [*query[:place], *([other] if other else []), *query[place + 1 :], cursor]
        assert error_of(ask(twin, entry.key, changed))["param"] == "page"
    more = [*query, ("project_ids", "proj_a"), cursor]
    assert error_of(ask(twin, entry.key, more))["param"] == "page"
    name = next(key for key in ENDPOINTS if key != entry.key)
    assert error_of(ask(twin, name, [*query, cursor]))["param"] == "page"


@pytest.mark.parametrize(
    "spelled",
    [
        "group_by[]=project_id&group_by[]=model",
        "group_by%5B%5D=model&group_by%5B%5D=project_id",
        "group_by[0]=project_id&group_by[1]=model",
        "group_by=project_id&group_by=model",
        "group_by=project_id,model",
        "group_by=model%2Cproject_id",
    ],
)
def test_groups_are_read_in_every_spelling(spelled: str) -> None:
    """All spellings of ``group_by`` that clients use ask for the same."""
    target = f"/v1/organization/usage/completions?start_time={NOW - DAY}&limit=1&"
    found = twin_at().answer("GET", target + spelled, KEY).body
    assert found == twin_at().answer("GET", f"{target}group_by=project_id,model", KEY).body
    (row, *_) = msgspec.json.decode(found)["data"][0]["results"]
    assert row["model"]
    assert row["user_id"] is row["batch"] is None


def test_a_line_item_has_a_comma_of_its_own() -> None:
    """Filters are not split at commas: a line item is its whole text."""
    line = "gpt-4o-2024-08-06, output_tokens"
    query = [("start_time", NOW - 9 * DAY), ("group_by", "line_item"), ("line_items[]", line)]
    target = f"/v1/organization/costs?{'&'.join(f'{name}={quote(str(v))}' for name, v in query)}"
    page = msgspec.json.decode(twin_at().answer("GET", target, KEY).body)
    assert {row["line_item"] for one in page["data"] for row in one["results"]} == {line}


@pytest.mark.parametrize("width", ["1m", "1h", "1d"])
def test_buckets_end_with_the_one_that_is_open(width: str) -> None:
    """Without an end, or with one that is to come, the last bucket is the one that holds now."""
    now = NOW + 7 * 3600 + 90.5
    for end in ([], [("end_time", NOW + 9 * DAY)]):
        query: Asked = [("start_time", NOW + 7 * 3600), ("bucket_width", width), *end]
        (*_, last) = page_of(twin_at(now), USAGE, query)["data"]
        assert last["start_time"] <= now < last["end_time"]
    behind = page_of(twin_at(now), USAGE, [("start_time", NOW + DAY)])
    assert (behind["data"], behind["has_more"]) == ([], False)


def test_a_bucket_may_be_part_of_one() -> None:
    """The first and the last bucket are cut to the query, or whole where the twin is to snap."""
    query: Asked = [("start_time", NOW - DAY - 500), ("end_time", NOW - 700)]
    times = [
        [(one["start_time"], one["end_time"]) for one in page_of(twin, USAGE, query)["data"]]
        for twin in (twin_at(), twin_at(snap=True))
    ]
    cut = [(NOW - DAY - 500, NOW - DAY), (NOW - DAY, NOW - 700)]
    assert times == [cut, [(NOW - 2 * DAY, NOW - DAY), (NOW - DAY, NOW)]]


def test_requests_are_noted() -> None:
    """The twin remembers what it was asked for, and what it said."""
    twin = twin_at()
    ask(twin, "costs", [("start_time", NOW - DAY)])
    ask(twin, "costs")
    assert [(one.time, one.path, one.query, one.status) for one in twin.requests] == [
        (NOW, "/v1/organization/costs", f"start_time={NOW - DAY}", 200),
        (NOW, "/v1/organization/costs", "", 400),
    ]
