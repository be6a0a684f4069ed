"""Walks that are appended to a packed capture: each is whole in it, or no part of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import zstandard

from stream.sinks import captures
from stream.sinks.captures import PackedAppender
from stream.sources.frames import frames_of

WALKS = [[b"one\n", b"page\n"], [b"a longer walk\n"] * 9, [b"last\n"]]


@pytest.fixture(autouse=True)
def small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let other files have a frame for every few bytes."""
    monkeypatch.setattr(captures, "BATCH", 8)


def test_a_walk_is_one_frame_however_long_it_is(tmp_path: Path) -> None:
    """Whoever reads the file by frames reads whole walks."""
    path = tmp_path / "a.ndjson.zst"
    appender = PackedAppender(path)
    for walk in WALKS:
        appender.append(walk)
    packed, frames = path.read_bytes(), frames_of(path) or []
    read = [zstandard.decompress(packed[one.offset : one.offset + one.size]) for one in frames]
    assert read == [b"".join(walk) for walk in WALKS]


def test_a_walk_that_was_broken_off_leaves_nothing(tmp_path: Path) -> None:
    """Of whatever bytes a process that was killed has written, whole walks alone stay."""
    path = tmp_path / "a.ndjson.zst"
    appender = PackedAppender(path)
    ends = [0]
    for walk in WALKS:
        appender.append(walk)
        ends.append(appender.bytes)
    whole = path.read_bytes()
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        assert PackedAppender(path).bytes == max(end for end in ends if end <= size)
        assert path.stat().st_size in ends
