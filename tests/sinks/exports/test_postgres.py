"""``usage-stream export postgres``: tables in a real PostgreSQL, as pages and state say."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream.sinks.exports.postgres.export import lock_number
from tests.support.comparing import Json
from tests.support.generated import summary
from tests.support.pages import DAY, FILES, FIRST, Content, bucket, listed, page, put_all, used
from tests.support.places import FIXTURES
from tests.support.postgres import GUARDED, Cluster, Gate
from tests.support.pruning import prune
from tests.support.running import replay, run
from tests.support.strategies import Chains, chains, write_chains

pytestmark = pytest.mark.needs_program("initdb")

PATIENCE = 60
SCHEMAS = itertools.count()
COUNTERS = ("input_tokens", "input_cached_tokens", "output_tokens", "num_model_requests")
BILLED: Json = {"amount": {"value": "0.125", "currency": "usd"}, "project_id": "p"}


def export(source: object, *options: str, code: int = 0) -> Json:
    """Export; return what the command said, on stderr as ``error``."""
    found, output, errors = run(["export", "postgres", str(source), *options])
    assert found == code, errors
    if found:
        assert errors.count("\n") == 1
        assert not output
        return {"error": errors}
    said: Json = json.loads(output)
    return said


def counts_of(said: Json) -> tuple[int, ...]:
    """Return how many records were inserted, updated, deleted, and left as they were."""
    return tuple(said[f"{one}Rows"] for one in ("inserted", "updated", "deleted", "unchanged"))


def ask(cluster: Cluster, database: str, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with cluster.connect(database) as connection:
        return connection.execute(query.encode()).fetchall()


def dump(cluster: Cluster, database: str, schema: str = "usage_stream") -> Json:
    """Return all rows of the tables but of the history of exports."""
    tables = ("records", "projects", "days", "layout")
    return {
        one: sorted(map(repr, ask(cluster, database, f"TABLE {schema}.{one}"))) for one in tables
    }


def export_anew(cluster: Cluster, database: str, source: object) -> Json:
    """Export into a schema that is not there yet; return its rows."""
    schema = f"anew_{next(SCHEMAS)}"
    export(source, "--schema", schema)
    return dump(cluster, database, schema)


def state_of(place: Path, files: Mapping[str, Content], name: str = "state.db") -> Path:
    """Replay pages into a state file."""
    pages = put_all(place / f"pages-{name}", dict(files))
    replay(pages, state=place / name)
    return place / name


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Json]:
    """Make a month of all endpoints, with line items of days and revisions; and its report."""
    place = tmp_path_factory.mktemp("made")
    out = place / "month.ndjson.zst"
    grown = ("--walks", "2", "--overlap", "0.5", "--revised", "0.3", "--corrected", "0.1")
    summary(out, "--endpoints", "all", "--rows", "4000", "--width", "1d", "--rollups", *grown)
    found = replay(out, state=place / "state.db")
    assert found.report is not None
    return place / "state.db", found.report


def test_the_sums_are_those_of_the_report_and_of_show(
    postgres: Cluster, database: str, month: tuple[Path, Json]
) -> None:
    """By project and tier all counters are the report's; the views say what ``show`` says."""
    state, report = month
    export(state)
    for endpoint, figures in report["endpoints"].items():
        names = sorted({name for one in figures["byKey"] for name in one["metrics"]})
        sums = ", ".join(f"sum({one})" for one in names)
        query = f"""SELECT project_id, service_tier, currency, {sums} FROM usage_stream.records
            WHERE endpoint = '{endpoint}' GROUP BY 1, 2, 3"""  # noqa: S608 -- names of the report
        found = {row[:3]: row[3:] for row in ask(postgres, database, query)}
        if endpoint == "usage/vector_stores":
            continue
        assert found == {
            (one["projectId"], one.get("serviceTier"), one.get("currency")): tuple(
                one["metrics"].get(name) for name in names
            )
            for one in figures["byKey"]
        }
    used_by = ("project_id", "service_tier", "model")
    columns = ", ".join(used_by + COUNTERS)
    query = f"SELECT day::text, {columns} FROM usage_stream.usage_by_day"  # noqa: S608 -- as above
    found = {row[:4]: row[4:] for row in ask(postgres, database, query)}
    shown = shown_rows(state, "project,tier,model", used_by)
    usage = {key: tuple(row.get(one) for one in COUNTERS) for key, row in shown.items()}
    assert {key: row for key, row in usage.items() if row != (None,) * 4} == found
    query = (
        "SELECT day::text, project_id, line_item, currency, billed FROM usage_stream.cost_by_day"
    )
    billed = shown_rows(
        state, "project,line-item", ("project_id", "line_item"), "--endpoint", "costs"
    )
    assert {row[:4]: row[4] for row in ask(postgres, database, query)} == {
        (*key, currency): Decimal(amount)
        for key, row in billed.items()
        for currency, amount in row["billed"].items()
    }


