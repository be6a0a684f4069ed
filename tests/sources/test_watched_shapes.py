"""A watched directory takes what a replay takes, as files come, grow and are written again."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pages import bucket, page, put, put_all, used
from tests.support.watching import LONG, NONE, Watching

KIND = "organization.usage.completions.result"
FIRST = page(bucket(used(7, object=KIND)), cursor="page_x")
LAST = page(bucket(used(5, object=KIND), day=1))
WHOLE = page(*FIRST["data"], *LAST["data"])
LINES = f"{json.dumps(FIRST)}\n{json.dumps(LAST)}\n"
INDENTED = f"{json.dumps(FIRST, indent=1)}\n{json.dumps(LAST, indent=1)}\n"


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    """Watch an empty directory."""
    found = Watching(tmp_path)
    yield found
    found.intake.close()


@pytest.mark.parametrize("name", ["usage_completions.json", "usage.json", "walk.jsonl"])
@pytest.mark.parametrize("content", [LINES, INDENTED, json.dumps([FIRST, LAST])])
def test_each_shape_is_read_once(name: str, content: str, watching: Watching) -> None:
    """A file of many pages is news once, for a source that is built again too."""
    put_all(watching.pages / "below", {name: content})
    watching.look()
    assert (watching.tokens(), watching.letters, watching.issues) == (12, [], [])
    assert watching.look() == []
    watching.store()
    watching.again()
    assert watching.look() == []
    assert (watching.tokens(), watching.issues) == (12, [])


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("name", ["usage_completions.json", "usage.jsonl"])
def test_pages_are_read_as_they_are_appended(
    name: str, indent: int | None, watching: Watching
) -> None:
    """What was counted of a file is not counted again when more pages stand behind it."""
    first, last = (json.dumps(one, indent=indent) + "\n" for one in (FIRST, LAST))
    for content in (first, first + last[:30], first + last):
        put(watching.pages, name, content)
        watching.look(LONG)
    assert (watching.tokens(), watching.letters) == (12, [])
    assert not any("anew" in one for one in watching.issues)


def test_a_packed_page_is_waited_for(watching: Watching) -> None:
    """A page that does not expand may still be written to; it is bad when it was left alone."""
    packed = gzip.compress(json.dumps(WHOLE).encode())
    path = put(watching.pages, "usage_completions.json.gz", packed[:-9])
    watching.look(LONG)
    assert (watching.tokens(), watching.letters) == (0, [])
    watching.look(NONE)
    assert len(watching.letters) == 1
    path.write_bytes(packed)
    watching.look(LONG)
    assert (watching.tokens(), watching.letters) == (12, [])


def test_what_is_left_out_may_become_pages(watching: Watching) -> None:
    """A file is looked at again when it was written to, and not before."""
    path = put(watching.pages, "usage.json", "")
    watching.look()
    assert [one.name for one in watching.source.left_out] == ["usage.json"]
    path.write_text(json.dumps(WHOLE), "utf-8")
    watching.look(NONE)
    assert (watching.tokens(), watching.source.left_out) == (12, [])


def test_a_later_page_waits_for_its_first(watching: Watching) -> None:
    """While files still come, a page 2 without a page 1 is no label that ends so."""
    put(watching.pages, "usage_completions_x_page2.json", LAST)
    watching.look()
    assert watching.waits
    put(watching.pages, "usage_completions_x_page1.json", FIRST)
    watching.look()
    assert (watching.tokens(), watching.waits, watching.issues) == (12, False, [])


def test_a_configmap_is_read_when_it_is_replaced(watching: Watching) -> None:
    """Links that lead to another directory now bring the pages there."""
    for name, content in (("..1", FIRST | {"has_more": False, "next_page": None}), ("..2", WHOLE)):
        put_all(watching.pages / name, {"usage_completions.json": content})
    data, link = watching.pages / "..data", watching.pages / "usage_completions.json"
    data.symlink_to("..1")
    link.symlink_to("..data/usage_completions.json")
    watching.look()
    assert watching.tokens() == 7
    data.unlink()
    data.symlink_to("..2")
    watching.look()
    assert (watching.tokens(), watching.letters) == (12, [])
