"""A real daemon over captures that are rotated while a process holds them open to write."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.support.appending import FIRST, of_day
from tests.support.daemons import Daemon, daemon, tokens
from tests.support.running import replay
from tests.support.writers import Writer, writer

NAME = "cap.ndjson"
Turn = Callable[[Path, Writer], None]


def shift(path: Path) -> Path:
    """Make room for the next ``.1``; return where that is."""
    first, second = path.with_name(f"{NAME}.1"), path.with_name(f"{NAME}.2")
    if first.exists():
        first.rename(second)
    return first


def copy_and_empty(path: Path, _: Writer) -> None:
    """Rotate by ``copytruncate``: the writer keeps its file."""
    shutil.copyfile(path, shift(path))
    os.truncate(path, 0)


def rename_and_create(path: Path, writes: Writer) -> None:
    """Rotate by ``create``: the writer opens the new file when it is told to."""
    path.rename(shift(path))
    writes.reopen()


def has(found: Daemon, expected: int) -> bool:
    """Tell whether so many tokens count."""
    return tokens(found) == expected


def as_a_replay(found: Daemon, lines: int) -> None:
    """Each line counts once, nothing is said to be anew, and the report is a replay's."""
    pages, name = found.place / "pages", "usage_stream_pages_read_total"
    assert found.value(name, outcome="ok") == lines
    assert "anew" not in found.log()
    assert found.stop() == 0
    assert (found.place / "report.json").read_bytes() == replay(pages, "--no-details").raw


def line(day: int, tokens_used: int) -> bytes:
    """Write a line of one day."""
    return of_day(day, tokens_used, observed_at=FIRST)


@pytest.mark.parametrize("turns", [1, 2])
@pytest.mark.parametrize("turn", [copy_and_empty, rename_and_create])
def test_rotated_while_it_is_written(turn: Turn, turns: int, tmp_path: Path) -> None:
    """Rotated once or twice with its writer there, all lines count, each once."""
    path = tmp_path / "pages" / NAME
    path.parent.mkdir()
    with writer(path) as writes, daemon(tmp_path) as found:
        writes.write(line(0, 7) + line(1, 5))
        found.until(partial(has, found, 12), "the first lines")
        for number in range(turns):
            turn(path, writes)
            writes.write(line(2 + number, 1))
            found.until(partial(has, found, 13 + number), "what came after the rotation")
        as_a_replay(found, 2 + turns)


def test_the_rotated_file_grows(tmp_path: Path) -> None:
    """A writer that has not heard of it goes on in the renamed file, and that counts."""
    path = tmp_path / "pages" / NAME
    path.parent.mkdir()
    with writer(path) as writes, daemon(tmp_path) as found:
        writes.write(line(0, 7))
        found.until(partial(has, found, 7), "the first line")
        path.rename(shift(path))
        path.write_bytes(line(1, 5))
        found.until(partial(has, found, 12), "the new file's line")
        writes.write(line(2, 1))
        found.until(partial(has, found, 13), "the old file's line")
        as_a_replay(found, 3)


def test_rotated_and_packed(tmp_path: Path) -> None:
    """What is packed after it was rotated is known, and counts no second time."""
    path = tmp_path / "pages" / NAME
    path.parent.mkdir()
    with writer(path) as writes, daemon(tmp_path) as found:
        writes.write(line(0, 7) + line(1, 5))
        found.until(partial(has, found, 12), "the first lines")
        rename_and_create(path, writes)
        writes.write(line(2, 1))
        found.until(partial(has, found, 13), "the new file's line")
        old = path.with_name(f"{NAME}.1")
        path.with_name(f"{NAME}.1.gz").write_bytes(gzip.compress(old.read_bytes()))
        old.unlink()
        writes.write(line(3, 2))
        found.until(partial(has, found, 15), "the line behind it")
        as_a_replay(found, 4)


def test_a_hole_in_front(tmp_path: Path) -> None:
    """A writer with an offset of its own leaves NULs in front, which are passed over and said."""
    path = tmp_path / "pages" / NAME
    path.parent.mkdir()
    with writer(path, appends=False) as writes, daemon(tmp_path) as found:
        writes.write(line(0, 7) + line(1, 5))
        found.until(partial(has, found, 12), "the first lines")
        copy_and_empty(path, writes)
        writes.write(line(2, 1))
        assert path.read_bytes().startswith(b"\0")
        found.until(partial(has, found, 13), "the line behind the hole")
        (event,) = [one for one in found.events() if one["event"] == "nul_bytes"]
        assert (event["file"], event["bytes"]) == (NAME, len(line(0, 7) + line(1, 5)))
        as_a_replay(found, 3)
