"""A watched directory: what is taken away and returns, what cannot be read, and rivals."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from stream.records.errors import Unavailable
from stream.sources import files, regular_files, watch
from stream.sources.directory import Directory
from stream.sources.settling import Patience
from tests.support.appending import append, of_day
from tests.support.bad_pages import END, GOOD, MORE, ONE, TWO
from tests.support.pages import bucket, page, put, put_all, used
from tests.support.watching import NONE, OPTIONS, Watching

THREE = "usage_completions_fixture_page3.json"
SHORT = "usage_completions.json"


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    """Watch an empty directory."""
    found = Watching(tmp_path)
    yield found
    found.intake.close()


@pytest.mark.parametrize("content", ["{}", "{", b"\xff"], ids=["no page", "no JSON", "no text"])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_page_set_aside_goes_and_returns(
    content: str | bytes,
    restarted: bool,  # noqa: FBT001 -- a parameter
    watching: Watching,
) -> None:
    """A dead letter goes with its page, and returns with it, though nobody has written to it."""
    put_all(watching.pages, {ONE: page(GOOD), "usage_embeddings.json": content})
    away = watching.place / "away"
    watching.look(NONE)
    assert (watching.tokens(), len(watching.letters)) == (7, 1)
    watching.pages.rename(away)
    watching.pages.mkdir()
    watching.look(NONE)
    assert (watching.tokens(), watching.letters) == (7, [])
    if restarted:
        watching.again()
    watching.pages.rmdir()
    away.rename(watching.pages)
    watching.look(NONE)
    assert (watching.tokens(), len(watching.letters)) == (7, 1)


def test_a_broken_end_returns_with_its_directory(watching: Watching) -> None:
    """The end of a capture that is no line is said again when the same file is back."""
    append(watching.pages / "walk.ndjson", of_day(0, 7) + of_day(1, 5)[:30])
    away = watching.place / "away"
    watching.look(NONE)
    assert len(watching.letters) == 1
    watching.pages.rename(away)
    watching.pages.mkdir()
    watching.look(NONE)
    assert watching.intake.checkpoints.pending_deliveries
    assert watching.letters == []
    watching.again()
    watching.pages.rmdir()
    away.rename(watching.pages)
    watching.look(NONE)
    assert (watching.tokens(), len(watching.letters)) == (7, 1)
    assert not any("anew" in one for one in watching.issues)


@pytest.mark.parametrize("left", [ONE, SHORT])
def test_whichever_rival_is_left_counts(left: str, watching: Watching) -> None:
    """Of two files for one page neither counts, and then the one that is left."""
    put_all(watching.pages, {ONE: page(GOOD), SHORT: page(GOOD)})
    watching.look()
    assert (watching.tokens(), len(watching.letters)) == (0, 2)
    (watching.pages / ({ONE, SHORT} - {left}).pop()).unlink()
    watching.look()
    assert (watching.tokens(), watching.letters) == (7, [])


def test_the_pages_of_a_chain_do_not_wait_for_one_that_cannot_be_read(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that cannot be read is named, the others count, and it does when it can be read."""
    last = page(bucket(used(1), day=2))
    put_all(watching.pages, {ONE: MORE, TWO: page(bucket(used(5), day=1), cursor="3"), THREE: last})
    put(watching.pages, "usage_embeddings.json", page(bucket(used(100))))
    append(watching.pages / "walk.ndjson", of_day(5, 1_000, label="other"))
    read = regular_files.read_whole

    def fail(path: str, most: int, _: bytearray | None = None) -> tuple[bytes, os.stat_result]:
        if Path(path).name == TWO:
            raise Unavailable(f"{path}: cannot be read (Input/output error)")
        return read(path, most)

    with monkeypatch.context() as patched:
        patched.setattr(files, "read_whole", fail)
        for _ in range(2):
            with pytest.raises(Unavailable, match=TWO):
                watching.look()
            assert (watching.tokens(), watching.waits) == (1_108, True)
    watching.look()
    assert (watching.tokens(), watching.waits) == (1_113, False)


def test_a_page_that_is_being_written_holds_up_nothing(watching: Watching) -> None:
    """Half a page waits, and those behind it count."""
    put_all(watching.pages, {ONE: '{"object": "pa', TWO: END})
    watching.look()
    assert (watching.tokens(), watching.letters, watching.waits) == (5, [], True)
    put(watching.pages, ONE, MORE)
    watching.look()
    assert (watching.tokens(), watching.waits) == (12, False)


async def test_a_directory_in_the_place_of_another_is_watched_anew(tmp_path: Path) -> None:
    """What the kernel tells of is the directory that was there; it ends when another is."""
    pages = tmp_path / "pages"
    pages.mkdir()
    changes = watch.changes_in(pages, 60.0, anyio.CancelScope())
    await anext(changes)
    pages.with_name("other").mkdir()
    shutil.rmtree(pages)
    pages.with_name("other").rename(pages)
    with anyio.fail_after(30):
        async for _ in changes:
            pass


async def test_a_watch_that_is_over_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is to end does not wait until the kernel's watcher has told that nothing happened."""
    monkeypatch.setattr(watch, "TELLING", 20_000)
    with anyio.move_on_after(10) as late, anyio.CancelScope() as scope:
        asyncio.get_running_loop().call_later(0.1, scope.cancel)
        async for _ in watch.changes_in(tmp_path, 60.0, scope):
            pass
    assert not late.cancel_called


def test_pages_may_be_counted_from_0(watching: Watching) -> None:
    """Where there is a page 0, it is the first one."""
    put(watching.pages, "usage_completions_page_0.json", MORE)
    watching.look()
    assert watching.waits
    put(watching.pages, "usage_completions_page_1.json", END)
    watching.look()
    assert (watching.tokens(), watching.letters, watching.waits) == (12, [], False)
    assert watching.issues == []


async def test_a_directory_is_surveyed_when_it_can_be_read(tmp_path: Path) -> None:
    """One that is not there yet was not looked through, however often somebody has tried."""
    source = Directory(tmp_path / "pages", "", {}, OPTIONS, Patience(NONE, 60.0))

    async def send(_: object) -> None:
        """Take nothing."""

    for _ in range(2):
        with pytest.raises(Unavailable, match="pages"):
            await source.look(send)
        assert not source.has_survey
    (tmp_path / "pages").mkdir()
    assert await source.look(send) == 60
    assert source.has_survey
