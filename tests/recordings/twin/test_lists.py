"""The lists: paged by the last id, whole, and in keeping with the usage."""

from __future__ import annotations

import msgspec
import pytest

from stream.providers.openai import LISTS
from stream.recordings.twin import Twin
from tests.support.twins import DAY, NOW, Asked, ask, page_of, twin_at, walk

USAGE = "usage/completions"


def project_lists(twin: Twin) -> list[str]:
    """List the paths of all lists, with each active project in the place of the star."""
    projects = [one["id"] for one in page_of(twin, "projects")["data"]]
    paths = [one.path.removeprefix("/organization/") for one in LISTS.values() if one.path]
    return [
        path.replace("*", project)
        for path in paths
        for project in (projects if "*" in path else projects[:1])
    ]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_lists_are_walked_by_the_last_id(limit: int) -> None:
    """Each list has the same elements for any limit, an id once, and the documented head."""
    twin = twin_at()
    for path in project_lists(twin):
        page = page_of(twin, path, {"limit": limit})
        assert page.keys() == {"object", "data", "first_id", "last_id", "has_more"}
        ids = [one["id"] for one in walk(twin, path, [("limit", limit)])]
        assert ids == [one["id"] for one in page_of(twin, path, {"limit": 100})["data"]]
        assert len(ids) == len(set(ids)) > 0
        assert [page["first_id"], page["last_id"]] == [ids[0], ids[: min(limit, len(ids))][-1]]
        assert all("project_id" not in one for one in page["data"])


def test_archived_projects_are_listed_when_asked_for_and_have_no_lists() -> None:
    """An archived project is left out unless a query has include_archived, and is closed."""
    twin = twin_at()
    active = page_of(twin, "projects")["data"]
    every = page_of(twin, "projects", {"include_archived": "true"})["data"]
    (archived,) = [one for one in every if one not in active]
    assert (archived["status"], archived["archived_at"] is None) == ("archived", False)
    for name in ("users", "service_accounts", "api_keys"):
        answer = ask(twin, f"projects/{archived['id']}/{name}")
        error = msgspec.json.decode(answer.body)["error"]
        assert (answer.status, error["code"]) == (400, "project_archived")


def test_keys_are_listed_by_their_owners_access() -> None:
    """Without owner_project_access some keys are hidden; active and inactive share them out."""
    twin = twin_at()
    project = page_of(twin, "projects")["data"][1]["id"]
    found = {
        access: {
            one["id"]
            for one in page_of(
                twin,
                f"projects/{project}/api_keys",
                {"owner_project_access": access} if access else {},
            )["data"]
        }
        for access in ("any", "active", "inactive", "")
    }
    assert found["any"] == found["active"] | found["inactive"] > found[""]
    assert found["inactive"]


def test_usage_refers_to_what_is_listed_and_to_a_key_that_was_deleted() -> None:
    """Every project, user and key on a row stands in a list, but for one key."""
    twin = twin_at(NOW, volume=3)
    query: Asked = [("start_time", NOW - 20 * DAY), ("group_by", "project_id,user_id,api_key_id")]
    rows = [row for one in walk(twin, USAGE, query) for row in one["results"]]
    listed = {one["id"] for path in project_lists(twin) for one in page_of(twin, path)["data"]}
    projects = [one["id"] for one in page_of(twin, "projects")["data"]]
    listed |= {
        one["id"]
        for project in projects
        for one in page_of(twin, f"projects/{project}/api_keys", {"owner_project_access": "any"})[
            "data"
        ]
    }
    named = {row[name] for row in rows for name in ("project_id", "user_id", "api_key_id")}
    assert None in named
    (deleted,) = named - {None} - listed
    assert deleted.startswith("key_")
