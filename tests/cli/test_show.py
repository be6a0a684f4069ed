"""``usage-stream show``: what was used and billed, the same from whatever has it."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.support.comparing import Json
from tests.support.daemons import daemon
from tests.support.generated import summary
from tests.support.pages import bucket, listed, page, put_all, used
from tests.support.places import FIXTURES, ROOT
from tests.support.running import replay, run

README = (ROOT / "README.md").read_text("utf-8")
EVIL = '=HYPERLINK("http://x.example.com";"a,b")'
LONG = "a-project-with-a-rather-long-name-that-nobody-would-give-to-anything-at-all"


def show(source: object, *arguments: str, code: int = 0) -> tuple[str, str]:
    """Run the command; return what it printed, and what it said of that."""
    found, output, errors = run(["show", str(source), *arguments])
    assert found == code, errors
    return output, errors


def rows_of(source: object, *arguments: str) -> list[Json]:
    """Return the rows that are shown as JSON."""
    output, _ = show(source, *arguments, "--format", "json")
    rows: list[Json] = json.loads(output)["rows"]
    return rows


def table_in(text: str) -> list[dict[str, str]]:
    """Read a table as CSV."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def billed(amount: object, currency: str = "usd", **fields: object) -> Json:
    """Make a row of costs."""
    return {"amount": {"value": amount, "currency": currency}, **fields}


@pytest.fixture(autouse=True)
def _no_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have tables be as wide as they are, unless a terminal says otherwise."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Make pages in which names and dimensions try to be something else."""
    return put_all(
        tmp_path / "made",
        {
            "usage_completions.json": page(
                bucket(
                    used(2**62, project_id="p", model="-1+1|cmd", num_model_requests=0),
                    used(
                        7, project_id="q", model='say "hi", twice\nand again', service_tier="flex"
                    ),
                    used(5, project_id="p", model="ünï"),
                ),
                bucket(used(3, project_id="p", model="\t=1"), day=1),
            ),
            "costs.json": page(
                bucket(
                    billed(Decimal("0.1234567890123456789"), project_id="p", line_item="+1"),
                    billed(Decimal("-3.5"), project_id="q", line_item="@SUM(A1)"),
                    billed(Decimal(2), "eur", project_id="q"),
                )
            ),
            "projects_list.json": listed(
                {"object": "organization.project", "id": "p", "name": EVIL},
                {"object": "organization.project", "id": "q", "name": LONG},
            ),
        },
    )


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a month of all endpoints, with line items of days and revisions, as a capture."""
    out = tmp_path_factory.mktemp("made") / "month.ndjson.zst"
    grown = ("--walks", "3", "--overlap", "0.5", "--revised", "0.3", "--corrected", "0.1")
    summary(out, "--endpoints", "all", "--rows", "6000", "--width", "1d", "--rollups", *grown)
    return out


def camel_rows(rows: list[Json], *names: str) -> dict[tuple[str | None, ...], Json]:
    """Arrange rows by dimensions, null as null."""
    return {
        tuple(None if row[one] == "unspecified" else row[one] for one in names): row for row in rows
    }


@pytest.mark.parametrize("kind", ["fixtures", "capture"])
def test_it_agrees_with_the_report(kind: str, generated: Path) -> None:
    """By project, and by project and tier, each endpoint has the report's figures, all of them."""
    source = FIXTURES if kind == "fixtures" else generated
    report = replay(source).report
    assert report is not None
    assert len(report["endpoints"]) == 12
    for endpoint, figures in report["endpoints"].items():
        if endpoint == "usage/vector_stores":
            continue
        for by, entries in (("project", "byProject"), ("project,tier", "byKey")):
            rows = rows_of(source, "--by", by, "--endpoint", endpoint)
            names = ("project_id", "service_tier")[: by.count(",") + 1]
            found = camel_rows(rows, *names)
            keys = set()
            for entry in figures[entries]:
                key = (entry["projectId"], entry.get("serviceTier"))[: len(names)]
                keys.add(key)
                money = (
                    {entry["currency"]: entry["metrics"]["amount_value"]}
                    if "currency" in entry
                    else {}
                )
                for currency, amount in money.items():
                    assert Decimal(found[key]["billed"][currency]) == amount
                for name, value in entry["metrics"].items():
                    if value is not None and name not in {"amount_value", "quantity"}:
                        assert Decimal(found[key][name]) == value
            assert keys >= found.keys()


