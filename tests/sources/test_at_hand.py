"""Small pages that are in memory are read at once; who would wait for a disk asks a thread."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from stream.records.errors import Unavailable
from stream.sources import files, fixtures, regular_files
from stream.sources.files import PageFile, read_at_hand, read_batch
from stream.sources.regular_files import make_buffer
from tests.support.pages import Content, bucket, page, put_all, used
from tests.support.running import replay

PAGES: dict[str, Content] = {
    "usage_completions_page1.json": page(bucket(used(1)), cursor="c"),
    "usage_completions_page2.json": page(bucket(used(2), day=1)),
}
MOST = 1 << 30


@pytest.fixture
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all files be in memory, wherever tests write them: not every file system can tell."""
    real = os.preadv
    monkeypatch.setattr(os, "preadv", lambda file, some, at, _: real(file, some, at))
    monkeypatch.setattr(regular_files, "WITHOUT_WAIT", 1)


def files_in(place: Path) -> list[PageFile]:
    """Return the files of a directory as pages."""
    names = sorted(path.name for path in place.iterdir())
    return [PageFile(number, str(place), name) for number, name in enumerate(names, 1)]


@pytest.mark.usefixtures("in_memory")
def test_it_has_what_a_thread_reads(tmp_path: Path) -> None:
    """Content, digest and status, and what is wrong; up to a file that is large."""
    put_all(tmp_path, {**PAGES, "usage_completions_page0.json": "", "usage_costs.json": "[]"})
    (tmp_path / "usage_images.json").symlink_to("usage_completions_page1.json")
    found = files_in(tmp_path)
    at_once, batch = read_at_hand(found, MOST, make_buffer()), read_batch(found, MOST)
    assert len(at_once) == len(found) == 5
    for one, other in zip(at_once, batch, strict=True):
        assert (one.content, one.digest, one.signature) == (
            other.content,
            other.digest,
            other.signature,
        )
        assert (str(one.error), one.is_page) == (str(other.error), other.is_page)
    (tmp_path / "usage_completions_page2.json").write_bytes(b" " * (regular_files.SMALL + 1))
    assert [one.file for one in read_at_hand(found, MOST, make_buffer())] == found[:2]


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EOPNOTSUPP, None])
def test_what_is_not_in_memory_is_left_to_a_thread(
    number: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is where a system cannot tell, and where a file has got shorter."""
    place = put_all(tmp_path, PAGES)

    def refuse(*_: Any) -> int:
        if number is None:
            return 1
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "preadv", refuse, raising=False)
    assert read_at_hand(files_in(place), MOST, make_buffer()) == []
    assert replay(place).code == 0


def test_what_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the disk is no reason to ask again."""

    def fail(*_: Any) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    place = put_all(tmp_path, PAGES)
    monkeypatch.setattr(os, "preadv", fail, raising=False)
    monkeypatch.setattr(regular_files, "WITHOUT_WAIT", 1)
    with pytest.raises(Unavailable, match="cannot be read"):
        read_at_hand(files_in(place), MOST, make_buffer())


@pytest.mark.usefixtures("in_memory")
def test_a_replay_asks_no_thread_for_small_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a large one it does; both come to the same."""
    place, asked = put_all(tmp_path, PAGES), []

    def note(some: list[PageFile], *more: Any) -> list[files.FilePage]:
        asked.append([one.page for one in some])
        return read_batch(some, *more)

    monkeypatch.setattr(fixtures, "read_batch", note)
    whole = replay(place)
    assert (whole.code, asked) == (0, []), whole.errors
    monkeypatch.setattr(regular_files, "SMALL", 1)
    assert replay(place).raw == whole.raw
    assert asked == [[1, 2]]
