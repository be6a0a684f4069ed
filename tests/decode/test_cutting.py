"""Cutting a page into buckets: whatever a page looks like, it reads as it does uncut."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple, replace

from stream.decode import Decoder, KnownRows, know_nothing, pages
from stream.decode.careful import careful_page
from stream.decode.page import BucketPage
from stream.decode.pieces import cut_page
from stream.providers.openai import ENDPOINTS
from stream.records.errors import BadInput

COMPLETIONS = ENDPOINTS["usage/completions"]
DECODER = Decoder(COMPLETIONS)
MANY = settings(max_examples=250, deadline=None)

BLANK = st.sampled_from(["", "", "", " ", "\n\t", "\r\n  "])
TEXTS = st.sampled_from(
    [
        '"gpt-4o"',
        '" gpt "',
        '"a]}"',
        '"]},{\\"object\\":\\"bucket\\""',
        '"]}],\\"has_more\\":false}"',
        '"\\u005d}\\\\"',
        '"é"',
        '"\\"]},"',
        "null",
    ]
)
COUNTS = st.sampled_from(["0", "7", "null", "9223372036854775807"])
ODD_VALUES = st.sampled_from(
    ["-1", "1.5", '"7"', "9223372036854775808", "[]", "[{}]", '{"a":[1]}', "[1]}", "true", "\x00"]
)
TIMES = st.sampled_from(
    ["1727049600", "1727136000", "1727049660", "0", "01", "999999999999", '"x"']
)


def often(usual: Any, rare: Any) -> Any:
    """Draw mostly of one, sometimes of the other."""
    return st.one_of(usual, usual, usual, usual, usual, rare)


@st.composite
def objects(draw: st.DrawFn, members: list[tuple[str, str]]) -> str:
    """Write members as an object: in another order, some twice or missing, blanks between."""
    if draw(st.integers(0, 9)) == 0:
        members = draw(st.permutations(members))
    if members and draw(st.integers(0, 9)) == 0:
        members = [*members, draw(st.sampled_from(members))]
    if members and draw(st.integers(0, 14)) == 0:
        members = members[: draw(st.integers(0, len(members)))]
    between = [draw(BLANK) for _ in range(4)]
    one, two, three, four = between
    fields = (f'{one}"{name}"{two}:{three}{value}{four}' for name, value in members)
    return "{" + ",".join(fields) + "}"


@st.composite
def arrays(draw: st.DrawFn, elements: st.SearchStrategy[str], most: int) -> str:
    """Write an array with blanks in it."""
    blank = draw(BLANK)
    found = draw(st.lists(elements, max_size=most))
    return f"[{blank}" + f"{blank},{blank}".join(found) + f"{blank}]"


@st.composite
def rows(draw: st.DrawFn) -> str:
    """Write a row."""
    names = draw(
        st.lists(
            often(
                st.sampled_from(["input_tokens", "output_tokens", "model", "project_id"]),
                st.sampled_from(["extra", "metadata", "cost", "object"]),
            ),
            max_size=3,
        )
    )
    kind = [("object", f'"{COMPLETIONS.result}"')] if draw(st.booleans()) else []
    members = [
        (name, draw(often(COUNTS if name.endswith("tokens") else TEXTS, ODD_VALUES)))
        for name in names
    ]
    return str(draw(objects(kind + members)))


@st.composite
def buckets(draw: st.DrawFn) -> str:
    """Write a bucket."""
    start = draw(often(st.just("1727049600"), TIMES))
    members = [
        ("object", draw(often(st.just('"bucket"'), TEXTS))),
        ("start_time", start),
        ("end_time", draw(often(st.just("1727136000"), TIMES))),
        ("results", draw(often(arrays(rows(), 2), ODD_VALUES))),
    ]
    if draw(st.integers(0, 14)) == 0:
        members += [("start_time", draw(TIMES)), ("results", "[]")]
    return str(draw(objects(members)))


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """Write a page; now and then it is cut short, or something stands behind it."""
    members = [
        ("object", draw(often(st.just('"page"'), TEXTS))),
        ("data", draw(often(arrays(buckets(), 3), ODD_VALUES))),
        ("has_more", draw(often(st.sampled_from(["true", "false"]), ODD_VALUES))),
        ("next_page", draw(often(st.sampled_from(["null", '"c2"', '" "']), ODD_VALUES))),
    ]
    if draw(st.integers(0, 9)) == 0:
        again = [("data", "[]"), ("object", '"other"'), ("data", "[null]"), ("has_more", "true")]
        members.append(draw(st.sampled_from(again)))
    text = (draw(BLANK) + draw(objects(members)) + draw(BLANK)).encode()
    match draw(st.integers(0, 19)):
        case 0:
            return text[: draw(st.integers(0, len(text)))]
        case 1:
            return text + draw(st.sampled_from([b"}", b"]", b"{}", b"\x00", b"1"]))
        case 2:
            place = draw(st.integers(0, max(len(text) - 1, 0)))
            return text[:place] + draw(st.sampled_from([b"\xff", b"]", b"}"])) + text[place + 1 :]
    return text


def said(read: Callable[[], BucketPage]) -> object:
    """Return all that a page says but for fingerprints, or what is wrong with it."""
    try:
        page = read()
    except BadInput as error:
        return error.reason, str(error)
    rejected = [(one.error.reason, str(one.error), *astuple(one)[1:]) for one in page.rejections]
    buckets = [replace(one, digest=b"") for one in page.buckets]
    return buckets, rejected, astuple(page)[1:-1]


def outcome(payload: bytes, *, tolerant: bool) -> object:
    """Decode a page."""
    return said(lambda: DECODER.decode(payload, tolerant=tolerant))


def carefully(payload: bytes, *, tolerant: bool) -> object:
    """Decode a page in the careful way alone."""
    return said(lambda: careful_page(COMPLETIONS, payload, tolerant=tolerant))


@MANY
@given(texts(), st.booleans())
def test_a_page_reads_as_it_does_uncut(payload: bytes, tolerant: bool) -> None:  # noqa: FBT001 -- hypothesis gives it by place
    """Cut into buckets, read as a whole, or read with care: the same page, or the same error."""
    found = outcome(payload, tolerant=tolerant)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "cut_page", lambda _: None)
        assert outcome(payload, tolerant=tolerant) == found
    assert carefully(payload, tolerant=tolerant) == found
    assert said(lambda: DECODER.decode(payload, tolerant=tolerant, known=None)) == found
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "SMALL", 0)
        assert said(lambda: DECODER.decode(payload, tolerant=tolerant, known=None)) == found


@MANY
@given(texts())
def test_known_buckets_stand_where_they_stood(payload: bytes) -> None:
    """A page whose buckets are all known has their windows and rows, and each can still be read."""
    found = cut_page(payload)
    if found is None:
        return
    try:
        whole = DECODER.decode(payload)
    except BadInput:
        return
    known = {(one.window, one.digest): one.rows for one in whole.buckets if one.digest}
    again = DECODER.decode(payload, known=lambda window, digest: known.get((window, digest)))
    assert astuple(again)[1:] == astuple(whole)[1:]
    for one, before in zip(again.buckets, whole.buckets, strict=True):
        assert (one if one.unread_json is None else DECODER.read_bucket(one)) == before


TODAY = {"object": "page", "data": [], "has_more": False, "next_page": None}
BUCKET = '{"object":"bucket","start_time":1727049600,"end_time":1727136000,"results":[%s]}'


def page_with(bucket: str, behind: str = '"has_more":false') -> bytes:
    """Write a page of one bucket."""
    return f'{{"object":"page","data":[{bucket}],{behind}}}'.encode()


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(page_with(BUCKET % "", '"data":[],"has_more":false'), id="data twice"),
        pytest.param(page_with(BUCKET % "", '"data":[null],"has_more":false'), id="null in data"),
        pytest.param(page_with(BUCKET % "", '"object":"x","has_more":false'), id="object twice"),
        pytest.param(
            page_with((BUCKET % "")[:-1] + ',"start_time":1727049700,"results":[]}'),
            id="start twice",
        ),
        pytest.param(
            page_with((BUCKET % "")[:-1] + ',"end_time":1727136060,"results":[]}'), id="end twice"
        ),
        pytest.param(page_with((BUCKET % "")[:-1] + ',"object":"x","results":[]}'), id="no bucket"),
        pytest.param(page_with(BUCKET % "", '"has_more":false,"has_more":true'), id="more twice"),
    ],
)
def test_the_last_of_doubled_members_counts(payload: bytes) -> None:
    """A member that stands twice is read as everywhere else: the last one wins."""
    assert outcome(payload, tolerant=False) == carefully(payload, tolerant=False)


@pytest.mark.parametrize(
    ("payload", "pieces"),
    [
        (json.dumps(TODAY).encode(), None),
        (page_with(BUCKET % ""), 1),
        (page_with(f"{BUCKET % ''} , {BUCKET % '{}'}"), 2),
        (page_with(BUCKET % '{"model":"]}"}'), 1),
    ],
)
def test_what_looks_as_today_is_cut(payload: bytes, pieces: int | None) -> None:
    """Buckets of today's shape are found; a page without any is read as a whole."""
    found = cut_page(payload)
    assert (found and len(found.pieces)) == pieces


