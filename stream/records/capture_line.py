"""A line of a capture: the page of one answer, and around it what was asked, and when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stream.records.errors import BadInput

__all__ = ["line_of"]

SECOND: Final = 1_000_000


def line_of(  # noqa: PLR0913 -- what an envelope has
    endpoint: str,
    label: str,
    revision: int,
    request: Mapping[str, Any] | None,
    page: bytes,
    *,
    ends_walk: bool = False,
) -> bytes:
    """Write a page's line. Every value of the page stays as it is.

    ``ends_walk``: whoever asked ended the walk there, although the page says that more follows.

    Raises:
        BadInput: the page is no JSON that can be put on one line.
    """
    head: dict[str, Any] = {
        "endpoint": endpoint,
        "label": label,
        "observed_at": observed_at(revision),
        "request": request,
    }
    if ends_walk:
        head["ends_walk"] = True
    return b'%s,"page":%s}\n' % (msgspec.json.encode(head)[:-1], on_one_line(page))


def observed_at(revision: int) -> str | None:
    """Write a revision (microseconds since 1970) as RFC 3339; ``None`` for revision 0."""
    if not revision:
        return None
    seconds, micros = divmod(revision, SECOND)
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{micros:06}Z"


def on_one_line(page: bytes) -> bytes:
    """Return a page without line breaks; they stand between its values, and never in one."""
    page = page.strip()
    if b"\n" not in page and b"\r" not in page:
        return page
    try:
        return msgspec.json.format(page, indent=-1)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BadInput("json", f"found broken JSON ({error}), expected a page") from None
