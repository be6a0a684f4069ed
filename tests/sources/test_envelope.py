"""The envelope around a page: what it says, in any order, and what is wrong with a bad one."""

from __future__ import annotations

import datetime as dt
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.decode import Decoder
from stream.decode.values import revision_of
from stream.providers.openai import ENDPOINTS, LISTS
from stream.records.errors import BadInput
from stream.sources.envelope import decode_envelope, split_page_last
from tests.support.envelopes import EMPTY, dumped, envelope, line
from tests.support.pages import bucket, page, used

COMPACT = (",", ":")
QUERY = {"page": "c1", "group_by": ["model", "project_id"], "start_time": 5, "limit": 7}


def view(request: object) -> str:
    """Read the view of a request."""
    return decode_envelope(line(request=request)).view


def refused(written: bytes) -> BadInput:
    """Read a line that is no envelope."""
    with pytest.raises(BadInput) as caught:
        decode_envelope(written)
    assert caught.value.reason == "envelope"
    return caught.value


def test_an_envelope_says_what_its_page_is() -> None:
    """Entry, label, view, revision and cursor are read, and the page's bytes are those there."""
    found = decode_envelope(
        b'{"endpoint":"costs","label":" eu ","observed_at":"1970-01-01T00:00:01.5Z",'
        b'"request":{"page":" c1 ","group_by":"line_item"},"page": {"data": [] , "has_more":true}}'
    )
    assert found == (
        ENDPOINTS["costs"],
        "eu",
        '{"group_by":["line_item"]}',
        1_500_000,
        "c1",
        b'{"data": [] , "has_more":true}',
        False,
    )


def test_what_is_silent_has_its_default() -> None:
    """Without label, time and request it is the primary label, revision 0, and an unknown view."""
    found = decode_envelope(line(label=..., observed_at=..., request=...))
    assert found[1:5] == ("primary", "", 0, None)
    assert found == decode_envelope(line(label=" ", observed_at=None, request=None))


@pytest.mark.parametrize("entry", ENDPOINTS.values(), ids=ENDPOINTS.keys())
def test_an_endpoint_is_known_by_its_key_its_name_and_its_path(entry: Any) -> None:
    """Each of the names leads to the same entry of the registry."""
    for name in (entry.key, entry.name, entry.path, "/v1" + entry.path):
        assert decode_envelope(line(endpoint=name)).entry is entry


@pytest.mark.parametrize("entry", LISTS.values(), ids=LISTS.keys())
def test_a_list_is_known_by_its_name(entry: Any) -> None:
    """A list goes by the registry's name."""
    assert decode_envelope(line(endpoint=entry.name)).entry is entry


texts = st.text(st.characters(codec="utf-8"), max_size=6)
values = st.none() | st.booleans() | st.integers(0, 9) | texts | st.lists(texts, max_size=2)
pages = st.fixed_dictionaries(
    {"object": st.just("page"), "data": st.lists(st.dictionaries(texts, values), max_size=2)}
    | {"has_more": st.booleans(), "next_page": st.none() | texts}
)
queries = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "page": st.none() | texts | st.sampled_from(["]", '"page":', '","page":{']),
        "group_by": st.none() | texts | st.lists(texts),
        "batch": st.booleans(),
        "models": st.lists(texts),
        "start_time": st.integers(),
        "asked_by": st.dictionaries(texts | st.just("page"), values),
    },
)
envelopes = st.fixed_dictionaries(
    {"endpoint": st.sampled_from([*ENDPOINTS, *LISTS]), "page": pages},
    optional={"label": st.none() | texts, "request": queries, "observed_at": st.none()},
)


@given(envelopes, st.randoms(use_true_random=False), st.sampled_from([COMPACT, (", ", ": ")]))
def test_the_order_of_members_means_nothing(made: Any, random: Any, between: Any) -> None:
    """In any order, and with any spaces, an envelope says the same, and the page is the same."""
    found = decode_envelope(dumped(made, separators=COMPACT))
    order = random.sample(sorted(made), len(made))
    other = decode_envelope(dumped({name: made[name] for name in order}, separators=between))
    assert found[:5] == other[:5]
    assert json.loads(found.payload) == json.loads(other.payload) == made["page"]
    assert found.label == ((made.get("label") or "").strip() or "primary")
    asked = (made.get("request") or {}).get("page") or ""
    assert found.cursor == (asked.strip() or None)


