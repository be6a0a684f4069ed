"""A short soak: a daemon that asks an account with faults holds no more at its end than before."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.days_passing import pass_days
from tests.support.soaking import Reading, find_growth, soak_account

SECONDS = 8.0
DAYS, KEPT = 45, 20
MOST = {"rss": 1.25, "descriptors": 1.1, "threads": 1.1}
"""`make soak` runs for longer, and allows a tenth of each."""

pytestmark = pytest.mark.no_cover


def test_an_account_with_faults_is_asked_without_growth(tmp_path: Path) -> None:
    """Memory, descriptors and threads stay; afterwards everything is whole, and it drains."""
    readings, code = soak_account(tmp_path, SECONDS)
    assert find_growth(readings, MOST) == []
    assert code == 0


def test_days_that_pass_leave_nothing_in_memory(tmp_path: Path) -> None:
    """Windows, captures and days come and go; what was there after some days is all there is."""
    readings, code = pass_days(tmp_path, DAYS, rows=100, retention=f"{KEPT}d", kept=KEPT)
    assert find_growth(readings, {"rss": 1.1, "descriptors": 1.1, "threads": 1.1}) == []
    assert code == 0


def test_growth_is_found() -> None:
    """What is more in the last quarter than it may be is named, and nothing else."""
    readings = [Reading(100.0, 10, 5, 0.0)] * 6 + [Reading(105.0, 16, 9, 1.0)] * 2
    assert find_growth(readings) == ["descriptors"]
    assert find_growth(readings, {"rss": 1.01, "threads": 1.0}) == ["rss"]
