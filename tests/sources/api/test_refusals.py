"""Why there is no page: the kinds by which a source knows what to do, and the words."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stream.records.chains import PRIMARY
from stream.sources.api.query import Query
from stream.sources.api.refusals import Refusal, refusal_of

NOW = 1_795_000_000
TODAY = NOW // 86_400 * 86_400
FLOOR = 1_764_979_200
USAGE = Query("usage/completions", PRIMARY, start=1_700_000_000, width="1d")
COSTS = Query("costs", PRIMARY, start=1_700_000_000, group_by=("project_id", "api_key_id"))
MEMBERS = Query("project_members", "proj_a", "proj_a")
LOOKBACK = {"message": "too far back", "code": "reporting_lookback_exceeded"}


def refuse(query: Query, status: int, error: Any = None, **headers: str) -> Refusal:
    """Read an error of the API."""
    shown = {name.replace("_", "-"): text for name, text in headers.items()}
    body = b"" if error is None else json.dumps({"error": error}).encode()
    return refusal_of(query, status, shown, body, NOW)


def test_a_key_that_is_not_accepted_is_said_without_its_end() -> None:
    """401 is the key's fault; the API shows the last characters of it, and we do not."""
    error = {"message": "Incorrect API key provided: sk-a****WXYZ", "code": "invalid_api_key"}
    found = refuse(USAGE, 401, error)
    assert found.kind == "key"
    assert "WXYZ" not in found.message
    assert "invalid_api_key" in found.message
    assert "admin key" in found.message


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_without_the_scope_is_told_which(status: int) -> None:
    """The message names the scope, and which key to use; some have seen it with 401."""
    said = "You have insufficient permissions for this operation. Missing scopes: api.usage.read."
    found = refuse(USAGE, status, {"message": said, "type": "server_error", "code": None})
    assert found.kind == "scope"
    assert "the scope api.usage.read;" in found.message
    assert "admin key" in found.message


def test_what_stands_before_the_api_says_nothing_of_the_key() -> None:
    """A page of HTML with 403 is a gateway's, and may be gone later."""
    found = refusal_of(USAGE, 403, {}, b"<html>Access denied</html>", NOW)
    assert found.kind == "broken"
    assert refuse(USAGE, 403).kind == "scope"


def test_the_floor_of_a_group_is_where_to_ask_from() -> None:
    """The epoch in the message is the floor, and the message has it as a date, too."""
    said = f"costs grouped by api_key_id are available from {FLOOR} on"
    error = {"message": said, "param": "start_time", "code": "invalid_request_error"}
    found = refuse(COSTS, 400, error)
    assert (found.kind, found.floor) == ("start", FLOOR)
    assert "2025-12-06T00:00:00Z" in found.message


@pytest.mark.parametrize(
    ("said", "floor"),
    [
        (f"start_time 1700000000 is before {FLOOR}, and now is {NOW}", FLOOR),
        ("data is available since 2025-12-06", FLOOR),
        ("this grouping is not available so early", FLOOR),
        ("start_time must be before end_time", FLOOR),
    ],
)
def test_a_floor_is_found_in_other_words(said: str, floor: int) -> None:
    """An epoch or a date later than the start, else the floor that the registry has."""
    found = refuse(COSTS, 400, {"message": said, "param": "start_time"})
    assert (found.kind, found.floor) == ("start", floor)


def test_a_floor_is_not_the_end_of_the_query() -> None:
    """A message that repeats what was asked for names its end, which is no floor."""
    end = FLOOR - 86_400
    query = Query("costs", PRIMARY, start=1_700_000_000, end=end, group_by=("api_key_id",))
    error = {"message": f"1700000000 to {end} is before {FLOOR}", "param": "start_time"}
    assert refuse(query, 400, error).floor == FLOOR


