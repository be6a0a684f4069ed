"""Replays of captures that were drawn, and how many of them, with how much memory."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.support.capture_strategies import Sent, put_files
from tests.support.comparing import Json
from tests.support.running import Replayed, replay

FEW = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
BUDGETS = st.sampled_from(["1B", "3kB", "6kB", "12kB", "10MB"])
"""Room for no window, for one or two, for a few, and for all of them."""


def replayed(files: dict[str, list[Sent]], **options: object) -> Replayed:
    """Replay captures."""
    with TemporaryDirectory() as name:
        found = replay(put_files(Path(name), files), **options)
    assert found.report is not None, found.errors
    assert found.code == bool(found.report["relationshipIssues"]), found.errors
    return found


def report_of(files: dict[str, list[Sent]], **options: object) -> Json:
    """Replay captures into a report."""
    report = replayed(files, **options).report
    assert report is not None
    return report
