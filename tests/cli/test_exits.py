"""Ends that no page causes: outputs that cannot be written, and a bug."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.bad_pages import GOOD, ONE
from tests.support.pages import page, put, put_all
from tests.support.running import PLAIN, run


@pytest.mark.parametrize("option", ["--metrics", "--notes"])
def test_what_cannot_be_written_is_69(option: str, tmp_path: Path) -> None:
    """Metrics or notes that cannot be written end the command with 69, and are named."""
    put(tmp_path, "file", "")
    pages = put_all(tmp_path / "pages", {ONE: page(GOOD)})
    report = str(tmp_path / "report.json")
    place = str(tmp_path / "file" / "below")
    code, output, errors = run(["replay", str(pages), "--report", report, option, place])
    assert (code, output) == (69, "")
    (line,) = errors.splitlines()
    assert place in line


def test_a_full_standard_output_is_69(tmp_path: Path) -> None:
    """A summary that cannot be printed ends the command with 69 and one line on stderr."""
    pages = put_all(tmp_path / "pages", {ONE: page(GOOD)})
    command = [sys.executable, "-m", "stream", "replay", str(pages)]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            command,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            check=False,
            env=PLAIN,
        )
    assert done.returncode == 69
    assert len(done.stderr.splitlines()) == 1


def test_a_bug_is_70(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody foresaw ends the command with 70 and one masked line, no traceback."""

    def broken(_: Path) -> None:
        raise RuntimeError("nobody foresaw\nsk-abcdefgh12345678")

    monkeypatch.setattr("stream.cli.replay.prepare_file", broken)
    code, output, errors = run(["replay", str(tmp_path)])
    assert (code, output, len(errors.splitlines())) == (70, "", 1)
    assert "sk-" not in errors
