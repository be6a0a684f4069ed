"""``dead-letters``: what was set aside is listed and shown, and read again when somebody asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.sources import envelope
from tests.support.appending import FIRST, append, of_day
from tests.support.daemons import daemon
from tests.support.pages import put
from tests.support.running import run
from tests.support.watching import NONE, Watching

SECRET = "sk-proj-" + "abcdefghijklmnopqrstuvwx0123456789"


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    """Watch an empty directory."""
    found = Watching(tmp_path)
    yield found
    found.intake.close()


def ask(found: Watching, command: str, *more: str) -> tuple[int, str, str]:
    """Run a command with the state of a watcher."""
    return run(["dead-letters", command, "--state", str(found.place / "state.db"), *more])


def counted(found: Watching) -> list[tuple[int, int]]:
    """Return the pages and dead letters of each chain."""
    return [(one.sums.pages, one.sums.letters) for one in found.intake.summaries()]


def test_letters_are_listed_and_shown(watching: Watching) -> None:
    """Each has its number, source, part, page and reason, with secrets masked."""
    append(watching.pages / "walk.ndjson", of_day(0, 7) + f'{{"{SECRET}": 1}}\n'.encode())
    put(watching.pages, "usage_embeddings.json", "{}")
    watching.look(NONE)
    watching.store()
    code, output, errors = ask(watching, "list")
    head, *rows = output.splitlines()
    assert (code, errors) == (0, "")
    assert head.split() == ["number", "source", "part", "page", "reason", "message"]
    assert ["walk.ndjson" in row for row in rows] == [True, False]
    assert SECRET not in output
    _, output, _ = ask(watching, "list", "--format", "json")
    first, second = map(json.loads, output.splitlines())
    assert (first["part"], first["page"], first["reason"]) == ("walk.ndjson", 2, "envelope")
    assert second["part"] == "usage/embeddings/primary/1"
    code, output, _ = ask(watching, "show", "2")
    assert (code, json.loads(output)["fixture"]) == (0, "usage_embeddings.json")
    assert ask(watching, "show", "3")[0] == 2


@pytest.mark.parametrize("rotated", [False, True])
def test_what_is_retried_counts_once(
    rotated: bool,  # noqa: FBT001 -- a parameter
    watching: Watching,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Read again by one who understands more, a capture counts whole, and is not said to be new."""
    path = watching.pages / "walk.ndjson"
    append(path, of_day(0, 7, observed_at=FIRST) + of_day(1, 5, endpoint="usage/embeddings"))
    put(watching.pages, "usage_moderations.json", "{}")
    with monkeypatch.context() as patched:
        patched.delitem(envelope.NAMES, "usage/embeddings")
        watching.look(NONE)
        if rotated:
            path.rename(watching.pages / "walk.ndjson.1")
            append(path, of_day(2, 1, observed_at=FIRST))
            watching.look(NONE)
    assert (watching.tokens(), len(watching.letters)) == (7 + rotated, 2)
    with watching.rest():
        assert ask(watching, "retry", "--part", "else")[0] == 2
        code, output, _ = ask(watching, "retry", "--part", "walk.ndjson")
    assert (code, json.loads(output)) == (0, {"parts": [{"source": "", "part": "walk.ndjson"}]})
    watching.look(NONE)
    assert (watching.tokens(), len(watching.letters)) == (12 + rotated, 1)
    assert counted(watching) == [(1 + rotated, 0), (1, 0), (0, 1)]
    assert not any("anew" in one for one in watching.issues)
    watching.again()
    assert watching.look(NONE) == []
    with watching.rest():
        assert ask(watching, "retry")[0] == 0
    assert [one.name for one in watching.look(NONE)] == ["usage_moderations.json"]
    assert len(watching.letters) == 1


def test_a_daemon_that_runs_holds_its_state(tmp_path: Path) -> None:
    """Letters can be listed meanwhile; to retry them is refused, in words that say what to do."""
    (tmp_path / "pages").mkdir()
    append(tmp_path / "pages" / "walk.ndjson", b"broken\n")
    state = str(tmp_path / "state.db")
    with daemon(tmp_path) as found:
        assert run(["dead-letters", "list", "--state", state])[1].count("walk.ndjson") == 1
        code, _, errors = run(["dead-letters", "retry", "--state", state])
        assert code == 69
        assert "stop the daemon, run this again, and start it" in errors
        assert found.stop() == 0
    assert run(["dead-letters", "retry", "--state", state])[0] == 0
    assert run(["dead-letters", "list", "--state", str(tmp_path / "none.db")])[0] == 69
