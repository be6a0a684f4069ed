"""Captures that are turned over: renamed, copied, emptied and packed, while they are written to."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.msgpack import encode
from msgspec.structs import replace

from stream.sources.capture_parts import CapturePlace
from stream.sources.captures import Capture
from tests.support.appending import FIRST, append, of_day
from tests.support.running import replay
from tests.support.watching import LONG, NONE, Watching, lines

NAME = "cap.ndjson"


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    """Watch an empty directory."""
    found = Watching(tmp_path)
    yield found
    found.intake.close()


def rename(pages: Path, path: Path) -> None:
    """Turn captures over as logrotate does with ``create``."""
    shift(pages)
    path.rename(pages / f"{path.name}.1")
    path.touch()


def copy_and_empty(pages: Path, path: Path) -> None:
    """Turn captures over as logrotate does with ``copytruncate``."""
    shift(pages)
    shutil.copyfile(path, pages / f"{path.name}.1")
    os.truncate(path, 0)


def shift(pages: Path) -> None:
    """Make room for the next ``.1``."""
    for number in range(12, 0, -1):
        for suffix in ("", ".gz"):
            place = pages / f"{NAME}.{number}{suffix}"
            if place.exists():
                place.rename(pages / f"{NAME}.{number + 1}{suffix}")


def pack(pages: Path, _: Path) -> None:
    """Pack what was turned over last."""
    place = pages / f"{NAME}.1"
    if place.exists():
        (pages / f"{NAME}.1.gz").write_bytes(gzip.compress(place.read_bytes()))
        place.unlink()


def delivered(found: Watching) -> int:
    """Return how many lines were taken of all chains."""
    return sum(one.sums.pages for one in found.intake.summaries())


def as_if_new(found: Watching, lines_there: int) -> None:
    """Everything counts once, nothing is said, and the report is that of a replay."""
    assert delivered(found) == lines_there
    assert (found.issues, found.letters) == ([], [])
    replayed = replay(found.pages)
    assert replayed.report is not None, replayed.errors
    assert found.report.run() | {"fixtures": 0} == replayed.report["run"] | {"fixtures": 0}


turns = pytest.mark.parametrize("turn", [rename, copy_and_empty])


@turns
@pytest.mark.parametrize("restarted", [False, True])
def test_what_comes_after_a_turn_counts_at_once(
    turn: object,
    restarted: bool,  # noqa: FBT001 -- a parameter
    watching: Watching,
) -> None:
    """Twice turned over with its writer there, a capture counts whole, each line once."""
    assert callable(turn)
    path = watching.pages / NAME
    append(path, of_day(0, 7) + of_day(1, 5))
    watching.look()
    for number in range(2):
        if restarted:
            watching.store()
            watching.again()
        turn(watching.pages, path)
        with path.open("ab", buffering=0) as writer:
            writer.write(of_day(2 + number, 1) + of_day(9, 9)[:30])
            sent = [line for line in lines(watching.look()) if line]
            assert sent == [1]
        os.truncate(path, len(of_day(2 + number, 1)))
        watching.look()
    assert watching.tokens() == 14
    as_if_new(watching, 4)


@turns
def test_lines_between_two_turns_count(turn: object, watching: Watching) -> None:
    """What nobody has looked at before the next turn is found in the file that has it now."""
    assert callable(turn)
    path = watching.pages / NAME
    append(path, of_day(0, 7))
    watching.look()
    for day in (1, 2, 3):
        append(path, of_day(day, day))
        turn(watching.pages, path)
    watching.look(NONE)
    assert watching.tokens() == 13
    as_if_new(watching, 4)


def test_a_rotated_capture_is_read_on(watching: Watching) -> None:
    """A writer that goes on in the renamed file is heard, and half a line of its own waits."""
    path = watching.pages / NAME
    with path.open("wb", buffering=0) as writer:
        writer.write(of_day(0, 7) + of_day(1, 5)[:40])
        watching.look()
        rename(watching.pages, path)
        append(path, of_day(2, 1))
        watching.look()
        assert watching.tokens() == 8
        writer.write(of_day(1, 5)[40:] + of_day(3, 2))
        watching.look()
    assert watching.tokens() == 15
    as_if_new(watching, 4)


@pytest.mark.parametrize("name", [f"{NAME}.1.gz", f"{NAME}-20261128.gz", "old.ndjson.gz"])
def test_a_capture_that_is_packed_is_the_same(name: str, watching: Watching) -> None:
    """The lines of a capture that was turned over and packed are known; what was new counts."""
    path = watching.pages / NAME
    append(path, of_day(0, 7) + of_day(1, 5))
    watching.look()
    append(path, of_day(2, 1))
    (watching.pages / name).write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert [line for line in lines(watching.look()) if line] == [3]
    assert watching.tokens() == 13
    as_if_new(watching, 3)


@pytest.mark.parametrize("stored", [True, False])
def test_dead_letters_go_with_their_file(stored: bool, watching: Watching) -> None:  # noqa: FBT001 -- a parameter
    """A line that was set aside stays so where it is now, and its letter names that file."""
    path = watching.pages / NAME
    append(path, of_day(0, 7) + b"broken\n" + of_day(1, 5)[:30])
    watching.look(NONE)
    if stored:
        watching.store()
    rename(watching.pages, path)
    append(path, b"broken too\n")
    watching.look(NONE)
    places = [(one["fixture"], one["page"]) for one in map(json.loads, watching.letters)]
    assert sorted(places) == [(NAME, 1), (f"{NAME}.1", 2), (f"{NAME}.1", 3)]


def test_a_copy_under_way_is_waited_for(watching: Watching) -> None:
    """Until the file is emptied its rotated copy is not read; left there, it is a capture too."""
    path, copy = watching.pages / NAME, watching.pages / f"{NAME}.1"
    append(path, of_day(0, 7) + of_day(1, 5))
    watching.look()
    copy.write_bytes(of_day(0, 7))
    assert watching.look(LONG) == []
    shutil.copyfile(path, copy)
    assert watching.look(LONG) == []
    os.truncate(path, 0)
    assert lines(watching.look(LONG)) == [0, 0]
    as_if_new(watching, 2)
    shutil.copyfile(copy, watching.pages / f"{NAME}.2")
    assert lines(watching.look(NONE)) == [1, 2, 0]
    assert delivered(watching) == 4
    assert watching.tokens() == 12


def test_a_capture_that_is_renamed_while_one_looks_is_looked_for(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that came after the directory was listed may have the part of one that is new."""
    path = watching.pages / NAME
    append(path, of_day(0, 7))
    watching.look()
    rename(watching.pages, path)
    append(path, of_day(1, 5))
    with monkeypatch.context() as patched:
        patched.setattr(watching.source, "survey", lambda: survey_of(watching, path))
        assert watching.look() == []
    watching.look()
    as_if_new(watching, 2)


