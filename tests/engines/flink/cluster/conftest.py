"""One cluster for all tests; each finds it whole and without jobs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engines.flink.cluster.cluster import Cluster, cluster, environment


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start a cluster; without an environment that has Flink the test is skipped."""
    flink = environment()
    if flink is None:
        pytest.skip("needs the environment of make flink, or one that USAGE_STREAM_FLINK names")
    with cluster(tmp_path_factory.mktemp("flink"), flink) as found:
        yield found


@pytest.fixture
def flink(started: Cluster) -> Cluster:
    """Mend what the test before has done to the cluster."""
    started.mend()
    return started
