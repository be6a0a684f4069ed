"""State that is not what was written: named, refused, and left as it is."""

from __future__ import annotations

import os
import random
import sqlite3
from pathlib import Path

import pytest

from tests.support.running import replay


@pytest.mark.no_cover
def test_no_flipped_bit_changes_a_report(pages: Path, state: Path) -> None:
    """Whatever bit of the file changes, the report is the same, or the state is refused."""
    whole = replay(pages, state=state).raw
    stored = state.read_bytes()
    chance = random.Random(7)
    for _ in range(150):
        place = chance.randrange(len(stored))
        changed = bytearray(stored)
        changed[place] ^= 1 << chance.randrange(8)
        state.write_bytes(changed)
        replayed = replay(pages, state=state)
        assert replayed.code in {0, 65, 69}, replayed.errors
        assert replayed.raw == (whole if replayed.code == 0 else b"")


def flipped(state: Path) -> None:
    """Change a byte in the midst of a stored snapshot."""
    with sqlite3.connect(state) as database:
        ((body,),) = database.execute("SELECT body FROM snapshots LIMIT 1").fetchall()
        changed = body[:10] + bytes([body[10] ^ 1]) + body[11:]
        database.execute("UPDATE snapshots SET body = ? WHERE body = ?", (changed, body))
    database.close()


def stamped(pragma: str, value: int) -> object:
    """Write another number into the file's header."""

    def stamp(state: Path) -> None:
        with sqlite3.connect(state) as database:
            database.execute(f"PRAGMA {pragma} = {value}")
        database.close()

    return stamp


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda state: state.write_bytes(b"not a database" * 100), id="no database"),
        pytest.param(lambda state: os.truncate(state, 10_000), id="truncated"),
        pytest.param(lambda state: os.truncate(state, 4096 * 3), id="truncated to pages"),
        pytest.param(flipped, id="changed snapshot"),
        pytest.param(stamped("user_version", 99), id="newer version"),
        pytest.param(stamped("application_id", 7), id="another program"),
    ],
)
def test_damaged_state_is_named_and_left(damage: object, pages: Path, state: Path) -> None:
    """State that cannot be trusted ends the run with 65, one line, and is not touched."""
    replay(pages, state=state)
    assert callable(damage)
    damage(state)
    before = state.read_bytes()
    replayed = replay(pages, state=state)
    assert (replayed.code, replayed.report) == (65, None), replayed.errors
    assert len(replayed.errors.splitlines()) == 1
    assert str(state) in replayed.errors
    assert state.read_bytes() == before
