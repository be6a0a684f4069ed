"""Figures of pages that are not whole: each command that shows or writes them says so, exit 1."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.daemons import daemon
from tests.support.pages import Content, bucket, page, put_all, used
from tests.support.postgres import Cluster
from tests.support.running import replay, run

SHORT = page(bucket({"amount": {"value": 7, "currency": "usd"}, "project_id": "p"}), cursor="x")
GAP = "costs (label primary) is incomplete"
COMMANDS = {
    "csv": ["export", "csv"],
    "csv file": ["export", "csv", "--out", "out.csv"],
    "parquet": ["export", "parquet", "--out", "out.parquet"],
    "focus": [
        *("export", "focus", "--focus-version", "1.2", "--billing-account", "org-a"),
        *("--out", "focus.csv"),
    ],
    "openmetrics": ["export", "openmetrics", "--out", "out.om"],
    "show": ["show"],
}
"""Those that read a state file, but for postgres and html."""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a state file of a chain whose last page says that more follows."""
    place = tmp_path_factory.mktemp("short")
    pages = put_all(place / "pages", {"costs.json": SHORT})
    made = replay(pages, state=place / "state.db", allow_incomplete=True)
    assert made.code == 1, made.errors
    return place / "state.db"


@pytest.fixture(scope="module")
def left_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make pages beside a file that is none."""
    other = page(bucket(used()))
    files: dict[str, Content] = {"costs.json": page(bucket()), "usage_nothing.json": other}
    return put_all(tmp_path_factory.mktemp("left") / "pages", files)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_chain_that_is_not_whole_is_named(
    name: str, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in one line on stderr; what was asked for is written all the same."""
    monkeypatch.chdir(tmp_path)
    code, output, errors = run([*COMMANDS[name], str(state)])
    assert code == 1
    (line,) = [one for one in errors.splitlines() if "warning" in one]
    assert "figures may be too low" in line
    assert GAP in line
    assert output or list(tmp_path.iterdir())


@pytest.mark.parametrize("name", COMMANDS)
def test_a_file_that_was_left_out_has_the_code_of_a_replay(
    name: str, left_out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named, and the exit code is 1."""
    monkeypatch.chdir(tmp_path)
    assert replay(left_out).code == 1
    code, _, errors = run([*COMMANDS[name], str(left_out)])
    assert code == 1
    assert "usage_nothing.json was left out" in errors


def test_a_daemon_says_so_to_who_asks_it(tmp_path: Path) -> None:
    """Figures that are asked for over HTTP are named as those of its state file are."""
    put_all(tmp_path / "pages", {"costs.json": SHORT})
    with daemon(tmp_path) as running:
        code, output, errors = run(["show", f"http://127.0.0.1:{running.port}"])
        assert (code, errors) == (1, run(["show", str(tmp_path / "state.db")])[2])
        assert GAP in errors
        assert "7" in output


def test_many_are_bounded(tmp_path: Path) -> None:
    """The line names the first chains, and says how many more there are."""
    pages = put_all(tmp_path / "pages", {f"costs_l{at:02}.json": SHORT for at in range(23)})
    assert replay(pages, state=tmp_path / "state.db", allow_incomplete=True).code == 1
    code, _, errors = run(["show", str(tmp_path / "state.db")])
    assert code == 1
    (line,) = errors.splitlines()
    assert line.endswith("and 18 more")
    assert line.count("is incomplete") == 5


def test_whole_pages_end_with_0(tmp_path: Path) -> None:
    """So do those of a state file, of which nothing is said."""
    pages = put_all(tmp_path / "pages", {"costs.json": page(bucket())})
    assert replay(pages, state=tmp_path / "state.db").code == 0
    for source in (pages, tmp_path / "state.db"):
        code, _, errors = run(["export", "csv", str(source)])
        assert code == 0
        assert "warning" not in errors


@pytest.mark.parametrize("name", COMMANDS)
def test_pages_without_an_end_are_refused_with_what_to_do(
    name: str, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way goes by a state file, as these commands have no option for it."""
    monkeypatch.chdir(tmp_path)
    code, _, errors = run([*COMMANDS[name], str(state.parent / "pages")])
    assert code == 65
    assert "add the missing page, or replay with --allow-incomplete, and --state FILE" in errors


@pytest.mark.needs_program("initdb")
def test_tables_are_written_all_the_same(postgres: Cluster, database: str, state: Path) -> None:
    """The transaction is there, with exit code 1."""
    code, output, errors = run(["export", "postgres", str(state)])
    assert code == 1, errors
    assert GAP in errors
    assert json.loads(output)["insertedRows"] == 1
    with postgres.connect(database) as connection:
        query = b"SELECT amount_value::int FROM usage_stream.records"
        assert connection.execute(query).fetchall() == [(7,)]


def test_an_export_of_the_daemon_is_no_failure(tmp_path: Path) -> None:
    """A walk under way is normal there."""
    put_all(tmp_path / "pages", {"costs.json": SHORT})
    export = '[[export]]\nformat = "openmetrics"\nout = "usage.om"\nevery = 0.2\n'
    with daemon(tmp_path, sources=f'[[watch]]\npath = "pages"\n{export}') as found:
        wanted = {"export": "openmetrics"}
        success = "usage_stream_export_last_success_timestamp_seconds"
        found.until(lambda: found.value(success, **wanted) > 0, "the export")
        assert found.value("usage_stream_export_failures_total", **wanted) == 0
        assert found.stop() == 0
    assert run(["show", str(tmp_path / "state.db")])[0] == 1
