"""Durable state: a run goes on where the last one stopped, and counts nothing twice."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from stream.state.sqlite.lock import Lock
from tests.support.bad_pages import END, GOOD, MORE, ONE, TWO
from tests.support.pages import Content, Json, bucket, listed, page, put, put_all, used
from tests.support.places import FIXTURES
from tests.support.running import Replayed, replay


def tokens(replayed: Replayed) -> int:
    """Return the tokens that a report counts."""
    assert replayed.report is not None, replayed.errors
    found: int = replayed.report["usageSummary"]["tokensIn"]
    return found


def counted(pages: Path, state: Path, scratch: Path) -> tuple[Replayed, str]:
    """Replay with state; return what came of it, and the records' outcomes."""
    metrics = scratch / "metrics.prom"
    replayed = replay(pages, state=state, metrics=metrics)
    lines = metrics.read_text("utf-8").splitlines()
    return replayed, "\n".join(line for line in lines if "records_total{" in line)


@pytest.mark.parametrize("directory", ["pages", "fixtures"])
def test_a_resumed_run_gives_the_same_bytes(directory: str, pages: Path, state: Path) -> None:
    """With state or without, at once or again, the report is the same."""
    place = pages if directory == "pages" else FIXTURES
    reports = {replay(place).raw, *(replay(place, state=state).raw for _ in range(3))}
    assert len(reports) == 1


def test_pages_in_state_are_not_read_again(pages: Path, state: Path, tmp_path: Path) -> None:
    """What is in a checkpoint still counts when its file is gone, and once."""
    first, outcomes = counted(pages, state, tmp_path)
    for name in (ONE, "costs.json", "projects.json"):
        (pages / name).unlink()
    again, outcomes_again = counted(pages, state, tmp_path)
    assert (again.raw, outcomes_again) == (first.raw, outcomes)


def test_a_chain_goes_on_where_it_ended(tmp_path: Path, state: Path) -> None:
    """A last page that is written again with a cursor, and a page after it, are taken in."""
    pages = put_all(tmp_path / "pages", {ONE: page(GOOD)})
    assert tokens(replay(pages, state=state)) == 7
    put_all(pages, {ONE: MORE, TWO: END})
    assert tokens(replay(pages, state=state)) == 12


def test_a_changed_file_is_read_again(tmp_path: Path, state: Path) -> None:
    """Figures that grew are taken over from a file whose bytes have changed."""
    pages = put_all(tmp_path / "pages", {ONE: page(GOOD)})
    replay(pages, state=state)
    put(pages, ONE, page(bucket(used(8), used(3, model="m"))))
    replayed = replay(pages, state=state)
    assert (replayed.code, tokens(replayed)) == (0, 11)


def test_figures_that_fell_are_named(tmp_path: Path, state: Path) -> None:
    """A lower figure of a changed file cannot be taken over; it is named, in later runs too."""
    pages = put_all(tmp_path / "pages", {ONE: page(GOOD)})
    replay(pages, state=state)
    put(pages, ONE, page(bucket(used(3))))
    for _ in range(2):
        replayed = replay(pages, state=state)
        assert (replayed.code, tokens(replayed)) == (1, 7)
        assert replayed.report is not None
        (issue,) = replayed.report["relationshipIssues"]
        assert ONE in issue
        assert "2024-11-01" in issue


@pytest.mark.parametrize(
    "later",
    [
        page(bucket(used(7, project_id="other"))),
        page(bucket()),
        page(bucket(used(7), day=3)),
        page(bucket(used(7), used(1, model="m")), bucket(used(1), day=3)),
    ],
    ids=["another project", "emptied", "another day", "only more"],
)
def test_what_a_changed_file_no_longer_says_is_named(
    later: Json, tmp_path: Path, state: Path
) -> None:
    """A record or bucket that is gone from a changed file still counts, and is named."""
    pages = put_all(tmp_path / "pages", {ONE: page(GOOD)})
    replay(pages, state=state)
    put(pages, ONE, later)
    replayed = replay(pages, state=state)
    assert replayed.report is not None
    issues = replayed.report["relationshipIssues"]
    if len(later["data"]) == 2:
        assert (replayed.code, issues) == (0, [])
    else:
        assert (replayed.code, len(issues)) == (1, 1)
        assert "2024-11-01" in issues[0]


def test_another_directory_is_not_added_in_silence(tmp_path: Path, state: Path) -> None:
    """Two directories with one state file are not added up in silence."""
    first = put_all(tmp_path / "first", {ONE: page(bucket(used(100, project_id="a")))})
    second = put_all(tmp_path / "second", {ONE: page(bucket(used(100, project_id="b")))})
    assert replay(first, state=state).code == 0
    assert replay(second, state=state).code == 1


