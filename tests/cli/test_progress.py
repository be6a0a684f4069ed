"""Progress is for people: on a terminal's stderr, and nowhere else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.places import FIXTURES
from tests.support.running import on_a_terminal


def test_a_terminal_sees_a_bar_and_stdout_only_the_summary(tmp_path: Path) -> None:
    """The bar is drawn on stderr when that is a terminal, and stdout stays JSON."""
    report = str(tmp_path / "report.json")
    output, drawn = on_a_terminal("replay", str(FIXTURES), "--report", report)
    assert "pages" in drawn
    assert json.loads(output)["relationshipIssues"] == []


def test_days_that_are_sent_are_counted_on_a_terminal(database: str) -> None:
    """An export into PostgreSQL shows on stderr how many days it has sent."""
    assert database
    output, drawn = on_a_terminal("export", "postgres", str(FIXTURES))
    assert "days sent" in drawn
    assert json.loads(output)["insertedRows"]


def test_without_a_terminal_stderr_is_silent(tmp_path: Path) -> None:
    """Nothing is written to a stderr that no person looks at."""
    command = [sys.executable, "-m", "stream", "replay", str(FIXTURES)]
    done = subprocess.run(
        [*command, "--report", str(tmp_path / "report.json")], capture_output=True, check=True
    )
    assert done.stderr == b""
