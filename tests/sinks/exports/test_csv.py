"""CSV of records, for spreadsheets: RFC 4180, exact, and nothing that runs."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import zstandard

from stream.cli.streams import guard_stream, print_pieces
from stream.sinks.exports.schema import COLUMNS
from tests.support.exported import export, rows_in
from tests.support.generated import summary
from tests.support.pages import bucket, listed, page, put_all, used
from tests.support.places import FIXTURES
from tests.support.running import on_a_terminal, replay, run

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1"]
ODD = 'say "hi", twice\nand again'


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """Make pages whose texts try to be something else."""
    rows = [used(7, project_id="p", model=one, batch=True) for one in (*FORMULAS, ODD, "ünï")]
    project = {"object": "organization.project", "id": "p", "name": "=cmd|'/c calc'!A1"}
    amounts = [
        {"amount": {"value": one, "currency": "usd"}, "line_item": one}
        for one in ("-3.5", "0.1234567890123456789", "1e2", "0.00000001")
    ]
    return put_all(
        tmp_path / "odd",
        {
            "usage_completions.json": page(bucket(*rows)),
            "costs.json": page(bucket(*amounts)),
            "projects_list.json": listed(project),
        },
    )


def test_it_is_as_the_rfc_has_it(odd: Path, tmp_path: Path) -> None:
    """A header, CRLF behind each line and nowhere else, quotes doubled, UTF-8."""
    out = tmp_path / "records.csv"
    export("csv", odd, "--out", str(out))
    raw = out.read_bytes()
    assert raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r") == 1 + 12
    assert raw.endswith(b"\r\n")
    assert raw.split(b"\r\n")[0].decode() == ",".join(one.name for one in COLUMNS)
    rows = rows_in(raw.decode())
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert any(row["model"].startswith('say "hi", twice\\nand again') for row in rows)
    assert "ünï" in {row["model"] for row in rows}


def test_no_cell_is_a_formula(odd: Path) -> None:
    """Texts that begin as one have an apostrophe in front; numbers are numbers."""
    rows = rows_in(export("csv", odd))
    for row in rows:
        for name in ("model", "project_name", "line_item"):
            assert row[name][:1] not in set("=+-@\t\r\uff1d")
    assert {row["project_name"] for row in rows if row["model"]} == {"'=cmd|'/c calc'!A1"}
    amounts = {row["amount_value"] for row in rows} - {""}
    assert amounts == {"-3.5", "0.1234567890123456789", "100", "0.00000001"}


def test_cells_are_plain() -> None:
    """Times are RFC 3339, flags words, sources JSON, and what is absent is empty."""
    rows = rows_in(export("csv", FIXTURES, "--endpoint", "completions"))
    assert {row["window_start"][-10:] for row in rows} == {"T00:00:00Z"}
    assert {row["batch"] for row in rows} <= {"true", "false", ""}
    assert {row["amount_value"] for row in rows} == {""}
    assert all(json.loads(row["sources"]) for row in rows)


def test_duckdb_reads_it_to_the_sums_of_the_report(tmp_path: Path) -> None:
    """A database that knows nothing of us adds up what the report has."""
    made, out = tmp_path / "made.ndjson", tmp_path / "records.csv"
    summary(made, "--endpoints", "usage/completions,costs", "--rows", "2000")
    export("csv", made, "--out", str(out))
    report = replay(made).report
    assert report is not None
    sums = "sum(input_tokens::HUGEINT), sum(amount_value::DECIMAL(38, 18))"
    query = f"SELECT {sums} FROM read_csv('{out}', header = true, all_varchar = true)"  # noqa: S608 -- the test's own file
    ((tokens, amount),) = duckdb.sql(query).fetchall()
    endpoints = report["endpoints"]
    assert tokens == endpoints["usage/completions"]["metrics"]["input_tokens"]
    assert Decimal(amount) == endpoints["costs"]["metrics"]["amount_value"]


def test_a_file_is_packed_as_its_name_says(tmp_path: Path) -> None:
    """Plain, gzip and zstd hold the same, are their owner's alone, and are summed up on stdout."""
    packs: dict[str, Callable[[bytes], bytes]] = {
        "r.csv": bytes,
        "r.csv.gz": gzip.decompress,
        "r.csv.zst": unpack,
    }
    contents = set()
    for name, read in packs.items():
        out = tmp_path / name
        told = json.loads(export("csv", FIXTURES, "--out", str(out)))
        content = read(out.read_bytes())
        contents.add(content)
        assert out.stat().st_mode & 0o777 == 0o600
        assert (told["out"], told["bytes"]) == (str(out), out.stat().st_size)
        assert told["rows"] == sum(told["endpoints"].values()) == content.count(b"\r\n") - 1
        assert len(told["endpoints"]) == 12
    (content,) = contents
    assert content.decode().splitlines() == export("csv", FIXTURES).splitlines()
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(packs)


