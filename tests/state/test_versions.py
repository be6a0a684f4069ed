"""A state file of another version is refused, with a word on how to build it again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.support.running import replay


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
