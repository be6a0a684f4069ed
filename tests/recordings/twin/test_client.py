"""The official client reads the running twin: its answers, its lists, its errors."""

from __future__ import annotations

import inspect
import json
import re
import signal
import subprocess
import sys
import typing
from collections.abc import Iterator
from importlib import import_module
from typing import Any
from urllib.request import Request, urlopen

import openai
import pytest
from openai import OpenAI

from stream.providers.endpoint import FILTERS, Endpoint
from stream.providers.openai import ENDPOINTS
from stream.recordings.twin import DEFAULT_KEY
from tests.support.running import PLAIN
from tests.support.twins import DAY, NOW

PARAMS = "openai.types.admin.organization"
SCOPELESS = "sk-proj-scopeless"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Run the twin as users do, its clock standing still; it ends with 0, and without a word."""
    command = [sys.executable, "-m", "stream", "twin", "--listen", "127.0.0.1:0", "--speed", "0"]
    command += ["--start", str(NOW), "--scopeless-key", SCOPELESS, "--key", DEFAULT_KEY]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, env=PLAIN, **pipes) as child:  # type: ignore[call-overload]  # mypy reads no unpacked options
        try:
            yield json.loads(child.stdout.readline())["listening"]
        finally:
            child.send_signal(signal.SIGTERM)
            left = child.communicate()
    assert (child.returncode, *left) == (0, "", "")


def client_of(url: str, key: str = DEFAULT_KEY, **options: Any) -> OpenAI:
    """Make a client as users do; it tries once unless a test says otherwise."""
    return OpenAI(admin_api_key=key, base_url=f"{url}/v1", **{"max_retries": 0, **options})


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[OpenAI]:
    """A client with the twin's key."""
    with client_of(url) as found:
        yield found


def set_faults(url: str, text: str) -> dict[str, Any]:
    """Set the faults of the running twin."""
    with urlopen(Request(f"{url}/twin/faults", text.encode())) as answer:  # noqa: S310 -- our own twin
        found: dict[str, Any] = json.load(answer)
    return found


def method_of(client: OpenAI, entry: Endpoint) -> Any:
    """Return the client's method for an endpoint."""
    return getattr(client.admin.organization.usage.with_raw_response, entry.name)


@pytest.mark.parametrize("entry", ENDPOINTS.values(), ids=ENDPOINTS.keys())
def test_it_reads_every_endpoint(client: OpenAI, entry: Endpoint) -> None:
    """Typed answers say what the raw bytes say, over all pages, with groups and filters."""
    rows = 0
    cursor: dict[str, Any] = {}
    asked: dict[str, Any] = {"start_time": NOW - 4 * DAY, "end_time": NOW, "limit": 2}
    asked["group_by"] = list(entry.groups)
    while True:
        raw = method_of(client, entry)(**asked, **cursor)
        page, said = raw.parse(), json.loads(raw.content)
        # Amounts that came as texts are floats in the client's types.
        shown = json.loads(page.to_json(exclude_unset=True))
        for bucket in (*shown["data"], *said["data"]):
            for row in bucket["results"]:
                rows += 1
                if "amount" in row:
                    row["amount"]["value"] = float(row["amount"]["value"])
        assert shown == said
        kinds = {type(row) for one in page.data for row in one.results}
        assert [literals(one.model_fields["object"].annotation) for one in kinds] in (
            [],
            [{entry.result}],
        )
        if not page.has_more:
            break
        cursor = {"page": page.next_page}
    assert rows
    name = entry.filters[-1]
    value = False if name == "batch" else ["none"]
    found = method_of(client, entry)(**asked, **{name: value}).parse()
    assert all(row.batch is False for one in found.data for row in one.results)


def test_it_walks_every_list(client: OpenAI) -> None:
    """The client pages through each list by itself, and its typed objects are whole."""
    organization = client.admin.organization
    projects = list(organization.projects.list(limit=2, include_archived=True))
    assert [one.status for one in projects] == ["active"] * 5 + ["archived"]
    users = list(organization.users.list(limit=3))
    assert [one.role for one in users] == ["owner"] + ["reader"] * 7
    assert [one.email for one in organization.users.list(emails=[str(users[1].email)])] == [
        users[1].email
    ]
    certificates = list(organization.certificates.list(limit=1, order="asc"))
    assert [one.active for one in certificates] == [False, True, True]
    assert list(organization.certificates.list(limit=2)) == certificates[::-1]
    for project in projects[:-1]:
        inside = organization.projects
        members = list(inside.users.list(project.id, limit=1))
        assert {one.id for one in members} <= {one.id for one in users}
        accounts = list(inside.service_accounts.list(project.id, limit=1))
        keys = list(inside.api_keys.list(project.id, limit=1, owner_project_access="any"))
        owners = {
            owner.id
            for one in keys
            for owner in (one.owner.user, one.owner.service_account)
            if owner
        }
        assert owners <= {one.id for one in members} | {one.id for one in accounts}
        assert len(keys) == 2 + len(accounts)
    with pytest.raises(openai.BadRequestError, match="archived"):
        list(organization.projects.users.list(projects[-1].id))


