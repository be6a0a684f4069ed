"""Memory's limit and the room on disks, as a scrape has them."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec.structs import replace

from stream.daemon.config import PollSettings, Settings
from stream.daemon.machine import measure_disks
from stream.state.machine import find_memory_limit
from tests.support.daemons import daemon


def test_disks_are_found_before_their_directories(tmp_path: Path) -> None:
    """Each place that is written to has the room of the disk where it is, or will be."""
    settings = Settings(
        state=tmp_path / "state.db",
        report=tmp_path / "deep" / "down" / "report.json",
        dead_letters=tmp_path / "dead",
        poll=(PollSettings(since="2026-10-01", evidence=tmp_path / "evidence"),),
    )
    disk = os.statvfs(tmp_path)
    found = measure_disks(settings)
    assert [*found] == ["state", "report", "dead_letters", "evidence"]
    assert {one.size for one in found.values()} == {disk.f_blocks * disk.f_frsize}
    assert all(0 <= one.free <= one.size for one in found.values())
    assert "evidence" not in measure_disks(replace(settings, poll=()))


def test_a_scrape_has_them(tmp_path: Path) -> None:
    """Prometheus sees the limit and the disks of the daemon that runs."""
    with daemon(tmp_path) as found:
        found.until(lambda: found.value("usage_stream_disk_size_bytes", use="state") > 0, "disks")
        assert found.value("usage_stream_memory_limit_bytes") == find_memory_limit()
        uses = {dict(one)["use"] for one in found.metrics()["usage_stream_disk_free_bytes"]}
        assert uses == {"state", "report", "dead_letters"}
        assert found.stop() == 0