@pytest.mark.parametrize("days", [730, 365, 180, 90, 30, 7])
def test_lookback_goes_down_in_steps(days: int) -> None:
    """Where the API names no start, the next step is a whole day, later than the start."""
    longer = {730: 3_000, 365: 730, 180: 365, 90: 180, 30: 90, 7: 30}[days]
    start = TODAY + 86_400 - longer * 86_400
    query = Query("usage/completions", PRIMARY, start=start, width="1d")
    found = refuse(query, 400, LOOKBACK)
    expected = datetime.fromtimestamp(TODAY, UTC) + timedelta(days=1) - timedelta(days=days)
    assert (found.kind, found.floor) == ("start", int(expected.timestamp()))


def test_a_start_below_which_there_is_no_step_is_the_query_s_fault() -> None:
    """A refusal of a start always has a floor: without one there is nothing to try."""
    query = Query("usage/completions", PRIMARY, start=TODAY, width="1d")
    assert refuse(query, 400, LOOKBACK).kind == "query"
    error = {"message": "start_time must be before end_time", "param": "start_time"}
    assert refuse(USAGE, 400, error).kind == "query"


@pytest.mark.parametrize(
    "error",
    [
        {"message": "Invalid value", "param": "page"},
        {"message": "no such object", "param": "after"},
        {"message": "The page token does not fit the query", "param": None},
        {"message": "Invalid cursor"},
    ],
    ids=str,
)
def test_a_refused_cursor_is_told_from_a_bad_query(error: dict[str, Any]) -> None:
    """The walk may begin anew, with the same query."""
    assert refuse(USAGE, 400, error).kind == "cursor"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"message": "bucket_width must be 1d", "param": "bucket_width"}),
        (400, {"message": "user_id and project_id cannot be combined", "param": "group_by"}),
        (400, {"message": "limit must be at most 31 a page", "param": "limit"}),
        (400, None),
        (404, {"message": "no such URL"}),
        (405, None),
        (422, {"message": "no"}),
    ],
    ids=str,
)
def test_what_will_never_work_is_the_query_s_fault(status: int, error: Any) -> None:
    """Asking again would bring the same answer."""
    assert refuse(USAGE, status, error).kind == "query"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, {"message": "No such project"}),
        (410, None),
        (400, {"message": "Project is archived"}),
        (403, {"message": "This project has been archived."}),
    ],
    ids=str,
)
def test_a_project_that_is_gone_is_left_out(status: int, error: Any) -> None:
    """A deleted or archived project is no fault of the key or the query."""
    assert refuse(MEMBERS, status, error).kind == "gone"


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 520, 529])
def test_what_passes_is_busy(status: int) -> None:
    """The wait that the API asks for comes along, however long."""
    assert refuse(USAGE, status) == refuse(USAGE, status, retry_after="soon")
    found = refuse(USAGE, status, {"message": "slow"}, retry_after="3600")
    assert (found.kind, found.retry_seconds) == ("busy", 3600)


def test_the_api_says_whether_to_try_again() -> None:
    """x-should-retry makes a bad query busy; what passes is only asked for more rarely by it."""
    assert refuse(USAGE, 400, x_should_retry="true").kind == "busy"
    assert refuse(USAGE, 401, x_should_retry="true").kind == "key"
    rarely = refuse(USAGE, 503, x_should_retry="false", retry_after="2")
    assert (rarely.kind, rarely.retry_seconds) == ("busy", 300)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_named_by_its_host_alone(status: int) -> None:
    """Where it leads may have secrets in it."""
    found = refuse(USAGE, status, location="https://login.example/?token=abcdefghijkl")
    assert found.kind == "broken"
    assert "login.example" in found.message
    assert "abcdefghijkl" not in found.message
    assert refuse(USAGE, status, location="http://[").kind == "broken"


@pytest.mark.parametrize("status", [101, 201, 204, 206, 304, 407])
def test_other_answers_are_broken(status: int) -> None:
    """No other status brings a page."""
    assert refuse(USAGE, status).kind == "broken"
