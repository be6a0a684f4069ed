"""``[[export]]``: the daemon keeps a database up to date, and goes on counting where it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.bad_pages import GOOD, ONE
from tests.support.daemons import Daemon, daemon, tokens
from tests.support.pages import bucket, page, put, put_all, used
from tests.support.postgres import GUARDED, Cluster
from tests.support.running import run

WATCHED = '[[watch]]\npath = "pages"\n'
TABLES = WATCHED + '[[export]]\nformat = "postgres"\nevery = 0.2\n'
FAILURES = "usage_stream_export_failures_total"
ROWS = "usage_stream_export_rows_total"
SUCCESS = "usage_stream_export_last_success_timestamp_seconds"
EMBEDDINGS = "usage_embeddings.json"


def sum_of(cluster: Cluster, database: str) -> int:
    """Return the tokens in the table; 0 where there is none."""
    with cluster.connect(database) as connection:
        if connection.execute(b"SELECT to_regclass('usage_stream.records')").fetchall() == [
            (None,)
        ]:
            return 0
        query = b"SELECT coalesce(sum(input_tokens), 0)::bigint FROM usage_stream.records"
        ((found,),) = connection.execute(query).fetchall()
        return int(found)


@pytest.mark.needs_program("initdb")
def test_it_follows_what_is_counted(postgres: Cluster, database: str, tmp_path: Path) -> None:
    """What has landed is in the tables; a server that is down is said once, and found again."""
    put_all(tmp_path / "pages", {ONE: page(GOOD)})
    with daemon(tmp_path, sources=TABLES) as found:
        found.until(lambda: sum_of(postgres, database) == tokens(found), "the first export")
        found.until(lambda: found.value(SUCCESS, export="postgres") > 0, "its time")
        assert found.value(ROWS, export="postgres", outcome="inserted") > 0
        assert found.value("usage_stream_export_interval_seconds", export="postgres") == 0.2
        postgres.stop("fast")
        try:
            found.until(lambda: found.value(FAILURES, export="postgres") > 1, "failures")
            before = tokens(found)
            put(tmp_path / "pages", EMBEDDINGS, page(bucket(used(5))))
            found.until(lambda: tokens(found) == before + 5, "the page from meanwhile")
            assert found.ready()
        finally:
            postgres.start()
        found.until(lambda: sum_of(postgres, database) == tokens(found), "what came meanwhile")
        found.until(lambda: '"export_works"' in found.log(), "that it works again")
        assert found.stop() == 0
        events = [one for one in found.events() if one["event"].startswith("export_")]
        assert [one["event"] for one in events].count("export_works") == 1
        assert events[0]["event"] == "export_failed"
        assert "PostgreSQL" in events[0]["reason"]
        reasons = [one["reason"] for one in events if one["event"] == "export_failed"]
        assert len(reasons) == len({*reasons})


@pytest.mark.needs_program("initdb")
def test_a_stop_does_not_wait_for_an_export(
    postgres: Cluster, database: str, tmp_path: Path
) -> None:
    """One that waits for a lock is ended when the daemon drains, and changes nothing."""
    put_all(tmp_path / "pages", {ONE: page(GOOD)})
    assert run(["export", "postgres", str(tmp_path / "pages")])[0] == 0
    waits = b"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with postgres.connect(database) as connection, connection.transaction():
        connection.execute(b"LOCK TABLE usage_stream.days")
        more = "stop_seconds = 20"
        with daemon(tmp_path, sources=TABLES, more=more) as found, postgres.connect() as other:
            found.until(lambda: other.execute(waits).fetchall() == [(1,)], "an export that waits")
            assert found.stop() == 0
            assert found.events()[-1]["event"] == "stopped"
            assert not [one for one in found.events() if one["event"] == "export"]
    with postgres.connect(database) as connection:
        rows = connection.execute(b"SELECT count(*) FROM usage_stream.exports").fetchall()
    assert rows == [(1,)]


@pytest.mark.needs_program("initdb")
@pytest.mark.usefixtures("database")
def test_a_password_stands_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is refused is in no log, metric, page or file, though the refusal is told."""
    put_all(tmp_path / "pages", {ONE: page(GOOD)})
    (tmp_path / "passwords").write_text("*:*:*:*:hush-0816\n", "utf-8")
    (tmp_path / "passwords").chmod(0o600)
    monkeypatch.setenv("PGUSER", GUARDED)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "passwords"))
    monkeypatch.setenv("PGPASSWORD", "hush-0815")
    with daemon(tmp_path, sources=TABLES) as found:
        found.until(lambda: found.value(FAILURES, export="postgres") > 0, "a failure")
        asked = [found.ask(one).text for one in ("/metrics", "/", "/readyz", "/report")]
        assert found.stop() == 0
    (reason,) = {one["reason"] for one in found.events() if one["event"] == "export_failed"}
    assert "password authentication failed" in reason
    assert not [one for one in asked if "hush" in one]
    files = [one for one in tmp_path.rglob("*") if one.is_file() and one.name != "passwords"]
    assert tmp_path / "state.db" in files
    assert not [one.name for one in files if b"hush" in one.read_bytes()]


