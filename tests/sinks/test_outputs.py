"""Outputs never cost an input, a device, or each other; streams that are gone end in a code."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.bad_pages import GOOD, ONE
from tests.support.pages import page, put_all
from tests.support.running import run

PAGE = page(GOOD)


@pytest.mark.parametrize("option", ["--report", "--notes", "--metrics"])
@pytest.mark.parametrize("name", [ONE, "expectations.json", "costs_fixture.json"])
def test_no_output_takes_the_place_of_an_input(option: str, name: str, tmp_path: Path) -> None:
    """A file that the directory is read for is refused as an output, even one not yet there."""
    pages = put_all(tmp_path / "pages", {ONE: PAGE})
    before = {path.name: path.read_bytes() for path in pages.iterdir()}
    report = ["--report", str(tmp_path / "report.json")]
    code, _, errors = run(["replay", str(pages), *report, option, str(pages / name)])
    assert code == 2
    assert name in errors
    assert {path.name: path.read_bytes() for path in pages.iterdir()} == before


def test_two_outputs_need_two_files(tmp_path: Path) -> None:
    """One file for the report and for the dead letters would lose one of them."""
    pages = put_all(tmp_path / "pages", {ONE: PAGE})
    dead = str(tmp_path / "dead")
    report = f"{dead}/dead_letters.ndjson"
    options = ["--on-error", "dead-letter", "--dead-letters", dead, "--report", report]
    assert run(["replay", str(pages), *options])[0] == 2


def test_a_pipe_is_no_place_for_a_report(tmp_path: Path) -> None:
    """What is no regular file is left as it is, and the command ends with 69."""
    pages = put_all(tmp_path / "pages", {ONE: PAGE})
    os.mkfifo(tmp_path / "pipe")
    code, _, errors = run(["replay", str(pages), "--report", str(tmp_path / "pipe")])
    assert (code, len(errors.splitlines())) == (69, 1)
    assert (tmp_path / "pipe").is_fifo()


def test_a_link_to_a_report_stays_a_link(tmp_path: Path) -> None:
    """A symbolic link at the report's place is followed, and what it points to is replaced."""
    pages = put_all(tmp_path / "pages", {ONE: PAGE})
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    assert run(["replay", str(pages), "--report", str(tmp_path / "link.json")])[0] == 0
    assert (tmp_path / "link.json").is_symlink()
    assert b'"usageSummary"' in (tmp_path / "real.json").read_bytes()


@pytest.mark.parametrize("name", ["x" * 300, "loop"])
def test_an_impossible_name_is_69(name: str, tmp_path: Path) -> None:
    """A report whose name cannot be used is named in one line that speaks of it."""
    pages = put_all(tmp_path / "pages", {ONE: PAGE})
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    code, _, errors = run(["replay", str(pages), "--report", str(tmp_path / name)])
    assert code == 69
    assert "standard output" not in errors


@pytest.mark.parametrize(
    ("directory", "redirect", "code"),
    [
        ("pages", "2>&-", 0),
        ("pages", ">&-", 69),
        ("pages", "| head -0", 0),
        ("missing", "2>/dev/full", 69),
    ],
)
def test_streams_that_are_gone_end_in_a_code(
    directory: str, redirect: str, code: int, tmp_path: Path
) -> None:
    """A closed stderr changes nothing, a closed stdout is 69, a reader that left is no failure."""
    put_all(tmp_path / "pages", {ONE: PAGE})
    script = (
        f"set -o pipefail; {shlex.quote(sys.executable)} -m stream replay {directory} {redirect}"
    )
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == code, done.stderr
    assert (tmp_path / "out" / "admin_ingestion_report.json").exists() == (directory == "pages")
