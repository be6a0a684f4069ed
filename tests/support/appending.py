"""Lines of single days, and files that they are appended to, or put into the place of."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.envelopes import line
from tests.support.pages import bucket, page, used

FIRST = "2024-12-30T00:00:00Z"
LATER = "2024-12-31T00:00:00Z"


def of_day(day: int, tokens: int, cursor: str | None = None, **fields: object) -> bytes:
    """Write a line with one day's page."""
    return line(page(bucket(used(tokens), day=day), cursor=cursor), **fields) + b"\n"


def append(path: Path, content: bytes) -> None:
    """Append to a file, as it is."""
    with path.open("ab") as file:
        file.write(content)


def replaced(path: Path, content: bytes) -> None:
    """Put a file into the place of another, as writers do."""
    (path.parent / ".new").write_bytes(content)
    os.replace(path.parent / ".new", path)  # noqa: PTH105 -- the call that is meant
