"""State files as the version before this one made them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from stream.state.sqlite.checksums import put_mark, read_mark

__all__ = ["make_former"]


def make_former(state: Path) -> None:
    """Make a file of version 5 of one that nobody uses: it has no days that a replay kept."""
    with closing(sqlite3.connect(state, isolation_level=None)) as database:
        mark = read_mark(database)
        del mark.tables["replayed_days"]
        database.execute("DROP TABLE replayed_days")
        put_mark(database, mark)
        database.execute("PRAGMA user_version = 5")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
