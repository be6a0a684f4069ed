#!/usr/bin/env python3
"""Write the dashboards' JSON; with ``--check`` only compare it, and exit 1 where it differs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from usage_dashboards.flink import NAMES as FLINK
from usage_dashboards.flink import flink
from usage_dashboards.health import NAMES as HEALTH
from usage_dashboards.health import health
from usage_dashboards.history import NAMES as HISTORY
from usage_dashboards.history import history
from usage_dashboards.overview import NAMES as OVERVIEW
from usage_dashboards.overview import overview

WRITTEN = Path(__file__).parent / "dashboards"


def generate() -> dict[str, str]:
    """Make each file's name and content."""
    return {
        f"{OVERVIEW.uid}.json": overview(),
        f"{HISTORY.uid}.json": history(),
        f"{HEALTH.uid}.json": health(),
        f"{FLINK.uid}.json": flink(),
    }


def differing(directory: Path, made: dict[str, str]) -> list[str]:
    """Name the files that are missing, that differ in any byte, or that no code makes."""
    there = {path.name: path.read_bytes() for path in directory.glob("*.json")}
    wanted = {name: content.encode() for name, content in made.items()}
    return sorted(name for name in there | wanted if there.get(name) != wanted.get(name))


def main() -> int:
    """Write or compare, and say what differs on stderr."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if any differs")
    parser.add_argument("--directory", type=Path, default=WRITTEN, help="default: %(default)s")
    chosen = parser.parse_args()
    made = generate()
    if chosen.check:
        different = differing(chosen.directory, made)
        sys.stderr.writelines(f"{name} is not what the code makes\n" for name in different)
        return 1 if different else 0
    chosen.directory.mkdir(parents=True, exist_ok=True)
    for name, content in made.items():
        (chosen.directory / name).write_bytes(content.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
