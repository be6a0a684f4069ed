"""``usage-stream state``: what a file holds, whether it is sound, its copies, and its end."""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from stream.sinks.inventory import inventory_of, tables_of
from stream.state.sqlite.store import Store
from tests.support.bad_pages import END, MORE, ONE, TWO
from tests.support.comparing import Json
from tests.support.pages import bucket, listed, page, put, put_all, used
from tests.support.places import FIXTURES
from tests.support.pruning import DAY, prune, totals_in
from tests.support.running import Replayed, replay, run


def state_of(*arguments: object, code: int = 0) -> Json:
    """Run a command of ``usage-stream state``; return its JSON, or what it complains of."""
    found, output, errors = run(["state", *map(str, arguments)])
    assert found == code, errors
    assert len(errors.splitlines()) == bool(code)
    return json.loads(output) if not code else {"errors": errors}


@pytest.fixture
def fixtures(tmp_path: Path) -> Path:
    """Copy the fixtures, without what must come out of them."""
    directory = tmp_path / "fixtures"
    shutil.copytree(FIXTURES, directory)
    (directory / "expectations.json").unlink()
    return directory


def test_info_says_what_a_file_holds(fixtures: Path, state: Path) -> None:
    """Windows by endpoint and month, what each source brought, and how much of it is folded."""
    replay(fixtures, state=state)
    found = state_of("info", state)
    assert (found["version"], found["foldedUntil"], found["deadLetters"]) == (6, None, 0)
    assert found["bytes"] >= state.stat().st_size > 0
    completions = next(one for one in found["endpoints"] if one["endpoint"] == "usage/completions")
    assert (completions["windows"], completions["rows"]) == (3, 4)
    assert (completions["firstStart"], completions["foldedWindows"]) == ("2024-09-23T00:00:00Z", 0)
    for name in ("windows", "rows", "bytes"):
        assert sum(one[name] for one in found["months"]) == sum(
            one[name] for one in found["endpoints"]
        )
    assert {one["month"] for one in found["months"]} == {"2024-09", "2024-11"}
    assert [one["source"] for one in found["sources"]] == [""]
    assert found["sources"][0]["pages"] == 30
    prune(state)
    again = state_of("info", state)
    assert again["foldedUntil"] == "2024-11-03T00:00:00Z"
    assert all(one["foldedWindows"] == one["windows"] for one in again["endpoints"])
    tables = list(tables_of(inventory_of(state)))
    assert [len(names) for names, _ in tables] == [2, 7, 6, 4]
    assert all(len(row) == len(names) for names, rows in tables for row in rows)


def test_a_file_in_use_can_be_looked_at_and_not_pruned(fixtures: Path, state: Path) -> None:
    """Info, check, backup and export read what somebody holds; prune is refused (69)."""
    replay(fixtures, state=state)
    with closing(Store(state)):
        assert state_of("info", state)["sources"][0]["pages"] == 30
        assert run(["state", "check", str(state)])[0] == 0
        state_of("backup", state, state.with_name("copy.db"))
        state_of("export", state, state.with_name("all.ndjson"))
        errors = state_of("prune", state, "--retention", "30d", code=69)["errors"]
    assert "in use by another process" in errors
    assert "stop it first, or set retention in its configuration" in errors


def test_check_reads_all_of_a_file(fixtures: Path, state: Path) -> None:
    """A byte that nobody has asked for yet is found; the line names the file."""
    replay(fixtures, state=state)
    code, output, errors = run(["state", "check", str(state)])
    assert (code, errors, output.count("\n")) == (0, "", 1)
    assert "state.db: whole (transaction " in output
    with closing(sqlite3.connect(state)) as database, database:
        database.execute("UPDATE snapshots SET body = body || x'00' WHERE endpoint = 'costs'")
    errors = state_of("check", state, code=65)["errors"]
    assert f"{state}: found a damaged state file" in errors
    state_of("backup", state, state.with_name("copy.db"), code=65)
    assert not state.with_name("copy.db").exists()


@pytest.mark.parametrize("command", ["info", "check", "prune", "backup", "export"])
def test_a_file_that_is_not_there_is_not_made(command: str, tmp_path: Path) -> None:
    """There is nothing to look at (69), and nothing is left behind."""
    more: dict[str, list[object]] = {
        "prune": ["--retention", "30d"],
        "backup": [tmp_path / "b"],
        "export": [tmp_path / "e"],
    }
    state_of(command, tmp_path / "none.db", *more.get(command, []), code=69)
    assert list(tmp_path.iterdir()) == []


