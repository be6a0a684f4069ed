"""The rules of a page chain: which cursor leads on, and where the chain ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.providers.cursors import Walk, cursor_of
from stream.records.errors import BadInput

OWN = "https://api.openai.com/v1/organization/costs"
TOKENS = st.text("abcABC019_-+/=", min_size=1, max_size=8)


def walked(*steps: tuple[bool, str | None]) -> Walk:
    """Take steps: whether there is more, and the next page."""
    walk = Walk()
    for has_more, next_page in steps:
        walk.step(has_more=has_more, next_page=next_page)
    return walk


@given(st.lists(TOKENS, unique=True, max_size=6))
def test_a_chain_leads_from_cursor_to_cursor(tokens: list[str]) -> None:
    """Different cursors lead on one after the other, until a page says that nothing follows."""
    walk = walked(*((True, token) for token in tokens))
    assert (walk.has_more, walk.cursor) == (True, tokens[-1] if tokens else None)
    walk.step(has_more=False, next_page=None)
    assert (walk.has_more, walk.cursor) == (False, None)


@given(st.lists(TOKENS, unique=True, min_size=1, max_size=6), st.data())
def test_a_cursor_that_returns_is_refused(tokens: list[str], data: st.DataObject) -> None:
    """A cursor seen before, at any distance, is a fault, and the walk stays where it was."""
    walk = walked(*((True, token) for token in tokens))
    with pytest.raises(BadInput) as raised:
        walk.step(has_more=True, next_page=data.draw(st.sampled_from(tokens)))
    assert (raised.value.reason, raised.value.path) == ("repeated_cursor", "$.next_page")
    assert walk.cursor == tokens[-1]
    walk.step(has_more=False, next_page=None)


@pytest.mark.parametrize("next_page", [None, OWN, f"{OWN}?limit=7", f"{OWN}?page="])
def test_more_without_a_cursor_is_refused(next_page: str | None) -> None:
    """A page that says there is more and not where ends the walk with a fault."""
    with pytest.raises(BadInput) as raised:
        walked((True, next_page))
    assert (raised.value.reason, raised.value.path) == ("no_cursor", "$.next_page")


def test_nothing_comes_after_the_end() -> None:
    """A page after the one that ended the chain is a fault."""
    with pytest.raises(BadInput) as raised:
        walked((True, "a"), (False, None), (False, None))
    assert raised.value.reason == "after_end"


def test_a_cursor_on_the_last_page_is_left_alone() -> None:
    """Where nothing follows, a cursor leads nowhere, even one that was seen before."""
    walk = walked((True, "a"), (False, "a"))
    assert (walk.has_more, walk.cursor) == (False, None)


def test_a_walk_goes_on_after_a_page_without_a_cursor() -> None:
    """A refused step changes nothing, so that the next page can still be taken."""
    walk = walked((True, "a"))
    with pytest.raises(BadInput):
        walk.step(has_more=True, next_page=None)
    walk.step(has_more=True, next_page="b")
    assert walk.cursor == "b"


@given(TOKENS)
def test_a_token_is_opaque(token: str) -> None:
    """A token is taken as it is, whatever it looks like."""
    assert cursor_of(token) == token


@pytest.mark.parametrize(
    ("url", "cursor"),
    [
        (f"{OWN}?page=abc", "abc"),
        (f"{OWN}?limit=1&page=abc&page=def", "abc"),
        (f"{OWN}?page=a%2Fb%3D", "a/b="),
        (f"{OWN}?after=proj_a", "proj_a"),
        (f"{OWN}?page=abc#rest", "abc"),
        (OWN.replace("https", "HTTPS") + "?page=abc", "abc"),
        (OWN.replace(".com", ".com:443") + "?page=abc", "abc"),
        ("/v1/organization/costs?page=abc", "abc"),
        (OWN, None),
    ],
)
def test_a_url_of_the_api_carries_a_cursor(url: str, cursor: str | None) -> None:
    """The cursor of a URL is its ``page`` (a list's: ``after``), decoded."""
    assert cursor_of(url) == cursor


@pytest.mark.parametrize(
    "host", ["evil.test", "api.openai.com.evil.test", "a@api.openai.com", "[x"]
)
@pytest.mark.parametrize("scheme", ["https://", "//", "\\\\", "http:\\\\"])
def test_a_url_elsewhere_is_refused_in_one_line(scheme: str, host: str) -> None:
    """Another host is refused, and named with its secrets masked and its length cut."""
    with pytest.raises(BadInput) as raised:
        cursor_of(f"{scheme}{host}/v1/organization/x?page=2&key=sk-abcdefgh12345&{'x' * 999}")
    assert (raised.value.reason, raised.value.path) == ("cursor_url", "$.next_page")
    assert "sk-" not in raised.value.message
    assert len(raised.value.message) < 250
