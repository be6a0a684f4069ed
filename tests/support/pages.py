"""Tiny pages in today's shape, and a writer that puts them where a test wants them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from stream.records.digests import CHECKSUMS
from tests.support.places import FIXTURES
from tests.support.strategies import written

Json: TypeAlias = dict[str, Any]
Content: TypeAlias = Json | str | bytes | Callable[[Path], object]
"""What a file holds: JSON, text, bytes, or whatever a function makes at its path."""

DAY = 86_400
FIRST = 1_730_419_200  # 2024-11-01T00:00:00Z


def used(tokens: object = 1, **fields: object) -> Json:
    """Make a row of completions or embeddings."""
    return {"input_tokens": tokens, **fields}


def bucket(*rows: object, day: int = 0, **fields: object) -> Json:
    """Make a bucket of one day, counted from 2024-11-01; a field that is ``...`` is left out."""
    start = FIRST + day * DAY
    made = {"object": "bucket", "start_time": start, "end_time": start + DAY}
    return kept({**made, "results": list(rows), **fields})


def page(*buckets: object, cursor: object = None, **fields: object) -> Json:
    """Make a page; with a cursor there is more. A field that is ``...`` is left out."""
    made = {"object": "page", "data": list(buckets), "has_more": cursor is not None}
    return kept({**made, "next_page": cursor, **fields})


def listed(*elements: object, **fields: object) -> Json:
    """Make a list of objects, whole unless a field says otherwise."""
    return {"object": "list", "data": list(elements), "has_more": False, **fields}


def kept(fields: Json) -> Json:
    """Leave out the fields that are ``...``."""
    return {name: value for name, value in fields.items() if value is not ...}


def put(directory: Path, name: str, content: Content) -> Path:
    """Write a file."""
    path = directory / name
    if callable(content):
        content(path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else written(content), "utf-8")
    return path


def put_recorded(directory: Path) -> Path:
    """Copy the recorded pages without their list of checksums, with which daemons do not compare.

    So a daemon and a replay take the same digests of them.
    """
    shutil.copytree(FIXTURES, directory, ignore=lambda *_: {CHECKSUMS})
    return directory


def put_all(directory: Path, files: dict[str, Content]) -> Path:
    """Write files into a directory that may be new."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        put(directory, name, content)
    return directory


def letters_in(directory: Path) -> list[Json]:
    """Read the dead letters of a directory."""
    text = (directory / "dead_letters.ndjson").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


FILES: dict[str, Content] = {
    "usage_completions_fixture.json": page(
        bucket(used(7, project_id="p", note="x", batch="true"), used(2)), cursor="2"
    ),
    "usage_completions_fixture_page2.json": page(
        bucket(used(9, project_id="p", ratio=0.25), day=1)
    ),
    "costs.json": page(bucket({"amount": {"value": "0.125", "currency": "usd"}})),
    "projects.json": listed({"id": "p"}),
}
"""A few pages, that say a little of everything."""
