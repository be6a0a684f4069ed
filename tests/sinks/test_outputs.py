"""Outputs never cost an input, a device, or each other; streams that are gone end in a code."""

from __future__ import annotations

import errno
import io
import os
import re
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from stream.cli.streams import guard_stream
from tests.support.bad_pages import GOOD, ONE
from tests.support.pages import page, put_all
from tests.support.places import ROOT
from tests.support.running import PLAIN, run

PAGE = page(GOOD)


@pytest.mark.parametrize("option", ["--report", "--html", "--notes", "--metrics"])
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


@pytest.mark.parametrize(
    "export",
    [
        ["csv"],
        ["focus", "--focus-version", "1.2", "--billing-account", "org-a"],
        ["html"],
        ["openmetrics"],
        ["parquet"],
    ],
    ids=lambda one: one[0],
)
def test_no_export_takes_the_place_of_its_source(export: list[str], tmp_path: Path) -> None:
    """A state file, its log and a page that is read are not written over by what is made of it."""
    pages = put_all(tmp_path / "pages", {ONE: PAGE})
    state = tmp_path / "state.db"
    report = ["--report", str(tmp_path / "report.json")]
    assert run(["replay", str(pages), *report, "--state", str(state)])[0] == 0
    log = state.with_name("state.db-wal")
    log.write_bytes(b"")
    for source, out in ((state, state), (state, log), (pages, pages / ONE)):
        before = out.read_bytes()
        name, *options = export
        code, _, errors = run(["export", name, str(source), *options, "--out", str(out)])
        assert (code, out.read_bytes()) == (2, before)
        assert out.name in errors


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


def redirected(
    arguments: str, redirect: str, place: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command by a shell, its streams redirected, with no PYTHON* but those given."""
    command = f"{shlex.quote(sys.executable)} -m stream {arguments}"
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} {redirect}"],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        env={**PLAIN, **variables},
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Make a directory with pages: good ones, bad ones, and good ones beside a stray file."""
    put_all(tmp_path / "good", {ONE: PAGE})
    put_all(tmp_path / "bad", {ONE: "{"})
    put_all(tmp_path / "stray", {ONE: PAGE, "stray.json": "{}"})
    return tmp_path


@pytest.mark.parametrize("redirect", ["2>/dev/full", "2>&-", "2>&1 | head -0"])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("replay good", 0),
        ("replay good --workers 2", 0),
        ("replay stray", 1),
        ("verify good", 65),
        ("replay bad", 65),
        ("replay missing", 69),
        ("replay", 2),
        ("check-config --config missing.toml", 78),
        ("daemon --config missing.toml", 78),
    ],
)
def test_a_standard_error_that_is_gone_changes_no_code(
    arguments: str, redirect: str, code: int, place: Path
) -> None:
    """Where nobody can read what is said, the exit code is the one of what happened."""
    done = redirected(arguments, redirect, place)
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize("redirect", [">/dev/full", ">&-"])
@pytest.mark.parametrize(
    "arguments", ["replay good", "replay good --workers 2", "--help", "replay --help", "--version"]
)
def test_a_standard_output_that_is_gone_is_69(arguments: str, redirect: str, place: Path) -> None:
    """What cannot be printed ends in 69 and one line, whatever was to be printed."""
    done = redirected(arguments, redirect, place)
    assert done.returncode == 69
    (line,) = done.stderr.splitlines()
    assert line.startswith("usage-stream: standard output cannot be written (")


@pytest.mark.parametrize("arguments", ["replay good", "--help", "replay --help", "--version"])
def test_a_reader_that_has_gone_is_no_failure(arguments: str, place: Path) -> None:
    """A pipe that nobody reads from any more ends in 0, in silence."""
    done = redirected(arguments, "| head -0", place)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("redirect", "code"), [(">/dev/full", 69), (">&-", 69), ("| head -0", 0)])
def test_a_completion_script_that_cannot_be_written(redirect: str, code: int, place: Path) -> None:
    """The script for a shell is printed as all else is: 69 where that cannot be done."""
    done = redirected("", redirect, place, _USAGE_STREAM_COMPLETE="bash_source")
    assert (done.returncode, len(done.stderr.splitlines())) == (code, int(code > 0))


@pytest.mark.parametrize(("redirect", "code"), [(">/dev/full", 69), ("2>/dev/full", 1)])
def test_unbuffered_streams_may_be_gone(redirect: str, code: int, place: Path) -> None:
    """Where Python is told to buffer nothing, as in many images, the codes are the same."""
    assert redirected("replay stray", redirect, place, PYTHONUNBUFFERED="1").returncode == code


def test_a_pipe_that_does_not_wait_is_69() -> None:
    """A full pipe that somebody made non-blocking ends the command with 69 and one line."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while os.write(writer, bytes(1024)):
            pass
    command = [sys.executable, "-m", "stream", "--help"]
    done = subprocess.run(
        command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False, env=PLAIN
    )
    os.close(reader)
    os.close(writer)
    assert (done.returncode, len(done.stderr.splitlines())) == (69, 1)


class Disk(io.RawIOBase):
    """Takes what is written while it is not full."""

    def __init__(self) -> None:
        self.full = True
        self.taken = b""

    def writable(self) -> bool:
        """Say that it can be written."""
        return True

    def write(self, data: Any) -> int:
        """Take bytes, if there is room."""
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.taken += bytes(data)
        return len(data)


def test_a_log_goes_on_when_there_is_room_again() -> None:
    """Lines are lost while stderr is full, and those after that are written."""
    disk = Disk()
    stream = io.TextIOWrapper(io.BufferedWriter(disk), line_buffering=True)
    errors = guard_stream(stream, vital=False)
    print("lost", file=errors)
    disk.full = False
    print("kept", file=errors)
    assert disk.taken == b"kept\n"


def test_both_streams_may_be_gone(place: Path) -> None:
    """With neither stream to write to the code alone tells, and the report is there."""
    assert redirected("replay good", ">/dev/full 2>&1", place).returncode == 69
    assert (place / "out" / "admin_ingestion_report.json").exists()
    assert redirected("replay good", ">&- 2>&-", place).returncode == 69


def test_continuous_integration_tests_in_a_clean_environment() -> None:
    """What the shell of ``.ci/run`` has set reaches its tests only where they need it."""
    text = (ROOT / ".ci" / "run").read_text("utf-8")
    assert re.search(r"(?m)^USAGE_STREAM_NO_SKIPS=1 .* clean make test$", text)
    function = re.search(r"(?ms)^clean\(\) \{.*?^\}$", text)
    assert function is not None
    given = {"PATH": os.environ["PATH"], "CI": "true", "PIP_INDEX_URL": "x y"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{function[0]}\nclean env"],
        env={**given, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert dict(line.split("=", 1) for line in done.stdout.splitlines()) == given
