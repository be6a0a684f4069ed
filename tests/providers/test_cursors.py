"""Cursors: opaque tokens, or URLs of older recordings that lead to the API's own host."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.providers.cursors import cursor_of, next_cursor
from stream.records.errors import BadInput

OWN = "https://api.openai.com/v1/organization/costs"
ROOT = "/v1/organization/"
TOKENS = st.text("abcABC019_-+/=", min_size=1, max_size=8)


@pytest.mark.parametrize("next_page", [None, OWN, f"{OWN}?limit=7", f"{OWN}?page="])
def test_more_without_a_cursor_is_refused(next_page: str | None) -> None:
    """A page that says there is more and not where is bad input."""
    with pytest.raises(BadInput) as raised:
        next_cursor(has_more=True, next_page=next_page, root=ROOT)
    assert (raised.value.reason, raised.value.path) == ("no_cursor", "$.next_page")


@given(TOKENS)
def test_a_cursor_on_the_last_page_leads_nowhere(token: str) -> None:
    """Where nothing follows, a cursor is looked at, and not followed."""
    assert next_cursor(has_more=False, next_page=token, root=ROOT) is None


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