def shown_rows(
    source: Path, by: str, names: tuple[str, ...], *options: str
) -> dict[tuple[Any, ...], Json]:
    """Return what ``show`` has for each day, null as null."""
    arguments = ["show", str(source), "--by", by, "--per", "day", "--format", "json", *options]
    code, output, errors = run(arguments)
    assert code == 0, errors
    return {
        (row["day"], *(None if row[one] == "unspecified" else row[one] for one in names)): row
        for row in json.loads(output)["rows"]
    }


@pytest.mark.parametrize("kind", ["pages", "state"])
def test_an_export_again_writes_nothing(
    kind: str, postgres: Cluster, database: str, tmp_path: Path
) -> None:
    """No record is written again that is as it was, of pages or state; the watermark goes on."""
    source = FIXTURES
    if kind == "state":
        source = tmp_path / "state.db"
        replay(FIXTURES, state=source)
    first = export(source)
    query = "SELECT xmin, ctid, records::text FROM usage_stream.records ORDER BY 3"
    before = ask(postgres, database, query)
    assert counts_of(first) == (len(before), 0, 0, 0)
    again = export(source)
    assert counts_of(again) == (0, 0, 0, len(before))
    assert ask(postgres, database, query) == before
    assert again["watermark"]["number"] == 2
    digests = [one["watermark"]["sourceDigest"] for one in (first, again)]
    assert digests[0] == digests[1]
    assert (digests[0] is None) == (kind == "pages")
    shown = ask(postgres, database, "SELECT number, inserted, unchanged FROM usage_stream.exports")
    assert shown == [(1, len(before), 0), (2, 0, len(before))]


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ("TRUNCATE usage_stream.records", (4, 0, 0, 0)),
        ("DELETE FROM usage_stream.records WHERE endpoint = 'costs'", (1, 0, 0, 3)),
    ],
)
def test_records_that_were_deleted_by_hand_come_again(
    change: str, again: tuple[int, ...], postgres: Cluster, database: str, pages: Path
) -> None:
    """Days of a state file that have not as many records as were sent are sent again, once."""
    state = pages.parent / "changed.db"
    replay(pages, state=state)
    export(state)
    before = dump(postgres, database)
    with postgres.connect(database) as connection:
        connection.execute(change.encode())
    assert counts_of(export(state)) == again
    assert dump(postgres, database) == before
    assert counts_of(export(state)) == (0, 0, 0, 4)