@pytest.mark.parametrize("separators", [COMPACT, (", ", ": ")])
@pytest.mark.parametrize("request_", [None, {}, QUERY, {"page": "x", "limit": {"page": 1}}])
def test_a_page_that_comes_last_is_only_cut_out(request_: Any, separators: Any) -> None:
    """The lines that are usual take the fast path, whatever their request has for a page."""
    for content in (page(bucket(used(1))), page(cursor="c2"), EMPTY):
        made = envelope(content, request=request_)
        assert split_page_last(dumped(made, separators=separators))


@given(st.data())
def test_a_line_in_pieces_is_the_same_line(data: st.DataObject) -> None:
    """Wherever a line is cut, in however many pieces, it says what it says as a whole."""
    made = envelope(page(bucket(used(1, project_id='p"page":'))), request={**QUERY, "page": "c"})
    order = data.draw(st.permutations(list(made)) | st.just(list(made)))
    separators = data.draw(st.sampled_from([COMPACT, (", ", ": ")]))
    blank = data.draw(st.sampled_from([b"", b" "]))
    whole = blank + dumped({name: made[name] for name in order}, separators=separators) + blank
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=4))
    pieces = [whole[start:end] for start, end in pairwise([0, *sorted(cuts), len(whole)])]
    assert decode_envelope(*pieces) == decode_envelope(whole)


def test_a_line_is_put_together_only_where_its_head_or_its_end_is_cut() -> None:
    """A page of which a piece begins or ends is copied once; one that a head is cut in, twice."""
    whole = line(page(bucket(used(1)), bucket(used(2))))
    rows, end = whole.index(b"{", whole.index(b'"data"')), whole.rindex(b"]")
    assert split_page_last(whole[:rows], whole[rows:end], whole[end:]) == split_page_last(whole)
    assert split_page_last(whole[:rows], whole[rows : end + 1], whole[end + 1 :]) is None
    assert split_page_last(whole[:9], whole[9:]) is None


def test_head_and_page_never_disagree() -> None:
    """Where members stand twice, the last ones count together, or the page is refused."""
    one, two = dumped(page(bucket(used(1)))), dumped(page(bucket(used(2))))
    head = b'{"endpoint":"costs","endpoint":"usage/completions",'
    found = decode_envelope(head + b'"page":null,"page":' + two + b"}")
    assert (found.entry.name, found.payload) == ("completions", two)
    twice = decode_envelope(head + b'"page":' + one + b',"page":' + two + b"}")
    if twice.payload != two:
        with pytest.raises(BadInput):
            Decoder(ENDPOINTS["usage/completions"]).decode(twice.payload)


def test_what_stands_behind_a_page_is_not_lost() -> None:
    """A label behind the page counts, also where the page has members of the envelope's names."""
    content = {**page(bucket(used(1))), "label": "no", "request": {"page": "no"}}
    made = {"endpoint": "costs", "page": content, "request": {"page": "c1"}, "label": "eu"}
    found = decode_envelope(dumped(made, separators=COMPACT))
    assert (found.label, found.cursor) == ("eu", "c1")
    assert json.loads(found.payload) == content


def test_a_request_that_looks_like_a_page_is_not_taken_for_one() -> None:
    """Where a last request ends as pages do, the line is read right or its page is refused."""
    request = {"group_by": ["model"], "has_more": True}
    made = {"endpoint": "usage/completions", "page": EMPTY, "request": request}
    found = decode_envelope(dumped(made, separators=COMPACT))
    with pytest.raises(BadInput):
        Decoder(ENDPOINTS["usage/completions"]).decode(found.payload)


MOMENTS = {
    "1970-01-01T00:00:00Z": 0,
    "1970-01-01t00:00:01z": 1_000_000,
    "1970-01-01 00:00:00.000001Z": 1,
    "1970-01-01T01:00:00.25+01:00": 250_000,
    "1969-12-31T23:59:59-00:01": 59_000_000,
    "2026-01-02T03:04:05.1234567899Z": 1_767_323_045_123_456,
    "9999-12-31T23:59:59.999999Z": 253_402_300_799_999_999,
}


@pytest.mark.parametrize(("written", "revision"), MOMENTS.items())
def test_a_time_becomes_whole_microseconds(written: str, revision: int) -> None:
    """Times in RFC 3339 are read exactly; digits beyond microseconds are cut off."""
    assert decode_envelope(line(observed_at=written)).revision == revision