def test_refusals_are_its_errors(url: str, client: OpenAI) -> None:
    """A wrong key, one without scope, and a wrong query raise the client's own errors."""
    for key, error in (
        ("sk-admin-other", openai.AuthenticationError),
        (SCOPELESS, openai.PermissionDeniedError),
    ):
        with client_of(url, key) as other, pytest.raises(error) as caught:
            other.admin.organization.usage.costs(start_time=NOW - DAY)
        assert str(caught.value.request_id).startswith("req_")
    with pytest.raises(openai.BadRequestError) as refused:
        client.admin.organization.usage.completions(start_time=0)
    assert (refused.value.code, refused.value.param) == (
        "reporting_lookback_exceeded",
        "start_time",
    )


def test_faults_are_set_while_it_runs(url: str) -> None:
    """What goes wrong is set over HTTP, and the client sees it: it tries again, or raises."""
    script = {"fault": [{"kind": "429", "form": "ms", "seconds": 0, "times": 2}]}
    with client_of(url, max_retries=2) as client:
        assert set_faults(url, json.dumps(script)) == script
        assert client.admin.organization.usage.costs(start_time=NOW - DAY).data
    with client_of(url, timeout=0.2) as client:
        for text, error in (
            ("500", openai.InternalServerError),
            ("cut", openai.APIConnectionError),
            ("hang", openai.APITimeoutError),
            ("revoked", openai.AuthenticationError),
        ):
            set_faults(url, text)
            with pytest.raises(error):
                client.admin.organization.usage.costs(start_time=NOW - DAY)
    assert set_faults(url, "") == {"fault": []}
    with urlopen(f"{url}/twin/requests") as answer:  # noqa: S310 -- as above
        notes = json.load(answer)
    assert {one["status"] for one in notes[-7:]} == {429, 200, 500, 401}


def literals(hint: Any) -> set[Any]:
    """Find the literal values in a type."""
    if typing.get_origin(hint) is typing.Literal:
        return set(typing.get_args(hint))
    return {value for part in typing.get_args(hint) for value in literals(part)}


@pytest.mark.parametrize("entry", ENDPOINTS.values(), ids=ENDPOINTS.keys())
def test_the_registry_is_the_clients(entry: Endpoint) -> None:
    """Parameters, groups, widths and limits of each endpoint are those of the client's types."""
    module = import_module(f"{PARAMS}.usage_{entry.name}_params")
    words = "".join(map(str.title, entry.name.split("_")))
    hints = typing.get_type_hints(getattr(module, f"Usage{words}Params"))
    usual = {"start_time", "end_time", "bucket_width", "limit", "page", "group_by"}
    assert hints.keys() == usual | set(entry.filters)
    assert literals(hints["group_by"]) == set(entry.groups)
    assert literals(hints["bucket_width"]) == {one.width for one in entry.limits}
    assert all(FILTERS[name] in entry.groups for name in entry.filters)


@pytest.mark.parametrize("entry", ENDPOINTS.values(), ids=ENDPOINTS.keys())
def test_its_limits_are_those_that_the_client_documents(entry: Endpoint) -> None:
    """How many buckets a page has, and may have, is what the client says of ``limit``."""
    module = import_module(f"{PARAMS}.usage_{entry.name}_params")
    text = " ".join(inspect.getsource(module).partition("    limit: ")[2].split())
    if entry.name == "costs":
        (found,) = re.findall(r"between 1 and (\d+), and the default is (\d+)", text)
        assert [(one.width, one.maximum, one.default) for one in entry.limits] == [
            ("1d", *map(int, found))
        ]
        return
    limits = re.findall(r"`bucket_width=(\w+)`: default: (\d+), max: (\d+)", text)
    assert {tuple(map(str, one)) for one in entry.limits} == set(limits)