def test_what_is_corrected_or_gone_is_so_in_the_tables(
    postgres: Cluster, database: str, tmp_path: Path
) -> None:
    """Corrected figures and new names are there, and what vanished is not."""
    before = {
        "usage_completions.json": page(
            bucket(used(7, project_id="p"), used(2, project_id="q")),
            bucket(used(3, project_id="p"), day=1),
            bucket(used(4, project_id="p"), day=2),
        ),
        "costs.json": page(bucket(BILLED)),
        "projects_list.json": listed({"id": "p", "name": "One"}, {"id": "q", "name": "Two"}),
    }
    after = {
        "usage_completions.json": page(
            bucket(used(8, project_id="p")),
            bucket(used(3, project_id="p"), used(1), day=1),
        ),
        "costs.json": page(bucket(BILLED)),
        "projects_list.json": listed({"id": "p", "name": "Another"}),
    }
    export(state_of(tmp_path, before, "a.db"))
    last = state_of(tmp_path, after, "b.db")
    assert counts_of(export(last)) == (1, 3, 2, 0)
    query = "SELECT project_id, project_name, input_tokens FROM usage_stream.records ORDER BY 3, 1"
    assert ask(postgres, database, query) == [
        (None, None, 1),
        ("p", "Another", 3),
        ("p", "Another", 8),
        ("p", "Another", None),
    ]
    assert dump(postgres, database) == export_anew(postgres, database, last)
    assert ask(postgres, database, "SELECT * FROM usage_stream.projects") == [("p", "Another")]


def test_nothing_outside_of_a_span_changes(
    postgres: Cluster, database: str, tmp_path: Path
) -> None:
    """With ``--since`` and ``--until`` other days stay, though a window joins them with these."""
    long = {"start_time": 1_730_419_200 + 3 * 86_400, "end_time": 1_730_419_200 + 6 * 86_400}
    days = [bucket(used(7, project_id="p"), day=one) for one in range(3)]
    before = {"usage_completions.json": page(*days, bucket(used(5), **long))}
    hours = [bucket(used(9, project_id="p"), day=one) for one in (1, 4, 7)]
    after = {"usage_completions.json": page(*hours)}
    export(state_of(tmp_path, before, "a.db"))
    last = state_of(tmp_path, after, "b.db")
    limits = ("--since", "2024-11-02", "--until", "2024-11-05")
    assert counts_of(export(last, *limits)) == (1, 1, 2, 0)
    query = (
        "SELECT extract(day FROM window_start AT TIME ZONE 'UTC')::int, input_tokens "
        "FROM usage_stream.records ORDER BY 1"
    )
    assert ask(postgres, database, query) == [(1, 7), (2, 9), (5, 9)]
    assert counts_of(export(last, *limits)) == (0, 0, 0, 2)
    assert counts_of(export(last)) == (1, 0, 1, 2)
    assert dump(postgres, database) == export_anew(postgres, database, last)


def test_what_was_folded_is_so_in_the_tables(
    postgres: Cluster, database: str, tmp_path: Path
) -> None:
    """After state was pruned a record is the sum of its day, and sums are what they were."""
    starts = [FIRST + 3_600, FIRST + 7_200]
    old = [bucket(used(7, project_id="p"), start_time=one, end_time=one + 3_600) for one in starts]
    state = state_of(tmp_path, {"usage_completions.json": page(*old, bucket(used(5), day=40))})
    assert export(state)["insertedRows"] == 3
    assert prune(state, limit=FIRST + 30 * DAY)["windows"] > 0
    assert counts_of(export(state)) == (1, 0, 2, 1)
    query = "SELECT project_id, input_tokens FROM usage_stream.records ORDER BY 2"
    assert ask(postgres, database, query) == [(None, 5), ("p", 14)]
    assert dump(postgres, database) == export_anew(postgres, database, state)


def is_in_chunk(text: bytes, _: int, chunk: bytes) -> bool:
    """Tell whether what was sent last has a text in it."""
    return text in chunk


