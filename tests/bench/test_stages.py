"""Where time goes is told stage by stage; how much it is is not judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import stages
from tests.bench.staged_replay import REST, STAGES

# How long programs take, and how much memory, is theirs without a tracer.
pytestmark = pytest.mark.no_cover


def test_every_stage_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is a line, and each workload a column; a stage that is not reached is not one."""
    names = "small-pages,re-poll"
    asked = ["--workload", names, "--rows", "2000", "--runs", "1", "--cache", str(tmp_path)]
    stages.main(asked)
    lines = capsys.readouterr().out.splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    assert rows[0] == ["CPU s", *names.split(",")]
    told = {row[0] for row in rows[1:]}
    assert {stage for *_, stage in STAGES} | {"msgspec", REST} <= told
    assert all(float(cell) >= 0 for row in rows[1:] for cell in row[1:])
