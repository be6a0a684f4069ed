"""Expectations of endpoints and keys: what differs is named, and what nobody expected too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.pages import Json, bucket, page, put, used
from tests.support.running import replay

ONE = "usage_completions_fixture.json"
KEY: Json = {
    "endpoint": "usage/completions",
    "projectId": "p",
    "serviceTier": "flex",
    "metrics": {"input_tokens": 7},
}
NOBODY: Json = {**KEY, "projectId": None, "serviceTier": None, "metrics": {"input_tokens": 2}}
ALL: Json = {"endpoint": "usage/completions", "records": 2, "metrics": {"input_tokens": 9}}


@pytest.fixture
def issues(tmp_path: Path) -> Issues:
    """Make two records of different keys, to which expectations are added."""
    put(tmp_path, ONE, page(bucket(used(7, project_id="p", service_tier="flex"), used(2))))
    return Issues(tmp_path)


class Issues:
    """Says what a replay names when something is expected."""

    def __init__(self, directory: Path) -> None:
        """Take the pages' directory."""
        self.directory = directory

    def __call__(self, **expected: list[Json]) -> list[str]:
        """Replay with these expectations; the exit code must be that of the findings."""
        put(self.directory, "expectations.json", expected)
        done = replay(self.directory)
        assert done.report is not None
        found: list[str] = done.report["relationshipIssues"]
        assert done.code == int(bool(found))
        return found


def test_what_holds_is_not_named(issues: Issues) -> None:
    """Expectations of an endpoint and of all its keys that hold are silent."""
    assert issues(endpoints=[ALL], keys=[KEY, NOBODY]) == []


def test_an_endpoint_is_counted(issues: Issues) -> None:
    """The number of records and each counter of an endpoint are compared."""
    wrong = {**ALL, "records": 3, "metrics": {"input_tokens": 8, "output_tokens": 1}}
    assert issues(endpoints=[wrong]) == [
        "Expected 3 records of usage/completions, found 2.",
        "Expected input_tokens of usage/completions to be 8, found 9.",
        "Expected output_tokens of usage/completions to be 1, found nothing.",
    ]


def test_an_endpoint_that_is_not_there_is_named(issues: Issues) -> None:
    """An endpoint, and keys of an endpoint, without any page are named."""
    found = issues(
        endpoints=[{**ALL, "endpoint": "costs"}],
        keys=[{**KEY, "endpoint": "usage/images", "metrics": {}}],
    )
    assert found == [
        "Expected the endpoint costs, which is not in the set.",
        "Expected figures of usage/images (project p, tier flex), found none.",
    ]


def test_a_key_is_compared(issues: Issues) -> None:
    """Each counter of a project and tier is compared."""
    wrong = {**KEY, "metrics": {"input_tokens": 6}}
    assert issues(keys=[wrong, NOBODY]) == [
        "Expected input_tokens of usage/completions (project p, tier flex) to be 6, found 7."
    ]


def test_all_keys_are_expected_or_none(issues: Issues) -> None:
    """Where an endpoint has keys in the expectations, others than those are named."""
    assert issues(keys=[{**KEY, "serviceTier": None}, NOBODY]) == [
        "Expected figures of usage/completions (project p, tier null), found none.",
        "Expected no figures of usage/completions (project p, tier flex), found some.",
    ]
    assert issues(keys=[]) == []


@pytest.mark.parametrize("kind", ["endpoints", "keys"])
def test_an_endpoint_of_no_registry_is_65(kind: str, issues: Issues) -> None:
    """Expectations that name an endpoint that nobody knows are bad input."""
    entry = {"endpoints": ALL, "keys": KEY}[kind]
    put(issues.directory, "expectations.json", {kind: [{**entry, "endpoint": "usage/chats"}]})
    done = replay(issues.directory)
    assert (done.code, done.report) == (65, None)
    assert 'found the endpoint "usage/chats"' in done.errors
