"""Captures in a watched directory: what is appended counts, once, whatever happens in between."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.appending import FIRST, LATER, append, of_day, replaced
from tests.support.envelopes import PACKED
from tests.support.pages import put
from tests.support.running import replay
from tests.support.watching import LONG, NONE, Watching, lines

ASIDE = {"on_error": "dead-letter"}
AHEAD = "2025-01-01T00:06:00Z"


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    """Watch an empty directory."""
    found = Watching(tmp_path)
    yield found
    found.intake.close()


def as_replayed(found: Watching) -> None:
    """Compare with a replay: digests, pages, figures, dead letters."""
    replayed = replay(
        found.pages, "--allow-incomplete", **ASIDE, dead_letters=found.place / "others"
    )
    assert replayed.report is not None, replayed.errors
    found.store()
    report = found.report
    assert found.tokens() == sum(
        one["metrics"]["input_tokens"] for one in replayed.report["endpoints"].values()
    )
    files = msgspec.to_builtins(list(report.files.entries()))
    assert {"fixtures": files, **report.run()} == replayed.report["run"]
    set_aside = (found.place / "others" / "dead_letters.ndjson").read_bytes()
    assert found.letters == set_aside.splitlines(keepends=True)


@pytest.mark.parametrize("suffix", PACKED, ids=["plain", "gzip", "zstd"])
def test_lines_are_taken_in_as_they_are_appended(suffix: str, watching: Watching) -> None:
    """New lines, members and frames count once each, and nothing is read twice."""
    path, pack = watching.pages / f"walk.ndjson{suffix}", PACKED[suffix]
    append(path, pack(of_day(0, 7, "2")))
    assert (lines(watching.look()), watching.sent[0].begins_anew) == ([1, 0], True)
    assert (watching.tokens(), watching.waits) == (7, True)
    assert watching.look() == []
    append(path, pack(of_day(1, 5) + of_day(2, 1, label="other")))
    assert lines(watching.look()) == [2, 3, 0]
    assert not any(one.begins_anew for one in watching.sent)
    assert (watching.tokens(), watching.waits) == (13, False)
    as_replayed(watching)


def test_a_line_that_is_being_written_waits(watching: Watching) -> None:
    """Half a line waits while its file was touched lately, or somebody has it open to write."""
    text = of_day(1, 5)
    with (watching.pages / "walk.ndjson").open("wb", buffering=0) as file:
        file.write(of_day(0, 7) + text[:30])
        for settle in (LONG, NONE, NONE):
            watching.look(settle)
            assert (watching.tokens(), watching.letters) == (7, [])
        file.write(text[30:])
        watching.look()
    assert watching.tokens() == 12
    as_replayed(watching)


def test_a_line_without_its_end_counts_when_left_alone(watching: Watching) -> None:
    """A last line that is whole but for its line break waits, then counts, and then not again."""
    path = watching.pages / "walk.ndjson"
    append(path, of_day(0, 7)[:-1])
    watching.look()
    assert (watching.sent, watching.tokens()) == ([], 0)
    watching.look(NONE)
    assert watching.tokens() == 7
    append(path, b"\n" + of_day(1, 5))
    assert lines(watching.look()) == [2, 0]
    assert watching.tokens() == 12
    as_replayed(watching)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_the_last_bytes_of_a_member_may_come_late(suffix: str, watching: Watching) -> None:
    """A member whose lines are all there, but not its end, is a dead letter until that comes."""
    path, member = watching.pages / f"walk.ndjson{suffix}", PACKED[suffix](of_day(1, 5))
    append(path, member[:-2])
    watching.look(NONE)
    assert (watching.tokens(), len(watching.letters)) == (5, 1)
    watching.again()
    append(path, member[-2:])
    watching.look()
    assert (watching.tokens(), watching.letters) == (5, [])
    as_replayed(watching)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_member_that_is_cut_short_waits(suffix: str, watching: Watching) -> None:
    """What stands before half a member counts; the rest when it is there."""
    path, pack = watching.pages / f"walk.ndjson{suffix}", PACKED[suffix]
    member = pack(of_day(1, 5))
    append(path, pack(of_day(0, 7)) + member[:40])
    watching.look()
    assert (watching.tokens(), watching.letters) == (7, [])
    append(path, member[40:])
    watching.look()
    assert watching.tokens() == 12
    as_replayed(watching)


@pytest.mark.parametrize("suffix", PACKED, ids=["plain", "gzip", "zstd"])
def test_a_broken_end_is_set_aside_until_it_is_whole(suffix: str, watching: Watching) -> None:
    """A settled end that is no line is a dead letter, and none any more when its rest has come."""
    path, content = watching.pages / f"walk.ndjson{suffix}", PACKED[suffix](of_day(1, 5))
    append(path, content[:50])
    watching.look(NONE)
    assert len(watching.letters) == 1
    as_replayed(watching)
    watching.again()
    assert watching.look(NONE) == []
    append(path, content[50:])
    watching.look()
    assert (watching.tokens(), watching.letters) == (5, [])
    as_replayed(watching)


def test_a_broken_end_goes_with_its_file(watching: Watching) -> None:
    """The dead letter of a broken end is forgotten with the capture, and returns with it."""
    path = watching.pages / "walk.ndjson"
    append(path, of_day(0, 7) + of_day(1, 5)[:30])
    watching.look(NONE)
    path.rename(watching.place / "elsewhere.ndjson")
    assert len(watching.letters) == 1
    watching.look()
    assert (watching.tokens(), watching.letters, watching.look()) == (7, [], [])
    (watching.place / "elsewhere.ndjson").rename(path)
    watching.look(NONE)
    assert len(watching.letters) == 1


def test_bad_lines_are_set_aside_at_once(watching: Watching) -> None:
    """A broken line, and a walk ahead of the clock, are dead letters; the others count."""
    lines = (of_day(0, 7), b'{"endpoint": \n', of_day(1, 99, observed_at=AHEAD), of_day(2, 1))
    append(watching.pages / "walk.ndjson", b"".join(lines))
    watching.look()
    assert (watching.tokens(), len(watching.letters)) == (8, 2)
    as_replayed(watching)


def test_what_is_no_file_is_left_out(watching: Watching) -> None:
    """A link that leaves the directory is left out, until a file stands there."""
    path = watching.pages / "walk.ndjson"
    path.symlink_to(put(watching.place, "elsewhere.ndjson", of_day(0, 7)))
    watching.look(NONE)
    assert [one.name for one in watching.source.left_out] == ["walk.ndjson"]
    replaced(path, of_day(0, 7))
    watching.look()
    assert (watching.tokens(), watching.letters) == (7, [])


def test_a_capture_that_was_replaced_is_read_anew(watching: Watching) -> None:
    """Other content under a known name is read at once, and said; the old counts too."""
    path = watching.pages / "walk.ndjson"
    append(path, of_day(0, 7) + of_day(1, 5, "more", label="gone") + b"broken\n")
    watching.look()
    assert (watching.tokens(), len(watching.letters), watching.waits) == (12, 1, True)
    replaced(path, of_day(0, 7) + of_day(3, 2))
    assert (lines(watching.look()), watching.sent[0].begins_anew) == ([1, 2, 0], True)
    assert (watching.tokens(), watching.letters, watching.waits) == (14, [], False)
    (issue,) = watching.issues
    assert issue.startswith("walk.ndjson has been written anew")
    watching.again()
    assert (watching.look(NONE), watching.issues) == ([], [issue])


@pytest.mark.parametrize("stored", [True, False], ids=["checkpoint", "none"])
def test_a_capture_replaced_between_runs_is_noticed(stored: bool, watching: Watching) -> None:  # noqa: FBT001 -- a parameter
    """What a checkpoint has of a capture must stand at its start, also when it was not read out."""
    path = watching.pages / "walk.ndjson"
    with path.open("wb", buffering=0) as file:
        file.write(of_day(0, 7) + b"half a line")
        watching.look()
        if stored:
            watching.store()
    watching.again()
    replaced(path, of_day(1, 9) + of_day(0, 1))
    assert (lines(watching.look(NONE)), watching.sent[0].begins_anew) == ([1, 2, 0], True)
    assert any("written anew" in one for one in watching.issues) == stored
    assert watching.tokens() == (16 if stored else 10)


def test_a_capture_that_shrinks_and_grows_again_is_the_same(watching: Watching) -> None:
    """A file that is written again in place, with more behind it, is read on."""
    path = watching.pages / "walk.ndjson"
    append(path, of_day(0, 7) + of_day(1, 5))
    watching.look()
    with path.open("wb", buffering=0) as file:
        file.write(of_day(0, 7))
        assert watching.look(NONE) == []
        file.write(of_day(1, 5) + of_day(2, 1))
    assert lines(watching.look(NONE)) == [3, 0]
    assert (watching.tokens(), watching.issues) == (13, [])


def test_a_capture_may_be_packed_otherwise_and_go(watching: Watching) -> None:
    """The same lines in other members are the same; a capture that is gone counts on."""
    path = watching.pages / "walk.ndjson.gz"
    append(path, gzip.compress(of_day(0, 7)) + gzip.compress(of_day(1, 5)))
    watching.look()
    replaced(path, gzip.compress(of_day(0, 7) + of_day(1, 5), 1))
    assert lines(watching.look(NONE)) == [0]
    as_replayed(watching)
    path.unlink()
    assert [one.is_gone for one in watching.look()] == [True]
    assert watching.look() == []
    watching.again()
    assert (watching.tokens(), watching.issues) == (12, [])


def test_a_later_walk_takes_back_what_it_says_no_more(watching: Watching) -> None:
    """Figures of a later walk stand for those of an earlier one, whatever comes first."""
    path = watching.pages / "walk.ndjson"
    append(path, of_day(0, 9, observed_at=LATER) + of_day(1, 9, observed_at=FIRST))
    watching.look()
    assert watching.tokens() == 18
    append(path, of_day(0, 20, observed_at=FIRST) + of_day(1, 4, observed_at=LATER))
    watching.look()
    assert watching.tokens() == 13
    as_replayed(watching)


def test_a_walk_that_goes_back_is_named(watching: Watching) -> None:
    """A cursor that a walk hands out again is no waiting, but a fault, as in a replay."""
    path = watching.pages / "walk.ndjson"
    append(path, of_day(0, 1, "2") + of_day(1, 1, "3") + of_day(2, 1, "2"))
    watching.look()
    assert not watching.waits
    replayed = replay(watching.pages, **ASIDE, dead_letters=watching.place / "others")
    assert replayed.report is not None
    assert watching.issues == replayed.report["relationshipIssues"]


def test_the_next_walk_of_a_revision_only_waits(watching: Watching) -> None:
    """A walk without a time that begins again hands out its cursors again: that is no fault."""
    path = watching.pages / "walk.ndjson"
    append(path, of_day(0, 1, "2") + of_day(1, 1) + of_day(0, 2, "2"))
    watching.look()
    assert (watching.waits, watching.issues) == (True, [])
    append(path, of_day(1, 1))
    watching.look()
    assert (watching.waits, watching.issues) == (False, [])


def test_a_line_that_comes_twice_counts_once(watching: Watching) -> None:
    """Two who look at one directory, as while a configuration is loaded anew, count once."""
    append(watching.pages / "walk.ndjson", of_day(0, 7) + of_day(1, 5))
    watching.look()
    watching.look_from({})
    watching.look()
    assert watching.tokens() == 12
    as_replayed(watching)


SOME = settings(max_examples=40, deadline=None)
STEPS = st.lists(
    st.tuples(st.integers(1, 400), st.sampled_from(["look", "settle", "store", "kill"])),
    max_size=12,
)


@SOME
@given(suffix=st.sampled_from(list(PACKED)), steps=STEPS)
def test_any_growth_comes_to_what_a_replay_does(suffix: str, steps: list[tuple[int, str]]) -> None:
    """However a capture grows, is looked at and the watcher killed, the end is a replay's."""
    lines = [of_day(day % 3, day, str(day) if day < 7 else None) for day in range(8)]
    lines[3:5] = [b"\n", b"no json\n", b'{"endpoint": "costs"}\n', lines[4].replace(b"\n", b"\r\n")]
    whole = b"".join(PACKED[suffix](one) for one in lines)
    with TemporaryDirectory() as place:
        found = Watching(Path(place), budget=4_000)
        for size, what in steps:
            append(found.pages / f"walk.ndjson{suffix}", whole[:size])
            whole = whole[size:]
            found.look(NONE if what == "settle" else LONG)
            if what == "store":
                found.store()
            elif what == "kill":
                found.again()
        append(found.pages / f"walk.ndjson{suffix}", whole)
        found.look(NONE)
        as_replayed(found)
        found.intake.close()
