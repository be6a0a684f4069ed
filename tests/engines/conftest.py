"""What tests of workers look at."""

from __future__ import annotations

import pytest

from stream.engines.workers import pool
from stream.engines.workers.worker import Task


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[Task]:
    """Note what workers are started for."""
    found: list[Task] = []
    start = pool.Pool.start_worker

    def note(one: pool.Pool, task: Task) -> None:
        found.append(task)
        start(one, task)

    monkeypatch.setattr(pool.Pool, "start_worker", note)
    return found
