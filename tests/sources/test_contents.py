"""One page in a file is told from several, without a look at its rows."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stream.sources.contents import is_page_file, pages_in
from tests.support.pages import bucket, page, used

GAPS = ["", "\n", " ", "\r\n\r\n", "\n\ufeff", "\n\x1e"]


def texts_of(value: dict[str, Any]) -> st.SearchStrategy[str]:
    """Return a page as it may be written."""
    ways: list[dict[str, Any]] = [{}, {"indent": 1}, {"separators": (",", ":")}]
    return st.sampled_from([json.dumps(value, **way) for way in ways])


@st.composite
def pages(draw: st.DrawFn) -> str:
    """Draw the text of a page: with rows or without, whose members stand in any order."""
    rows = draw(st.lists(st.integers(0, 99), max_size=3))
    cursor = draw(st.sampled_from([None, "page_x"]))
    made = page(*(bucket(used(n, model="a[0]}"), day=n % 9) for n in rows), cursor=cursor)
    made |= draw(st.sampled_from([{}, {"meta": {"a": 1}}, {"meta": {"b": [{"c": []}]}}]))
    return draw(texts_of(dict(draw(st.permutations(list(made.items()))))))


@given(pages())
def test_a_page_alone_comes_to_itself(text: str) -> None:
    """A file that holds one page has just that, whether that was seen at once or not."""
    assert pages_in(text.encode()) == [text.encode()]


@given(st.lists(pages(), min_size=2, max_size=3), st.sampled_from(GAPS))
def test_pages_behind_each_other_are_no_page(texts: list[str], gap: str) -> None:
    """Several documents are never taken for one page, and come to each of them."""
    content = gap.join(texts).encode()
    assert not is_page_file(content)
    assert pages_in(content) == [text.encode() for text in texts]


def test_a_great_many_arrays_are_looked_at_closely() -> None:
    """What is made of brackets alone is not searched bracket by bracket."""
    content = json.dumps(page() | {"data": [[]] * 5_000}, separators=(",", ":")).encode()
    assert not is_page_file(content)
    assert is_page_file(json.dumps(page(bucket(used(1)))).encode())
