"""What a killed run left behind: the next one clears it, and nothing that is somebody's."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from stream.sinks.atomic import atomic_file
from stream.sinks.directory import atomic_directory
from stream.sinks.scratch import clear_leftovers, make_scratch_directory, make_scratch_file
from tests.support.running import replay, run
from tests.support.workers import Started


def names(directory: Path) -> list[str]:
    """List a directory."""
    return sorted(path.name for path in directory.iterdir())


def leave(directory: Path) -> None:
    """Leave a file and a directory behind, as a process does that is killed."""
    child = os.fork()
    if not child:
        inside = make_scratch_directory(directory)
        (inside.path / "shard").write_bytes(b"x")
        make_scratch_file(directory)
        os._exit(0)
    os.waitpid(child, 0)


async def test_the_next_file_or_directory_clears_what_was_left(tmp_path: Path) -> None:
    """What nobody works in any more is gone when the next of its kind is made there."""
    leave(tmp_path)
    assert len(names(tmp_path)) == 2
    async with atomic_file(tmp_path / "one") as file:
        await file.write(b"x")
    assert names(tmp_path) == ["one"]
    leave(tmp_path)
    async with atomic_directory(tmp_path / "out") as drawer:
        await drawer.put("a", b"x")
    assert names(tmp_path) == ["one", "out"]


def test_what_somebody_works_in_stays(tmp_path: Path) -> None:
    """A lock keeps it, also while a child of its owner lives; other files are nobody's business."""
    held = [make_scratch_file(tmp_path), make_scratch_directory(tmp_path)]
    (tmp_path / ".other.tmp").touch()
    (tmp_path / ".usage-stream-link.tmp").symlink_to(tmp_path / ".other.tmp")
    before = names(tmp_path)
    clear_leftovers(tmp_path)
    assert names(tmp_path) == before
    for one in held:
        one.remove()
    clear_leftovers(tmp_path)
    assert names(tmp_path) == [".other.tmp", ".usage-stream-link.tmp"]


@pytest.mark.no_cover
def test_a_killed_run_is_cleared_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What workers left whose run got SIGKILL is gone after the next run."""
    capture = tmp_path / "made.ndjson"
    assert run(["generate", str(capture), "--rows", "60000", "--rows-per-bucket", "25"])[0] == 0
    place = tmp_path / "scratch"
    place.mkdir()
    started = Started(capture, place / "r.json", beside=1)
    children = started.children()
    for child in [started.process.pid, *children]:
        os.kill(child, signal.SIGKILL)
    started.end()
    assert len(names(place)) == 1
    monkeypatch.setattr("tempfile.tempdir", str(place))
    assert replay(capture, workers=2).code == 0
    assert names(place) == []
