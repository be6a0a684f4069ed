"""References: every project, account, key and certificate that is named must be defined."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.bad_pages import ONE
from tests.support.pages import Content, Json, bucket, listed, page, put_all, used
from tests.support.running import replay

NOTHING: Json = {
    "missingProjectIds": [],
    "orphanServiceAccountIds": [],
    "missingServiceAccountIds": [],
    "orphanKeyIds": [],
    "missingCertificateIds": [],
}
PROJECTS = listed({"id": "proj_a"})
ACCOUNTS = listed({"id": "svc_a", "project_id": None}, {"id": "svc_b"})
GONE = "proj_gone"
DELETED = re.compile("refer to [0-9]+ (API key|user|service account key)s? that|is incomplete")
"""What is named, and makes the exit code no other."""


def checked(directory: Path, files: dict[str, Content]) -> tuple[Json, Json, list[str]]:
    """Replay; return relationships, foreign-key issues that are not empty, and all sentences."""
    replayed = replay(put_all(directory, files))
    report = replayed.report
    assert report is not None, replayed.errors
    issues: list[str] = report["relationshipIssues"]
    assert replayed.code == any(not DELETED.search(one) for one in issues)
    foreign = {name: found for name, found in report["foreignKeyIssues"].items() if found}
    return report["relationships"], foreign, issues


LISTS: dict[str, tuple[dict[str, Content], Json]] = {
    "account of a project that is gone": (
        {
            "projects_list.json": PROJECTS,
            "service_accounts.json": listed({"id": "svc_a", "project_id": GONE}),
        },
        {"missingProjectIds": [GONE], "orphanServiceAccountIds": ["svc_a"]},
    ),
    "member of a project that is gone": (
        {
            "projects_list.json": PROJECTS,
            "project_members.json": listed({"id": "user_a", "project_id": GONE}),
        },
        {"missingProjectIds": [GONE]},
    ),
    "key of an account that is gone": (
        {
            "service_accounts.json": ACCOUNTS,
            "service_account_keys.json": listed({"id": "key_a", "service_account_id": "svc_gone"}),
        },
        {"missingServiceAccountIds": ["svc_gone"], "orphanKeyIds": ["key_a"]},
    ),
    "key of an owner that is gone": (
        {
            "service_accounts.json": ACCOUNTS,
            "service_account_keys.json": listed(
                {"id": "key_a", "owner": {"service_account": {"id": "svc_gone", "name": "x"}}}
            ),
        },
        {"missingServiceAccountIds": ["svc_gone"], "orphanKeyIds": ["key_a"]},
    ),
    "event of a certificate that is gone": (
        {
            "certificates.json": listed({"id": "cert_a"}),
            "certificate_events.json": listed({"id": "e", "certificate_id": "cert_gone"}),
        },
        {"missingCertificateIds": ["cert_gone"]},
    ),
    "event of a nested certificate that is gone": (
        {
            "certificates.json": listed({"id": "cert_a"}),
            "certificate_events.json": listed({"certificate": {"id": "cert_gone"}}),
        },
        {"missingCertificateIds": ["cert_gone"]},
    ),
}


@pytest.mark.parametrize(("files", "wanted"), LISTS.values(), ids=LISTS.keys())
def test_lists_are_checked_among_themselves(
    files: dict[str, Content], wanted: Json, tmp_path: Path
) -> None:
    """What a list refers to and no list defines is shown by id, and said in a sentence a kind."""
    relationships, foreign, issues = checked(tmp_path, files)
    assert relationships == NOTHING | wanted
    assert foreign == {}
    assert len(issues) == len(wanted)
    for found in wanted.values():
        assert any(found[0] in issue for issue in issues)


@pytest.mark.parametrize(("files", "wanted"), LISTS.values(), ids=LISTS.keys())
def test_a_list_that_is_not_there_defines_nothing(
    files: dict[str, Content], wanted: Json, tmp_path: Path
) -> None:
    """Without the list that would define it, a reference is not checked."""
    del wanted
    alone = dict(list(files.items())[1:])
    relationships, foreign, issues = checked(tmp_path, alone)
    assert (relationships, foreign, issues) == (NOTHING, {}, [])


def test_an_account_without_a_project_is_no_orphan(tmp_path: Path) -> None:
    """Null, blank and absent projects of an account are nothing to look up."""
    accounts = listed({"id": "a", "project_id": None}, {"id": "b", "project_id": " "}, {"id": "c"})
    files: dict[str, Content] = {"projects_list.json": PROJECTS, "service_accounts.json": accounts}
    assert checked(tmp_path, files) == (NOTHING, {}, [])


def test_an_empty_list_defines_nothing_but_is_there(tmp_path: Path) -> None:
    """A list that is in the set and empty leaves every reference undefined."""
    accounts = listed({"id": "svc_a", "project_id": "proj_a"})
    files: dict[str, Content] = {"projects_list.json": listed(), "service_accounts.json": accounts}
    assert checked(tmp_path, files)[0]["missingProjectIds"] == ["proj_a"]


USES = {
    "unknownProjects": ("projects.json", "proj_a", {"project_id": "x"}),
    "unknownApiKeys": ("projects_api_keys.json", "key_a", {"api_key_id": "x"}),
    "unknownUsers": ("users.json", "user_a", {"user_id": "x"}),
    "unknownServiceAccounts": ("service_accounts.json", "svc_a", {"service_account_id": "x"}),
    "unknownServiceAccountKeys": (
        "service_account_keys.json",
        "key_a",
        {"metadata": {"service_account_key_id": "x"}},
    ),
    "unknownCertificates": ("certificates.json", "cert_a", {"certificate_id": "x"}),
}


@pytest.mark.parametrize(("member", "use"), USES.items(), ids=USES.keys())
def test_usage_is_checked_against_the_lists(
    member: str, use: tuple[str, str, Json], tmp_path: Path
) -> None:
    """What usage refers to and its list does not define is shown as ``endpoint:id``."""
    name, one, fields = use
    rows: dict[str, Content] = {ONE: page(bucket(used(1, **fields)))}
    assert checked(tmp_path / "without", rows)[1:] == ({}, [])
    assert checked(tmp_path / "defined", {**rows, name: listed({"id": "x"})})[1:] == ({}, [])
    _, foreign, issues = checked(tmp_path / "unknown", {**rows, name: listed({"id": one})})
    assert foreign == {member: ["usage/completions:x"]}
    assert len(issues) == 1
    assert issues[0].endswith(": x.")


def test_costs_and_rollups_are_checked_too(tmp_path: Path) -> None:
    """Rows of costs and of daily costs refer to projects like any other."""
    rollups = [{"timestamp": 1_730_419_200, "line_items": [used(1, project_id="x")]}]
    files: dict[str, Content] = {
        "projects.json": PROJECTS,
        "costs.json": page(bucket({"amount": {"value": 1}, "project_id": "y"})),
        ONE: page(daily_costs=rollups),
    }
    _, foreign, _ = checked(tmp_path, files)
    assert foreign == {"unknownProjects": ["costs:y", "usage/completions:x"]}


def test_members_do_not_define_users(tmp_path: Path) -> None:
    """Users are looked up in their own list alone; a project's members are not that list."""
    rows = page(bucket(used(1, user_id="user_b")))
    members = listed({"id": "user_a", "project_id": "proj_a"})
    files: dict[str, Content] = {ONE: rows, "project_members.json": members}
    assert checked(tmp_path, files)[1] == {}
    files["users.json"] = listed({"id": "user_a"})
    assert checked(tmp_path, files)[1] == {"unknownUsers": ["usage/completions:user_b"]}


def test_an_incomplete_list_defines_nothing(tmp_path: Path) -> None:
    """Against a list whose end is not there, no reference is checked."""
    projects = listed({"id": "proj_a"}, has_more=True, last_id="proj_a")
    files: dict[str, Content] = {
        "projects.json": projects,
        ONE: page(bucket(used(1, project_id="proj_b"))),
    }
    report = replay(put_all(tmp_path, files), "--allow-incomplete").report
    assert report is not None
    assert report["foreignKeyIssues"]["unknownProjects"] == []
    assert len(report["relationshipIssues"]) == 1


def test_private_ids_still_match(tmp_path: Path) -> None:
    """An id that looks like an email is digested on both sides, and so is still found."""
    files: dict[str, Content] = {
        "users.json": listed({"id": "jane@corp.test"}),
        ONE: page(bucket(used(1, user_id="jane@corp.test"))),
    }
    assert checked(tmp_path, files)[1:] == ({}, [])