def test_a_changed_list_defines_what_it_says_now(tmp_path: Path, state: Path) -> None:
    """An element that is gone from a changed list is no longer defined."""
    files: dict[str, Content] = {
        ONE: page(bucket(used(1, project_id="p"))),
        "projects.json": listed({"id": "p"}, {"id": "q"}),
    }
    pages = put_all(tmp_path / "pages", files)
    assert replay(pages, state=state).code == 0
    put(pages, "projects.json", listed({"id": "q"}))
    replayed = replay(pages, state=state)
    assert replayed.report is not None
    assert replayed.report["foreignKeyIssues"]["unknownProjects"] == ["usage/completions:p"]


def test_an_empty_directory_with_state_is_reported(pages: Path, state: Path) -> None:
    """State alone gives the report when every file is gone."""
    first = replay(pages, state=state)
    for path in pages.iterdir():
        path.unlink()
    assert replay(pages, state=state).raw == first.raw


@pytest.mark.parametrize("end", [".lock", "-wal", "-shm", "-journal"])
def test_no_output_takes_the_place_of_a_side_file(end: str, pages: Path, state: Path) -> None:
    """What stands beside a state file while it is in use is no place for an output."""
    notes = state.with_name(f"state.db{end}")
    assert replay(pages, "--notes", str(notes), state=state).code == 2


def test_a_page_with_dead_letters_is_read_again(tmp_path: Path, state: Path) -> None:
    """What was set aside is set aside again by the next run, until its file is mended."""
    pages = put_all(tmp_path / "pages", {ONE: page(bucket(used(7), used(-1, model="m")))})
    dead = tmp_path / "dead"
    for _ in range(2):
        replayed = replay(pages, state=state, on_error="dead-letter", dead_letters=dead)
        assert (replayed.code, tokens(replayed)) == (1, 7)
        assert len((dead / "dead_letters.ndjson").read_bytes().splitlines()) == 1
    put(pages, ONE, page(bucket(used(7), used(1, model="m"))))
    replayed = replay(pages, state=state)
    assert (replayed.code, tokens(replayed)) == (0, 8)


def test_what_came_before_a_bad_page_is_kept(tmp_path: Path, state: Path) -> None:
    """A run that a bad page ends has checkpointed the pages before it."""
    pages = put_all(tmp_path / "pages", {ONE: MORE, TWO: "{"})
    assert replay(pages, state=state).code == 65
    with sqlite3.connect(state) as database:
        parts = database.execute("SELECT part FROM parts").fetchall()
        assert parts == [("usage/completions/primary/1",)]
    database.close()
    put(pages, TWO, END)
    assert tokens(replay(pages, state=state)) == 12


def test_a_second_process_is_refused(pages: Path, state: Path) -> None:
    """State that is in use ends the run with 69, and names who holds it."""
    lock = Lock(state)
    replayed = replay(pages, state=state)
    assert replayed.code == 69
    assert f"pid {os.getpid()}" in replayed.errors
    lock.release()
    assert replay(pages, state=state).code == 0


def test_a_lock_cannot_be_deleted_away(pages: Path, state: Path) -> None:
    """What is locked is the state file: a second process is refused without FILE.lock too."""
    lock = Lock(state)
    state.with_name("state.db.lock").unlink()
    replayed = replay(pages, state=state)
    assert (replayed.code, "in use by another process" in replayed.errors) == (69, True)
    lock.release()


def test_a_lock_follows_no_link(pages: Path, state: Path) -> None:
    """Where FILE.lock is a symbolic link the run ends with 69, and its target is left alone."""
    target = state.with_name("precious")
    target.write_text("precious", "utf-8")
    state.with_name("state.db.lock").symlink_to(target)
    replayed = replay(pages, state=state)
    assert (replayed.code, "symbolic link" in replayed.errors) == (69, True)
    assert target.read_text("utf-8") == "precious"


def test_state_is_for_its_owner_alone(pages: Path, state: Path) -> None:
    """The state file and its lock are readable by their owner alone."""
    replay(pages, state=state)
    assert {path.stat().st_mode & 0o077 for path in state.parent.glob("state.db*")} == {0}


def test_state_tells_no_secret(tmp_path: Path, state: Path) -> None:
    """Emails, keys and private values reach the state file as digests."""
    row = used(5, project_id="sk-proj-Abcdefgh0123", owner="Jane Doe", mail="a@corp.test")
    keys = listed({"id": "key_a", "redacted_value": "sk-hidden", "fingerprint": "5F:2A"})
    files: dict[str, Content] = {ONE: page(bucket(row)), "service_account_keys.json": keys}
    replay(put_all(tmp_path / "pages", files), state=state)
    held = state.read_bytes()
    with sqlite3.connect(state) as database:
        held += b"".join(row[0] for row in database.execute("SELECT body FROM counts"))
    database.close()
    for secret in (b"Abcdefgh", b"Jane", b"corp.test", b"sk-hidden", b"5F:2A"):
        assert secret not in held