def test_every_source_shows_the_same(tmp_path: Path, pages: Path, state: Path) -> None:
    """Pages, a state file of a replay, that of a daemon, and the daemon itself: the same bytes."""
    asked = ("--by", "endpoint,project,tier,model,line-item", "--per", "day", "--format", "csv")
    priced = (*asked, "--prices", "default")
    expected, estimated = show(pages, *asked), show(pages, *priced)
    assert len(expected[0].splitlines()) > 7
    replay(pages, state=state)
    assert show(state, *asked) == expected
    shutil.copytree(pages, tmp_path / "pages")
    with daemon(tmp_path) as running:
        address = f"http://127.0.0.1:{running.port}"
        assert show(f"{address}/", *asked) == expected
        assert show(tmp_path / "state.db", *asked) == expected
        for source in (address, tmp_path / "state.db"):
            assert show(source, *priced) == estimated
        day = ("--since", "2024-11-02", "--until", "2024-11-02", "--endpoint", "completions")
        assert show(address, *asked, *day) == show(pages, *asked, *day)
        assert running.stop() == 0
    assert show(tmp_path / "state.db", *asked) == expected
    report = ("--by", "project", "--format", "json")
    assert show(tmp_path / "state.db", *report) == show(pages, *report)


def test_a_daemon_wants_its_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token comes from a file, by an option or a variable, and is never shown."""
    token = tmp_path / "token"
    token.write_text("a-rather-long-token-of-its-own\n", "utf-8")
    token.chmod(0o600)
    shutil.copytree(FIXTURES, tmp_path / "pages")
    with daemon(tmp_path, http='token_file = "token"', wait=False) as running:
        running.until(lambda: running.ask("/readyz").status == 200, "readiness")
        address = f"http://127.0.0.1:{running.port}"
        _, errors = show(address, code=69)
        assert "it wants a token; give --token-file or USAGE_STREAM_TOKEN_FILE" in errors
        expected = show(FIXTURES)
        assert show(address, "--token-file", str(token)) == expected
        monkeypatch.setenv("USAGE_STREAM_TOKEN_FILE", str(token))
        assert show(address) == expected
        other = tmp_path / "other"
        other.write_text("another-token-that-is-wrong", "utf-8")
        _, errors = show(address, "--token-file", str(other), code=69)
        assert "another-token" not in errors


def test_csv_is_read_back(pages: Path) -> None:
    """A header, CRLF, UTF-8, quotes doubled; numbers are exact, and credits are numbers."""
    output, _ = show(pages, "--by", "project,model,line-item", "--format", "csv")
    rows = {(row["model"], row["line_item"], row["project_id"]): row for row in table_in(output)}
    assert rows["", "'+1", "p"]["billed_usd"] == "0.1234567890123456789"
    assert rows["", "'@SUM(A1)", "q"]["billed_usd"] == "-3.5"
    assert rows["", "unspecified", "q"]["billed_eur"] == "2"
    assert rows["'-1+1|cmd", "", "p"]["input_tokens"] == str(2**62)
    assert rows["ünï", "", "p"]["input_tokens"] == "5"
    (quoted,) = [model for model, _, _ in rows if model.startswith("say")]
    assert quoted.startswith('say "hi", twice\\nand again')
    assert {row["project_name"] for row in rows.values()} == {f"'{EVIL}", LONG}


def test_lines_end_as_the_rfc_has_it(pages: Path) -> None:
    """Records end with CRLF, and there is no other in them."""
    command = [sys.executable, "-m", "stream", "show", str(pages), "--format", "csv"]
    written = subprocess.run([*command, "--by", "model"], capture_output=True, check=True).stdout
    assert written.count(b"\r\n") == written.count(b"\n") == written.count(b"\r") == 6
    assert written.endswith(b"\r\n")
    assert written.startswith(b"model,input_tokens,num_model_requests,billed_")


def test_duckdb_reads_it_to_the_same_sums(tmp_path: Path, generated: Path) -> None:
    """A database that knows nothing of us reads the CSV to the sums that JSON has."""
    path = tmp_path / "figures.csv"
    asked = ("--by", "project,tier,model", "--per", "day")
    path.write_text(show(generated, *asked, "--format", "csv")[0], "utf-8", newline="")
    total = json.loads(show(generated, *asked, "--format", "json")[0])["total"]
    query = f"SELECT sum(input_tokens) FROM read_csv('{path}', header = true)"  # noqa: S608 -- the test's own file
    ((found,),) = duckdb.sql(query).fetchall()
    assert int(found) == total["input_tokens"]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\uff1d"])
def test_no_cell_is_a_formula(tmp_path: Path, first: str) -> None:
    """Whatever a project or a model is called, no cell begins as a formula does."""
    element = {"object": "organization.project", "id": "p", "name": f"{first}cmd"}
    made = put_all(
        tmp_path / "made",
        {
            "usage_completions.json": page(bucket(used(1, project_id="p", model=f"{first}1"))),
            "projects_list.json": listed(element),
        },
    )
    output, _ = show(made, "--by", "project,model", "--format", "csv")
    (row,) = table_in(output)
    for name in ("project_name", "model"):
        assert row[name][0] not in "=+-@\t\r\uff1d"
        assert row[name]


def test_json_is_exact(pages: Path) -> None:
    """Counts are numbers and money is text; what does not apply, or is not known, is null."""
    output, errors = show(pages, "--by", "project,model", "--per", "month", "--format", "json")
    found = json.loads(output)
    assert errors == ""
    assert found["total"]["billed"] == {"eur": "2", "usd": "-3.3765432109876543211"}
    assert found["total"]["input_tokens"] == 2**62 + 15
    assert found["by"] == ["project_id", "model"]
    assert (found["per"], found["since"], found["until"]) == ("month", None, None)
    assert [row["month"] for row in found["rows"]] == ["2024-11"] * len(found["rows"])
    costs = [row for row in found["rows"] if "billed" in row]
    assert {row["model"] for row in costs} == {None}
    assert "is not spread" in found["notes"][0]


def test_markdown_is_a_table(pages: Path) -> None:
    """Cells have no mark-up of their own, numbers stand right, and notes below."""
    output, _ = show(pages, "--by", "model", "--format", "markdown")
    lines = output.splitlines()
    assert lines[:2] == [
        "| model | tokens in | requests | billed usd | billed eur |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    assert "| -1+1\\|cmd | 4,611,686,018,427,387,904 | 0 |  |  |" in lines
    assert lines[-3:-1] == [
        "| total | 4,611,686,018,427,387,919 | 0 | -3.3765432109876543211 | 2 |",
        "",
    ]


def test_the_others_are_one_row(generated: Path) -> None:
    """Beyond the top there is one row, and all adds up; CSV says how many it leaves out."""
    output, _ = show(generated, "--by", "project", "--top", "3")
    lines = output.splitlines()
    assert len(lines) == 1 + 3 + 2
    assert lines[4].startswith("6 more, use --top ")
    columns = [line.split()[-1].replace(",", "") for line in lines[1:]]
    assert sum(map(Decimal, columns[:-1])) == Decimal(columns[-1])
    output, errors = show(generated, "--by", "project", "--top", "3", "--format", "csv")
    assert len(table_in(output)) == 3
    assert errors == "usage-stream: 6 more were left out by --top\n"


def on_terminal(width: int, *arguments: str) -> tuple[str, str]:
    """Run the command whose stdout is a terminal so wide; return what stands there, and stderr."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    bare: Mapping[str, str] = {name: one for name, one in os.environ.items() if name != "COLUMNS"}
    process = subprocess.Popen(
        [sys.executable, "-m", "stream", "show", *arguments],
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
        env={**bare, "TERM": "xterm"},
    )
    os.close(theirs)
    drawn = b""
    try:
        while piece := os.read(ours, 1 << 16):
            drawn += piece
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return re.sub(r"\x1b\[[0-9;]*m", "", drawn.decode().replace("\r\n", "\n")), errors