@pytest.mark.no_cover
def test_an_exporter_may_be_killed_anywhere(
    postgres: Cluster, database: str, month: tuple[Path, Json], tmp_path: Path
) -> None:
    """Killed while it makes tables, sends, merges or commits: all is as before, or as after."""
    older = state_of(tmp_path, FILES)
    newer = month[0]
    wanted = export_anew(postgres, database, newer)
    export(older)
    before = dump(postgres, database)
    points: list[tuple[Callable[[int, bytes], bool], bool]] = [
        (partial(is_in_chunk, b"pg_advisory_xact_lock"), True),
        (partial(is_in_chunk, b"COPY usage_stream_sent"), True),
        (lambda total, _: total > 300_000, False),
        (partial(is_in_chunk, b"DELETE FROM records"), True),
        (partial(is_in_chunk, b"INSERT INTO exports"), True),
        (partial(is_in_chunk, b"COMMIT"), False),
    ]
    with TemporaryDirectory(prefix="gate") as short, Gate(Path(short), postgres) as gate:
        start = partial(start_export, newer, subprocess.DEVNULL, PGHOST=short)
        for is_reached, is_late in points:
            assert gate.kill_at(start, is_reached, is_late=is_late) == -9
            assert dump(postgres, database) == before
        assert gate.kill_at(start, partial(is_in_chunk, b"COMMIT"), is_late=True) == -9
    assert dump(postgres, database) in (before, wanted)
    export(newer)
    assert dump(postgres, database) == wanted


def start_export(
    source: Path, output: int = subprocess.PIPE, **variables: str
) -> subprocess.Popen[bytes]:
    """Start an exporter as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "stream", "export", "postgres", str(source)],
        env={**os.environ, **variables},
        stdout=output,
        stderr=subprocess.STDOUT,
    )


def test_two_exporters_wait_for_each_other(
    postgres: Cluster, database: str, month: tuple[Path, Json]
) -> None:
    """Two that begin at once with nothing there both end well, and one has nothing to do."""
    both = [start_export(month[0]) for _ in range(2)]
    outputs = [one.communicate(timeout=PATIENCE)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0], outputs
    inserted = sorted(json.loads(one)["insertedRows"] for one in outputs)
    assert inserted[0] == 0 < inserted[1]
    assert dump(postgres, database) == export_anew(postgres, database, month[0])


def test_a_server_that_restarts_is_found_again(
    postgres: Cluster, database: str, pages: Path
) -> None:
    """While it is down an export ends with 69; afterwards all is there, and more can come."""
    export(pages)
    before = dump(postgres, database)
    postgres.stop("fast")
    try:
        assert "PGHOST" in export(pages, code=69)["error"]
    finally:
        postgres.start()
    assert counts_of(export(pages))[3] == len(before["records"])
    assert dump(postgres, database) == before


def test_passwords_are_libpqs_affair(
    postgres: Cluster,
    database: str,
    pages: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file of passwords and one of services do; a wrong password is refused, and never shown."""
    with postgres.connect(database) as connection:
        connection.execute(f"DROP ROLE IF EXISTS {GUARDED}".encode())
        connection.execute(f"CREATE ROLE {GUARDED} LOGIN PASSWORD 'right-0815'".encode())
        connection.execute(f"GRANT CREATE ON DATABASE {database} TO {GUARDED}".encode())
    services, passwords = tmp_path / "services", tmp_path / "passwords"
    services.write_text(f"[billing]\nhost={postgres.place}\nuser={GUARDED}\n", "utf-8")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    for name in ("PGHOST", "PGUSER"):
        monkeypatch.delenv(name)
    passwords.write_text("*:*:*:*:wrong-0816\n", "utf-8")
    passwords.chmod(0o600)
    error = export(pages, "--service", "billing", code=69)["error"]
    assert "password authentication failed" in error
    assert "wrong-0816" not in error
    monkeypatch.setenv("PGPASSWORD", "wrong-0817")
    assert "wrong-0817" not in export(pages, "--service", "billing", code=69)["error"]
    monkeypatch.setenv("PGPORT", "wrong-0817")
    error = export(pages, "--service", "billing", code=69)["error"]
    assert "port" in error
    assert "wrong-0817" not in error
    for name in ("PGPASSWORD", "PGPORT"):
        monkeypatch.delenv(name)
    passwords.write_text("*:*:*:*:right-0815\n", "utf-8")
    assert counts_of(export(pages, "--service", "billing"))[0] == 4
    uri = f"postgresql://{GUARDED}:right-0815@localhost/{database}"
    for text in (uri, "billing password=right-0815"):
        code, _, error = run(["export", "postgres", str(pages), "--service", text])
        assert code == 2
        assert "right-0815" not in error
        assert "PGPASSFILE" in error


