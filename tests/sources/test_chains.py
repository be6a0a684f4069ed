"""How chains are found by file name, and followed in the order of their numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS
from stream.sources.discovery import parse_name
from tests.support.bad_pages import END, GOOD, MORE, ONE, TWO
from tests.support.pages import Content, Json, bucket, listed, page, put, put_all, used
from tests.support.running import replay

URL = "https://api.openai.com/v1/organization/usage/completions"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("usage_completions.json", ("completions", "primary", 1)),
        ("usage_completions_fixture.json", ("completions", "primary", 1)),
        ("usage_completions_page2.json", ("completions", "primary", 2)),
        ("usage_completions_fixture_page2.json", ("completions", "primary", 2)),
        ("usage_completions_fixture_page0010.json", ("completions", "primary", 10)),
        ("usage_completions_fixture_dual.json", ("completions", "dual", 1)),
        ("usage_completions_dual.json", ("completions", "dual", 1)),
        ("usage_completions_fixture_dual_page3.json", ("completions", "dual", 3)),
        ("usage_completions_fixture_two_words_page3.json", ("completions", "two_words", 3)),
        ("usage_completions_fixture_page.json", ("completions", "page", 1)),
        ("usage_code_interpreter_fixture.json", ("code_interpreter_sessions", "primary", 1)),
        ("usage_code_interpreter_x.json", ("code_interpreter_sessions", "x", 1)),
        ("usage_code_interpreter_sessions.json", ("code_interpreter_sessions", "primary", 1)),
        ("usage_code_interpreter_sessions_b.json", ("code_interpreter_sessions", "b", 1)),
        ("usage_audio_speeches_fixture_page2.json", ("audio_speeches", "primary", 2)),
        ("costs.json", ("costs", "primary", 1)),
        ("costs_fixture_eu_page2.json", ("costs", "eu", 2)),
        ("projects.json", ("projects", "primary", 1)),
        ("projects_list_fixture.json", ("projects", "primary", 1)),
        ("projects_users.json", ("project_members", "primary", 1)),
        ("project_members_fixture_page2.json", ("project_members", "primary", 2)),
        ("projects_api_keys.json", ("api_keys", "primary", 1)),
        ("projects_service_accounts.json", ("service_accounts", "primary", 1)),
        ("service_accounts_fixture.json", ("service_accounts", "primary", 1)),
        ("service_account_keys_fixture.json", ("service_account_keys", "primary", 1)),
        ("certificates_fixture.json", ("certificates", "primary", 1)),
        ("certificate_events_fixture.json", ("certificate_events", "primary", 1)),
        ("users.json", ("users", "primary", 1)),
        ("usage_telepathy.json", None),
        ("usage_completionsx.json", None),
        ("usage_completions.json.bak", None),
        ("usage_completions.JSON", ("completions", "primary", 1)),
        ("Usage-Completions-Page-2.json", ("completions", "primary", 2)),
        ("UsageCompletions_page_0.json.gz", ("completions", "primary", 0)),
        ("openai_usage_completions_Dual_page2.json.zst", ("completions", "Dual", 2)),
        ("openai-costs.json", ("costs", "primary", 1)),
        ("usage_completions.json.1", None),
        ("acme_usage_completions.json", None),
        ("usage_completions", None),
        ("completions.json", None),
        ("costs2.json", None),
        (".json", None),
    ],
)
def test_a_file_name_says_what_it_holds(name: str, wanted: tuple[str, str, int] | None) -> None:
    """A name gives endpoint or list, label and page; the longest registered name or alias wins."""
    found = parse_name(name)
    assert (found and (found.entry.name, found.label, found.page)) == wanted


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS.keys())
def test_every_endpoint_has_file_names(endpoint: Endpoint) -> None:
    """Each name and alias of the registry leads back to its own entry."""
    for stem in endpoint.stems:
        found = parse_name(f"{stem}_fixture_label_page7.json")
        assert found is not None
        assert (found.entry, found.label, found.page) == (endpoint, "label", 7)


def test_unknown_files_are_warned_of(tmp_path: Path) -> None:
    """A file that is no page is named on stderr, with why; companions are not."""
    silent = ["CHECKSUMS.sha256", "ENDPOINTS.md", "README.md", ".hidden", "costs.json~"]
    put_all(tmp_path, {ONE: page(GOOD), "usage_telepathy.json": "", "notes\n.txt": ""})
    put_all(tmp_path, dict.fromkeys(silent, ""))
    put_all(tmp_path / "archive", {})
    replayed = replay(tmp_path)
    assert replayed.code == 1
    assert replayed.report is not None
    left_out = replayed.report["run"]["leftOut"]
    assert [one["name"] for one in left_out] == ["notes\n.txt", "usage_telepathy.json"]
    lines = replayed.errors.splitlines()
    assert len(lines) == 2
    assert all("warning" in line for line in lines)
    assert ("notes" in lines[0], "usage_telepathy.json" in lines[1]) == (True, True)


def test_two_thousand_pages_are_followed_in_number_order(tmp_path: Path) -> None:
    """A long chain is walked by number, not by name, and every page counts."""
    last = 2_000
    for number in range(1, last + 1):
        cursor = f"cursor_{number + 1}" if number < last else None
        name = f"usage_completions_fixture_page{number}.json"
        put(tmp_path, name, page(bucket(used(number), day=number), cursor=cursor))
    replayed = replay(tmp_path, "--no-details")
    assert replayed.code == 0, replayed.errors
    report = replayed.report
    assert report is not None
    assert report["run"]["pages"] == last
    assert report["usageSummary"]["tokensIn"] == last * (last + 1) // 2
    assert report["usageSummary"]["cursor"]["windowStart"] == "2024-11-02T00:00:00Z"
    assert report["endpoints"]["usage/completions"]["nextPage"] is None


@pytest.mark.parametrize(
    "cursor",
    [
        "page_AAAAAGdGxdEiJdKOAAAAAGcqsYA=",
        "/+abc/def==",
        "../../etc/passwd",
        f"{URL}?page=abc",
        f"{URL}?start_time=1&page=abc&limit=7",
        "https://API.openai.com:443/v1/organization/usage/completions?page=abc",
        "/v1/organization/usage/completions?page=abc",
    ],
)
def test_a_cursor_leads_to_the_next_number(cursor: str, tmp_path: Path) -> None:
    """Tokens of any look and URLs of the API's own lead on, and none of them is used as a path."""
    put_all(tmp_path, {ONE: page(GOOD, cursor=cursor), TWO: END})
    replayed = replay(tmp_path)
    assert replayed.code == 0, replayed.errors
    assert replayed.report is not None
    assert replayed.report["usageSummary"]["tokensIn"] == 12