@pytest.mark.parametrize("width", [72, 80, 120])
def test_a_table_fits_its_terminal(width: int) -> None:
    """Lines are no longer than the terminal; texts are folded, and columns left out are named."""
    asked = (str(FIXTURES), "--by", "project,tier,model", "--top", "100")
    drawn, errors = on_terminal(width, *asked)
    assert max(map(len, drawn.splitlines())) <= width
    assert ("cached" in drawn) == (width == 120) == ("no room for cached" not in errors)
    for number in (" 11,837", " 2,304", " 21.22"):
        assert number in drawn.splitlines()[-1]


def test_no_number_loses_a_digit(pages: Path) -> None:
    """Where numbers alone are wider than the terminal, they are written all the same."""
    drawn, _ = on_terminal(50, str(pages), "--by", "project,model")
    for number in ("4,611,686,018,427,387,904", "-3.3765432109876543211"):
        assert number in drawn


def test_digits_stand_below_each_other(pages: Path) -> None:
    """Money has the same number of digits behind the point in a column."""
    drawn, _ = on_terminal(200, str(pages), "--by", "line-item", "--endpoint", "costs")
    lines = drawn.splitlines()
    places = [line.index(".") for line in lines if "." in line]
    assert len(places) == 3
    assert len(set(places)) == 1