def test_what_is_refused_says_what_to_do(postgres: Cluster, database: str, pages: Path) -> None:
    """No rights, another's tables, tables of another version: one line each, and 78."""
    for flags in (("--schema", "Sch;ema"), ("--schema", 'a"b'), ("--service", "x password=hush")):
        code, output, errors = run(["export", "postgres", str(pages), *flags])
        assert (code, output) == (2, ""), errors
        assert f"{flags[0]}: " in errors
        assert "hush" not in errors
    with postgres.connect(database) as connection:
        connection.execute(b"CREATE SCHEMA theirs")
        connection.execute(b"CREATE TABLE theirs.records (x int)")
        connection.execute(
            f"ALTER DATABASE {database} SET default_transaction_read_only = on".encode()
        )
    assert "read-only" in export(pages, code=78)["error"]
    with postgres.connect(database) as connection:
        connection.execute(b"SET default_transaction_read_only = off")
        connection.execute(f"ALTER DATABASE {database} RESET ALL".encode())
    assert "already exists" in export(pages, "--schema", "theirs", code=78)["error"]
    export(pages)
    with postgres.connect(database) as connection:
        connection.execute(b"UPDATE usage_stream.layout SET digest = 'x', made_by = '0.0.9'")
    error = export(pages, code=78)["error"]
    assert "0.0.9" in error
    assert "DROP SCHEMA usage_stream CASCADE" in error


def test_another_encoding_is_refused(
    postgres: Cluster, pages: Path, monkeypatch: pytest.MonkeyPatch, database: str
) -> None:
    """A database that cannot hold every text is none to export into, and is told so."""
    with postgres.connect() as connection:
        made = f"CREATE DATABASE {database}_old TEMPLATE template0 ENCODING 'LATIN1'"
        connection.execute(made.encode())
    monkeypatch.setenv("PGDATABASE", f"{database}_old")
    assert "expected one in UTF8" in export(pages, code=78)["error"]


