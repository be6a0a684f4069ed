"""Memory's limit and the room on disks, as the kernel says them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from stream.daemon.config import PollSettings, Settings
from stream.daemon.machine import find_memory_limit, measure_disks
from tests.support.daemons import daemon

MIB = 1 << 20
HALF = "536870912\n"
HUGE = "9223372036854771712\n"


def write_kernel(place: Path, membership: str, files: dict[str, str]) -> tuple[Path, Path]:
    """Make up what the kernel says: ``/proc`` of a machine with 4 GiB, and its control groups."""
    proc, groups = place / "proc", place / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text(membership, "utf-8")
    (proc / "meminfo").write_text("MemFree: 1 kB\nMemTotal:   4194304 kB\n", "utf-8")
    for name, text in files.items():
        path = groups / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return proc, groups


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"memory.max": HALF}, 512 * MIB),
        ("0::/system.slice/x.service\n", {"system.slice/x.service/memory.max": HALF}, 512 * MIB),
        ("0::/a/b\n", {"a/memory.max": HALF, "a/b/memory.max": "max\n"}, 512 * MIB),
        ("0::/a/b\n", {"a/memory.max": "max\n", "a/b/memory.max": "max\n"}, 4096 * MIB),
        ("0::/../..\n", {"memory.max": HALF}, 512 * MIB),
        ("4:memory:/a\n0::/\n", {"memory/a/memory.limit_in_bytes": HALF}, 512 * MIB),
        ("4:cpu,memory:/gone\n", {"memory/memory.limit_in_bytes": HALF}, 512 * MIB),
        ("4:memory:/a\n", {"memory/a/memory.limit_in_bytes": HUGE}, 4096 * MIB),
        ("3:cpu:/a\n", {"memory/a/memory.limit_in_bytes": HALF}, 4096 * MIB),
        ("", {}, 4096 * MIB),
    ],
)
def test_the_least_limit_holds(
    membership: str, files: dict[str, str], expected: int, tmp_path: Path
) -> None:
    """Of a group, those above it, and the machine the smallest counts, in either version."""
    assert find_memory_limit(*write_kernel(tmp_path, membership, files)) == expected


def test_where_nobody_says_there_is_no_limit(tmp_path: Path) -> None:
    """Without /proc there is none."""
    assert find_memory_limit(tmp_path / "proc", tmp_path / "cgroup") is None


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