def unpack(content: bytes) -> bytes:
    """Unpack zstd."""
    with zstandard.ZstdDecompressor().stream_reader(content) as reader:
        return bytes(reader.read())


def test_a_reader_that_goes_away_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody works out what nobody reads."""
    ours, theirs = os.pipe()
    os.close(ours)
    left = iter([b"a line\r\n" * 10_000] * 100)
    with open(theirs, "w", encoding="utf-8") as pipe:  # noqa: PTH123 -- a descriptor has no path
        monkeypatch.setattr(sys, "stdout", guard_stream(pipe, vital=True))
        print_pieces(left)
    assert len(list(left)) == 99


def test_a_reader_may_read_a_line_alone() -> None:
    """That is no failure, and nothing is said of it."""
    command = f"set -o pipefail; {sys.executable} -m stream export csv {FIXTURES} | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"provider,endpoint,")


def test_a_full_stdout_is_69() -> None:
    """What cannot be written ends in one line."""
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "stream", "export", "csv", str(FIXTURES)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr.count(b"\n")) == (69, 1)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_no_input_is_overwritten(form: str, tmp_path: Path, pages: Path, state: Path) -> None:
    """Neither the state file, nor a file that a directory is read for, nor what is no file."""
    replay(pages, state=state)
    for source, out in ((state, state), (pages, pages / "costs.json")):
        before = out.read_bytes()
        _, _, errors = run(["export", form, str(source), "--out", str(out)])
        assert "write elsewhere" in errors
        assert out.read_bytes() == before
    assert run(["export", form, str(state), "--out", str(tmp_path)])[0] == 69


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_what_cannot_be_read_leaves_nothing(form: str, tmp_path: Path) -> None:
    """A source that is not there is 69, one that is bad is 65, in one line, without a file."""
    bad = put_all(tmp_path / "bad", {"usage_completions.json": page(bucket(used("x")))})
    for source, expected in ((tmp_path / "none", 69), (bad, 65)):
        out = tmp_path / "out" / "records"
        code, output, errors = run(["export", form, str(source), "--out", str(out)])
        assert (code, output, len(errors.splitlines())) == (expected, "", 1)
        assert not list(out.parent.iterdir())


def test_nothing_found_is_no_error(tmp_path: Path) -> None:
    """A header alone is written, and that is said."""
    out = tmp_path / "records.csv"
    code, output, errors = run(
        ["export", "csv", str(FIXTURES), "--since", "2031", "--out", str(out)]
    )
    assert (code, errors) == (0, "usage-stream: nothing was found\n")
    assert json.loads(output)["rows"] == 0
    assert out.read_bytes().count(b"\n") == 1


def test_progress_is_shown_on_a_terminal(tmp_path: Path, pages: Path, state: Path) -> None:
    """Records are counted while they are written to a file."""
    replay(pages, state=state)
    output, drawn = on_a_terminal("export", "csv", str(state), "--out", str(tmp_path / "r.csv"))
    assert json.loads(output)["rows"] == 4
    assert "records" in drawn