def test_a_reload_begins_and_ends_exports(tmp_path: Path) -> None:
    """An export of a file appears with the configuration that names it, and goes with it."""
    put_all(tmp_path / "pages", {ONE: page(GOOD)})
    out = tmp_path / "usage.om"
    with daemon(tmp_path) as found:
        config = tmp_path / "config.toml"
        before = config.read_text("utf-8")
        assert not exports_of(found)
        more = (
            '\n[[export]]\nformat = "openmetrics"\nname = "past"\nout = "usage.om"\nevery = "1h"\n'
        )
        config.write_text(before + more, "utf-8")
        assert found.ask("/-/reload", method="POST").status == 200
        found.until(out.exists, "the file")
        found.until(lambda: found.value(SUCCESS, export="past") > 0, "its time")
        assert exports_of(found) == {"past"}
        config.write_text(before, "utf-8")
        assert found.ask("/-/reload", method="POST").status == 200
        assert not exports_of(found)
        assert found.stop() == 0
    expected = tmp_path / "expected.om"
    arguments = [str(tmp_path / "state.db"), "--out", str(expected)]
    assert run(["export", "openmetrics", *arguments])[0] == 0
    assert out.read_bytes() == expected.read_bytes()


def exports_of(found: Daemon) -> set[str]:
    """Return the exports that metrics know."""
    samples = found.metrics().get("usage_stream_export_interval_seconds", {})
    return {dict(labels)["export"] for labels in samples}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('format = "csvx"', 'export[0].format: found "csvx"'),
        ("every = 1", "export[0].format: found nothing"),
        ('format = "openmetrics"', "export[0].out: found nothing, expected the file"),
        ('format = "postgres"\nout = "x"', "expected none: it goes into tables"),
        ('format = "openmetrics"\nout = "x"\nschema = "y"', "none: it goes into a file"),
        ('format = "openmetrics"\nout = "x.gz"', "expected a name without .gz or .zst"),
        ('format = "postgres"\nschema = "A b"', "expected up to 63 small letters"),
        ('format = "openmetrics"\nout = "report.json"', "which is report too"),
        ('format = "postgres"\n[[export]]\nformat = "postgres"', "expected a name for each export"),
        ('format = "postgres"\nservice = "x password=hush"', "no name of a service"),
    ],
)
def test_what_is_wrong_is_told(text: str, told: str, tmp_path: Path) -> None:
    """Each key that is wrong has a line, and a password that stands there is not shown."""
    (tmp_path / "pages").mkdir()
    path = tmp_path / "config.toml"
    base = 'state = "state.db"\nreport = "report.json"\ndead_letters = "dead"\n'
    path.write_text(f"{base}{WATCHED}[[export]]\n{text}\n", "utf-8")
    code, _, errors = run(["check-config", "--config", str(path)])
    assert code == 78
    assert told in errors
    assert "hush" not in errors


def test_a_good_one_is_shown(tmp_path: Path) -> None:
    """Without a connection: what comes of the file is printed, with its defaults."""
    (tmp_path / "pages").mkdir()
    path = tmp_path / "config.toml"
    base = 'state = "state.db"\nreport = "report.json"\ndead_letters = "dead"\n'
    path.write_text(f'{base}{WATCHED}[[export]]\nformat = "postgres"\nservice = "b"\n', "utf-8")
    code, output, errors = run(["check-config", "--config", str(path)])
    assert code == 0, errors
    (shown,) = json.loads(output)["export"]
    assert shown["schema"] == "usage_stream"
    assert shown["every"] == 3600
