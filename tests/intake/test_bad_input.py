"""Bad input ends a replay with 65 and one line that says where, and leaves no report."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.bad_pages import END, FAULTS, GOOD, ONE, SOUND, TWO, Fault
from tests.support.pages import Content, bucket, page, put_all, used
from tests.support.running import Replayed, replay

HOST = "https://api.openai.com/v1/organization"

ELSEWHERE = [
    "https://evil.example/v1/organization/usage/completions?page=2",
    "https://api.openai.com.evil.example/v1/organization/usage/completions?page=2",
    "https://evil.example/api.openai.com/v1/organization/usage?page=2",
    "http://api.openai.com/v1/organization/usage/completions?page=2",
    "ftp://api.openai.com/v1/organization/usage/completions?page=2",
    "file:///v1/organization/usage/completions?page=2",
    "https://api.openai.com:8443/v1/organization/usage/completions?page=2",
    "https://api.openai.com:x/v1/organization/usage/completions?page=2",
    "https://user@api.openai.com/v1/organization/usage/completions?page=2",
    "https://api.openai.com@evil.example/v1/organization/usage/completions?page=2",
    "https://api.openai.com%2eevil.example/v1/organization/usage/completions?page=2",
    "https://api.openai.com\\@evil.example/v1/organization/usage/completions?page=2",
    "https://api.openai.com#@evil.example/v1/organization/usage/completions?page=2",
    "https:\\\\evil.example\\v1\\organization\\usage?page=2",
    "https:/evil.example/v1/organization/usage/completions?page=2",
    "//evil.example/v1/organization/usage/completions?page=2",
    "\\\\evil.example/v1/organization/usage/completions?page=2",
    "/\\evil.example/v1/organization/usage/completions?page=2",
    " https://evil.example/v1/organization/usage/completions?page=2",
    "ht\ttps://evil.example/v1/organization/usage/completions?page=2",
    "https://[::1/v1/organization/usage/completions?page=2",
    "https://api.openai.com/?page=2",
    "https://api.openai.com/v1/chat/completions?page=2",
    "https://api.openai.com/v1/organizations/usage/completions?page=2",
    "https://api.openai.com/v1/organization/../files?page=2",
    "https://api.openai.com/v1/organization/%2e%2e/files?page=2",
    "/v1/files?page=2",
    "/v1/organization/../files?page=2",
]


def refused(directory: Path, *named: str, options: tuple[str, ...] = ()) -> Replayed:
    """Replay; expect 65, one line that names all of ``named``, and nothing else anywhere."""
    replayed = replay(directory, *options)
    assert replayed.code == 65, replayed.errors
    assert replayed.report is None
    assert replayed.output == ""
    (line,) = replayed.errors.splitlines()
    assert line.isprintable()
    assert [name for name in named if name not in line] == [], line
    return replayed


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_bad_input_is_named_and_leaves_no_report(fault: Fault, tmp_path: Path) -> None:
    """A fault ends the replay with 65 and a line that names file, page and JSON path."""
    put_all(tmp_path, SOUND | fault.files)
    refused(tmp_path, *fault.named, options=fault.options)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_a_url_to_another_place_is_bad(url: str, tmp_path: Path) -> None:
    """A ``next_page`` URL that is not https, the API's own host and below its root is refused."""
    put_all(tmp_path, {ONE: page(GOOD, cursor=url), TWO: END})
    refused(tmp_path, ONE, "page 1", "$.next_page")


@pytest.mark.parametrize("query", ["", "?", "?page=", "?limit=7"])
def test_a_url_without_a_cursor_is_no_cursor(query: str, tmp_path: Path) -> None:
    """A URL of the API's own that has no cursor in it leads nowhere."""
    put_all(tmp_path, {ONE: page(GOOD, cursor=f"{HOST}/usage/completions{query}"), TWO: END})
    refused(tmp_path, ONE, "page 1", "$.next_page")


def test_a_cursor_is_the_same_in_a_url(tmp_path: Path) -> None:
    """A cursor that was seen as a token is seen before when a URL brings it."""
    second = page(bucket(day=1), cursor=f"{HOST}/usage/completions?page=abc")
    put_all(tmp_path, {ONE: page(GOOD, cursor="abc"), TWO: second})
    refused(tmp_path, TWO, "page 2", "$.next_page")