@given(st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(9999, 12, 31)))  # noqa: DTZ001 -- bounds of naive times
def test_every_moment_is_read_exactly(moment: dt.datetime) -> None:
    """What Python writes is read without a microsecond's loss."""
    epoch = dt.datetime(1970, 1, 1)  # noqa: DTZ001 -- as the moment
    exact = (moment - epoch) // dt.timedelta(microseconds=1)
    assert revision_of(moment.isoformat() + "Z") == exact


@pytest.mark.parametrize(
    "moment",
    [
        *("", "now", "0", "2026-01-02", "2026-01-02T03:04:05.Z"),
        *("2026-13-02T03:04:05Z", "2026-01-02T24:04:05Z", "2026-01-02T03:04Z"),
        *("1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"),
        *("20260102T030405Z", "2026-W01-1T00:00:00Z", "٢026-01-02T03:04:05Z", 5, 1.5, []),
    ],
)
def test_what_is_no_time_is_refused(moment: object) -> None:
    """A time that is none, out of bounds, or written otherwise is named by its path."""
    assert refused(line(observed_at=moment)).path == "$.observed_at"


def test_a_view_is_canonical() -> None:
    """Order, repetition, blanks and the form of a value make no other view."""
    one = view({"group_by": ["project_id", "model", "model "], "batch": True, "user_ids": []})
    assert one == '{"batch":["true"],"group_by":["model","project_id"]}'
    assert one == view({"batch": ["true"], "models": None, "group_by": ["model", "project_id"]})
    assert view({"group_by": "model"}) == view({"group_by": ["model"]})


@pytest.mark.parametrize(
    "request_",
    [
        {"groupBy": ["project_id", "model"], "projectIds": "p"},
        {"group-by[]": ["project_id", "model"], "PROJECT_IDS": ["p"]},
        {"group_by[0]": "project_id", "group_by[1]": "model", "project_ids[0]": "p"},
        "group_by=project_id&group_by=model&project_ids=p",
        "group_by%5B%5D=project_id&group_by%5B%5D=model&project_ids%5B%5D=p",
        "https://api.openai.com/v1/organization/costs?project_ids=p&group_by=project_id,model",
    ],
)
def test_a_query_is_read_in_every_spelling(request_: object) -> None:
    """No spelling of a group or a filter makes another view, or is dropped."""
    assert view(request_) == view({"group_by": ["project_id", "model"], "project_ids": ["p"]})


def test_a_url_says_what_was_asked() -> None:
    """Where no request is given, the query of the address is one; none is not known."""
    address = "https://api.openai.com/v1/organization/usage/completions"
    for name, rest in ("endpoint", {}), ("url", {}), ("url", {"endpoint": "usage/completions"}):
        made = {name: f"{address}?limit=7&project_ids=p&page=c1", **rest, "page": EMPTY}
        found = decode_envelope(dumped(made))
        assert (found.view, found.cursor) == ('{"project_ids":["p"]}', "c1")
        assert not decode_envelope(dumped({**made, name: address})).view
        assert decode_envelope(dumped({**made, "request": {}})).view == "{}"


def test_the_start_of_a_list_is_of_its_walk() -> None:
    """A list's first page has nothing to ask with, and its view is that of those behind it."""
    address = "https://api.openai.com/v1/organization/projects"
    first, second = (
        decode_envelope(dumped({"endpoint": one, "page": page()}))
        for one in (address, f"{address}?after=proj_a")
    )
    assert first.view == second.view
    assert (first.cursor, second.cursor) == (None, "proj_a")


def test_half_a_pair_has_its_path() -> None:
    """A text that no JSON reader can hold is named, wherever in the envelope it stands."""
    for made, path in (
        (envelope(EMPTY, label="x\ud83d"), "$.label"),
        (envelope(EMPTY, request={"models": ["x\ud83d"]}), "$.request.models[0]"),
    ):
        with pytest.raises(BadInput, match="half of a surrogate pair") as caught:
            decode_envelope(json.dumps(made).encode())
        assert caught.value.path == path


def test_a_piece_of_a_view_is_no_view() -> None:
    """Times, width, limit, cursor and unknown members make no other view."""
    piece = {"start_time": 1, "end_time": 2, "bucket_width": "1h", "limit": 3, "page": "c"}
    assert view({**piece, "group_by": ["model"], "trace": [1]}) == view({"group_by": ["model"]})
    assert view(piece) == view({}) == "{}"


