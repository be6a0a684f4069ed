"""Evidence by days: whole lines, packed once, and never written over."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import zstandard

from stream.records.digests import CHECKSUMS, listed_sums
from stream.sinks import captures
from stream.sinks.evidence import DayFiles
from stream.sources.digests import Digests
from stream.sources.frames import frames_of
from tests.support.twins import Moment

DAY = 86_400
START = 20_700 * DAY


def files_in(place: Path, clock: Moment) -> DayFiles:
    """Open evidence."""
    return DayFiles(place / "above" / "acme", clock)


def days_in(files: DayFiles) -> list[Path]:
    """Return the files of days, in their order."""
    return sorted(one for one in files.directory.iterdir() if one.name != CHECKSUMS)


def is_listed(files: DayFiles) -> bool:
    """Tell whether the packed days, and no other file, are listed with the sums that they have."""
    packed = [one for one in days_in(files) if one.suffix == ".zst"]
    sums = [f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in packed]
    listed = files.directory / CHECKSUMS
    if not packed:
        return not listed.exists()
    return listed.read_text("utf-8") == "".join(sums) and not listed.stat().st_mode & 0o077


def content(files: DayFiles) -> bytes:
    """Return all that is kept, in the order of days."""
    found = b""
    for path in days_in(files):
        raw = path.read_bytes()
        if path.suffix == ".zst":
            raw = zstandard.ZstdDecompressor().stream_reader(raw).read()
        found += raw
    return found


def test_a_day_is_packed_when_it_is_over(tmp_path: Path) -> None:
    """Ten minutes after midnight, and not before; what is older than it is kept is removed."""
    clock = Moment(START + 100)
    files = files_in(tmp_path, clock)
    files.append([b"one\n"])
    for now, suffix in ((DAY - 1, ".ndjson"), (DAY + 600, ".ndjson"), (DAY + 601, ".zst")):
        clock.now = START + now
        files.tidy(None)
        (path,) = days_in(files)
        assert path.suffix == suffix
        assert is_listed(files)
    files.append([b"two\n"])
    assert content(files) == b"one\ntwo\n"
    assert files.size == sum(path.stat().st_size for path in days_in(files))
    clock.now = START + 3 * DAY
    files.tidy(2 * DAY)
    assert (content(files), is_listed(files)) == (b"two\n", True)
    clock.now = START + 3 * DAY + 700
    files.tidy(2 * DAY)
    assert (content(files), is_listed(files)) == (b"two\n", True)
    clock.now = START + 9 * DAY
    files.tidy(2 * DAY)
    assert list(files.directory.iterdir()) == []


def test_a_packed_day_is_a_row_of_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each frame is of whole lines, says its size and expands alone; the bytes are the same."""
    monkeypatch.setattr(captures, "BATCH", 100)
    lines = [b"%d" % number * 3 + b"\n" for number in range(1, 60)]
    packed = []
    for name in ("one", "other"):
        clock = Moment(START + 100)
        files = files_in(tmp_path / name, clock)
        files.append([*lines, b"x" * 300 + b"\n", b"y\n"])
        clock.now = START + DAY + 700
        files.tidy(None)
        (path,) = days_in(files)
        packed.append(path.read_bytes())
        frames = frames_of(path) or []
    parts = [
        zstandard.decompress(packed[0][frame.offset : frame.offset + frame.size])
        for frame in frames
    ]
    assert [len(part) for part in parts] == [frame.expanded_size for frame in frames]
    assert b"".join(parts) == b"".join(lines) + b"x" * 300 + b"\ny\n"
    assert all(part.endswith(b"\n") and len(part) >= 100 for part in parts[:-1])
    assert len(parts) > 2
    assert packed[0] == packed[1]


def test_a_clock_that_goes_back_writes_over_nothing(tmp_path: Path) -> None:
    """A day that is packed is not begun anew, and not packed over, wherever the clock goes."""
    clock = Moment(START + 100)
    files = files_in(tmp_path, clock)
    written = b""
    for step, now in enumerate((100, DAY + 700, DAY - 3_600, 2 * DAY + 700, 50, 3 * DAY + 700)):
        clock.now = START + now
        files.tidy(None)
        line = b"%d\n" % step
        files.append([line])
        written += line
        files.tidy(None)
        assert is_listed(files)
    assert sorted(content(files)) == sorted(written)


def test_what_was_packed_before_a_kill_is_packed_once(tmp_path: Path) -> None:
    """A process that ended before it removed the plain file leaves no second one."""
    clock = Moment(START + 100)
    files = files_in(tmp_path, clock)
    files.append([b"one\n"])
    (path,) = files.directory.iterdir()
    plain = path.read_bytes()
    clock.now += DAY
    files.tidy(None)
    path.write_bytes(plain)
    files.tidy(None)
    assert (content(files), is_listed(files)) == (b"one\n", True)


class Killed(BaseException):
    """Stands for the end of the process."""


def end_at(step: int, patched: pytest.MonkeyPatch) -> None:
    """Let the process end in the place of the so manieth call that changes the disk."""
    steps = count()

    def ending(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: Any, **options: Any) -> object:
            if next(steps) == step:
                raise Killed
            return real(*arguments, **options)

        return call

    for name in ("replace", "unlink", "fsync"):
        patched.setattr(os, name, ending(getattr(os, name)))


def put_days(files: DayFiles, clock: Moment) -> None:
    """Put three days there, of which the first was packed, and its plain file has come back."""
    for day in range(3):
        clock.now = START + day * DAY + 700
        files.tidy(None)
        clock.now = START + day * DAY + 100
        files.append([b"%d\n" % day])
    first, *_ = days_in(files)
    assert first.suffix == ".zst"
    first.with_suffix("").write_bytes(b"it packs to other bytes\n")
    clock.now = START + 4 * DAY + 700


@pytest.mark.parametrize("keep", [None, 2 * DAY])
def test_a_kill_while_days_are_packed_leaves_no_wrong_sum(
    keep: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a kill at any step each listed day is there as it says; the next run lists them all."""
    for step in count():
        clock = Moment(START)
        files = files_in(tmp_path / str(step), clock)
        put_days(files, clock)
        with monkeypatch.context() as patched:
            end_at(step, patched)
            try:
                files.tidy(keep)
            except Killed:
                pass
            else:
                break
        for path in days_in(files):
            Digests(is_compared=True).check_file(path)
        listed = files.directory / CHECKSUMS
        names = [one.name for one in listed_sums(listed.read_bytes())] if listed.exists() else []
        assert all((files.directory / name).exists() for name in names)
        files.tidy(keep)
        assert is_listed(files)
    assert step >= 10


def test_a_full_disk_takes_back_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be written whole is not there; a torn line of before is cut off."""
    files = files_in(tmp_path, Moment(START + 100))
    files.append([b"one\n"])
    (path,) = files.directory.iterdir()
    with path.open("ab") as file:
        file.write(b"torn")
    plain, calls = os.write, iter((3, 0))

    def write_some(descriptor: int, written: bytes) -> int:
        size = next(calls)
        if not size:
            raise OSError(28, "No space left on device")
        return plain(descriptor, written[:size])

    monkeypatch.setattr("os.write", write_some)
    with pytest.raises(OSError, match="No space left"):
        files.append([b"two\n", b"three\n"])
    monkeypatch.undo()
    assert content(files) == b"one\n"
    files.append([b"two\n"])
    assert content(files) == b"one\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o600
