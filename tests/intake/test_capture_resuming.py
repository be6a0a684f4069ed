"""Captures over several runs: grown, broken and mended, killed, written anew, or gone."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.capture_replays import BUDGETS, FEW
from tests.support.capture_strategies import Sent, lines_of, walks
from tests.support.envelopes import PACKED, SUFFIXES, envelope, put_capture
from tests.support.pages import bucket, page, used
from tests.support.processes import command, killed_at
from tests.support.running import Replayed, replay
from tests.support.strategies import written

each_kind = pytest.mark.parametrize("suffix", SUFFIXES, ids=["plain", "gzip", "zstd"])
AT = "2024-12-01T06:00:00Z"


def line(day: int, tokens: int, more: str | None = None, at: str = AT) -> bytes:
    """Write a page of one bucket."""
    content = page(bucket(used(tokens), day=day), cursor=more)
    return written(envelope(content, observed_at=at)).encode()


def packed(suffix: str, lines: list[bytes]) -> bytes:
    """Pack lines; what is appended is a member or a frame of its own."""
    return PACKED[suffix](b"".join(one + b"\n" for one in lines))


@FEW
@given(walks(), st.data())
def test_a_capture_that_grows_gives_the_bytes_of_one_run(
    made: list[list[Sent]], data: st.DataObject
) -> None:
    """However often it is read while lines are appended, the last report is that of all lines."""
    lines = [sent.line for sent in data.draw(st.permutations(lines_of(made)))]
    suffix = data.draw(st.sampled_from(SUFFIXES))
    with TemporaryDirectory() as name:
        directory, state = Path(name) / "in", Path(name) / "state.db"
        directory.mkdir()
        capture, seen = directory / f"a.ndjson{suffix}", 0
        for edge in sorted(data.draw(st.lists(st.integers(0, len(lines)), max_size=3))):
            with capture.open("ab") as file:
                file.write(packed(suffix, lines[seen:edge]))
            seen = edge
            budget = data.draw(BUDGETS)
            replay(directory, "--allow-incomplete", state=state, memory=budget)
        with capture.open("ab") as file:
            file.write(packed(suffix, lines[seen:]))
        whole = replay(directory)
        assert whole.report is not None, whole.errors
        last = replay(directory, state=state)
        assert (last.raw, last.errors) == (whole.raw, whole.errors)


@FEW
@given(walks(), st.data())
def test_a_run_that_a_bad_line_ended_goes_on(made: list[list[Sent]], data: st.DataObject) -> None:
    """When the line has been mended, the next run reads on, and gives the bytes of one run."""
    lines = [sent.line for sent in lines_of(made)]
    place = data.draw(st.integers(0, len(lines) - 1))
    broken = lines[place][: data.draw(st.integers(1, len(lines[place]) - 1))]
    with TemporaryDirectory() as name:
        directory, state = Path(name) / "in", Path(name) / "state.db"
        directory.mkdir()
        capture = directory / f"a.ndjson{data.draw(st.sampled_from(SUFFIXES))}"
        put_capture(capture, [*lines[:place], broken, *lines[place + 1 :]])
        ended = replay(directory, state=state, memory=data.draw(BUDGETS))
        assert (ended.code, ended.report, ended.errors.count("\n")) == (65, None, 1)
        assert f"line {place + 1}" in ended.errors
        put_capture(capture, lines)
        whole, resumed = replay(directory), replay(directory, state=state)
        assert whole.report is not None
        assert (resumed.raw, resumed.code) == (whole.raw, whole.code)


def sentences(found: Replayed) -> list[str]:
    """Return what does not hold."""
    assert found.report is not None, found.errors
    issues: list[str] = found.report["relationshipIssues"]
    return issues


@each_kind
def test_a_capture_that_was_written_anew_is_named(suffix: str, tmp_path: Path) -> None:
    """What it said before still counts, and that is said, in every report from then on."""
    capture, state = tmp_path / f"a.ndjson{suffix}", tmp_path / "state.db"
    put_capture(capture, [line(0, 5), line(1, 7)])
    assert replay(capture, state=state).code == 0
    put_capture(capture, [line(0, 6), line(2, 1)])
    for _ in range(2):
        found = replay(capture, state=state)
        assert found.code == 1, found.errors
        assert found.report is not None
        assert found.report["usageSummary"]["tokensIn"] == 6 + 7 + 1
        (said,) = sentences(found)
        assert capture.name in said
        assert "written anew" in said


@each_kind
def test_what_was_mended_and_changed_before_the_bad_line_is_named(
    suffix: str, tmp_path: Path
) -> None:
    """A run that a bad line ended does not read on in a file that begins in another way."""
    capture, state = tmp_path / f"a.ndjson{suffix}", tmp_path / "state.db"
    put_capture(capture, [line(0, 5), b"{", line(2, 1)])
    assert replay(capture, state=state).code == 65
    put_capture(capture, [line(0, 6), line(1, 7), line(2, 1)])
    found = replay(capture, state=state)
    assert found.report is not None, found.errors
    assert found.report["usageSummary"]["tokensIn"] == 6 + 7 + 1
    assert found.code == 1
    assert "written anew" in sentences(found)[0]


def test_a_capture_that_is_gone_still_counts(tmp_path: Path) -> None:
    """What a state file has of a capture counts, with and without the file."""
    first, second, state = tmp_path / "a.ndjson", tmp_path / "b.ndjson", tmp_path / "state.db"
    put_capture(first, [line(0, 5)])
    put_capture(second, [line(1, 7)])
    whole = replay(tmp_path, state=state)
    first.unlink()
    assert replay(tmp_path, state=state).raw == whole.raw
    put_capture(first, [line(0, 5)])
    assert replay(tmp_path, state=state).raw == whole.raw


def test_a_capture_that_is_unchanged_is_not_read_again(tmp_path: Path) -> None:
    """All of it has been read, so a run that follows takes nothing in, and says the same."""
    capture, state = tmp_path / "a.ndjson", tmp_path / "state.db"
    put_capture(capture, [line(0, 5, "c2"), line(1, 7)])
    for pages in (2, 0):
        found = replay(capture, state=state, metrics=tmp_path / "metrics")
        assert found.report is not None
        assert found.report["usageSummary"]["tokensIn"] == 12
        metrics = (tmp_path / "metrics").read_text("utf-8")
        assert f"page_decode_duration_seconds_count {pages}.0" in metrics


@each_kind
def test_a_last_line_may_get_its_break_later(suffix: str, tmp_path: Path) -> None:
    """Lines keep their numbers, so that what is said of them is what one run would say."""
    capture, state, dead = tmp_path / f"a.ndjson{suffix}", tmp_path / "state.db", tmp_path / "dead"
    aside = ["--on-error", "dead-letter", "--dead-letters", str(dead)]
    capture.write_bytes(PACKED[suffix](line(0, 5)))
    assert replay(capture, *aside, state=state).code == 0
    with capture.open("ab") as file:
        file.write(PACKED[suffix](b"\n{\n" + line(1, 7)))
    found = replay(capture, *aside, state=state)
    letters = (dead / "dead_letters.ndjson").read_bytes()
    assert found.raw == replay(capture, *aside).raw
    assert letters == (dead / "dead_letters.ndjson").read_bytes()
    assert b'"page":2' in letters


@pytest.mark.no_cover
def test_killed_runs_resume_to_the_same_bytes(tmp_path: Path) -> None:
    """Whatever moments a run dies at, the next goes on, and the last report is that of one run."""
    pages, chance = 4_000, random.Random(11)
    lines = [
        line(number % 300, number, f"c{number}" if number < pages else None)
        for number in range(1, pages + 1)
    ]
    capture, whole, report = (tmp_path / name for name in ("a.ndjson.zst", "whole", "report"))
    put_capture(capture, lines)
    subprocess.run(command(capture, whole), check=True, capture_output=True)
    options = ["--state", str(tmp_path / "state.db"), "--memory", "25kB"]
    kills = 0
    for _ in range(3):
        child = subprocess.Popen(command(capture, report, *options), stdout=subprocess.DEVNULL)
        kills += killed_at(child, chance.randint(20, 80))
    assert kills
    subprocess.run(command(capture, report, *options), check=True, capture_output=True)
    assert report.read_bytes() == whole.read_bytes()
