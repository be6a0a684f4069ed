"""Texts that are known are decoded as the same objects, and nothing else comes of a page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.decode import BucketPage, Decoder, known_texts
from stream.providers.openai import ENDPOINTS
from stream.records.errors import BadInput
from tests.support.pages import Json, bucket, page, used

COMPLETIONS = ENDPOINTS["usage/completions"]
COSTS = ENDPOINTS["costs"]
SECRET = "sk-proj-Abcdefgh01234567"
TEXTS = st.one_of(
    st.sampled_from(["a", "b", "c", "gpt-4o", "ü", "日本", 'q"\\/\n', "\0", "x" * 70]),
    st.sampled_from([None, None, "", " ", " a", "A", SECRET, "a@corp.test"]),
    st.text(max_size=3),
)
FIELDS = ("project_id", "model", "user_id", "service_tier")
FLAGS = st.sampled_from([True, True, False, None, "true", "False ", "maybe", " "])


def cost(**fields: object) -> Json:
    """Make a row of costs."""
    amount = {"value": 0.25, "currency": "usd"}
    return {"object": "organization.costs.result", "amount": amount, **fields}


@st.composite
def pages_of(draw: st.DrawFn, endpoint: str) -> list[bytes]:
    """Make pages, some with a text that none before has had, or with something else that is new."""
    found = []
    for day in range(draw(st.integers(1, 6))):
        rows: list[object] = []
        for _ in range(draw(st.integers(0, 4))):
            names = draw(st.lists(st.sampled_from(FIELDS), unique=True))
            fields: Json = {name: draw(TEXTS) for name in names}
            if draw(st.booleans()):
                fields["batch"] = draw(FLAGS)
            if endpoint == "costs":
                fields = {"line_item": draw(TEXTS), "project_id": draw(TEXTS)}
            rows.append(cost(**fields) if endpoint == "costs" else used(1, **fields))
        if draw(st.integers(0, 7)) == 0:
            rows.append(draw(st.sampled_from([used(-1), used(1, model=3), used(1, other="x"), 7])))
        made = page(bucket(*rows[:2], day=day), bucket(*rows[2:], day=day + 1))
        found.append(json.dumps(made, ensure_ascii=draw(st.booleans())).encode())
    return found


def decoded(decoder: Decoder, content: bytes) -> tuple[BucketPage | None, str]:
    """Decode a page, or say what is wrong with it."""
    try:
        return decoder.decode(content, known=None), ""
    except BadInput as error:
        return None, f"{error.path}: {error.message}"


@given(data=st.data())
def test_pages_say_the_same_whatever_is_known(data: st.DataObject) -> None:
    """Bucket by bucket, text by text; and a page that is refused is refused for the same."""
    endpoint = data.draw(st.sampled_from([COMPLETIONS, COSTS]))
    pages = data.draw(pages_of(endpoint.key))
    with patch.object(known_texts, "FIRST", 1 << 60):
        unlearned = Decoder(endpoint)
    with (
        patch.object(known_texts, "FIRST", data.draw(st.integers(1, 4))),
        patch.object(known_texts, "MOST", data.draw(st.sampled_from([1, 3, 100]))),
    ):
        learned = Decoder(endpoint)
        for content in pages:
            assert decoded(learned, content) == decoded(unlearned, content)


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    """Let texts be looked up from the second row on."""
    with patch.object(known_texts, "FIRST", 1):
        yield


def content_of(*rows: Json) -> bytes:
    """Make a page of a bucket with these rows."""
    return json.dumps(page(bucket(*rows))).encode()


def texts_of(decoder: Decoder, *rows: Json) -> list[Any]:
    """Decode a page, and return the column of models."""
    (found,) = decoder.decode(content_of(*rows), known=None).buckets
    column: tuple[Any, ...] = found.dimensions[COMPLETIONS.dimensions.index("model")]
    return [*column]


def usual_texts(decoder: Decoder) -> set[str] | None:
    """Return the models that are looked up; ``None``: no text is."""
    return None if decoder.usual is None else {*decoder.usual.texts.get("model", ())}


def test_a_known_text_is_the_same_object() -> None:
    """No text is made for it: what comes next has those that came first."""
    decoder = Decoder(COMPLETIONS)
    first = texts_of(decoder, used(1, model="model-a"), used(1, model="model-b"))
    assert usual_texts(decoder) == {"model-a", "model-b"}
    again = texts_of(decoder, used(1, model="model-b"), used(1, model="model-a"), used(1))
    assert again[0] is first[1]
    assert again[1] is first[0]
    assert again[2] is None


def test_a_new_text_is_learned() -> None:
    """A page that has one is decoded as any; later ones are looked up again, with it."""
    decoder = Decoder(COMPLETIONS)
    texts_of(decoder, used(1, model="a"))
    assert texts_of(decoder, used(1, model="b"), used(1, model="a")) == ["b", "a"]
    assert usual_texts(decoder) == {"a", "b"}
    texts_of(decoder, used(1, model="c"))
    assert usual_texts(decoder) is None  # it is due after twice as many rows each time
    texts_of(decoder, *(used(row, model="c") for row in range(8)))
    assert usual_texts(decoder) == {"a", "b", "c"}


def test_a_bad_page_is_no_new_text() -> None:
    """What is known stays so, whatever else cannot be decoded."""
    decoder = Decoder(COMPLETIONS)
    texts_of(decoder, used(1, model="a"))
    with pytest.raises(BadInput):
        decoder.decode(content_of(used(-1, model="a")), known=None)
    assert usual_texts(decoder) == {"a"}


@pytest.mark.parametrize("text", [" a", "", SECRET, "b@corp.test"])
def test_a_field_with_a_text_that_is_not_canonical_is_not_looked_up(text: str) -> None:
    """It is made canonical each time, and what it was is not kept."""
    decoder = Decoder(COMPLETIONS)
    texts_of(decoder, used(1, model="a", project_id="p"), used(1, model=text, project_id="p"))
    assert decoder.usual is not None
    assert {name: one for name, one in decoder.usual.texts.items() if one} == {"project_id": ("p",)}
    assert "model" not in decoder.texts.fields


def test_a_field_with_very_many_texts_is_not_looked_up() -> None:
    """It is not learned any more either."""
    decoder = Decoder(COMPLETIONS)
    rows = [used(1, model=f"m{number}", project_id="p") for number in range(known_texts.MOST + 1)]
    texts_of(decoder, *rows)
    assert decoder.usual is not None
    assert {name: one for name, one in decoder.usual.texts.items() if one} == {"project_id": ("p",)}
    assert "model" not in decoder.texts.fields


def test_codes_are_no_texts_and_flags_mostly_none() -> None:
    """The case of a code says nothing; of a flag a text is looked up, if it ever is one."""
    assert "currency" not in Decoder(COSTS).texts.fields
    assert "line_item" in Decoder(COSTS).texts.fields
    decoder = Decoder(COMPLETIONS)
    texts_of(decoder, used(1, batch=True), used(1, batch=False), used(1))
    found = []
    for rows, flag in ((2, False), (9, "maybe"), (99, "true")):
        texts_of(decoder, used(1, batch=True), *(used(1, batch=flag) for _ in range(rows)))
        assert decoder.usual is not None
        found.append(decoder.usual.texts.get("batch"))
    assert found == [(), ("maybe",), None]


def test_a_field_without_a_text_has_none_until_one_comes() -> None:
    """Null is all that is decoded there; a text that comes is learned as any other."""
    decoder = Decoder(COMPLETIONS)
    texts_of(decoder, used(1, model=None))
    assert usual_texts(decoder) == set()
    assert texts_of(decoder, used(1, model="a"), used(1)) == ["a", None]
    assert usual_texts(decoder) == {"a"}
