"""A state file of another version is refused, with how to build it again; the former is read."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stream.state.sqlite import checksums
from stream.state.sqlite.inspection import Inspection
from tests.support.former_state import make_former
from tests.support.running import replay, run


@pytest.mark.parametrize("version", [1, 2, 3, 4, 7])
def test_another_version_is_refused(pages: Path, state: Path, version: int) -> None:
    """It ends the run with 65 and one line, and the file stays as it is."""
    replay(pages, state=state)
    with sqlite3.connect(state) as database:
        database.execute(f"PRAGMA user_version = {version}")
    database.close()
    before = state.read_bytes()
    replayed = replay(pages, state=state)
    assert (replayed.code, replayed.report, len(replayed.errors.splitlines())) == (65, None, 1)
    assert f"found state of version {version}, expected 6" in replayed.errors
    assert "move it away and replay the pages to build it again" in replayed.errors
    assert state.read_bytes() == before


def test_the_former_version_is_read_and_brought_up_to_date(pages: Path, state: Path) -> None:
    """It is shown and copied as it is; who writes to it makes it a file of this version."""
    whole = replay(pages, state=state).raw
    shown = run(["show", str(state), "--format", "json"])
    make_former(state)
    before = state.read_bytes()
    copy = state.with_name("copy.db")
    assert run(["show", str(state), "--format", "json"]) == shown
    for command in (["info"], ["check"], ["backup", str(copy)]):
        code, output, errors = run(["state", command[0], str(state), *command[1:]])
        assert code == 0, errors
        assert command != ["info"] or json.loads(output)["version"] == 5
    assert state.read_bytes() == before
    for file in (state, copy):
        assert replay(pages, state=file).raw == whole
        with closing(Inspection(file)) as store:
            store.check_whole()
            assert (store.version, store.count_rows("replayed_days") > 0) == (6, True)
        assert run(["show", str(file), "--format", "json"]) == shown


def test_an_upgrade_is_whole_or_not_there(
    pages: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is broken off leaves a file of the former version."""
    replay(pages, state=state)
    make_former(state)
    monkeypatch.setattr(checksums, "seal_row", lambda *_: ())
    assert replay(pages, state=state).code == 65
    monkeypatch.undo()
    with closing(Inspection(state)) as store:
        store.check_whole()
        assert store.version == 5
    assert replay(pages, state=state).code == 0
