"""Captures cut into ranges of lines: the bytes, the line and the counts of one process."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream.engines.workers import pool
from stream.engines.workers.ranges import compare_ranges
from stream.engines.workers.worker import Task
from stream.records.digests import CHECKSUMS
from stream.sources import capture_ranges
from stream.sources.capture_ranges import cut_capture
from stream.sources.captures import LineRange, capture_named
from stream.sources.lines import CaptureReader
from tests.support.capture_strategies import Sent, lines_of, viewed, walks
from tests.support.envelopes import line, put_capture, zstd
from tests.support.outcomes import outcomes_in
from tests.support.pages import bucket, listed, page, used
from tests.support.running import Replayed, replay

SOME = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
STRAY = st.sampled_from(
    [b"", b"", b" \t", b"\r", b"\0\0", b'{"endpoint":', b"\xef\xbb\xbf", b'"', b"{}", b"[1]"]
)
"""What stands between lines: mostly nothing, or a fault."""


@st.composite
def written_lines(draw: st.DrawFn) -> bytes:
    """Write lines of walks, some of which may be faulty, or blank, or not end."""
    sent: list[Sent] = draw(st.one_of(walks().map(lines_of), viewed()))
    stray = STRAY if draw(st.integers(0, 2)) == 0 else st.sampled_from([b"", b" ", b"\r"])
    found = []
    for one in sent:
        found.append(one.line + draw(st.sampled_from([b"", b"", b"\r"])))
        found += draw(st.lists(stray, max_size=2))
    return b"\n".join(found) + draw(st.sampled_from([b"\n", b"\n", b""]))


@st.composite
def packed_files(draw: st.DrawFn) -> dict[str, bytes]:
    """Make captures: plain, one gzip member, or zstd frames that end anywhere."""
    files = {}
    for name in draw(st.sampled_from(["a", "b", "ab"])):
        content = draw(written_lines())
        kind = draw(st.sampled_from(["", "", ".gz", ".zst", ".zst", ".zst"]))
        stored = gzip.compress(content) if kind == ".gz" else content
        if kind == ".zst":
            places = draw(st.lists(st.integers(0, len(content)), max_size=6))
            cuts = [0, *sorted(places), len(content)]
            stored = b"".join(map(zstd, map(content.__getitem__, map(slice, cuts, cuts[1:]))))
        files[f"{name}.ndjson{kind}"] = stored
    return files


@SOME
@given(files=packed_files(), data=st.data())
def test_ranges_of_lines_give_the_bytes_of_one_process(
    files: dict[str, bytes], data: st.DataObject
) -> None:
    """Wherever it is cut, whatever stands there: report, code, line and counts."""
    flags = data.draw(
        st.lists(st.sampled_from(["--no-details", "--allow-incomplete"]), unique=True), "flags"
    )
    memory = data.draw(st.sampled_from(["1B", "20kB", "1GB"]), "memory")
    with (
        TemporaryDirectory() as name,
        patch.object(capture_ranges, "PIECE", data.draw(st.integers(1, 300), "piece")),
        patch.object(capture_ranges, "HEAD", data.draw(st.sampled_from([1, 1 << 16]), "head")),
    ):
        place = Path(name) / "in"
        place.mkdir()
        for file, content in files.items():
            (place / file).write_bytes(content)
        found = []
        for workers in (1, data.draw(st.integers(2, 4), "workers")):
            metrics = Path(name) / f"{workers}.prom"
            one = replay(place, *flags, workers=workers, memory=memory, metrics=metrics)
            counted = {**outcomes_in(metrics)} if one.raw else {}
            # Of rows that were replaced it depends on who came first whether they were new.
            counted = {key: n for key, n in counted.items() if not key.startswith("new ")}
            found.append((one.code, one.raw, one.errors, counted))
    assert found[0] == found[1]


@given(
    lines=st.lists(st.sampled_from([b"", b" ", b"a", b"bb\r", b"\0\0c", b"dddddddd"]), max_size=9),
    ended=st.booleans(),
    data=st.data(),
)
def test_ranges_have_each_line_once(
    lines: list[bytes], *, ended: bool, data: st.DataObject
) -> None:
    """Together they have the lines of the file, in order, and no two have one number."""
    content = b"\n".join(lines) + b"\n" * ended
    places = data.draw(st.sets(st.integers(1, max(len(content), 1)), max_size=4), "borders")
    borders = [0, *sorted(places)]
    with TemporaryDirectory() as name:
        path = Path(name) / "a.ndjson"
        path.write_bytes(content)
        with CaptureReader(path, 100) as reader:
            whole = reader.read_lines()
        parts, digests = [], []
        for start, end in zip(borders, [*borders[1:], None], strict=True):
            one = LineRange(start, start, end, is_plain=True)
            with CaptureReader(path, 100, lines=one) as reader:
                parts += reader.read_lines()
                assert reader.read_lines() == []
                digests.append(reader.digest)
        with CaptureReader(path, 100) as reader:
            reader.read_lines()
            reader.read_lines()
            assert digests == [reader.digest] + [b""] * (len(borders) - 1)
    assert [one.content for one in parts] == [one.content for one in whole]
    assert [one.complete for one in parts] == [one.complete for one in whole]
    numbers = [one.number for one in parts]
    assert numbers == sorted(set(numbers))


@pytest.fixture
def tasks(tasks: list[Task], monkeypatch: pytest.MonkeyPatch) -> list[Task]:
    """Note what workers are started for; plain captures are cut wherever it falls."""
    monkeypatch.setattr(capture_ranges, "PIECE", 100)
    return tasks


def days(last: int, **fields: object) -> list[bytes]:
    """Make a line for each day, all of a walk; each has two rows of the next day too."""
    found = []
    for number in range(1, last + 1):
        rows = [
            bucket(used(number, user_id=f"u{number}"), used(day), day=day)
            for day in (number, number + 1)
        ]
        cursor = f"c{number}" if number < last else None
        moment = "2024-12-01T00:00:00Z"
        found.append(line(page(*rows, cursor=cursor), **{"observed_at": moment, **fields}))
    return found


def put_frames(path: Path, lines: list[bytes], *, size: int) -> Path:
    """Write a capture as zstd frames of so many lines."""
    some = [lines[at : at + size] for at in range(0, len(lines), size)]
    path.write_bytes(b"".join(zstd(b"".join(one + b"\n" for one in part)) for part in some))
    return path


def both(place: Path, *flags: str, workers: int = 3) -> tuple[Replayed, Replayed]:
    """Replay in one process, and in some; both have to come to the same."""
    whole, shared = replay(place, *flags), replay(place, *flags, workers=workers)
    assert (shared.code, shared.errors, shared.raw) == (whole.code, whole.errors, whole.raw)
    return whole, shared


def ranges_of(tasks: list[Task]) -> list[LineRange]:
    """Return the ranges that workers were given."""
    return [one.lines for task in tasks for one in task.survey.captures]


def test_frames_are_cut_and_the_main_process_takes_the_first_ones(
    tmp_path: Path, tasks: list[Task]
) -> None:
    """Each worker begins at a frame, and the last one reads to the end of the file."""
    path = put_frames(tmp_path / "a.ndjson.zst", days(9), size=3)
    whole, _ = both(path, "--no-details")
    first, second = ranges_of(tasks)
    content = path.read_bytes()
    assert [content[one.stored_start :][:4].hex() for one in (first, second)] == ["28b52ffd"] * 2
    assert 0 < first.start < second.start == first.end
    assert second.end is None
    assert whole.code == 0
    assert [task.share.by_days for task in tasks] == [False, False]


def test_files_of_all_kinds_are_shared_out_in_order(tmp_path: Path, tasks: list[Task]) -> None:
    """Pages, plain captures and packed ones: who has none of a file does not read it."""
    lines = days(8)
    put_capture(tmp_path / "b.ndjson", lines[:3])
    put_capture(tmp_path / "c.ndjson.gz", lines[3:5])
    put_frames(tmp_path / "d.ndjson.zst", lines[5:], size=1)
    first = page(bucket(used(5), day=20), cursor="c")
    (tmp_path / "usage_completions_page1.json").write_text(json.dumps(first))
    (tmp_path / "usage_completions_page2.json").write_text(json.dumps(page()))
    for workers in (2, 3, 4):
        tasks.clear()
        both(tmp_path, workers=workers)
        assert {task.share.by_days for task in tasks} == {False}
        named = [one.name for task in tasks for one in task.survey.captures]
        assert named == sorted(named)
        gzipped = [one for one in named if one.endswith(".gz")]
        assert len(gzipped) <= 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.ndjson.gz", gzip.compress(b"\n".join(days(4)))),
        ("a.ndjson.zst", zstandard.ZstdCompressor(write_content_size=False).compress(days(1)[0])),
        ("a.ndjson.zst", zstd(days(1)[0] + b"\n" + b" " * 3_000_000) + zstd(days(1)[0])),
        ("a.json", b"[" + b",".join(days(4)) + b"]"),
        ("a.ndjson", b""),
        ("a.ndjson.zst", zstd(b"")),
    ],
    ids=["gzip", "no size", "grows without measure", "an array", "empty", "an empty frame"],
)
def test_what_cannot_be_cut_is_one_piece(name: str, content: bytes, tmp_path: Path) -> None:
    """One process reads it from its start to its end."""
    (tmp_path / name).write_bytes(content)
    (piece,) = cut_capture(capture_named(tmp_path / name, name), 1 << 20)
    assert piece.lines == LineRange()
    both(tmp_path)


def test_chains_of_one_endpoint_are_seen_where_it_is_cut(tmp_path: Path, tasks: list[Task]) -> None:
    """Their windows may say the same usage, so that days are shared out."""
    lines = [*days(4), *days(4, label="eu")]
    put_frames(tmp_path / "a.ndjson.zst", lines, size=4)
    both(tmp_path, workers=2)
    assert [task.share.by_days for task in tasks] == [True, True]


def test_chains_that_nobody_saw_come_to_the_same(tmp_path: Path, tasks: list[Task]) -> None:
    """What stands behind the lines that were looked at is of two labels, and of a list."""
    lines = days(30)
    for day in (7, 25):
        lines[day] = line(page(bucket(used(4), day=day)), label="eu")
    project = {"object": "organization.project", "id": "proj_a", "name": "A"}
    lines[9] = line(listed(project), endpoint="projects", label=None)
    put_frames(tmp_path / "a.ndjson.zst", lines, size=2)
    with patch.object(capture_ranges, "HEAD", 1):
        whole, _ = both(tmp_path, "--allow-incomplete")
    assert {task.share.by_days for task in tasks} == {False}
    assert whole.report is not None


@pytest.mark.parametrize("bad", [b"{", b"[1]", line(page(bucket(used(-1))))])
def test_a_bad_line_is_named_by_its_number(bad: bytes, tmp_path: Path, tasks: list[Task]) -> None:
    """Who reads a range does not know it: one process reads all lines again."""
    lines = days(9)
    lines[6] = bad
    put_capture(tmp_path / "a.ndjson", lines)
    whole, _ = both(tmp_path)
    assert (whole.code, "line 7" in whole.errors) == (65, True)
    assert len(tasks) == 2


def test_a_hole_is_told_with_the_number_of_its_line(tmp_path: Path, tasks: list[Task]) -> None:
    """NUL bytes in front of a line that a worker reads are no fault, and are named once."""
    lines = days(9)
    lines[6] = bytes(5) + lines[6]
    put_capture(tmp_path / "a.ndjson", lines)
    whole, _ = both(tmp_path)
    assert (whole.code, whole.errors.count("line 7")) == (0, 1)
    assert len(tasks) == 2


def test_digests_are_of_whole_files(tmp_path: Path, tasks: list[Task]) -> None:
    """Whoever reads the first lines names the file; a list of checksums is looked at once."""
    path = put_frames(tmp_path / "a.ndjson.zst", days(9), size=1)
    cheap, _ = both(tmp_path)
    strong, _ = both(tmp_path, "--sha256")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in strong.raw.decode()
    assert cheap.raw != strong.raw
    for digest, code in ((hashlib.sha256(path.read_bytes()), 0), (hashlib.sha256(), 65)):
        (tmp_path / CHECKSUMS).write_text(f"{digest.hexdigest()}  {path.name}\n")
        listed_as, _ = both(tmp_path)
        assert listed_as.code == code
    assert len(ranges_of(tasks)) == 8


def test_a_walk_that_does_not_end_is_judged_over_all_ranges(
    tmp_path: Path, tasks: list[Task]
) -> None:
    """Its last page is in nobody's range, and its end is missing in the whole alone."""
    put_capture(tmp_path / "a.ndjson", days(9)[:-1])
    for flags, code in (((), 65), (("--allow-incomplete",), 1)):
        whole, _ = both(tmp_path, *flags)
        assert whole.code == code
    assert len(tasks) == 4


def test_a_capture_that_grows_meanwhile_is_read_by_one(
    tmp_path: Path, tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines and digest are what stood in it at one time, whenever each range was read."""
    path = put_capture(tmp_path / "a.ndjson", days(9))
    real, more = compare_ranges, line(page(bucket(used(7), day=20))) + b"\n"

    def grow(*given: Any) -> Any:
        path.write_bytes(path.read_bytes() + more)
        return real(*given)

    monkeypatch.setattr(pool, "compare_ranges", grow)
    shared = replay(tmp_path, workers=3)
    assert len(tasks) == 2
    assert shared.raw == replay(tmp_path).raw
