"""State of captures that is not what was written: found however late, named, and refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from stream.state.sqlite.schema import TABLES
from tests.support.envelopes import envelope, put_capture
from tests.support.pages import bucket, page, used
from tests.support.running import replay
from tests.support.strategies import written

DAYS = 6


def lines() -> list[bytes]:
    """Write a walk of some days, with a view, in which no day fits into memory with others."""
    return [
        written(
            envelope(
                page(
                    bucket(used(day, model="a"), used(day, model="b"), day=day),
                    cursor=f"c{day}" if day < DAYS else None,
                ),
                observed_at="2024-12-01T06:00:00Z",
                request={"group_by": ["model"], "page": f"c{day - 1}" if day > 1 else None},
            )
        ).encode()
        for day in range(1, DAYS + 1)
    ]


def columns() -> list[tuple[str, str]]:
    """List the columns of what captures keep in state."""
    with sqlite3.connect(":memory:") as database:
        database.executescript(TABLES)
        return [
            (table, name)
            for table in ("snapshots", "links", "captures")
            for _, name, *_ in database.execute(f"PRAGMA table_info({table})")
        ]


def changed(value: object) -> object:
    """Change a value a little."""
    if isinstance(value, bytes):
        middle = len(value) // 2
        return value[:middle] + bytes([value[middle] ^ 1]) + value[middle + 1 :] if value else b"x"
    return value + 1_000 if isinstance(value, int) else f"{value}x"


def damage(state: Path, table: str, column: str, place: int) -> None:
    """Change one column of one row."""
    with sqlite3.connect(state) as database:
        database.execute("PRAGMA foreign_keys = OFF")
        rows = database.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 -- names of tables
        names = [name for _, name, *_ in database.execute(f"PRAGMA table_info({table})")]
        row = list(rows[place % len(rows)])
        row[names.index(column)] = changed(row[names.index(column)])
        rows[place % len(rows)] = tuple(row)
        database.execute(f"DELETE FROM {table}")  # noqa: S608 -- as above
        marks = ", ".join("?" * len(names))
        database.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)  # noqa: S608 -- as above
    database.close()


@pytest.mark.parametrize("place", [0, 3])
@pytest.mark.parametrize(("table", "column"), columns())
def test_a_changed_column_is_found(table: str, column: str, place: int, tmp_path: Path) -> None:
    """Whatever column changed, in a window that no page touches, the run ends with 65."""
    capture, state = put_capture(tmp_path / "a.ndjson", lines()), tmp_path / "state.db"
    assert replay(capture, state=state, memory="4kB").code == 0
    damage(state, table, column, place)
    with capture.open("ab") as file:
        file.write(lines()[-1] + b"\n")
    found = replay(capture, state=state, memory="4kB")
    assert (found.code, found.report) == (65, None)
    assert found.errors.count("\n") == 1
    assert str(state) in found.errors
