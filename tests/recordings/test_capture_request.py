"""What fixtures were asked with, in the capture that is made of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.pages import Content, Json, page, put, put_all
from tests.support.queries import BAD, FILES, GROUPS, ONE, SPELLED, TWO
from tests.support.running import replay, run
from tests.support.strategies import COMPLETIONS, written

ASKED: Json = {"group_by": ["model", "project_id"]}


def capture(place: Path, *options: str) -> tuple[int, str]:
    """Make a capture of a directory; return the exit code, and what was said on stderr."""
    out = place.parent / "c.ndjson"
    code, _, errors = run(["capture", str(place), str(out), *options])
    return code, errors


def requests_in(place: Path) -> dict[str, list[Json | None]]:
    """Return the requests of a capture's lines, by their endpoints."""
    found: dict[str, list[Json | None]] = {}
    for line in (place.parent / "c.ndjson").read_text("utf-8").splitlines():
        envelope = json.loads(line)
        found.setdefault(envelope["endpoint"], []).append(envelope["request"])
    return found


@pytest.mark.parametrize("content", SPELLED.values(), ids=SPELLED.keys())
@pytest.mark.parametrize("way", ["option", "file"])
def test_the_request_stands_on_each_line(way: str, content: Content, tmp_path: Path) -> None:
    """Option and file say it in any spelling; a page has its cursor beside it, a list has none."""
    directory = put_all(tmp_path / "in", FILES)
    text = content if isinstance(content, str | bytes) else written(content)
    options = ["--request", text.decode() if isinstance(text, bytes) else text]
    if way == "file":
        put(directory, "request.json", text)
        options = []
    assert capture(directory, *options) == (0, "")
    assert requests_in(directory) == {
        COMPLETIONS: [ASKED, {**ASKED, "page": "c2"}],
        "costs": [ASKED],
        "projects": [None],
    }


def test_an_endpoint_that_is_not_named_has_no_request(tmp_path: Path) -> None:
    """Of others nobody knows what they were asked with; an empty query is one."""
    directory = put_all(tmp_path / "in", {**FILES, "request.json": {"costs": {}}})
    assert capture(directory) == (0, "")
    assert requests_in(directory) == {
        COMPLETIONS: [None, None],
        "costs": [{}],
        "projects": [None],
    }


@pytest.mark.parametrize("content", ["{", {"group_by": ["user_id"]}], ids=["broken", "another"])
def test_the_option_stands_in_the_place_of_the_file(content: Content, tmp_path: Path) -> None:
    """What the file says does not matter, nor whether it can be read."""
    directory = put_all(tmp_path / "in", {**FILES, "request.json": content})
    assert capture(directory, "--request", written(GROUPS)) == (0, "")
    assert requests_in(directory)["costs"] == [ASKED]


@pytest.mark.parametrize(("text", "named"), BAD.values(), ids=BAD.keys())
def test_a_bad_option_is_a_usage_error(text: str, named: tuple[str, ...], tmp_path: Path) -> None:
    """One line says what is wrong with it, and nothing is written."""
    code, errors = capture(put_all(tmp_path / "in", FILES), "--request", text)
    last = errors.splitlines()[-1]
    assert code == 2
    assert last.startswith("Error: Invalid value for '--request': $")
    assert all(one in last for one in named)
    assert "\x1b" not in errors
    assert [one.name for one in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize(("text", "named"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_65(text: str, named: tuple[str, ...], tmp_path: Path) -> None:
    """One line names it, and nothing is written."""
    directory = put_all(tmp_path / "in", {**FILES, "request.json": text})
    code, errors = capture(directory)
    assert (code, errors.count("\n")) == (65, 1)
    assert errors.startswith("usage-stream: request.json: $")
    assert all(one in errors for one in named)
    assert [one.name for one in tmp_path.iterdir()] == ["in"]


def test_a_capture_has_its_own_requests(tmp_path: Path) -> None:
    """``--request`` is for a directory."""
    directory = put_all(tmp_path / "in", FILES)
    assert capture(directory) == (0, "")
    made = str(tmp_path / "c.ndjson")
    code, _, errors = run(["capture", made, str(tmp_path / "back"), "--request", "{}"])
    assert code == 2
    assert "--request is for a directory" in errors


@pytest.mark.parametrize(
    "cursor", ["a+b/=", "https://api.openai.com/v1/organization/usage/completions?page=a%20b"]
)
def test_any_cursor_leads_to_the_next_page(cursor: str, tmp_path: Path) -> None:
    """A walk whose requests tell their cursors is whole, whatever those are."""
    directory = put_all(
        tmp_path / "in", {ONE: page(cursor=cursor), TWO: page(), "request.json": GROUPS}
    )
    assert capture(directory) == (0, "")
    replayed = replay(tmp_path / "c.ndjson")
    assert (replayed.code, replayed.errors) == (0, "")


def test_there_and_back_keeps_the_figures(tmp_path: Path) -> None:
    """Fixtures that come of a capture have a request beside them."""
    directory = put_all(tmp_path / "in", {**FILES, "request.json": GROUPS})
    assert capture(directory) == (0, "")
    assert run(["capture", str(tmp_path / "c.ndjson"), str(tmp_path / "back")])[0] == 0
    again = tmp_path / "again.ndjson"
    assert run(["capture", str(tmp_path / "back"), str(again)])[0] == 0
    assert again.read_bytes() == (tmp_path / "c.ndjson").read_bytes()