ROW = f'{{"object":"{COMPLETIONS.result}"}}'


@pytest.mark.parametrize(
    ("row", "large", "looked"),
    [
        pytest.param(ROW, False, 0, id="small"),
        pytest.param("{}", False, 0, id="small, of rows that may be anything"),
        pytest.param(ROW, True, 0, id="large"),
        pytest.param("{}", True, 1, id="large, of rows that may be anything"),
    ],
)
def test_borders_are_looked_at_where_somebody_needs_them(
    row: str,
    large: bool,  # noqa: FBT001 -- pytest gives it by name
    looked: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without digests a page is decoded at one go, unless its rows may be of hardly any bytes."""
    seen: list[bytes] = []
    monkeypatch.setattr(pages, "cut_page", seen.append)
    monkeypatch.setattr(pages, "SMALL", 0 if large else 1 << 20)
    payload = page_with(BUCKET % row)
    assert DECODER.decode(payload, known=None).rows == 1
    assert len(seen) == looked
    assert DECODER.decode(payload).rows == 1
    assert len(seen) == looked + 1
    DECODER.decode(payload, known=None, mine=lambda _: False)  # others decode the rest
    assert len(seen) == looked + 2


@pytest.mark.parametrize("asked", [know_nothing, None])
def test_rows_of_hardly_any_bytes_are_refused(asked: KnownRows | None) -> None:
    """However a page is read, none of its buckets has rows of hardly any bytes if it is large."""
    dense, wide = ",".join(["{}"] * 1000), '{"model":"%s"}' % ("x" * (1 << 20))
    payload = page_with(f"{BUCKET % dense},{BUCKET % wide}")
    with pytest.raises(BadInput, match="on average"):
        DECODER.decode(payload, known=asked)
