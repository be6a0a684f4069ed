"""The rules of a page chain: which cursor leads on, and where the chain ends."""

from __future__ import annotations

import re
from typing import Final, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from xxhash import xxh3_64_intdigest

from stream.providers.endpoint import Endpoint, ObjectList
from stream.records.errors import BadInput
from stream.records.privacy import masked_text, shielded

__all__ = ["Walk", "cursor_of", "mark_of", "onward", "root_of", "word_of"]

HOST: Final = "api.openai.com"
ROOT: Final = "/v1/organization/"
URL_LIKE: Final = re.compile(r":[/\\]|^[/\\].*[.?%]|[\x00-\x20\x7f]", re.DOTALL)
"""A token may begin with a slash (base64 does), but only a URL has a scheme, a host or a query.
Nothing that a browser would pass over (tabs, line breaks) makes a token of a URL."""


class HasNext(Protocol):
    """What says where its chain goes: a page of buckets, or of a list."""

    @property
    def has_more(self) -> bool: ...
    @property
    def next_page(self) -> str | None: ...


class Walk:
    """One pass over a chain, page by page. A cursor is checked here, and never used as a path."""

    def __init__(self, root: str = ROOT) -> None:
        """Start before the first page; ``root`` is where its URLs must lead."""
        self.root = root
        self.page = 0
        """The number of the last page that it has come to."""
        self.seen: set[int] = set()
        """What tells the cursors apart that it has come to: of each 8 bytes, and not the text."""
        self.has_more = True
        self.cursor: str | None = None

    def step(self, *, has_more: bool, next_page: str | None) -> None:
        """Take the next page's word on where the chain goes.

        Raises:
            BadInput: the chain had ended, has no cursor to go on with, returns to a cursor that it
                has seen, or leads to another host. The walk stays where it was.
        """
        if not self.has_more:
            raise BadInput("after_end", "found a page after the end of its chain, expected none")
        find = cursor_after if has_more else cursor_of
        cursor = find(next_page, self.root)
        if has_more and mark_of(cursor) in self.seen:
            raise BadInput(
                "repeated_cursor",
                "found a cursor that the chain has seen before",
                path="$.next_page",
            )
        self.has_more = has_more
        self.cursor = cursor if has_more else None
        if self.cursor is not None:
            self.seen.add(mark_of(self.cursor))


def mark_of(said: str | bytes | None) -> int:
    """Return what tells one cursor from another, or one page: 63 bits; 0 for none."""
    if said is None:
        return 0
    content = said.encode(errors="surrogatepass") if isinstance(said, str) else said
    return (xxh3_64_intdigest(content) >> 1) or 1


def root_of(entry: Endpoint | ObjectList) -> str:
    """Return where the URLs of an endpoint's chains must lead."""
    return f"/v1{entry.path}" if isinstance(entry, Endpoint) else ROOT


def cursor_of(next_page: str | None, root: str = ROOT) -> str | None:
    """Return the cursor: an opaque token, or the ``page`` of an older recording's URL.

    Raises:
        BadInput: it is a URL that is not https on the API's own host, below ``root``.
    """
    if next_page is None or not URL_LIKE.search(next_page):
        return next_page
    if not leads_home(next_page, root):
        raise BadInput(
            "cursor_url",
            f'found the URL "{masked_text(next_page)[:80]}", '
            f"expected a cursor or https://{HOST}{root}",
            path="$.next_page",
        )
    query = parse_qs(urlsplit(next_page).query)
    return next((query[name][0] for name in ("page", "after") if name in query), None)


def cursor_after(next_page: str | None, root: str = ROOT) -> str:
    """Return the cursor of a page that says that more follows.

    Raises:
        BadInput: there is none, or as :func:`cursor_of`.
    """
    cursor = cursor_of(next_page, root)
    if not cursor:
        message = "found has_more without a cursor, expected where to go on"
        raise BadInput("no_cursor", message, path="$.next_page")
    return cursor


def onward(page: HasNext, entry: Endpoint | ObjectList) -> str | None:
    """Return the cursor of the next page, ``None`` where a page says that no more follows.

    Raises:
        BadInput: as :func:`cursor_after`.
    """
    return cursor_after(page.next_page, root_of(entry)) if page.has_more else None


def word_of(next_page: str | None, root: str) -> str | None:
    """Return a page's word on where its chain goes, as it may be kept: no URL, no secret."""
    try:
        cursor = cursor_of(next_page, root)
    except BadInput:
        cursor = next_page
    return cursor and shielded(cursor)


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
