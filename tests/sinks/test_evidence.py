"""Evidence by days: whole lines, packed once, and never written over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import zstandard

from stream.sinks.evidence import DayFiles
from tests.support.twins import Moment

DAY = 86_400
START = 20_700 * DAY


def files_in(place: Path, clock: Moment) -> DayFiles:
    """Open evidence."""
    return DayFiles(place / "above" / "acme", clock)


def content(files: DayFiles) -> bytes:
    """Return all that is kept, in the order of days."""
    found = b""
    for path in sorted(files.directory.iterdir()):
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
        (path,) = files.directory.iterdir()
        assert path.suffix == suffix
    files.append([b"two\n"])
    assert content(files) == b"one\ntwo\n"
    assert files.size == sum(path.stat().st_size for path in files.directory.iterdir())
    clock.now = START + 3 * DAY
    files.tidy(2 * DAY)
    assert content(files) == b"two\n"


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
    assert content(files) == b"one\n"


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