def survey_of(found: Watching, path: Path) -> object:
    """Return what a survey finds, but for captures other than one."""
    survey = type(found.source).survey(found.source)
    return replace(survey, captures=[Capture(path, path.name)])


def place_in(watching: Watching) -> CapturePlace:
    """Return how far the capture was read."""
    assert watching.source.captures is not None
    return watching.source.captures.parts.places[NAME]


def test_an_older_position_is_understood(watching: Watching) -> None:
    """A position that does not say how its file began is read on, and moves by its inode."""
    path = watching.pages / NAME
    append(path, of_day(0, 7))
    watching.look()
    watching.look_from({NAME: encode(place_in(watching)[:5])})
    append(path, of_day(1, 5))
    assert lines(watching.look()) == [2, 0]
    watching.look_from({NAME: encode(place_in(watching)[:5])})
    path.rename(watching.pages / f"{NAME}.1")
    append(watching.pages / f"{NAME}.1", of_day(2, 1))
    assert [line for line in lines(watching.look()) if line] == [3]


def test_nul_bytes_in_front_are_passed_over(watching: Watching) -> None:
    """A hole that emptying leaves before the writer's next line is skipped, and its length kept."""
    path = watching.pages / NAME
    with path.open("wb", buffering=0) as writer:
        writer.write(of_day(0, 7))
        watching.look()
        copy_and_empty(watching.pages, path)
        writer.write(of_day(1, 5) + of_day(2, 1))
        sent = [one.page for one in watching.look() if one.page is not None]
        assert [(page.place, page.nul_bytes) for page in sent] == [(1, len(of_day(0, 7))), (2, 0)]
        writer.write(of_day(3, 2))
        assert lines(watching.look()) == [3, 0]
    assert watching.tokens() == 15
    as_if_new(watching, 4)


def test_a_hole_may_be_longer_than_a_line(watching: Watching) -> None:
    """NUL bytes do not count for the length of a line, and alone they are no line."""
    path = watching.pages / NAME
    path.touch()
    os.truncate(path, 3 << 20)
    assert lines(watching.look(NONE)) == [0]
    append(path, of_day(0, 7, observed_at=FIRST))
    (page,) = (one.page for one in watching.look() if one.page is not None)
    assert page.nul_bytes == 3 << 20
    as_if_new(watching, 1)
    told = f"cap.ndjson (line 1): {3 << 20} NUL bytes in front were passed over"
    assert told in replay(watching.pages).errors


STEPS = st.lists(
    st.sampled_from(["line", "line", "half", "rename", "copy", "pack", "look", "settle", "again"]),
    max_size=14,
)
TURNS = {"rename": rename, "copy": copy_and_empty, "pack": pack}


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_however_it_is_turned_over_each_line_counts_once(steps: list[str]) -> None:
    """Whenever one looks, and whatever is done to the files, the end is what a replay says."""
    with TemporaryDirectory() as place:
        found = Watching(Path(place))
        path = found.pages / NAME
        path.touch()
        rest, written = b"", 0
        for step in steps:
            if step in {"line", "half"} or (rest and step in TURNS):
                if not rest:
                    rest, written = of_day(written, 1, observed_at=FIRST), written + 1
                size = 40 if step == "half" and len(rest) > 40 else len(rest)
                append(path, rest[:size])
                rest = rest[size:]
            if step in TURNS:
                TURNS[step](found.pages, path)
            elif step == "again":
                found.store()
                found.again()
            elif step in {"look", "settle"}:
                found.look(LONG if step == "look" or rest else NONE)
        append(path, rest)
        found.look(NONE)
        if written:
            as_if_new(found, written)
        found.intake.close()
