"""One bit that is not what was written: state is sound or refused, and figures are never lost.

Each test takes a slice of all bits: those from one on, so many apart. ``EVERY_BIT=1`` takes all.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stream.state.sqlite.store import Store
from tests.support.flipping import flip_bit, read_state, shrink_pages
from tests.support.pages import FILES, bucket, page, put, put_all, used
from tests.support.running import replay

APART = 1 if os.environ.get("EVERY_BIT") == "1" else 487
SHARD = "state.db.shard-0-of-2"


def flips(content: bytes, begin: int, apart: int = APART) -> Iterator[bytes]:
    """Yield some bytes with one bit changed, again and again."""
    for bit in range(begin % apart, len(content) * 8, apart):
        yield flip_bit(content, bit)


def restore(directory: Path, files: dict[str, bytes]) -> None:
    """Put a state file and what stands beside it in the place of all that is there."""
    for path in directory.glob("state.db*"):
        path.unlink()
    for name, content in files.items():
        (directory / name).write_bytes(content)


def files_in(directory: Path) -> dict[str, bytes]:
    """Read a state file and what stands beside it, but for what SQLite makes anew."""
    found = directory.glob("state.db*")
    return {path.name: path.read_bytes() for path in found if not path.name.endswith("-shm")}


@pytest.mark.parametrize("begin", [0, 101, 202, 303])
def test_a_flipped_bit_is_harmless_or_refused(begin: int, pages: Path, state: Path) -> None:
    """Whatever bit of the file it is, the file says all that it said, or it is damaged."""
    put(pages, "usage_embeddings.json", page(bucket(used(1), used(-1)), bucket(used(2), day=2)))
    dead = state.with_name("dead")
    replay(pages, state=state, on_error="dead-letter", dead_letters=dead)
    shrink_pages(state)
    whole, files = read_state(state), files_in(state.parent)
    assert whole is not None
    refused = 0
    for changed in flips(files[state.name], begin):
        restore(state.parent, {**files, state.name: changed})
        found = read_state(state)
        assert found in (None, whole)
        refused += found is None
    assert refused


@pytest.mark.parametrize("begin", [0, 243])
def test_a_shard_with_a_flipped_bit_is_read_again(
    begin: int, pages: Path, state: Path, tmp_path: Path
) -> None:
    """What a killed run left is a cache: damaged it is dropped, and its pages are read again."""
    made = tmp_path / "made.db"
    whole = replay(pages, state=made).raw
    shrink_pages(made)
    replay(put_all(tmp_path / "few", {"costs.json": FILES["costs.json"]}), state=state)
    with closing(Store(state)) as store:
        store.take_shards([SHARD])
    files = files_in(tmp_path)
    for changed in flips(made.read_bytes(), begin, APART * 7):
        restore(tmp_path, {**files, SHARD: changed})
        replayed = replay(pages, state=state)
        assert (replayed.code, replayed.raw) == (0, whole), replayed.errors
        assert not state.with_name(SHARD).exists()


def logged(pages: Path, state: Path, few: Path) -> dict[str, bytes]:
    """Return a state file whose last transactions are in the log beside it."""
    replay(few, state=state)
    with closing(sqlite3.connect(state)) as reader:  # who closes last empties the log
        reader.execute("SELECT * FROM parts").fetchall()
        replay(pages, state=state)
        return files_in(state.parent)


def test_a_damaged_log_is_named(pages: Path, state: Path, tmp_path: Path) -> None:
    """A log that is flipped, cut or gone leaves an older state: it is said, and read again."""
    few = put_all(tmp_path / "few", {"costs.json": FILES["costs.json"]})
    files = logged(pages, state, few)
    log = files[f"{state.name}-wal"]
    whole = replay(pages, state=state).report
    assert whole is not None
    assert whole["relationshipIssues"] == []
    for changed in (b"", log[: len(log) // 2], *flips(log, 77, APART * 17)):
        restore(state.parent, {**files, f"{state.name}-wal": changed})
        replayed = replay(pages, state=state)
        assert (replayed.code, replayed.report is not None) == (1, True), replayed.errors
        assert replayed.report is not None
        (issue,) = replayed.report.pop("relationshipIssues")
        assert "of an earlier time than what was stored in it last" in issue
        assert replayed.report == {name: whole[name] for name in replayed.report}
        assert replay(pages, state=state).code == 0


def test_a_file_that_was_emptied_is_refused(pages: Path, state: Path) -> None:
    """State that is cut to nothing is no new state; where it was moved away, there is new state."""
    whole = replay(pages, state=state).raw
    state.write_bytes(b"")
    assert replay(pages, state=state).code == 65
    state.unlink()
    assert replay(pages, state=state).raw == whole
