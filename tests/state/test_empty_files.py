"""A state file without a byte: named, unless nobody had stored anything in it yet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from stream.records.errors import BadInput
from stream.state.sqlite.store import Store
from tests.support.places import ROOT
from tests.support.running import replay

ENDS_BEFORE_TABLES = """
import os, signal, sys
from pathlib import Path
from stream.state.sqlite import schema
from stream.state.sqlite.store import Store

schema.create_tables = lambda _: os.kill(os.getpid(), signal.SIGKILL)
Store(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("beside", [None, b"", b"123\n"], ids=["no lock", "empty lock", "a lock"])
def test_an_empty_file_is_named(beside: bytes | None, pages: Path, state: Path) -> None:
    """A file that was there and holds nothing ends the run with 65, and stays as it is."""
    state.write_bytes(b"")
    if beside is not None:
        state.with_name("state.db.lock").write_bytes(beside)
    for _ in range(2):
        replayed = replay(pages, state=state)
        assert (replayed.code, replayed.report) == (65, None)
        assert "found an empty file, expected a state file; put a backup" in replayed.errors
        assert state.read_bytes() == b""
    with pytest.raises(BadInput, match="found an empty file"):
        Store(state, read_only=True)


def test_a_state_that_was_emptied_is_named(pages: Path, state: Path) -> None:
    """What had been stored is missed, as long as the file beside it says that there was some."""
    replay(pages, state=state)
    os.truncate(state, 0)
    replayed = replay(pages, state=state)
    assert replayed.code == 65
    assert "nothing is left of what was stored" in replayed.errors


def test_a_new_file_whose_maker_was_killed_is_made_again(pages: Path, state: Path) -> None:
    """A process that ends before the tables are there leaves nothing that keeps others out."""
    child = subprocess.run(
        [sys.executable, "-c", ENDS_BEFORE_TABLES, str(state)], cwd=ROOT, check=False
    )
    assert child.returncode == -signal.SIGKILL
    assert state.read_bytes() == b""
    with closing(Store(state)) as store:
        assert store.losses == []
    assert replay(pages, state=state).raw == replay(pages).raw
