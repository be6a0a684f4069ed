"""What is refused is said as a person would say it, with what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stream.decode import Decoder
from stream.decode.lists import decode_list
from stream.providers.openai import ENDPOINTS, LISTS
from stream.records.errors import BadInput
from tests.support.pages import FIRST, Json, bucket, listed, page, used

FOREIGN: dict[str, tuple[bytes | Json, str]] = {
    "UTF-16": ("{}".encode("utf-16"), "UTF-16"),
    "UTF-16 without a mark": ("{}".encode("utf-16-le"), "UTF-16"),
    "UTF-32": ("{}".encode("utf-32"), "UTF-32"),
    "gzip": (b"\x1f\x8b\x08", "gzip"),
    "zip": (b"PK\x03\x04", "ZIP"),
    "NUL bytes": (b"\0\0\0{}", "3 NUL bytes from byte 0"),
    "curl -i": (b"HTTP/1.1 200 OK\r\n\r\n{}", "HTTP dump"),
    "curl -v": (b"* Connected\n> GET / HTTP/2\n< HTTP/2 200\n", "HTTP dump"),
    "headers alone": (b"Date: Tue, 01 Sep 2026 10:00:00 GMT\n\n{}", "HTTP dump"),
    "HTML": (b"<html>", "HTML"),
    "CSV": (b'"start","amount (usd)"\n1,2\n', "CSV"),
    "HAR": ({"log": {"version": "1.2", "entries": []}}, "HAR"),
    "wrapped": ({"status": 200, "response": page()}, "wrapped in response"),
    "wrapped as a text": ({"body": json.dumps(page())}, "jq .body"),
    "wrapped twice": ({"response": {"body": page(), "status": 200}}, "jq .response.body"),
    "wrapped as data": ({"data": page()}, "wrapped in data"),
    "pages in a member": ({"total": 1, "pages": [page()]}, "jq '.pages[]'"),
    "buckets in a member": ({"buckets": [bucket(used(1))]}, "jq .buckets"),
    "pages by endpoint": ({"costs": page(), "usage": page()}, "wrapped in costs"),
    "rows of /v1/usage": ({"data": [{"n_context_tokens_total": 1}]}, "/v1/usage"),
    "/v1/usage": ({"object": "list", "data": [], "ft_data": []}, "/v1/usage"),
    "/dashboard/billing/usage": (
        {"object": "list", "daily_costs": [], "total_usage": 1.5},
        "/dashboard/billing",
    ),
    "/dashboard/billing/subscription": ({"hard_limit_usd": 5}, "/dashboard/billing"),
    "usage of Anthropic": ({"data": [{"starting_at": "x", "results": []}]}, "Anthropic"),
    "an error of Anthropic": ({"type": "error", "error": {"message": "x"}}, "Anthropic"),
    "analytics of Anthropic": ({"data": [{"core_metrics": {}, "actor": {}}]}, "Anthropic"),
    "workspaces of Anthropic": ({"data": [{"type": "workspace", "id": "w"}]}, "Anthropic"),
    "admin keys": (listed({"object": "organization.admin_api_key", "id": "k"}), "admin API keys"),
    "half a pair": (
        json.dumps(page(bucket(used(1, model="m-\ud83d")))).encode(),
        "$.data[0].results[0].model: found half of a surrogate pair",
    ),
    "half a pair at a text's end": (
        json.dumps(page(cursor="c-\ud83d")).encode(),
        "$.next_page: found half of a surrogate pair",
    ),
    "no data": (page(data=...), "$.data: is absent"),
    "no start": (page(bucket(start_time=...)), "$.data[0].start_time: is absent"),
    "no rows": (page(bucket(results=..., rows=[])), "$.data[0].results: is absent"),
}


@pytest.mark.parametrize(("content", "words"), FOREIGN.values(), ids=FOREIGN.keys())
def test_what_is_no_page_is_called_by_its_name(content: bytes | Json, words: str) -> None:
    """The message says what was found, and what to do about it."""
    payload = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(BadInput) as refused:
        Decoder(ENDPOINTS["usage/completions"]).decode(payload)
    assert words in str(refused.value)
    assert "expected" in str(refused.value)


def test_an_element_without_an_id_is_called_so() -> None:
    """What is absent is not called null."""
    with pytest.raises(BadInput, match="is absent, expected the object's id"):
        decode_list(LISTS["projects"], json.dumps(listed({"name": "x"})).encode())


PLAIN = page(bucket(used(7)), bucket(day=1))
SAME: dict[str, Any] = {
    "has_more absent": page(*PLAIN["data"], has_more=...),
    "has_more null": page(*PLAIN["data"], has_more=None),
    "rows absent": page(PLAIN["data"][0], bucket(day=1, results=...)),
    "rows null": page(PLAIN["data"][0], bucket(day=1, results=None)),
    "counts as texts": page(bucket(used("7")), PLAIN["data"][1]),
    "times as texts": page(
        *(
            {**one, "start_time": str(one["start_time"]), "end_time": str(one["end_time"])}
            for one in PLAIN["data"]
        )
    ),
    "times as texts of fractions": page(bucket(used(7), start_time=f"{FIRST}.0"), PLAIN["data"][1]),
    "a mark": b"\xef\xbb\xbf" + json.dumps(PLAIN).encode(),
}


@pytest.mark.parametrize("content", SAME.values(), ids=SAME.keys())
def test_what_has_one_sound_meaning_is_read(content: bytes | Json) -> None:
    """Other writers of JSON leave out what is empty, and make texts of numbers."""
    payload = content if isinstance(content, bytes) else json.dumps(content).encode()
    decoder = Decoder(ENDPOINTS["usage/completions"])
    found, plain = decoder.decode(payload), decoder.decode(json.dumps(PLAIN).encode())
    assert [one.window for one in found.buckets] == [one.window for one in plain.buckets]
    assert [one.counters for one in found.buckets] == [one.counters for one in plain.buckets]
    assert (found.has_more, found.next_page) == (False, None)


def test_a_cursor_says_that_there_is_more() -> None:
    """A page that hands out a cursor, and does not say whether there is more, has more."""
    payload = json.dumps(page(has_more=..., cursor="page_x")).encode()
    assert Decoder(ENDPOINTS["costs"]).decode(payload).has_more