def test_the_cursor_of_a_url_is_its_page(tmp_path: Path) -> None:
    """The report shows the cursor that a URL carries, and not the URL."""
    put_all(tmp_path, {ONE: page(GOOD, cursor=f"{URL}?limit=7&page=abc%3D")})
    report = replay(tmp_path, "--allow-incomplete").report
    assert report is not None
    assert report["usageSummary"]["cursor"]["nextPage"] == "abc="


@pytest.mark.parametrize(
    "more",
    [{"last_id": "proj_a"}, {"next": "2"}, {"next_page": "2"}, {"first_id": "x", "next": "2"}, {}],
)
def test_lists_are_chains_too(more: Json, tmp_path: Path) -> None:
    """A list goes on at its cursor, its last id or its last element; both pages define objects."""
    files: dict[str, Content] = {
        "projects_list_fixture.json": listed({"id": "proj_a"}, has_more=True, **more),
        "projects_list_fixture_page2.json": listed({"id": "proj_b"}),
        ONE: page(bucket(used(1, project_id="proj_a"), used(1, project_id="proj_b"))),
    }
    replayed = replay(put_all(tmp_path, files))
    assert (replayed.code, replayed.errors) == (0, "")


def test_a_list_without_its_end_ends_no_run(tmp_path: Path) -> None:
    """A list that says it has more, with no page after it, is named, and the run goes on."""
    put_all(tmp_path, {"users.json": listed({"id": "u"}, has_more=True, last_id="u"), ONE: END})
    for arguments in ([], ["--allow-incomplete"]):
        replayed = replay(tmp_path, *arguments)
        assert (replayed.code, replayed.errors) == (0, "")
        assert replayed.report is not None
        (issue,) = replayed.report["relationshipIssues"]
        assert issue.startswith("users (label primary) is incomplete")


def test_labels_are_chains_of_their_own(tmp_path: Path) -> None:
    """Labels have their own cursors; their rows merge by identity, and each is shown alone."""
    names = ["usage_completions_b.json", "usage_completions_b_page2.json"]
    last = page(bucket(used(9), day=1))
    put_all(tmp_path, {ONE: MORE, TWO: END, names[0]: MORE, names[1]: last})
    report = replay(tmp_path).report
    assert report is not None
    assert report["usageSummary"]["tokensIn"] == 7 + 5
    assert report["usageVariants"]["b"]["tokensIn"] == 7 + 9
    entry = report["endpoints"]["usage/completions"]
    assert entry["metrics"]["input_tokens"] == 7 + 9
    assert (entry["totalResults"], entry["totalDedupedResults"]) == (4, 2)
