"""The limit of memory, as the kernel says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream.state.machine import find_memory_limit

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