def test_nothing_found_is_no_error(tmp_path: Path) -> None:
    """Where there is nothing, that is said, with exit code 0; a table of programs is empty."""
    assert show(FIXTURES, "--since", "2031") == ("", "usage-stream: nothing was found\n")
    output, errors = show(FIXTURES, "--project", "nobody", "--format", "csv")
    assert (output, errors) == ("project_id,project_name\n", "usage-stream: nothing was found\n")
    assert not list(tmp_path.iterdir())


def test_projects_are_chosen_by_id_or_name() -> None:
    """A project is meant by what it is called, too."""
    by_id = show(FIXTURES, "--project", "proj_alpha")
    assert show(FIXTURES, "--project", "Alpha") == by_id
    assert {row["project_id"] for row in rows_of(FIXTURES, "--project", "Alpha")} == {"proj_alpha"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--by", "user"], "'user' is none of endpoint, project, tier, model, line-item"),
        (["--by", "tier,tier"], "one is named twice"),
        (["--endpoint", "cost"], "'cost' is none of completions"),
        (["--since", "2026-13"], "--since: '2026-13' names no days"),
        (["--until", "2026-10-05T12:00Z"], "--until: '2026-10-05T12:00Z' names no days"),
        (["--since", "2026", "--until", "2025"], "--until is not after --since"),
        (["--top", "0"], "0 is not in the range"),
    ],
)
def test_wrong_options_are_named(arguments: list[str], said: str) -> None:
    """What cannot be meant is usage, exit code 2."""
    _, errors = show(FIXTURES, *arguments, code=2)
    assert said in errors


@pytest.mark.parametrize(
    "address", ["http://", "ftp://x", "http://me:secret@x:1", "http://x?token=1", "http://x:99999"]
)
def test_an_address_has_no_secret(address: str) -> None:
    """What is no address of a daemon is refused, and so is one that has a name or a token in it."""
    _, errors = show(address, code=2)
    assert "SOURCE: expected http://HOST:PORT or https://HOST:PORT" in errors
    assert "secret" not in errors


def test_what_cannot_be_read_is_named(tmp_path: Path, state: Path) -> None:
    """A source that is not there ends with 69, one that is damaged with 65, each in one line."""
    for source in (tmp_path / "none", "http://127.0.0.1:1"):
        _, errors = show(source, code=69)
        assert len(errors.splitlines()) == 1
    replay(FIXTURES, state=state)
    content = bytearray(state.read_bytes())
    content[len(content) // 2 :] = b"\xff" * (len(content) - len(content) // 2)
    state.write_bytes(content)
    _, errors = show(state, code=65)
    assert len(errors.splitlines()) == 1
    broken = put_all(tmp_path / "broken", {"usage_completions.json": page(bucket(used("x")))})
    assert len(show(broken, code=65)[1].splitlines()) == 1


def test_the_readme_shows_what_is_printed() -> None:
    """The example of the README is what the command prints."""
    section = README.partition("\n## Ask for figures\n")[2].partition("\n## ")[0]
    command, _, printed = section.partition("```console\n$ usage-stream ")[2].partition("\n")
    arguments = command.split()
    assert arguments[:2] == ["show", "fixtures"]
    output, _ = show(FIXTURES, *arguments[2:])
    assert printed.partition("```")[0] == output
