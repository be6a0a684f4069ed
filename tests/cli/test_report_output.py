"""``--report -``: the report on standard output, whole, or nothing of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.bad_pages import GOOD, ONE
from tests.support.engines import Engine
from tests.support.envelopes import line, put_capture
from tests.support.pages import bucket, page, put_all, used
from tests.support.places import FIXTURES, ROOT
from tests.support.running import NOW, PLAIN, replay, run

COMMAND = (sys.executable, "-m", "stream", "replay")
HERE = {**PLAIN, "PYTHONPATH": str(ROOT)}
TO_STDOUT = ("--report", "-", "--now", NOW)


@pytest.mark.parametrize("more", [[], ["--workers", "2"]], ids=["alone", "shared"])
def test_a_report_goes_to_stdout(more: list[str], tmp_path: Path) -> None:
    """The same bytes as in a file, and nothing else: no summary, and no file."""
    done = subprocess.run(
        [*COMMAND, str(FIXTURES), *TO_STDOUT, *more],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env=HERE,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == replay(FIXTURES).raw
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_hold_is_said_by_the_code(tmp_path: Path) -> None:
    """A report that names something goes out whole, with 1."""
    pages = put_all(tmp_path, {ONE: page(GOOD), "left.json": {"what": 1}})
    code, output, _ = run(["replay", str(pages), *TO_STDOUT])
    assert (code, output.encode()) == (1, replay(pages).raw)


def test_bad_input_writes_nothing(tmp_path: Path) -> None:
    """Where there is no report, nothing is on standard output."""
    pages = put_all(tmp_path, {ONE: page(bucket(used(-1)))})
    code, output, errors = run(["replay", str(pages), *TO_STDOUT])
    assert (code, output, len(errors.splitlines())) == (65, "", 1)


def test_notes_do_without_a_file(tmp_path: Path) -> None:
    """A run whose report goes to stdout leaves its trace for reviewers, without a path."""
    pages = put_all(tmp_path / "pages", {ONE: page(GOOD)})
    notes = tmp_path / "notes.md"
    code, output, _ = run(["replay", str(pages), *TO_STDOUT, "--notes", str(notes)])
    assert (code, output.encode()) == (0, replay(pages, "--sha256").raw)
    assert '"reportPath": null' in notes.read_text("utf-8")


@pytest.mark.parametrize(("where", "code"), [(">/dev/full", 69), (">&-", 69), ("| head -c 9", 0)])
def test_stdout_that_cannot_be_written(where: str, code: int, tmp_path: Path) -> None:
    """Full or closed it is 69 and one line; a reader who goes away has read enough."""
    put_all(tmp_path / "pages", {ONE: page(GOOD)})
    script = f'set -o pipefail; "$0" -m stream replay pages --report - {where}'
    done = subprocess.run(
        ["bash", "-c", script, sys.executable],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        env=HERE,
    )
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == int(bool(code))


def test_an_engines_report_goes_to_stdout(tmp_path: Path) -> None:
    """The report of a job on Flink does too."""
    (tmp_path / "in").mkdir()
    put_capture(tmp_path / "in" / "a.ndjson", [line(page(GOOD))])
    engine = Engine(tmp_path / "out")
    engine.take(tmp_path / "in")
    engine.end()
    places = [str(tmp_path / "in"), str(tmp_path / "out")]
    code, output, _ = run(["flink", "report", *places, *TO_STDOUT])
    assert (code, output.encode()) == (0, replay(tmp_path / "in").raw)