def test_an_unknown_request_is_another_view_than_an_empty_one() -> None:
    """What was asked for without groups and filters is known; null is not."""
    assert view(None) == ""


FILTERS = (
    *("project_ids", "user_ids", "api_key_ids", "models", "batch", "sizes", "sources"),
    *("context_levels", "vector_store_ids", "line_items"),
)


@pytest.mark.parametrize("name", [*FILTERS, "group_by"])
def test_each_filter_makes_a_view(name: str) -> None:
    """Every filter that the API has is part of the view."""
    assert json.loads(view({name: ["b", "a"]})) == {name: ["a", "b"]}


def test_secrets_are_not_kept() -> None:
    """Of a request, a key-like value becomes a digest, and what is unknown is dropped."""
    key, mail = "sk-proj-Abcdefgh0123456789", "jane.doe@corp.test"
    request = {"api_key_ids": [key], "user_ids": mail, "authorization": f"Bearer {key}"}
    found = decode_envelope(line(request=request, label=mail))
    assert key not in repr(found)
    assert mail not in repr(found)
    assert found.label.startswith("sha256:")
    assert found.view.count("sha256:") == 2


BAD = {
    b"": "$",
    b"[]": "$",
    b"null": "$",
    b'"costs"': "$",
    b'{"endpoint":"costs"': "$",
    b'{"endpoint":"costs","page":{"data":[],"has_more":false}}}': "$",
    b'{"endpoint":"costs","page":{}} {}': "$",
    b"\xff": "$",
    b'{"\xff":1}': "$",
    b'{"endpoint":' + b"[" * 9_999: "$",
    line(endpoint="usage/telepathy"): "$.endpoint",
    line(endpoint=...): "$.endpoint",
    line(endpoint=None): "$.endpoint",
    line(endpoint=["costs"]): "$.endpoint",
    line(label=5): "$.label",
    line(label="x" * 256): "$.label",
    line(page=...): "$.page",
    line(None): "$.page",
    line([]): "$.page",
    line("{}"): "$.page",
    line(5): "$.page",
    line(observedAt="2026-01-02T03:04:05Z"): "$.observedAt",
    line(request=[]): "$.request",
    line(request="model"): "$.request",
    line(request={"page": 7}): "$.request.page",
    line(request={"group_by": {"model": True}}): "$.request.group_by",
    line(request={"models": ["o3", 4]}): "$.request.models[1]",
    line(request={"project_ids": 4}): "$.request.project_ids",
}


@pytest.mark.parametrize(("written", "path"), BAD.items(), ids=range(len(BAD)))
def test_a_bad_envelope_is_named_by_its_path(written: bytes, path: str) -> None:
    """What is missing, unknown or of the wrong type is named, with what was expected."""
    error = refused(written)
    assert error.path == path
    assert "expected" in error.message
    assert "\n" not in str(error)


@pytest.mark.parametrize("text", ["sk-proj-Abcdefgh0123456789", "jane.doe@corp.test"])
def test_a_message_tells_no_secret(text: str) -> None:
    """What was found is shown without its secrets."""
    for written in (line(endpoint=text), line(observed_at=text), line(label=[text])):
        assert text not in str(refused(written))


def test_an_unknown_endpoint_is_told_which_there_are() -> None:
    """The message names every endpoint and list."""
    message = refused(line(endpoint="usage/telepathy")).message
    assert [name for name in (*ENDPOINTS, *LISTS) if name not in message] == []


@given(st.data())
def test_a_line_that_is_cut_short_is_never_whole(data: st.DataObject) -> None:
    """Where a line was cut short, its envelope or its page is refused."""
    whole = line(page(bucket(used(1, project_id="p")), cursor="c2"), request=QUERY)
    part = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(BadInput):
        Decoder(ENDPOINTS["usage/completions"]).decode(decode_envelope(part).payload)


def test_long_requests_and_long_heads_are_read_too() -> None:
    """A filter of thousands of values, longer than the fast path looks, makes a view as well."""
    many = [f"proj_{number:05}" for number in range(3_000)]
    found = decode_envelope(line(request={"project_ids": many, "page": "c"}))
    assert json.loads(found.view) == {"project_ids": many}
    assert found.cursor == "c"
