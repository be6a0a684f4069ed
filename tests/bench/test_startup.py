"""What a start takes is measured of programs that do what they say; how long is not judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import startup
from tests.bench.lineup import REPORT
from tests.bench.running import Run, measured
from tests.bench.workloads import dataset

# How long programs take, and how much memory, is theirs without a tracer.
pytestmark = pytest.mark.no_cover


def test_a_start_ends_with_the_first_page(tmp_path: Path) -> None:
    """The replay ends well once a page is taken in, and before there is a report."""
    data = dataset(startup.ONE_PAGE, 20, cache=tmp_path)
    assert [path.name for path in data.pages.glob("*fixture*")] == [
        "usage_completions_fixture.json"
    ]
    measured(startup.until_first_page(data, tmp_path))
    assert not (tmp_path / REPORT).exists()


def test_starts_are_measured_in_turn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each program is a line of the table."""
    startup.main(["--runs", "1", "--cache", str(tmp_path)])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0][2:] for line in lines[1:]] == list(startup.PROGRAMS)


def test_the_first_page_has_an_aim() -> None:
    """It is of the CPU time of a replay until then."""
    rounds = {
        startup.FIRST_PAGE: [Run(0.1, 0.2, 30.0), Run(0.102, 0.2, 30.0)],
        "python, nothing": [Run(0.01, 0.02, 10.0)],
    }
    assert startup.table(rounds).splitlines()[2:] == [
        f"| {startup.FIRST_PAGE} | 101 (100–102) | 200 (200–200) | CPU ≤ 105 ms: met |",
        "| python, nothing | 10 (10–10) | 20 (20–20) |  |",
    ]