@pytest.mark.parametrize("counter", ["amount", "quantity"])
@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e400", "1" * 39, "0." + "1" * 41, "x", []])
def test_costs_take_no_bad_money(counter: str, value: object, tmp_path: Path) -> None:
    """Money of costs that is no number, or has too many digits, is named by its path."""
    amount = {"value": value, "currency": "usd"} if counter == "amount" else value
    put_all(tmp_path, {"costs_fixture.json": page(bucket({counter: amount}))})
    path = "amount.value" if counter == "amount" else counter
    refused(tmp_path, "costs_fixture.json", "page 1", f"$.data[0].results[0].{path}:")


@pytest.mark.parametrize(
    "other", ["usage_code_interpreter.json", "usage_code_interpreter_page1.json"]
)
def test_an_alias_names_the_same_page(other: str, tmp_path: Path) -> None:
    """Two files for one page are found though one goes by the endpoint's other name."""
    sound: Content = page(bucket({"num_sessions": 1}))
    put_all(tmp_path, {"usage_code_interpreter_sessions_fixture.json": sound, other: sound})
    refused(tmp_path, other, "usage_code_interpreter_sessions_fixture.json")


@pytest.mark.parametrize(
    "made",
    [
        lambda path: path.symlink_to(__file__),
        lambda path: path.symlink_to("nowhere"),
        os.mkfifo,
        Path.mkdir,
    ],
    ids=["symbolic link", "dangling link", "FIFO", "directory"],
)
def test_expectations_must_be_a_file(made: Callable[[Path], object], tmp_path: Path) -> None:
    """Expectations that are no regular file below PATH are bad input, and not passed over."""
    put_all(tmp_path, {**SOUND, "expectations.json": made})
    refused(tmp_path, "expectations.json")


@pytest.mark.parametrize("text", ["", "[]", '{"chains": [{"endpoint": "usage/none"}]}', "\xff"])
def test_expectations_must_be_sound(text: str, tmp_path: Path) -> None:
    """Expectations that cannot be read are bad input."""
    put_all(tmp_path, {**SOUND, "expectations.json": text.encode("latin-1")})
    refused(tmp_path, "expectations.json")


def test_large_expectations_are_named(tmp_path: Path) -> None:
    """Expectations over ``--max-page-bytes`` are named as the file that is too large."""
    put_all(tmp_path, {**SOUND, "expectations.json": "{}" + " " * 1_000})
    refused(tmp_path, "expectations.json", options=("--max-page-bytes", "1000"))


def test_no_fixtures_is_bad_input(tmp_path: Path) -> None:
    """A directory in which no file is a fixture is refused, and named."""
    refused(tmp_path, str(tmp_path))


def test_the_error_tells_no_secret(tmp_path: Path) -> None:
    """What was found is quoted without keys, emails or control characters, and briefly."""
    found = "jane@corp.test sk-abcdefgh12345678\u001b[31m\n" + "x" * 500
    put_all(tmp_path, {ONE: page(bucket(used(found)))})
    errors = refused(tmp_path, ONE, "$.data[0].results[0].input_tokens").errors
    assert "jane" not in errors
    assert "sk-" not in errors
    assert len(errors) < 500


@pytest.mark.parametrize("name", ["usage_completions_\n.json", "usage_completions_\u202e.json"])
def test_a_file_name_keeps_the_message_on_one_line(name: str, tmp_path: Path) -> None:
    """A file name with control characters does not break the line that names it."""
    put_all(tmp_path, {name: "{"})
    refused(tmp_path, "usage_completions_", "page 1")


def test_a_report_from_before_stays(tmp_path: Path) -> None:
    """A replay that fails leaves the report of an earlier one as it was."""
    put_all(tmp_path / "pages", {ONE: "{"})
    report = tmp_path / "report.json"
    report.write_text("before", "utf-8")
    replayed = replay(tmp_path / "pages", "--report", str(report))
    assert (replayed.code, report.read_text("utf-8")) == (65, "before")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pages", "report.json"]
