"""Budgets of memory are measured, and reports that differ are no measurement."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import budgets
from tests.bench.agreement import Disagreement
from tests.bench.lineup import REPORT
from tests.bench.running import Run, measured
from tests.bench.workloads import Dataset, dataset

# How long programs take, and how much memory, is theirs without a tracer.
pytestmark = pytest.mark.no_cover

FEW = ["--rows", "3000", "--budgets", "4MB,1GB"]


def test_each_budget_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is a line of the table, and below it stands what they all wrote."""
    budgets.main([*FEW, "--cache", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("| ")] == [
        "`--memory`",
        "4MB",
        "1GB",
    ]
    assert lines[-1].startswith("All wrote the same report, byte for byte (SHA-256 ")


def test_reports_that_differ_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has a byte more with one of the budgets ends the measurement."""

    def change(command: list[str]) -> Run:
        run = measured(command)
        if "1GB" in command:
            report = Path(command[command.index("--report") + 1])
            assert report.name == REPORT
            report.write_bytes(report.read_bytes() + b"\n")
        return run

    monkeypatch.setattr(budgets, "measured", change)
    with pytest.raises(SystemExit, match=r"reports differ by budget.*nothing that was measured"):
        budgets.main([*FEW, "--cache", str(tmp_path)])


def test_what_is_beside_the_budget_is_judged() -> None:
    """Peak RSS may be a fixed amount above what windows may take."""
    data = Dataset(budgets.LARGE, (), Path(), Path(), rows=3_000_000, size=200_000_000)
    mib = (1 << 20) / 1e6
    found = [
        budgets.BudgetRuns("4MB", [Run(20.0, 21.0, 64 / mib)], "ab" * 32),
        budgets.BudgetRuns("1GB", [Run(9.0, 9.5, 1100 / mib)], "ab" * 32),
    ]
    written = budgets.table(data, found)
    assert "| 4MB | 20.00 | 21.00 | 64 | 60 | ≤ 60: met |" in written
    assert "| 1GB | 9.00 | 9.50 | 1100 | 100 | ≤ 60: missed |" in written


def test_a_budget_with_two_reports_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounds with one budget have to write the same, too."""
    turns = iter(range(2))

    def change(command: list[str]) -> Run:
        run = measured(command)
        report = Path(command[command.index("--report") + 1])
        report.write_bytes(report.read_bytes() + b"\n" * next(turns))
        return run

    monkeypatch.setattr(budgets, "measured", change)
    data = dataset(budgets.LARGE, 3000, cache=tmp_path)
    with pytest.raises(Disagreement, match="4MB wrote two reports"):
        budgets.measure_budgets(data, ["4MB"], 2)