def test_a_copy_goes_on_from_its_moment(tmp_path: Path, state: Path) -> None:
    """It is private, overwrites nothing, and in the original's place names what came since."""
    pages, copy = put_all(tmp_path / "pages", {ONE: MORE, TWO: END}), tmp_path / "copies" / "a.db"
    whole = replay(pages, state=state)
    made = state_of("backup", state, copy)
    assert (made["bytes"], made["transaction"]) == (copy.stat().st_size, 3)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [path.name for path in copy.parent.iterdir()] == ["a.db"]
    for there in (copy, state, tmp_path / "pages"):
        assert (
            "something stands there already" in state_of("backup", state, there, code=69)["errors"]
        )
    put(pages, "usage_embeddings.json", page(bucket(used(3))))
    later = replay(pages, state=state)
    assert replay(pages, state=copy).raw == later.raw != whole.raw


def shown(replayed: Replayed) -> Json:
    """Return a report that is there."""
    assert replayed.report is not None, replayed.errors
    return replayed.report


def test_a_copy_put_back_names_what_it_lacks(tmp_path: Path, state: Path) -> None:
    """Where the original had come further, the next report says so once (1), and no more."""
    pages, copy = put_all(tmp_path / "pages", {ONE: MORE, TWO: END}), tmp_path / "copy.db"
    replay(pages, state=state)
    state_of("backup", state, copy)
    put(pages, "usage_embeddings.json", page(bucket(used(3))))
    later = replay(pages, state=state)
    state.unlink()
    shutil.copy(copy, state)
    restored = replay(pages, state=state)
    assert restored.code == 1
    (issue,) = shown(restored)["relationshipIssues"]
    assert "of an earlier time than what was stored in it last" in issue
    assert replay(pages, state=state).raw == later.raw


def test_an_export_replays_to_the_same_figures(fixtures: Path, state: Path, tmp_path: Path) -> None:
    """All that a report says is the same but for what it was read from; folded or not."""
    original = shown(replay(fixtures, state=state))
    for name in ("all.ndjson", "folded.ndjson.zst"):
        made = state_of("export", state, tmp_path / name)
        assert made["leftOut"] == []
        exported = shown(replay(tmp_path / name, state=tmp_path / f"{name}.db"))
        if name == "all.ndjson":
            apart = {"run", "usageSummary", "usageVariants", "endpoints"}
            assert {n: v for n, v in exported.items() if n not in apart} == {
                n: v for n, v in original.items() if n not in apart
            }
            assert totals_in(exported) == totals_in(original)
        else:
            keys, before = (
                {path: text for path, text in totals_in(one).items() if ".byKey." in path}
                for one in (exported, original)
            )
            assert keys == before
        prune(state)


def test_what_is_dropped_is_gone_and_stays_gone(tmp_path: Path, state: Path) -> None:
    """With --drop nothing of old windows counts, nor does it when its pages come again."""
    pages = put_all(
        tmp_path / "pages",
        {
            ONE: page(bucket(used(7, project_id="p")), bucket(used(5, project_id="p"), day=9)),
            "projects.json": listed({"id": "p"}),
        },
    )
    replay(pages, state=state)
    limit = 1_730_419_200 + 5 * DAY
    made = prune(state, "--drop", limit=limit)
    assert (made["days"], made["windows"]) == (1, 1)
    for _ in range(2):
        replayed = shown(replay(pages, state=state))
        assert replayed["usageSummary"]["tokensIn"] == 5
        assert replayed["run"]["folded"] == {"until": "2024-11-02T00:00:00Z", "windows": 1}
        put(pages, ONE, (pages / ONE).read_bytes() + b" ")


@pytest.mark.parametrize("value", ["1h", "0d", "a week", "400"])
def test_a_retention_is_a_day_or_more(value: str, pages: Path, state: Path) -> None:
    """Anything else is a misuse (2)."""
    replay(pages, state=state)
    code, _, errors = run(["state", "prune", str(state), "--retention", value])
    assert code == 2
    assert "give a day or more, such as 400d" in errors
