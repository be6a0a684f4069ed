"""One cluster for all tests that leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flink.cluster import Cluster, cluster, environment


@pytest.fixture(scope="session")
def flink() -> Path:
    """Return the environment that has Flink; without one the test is skipped."""
    found = environment()
    if found is None:
        pytest.skip("needs the environment of make flink, or one that USAGE_STREAM_FLINK names")
    return found


@pytest.fixture(scope="session")
def shared(flink: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Run a cluster that no test does harm to."""
    with cluster(tmp_path_factory.mktemp("flink"), flink) as found:
        yield found