def test_an_export_that_lasts_is_not_waited_for_without_end(
    postgres: Cluster, database: str, pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When another one holds the tables for long, that is said, and worth a retry (69)."""
    monkeypatch.setattr("stream.sinks.exports.postgres.export.LOCK_WAIT", "20ms")
    with postgres.connect(database) as connection:
        connection.execute(b"SELECT pg_advisory_lock(%s)", [lock_number("usage_stream")])
        assert "another export is under way" in export(pages, code=69)["error"]
    assert counts_of(export(pages))[0] == 4


def test_a_role_needs_no_more_than_its_schema(
    postgres: Cluster, database: str, pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may not make schemas can export into one that is there, and is told so where not."""
    with postgres.connect(database) as connection:
        connection.execute(b"DROP ROLE IF EXISTS modest")
        connection.execute(b"CREATE ROLE modest LOGIN")
    monkeypatch.setenv("PGUSER", "modest")
    assert "permission denied" in export(pages, code=78)["error"]
    with postgres.connect(database) as connection:
        connection.execute(b"CREATE SCHEMA theirs")
    error = export(pages, "--schema", "theirs", code=78)["error"]
    assert "the role has no rights on the schema" in error
    with postgres.connect(database) as connection:
        connection.execute(b"CREATE SCHEMA usage_stream AUTHORIZATION modest")
    assert counts_of(export(pages)) == (4, 0, 0, 0)
    assert counts_of(export(pages)) == (0, 0, 0, 4)
    with postgres.connect(database) as connection:  # or nobody could drop the role again
        connection.execute(b"DROP SCHEMA usage_stream CASCADE")


def test_strange_values_arrive(postgres: Cluster, database: str, tmp_path: Path) -> None:
    """What PostgreSQL cannot hold is shown as elsewhere; all else is what it was."""
    texts = ["a\tb", "c\\N", "nul\0nul", "line\nline", 'say "x", {y}', "ünï", "\\"]
    rows = [
        used(2**63 - 1, project_id=text, region=text, weight=Decimal("0.50"), batch=text)
        for text in texts
    ]
    files: dict[str, Content] = {
        "usage_completions.json": page(bucket(*rows, used(1, batch="true")))
    }
    export(put_all(tmp_path / "pages", files))
    query = (
        "SELECT project_id, other_dimensions->>'region', other_dimensions->>'batch', "
        "(other_counters->>'weight')::numeric, input_tokens, batch FROM usage_stream.records"
    )
    found = ask(postgres, database, query)
    total = "SELECT sum(input_tokens) FROM usage_stream.usage_by_day"
    assert ask(postgres, database, total) == [(len(texts) * (2**63 - 1) + 1,)]
    assert (None, None, None, None, 1, True) in found
    shown = {row[0] for row in found if row[0] is not None}
    assert {one for one in texts if one.isprintable()} < shown
    assert len(shown) == len(texts)
    for project, region, batch, weight, tokens, flag in found:
        if project is not None:
            assert (region, batch) == (project, project)
            assert (weight, tokens, flag) == (Decimal("0.5"), 2**63 - 1, None)


def test_a_residual_may_have_the_dimensions_of_a_record(
    postgres: Cluster, database: str, tmp_path: Path
) -> None:
    """Both are there, apart by their ordinal, and their sum is the rollup's."""
    label: dict[str, Content] = {
        "usage_completions.json": page(bucket(used(2, project_id="p"), used(3))),
        "usage_completions_fixture_other.json": page(bucket(used(9))),
    }
    pages = put_all(tmp_path / "pages", label)
    export(pages)
    query = "SELECT project_id, ordinal, input_tokens FROM usage_stream.records ORDER BY 1, 2"
    found = ask(postgres, database, query)
    assert sum(row[2] for row in found) == 9
    assert counts_of(export(pages)) == (0, 0, 0, len(found))


def test_what_the_driver_logs_is_no_line_of_ours() -> None:
    """What it passes over on the way out of an error is not printed beside that error."""
    log = "import logging, {}; logging.getLogger('psycopg').warning('error ignored')"
    for module, printed in (
        ("stream", "error ignored\n"),
        ("stream.sinks.exports.postgres.database", ""),
    ):
        done = subprocess.run(
            [sys.executable, "-c", log.format(module)], capture_output=True, text=True, check=True
        )
        assert done.stderr == printed


def test_the_driver_is_an_extra(pages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it one line says how to install it; the exit code is 78."""
    monkeypatch.delitem(sys.modules, "stream.sinks.exports.postgres.database", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "usage-stream[postgres]" in export(pages, code=78)["error"]


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=st.lists(st.tuples(chains(), st.booleans()), min_size=2, max_size=3))
def test_the_last_of_many_exports_is_all_that_counts(
    made: list[tuple[Chains, bool]], postgres: Cluster, database: str
) -> None:
    """States, and spans of them, exported one after another come to the last one alone."""
    schema = f"many_{next(SCHEMAS)}"
    with TemporaryDirectory() as scratch:
        for number, (pages, is_part) in enumerate(made):
            place = Path(scratch) / str(number)
            place.mkdir()
            write_chains(place, pages)
            state = Path(scratch) / f"{number}.db"
            replay(place, state=state, allow_incomplete=True)
            options = ("--since", "2024-09-24") if is_part and number + 1 < len(made) else ()
            export(state, "--schema", schema, *options)
        found = dump(postgres, database, schema)
        assert found == export_anew(postgres, database, state)
