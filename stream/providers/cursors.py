"""Cursors: where a page leads on, as an opaque token or as the URL of an older recording."""

from __future__ import annotations

import re
from functools import cache
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from xxhash import xxh3_64_intdigest

from stream.providers.openai import ENDPOINTS
from stream.records.errors import BadInput
from stream.records.privacy import mask_text

__all__ = ["cursor_of", "mark_of", "next_cursor", "root_of"]

HOST: Final = "api.openai.com"
ROOT: Final = "/v1/organization/"
URL_LIKE: Final = re.compile(r":[/\\]|^[/\\].*[.?%]|[\x00-\x20\x7f]", re.DOTALL)
"""A token may begin with a slash (base64 does), but only a URL has a scheme, a host or a query.
Nothing that a browser would pass over (tabs, line breaks) makes a token of a URL."""


def mark_of(said: str | bytes | None) -> int:
    """Return what tells one cursor from another, or one page: 63 bits; 0 for none."""
    if said is None:
        return 0
    content = said.encode(errors="surrogatepass") if isinstance(said, str) else said
    return (xxh3_64_intdigest(content) >> 1) or 1


@cache
def root_of(endpoint: str) -> str:
    """Return where the URLs of the chains of an endpoint, or of a list, must lead."""
    found = ENDPOINTS.get(endpoint)
    return ROOT if found is None else f"/v1{found.path}"


def cursor_of(next_page: str | None, root: str = ROOT) -> str | None:
    """Return the cursor: an opaque token, or the ``page`` of an older recording's URL.

    Raises:
        BadInput: it is a URL that is not https on the API's own host, below ``root``.
    """
    if next_page is None or next_page.isidentifier() or not URL_LIKE.search(next_page):
        return next_page  # most tokens are identifiers, which takes less time to see
    if not leads_home(next_page, root):
        raise BadInput(
            "cursor_url",
            f'found the URL "{mask_text(next_page)[:80]}", '
            f"expected a cursor or https://{HOST}{root}",
            path="$.next_page",
        )
    query = parse_qs(urlsplit(next_page).query)
    return next((query[name][0] for name in ("page", "after") if name in query), None)


def next_cursor(has_more: bool, next_page: str | None, root: str) -> str | None:  # noqa: FBT001 -- the two words of a page
    """Return the cursor of the next page, ``None`` where a page says that no more follows.

    Raises:
        BadInput: it says that more follows and has no cursor, or as :func:`cursor_of`.
    """
    cursor = cursor_of(next_page, root)
    if not has_more:
        return None
    if not cursor:
        message = "found has_more without a cursor, expected where to go on"
        raise BadInput("no_cursor", message, path="$.next_page")
    return cursor


def leads_home(text: str, root: str) -> bool:
    """Tell whether a URL is one that may be followed; a path alone is on the API's own host."""
    try:
        url = urlsplit(text)
        own = (url.scheme, url.hostname, url.port or 443) == ("https", HOST, 443)
    except ValueError:
        return False
    path = unquote(url.path)
    return (
        ((own and "@" not in url.netloc) or text.startswith(ROOT))
        and (path.startswith(root) if root.endswith("/") else path.rstrip("/") == root)
        and ".." not in path.split("/")
        and not any(character.isspace() or not character.isprintable() for character in text)
    )
