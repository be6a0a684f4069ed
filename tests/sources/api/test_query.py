"""What a query writes: on the wire as the official client, in a capture as it is read again."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import msgspec
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS, LISTS
from stream.records.chains import PRIMARY, Chain
from stream.sources.api.query import Query, finest_groups
from stream.sources.envelope import decode_envelope
from stream.sources.request import Request, view_of

KEYED = 1_764_979_200
PROJECT = "proj_a"
EMPTY = {"object": "list", "data": [], "has_more": False, "next_page": None}
ASKED = [entry for entry in LISTS.values() if entry.path]


def resource_of(client: openai.OpenAI, entry: str) -> Any:
    """Find the official client's method for an endpoint or a list."""
    home = client.admin.organization
    found = {
        "projects": home.projects.list,
        "users": home.users.list,
        "certificates": home.certificates.list,
        "project_members": home.projects.users.list,
        "service_accounts": home.projects.service_accounts.list,
        "api_keys": home.projects.api_keys.list,
    }
    return found.get(entry) or getattr(home.usage, entry.removeprefix("usage/"))


def ask_officially(entry: str, *arguments: str, **parameters: Any) -> httpx2.URL:
    """Have the official client ask; return the URL that it asks for."""
    urls: list[httpx2.URL] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        urls.append(request.url)
        return httpx2.Response(200, json=EMPTY)

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as carrier:
        client = openai.OpenAI(admin_api_key="sk-admin-test", api_key="x", http_client=carrier)
        resource_of(client, entry)(*arguments, **parameters)
    return urls[0]


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS.keys())
def test_buckets_are_asked_for_as_the_official_client_does(endpoint: Endpoint) -> None:
    """Path, parameters, their spelling and their order are the official client's."""
    groups = finest_groups(endpoint, KEYED)
    query = Query(endpoint.key, PRIMARY, "", KEYED, KEYED + 86_400, "1d", groups)
    url = ask_officially(
        endpoint.key,
        start_time=KEYED,
        end_time=KEYED + 86_400,
        bucket_width="1d",
        group_by=list(groups),
        limit=180 if endpoint.key == "costs" else 31,
        page="page_x",
    )
    assert url.path == f"/v1{query.path}"
    assert list(url.params.multi_items()) == query.parameters("page_x")
    open_ended = Query(endpoint.key, PRIMARY, start=KEYED)
    url = ask_officially(endpoint.key, start_time=KEYED, limit=open_ended.limit)
    assert list(url.params.multi_items()) == open_ended.parameters(None)


@pytest.mark.parametrize("entry", ASKED, ids=lambda entry: entry.name)
def test_lists_are_asked_for_as_the_official_client_does(entry: Any) -> None:
    """The project is in the path, and everything that the list hides by default is asked for."""
    own = (PROJECT,) if "*" in entry.path else ()
    query = Query(entry.name, PRIMARY, *own)
    parameters: dict[str, Any] = {"limit": 100, "after": "obj_9", **dict(entry.parameters)}
    if "include_archived" in parameters:
        parameters["include_archived"] = True
    url = ask_officially(entry.name, *own, **parameters)
    assert url.path == f"/v1{query.path}"
    assert sorted(url.params.multi_items()) == query.parameters("obj_9")


@pytest.mark.parametrize(
    ("width", "limit"), [("", 31), ("1d", 31), ("1h", 168), ("1m", 1440)], ids=str
)
def test_a_page_is_as_large_as_the_api_makes_it(width: str, limit: int) -> None:
    """The limit is the most that the API answers for the width: more would be refused."""
    query = Query("usage/completions", PRIMARY, width=width)
    assert ("limit", str(limit)) in query.parameters(None)
    assert query.request(None)["limit"] == limit


@given(
    endpoint=st.sampled_from(list(ENDPOINTS.values())),
    start=st.integers(0, 2**33),
    length=st.none() | st.integers(1, 2**30),
    cursor=st.none() | st.text("abcXYZ019_-=/+", min_size=1),
    shuffled=st.data(),
)
def test_what_is_recorded_is_read_as_the_same_chain(
    endpoint: Endpoint,
    start: int,
    length: int | None,
    cursor: str | None,
    shuffled: st.DataObject,
) -> None:
    """A capture's envelope of any page has the query's chain, and its cursor."""
    groups = shuffled.draw(st.lists(st.sampled_from(endpoint.groups), unique=True))
    width = shuffled.draw(st.sampled_from(["", *(limit.width for limit in endpoint.limits)]))
    end = None if length is None else start + length
    query = Query(endpoint.key, "label", "", start, end, width, tuple(groups))
    request = query.request(cursor)
    written = json.dumps(
        {"endpoint": query.entry, "label": query.label, "request": request, "page": EMPTY}
    )
    envelope = decode_envelope(written.encode())
    assert Chain(envelope.entry.key, envelope.label, envelope.view) == query.chain
    assert envelope.cursor == cursor
    sent: dict[str, list[str]] = {}
    for name, value in query.parameters(cursor):
        sent.setdefault(name, []).append(value)
    wired = msgspec.json.decode(json.dumps(sent), type=Request)
    assert (view_of(wired), wired.cursor) == (query.chain.view, cursor)


@pytest.mark.parametrize("entry", ASKED, ids=lambda entry: entry.name)
def test_a_list_is_recorded_with_its_cursor_as_page(entry: Any) -> None:
    """A gap in a list is seen by the cursor of the request, which stands where others stand."""
    own = (PROJECT,) if "*" in entry.path else ()
    query = Query(entry.name, PROJECT, *own)
    request = query.request("obj_9")
    assert request["page"] == "obj_9"
    assert "after" not in request
    written = json.dumps(
        {"endpoint": query.entry, "label": query.label, "request": request, "page": EMPTY}
    )
    envelope = decode_envelope(written.encode())
    assert Chain(envelope.entry.key, envelope.label, envelope.view) == query.chain


def test_a_project_stands_in_a_path_and_leads_nowhere_else() -> None:
    """What a project's id has in it is encoded, and what would lead out of the path is refused."""
    query = Query("api_keys", "x", "a/b?c=d#e%é")
    assert query.path == "/organization/projects/a%2Fb%3Fc%3Dd%23e%25%C3%A9/api_keys"
    for project in ("", ".", ".."):
        with pytest.raises(ValueError, match="project"):
            Query("api_keys", "x", project)


@pytest.mark.parametrize(
    "fields",
    [
        {"entry": "usage/none"},
        {"entry": "service_account_keys"},
        {"entry": "costs", "width": "1h"},
        {"entry": "costs", "group_by": ("model",)},
        {"entry": "usage/completions", "width": "1w"},
        {"entry": "projects", "project": "proj_a"},
    ],
    ids=str,
)
def test_what_the_api_cannot_be_asked_is_no_query(fields: dict[str, Any]) -> None:
    """A query that the API would refuse for good is not made, and not read from a position."""
    with pytest.raises(ValueError, match=r"\w"):
        Query(label=PRIMARY, **fields)
    written = msgspec.json.encode({"label": PRIMARY, **fields})
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(written, type=Query)


def test_costs_are_grouped_by_what_no_organization_is_refused() -> None:
    """API keys are a group of costs from their floor on; users are none unless somebody asks."""
    costs = ENDPOINTS["costs"]
    assert set(finest_groups(costs, KEYED)) == {"project_id", "line_item", "api_key_id"}
    assert set(finest_groups(costs, KEYED - 1)) == {"project_id", "line_item"}
    completions = ENDPOINTS["usage/completions"]
    assert finest_groups(completions, 0) == completions.groups
