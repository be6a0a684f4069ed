"""Progress is for people: on a terminal's stderr, and nowhere else."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

FIXTURES = Path(__file__).parent.parent / "fixtures"


def test_a_terminal_sees_a_bar_and_stdout_only_the_summary(tmp_path: Path) -> None:
    """The bar is drawn on stderr when that is a terminal, and stdout stays JSON."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "stream", "replay", str(FIXTURES)]
    done = subprocess.run(
        [*command, "--report", str(tmp_path / "report.json")],
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    drawn = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert "pages" in drawn
    assert json.loads(done.stdout)["relationshipIssues"] == []


def test_without_a_terminal_stderr_is_silent(tmp_path: Path) -> None:
    """Nothing is written to a stderr that no person looks at."""
    command = [sys.executable, "-m", "stream", "replay", str(FIXTURES)]
    done = subprocess.run(
        [*command, "--report", str(tmp_path / "report.json")], capture_output=True, check=True
    )
    assert done.stderr == b""
